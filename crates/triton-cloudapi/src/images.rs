//! Images (manual, "Images").

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::ImageId;

/// What an instance boots.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Image {
    /// Identity.
    pub id: ImageId,
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// `linux`, `smartos`, `windows`, `bsd`, …
    #[serde(default)]
    pub os: String,
    /// `zone-dataset`, `lx-dataset`, `zvol`, …
    #[serde(rename = "type", default)]
    pub kind: String,
    /// What it demands of package and brand.
    #[serde(default)]
    pub requirements: ImageRequirements,
    /// When it was published; decides which version is newest.
    #[serde(default)]
    pub published_at: Option<Timestamp>,
    /// Account that owns it.
    #[serde(default)]
    pub owner: Option<String>,
    /// Whether every account may use it.
    #[serde(default)]
    pub public: bool,
    /// `active`, `disabled`, …
    #[serde(default)]
    pub state: String,
    /// Disk size in MiB (hardware virtual machines).
    #[serde(default)]
    pub image_size: Option<u64>,
}

/// What an image demands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ImageRequirements {
    /// The only brand it runs under.
    pub brand: Option<String>,
    /// Least memory, MiB.
    pub min_memory: Option<u64>,
    /// Most memory, MiB.
    pub max_memory: Option<u64>,
}
