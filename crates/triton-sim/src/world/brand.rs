//! Brands, and which of them a request, an image and a package agree on.

use serde::{Deserialize, Serialize};

use super::{Image, ImageType, Package};
use crate::refusal::Refusal;

/// The kind of isolation an instance has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Brand {
    Bhyve,
    Joyent,
    JoyentMinimal,
    Kvm,
    Lx,
}

/// What a zvol image becomes when nothing says otherwise; an operator's setting in a real datacenter.
const DEFAULT_HVM_BRAND: Brand = Brand::Kvm;

// === impl Brand ===

impl Brand {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Bhyve => "bhyve",
            Self::Joyent => "joyent",
            Self::JoyentMinimal => "joyent-minimal",
            Self::Kvm => "kvm",
            Self::Lx => "lx",
        }
    }

    /// Hardware virtual machines, as opposed to containers.
    pub(crate) fn is_hvm(self) -> bool {
        matches!(self, Self::Bhyve | Self::Kvm)
    }

    /// The deprecated `type` field.
    pub(crate) fn old_type(self) -> &'static str {
        if self.is_hvm() { "virtualmachine" } else { "smartmachine" }
    }

    /// Only these may be asked for in CreateMachine.
    pub(crate) fn requested(name: &str) -> Result<Self, Refusal> {
        match name {
            "bhyve" => Ok(Self::Bhyve),
            "kvm" => Ok(Self::Kvm),
            other => Err(Refusal::invalid_argument(format!(
                "brand must be one of bhyve, kvm, not {other}"
            ))),
        }
    }
}

/// The brand of a new instance: the request's, else the image's, else the package's, else the image type's default.
///
/// # Errors
/// 409 InvalidArgument when those that speak disagree, or when the brand cannot run this type of image.
pub(crate) fn effective_brand(
    requested: Option<Brand>,
    image: &Image,
    package: &Package,
) -> Result<Brand, Refusal> {
    let voices = [requested, image.brand, package.brand];
    let brand = voices.into_iter().flatten().next().unwrap_or(match image.image_type {
        ImageType::Zvol => DEFAULT_HVM_BRAND,
        ImageType::LxDataset => Brand::Lx,
        ImageType::ZoneDataset => Brand::Joyent,
    });
    if voices.into_iter().flatten().any(|voice| voice != brand) {
        let names = voices.map(|voice| voice.map_or("any", Brand::as_str));
        return Err(Refusal::invalid_argument(format!(
            "brand mismatch: request {}, image {}, package {}",
            names[0], names[1], names[2]
        )));
    }
    let (is_zvol, is_lx) =
        (image.image_type == ImageType::Zvol, image.image_type == ImageType::LxDataset);
    if brand.is_hvm() != is_zvol || (is_lx && brand != Brand::Lx) {
        return Err(Refusal::invalid_argument(format!(
            "brand {} cannot run image type {}",
            brand.as_str(),
            image.image_type.as_str()
        )));
    }
    if brand == Brand::Lx && !is_lx {
        // CloudAPI lets it through, and VMAPI looks at it.
        return Err(Refusal::validation("image_uuid", "Invalid", "lx needs an lx image"));
    }
    Ok(brand)
}

#[cfg(test)]
mod tests {
    use super::super::seed;
    use super::*;

    #[track_caller]
    fn check(requested: Option<Brand>, image: &str, package: &str, expected: Option<Brand>) {
        let catalog = seed::catalog();
        let image = catalog.images.iter().find(|i| i.name == image).unwrap();
        let package = catalog.find_package(package).unwrap();
        assert_eq!(effective_brand(requested, image, package).ok(), expected);
    }

    #[test]
    fn request_image_and_package_must_agree() {
        check(None, "ubuntu-16.04", "g4-highcpu-1G", Some(Brand::Lx));
        check(None, "base-64-lts", "g4-highcpu-1G", Some(Brand::Joyent));
        check(None, "ubuntu-certified-22.04", "g4-bhyve-4G", Some(Brand::Bhyve));
        check(Some(Brand::Kvm), "ubuntu-certified-22.04", "g4-bhyve-4G", None);
        check(Some(Brand::Bhyve), "ubuntu-16.04", "g4-highcpu-1G", None);
        check(None, "ubuntu-16.04", "g4-bhyve-4G", None);
        check(None, "ubuntu-certified-18.04", "g4-highcpu-1G", Some(Brand::Kvm));
        check(Some(Brand::Bhyve), "ubuntu-certified-18.04", "g4-highcpu-1G", Some(Brand::Bhyve));
    }
}
