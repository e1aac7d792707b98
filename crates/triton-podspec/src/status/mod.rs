//! What Kubernetes shall see of a pod.
//!
//! [`pod_status`] is a function of the pod (with the status that was last published), of what became of it and of the
//! time. A fact that has not changed keeps the time it was published with, so the result is stable over polls and over
//! restarts of the process, and comparing it with the published status says whether there is anything to write.

mod addresses;
mod conditions;
mod container;
mod published;
mod run;
mod termination;
mod view;

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use triton_cloudapi::instances::{Instance, InstanceState};

pub use termination::Termination;

/// What is known of an instance, as far as a status needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// UUID.
    pub id: String,
    /// Name.
    pub name: String,
    /// Where it is in its life.
    pub state: InstanceState,
    /// UUID of its image, if it has one.
    pub image: Option<String>,
    /// Address of the primary NIC.
    pub primary_ip: Option<String>,
    /// All addresses; what is no address (`dhcp`) is passed over.
    pub ips: Vec<String>,
}

/// All that a status depends on.
#[derive(Clone, Copy)]
pub struct StatusInputs<'a> {
    /// The pod; its `.status` is what was last published.
    pub pod: &'a Pod,
    /// What became of it.
    pub phase_of_work: Work<'a>,
    /// What the readiness probe says; `None` when there is none.
    pub readiness: Option<bool>,
    /// Whether the container counts as started (the startup probe succeeded, or there is none).
    pub started: bool,
    /// What is known about runs before this one.
    pub restarts: &'a Restarts,
    /// The node's addresses, the first of them first.
    pub host_ips: &'a [IpAddr],
    /// Now; published times have whole seconds.
    pub now: Timestamp,
}

/// What became of a pod.
#[derive(Clone, Copy, Debug)]
pub enum Work<'a> {
    /// The node took the pod; nothing is made yet, as far as is known. A pod that was published as running keeps
    /// its looks, so that a provider that has just been started does no harm.
    Accepted,
    /// Nothing is made yet, for a reason that may heal.
    Waiting {
        /// CamelCase, as `CreateContainerConfigError`.
        reason: &'a str,
        /// For a person.
        message: &'a str,
    },
    /// There is an instance. `Stopped` is believed: where a state may be a passing one, the caller makes sure first.
    Instance(&'a Observed),
    /// The instance is up, and the container has yet to start: its postStart hook runs, or has failed.
    Starting {
        /// The instance.
        instance: &'a Observed,
        /// CamelCase, as `PostStartHookError`.
        reason: &'a str,
        /// For a person.
        message: Option<&'a str>,
    },
    /// The instance was there and is confirmed gone; the last that was seen of it, if anything.
    Gone(Option<&'a Observed>),
    /// The pod can never run here.
    Rejected {
        /// CamelCase, as `UnsupportedContainerCount`.
        reason: &'a str,
        /// For a person.
        message: &'a str,
    },
    /// It came to an end that the provider decided or knows better than the instance's state tells.
    Terminated {
        /// How the last run ended; exit code 0 makes the pod Succeeded, any other Failed.
        end: &'a Termination,
        /// CamelCase reason of the pod, where it is more than its container's (`DeadlineExceeded`).
        reason: Option<&'a str>,
        /// For a person.
        message: Option<&'a str>,
        /// The instance, if there still is one.
        instance: Option<&'a Observed>,
    },
}

/// What is known about runs of the container before this one.
///
/// The published status counts, too: a count that is lower than what was published is ignored, so a provider that
/// starts anew may begin with the default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Restarts {
    /// Restarts that were carried out.
    pub count: u32,
    /// How the previous run ended.
    pub last: Option<Termination>,
    /// When the present run began, if known.
    pub running_since: Option<Timestamp>,
    /// A restart that is decided and not yet carried out: until the instance runs again, `Stopped` is not the end.
    pub pending: Option<PendingRestart>,
}

/// A restart that is decided and not yet carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PendingRestart {
    /// At once.
    Now,
    /// After a back-off, which the message tells
    /// (`back-off 10s restarting failed container=web pod=web-0_default(6e2b…)`).
    BackOff {
        /// For a person.
        message: String,
    },
}

/// The status to publish, complete but for what others own: conditions of types that the kubelet does not write, and
/// fields of other controllers, are not in it. Write it as a patch that merges conditions by type.
///
/// A terminal phase is never left again; a restart count never falls; `startTime` and addresses stay.
///
/// ```
/// use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
/// use triton_podspec::{Restarts, StatusInputs, Work, pod_status};
///
/// let container = Container { name: "web".into(), ..Container::default() };
/// let spec = PodSpec { containers: vec![container], ..PodSpec::default() };
/// let pod = Pod { spec: Some(spec), ..Pod::default() };
/// let status = pod_status(&StatusInputs {
///     pod: &pod,
///     phase_of_work: Work::Waiting { reason: "CreateContainerError", message: "quota exceeded" },
///     readiness: None,
///     started: true,
///     restarts: &Restarts::default(),
///     host_ips: &["10.0.0.7".parse()?],
///     now: "2026-01-01T00:00:00Z".parse()?,
/// });
/// assert_eq!(status.phase.as_deref(), Some("Pending"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn pod_status(inputs: &StatusInputs<'_>) -> PodStatus {
    let published = inputs.published();
    if inputs.is_terminal() {
        let mut status = published.cloned().unwrap_or_default();
        status.conditions = status.conditions.map(conditions::own);
        return status;
    }
    let mut status = PodStatus {
        observed_generation: inputs.pod.metadata.generation,
        qos_class: published.and_then(|status| status.qos_class.clone()),
        ..PodStatus::default()
    };
    if let Work::Rejected { reason, message } = inputs.phase_of_work {
        status.phase = Some(FAILED.to_owned());
        status.reason = Some(reason.to_owned());
        status.message = Some(format!("Pod was rejected: {message}"));
        status.start_time = published.and_then(|status| status.start_time.clone());
        return status;
    }
    let view = view::view(inputs);
    status.phase = Some(view.phase.to_owned());
    status.reason = view.reason;
    status.message = view.message;
    status.start_time =
        published.and_then(|status| status.start_time.clone()).or_else(|| Some(inputs.time()));
    addresses::fill(inputs, &mut status);
    status.container_statuses = Some(container::statuses(inputs, &view.container));
    status.ephemeral_container_statuses = container::ephemeral(inputs);
    status.conditions = Some(conditions::conditions(inputs, view.phase, &view.container));
    status
}

pub(crate) const PENDING: &str = "Pending";
pub(crate) const RUNNING: &str = "Running";
pub(crate) const SUCCEEDED: &str = "Succeeded";
pub(crate) const FAILED: &str = "Failed";

// === impl StatusInputs ===

impl<'a> StatusInputs<'a> {
    fn published(&self) -> Option<&'a PodStatus> {
        self.pod.status.as_ref()
    }

    fn is_terminal(&self) -> bool {
        self.published()
            .and_then(|status| status.phase.as_deref())
            .is_some_and(|phase| matches!(phase, SUCCEEDED | FAILED))
    }

    fn is_being_deleted(&self) -> bool {
        self.pod.metadata.deletion_timestamp.is_some()
    }

    /// The instance that the status is about, if there is or was one.
    fn instance(&self) -> Option<&'a Observed> {
        match self.phase_of_work {
            Work::Instance(instance) | Work::Starting { instance, .. } => Some(instance),
            Work::Gone(instance) | Work::Terminated { instance, .. } => instance,
            Work::Accepted | Work::Waiting { .. } | Work::Rejected { .. } => None,
        }
    }

    /// Now, in whole seconds as Kubernetes keeps times.
    fn time(&self) -> Time {
        time(self.now)
    }
}

impl fmt::Debug for StatusInputs<'_> {
    /// The pod by name only: its environment may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusInputs")
            .field("pod", &self.pod.metadata.name)
            .field("phase_of_work", &self.phase_of_work)
            .field("readiness", &self.readiness)
            .field("started", &self.started)
            .field("restarts", &self.restarts)
            .field("host_ips", &self.host_ips)
            .field("now", &self.now)
            .finish()
    }
}

fn time(at: Timestamp) -> Time {
    // Cutting the fraction keeps a time in range, so the fallback is never taken.
    Time(Timestamp::from_second(at.as_second()).unwrap_or(at))
}

// === impl Observed ===

impl From<&Instance> for Observed {
    fn from(instance: &Instance) -> Self {
        Self {
            id: instance.id.to_string(),
            name: instance.name.clone(),
            state: instance.state.clone(),
            image: instance.image.map(|image| image.to_string()),
            primary_ip: instance.primary_ip.clone(),
            ips: instance.ips.clone(),
        }
    }
}
