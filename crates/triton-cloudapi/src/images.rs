//! Images (manual, "Images").

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::answer::{json, page};
use crate::endpoint::{Endpoint, Group};
use crate::ids::ImageId;
use crate::lenient;
use crate::page::Page;
use crate::request::{Request, RequestError};
use crate::target::Target;
use crate::timestamp;

mod changes;

pub use changes::{
    CreateImage, ExportedImage, UpdateImage, clone, create, delete, export, import, update,
};

const LIST: Endpoint = Endpoint::read("ListImages", Group::Images);
const GET: Endpoint = Endpoint::read("GetImage", Group::Images);

/// The calls of this section of the manual.
pub const ENDPOINTS: &[Endpoint] = &[
    LIST,
    GET,
    changes::CREATE,
    changes::IMPORT,
    changes::UPDATE,
    changes::EXPORT,
    changes::CLONE,
    changes::DELETE,
];

/// Something an instance can boot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Image {
    /// Identity.
    pub id: ImageId,
    /// Name.
    pub name: String,
    /// Version.
    #[serde(default, deserialize_with = "lenient::text")]
    pub version: String,
    /// `linux`, `smartos`, `windows`, `bsd`, …
    #[serde(default, deserialize_with = "lenient::text")]
    pub os: String,
    /// `zone-dataset`, `lx-dataset`, `zvol`, …
    #[serde(rename = "type", default, deserialize_with = "lenient::text")]
    pub kind: String,
    /// What it demands of package and brand.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub requirements: ImageRequirements,
    /// Disk size in MiB (hardware virtual machines).
    #[serde(
        default,
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub image_size: Option<u64>,
    /// Description.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub description: Option<String>,
    /// Where to read more.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub homepage: Option<String>,
    /// What it consists of.
    #[serde(default, deserialize_with = "lenient::objects", skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ImageFile>,
    /// Tags; among them `kernel_version` of lx images.
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub tags: BTreeMap<String, Value>,
    /// When it was published; decides which version is newest.
    #[serde(default, with = "timestamp", skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
    /// Account that owns it.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub owner: Option<String>,
    /// Whether every account may use it.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub public: bool,
    /// `active`, `creating`, `failed`, `disabled`, `unactivated`, …
    #[serde(default, deserialize_with = "lenient::text")]
    pub state: String,
    /// Licence that who uses it agrees to.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub eula: Option<String>,
    /// Accounts that may use it although it is not public.
    #[serde(
        default,
        deserialize_with = "lenient::parsed_list",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub acl: Vec<Uuid>,
    /// Image that it builds on.
    #[serde(
        default,
        deserialize_with = "lenient::parsed",
        skip_serializing_if = "Option::is_none"
    )]
    pub origin: Option<ImageId>,
    /// Why it failed.
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Option::is_none"
    )]
    pub error: Option<ImageError>,
}

/// What an image demands. Memory is told in either of two spellings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ImageRequirements {
    /// The only brand it runs under.
    #[serde(deserialize_with = "lenient::text_if_any", skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// How bhyve is to boot it.
    #[serde(deserialize_with = "lenient::text_if_any", skip_serializing_if = "Option::is_none")]
    pub bootrom: Option<String>,
    /// Least memory, MiB.
    #[serde(deserialize_with = "lenient::number", skip_serializing_if = "Option::is_none")]
    pub min_memory: Option<u64>,
    /// Most memory, MiB.
    #[serde(deserialize_with = "lenient::number", skip_serializing_if = "Option::is_none")]
    pub max_memory: Option<u64>,
    /// Least memory, MiB, in the words of the image service.
    #[serde(deserialize_with = "lenient::number", skip_serializing_if = "Option::is_none")]
    pub min_ram: Option<u64>,
    /// Most memory, MiB, in the words of the image service.
    #[serde(deserialize_with = "lenient::number", skip_serializing_if = "Option::is_none")]
    pub max_ram: Option<u64>,
}

/// A part of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImageFile {
    /// `gzip`, `bzip2`, `none`, …
    #[serde(default, deserialize_with = "lenient::text")]
    pub compression: String,
    /// SHA-1 of its bytes, hexadecimal.
    #[serde(default, deserialize_with = "lenient::text")]
    pub sha1: String,
    /// Its bytes.
    #[serde(default, deserialize_with = "lenient::number")]
    pub size: Option<u64>,
}

/// Why an image could not be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImageError {
    /// In a word.
    #[serde(default, deserialize_with = "lenient::text")]
    pub code: String,
    /// In a sentence.
    #[serde(default, deserialize_with = "lenient::text")]
    pub message: String,
}

/// Filters of ListImages. The server sends at most 1000 images and has no paging.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListImages {
    /// Exact name, or part of one after `~`.
    pub name: Option<String>,
    /// Exact version, or part of one after `~`.
    pub version: Option<String>,
    /// `linux`, `smartos`, …
    pub os: Option<String>,
    /// Only those that every account may use, or only others.
    pub public: Option<bool>,
    /// Account that owns it.
    pub owner: Option<Uuid>,
    /// `active` (the server's default), `all`, `disabled`, …
    pub state: Option<String>,
    /// `zvol`, `lx-dataset`, …; not this type after `!`. Docker's are told only who asks for `docker`.
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
        .query_if("os", filter.os.as_ref())
        .query_if("public", filter.public)
        .query_if("owner", filter.owner)
        .query_if("state", filter.state.as_ref())
        .query_if("type", filter.kind.as_ref());
    LIST.get(&target, page)
}

/// GetImage.
///
/// # Errors
///
/// [`RequestError`].
pub fn get(id: ImageId) -> Result<Request<Image>, RequestError> {
    GET.get(&image(id), json)
}

fn image(id: ImageId) -> Target {
    Target::new("/images").segment(id)
}
