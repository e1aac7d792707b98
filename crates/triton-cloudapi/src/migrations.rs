//! Migrations: moving an instance to another compute node (manual, "Migrations").
//!
//! It stops and starts the instance when it switches.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer::{json, json_lines, page};
use crate::endpoint::{Endpoint, Group};
use crate::ids::InstanceId;
use crate::instances::path;
use crate::lenient;
use crate::page::Page;
use crate::request::{Request, RequestError};
use crate::target::Target;
use crate::text_enum::text_enum;
use crate::timestamp;

const ESTIMATE: Endpoint = Endpoint::read("MigrateMachineEstimate", Group::Machines);
const MIGRATE: Endpoint = Endpoint::once("Migrate", Group::Machines);
/// A read, although it is a POST.
const WATCH: Endpoint = Endpoint::read("Migrate", Group::Machines);
const LIST: Endpoint = Endpoint::read("ListMigrations", Group::Machines);
const GET: Endpoint = Endpoint::read("GetMigration", Group::Machines);

/// The calls of this section of the manual.
pub const ENDPOINTS: &[Endpoint] = &[ESTIMATE, MIGRATE, LIST, GET];

/// A migration, under way or over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Migration {
    /// The instance.
    pub machine: InstanceId,
    /// Whether it goes through all phases by itself.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub automatic: bool,
    /// How far it is.
    #[serde(default, deserialize_with = "lenient::text_as")]
    pub phase: MigrationPhase,
    /// Whether it goes on.
    #[serde(default, deserialize_with = "lenient::text_as")]
    pub state: MigrationState,
    /// What went wrong.
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Option::is_none"
    )]
    pub error: Option<Value>,
    /// When it began.
    #[serde(default, with = "timestamp", skip_serializing_if = "Option::is_none")]
    pub created_timestamp: Option<Timestamp>,
    /// When it ended.
    #[serde(default, with = "timestamp", skip_serializing_if = "Option::is_none")]
    pub finished_timestamp: Option<Timestamp>,
    /// What happened so far.
    #[serde(default, deserialize_with = "lenient::objects")]
    pub progress_history: Vec<MigrationProgress>,
}

/// One step of a migration, or how far it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MigrationProgress {
    /// `progress`, or `end` for the last one.
    #[serde(rename = "type", default, deserialize_with = "lenient::text")]
    pub kind: String,
    /// Which phase it belongs to.
    #[serde(default, deserialize_with = "lenient::text_as")]
    pub phase: MigrationPhase,
    /// How that phase is.
    #[serde(default, deserialize_with = "lenient::text_as")]
    pub state: MigrationState,
    /// In words.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub message: Option<String>,
    /// Bytes or steps done.
    #[serde(
        default,
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub current_progress: Option<u64>,
    /// Bytes or steps in all.
    #[serde(
        default,
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub total_progress: Option<u64>,
    /// When it began.
    #[serde(default, with = "timestamp", skip_serializing_if = "Option::is_none")]
    pub started_timestamp: Option<Timestamp>,
    /// When it ended.
    #[serde(default, with = "timestamp", skip_serializing_if = "Option::is_none")]
    pub finished_timestamp: Option<Timestamp>,
    /// How long it took, in milliseconds.
    #[serde(
        default,
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub duration_ms: Option<u64>,
}

/// How far a migration is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MigrationPhase {
    /// Asked for.
    Start,
    /// Room is made on another compute node.
    Begin,
    /// The file systems are copied while the instance runs.
    Sync,
    /// The instance stops, and starts over there.
    Switch,
    /// What is left behind is removed.
    Finalize,
    /// It is undone.
    Abort,
    /// Something else, as it came.
    Other(String),
}

text_enum!(MigrationPhase, Other, {
    Start => "start",
    Begin => "begin",
    Sync => "sync",
    Switch => "switch",
    Finalize => "finalize",
    Abort => "abort",
});

/// Whether a migration goes on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MigrationState {
    /// It does.
    Running,
    /// It waits for its next action.
    Paused,
    /// It was undone.
    Aborted,
    /// It failed.
    Failed,
    /// It is over.
    Successful,
    /// Something else, as it came.
    Other(String),
}

text_enum!(MigrationState, Other, {
    Running => "running",
    Paused => "paused",
    Aborted => "aborted",
    Failed => "failed",
    Successful => "successful",
});

/// What to do about a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MigrationAction {
    /// Find room on another compute node.
    Begin,
    /// Copy, or copy what has changed since.
    Sync,
    /// Stop here, start there.
    Switch,
    /// All of that without further questions.
    Automatic,
    /// Stop copying.
    Pause,
    /// Undo it.
    Abort,
    /// Remove what is left behind.
    Finalize,
}

/// What a migration would have to move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MigrationEstimate {
    /// Bytes to copy.
    #[serde(default, deserialize_with = "lenient::number")]
    pub size: Option<u64>,
}

// === impl MigrationAction ===

impl MigrationAction {
    /// The wire text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Sync => "sync",
            Self::Switch => "switch",
            Self::Automatic => "automatic",
            Self::Pause => "pause",
            Self::Abort => "abort",
            Self::Finalize => "finalize",
        }
    }
}

/// MigrateMachineEstimate.
///
/// # Errors
///
/// [`RequestError`].
pub fn estimate(instance: InstanceId) -> Result<Request<MigrationEstimate>, RequestError> {
    ESTIMATE.get(&path(instance).fixed("migrate"), json)
}

/// Migrate. Where to cannot be said: the server takes affinity rules and forgets them.
///
/// # Errors
///
/// [`RequestError`].
pub fn migrate(
    instance: InstanceId,
    action: MigrationAction,
) -> Result<Request<Migration>, RequestError> {
    let body = json!({"action": action.as_str()});
    MIGRATE.post(&path(instance).fixed("migrate"), &body, json)
}

/// Migrate's action `watch`: what happens until the migration pauses or ends, all at once when it has.
///
/// The server sends a line as each step happens, so the answer takes as long as the migration. One that takes longer than
/// a call may is better read again and again with [`get`].
///
/// # Errors
///
/// [`RequestError`].
pub fn watch(instance: InstanceId) -> Result<Request<Page<MigrationProgress>>, RequestError> {
    WATCH.post(&path(instance).fixed("migrate"), &json!({"action": "watch"}), json_lines)
}

/// ListMigrations.
///
/// # Errors
///
/// [`RequestError`].
pub fn list() -> Result<Request<Page<Migration>>, RequestError> {
    LIST.get(&Target::new("/migrations"), page)
}

/// GetMigration: an instance's latest.
///
/// # Errors
///
/// [`RequestError`].
pub fn get(instance: InstanceId) -> Result<Request<Migration>, RequestError> {
    GET.get(&Target::new("/migrations").segment(instance), json)
}
