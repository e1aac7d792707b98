//! The kubelet's metrics of its prober, as its `/metrics/probes` shows them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use k8s_openapi::api::core::v1::Pod;
use probe_engine::{Answered, Answers, BUCKETS, Kind};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::shared::Shared;
use crate::{clock, pod as read};

/// Whose probes there are, by the UIDs that the engine knows them by.
#[derive(Debug, Default)]
pub(crate) struct Names(Mutex<HashMap<Box<str>, Arc<Name>>>);

#[derive(Debug)]
struct Name {
    namespace: Box<str>,
    pod: Box<str>,
    container: Box<str>,
}

/// Collects what the probes of a provider were answered; nothing once the provider is gone.
pub(crate) struct ProbeCollector<C>(pub(crate) Weak<Shared<C>>);

/// One probe.
struct Row {
    uid: Arc<str>,
    name: Arc<Name>,
    kind: Kind,
    answers: Answers,
}

// === impl Names ===

impl Names {
    /// Notes whose probes these are.
    pub(crate) fn note(&self, uid: &str, pod: &Pod) {
        self.lock().entry(uid.into()).or_insert_with(|| {
            let text = |text: &Option<String>| text.as_deref().unwrap_or_default().into();
            Arc::new(Name {
                namespace: text(&pod.metadata.namespace),
                pod: text(&pod.metadata.name),
                container: read::container_name(pod).into(),
            })
        });
    }

    /// Forgets a pod.
    pub(crate) fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Arc<Name>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl ProbeCollector ===

impl<C> ProbeCollector<C> {
    fn rows(&self) -> Vec<Row> {
        let Some(shared) = self.0.upgrade() else { return Vec::new() };
        let answers = shared.probes.answers();
        let names = shared.probe_names.lock();
        let row = |one: Answered| {
            let name = Arc::clone(names.get(&*one.target)?);
            Some(Row { uid: one.target, name, kind: one.kind, answers: one.answers })
        };
        answers.into_iter().filter_map(row).collect()
    }
}

impl<C> fmt::Debug for ProbeCollector<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProbeCollector")
    }
}

impl<C: Send + Sync + 'static> Collector for ProbeCollector<C> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let rows = self.rows();
        let mut total = encoder.encode_descriptor(
            "prober_probe",
            "Cumulative number of a liveness, readiness or startup probe for a container by result.",
            None,
            MetricType::Counter,
        )?;
        for Row { uid, name, kind, answers } in &rows {
            let Answers { successes, failures, .. } = answers;
            for (result, count) in [("successful", *successes), ("failed", *failures)] {
                if count > 0 {
                    let labels = [
                        ("probe_type", word(*kind)),
                        ("result", result),
                        ("container", &*name.container),
                        ("pod", &*name.pod),
                        ("namespace", &*name.namespace),
                        ("pod_uid", &**uid),
                    ];
                    ConstCounter::new(count).encode(total.encode_family(&labels)?)?;
                }
            }
        }
        let mut seconds = encoder.encode_descriptor(
            "prober_probe_duration_seconds",
            "Duration in seconds for a probe response.",
            None,
            MetricType::Histogram,
        )?;
        for Row { name, kind, answers, .. } in rows.iter().filter(|row| row.answers.successes > 0) {
            let labels = [
                ("probe_type", word(*kind)),
                ("container", &*name.container),
                ("pod", &*name.pod),
                ("namespace", &*name.namespace),
            ];
            let fit: u64 = answers.buckets.iter().sum();
            let rest = (f64::MAX, answers.successes.saturating_sub(fit));
            let buckets: Vec<_> = BUCKETS.into_iter().zip(answers.buckets).chain([rest]).collect();
            let (sum, count) = (answers.took.as_secs_f64(), answers.successes);
            let mut series = seconds.encode_family(&labels)?;
            series.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
        let start = encoder.encode_descriptor(
            "process_start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
            None,
            MetricType::Gauge,
        )?;
        ConstGauge::new(clock::process_start().as_millisecond() as f64 / 1000.0).encode(start)
    }
}

/// The kubelet's word for a kind of probe.
fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Startup => "Startup",
        Kind::Liveness => "Liveness",
        Kind::Readiness => "Readiness",
    }
}
