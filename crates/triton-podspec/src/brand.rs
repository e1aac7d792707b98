//! Which kind of isolation the instance gets, and whether image and package can agree on it.

use triton_cloudapi::images::Image;
use triton_cloudapi::instances::Brand;

use crate::annotations::{self, Annotation};
use crate::diagnostic::{Findings, quote};
use crate::inputs::Inputs;
use crate::rules;

/// What image and annotation demand (sdc-cloudapi's order: request, then image, then package, then the image's kind).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// Exactly this brand.
    Brand(Brand),
    /// bhyve or kvm, whichever the package or the datacenter says.
    HardwareVirtualMachine,
    /// joyent or joyent-minimal.
    Zone,
    /// The image does not say.
    Any,
}

/// What CreateMachine's `brand` shall be, and what the package must agree with.
pub(crate) fn brand(
    inputs: &Inputs<'_>,
    image: Option<&Image>,
    findings: &mut Findings,
) -> (Option<Brand>, Isolation) {
    let of_image = image.map_or(Isolation::Any, Isolation::of);
    let Some(Annotation { path, value }) = annotations::find(inputs.pod, annotations::BRAND) else {
        return (None, of_image);
    };
    let wanted = Brand::from(value.trim());
    if !of_image.allows(&wanted) {
        findings.add(
            &rules::UNKNOWN_BRAND,
            path,
            format!(
                "the image runs under {of_image}, not under {}; remove the annotation",
                quote(value)
            ),
        );
        return (None, of_image);
    }
    match wanted {
        Brand::Bhyve | Brand::Kvm => (Some(wanted.clone()), Isolation::Brand(wanted)),
        Brand::Other(other) => {
            findings.add(
                &rules::UNKNOWN_BRAND,
                path,
                format!("{} is no brand; bhyve and kvm can be asked for", quote(&other)),
            );
            (None, of_image)
        }
        // CloudAPI refuses these in a request; the image brings them about by itself.
        Brand::Lx | Brand::Joyent | Brand::JoyentMinimal => (None, Isolation::Brand(wanted)),
        _ => (None, of_image),
    }
}

// === impl Isolation ===

impl Isolation {
    fn of(image: &Image) -> Self {
        if let Some(brand) = image.requirements.brand.as_deref().filter(|brand| !brand.is_empty()) {
            return Self::Brand(Brand::from(brand));
        }
        match image.kind.as_str() {
            "zvol" => Self::HardwareVirtualMachine,
            "lx-dataset" => Self::Brand(Brand::Lx),
            "zone-dataset" => Self::Zone,
            _ => Self::Any,
        }
    }

    /// Whether an instance of this kind can have that brand.
    pub(crate) fn allows(&self, brand: &Brand) -> bool {
        match self {
            Self::Brand(only) => only == brand,
            Self::HardwareVirtualMachine => matches!(brand, Brand::Bhyve | Brand::Kvm),
            Self::Zone => matches!(brand, Brand::Joyent | Brand::JoyentMinimal),
            Self::Any => true,
        }
    }

    /// Whether the instance surely has virtual CPUs, so that a package without a number of them cannot serve it.
    pub(crate) fn has_virtual_cpus(&self) -> bool {
        matches!(self, Self::HardwareVirtualMachine | Self::Brand(Brand::Bhyve | Brand::Kvm))
    }
}

impl std::fmt::Display for Isolation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Brand(brand) => brand.fmt(f),
            Self::HardwareVirtualMachine => f.write_str("bhyve or kvm"),
            Self::Zone => f.write_str("joyent or joyent-minimal"),
            Self::Any => f.write_str("any brand"),
        }
    }
}
