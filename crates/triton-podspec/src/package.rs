//! Which package the instance gets: the one that is named, or the smallest that fits.

use k8s_openapi::api::core::v1::ResourceRequirements;
use serde::Serialize;
use triton_cloudapi::PackageId;
use triton_cloudapi::images::Image;
use triton_cloudapi::instances::Brand;
use triton_cloudapi::packages::Package;

use crate::annotations::{self, PACKAGE, PREFIX};
use crate::brand::{self, Isolation};
use crate::diagnostic::{Findings, quote};
use crate::image;
use crate::inputs::Inputs;
use crate::nearest::hint;
use crate::plan::Choice;
use crate::quantity::Amount;
use crate::rules;

const RESOURCES: &str = "spec.containers[0].resources";

/// The package, from the annotation, else from requests and limits, else from the operator's default.
pub(crate) fn package<'a>(
    inputs: &Inputs<'a>,
    image: Option<&Image>,
    isolation: &Isolation,
    findings: &mut Findings,
    choices: &mut Vec<Choice>,
) -> Option<&'a Package> {
    let Asked { size, unreadable } = Size::asked_for(inputs, findings);
    let (package, why) = if let Some(annotation) = annotations::find(inputs.pod, PACKAGE) {
        let package = named(inputs, annotation.value, &annotation.path, findings)?;
        if !size.fits(package, isolation) {
            findings.add(
                &rules::PACKAGE_SMALLER_THAN_REQUEST,
                annotation.path.clone(),
                format!(
                    "{} is smaller than the container asks for ({size}); the annotation wins",
                    shown(package)
                ),
            );
        }
        if let Some(problem) = unsuitable(package, image, isolation) {
            findings.add(&rules::UNSUITABLE_PACKAGE, annotation.path, problem);
        }
        (package, format!("named by {}", annotation_name(inputs)))
    } else if size != Size::default() {
        (
            smallest(inputs, &size, image, isolation, findings)?,
            format!("the smallest that fits {size}"),
        )
    } else if unreadable {
        // Something was asked for, and what is wrong with it has been said.
        return None;
    } else if let Some(default) = &inputs.defaults.package {
        let package = named(inputs, default, RESOURCES, findings)?;
        if let Some(problem) = unsuitable(package, image, isolation) {
            findings.add(&rules::UNSUITABLE_PACKAGE, RESOURCES, problem);
        }
        (package, "the operator's default".to_owned())
    } else {
        findings.add(
            &rules::MISSING_PACKAGE,
            RESOURCES,
            format!("nothing says how large the instance shall be; annotate {PREFIX}{PACKAGE}, or set resources.requests"),
        );
        return None;
    };
    choices.push(Choice { what: "package", chosen: shown(package), why });
    Some(package)
}

fn annotation_name(inputs: &Inputs<'_>) -> String {
    let prefixed = format!("{PREFIX}{PACKAGE}");
    let is_prefixed = annotations::all(inputs.pod).any(|(key, _)| key == prefixed);
    format!("the annotation {}", if is_prefixed { prefixed.as_str() } else { PACKAGE })
}

/// By UUID or name; of several of one name the highest version, as the server chooses.
fn named<'a>(
    inputs: &Inputs<'a>,
    wanted: &str,
    path: &str,
    findings: &mut Findings,
) -> Option<&'a Package> {
    let wanted = wanted.trim();
    let packages = &inputs.catalog.packages;
    let found = match wanted.parse::<PackageId>() {
        Ok(id) => packages.iter().find(|package| package.id == id),
        Err(_) => packages
            .iter()
            .filter(|package| package.name == wanted)
            .max_by_key(|package| (version(&package.version), package.id)),
    };
    if found.is_none() {
        findings.add(
            &rules::UNKNOWN_PACKAGE,
            path,
            format!(
                "the account can use no package {}{}",
                quote(wanted),
                hint(
                    wanted,
                    packages.iter().map(|package| package.name.as_str()),
                    "triton package list"
                )
            ),
        );
    }
    found
}

fn smallest<'a>(
    inputs: &Inputs<'a>,
    size: &Size,
    image: Option<&Image>,
    isolation: &Isolation,
    findings: &mut Findings,
) -> Option<&'a Package> {
    let packages = &inputs.catalog.packages;
    let best = packages
        .iter()
        .filter(|package| {
            size.fits(package, isolation) && unsuitable(package, image, isolation).is_none()
        })
        .min_by_key(|package| {
            let newest_first = std::cmp::Reverse(version(&package.version));
            (package.memory_mib, package.vcpus, package.disk_mib, &package.name, newest_first)
        });
    if best.is_none() {
        let suitable =
            packages.iter().filter(|package| unsuitable(package, image, isolation).is_none());
        let largest =
            suitable.max_by_key(|package| (package.memory_mib, package.vcpus, package.disk_mib));
        let largest = largest.map_or_else(
            || format!("no package is for {isolation}"),
            |package| format!("the largest for {isolation} is {}", shown(package)),
        );
        findings.add(
            &rules::NO_PACKAGE_FITS,
            RESOURCES,
            format!(
                "no package fits {size}; {largest}: ask for less, or annotate {PREFIX}{PACKAGE}"
            ),
        );
    }
    best
}

/// A package that a pod could have, and why it does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// Name and size, for a person.
    pub package: String,
    /// Why another was taken, in a few words; `None` for the one that was.
    pub lost: Option<String>,
}

/// All packages of the catalog: the pod's own first, then those that would do, then the others.
#[must_use]
pub fn candidates(inputs: &Inputs<'_>) -> Vec<Candidate> {
    let (mut findings, mut choices) = (Findings::default(), Vec::new());
    let image = image::image(inputs, &mut findings, &mut choices);
    let (_, isolation) = brand::brand(inputs, image, &mut findings);
    let chosen = package(inputs, image, &isolation, &mut findings, &mut choices);
    let why = choices.last().filter(|choice| choice.what == "package").map(|choice| &choice.why);
    let size = Size::asked_for(inputs, &mut findings).size;
    let mut ranked: Vec<(u8, &Package, Option<String>)> = inputs
        .catalog
        .packages
        .iter()
        .map(|package| {
            if chosen.is_some_and(|chosen| chosen.id == package.id) {
                return (0, package, None);
            }
            match unsuitable(package, image, &isolation).or_else(|| size.lacks(package, &isolation))
            {
                Some(problem) => (2, package, Some(problem)),
                None => {
                    let why = why.map_or("none: no size is asked for", String::as_str);
                    (1, package, Some(format!("it would do; the other is {why}")))
                }
            }
        })
        .collect();
    ranked.sort_by_key(|(rank, package, _)| {
        (*rank, package.memory_mib, package.vcpus, package.disk_mib, package.name.clone())
    });
    let shown = |(_, package, lost)| Candidate { package: shown(package), lost };
    ranked.into_iter().map(shown).collect()
}

/// Why image and package cannot go together, in sdc-cloudapi's terms.
fn unsuitable(package: &Package, image: Option<&Image>, isolation: &Isolation) -> Option<String> {
    if let Some(brand) = package.brand.as_deref().filter(|brand| !brand.is_empty())
        && !isolation.allows(&Brand::from(brand))
    {
        return Some(format!(
            "{} is for {brand}, and the image runs under {isolation}",
            shown(package)
        ));
    }
    let image = image?;
    if package.flexible_disk
        && let Some(size) = image.image_size
        && package.disk_mib < size
    {
        return Some(format!(
            "{} has too small a disk for the image, which takes {size} MiB",
            shown(package)
        ));
    }
    let requirements = &image.requirements;
    if let Some(least) = requirements.min_memory
        && package.memory_mib < least
    {
        return Some(format!(
            "{} is too small for the image, which needs {least} MiB of memory",
            shown(package)
        ));
    }
    if let Some(most) = requirements.max_memory
        && package.memory_mib > most
    {
        return Some(format!(
            "{} is too large for the image, which takes {most} MiB of memory at most",
            shown(package)
        ));
    }
    None
}

fn shown(package: &Package) -> String {
    let Package { name, memory_mib, disk_mib, vcpus, .. } = package;
    let vcpus = vcpus.map_or_else(String::new, |vcpus| format!("{vcpus} vCPUs, "));
    format!("{name} ({memory_mib} MiB memory, {vcpus}{disk_mib} MiB disk)")
}

/// `1.10.0` after `1.9.0`.
fn version(text: &str) -> Vec<u64> {
    text.split(['.', '-']).map(|part| part.parse().unwrap_or(0)).collect()
}

/// What a container asks for, and whether some of it cannot be read.
struct Asked {
    size: Size,
    unreadable: bool,
}

/// What a container asks for, as packages count; zero is nothing asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    memory_mib: u64,
    vcpus: u64,
    disk_mib: u64,
}

// === impl Size ===

impl Size {
    /// The larger of request and limit of each resource; the container's own, else the pod's.
    fn asked_for(inputs: &Inputs<'_>, findings: &mut Findings) -> Asked {
        let of_container = inputs.container().and_then(|container| container.resources.as_ref());
        let mut asked = Asked { size: Self::default(), unreadable: false };
        if let Some(resources) = of_container {
            asked.read(resources, RESOURCES, findings);
        }
        if asked.size == Self::default()
            && let Some(resources) = inputs.spec().and_then(|spec| spec.resources.as_ref())
        {
            asked.read(resources, "spec.resources", findings);
        }
        asked
    }

    /// What the package has too little of, in a few words.
    fn lacks(&self, package: &Package, isolation: &Isolation) -> Option<String> {
        if package.memory_mib < self.memory_mib {
            return Some(format!("it has less than {} MiB memory", self.memory_mib));
        }
        if package.disk_mib < self.disk_mib {
            return Some(format!("it has less than {} MiB disk", self.disk_mib));
        }
        let fits = self.fits(package, isolation);
        (!fits).then(|| format!("it has fewer than {} vCPUs", self.vcpus))
    }

    /// A package without a number of CPUs shares them by weight: a zone can burst to what it asks for.
    fn fits(&self, package: &Package, isolation: &Isolation) -> bool {
        let shares = package.vcpus.is_none() && !isolation.has_virtual_cpus();
        package.memory_mib >= self.memory_mib
            && package.disk_mib >= self.disk_mib
            && (shares || u64::from(package.vcpus.unwrap_or(0)) >= self.vcpus)
    }
}

// === impl Asked ===

impl Asked {
    fn read(&mut self, resources: &ResourceRequirements, path: &str, findings: &mut Findings) {
        let Self { size, unreadable } = self;
        for (field, amounts) in [("requests", &resources.requests), ("limits", &resources.limits)] {
            for (resource, quantity) in amounts.iter().flatten() {
                let Some(amount) = Amount::parse(quantity) else {
                    *unreadable = true;
                    findings.add(
                        &rules::MALFORMED_QUANTITY,
                        format!("{path}.{field}['{resource}']"),
                        format!(
                            "{} is no quantity; write a number such as 500m, 2 or 4Gi",
                            quote(&quantity.0)
                        ),
                    );
                    continue;
                };
                match resource.as_str() {
                    "memory" => size.memory_mib = size.memory_mib.max(amount.ceil_mib()),
                    "cpu" => size.vcpus = size.vcpus.max(amount.ceil()),
                    "ephemeral-storage" => size.disk_mib = size.disk_mib.max(amount.ceil_mib()),
                    _ => {}
                }
            }
        }
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut parts = Vec::new();
        if self.memory_mib > 0 {
            parts.push(format!("{} MiB memory", self.memory_mib));
        }
        if self.vcpus > 0 {
            parts.push(format!("{} vCPUs", self.vcpus));
        }
        if self.disk_mib > 0 {
            parts.push(format!("{} MiB disk", self.disk_mib));
        }
        f.write_str(&parts.join(", "))
    }
}
