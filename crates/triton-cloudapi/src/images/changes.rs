//! Making, changing, copying and deleting images.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Image, image};
use crate::answer::json;
use crate::endpoint::{Endpoint, Group};
use crate::ids::{ImageId, InstanceId};
use crate::lenient;
use crate::request::{Request, RequestError, to_body};
use crate::target::Target;

pub(super) const CREATE: Endpoint = Endpoint::once("CreateImageFromMachine", Group::Images);
pub(super) const IMPORT: Endpoint = Endpoint::set("ImportImageFromDatacenter", Group::Images);
pub(super) const UPDATE: Endpoint = Endpoint::set("UpdateImage", Group::Images);
pub(super) const EXPORT: Endpoint = Endpoint::once("ExportImage", Group::Images);
pub(super) const CLONE: Endpoint = Endpoint::once("CloneImage", Group::Images);
pub(super) const DELETE: Endpoint = Endpoint::remove("DeleteImage", Group::Images);

/// Parameters of CreateImageFromMachine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CreateImage {
    /// Instance to make it of; it must be stopped.
    pub machine: InstanceId,
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where to read more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// Licence that who uses it agrees to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eula: Option<String>,
    /// Accounts that may use it too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub acl: Vec<Uuid>,
    /// Tags.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, Value>,
}

/// Parameters of UpdateImage; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct UpdateImage {
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where to read more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// Licence that who uses it agrees to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eula: Option<String>,
    /// All accounts that may use it too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acl: Option<Vec<Uuid>>,
    /// All tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<BTreeMap<String, Value>>,
}

/// Where an exported image is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExportedImage {
    /// Manta's URL.
    #[serde(default, deserialize_with = "lenient::text")]
    pub manta_url: String,
    /// Path of the image itself.
    #[serde(default, deserialize_with = "lenient::text")]
    pub image_path: String,
    /// Path of what describes it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub manifest_path: String,
}

// === impl CreateImage ===

impl CreateImage {
    /// An image of an instance, with what every image has.
    #[must_use]
    pub fn new(machine: InstanceId, name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            machine,
            name: name.into(),
            version: version.into(),
            description: None,
            homepage: None,
            eula: None,
            acl: Vec::new(),
            tags: BTreeMap::new(),
        }
    }
}

/// CreateImageFromMachine. The answer is `creating`: read it until it is `active` or `failed`.
///
/// # Errors
///
/// [`RequestError::Empty`] for no name or version.
pub fn create(create: &CreateImage) -> Result<Request<Image>, RequestError> {
    for (what, text) in
        [("the image's name", &create.name), ("the image's version", &create.version)]
    {
        if text.is_empty() {
            return Err(RequestError::Empty { what });
        }
    }
    CREATE.post(&Target::new("/images"), &to_body(create)?, json)
}

/// ImportImageFromDatacenter: copies one of the account's images from another datacenter, by its name.
///
/// # Errors
///
/// [`RequestError::Empty`] for no datacenter.
pub fn import(datacenter: &str, id: ImageId) -> Result<Request<Image>, RequestError> {
    if datacenter.is_empty() {
        return Err(RequestError::Empty { what: "the datacenter's name" });
    }
    let target = Target::new("/images").query("action", "import-from-datacenter");
    IMPORT.post_nothing(&target.query("datacenter", datacenter).query("id", id), json)
}

/// UpdateImage.
///
/// # Errors
///
/// [`RequestError`].
pub fn update(id: ImageId, update: &UpdateImage) -> Result<Request<Image>, RequestError> {
    UPDATE.post(&image(id).query("action", "update"), &to_body(update)?, json)
}

/// ExportImage to a path in Manta.
///
/// # Errors
///
/// [`RequestError::Empty`] for no path.
pub fn export(id: ImageId, manta_path: &str) -> Result<Request<ExportedImage>, RequestError> {
    if manta_path.is_empty() {
        return Err(RequestError::Empty { what: "the path in Manta" });
    }
    let body = json!({"manta_path": manta_path});
    EXPORT.post(&image(id).query("action", "export"), &body, json)
}

/// CloneImage: makes an image that was shared with the account its own, under a new id.
///
/// # Errors
///
/// [`RequestError`].
pub fn clone(id: ImageId) -> Result<Request<Image>, RequestError> {
    CLONE.post_nothing(&image(id).query("action", "clone"), json)
}

/// DeleteImage. That it is not there is success.
///
/// # Errors
///
/// [`RequestError`].
pub fn delete(id: ImageId) -> Result<Request<()>, RequestError> {
    DELETE.delete(&image(id))
}
