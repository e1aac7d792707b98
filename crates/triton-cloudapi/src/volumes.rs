//! NFS volumes (manual, "Volumes"; RFD 26). Only where the operator has switched them on; else every path is a 404.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::answer::{json, json_if_any, page};
use crate::endpoint::{Endpoint, Group};
use crate::ids::{InstanceId, NetworkId, VolumeId};
use crate::lenient;
use crate::page::Page;
use crate::request::{Request, RequestError};
use crate::tags::Tags;
use crate::target::Target;
use crate::text_enum::text_enum;
use crate::timestamp;

const LIST: Endpoint = Endpoint::read("ListVolumes", Group::Volumes);
const CREATE: Endpoint = Endpoint::once("CreateVolume", Group::Volumes);
const GET: Endpoint = Endpoint::read("GetVolume", Group::Volumes);
const UPDATE: Endpoint = Endpoint::set("UpdateVolume", Group::Volumes);
const DELETE: Endpoint = Endpoint::remove("DeleteVolume", Group::Volumes);
const LIST_SIZES: Endpoint = Endpoint::read("ListVolumeSizes", Group::Volumes);

/// The calls of this section of the manual.
pub const ENDPOINTS: &[Endpoint] = &[LIST, CREATE, GET, UPDATE, DELETE, LIST_SIZES];

/// Characters of a volume's name.
pub const NAME_CHARS_MAX: usize = 256;

/// The only type of volume there is.
const TYPE: &str = "tritonnfs";

/// A file system that several zones can mount at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Volume {
    /// Identity.
    pub id: VolumeId,
    /// Name, unique in the account.
    pub name: String,
    /// Account that owns it.
    #[serde(
        default,
        deserialize_with = "lenient::parsed",
        skip_serializing_if = "Option::is_none"
    )]
    pub owner_uuid: Option<Uuid>,
    /// `tritonnfs`.
    #[serde(rename = "type", default, deserialize_with = "lenient::text")]
    pub kind: String,
    /// Size in MiB.
    #[serde(rename = "size", default, deserialize_with = "lenient::number")]
    pub size_mib: Option<u64>,
    /// Where it is in its life.
    #[serde(default, deserialize_with = "lenient::text_as")]
    pub state: VolumeState,
    /// Networks it can be reached on.
    #[serde(default, deserialize_with = "lenient::parsed_list")]
    pub networks: Vec<NetworkId>,
    /// What to mount, `ADDRESS:/PATH`, once it is ready.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_not_empty",
        skip_serializing_if = "Option::is_none"
    )]
    pub filesystem_path: Option<String>,
    /// Instances that mount it, stopped ones included.
    #[serde(default, deserialize_with = "lenient::parsed_list")]
    pub refs: Vec<InstanceId>,
    /// Tags.
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Tags::is_empty"
    )]
    pub tags: Tags,
    /// When it was made.
    #[serde(default, with = "timestamp", skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
}

/// Where a volume is in its life.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VolumeState {
    /// Being made, which takes tens of seconds.
    Creating,
    /// Can be mounted.
    Ready,
    /// Could not be made.
    Failed,
    /// Being deleted; not found after that.
    Deleting,
    /// Something else, as it came.
    Other(String),
}

text_enum!(VolumeState, Other, {
    Creating => "creating",
    Ready => "ready",
    Failed => "failed",
    Deleting => "deleting",
});

/// A size that volumes come in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VolumeSize {
    /// Size in MiB.
    #[serde(rename = "size")]
    pub size_mib: u64,
    /// `tritonnfs`.
    #[serde(rename = "type", default, deserialize_with = "lenient::text")]
    pub kind: String,
}

/// Filters of ListVolumes. All of them must match; failed volumes are left out unless a state is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListVolumes {
    /// Name; `*` at either end stands for anything.
    pub name: Option<String>,
    /// Exact size in MiB.
    pub size_mib: Option<u64>,
    /// State.
    pub state: Option<VolumeState>,
    /// A condition in VOLAPI's own language, `{"eq": ["name", "x"]}`.
    pub predicate: Option<Value>,
}

/// Parameters of CreateVolume.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CreateVolume {
    /// Name; the server makes one up if `None`.
    pub name: Option<String>,
    /// Size in MiB; the next larger one that is offered is taken, 10240 if `None`.
    pub size_mib: Option<u64>,
    /// Fabric networks it is to be reached on; the account's default one if there is none.
    pub networks: Vec<NetworkId>,
    /// Affinity rules.
    pub affinity: Vec<String>,
    /// Tags; their values are text.
    pub tags: BTreeMap<String, String>,
}

/// ListVolumes, all in one page.
///
/// # Errors
///
/// [`RequestError`].
pub fn list(filter: &ListVolumes) -> Result<Request<Page<Volume>>, RequestError> {
    let target = Target::new("/volumes")
        .query_if("name", filter.name.as_ref())
        .query_if("size", filter.size_mib)
        .query_if("state", filter.state.as_ref())
        .query_if("predicate", filter.predicate.as_ref());
    LIST.get(&target, page)
}

/// CreateVolume. The answer is creating: read it until it is ready or failed.
///
/// # Errors
///
/// [`RequestError::Invalid`] for a name or size that no volume has.
pub fn create(create: &CreateVolume) -> Result<Request<Volume>, RequestError> {
    let mut body = json!({"type": TYPE});
    if let Some(name) = &create.name {
        check_name(name)?;
        body["name"] = name.as_str().into();
    }
    if let Some(size) = create.size_mib {
        if size == 0 {
            return Err(RequestError::invalid("size", size, "a volume has 1 MiB or more"));
        }
        body["size"] = size.into();
    }
    if !create.networks.is_empty() {
        body["networks"] = create.networks.iter().map(NetworkId::to_string).collect();
    }
    if !create.affinity.is_empty() {
        body["affinity"] = create.affinity.clone().into();
    }
    if !create.tags.is_empty() {
        body["tags"] = json!(create.tags);
    }
    CREATE.post(&Target::new("/volumes"), &body, json)
}

/// GetVolume.
///
/// # Errors
///
/// [`RequestError`].
pub fn get(id: VolumeId) -> Result<Request<Volume>, RequestError> {
    GET.get(&volume(id), json)
}

/// UpdateVolume: gives it another name. Refused while it is mounted.
///
/// The manual says that nothing is answered; the server answers with the volume.
///
/// # Errors
///
/// [`RequestError::Invalid`] for a name that no volume can have.
pub fn rename(id: VolumeId, name: &str) -> Result<Request<Option<Volume>>, RequestError> {
    check_name(name)?;
    UPDATE.post(&volume(id), &json!({"name": name}), json_if_any)
}

/// DeleteVolume. It takes a while; in use, it is refused (409). That it is not there is success.
///
/// # Errors
///
/// [`RequestError`].
pub fn delete(id: VolumeId) -> Result<Request<()>, RequestError> {
    DELETE.delete(&volume(id))
}

/// ListVolumeSizes.
///
/// # Errors
///
/// [`RequestError`].
pub fn list_sizes() -> Result<Request<Page<VolumeSize>>, RequestError> {
    LIST_SIZES.get(&Target::new("/volumesizes"), page)
}

/// Whether a volume can have this name.
pub(crate) fn check_name(name: &str) -> Result<(), RequestError> {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins_well && name.chars().all(is_fit) && (2..=NAME_CHARS_MAX).contains(&name.len()) {
        return Ok(());
    }
    Err(RequestError::invalid(
        "a volume's name",
        name,
        "it is 2 to 256 letters, digits, - _ and ., the first a letter or digit",
    ))
}

fn volume(id: VolumeId) -> Target {
    Target::new("/volumes").segment(id)
}
