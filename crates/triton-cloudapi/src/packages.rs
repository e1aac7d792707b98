//! Packages (manual, "Packages").

use http::Method;
use serde::{Deserialize, Serialize};

use crate::ids::PackageId;
use crate::page::Page;
use crate::request::{Endpoint, Group, Request, RequestError};
use crate::target::Target;

/// A named size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Package {
    /// Identity.
    pub id: PackageId,
    /// Name.
    pub name: String,
    /// Memory in MiB.
    #[serde(rename = "memory")]
    pub memory_mib: u64,
    /// Disk in MiB.
    #[serde(rename = "disk")]
    pub disk_mib: u64,
    /// Swap in MiB.
    #[serde(rename = "swap", default)]
    pub swap_mib: u64,
    /// Virtual CPUs; 0 means not set (zones share by CPU cap instead).
    #[serde(default)]
    pub vcpus: u32,
    /// Light-weight processes.
    #[serde(default)]
    pub lwps: u64,
    /// Version.
    #[serde(default)]
    pub version: String,
    /// Group shown in portals.
    #[serde(default)]
    pub group: String,
    /// Description.
    #[serde(default)]
    pub description: String,
    /// The only brand it is for.
    #[serde(default)]
    pub brand: Option<String>,
    /// Whether a bhyve instance may divide its disk freely.
    #[serde(default)]
    pub flexible_disk: bool,
}

/// ListPackages: every active package.
///
/// # Errors
///
/// [`RequestError`].
pub fn list() -> Result<Request<Page<Package>>, RequestError> {
    let endpoint = Endpoint::read("ListPackages", Group::Packages);
    Request::build(endpoint, Method::GET, &Target::new("/packages"), None, |answer| answer.page())
}

/// GetPackage, by UUID or by name (then the newest version).
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty name, which would be the list.
pub fn get(id_or_name: &str) -> Result<Request<Package>, RequestError> {
    if id_or_name.is_empty() {
        return Err(RequestError::Empty { what: "the package's name" });
    }
    let endpoint = Endpoint::read("GetPackage", Group::Packages);
    let target = Target::new("/packages").segment(id_or_name);
    Request::build(endpoint, Method::GET, &target, None, |answer| answer.json())
}
