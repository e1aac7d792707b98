//! What the node counts.

use std::collections::BTreeMap;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// The node's metrics. The caller owns the registry, its prefix, and whatever else is in it.
///
/// ```
/// let mut registry = prometheus_client::registry::Registry::with_prefix("vk_triton");
/// let metrics = virtual_node::Metrics::register(&mut registry);
/// # drop(metrics);
/// let mut text = String::new();
/// prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
/// assert!(text.contains("vk_triton_queue_depth"));
/// ```
#[derive(Clone, Debug)]
pub struct Metrics {
    leader: Gauge,
    election_renewals: Family<ResultLabel, Counter>,
    pods: Family<PhaseLabel, Gauge>,
    passes: Family<PassLabel, Counter>,
    pass_seconds: Family<KindLabel, Histogram>,
    queue_depth: Gauge,
    passes_running: Gauge,
    kube_writes: Family<KindLabel, Counter>,
    lease_renewals: Family<ResultLabel, Counter>,
    lease_late_seconds: Histogram,
    node_ready: Gauge,
    provider_reachable: Gauge,
    orphans: Gauge,
    orphans_held_back: Gauge,
    orphans_stopped: Counter,
    orphan_brakes: Counter,
    events_dropped: Counter,
    events_sampled: Counter,
}

/// What kind of object was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum KubeWrite {
    Node,
    NodeStatus,
    Lease,
    PodStatus,
    PodDelete,
    Event,
}

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PassResult {
    Done,
    Invalid,
    Busy,
    Unavailable,
    WriteFailed,
    Unreadable,
    Panicked,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PhaseLabel {
    phase: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PassLabel {
    kind: &'static str,
    result: &'static str,
}

// === impl Metrics ===

impl Metrics {
    /// Adds the node's metrics to a registry.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "leader",
            "1 while this process acts for the node",
            metrics.leader.clone(),
        );
        registry.register(
            "election_renewals",
            "Renewals of the Lease that elects the acting process by result",
            metrics.election_renewals.clone(),
        );
        registry.register("pods", "Pods of this node by phase", metrics.pods.clone());
        registry.register(
            "passes",
            "Passes over pods by what they did and how they ended",
            metrics.passes.clone(),
        );
        registry.register(
            "pass_duration_seconds",
            "How long passes took",
            metrics.pass_seconds.clone(),
        );
        registry.register(
            "queue_depth",
            "Pods whose time has come and that wait for a worker",
            metrics.queue_depth.clone(),
        );
        registry.register("passes_running", "Passes that run now", metrics.passes_running.clone());
        registry.register(
            "kube_writes",
            "Writes to the API server by object",
            metrics.kube_writes.clone(),
        );
        registry.register(
            "lease_renewals",
            "Renewals of the node's Lease by result",
            metrics.lease_renewals.clone(),
        );
        let late = metrics.lease_late_seconds.clone();
        registry.register(
            "lease_late_seconds",
            "How much later than planned the Lease was renewed",
            late,
        );
        registry.register(
            "node_ready",
            "1 while this process keeps the Node object Ready",
            metrics.node_ready.clone(),
        );
        registry.register(
            "provider_reachable",
            "1 while the provider answers",
            metrics.provider_reachable.clone(),
        );
        registry.register(
            "orphans",
            "Things that run for this node and belong to no pod",
            metrics.orphans.clone(),
        );
        registry.register(
            "orphans_held_back",
            "Orphans that the brake holds back",
            metrics.orphans_held_back.clone(),
        );
        registry.register(
            "orphans_stopped",
            "Orphans that were ordered to stop",
            metrics.orphans_stopped.clone(),
        );
        let brakes = metrics.orphan_brakes.clone();
        registry.register(
            "orphan_brakes",
            "Rounds in which too many orphans were found to stop any",
            brakes,
        );
        registry.register(
            "events_dropped",
            "Events that were not written",
            metrics.events_dropped.clone(),
        );
        registry.register(
            "events_sampled",
            "Normal events left out because many pods had one at once",
            metrics.events_sampled.clone(),
        );
        metrics
    }

    pub(crate) fn pods(&self, phases: &BTreeMap<&'static str, usize>) {
        for phase in ["Pending", "Running", "Succeeded", "Failed", "Unknown", "Departed"] {
            let count = phases.get(phase).copied().unwrap_or_default();
            let label = PhaseLabel { phase: phase.to_owned() };
            self.pods.get_or_create(&label).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    pub(crate) fn pass(&self, kind: &'static str, result: PassResult, took: Duration) {
        self.passes.get_or_create(&PassLabel { kind, result: result.as_str() }).inc();
        self.pass_seconds.get_or_create(&KindLabel { kind }).observe(took.as_secs_f64());
    }

    pub(crate) fn queue(&self, overdue: usize, running: usize) {
        self.queue_depth.set(i64::try_from(overdue).unwrap_or(i64::MAX));
        self.passes_running.set(i64::try_from(running).unwrap_or(i64::MAX));
    }

    pub(crate) fn kube_write(&self, kind: KubeWrite) {
        self.kube_writes.get_or_create(&KindLabel { kind: kind.as_str() }).inc();
    }

    pub(crate) fn lease_renewed(&self, ok: bool, late: Duration) {
        self.lease_renewals
            .get_or_create(&ResultLabel { result: if ok { "done" } else { "failed" } })
            .inc();
        if ok {
            self.lease_late_seconds.observe(late.as_secs_f64());
        }
    }

    pub(crate) fn leader(&self, acts: bool) {
        self.leader.set(i64::from(acts));
        if !acts {
            // What only the acting process knows.
            self.node_ready(false);
            self.provider_reachable(false);
            self.pods(&BTreeMap::new());
            self.queue(0, 0);
            self.orphans_found(0);
        }
    }

    pub(crate) fn election_renewed(&self, ok: bool) {
        let result = if ok { "done" } else { "failed" };
        self.election_renewals.get_or_create(&ResultLabel { result }).inc();
    }

    pub(crate) fn node_ready(&self, ready: bool) {
        self.node_ready.set(i64::from(ready));
    }

    pub(crate) fn provider_reachable(&self, reachable: bool) {
        self.provider_reachable.set(i64::from(reachable));
    }

    pub(crate) fn orphans_found(&self, found: usize) {
        self.orphans.set(i64::try_from(found).unwrap_or(i64::MAX));
    }

    pub(crate) fn orphans_held_back(&self, count: usize) {
        self.orphans_held_back.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(crate) fn orphan_stopped(&self) {
        self.orphans_stopped.inc();
    }

    pub(crate) fn orphan_brake(&self) {
        self.orphan_brakes.inc();
    }

    pub(crate) fn event_dropped(&self) {
        self.events_dropped.inc();
    }

    pub(crate) fn event_sampled(&self) {
        self.events_sampled.inc();
    }
}

impl Default for Metrics {
    /// Metrics that nobody reads.
    fn default() -> Self {
        Self {
            leader: Gauge::default(),
            election_renewals: Family::default(),
            pods: Family::default(),
            passes: Family::default(),
            pass_seconds: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.001, 4.0, 10))
            }),
            queue_depth: Gauge::default(),
            passes_running: Gauge::default(),
            kube_writes: Family::default(),
            lease_renewals: Family::default(),
            lease_late_seconds: Histogram::new([0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0]),
            node_ready: Gauge::default(),
            provider_reachable: Gauge::default(),
            orphans: Gauge::default(),
            orphans_held_back: Gauge::default(),
            orphans_stopped: Counter::default(),
            orphan_brakes: Counter::default(),
            events_dropped: Counter::default(),
            events_sampled: Counter::default(),
        }
    }
}

// === impl KubeWrite ===

impl KubeWrite {
    fn as_str(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::NodeStatus => "node_status",
            Self::Lease => "lease",
            Self::PodStatus => "pod_status",
            Self::PodDelete => "pod_delete",
            Self::Event => "event",
        }
    }
}

// === impl PassResult ===

impl PassResult {
    fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Invalid => "invalid",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::WriteFailed => "write_failed",
            Self::Unreadable => "unreadable",
            Self::Panicked => "panicked",
        }
    }
}
