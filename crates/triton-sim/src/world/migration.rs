//! Migrations: moving an instance to another compute node, phase by phase.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Caller, Instance, InstanceState, JobKind, World, iso};
use crate::refusal::Refusal;

/// A migration of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Migration {
    pub(crate) automatic: bool,
    pub(crate) phase: Phase,
    pub(crate) state: Progress,
    pub(crate) created: Timestamp,
    pub(crate) finished: Option<Timestamp>,
    pub(crate) error: Option<String>,
    pub(crate) target: Option<Uuid>,
    pub(crate) history: Vec<Step>,
}

/// What a migration does, or did last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// Reserves a place on another compute node.
    Begin,
    /// Copies the disks while the instance runs.
    Sync,
    /// Stops the instance here and starts it there.
    Switch,
    /// Gives the place up again.
    Abort,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Progress {
    Running,
    Paused,
    Failed,
    Successful,
}

/// One phase that began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) phase: Phase,
    pub(crate) state: Progress,
    pub(crate) started: Timestamp,
    pub(crate) finished: Option<Timestamp>,
}

/// Older steps are forgotten: somebody may sync for ever.
const STEPS_MAX: usize = 100;
const NO_ROOM: &str = "No compute resources available";

// === impl Phase ===

impl Phase {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Begin => "begin",
            Self::Sync => "sync",
            Self::Switch => "switch",
            Self::Abort => "abort",
        }
    }

    /// As the audit calls the job.
    pub(crate) fn job_name(self) -> &'static str {
        match self {
            Self::Begin => "migrate-begin",
            Self::Sync => "migrate-sync",
            Self::Switch => "migrate-switch",
            Self::Abort => "migrate-abort",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::Begin => "reserving instance",
            Self::Sync => "syncing data",
            Self::Switch => "switching instances",
            Self::Abort => "aborting migration",
        }
    }
}

// === impl Progress ===

impl Progress {
    fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Failed => "failed",
            Self::Successful => "successful",
        }
    }
}

// === impl Step ===

impl Step {
    fn to_json(&self, now: Timestamp) -> Value {
        let duration = self.finished.unwrap_or(now).duration_since(self.started);
        let mut body = json!({
            "type": "progress",
            "current_progress": if self.finished.is_some() { 100 } else { 1 },
            "duration_ms": u64::try_from(duration.as_millis()).unwrap_or(0),
            "message": self.phase.message(),
            "phase": self.phase.as_str(),
            "state": self.state.as_str(),
            "started_timestamp": iso(self.started),
            "total_progress": 100,
        });
        if let Some(finished) = self.finished {
            body["finished_timestamp"] = json!(iso(finished));
        }
        body
    }
}

// === impl Migration ===

impl Migration {
    fn new(automatic: bool, now: Timestamp) -> Self {
        Self {
            automatic,
            phase: Phase::Begin,
            state: Progress::Running,
            created: now,
            finished: None,
            error: None,
            target: None,
            history: Vec::new(),
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.state == Progress::Running
    }

    /// Whether a sync has succeeded; a switch needs one.
    fn has_synced(&self) -> bool {
        self.history
            .iter()
            .any(|step| step.phase == Phase::Sync && step.state == Progress::Successful)
    }

    fn begins(&mut self, phase: Phase, at: Timestamp) {
        if self.history.len() == STEPS_MAX {
            self.history.remove(0);
        }
        self.history.push(Step { phase, state: Progress::Running, started: at, finished: None });
    }

    fn ends(&mut self, state: Progress, at: Timestamp) {
        if let Some(step) = self.history.last_mut() {
            step.finished = Some(at);
            step.state =
                if state == Progress::Failed { Progress::Failed } else { Progress::Successful };
        }
        self.state = state;
    }

    /// CloudAPI's migration object.
    pub(crate) fn to_json(&self, machine: Uuid, now: Timestamp) -> Value {
        let history: Vec<Value> = self.history.iter().map(|step| step.to_json(now)).collect();
        let mut body = json!({
            "automatic": self.automatic,
            "created_timestamp": iso(self.created),
            "phase": self.phase.as_str(),
            "state": self.state.as_str(),
            "progress_history": history,
            "machine": machine,
        });
        if let Some(error) = &self.error {
            body["error"] = json!(error);
        }
        if let Some(finished) = self.finished {
            let duration = finished.duration_since(self.created);
            body["finished_timestamp"] = json!(iso(finished));
            body["duration_ms"] = json!(u64::try_from(duration.as_millis()).unwrap_or(0));
        }
        body
    }

    /// What who watches is told of the step that is at work or was last.
    pub(crate) fn last_step_json(&self, now: Timestamp) -> Option<Value> {
        self.history.last().map(|step| step.to_json(now))
    }

    /// The last line for who watches.
    pub(crate) fn end_json(&self) -> Value {
        let mut body =
            json!({ "type": "end", "phase": self.phase.as_str(), "state": self.state.as_str() });
        if let Some(error) = &self.error {
            body["message"] = json!(error);
        }
        body
    }
}

// === impl World ===

impl World {
    /// Begins a migration, by itself to the end if `automatic`.
    ///
    /// # Errors
    /// 412 while another one is under way or waits for its finalize.
    pub(crate) fn begin_migration(
        &mut self,
        id: Uuid,
        automatic: bool,
        caller: Caller,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        let instance = self.instances.get_mut(&id).ok_or_else(no_record)?;
        let retries = |old: &Migration| old.phase == Phase::Begin && old.state == Progress::Failed;
        match &instance.migration {
            Some(old) if old.state == Progress::Successful => {
                return Err(precondition(
                    "A previous migration exists for this instance, use migration finalize to complete it.",
                ));
            }
            Some(old) if !retries(old) => {
                return Err(precondition("An active migration already exists for this instance"));
            }
            _ => {}
        }
        instance.migration = Some(Migration::new(automatic, now));
        self.migrate(id, Phase::Begin, caller, now)
    }

    /// Goes on with a migration.
    ///
    /// # Errors
    /// 404 without one, 412 when it is in the wrong phase or state.
    pub(crate) fn continue_migration(
        &mut self,
        id: Uuid,
        phase: Phase,
        caller: Caller,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        let migration = self.migration(id)?;
        let (last, state) = (migration.phase, migration.state.as_str());
        let is_idle = matches!(migration.state, Progress::Paused | Progress::Failed);
        match phase {
            Phase::Abort if !is_idle => {
                return Err(precondition(format!("Abort cannot work on a {state} migration")));
            }
            Phase::Sync | Phase::Switch if !is_idle => {
                let verb = phase.as_str();
                return Err(precondition(format!("Cannot {verb} in migration state: {state}")));
            }
            Phase::Sync | Phase::Switch if !matches!(last, Phase::Begin | Phase::Sync) => {
                let (verb, last) = (phase.as_str(), last.as_str());
                return Err(precondition(format!("Cannot {verb} in migration phase: {last}")));
            }
            Phase::Switch if !migration.has_synced() => {
                return Err(precondition(
                    "You must perform at least one \"migration sync\" operation before switching",
                ));
            }
            Phase::Sync if last == Phase::Begin && migration.state == Progress::Failed => {
                return Err(precondition("Cannot sync when in migration phase: begin"));
            }
            _ => {}
        }
        self.migrate(id, phase, caller, now)
    }

    /// Ends a sync early.
    ///
    /// # Errors
    /// 404 without a migration, 412 when none syncs.
    pub(crate) fn pause_migration(&mut self, id: Uuid, now: Timestamp) -> Result<Value, Refusal> {
        let migration = self.migration(id)?;
        if migration.phase != Phase::Sync || !migration.is_running() {
            return Err(precondition("Pause requires a running migration sync action"));
        }
        self.hasten_job(id, now);
        Ok(self.migration(id)?.to_json(id, now))
    }

    /// Forgets a migration that succeeded, and what it left behind.
    ///
    /// # Errors
    /// 404 without a migration, 412 unless it succeeded.
    pub(crate) fn finalize_migration(&mut self, id: Uuid) -> Result<(), Refusal> {
        if self.migration(id)?.state != Progress::Successful {
            return Err(precondition("Finalize only works on a successful migration"));
        }
        if let Some(instance) = self.instances.get_mut(&id) {
            instance.migration = None;
        }
        Ok(())
    }

    /// # Errors
    /// 404 when the instance is not being migrated.
    pub(crate) fn migration(&self, id: Uuid) -> Result<&Migration, Refusal> {
        let instance = self.instances.get(&id);
        instance.and_then(|instance| instance.migration.as_ref()).ok_or_else(no_record)
    }

    fn migrate(
        &mut self,
        id: Uuid,
        phase: Phase,
        caller: Caller,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        let instance = self.instances.get_mut(&id).ok_or_else(no_record)?;
        let migration = instance.migration.as_mut().ok_or_else(no_record)?;
        (migration.phase, migration.state, migration.error) = (phase, Progress::Running, None);
        let shown = migration.to_json(id, now);
        self.submit(id, JobKind::Migrate(phase), caller, now);
        Ok(shown)
    }

    /// The first half of a migration job; says whether there is a second.
    pub(super) fn migration_begins(&mut self, id: Uuid, phase: Phase, at: Timestamp) -> bool {
        let target = if phase == Phase::Begin { self.find_target(id) } else { None };
        let Some(instance) = self.instances.get_mut(&id) else { return false };
        let is_up = instance.state == InstanceState::Running;
        let Some(migration) = instance.migration.as_mut() else { return false };
        migration.begins(phase, at);
        if phase == Phase::Begin {
            migration.target = target;
            if target.is_none() {
                migration.ends(Progress::Failed, at);
                migration.error = Some(NO_ROOM.to_owned());
                return false;
            }
        }
        if phase == Phase::Switch && is_up {
            instance.enter(InstanceState::Stopping, at);
        }
        true
    }

    /// The second half of a migration job; returns the phase that follows by itself.
    pub(super) fn migration_ends(
        &mut self,
        id: Uuid,
        phase: Phase,
        at: Timestamp,
    ) -> Option<Phase> {
        let instance = self.instances.get_mut(&id)?;
        let migration = instance.migration.as_mut()?;
        match phase {
            Phase::Begin | Phase::Sync => {
                migration.ends(Progress::Paused, at);
                let next = if phase == Phase::Begin { Phase::Sync } else { Phase::Switch };
                if !migration.automatic {
                    return None;
                }
                (migration.phase, migration.state) = (next, Progress::Running);
                Some(next)
            }
            Phase::Switch => {
                migration.ends(Progress::Successful, at);
                migration.finished = Some(at);
                let target = migration.target;
                instance.compute_node = target.or(instance.compute_node);
                if instance.state == InstanceState::Stopping {
                    instance.enter(InstanceState::Stopped, at);
                    instance.enter(InstanceState::Running, at);
                }
                None
            }
            Phase::Abort => {
                instance.migration = None;
                None
            }
        }
    }

    /// The emptiest other compute node with room.
    pub(crate) fn find_target(&self, id: Uuid) -> Option<Uuid> {
        let instance = self.instances.get(&id)?;
        let fits = |node: &Uuid| {
            Some(*node) != instance.home()
                && self.find_compute_node(*node).is_some_and(|found| {
                    let used = self.load(*node).memory_mib;
                    found.is_up() && found.has_room(used, instance.memory_mib)
                })
        };
        let nodes = self.compute_nodes.iter().map(|node| node.id).filter(fits);
        nodes.min_by_key(|node| self.load(*node).instances)
    }
}

// === impl Instance ===

impl Instance {
    /// How much a migration would copy, in bytes.
    pub(crate) fn migration_estimate(&self) -> Value {
        let disks: u64 = self.disks.iter().map(|disk| disk.size_mib).sum();
        let mib = if self.brand.is_hvm() { disks } else { self.disk_mib };
        json!({ "size": mib * 1024 * 1024 })
    }
}

fn precondition(message: impl Into<String>) -> Refusal {
    Refusal::new(412, "PreconditionFailed", message)
}

fn no_record() -> Refusal {
    Refusal::not_found("Migration not found")
}
