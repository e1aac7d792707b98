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
    /// Instances in the last complete list.
    pub instances: Gauge,
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
        let metrics = Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(buckets),
            actions: Family::default(),
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

    /// Counts an action that CloudAPI accepted.
    pub fn action(&self, action: &'static str) {
        self.actions.get_or_create(&ActionLabels { action }).inc();
    }
}
