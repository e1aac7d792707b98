//! Packages (manual, "Packages").

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::answer::{json, page};
use crate::endpoint::{Endpoint, Group};
use crate::ids::PackageId;
use crate::lenient;
use crate::page::Page;
use crate::request::{Request, RequestError};
use crate::target::Target;

const LIST: Endpoint = Endpoint::read("ListPackages", Group::Packages);
const GET: Endpoint = Endpoint::read("GetPackage", Group::Packages);

/// The calls of this section of the manual.
pub const ENDPOINTS: &[Endpoint] = &[LIST, GET];

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
    #[serde(rename = "swap", default, deserialize_with = "lenient::or_default")]
    pub swap_mib: u64,
    /// Virtual CPUs; `None` for packages of zones, which share by CPU cap instead. On the wire that is 0.
    #[serde(default, with = "vcpus")]
    pub vcpus: Option<u32>,
    /// Light-weight processes.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub lwps: u64,
    /// Version.
    #[serde(default, deserialize_with = "lenient::text")]
    pub version: String,
    /// Group shown in portals.
    #[serde(default, deserialize_with = "lenient::text")]
    pub group: String,
    /// Description.
    #[serde(default, deserialize_with = "lenient::text")]
    pub description: String,
    /// Whether portals offer it first.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub default: bool,
    /// The only brand it is for.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_not_empty",
        skip_serializing_if = "Option::is_none"
    )]
    pub brand: Option<String>,
    /// Whether a bhyve instance may divide its disk freely.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub flexible_disk: bool,
    /// Disks that a bhyve instance gets, the boot disk first, if the request says nothing of them.
    #[serde(default, deserialize_with = "lenient::objects", skip_serializing_if = "Vec::is_empty")]
    pub disks: Vec<PackageDisk>,
}

/// A disk that comes with a package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PackageDisk {
    /// MiB as a number, or `remaining`; absent for the boot disk, which has the image's size.
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Option::is_none"
    )]
    pub size: Option<Value>,
}

/// Filters of ListPackages. All must match; `*` in a text stands for anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListPackages {
    /// Name.
    pub name: Option<String>,
    /// Memory in MiB.
    pub memory_mib: Option<u64>,
    /// Disk in MiB.
    pub disk_mib: Option<u64>,
    /// Swap in MiB.
    pub swap_mib: Option<u64>,
    /// Light-weight processes.
    pub lwps: Option<u64>,
    /// Virtual CPUs.
    pub vcpus: Option<u32>,
    /// Version.
    pub version: Option<String>,
    /// Group.
    pub group: Option<String>,
    /// Brand.
    pub brand: Option<String>,
    /// Whether a bhyve instance may divide its disk freely.
    pub flexible_disk: Option<bool>,
}

/// ListPackages: active packages, all of them with the default filter.
///
/// # Errors
///
/// [`RequestError`].
pub fn list(filter: &ListPackages) -> Result<Request<Page<Package>>, RequestError> {
    let target = Target::new("/packages")
        .query_if("name", filter.name.as_ref())
        .query_if("memory", filter.memory_mib)
        .query_if("disk", filter.disk_mib)
        .query_if("swap", filter.swap_mib)
        .query_if("lwps", filter.lwps)
        .query_if("vcpus", filter.vcpus)
        .query_if("version", filter.version.as_ref())
        .query_if("group", filter.group.as_ref())
        .query_if("brand", filter.brand.as_ref())
        .query_if("flexible_disk", filter.flexible_disk);
    LIST.get(&target, page)
}

/// GetPackage, by UUID or by name (then the newest version).
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty name, which would be the list.
pub fn get(id_or_name: &str) -> Result<Request<Package>, RequestError> {
    GET.get(&Target::new("/packages").named("the package's name", id_or_name)?, json)
}

/// 0 for none.
mod vcpus {
    use super::{Deserializer, Serializer, lenient};

    pub(super) fn serialize<S: Serializer>(
        vcpus: &Option<u32>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(vcpus.unwrap_or(0))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<u32>, D::Error> {
        let number = lenient::number(deserializer)?.filter(|vcpus| *vcpus > 0);
        Ok(number.and_then(|vcpus| vcpus.try_into().ok()))
    }
}
