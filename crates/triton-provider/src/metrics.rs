//! What the provider counts.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use triton_cloudapi::client::{OnRequest, RequestOutcome, RequestRecord};

use crate::observer::Reason;
use crate::timeline::Phase;

/// Labels of a CloudAPI request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The manual's name of the call.
    pub endpoint: String,
    /// Status, or what went wrong before there was one.
    pub outcome: String,
}

/// Labels of an instance action.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ActionLabels {
    /// What was done: create, adopt, start, reboot, shutdown, delete, remove-twin, …
    pub action: &'static str,
}

/// Counters and gauges of the provider. Names begin with `vk_triton_` through the registry's prefix.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    seconds: Family<EndpointLabels, Histogram, fn() -> Histogram>,
    actions: Family<ActionLabels, Counter>,
    lists: Family<ListLabels, Counter>,
    start_phases: Family<PhaseLabels, Histogram, fn() -> Histogram>,
    changefeed: Family<ChangefeedLabels, Gauge>,
    /// Changes that the changefeed has told of, of whatever instance of the account.
    pub changefeed_changes: Counter,
    /// Changes that a list showed and the changefeed did not tell of.
    pub changefeed_missed: Counter,
    /// Instances in the last complete list.
    pub instances: Gauge,
}

/// Labels of a part of a pod's start.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct PhaseLabels {
    /// queued, prepared, throttled, created, provisioned, ready; and total.
    pub phase: &'static str,
}

/// Labels of a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ListLabels {
    /// Why it was made: first, failed, hint, expected, confirm, interval.
    pub reason: &'static str,
}

/// Labels of the changefeed's state.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ChangefeedLabels {
    /// connected, or trusted.
    pub state: &'static str,
}

/// Labels of a duration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct EndpointLabels {
    /// The manual's name of the call.
    pub endpoint: String,
}

// === impl Metrics ===

impl Metrics {
    /// Makes them and registers them.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let buckets: fn() -> Histogram = || Histogram::new(exponential_buckets(0.005, 2.0, 15));
        // From 10 ms to three quarters of an hour.
        let starts: fn() -> Histogram = || Histogram::new(exponential_buckets(0.01, 2.0, 19));
        let metrics = Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(buckets),
            actions: Family::default(),
            lists: Family::default(),
            start_phases: Family::new_with_constructor(starts),
            changefeed: Family::default(),
            changefeed_changes: Counter::default(),
            changefeed_missed: Counter::default(),
            instances: Gauge::default(),
        };
        registry.register(
            "cloudapi_requests",
            "Requests sent to CloudAPI",
            metrics.requests.clone(),
        );
        registry.register(
            "cloudapi_request_seconds",
            "Time from sending a request to CloudAPI to its answer",
            metrics.seconds.clone(),
        );
        registry.register(
            "instance_actions",
            "Actions on instances that CloudAPI accepted",
            metrics.actions.clone(),
        );
        registry.register(
            "instance_lists",
            "Complete lists of instances that were begun, by reason",
            metrics.lists.clone(),
        );
        registry.register(
            "pod_start_phase_seconds",
            "Time that pods took to become ready for the first time, by what they waited for",
            metrics.start_phases.clone(),
        );
        registry.register(
            "changefeed",
            "Whether the changefeed is connected, and whether it is relied on",
            metrics.changefeed.clone(),
        );
        registry.register(
            "changefeed_changes",
            "Changes that the changefeed has told of",
            metrics.changefeed_changes.clone(),
        );
        registry.register(
            "changefeed_missed",
            "Changes that a list showed and the changefeed did not tell of",
            metrics.changefeed_missed.clone(),
        );
        registry.register(
            "instances",
            "Instances of this node in the last complete list",
            metrics.instances.clone(),
        );
        metrics
    }

    /// The hook that counts a client's requests.
    #[must_use]
    pub fn on_request(&self) -> OnRequest {
        let metrics = self.clone();
        Arc::new(move |record: &RequestRecord| {
            let outcome = match record.outcome {
                RequestOutcome::Status(status) => status.to_string(),
                RequestOutcome::Error(class) => class.to_owned(),
            };
            metrics.count(record.endpoint, outcome, record.duration);
        })
    }

    fn count(&self, endpoint: &str, outcome: String, elapsed: Duration) {
        let labels = RequestLabels { endpoint: endpoint.to_owned(), outcome };
        self.requests.get_or_create(&labels).inc();
        let labels = EndpointLabels { endpoint: endpoint.to_owned() };
        self.seconds.get_or_create(&labels).observe(elapsed.as_secs_f64());
    }

    /// Counts a list.
    pub fn list(&self, reason: Reason) {
        let reason = match reason {
            Reason::First => "first",
            Reason::Failed => "failed",
            Reason::Hint => "hint",
            Reason::Expected => "expected",
            Reason::Confirm => "confirm",
            Reason::Interval => "interval",
        };
        self.lists.get_or_create(&ListLabels { reason }).inc();
    }

    /// Shows how the changefeed stands.
    pub fn changefeed(&self, connected: bool, trusted: bool) {
        for (state, is) in [("connected", connected), ("trusted", trusted)] {
            self.changefeed.get_or_create(&ChangefeedLabels { state }).set(i64::from(is));
        }
    }

    /// Counts a part of a pod's start.
    pub fn start_phase(&self, phase: Phase) {
        let labels = PhaseLabels { phase: phase.name };
        self.start_phases.get_or_create(&labels).observe(phase.took.as_secs_f64());
    }

    /// Counts an action that CloudAPI accepted.
    pub fn action(&self, action: &'static str) {
        self.actions.get_or_create(&ActionLabels { action }).inc();
    }
}
