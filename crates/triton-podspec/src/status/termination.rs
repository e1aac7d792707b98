//! How a run of the container ended.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ContainerStateTerminated;

/// Exit code of a run that was killed.
const KILLED: i32 = 137;
/// Exit code of a run that was asked to end (SIGTERM).
const ASKED_TO_END: i32 = 143;

/// How a run of the container ended. Triton has no exit codes; these are by convention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Termination {
    /// 0: the guest shut down by itself. 137: killed. 143: stopped because the pod is deleted. 1: the instance failed.
    pub exit_code: i32,
    /// `Completed` (0), `Error`, `DeadlineExceeded`, …
    pub reason: String,
    /// For a person.
    pub message: Option<String>,
    /// When the run began; the published start of the run if `None`.
    pub started_at: Option<Timestamp>,
    /// When it ended; the moment it is first published if `None`.
    pub finished_at: Option<Timestamp>,
}

// === impl Termination ===

impl Termination {
    fn new(exit_code: i32, reason: &str) -> Self {
        Self {
            exit_code,
            reason: reason.to_owned(),
            message: None,
            started_at: None,
            finished_at: None,
        }
    }

    /// The guest shut down by itself, as far as can be known: a success.
    #[must_use]
    pub fn completed() -> Self {
        Self::new(0, "Completed")
    }

    /// The run was killed, as after a failed liveness probe.
    #[must_use]
    pub fn killed() -> Self {
        Self::new(KILLED, "Error")
    }

    /// The run was told to end because the pod is deleted. Not a success: a Job must not count a pod as done that was
    /// told to stop.
    #[must_use]
    pub fn told_to_end() -> Self {
        Self::new(ASKED_TO_END, "Error")
    }

    /// The instance failed.
    #[must_use]
    pub fn failed() -> Self {
        Self::new(1, "Error")
    }

    /// Nobody saw how the run ended; the kubelet's words for a container that it cannot find.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            message: Some(
                "The container could not be located when the pod was terminated".to_owned(),
            ),
            ..Self::new(KILLED, "ContainerStatusUnknown")
        }
    }

    pub(super) fn of(end: &ContainerStateTerminated) -> Self {
        Self {
            exit_code: end.exit_code,
            reason: end.reason.clone().unwrap_or_default(),
            message: end.message.clone(),
            started_at: end.started_at.as_ref().map(|time| time.0),
            finished_at: end.finished_at.as_ref().map(|time| time.0),
        }
    }
}
