//! What a provider must do, and the words it does it in.
//!
//! A provider is asked about one pod at a time, again and again, until what runs is what the pod says: it is
//! *level-triggered*. It never learns about watches, queues, back-off, patches or preconditions.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodStatus};

/// A pod's identity. Two pods of one name that lived one after the other differ in `uid`: everything is keyed by it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PodKey {
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
}

/// Runs pods.
///
/// The node calls `sync` and `stop` for one pod never at the same time, for many pods at once. Both must be
/// idempotent, return soon (start work and ask to be called again rather than wait), and treat "I could not find
/// out" as an error, never as absence.
pub trait Provider: Send + Sync + 'static {
    /// Brings what runs for `pod` one step nearer to its spec and says how it stands.
    ///
    /// # Errors
    /// The [`ProviderErrorKind`] decides what the node does; see there.
    fn sync(&self, pod: Arc<Pod>) -> impl Future<Output = Result<Report, ProviderError>> + Send;

    /// Brings what runs for a pod that is going, or gone, one step nearer to nothing.
    ///
    /// [`Stop::Gone`] is a promise that nothing of the pod runs or costs any more; only then does the node remove
    /// the Pod object.
    ///
    /// # Errors
    /// Any error leaves the Pod object where it is; the node calls again with back-off.
    fn stop(
        &self,
        request: StopRequest,
    ) -> impl Future<Output = Result<Stop, ProviderError>> + Send;

    /// Everything the provider runs for this node, whether or not the node asked for it in this life.
    ///
    /// The node compares it with the cluster to find what was left behind. It must be a complete and fresh answer
    /// or an error.
    ///
    /// # Errors
    /// When the answer is not known to be complete.
    fn list(&self) -> impl Future<Output = Result<Vec<Held>, ProviderError>> + Send;

    /// Whether the back end can be reached and accepts us ([`OutageSigns`](crate::OutageSigns)). Its error's message is
    /// shown in `kubectl describe node`. Asked every second at times: answer from what is known.
    ///
    /// # Errors
    /// When pods could not be run now.
    fn ping(&self) -> impl Future<Output = Result<(), ProviderError>> + Send;
}

/// Whether pods could be run: what the Node object needs of a [`Provider`]. Every provider is one; who keeps a Node
/// without its pods ([`VirtualNode::run_node_only`](crate::VirtualNode::run_node_only)) implements nothing else.
pub trait Pulse: Send + Sync + 'static {
    /// As [`Provider::ping`].
    ///
    /// # Errors
    /// When pods could not be run now.
    fn ping(&self) -> impl Future<Output = Result<(), ProviderError>> + Send;
}

/// Something the provider runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Whose it is.
    pub key: PodKey,
    /// Since when it exists, as its back end says; young ones are not judged.
    pub since: Option<Timestamp>,
    /// What an operator would call it (an instance's UUID and name).
    pub describe: String,
}

/// How a pod stands after one pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The status to publish; `None` leaves what is published. The node writes only differences.
    pub status: Option<PodStatus>,
    /// Events to record on the pod.
    pub events: Vec<PodEvent>,
    /// Call again after this long even if nothing pokes.
    pub again: Option<Duration>,
}

/// A pod that is to stop.
#[derive(Clone, Debug)]
pub struct StopRequest {
    /// Whose.
    pub key: PodKey,
    /// The last version of the object that the node saw; `None` for what an earlier life of the node left behind.
    pub pod: Option<Arc<Pod>>,
    /// What is left of the grace period; zero means at once.
    pub grace_left: Duration,
}

/// How far stopping is.
#[derive(Clone, Debug, PartialEq)]
pub enum Stop {
    /// Still something there.
    Going(Report),
    /// Confirmed: nothing is left. The report's status is published before the Pod object goes.
    Gone(Report),
}

/// An event to record on a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodEvent {
    /// Normal or Warning.
    pub kind: PodEventKind,
    /// CamelCase reason, as `kubectl get events` shows it.
    pub reason: String,
    /// One sentence for a person.
    pub message: String,
    /// The container it is about, by its name in the spec.
    pub container: Option<String>,
}

/// How loud an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PodEventKind {
    /// Something that should happen did.
    Normal,
    /// Something a person may want to act on.
    Warning,
}

/// Why a provider could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ProviderError {
    /// What the node should do about it.
    pub kind: ProviderErrorKind,
    /// CamelCase reason for events and statuses.
    pub reason: String,
    /// One sentence for a person, without secrets.
    pub message: String,
    /// The cause, for logs.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What the node does about a [`ProviderError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProviderErrorKind {
    /// The pod can never run here: it is Failed for good, with reason and message, and an event.
    Invalid,
    /// Not now, but nothing is wrong with us (quota, capacity, a missing ConfigMap): the pod waits, an event says
    /// for what, and the node asks again with back-off.
    Busy,
    /// The back end did not answer or refused us: nothing is concluded, the published status stays, the node asks
    /// again with back-off.
    Unavailable,
}

// === impl Pulse ===

impl<P: Provider> Pulse for P {
    fn ping(&self) -> impl Future<Output = Result<(), ProviderError>> + Send {
        Provider::ping(self)
    }
}

// === impl PodKey ===

impl PodKey {
    /// The key of a pod that came from an API server, `None` if it lacks a name, namespace or UID.
    #[must_use]
    pub fn of(pod: &Pod) -> Option<Self> {
        Some(Self {
            namespace: pod.metadata.namespace.clone()?,
            name: pod.metadata.name.clone()?,
            uid: pod.metadata.uid.clone()?,
        })
    }
}

impl std::fmt::Display for PodKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{} ({})", self.namespace, self.name, self.uid)
    }
}

// === impl PodEvent ===

impl PodEvent {
    /// A Normal event.
    #[must_use]
    pub fn normal(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind: PodEventKind::Normal,
            reason: reason.into(),
            message: message.into(),
            container: None,
        }
    }

    /// A Warning event.
    #[must_use]
    pub fn warning(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind: PodEventKind::Warning,
            reason: reason.into(),
            message: message.into(),
            container: None,
        }
    }

    /// The same event about one container.
    #[must_use]
    pub fn in_container(mut self, name: impl Into<String>) -> Self {
        self.container = Some(name.into());
        self
    }
}

// === impl ProviderError ===

impl ProviderError {
    /// An error without a cause.
    #[must_use]
    pub fn new(
        kind: ProviderErrorKind,
        reason: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { kind, reason: reason.into(), message: message.into(), source: None }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }
}
