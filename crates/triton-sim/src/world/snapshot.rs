//! Snapshots of containers, and what became of the jobs that made, used and removed them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Brand, Instance, iso};
use crate::refusal::Refusal;

/// A snapshot that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) name: String,
    pub(crate) size_mib: u64,
    pub(crate) created: Timestamp,
}

/// A job about a snapshot. CloudAPI tells a snapshot's state by its jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SnapshotJob {
    pub(crate) name: String,
    pub(crate) execution: Execution,
}

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Execution {
    Queued,
    Running,
    Succeeded,
    Failed,
}

/// Older jobs are forgotten.
const JOBS_MAX: usize = 200;

// === impl Execution ===

impl Execution {
    /// As the state of a snapshot.
    fn as_state(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "created",
            Self::Failed => "failed",
        }
    }
}

// === impl Instance ===

impl Instance {
    /// # Errors
    /// 409, for what has no snapshots.
    pub(crate) fn check_snapshots(&self) -> Result<(), Refusal> {
        if self.brand == Brand::Kvm {
            let message = "snapshots are not supported for VMs of brand \"kvm\"";
            return Err(Refusal::new(409, "BrandNotSupported", message));
        }
        if self.delegate_dataset {
            let message = "snapshots are not supported for VMs with delegated datasets";
            return Err(Refusal::new(409, "BrandNotSupported", message));
        }
        Ok(())
    }

    /// Writes down that a job about a snapshot was accepted.
    pub(super) fn snapshot_queued(&mut self, name: &str) {
        if self.snapshot_jobs.len() == JOBS_MAX {
            self.snapshot_jobs.remove(0);
        }
        let job = SnapshotJob { name: name.to_owned(), execution: Execution::Queued };
        self.snapshot_jobs.push(job);
    }

    /// Writes down how the oldest job about a snapshot goes on that has not ended.
    pub(super) fn snapshot_job_is(&mut self, name: &str, execution: Execution) {
        let open = |job: &&mut SnapshotJob| {
            job.name == name && matches!(job.execution, Execution::Queued | Execution::Running)
        };
        if let Some(job) = self.snapshot_jobs.iter_mut().find(open) {
            job.execution = execution;
        }
    }

    /// All snapshots, each in the state of the first job about it.
    pub(crate) fn snapshots_json(&self) -> Value {
        let state = |name: &str| {
            let job = self.snapshot_jobs.iter().find(|job| job.name == name);
            job.map_or("created", |job| job.execution.as_state())
        };
        self.snapshots.iter().map(|snapshot| snapshot.to_json(state(&snapshot.name))).collect()
    }

    /// One snapshot in the state of the last job about it; `deleted` whenever it is not there: not yet, no more, or never.
    pub(crate) fn snapshot_json(&self, name: &str) -> Option<Value> {
        let job = self.snapshot_jobs.iter().rev().find(|job| job.name == name)?;
        let snapshot = self.snapshots.iter().find(|snapshot| snapshot.name == name);
        Some(match snapshot {
            Some(snapshot) => snapshot.to_json(job.execution.as_state()),
            None => json!({ "name": name, "state": "deleted" }),
        })
    }
}

// === impl Snapshot ===

impl Snapshot {
    fn to_json(&self, state: &str) -> Value {
        json!({
            "name": self.name,
            "state": state,
            "size": self.size_mib,
            "created": iso(self.created),
            "updated": iso(self.created),
        })
    }
}

/// The name of a snapshot that was given none: when it was asked for, to the second.
pub(crate) fn default_name(now: Timestamp) -> String {
    now.strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshots_state_is_that_of_its_jobs() {
        let mut instance = Instance::sample("web");
        assert_eq!(instance.snapshot_json("a"), None);
        instance.snapshot_queued("a");
        assert_eq!(instance.snapshot_json("a").unwrap()["state"], "deleted");
        instance.snapshot_job_is("a", Execution::Running);
        let created = Timestamp::UNIX_EPOCH;
        instance.snapshots.push(Snapshot { name: "a".to_owned(), size_mib: 1, created });
        assert_eq!(instance.snapshot_json("a").unwrap()["state"], "running");
        instance.snapshot_job_is("a", Execution::Succeeded);
        assert_eq!(instance.snapshot_json("a").unwrap()["state"], "created");
        instance.snapshot_queued("a");
        assert_eq!(instance.snapshot_json("a").unwrap()["state"], "queued");
        assert_eq!(instance.snapshots_json()[0]["state"], "created");
        instance.snapshots.clear();
        instance.snapshot_job_is("a", Execution::Succeeded);
        assert_eq!(instance.snapshot_json("a").unwrap()["state"], "deleted");
    }

    #[test]
    fn a_nameless_snapshot_is_called_by_its_second() {
        let now = "2026-01-02T03:04:05.678Z".parse().unwrap();
        assert_eq!(default_name(now), "20260102T030405Z");
    }
}
