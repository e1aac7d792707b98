//! Packages (manual, "Packages").

use serde::{Deserialize, Serialize};

use crate::ids::PackageId;

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
