//! Images (manual, "Images").

use http::Method;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::ImageId;
use crate::page::Page;
use crate::request::{Endpoint, Group, Request, RequestError};
use crate::target::Target;

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

/// Filters of ListImages. The server sends at most 1000 images and has no paging.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListImages {
    /// Exact name, or part of one after `~`.
    pub name: Option<String>,
    /// Exact version, or part of one after `~`.
    pub version: Option<String>,
    /// `active` (the server's default), `all`, `disabled`, …
    pub state: Option<String>,
    /// `zvol`, `lx-dataset`, …; not this type after `!`.
    pub kind: Option<String>,
}

/// ListImages.
///
/// # Errors
///
/// [`RequestError`].
pub fn list(filter: &ListImages) -> Result<Request<Page<Image>>, RequestError> {
    let target = Target::new("/images")
        .query_if("name", filter.name.as_ref())
        .query_if("version", filter.version.as_ref())
        .query_if("state", filter.state.as_ref())
        .query_if("type", filter.kind.as_ref());
    let endpoint = Endpoint::read("ListImages", Group::Images);
    Request::build(endpoint, Method::GET, &target, None, |answer| answer.page())
}

/// GetImage.
///
/// # Errors
///
/// [`RequestError`].
pub fn get(id: ImageId) -> Result<Request<Image>, RequestError> {
    let endpoint = Endpoint::read("GetImage", Group::Images);
    let target = Target::new("/images").segment(id);
    Request::build(endpoint, Method::GET, &target, None, |answer| answer.json())
}
