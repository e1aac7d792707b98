//! Snapshots of instances (manual, "Snapshots"). For zones; kvm has none, and bhyve only where the operator allows it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::answer::{json, nothing, page};
use crate::endpoint::{Endpoint, Group};
use crate::ids::InstanceId;
use crate::instances::path;
use crate::lenient;
use crate::page::Page;
use crate::request::{Request, RequestError};
use crate::target::Target;
use crate::text_enum::text_enum;
use crate::timestamp;

const LIST: Endpoint = Endpoint::read("ListMachineSnapshots", Group::Machines);
const CREATE: Endpoint = Endpoint::once("CreateMachineSnapshot", Group::Machines);
const GET: Endpoint = Endpoint::read("GetMachineSnapshot", Group::Machines);
const START: Endpoint = Endpoint::once("StartMachineFromSnapshot", Group::Machines);
const DELETE: Endpoint = Endpoint::remove("DeleteMachineSnapshot", Group::Machines);

/// The calls of this section of the manual.
pub const ENDPOINTS: &[Endpoint] = &[LIST, CREATE, GET, START, DELETE];

/// A point in time that an instance can go back to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// Name, unique in its instance.
    pub name: String,
    /// Whether it is there yet.
    #[serde(default, deserialize_with = "lenient::text_as")]
    pub state: SnapshotState,
    /// Space it takes, in MiB.
    #[serde(
        rename = "size",
        default,
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub size_mib: Option<u64>,
    /// When it was taken.
    #[serde(default, with = "timestamp", skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// When it last changed.
    #[serde(default, with = "timestamp", skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
}

/// Where a snapshot is in its life.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SnapshotState {
    /// Asked for.
    Queued,
    /// Being made.
    Running,
    /// There.
    Created,
    /// Being removed.
    Deleting,
    /// Not there any more; a server may say so of one that is not there yet, too.
    Deleted,
    /// Not made.
    Failed,
    /// Something else, as it came.
    Other(String),
}

text_enum!(SnapshotState, Other, {
    Queued => "queued",
    Running => "running",
    Created => "created",
    Deleting => "deleting",
    Deleted => "deleted",
    Failed => "failed",
});

/// ListMachineSnapshots.
///
/// # Errors
///
/// [`RequestError`].
pub fn list(instance: InstanceId) -> Result<Request<Page<Snapshot>>, RequestError> {
    LIST.get(&snapshots(instance), page)
}

/// CreateMachineSnapshot; named after the time if `name` is `None`. The answer is queued: read it until it is created.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty name.
pub fn create(instance: InstanceId, name: Option<&str>) -> Result<Request<Snapshot>, RequestError> {
    let body = match name {
        Some("") => return Err(RequestError::Empty { what: WHAT }),
        Some(name) => json!({"name": name}),
        None => json!({}),
    };
    CREATE.post(&snapshots(instance), &body, json)
}

/// GetMachineSnapshot. One that is not there is `deleted`, or a 404.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty name, which would be the list.
pub fn get(instance: InstanceId, name: &str) -> Result<Request<Snapshot>, RequestError> {
    GET.get(&snapshot(instance, name)?, json)
}

/// StartMachineFromSnapshot: stops the instance, takes it back to the snapshot and boots it. What came after is lost.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty name, which would make a new snapshot.
pub fn start_from(instance: InstanceId, name: &str) -> Result<Request<()>, RequestError> {
    START.post_nothing(&snapshot(instance, name)?, nothing)
}

/// DeleteMachineSnapshot. That it is not there is success.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty name.
pub fn delete(instance: InstanceId, name: &str) -> Result<Request<()>, RequestError> {
    DELETE.delete(&snapshot(instance, name)?)
}

const WHAT: &str = "the snapshot's name";

fn snapshots(instance: InstanceId) -> Target {
    path(instance).fixed("snapshots")
}

fn snapshot(instance: InstanceId, name: &str) -> Result<Target, RequestError> {
    snapshots(instance).named(WHAT, name)
}
