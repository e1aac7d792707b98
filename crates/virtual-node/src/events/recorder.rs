//! Writes events in the background.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube_client::Client;
use kube_client::api::{Api, Patch, PatchParams, PostParams};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::log::{Log, Same, Step};
use crate::api::{CallError, call_within, chain};
use crate::metrics::{KubeWrite, Metrics};
use crate::provider::{PodEvent, PodEventKind, PodKey};

/// Events that may wait to be written; more are dropped and counted.
const WAITING: usize = 1024;

/// How long one event may take to be written: they are not worth waiting for.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// Where events of objects without a namespace go.
const DEFAULT_NAMESPACE: &str = "default";

/// Takes events in without waiting.
#[derive(Clone)]
pub(crate) struct Recorder {
    sender: mpsc::Sender<Told>,
    metrics: Arc<Metrics>,
}

/// What an event is about.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    Pod(PodKey),
    /// By name, which is also the UID that node events traditionally carry; `kubectl describe node` looks for it.
    Node(String),
}

#[derive(Debug)]
struct Told {
    subject: Subject,
    event: PodEvent,
    quiet: Duration,
    at: Timestamp,
}

/// Writes what recorders take in.
pub(crate) struct Writer {
    receiver: mpsc::Receiver<Told>,
    client: Client,
    component: String,
    host: String,
    metrics: Arc<Metrics>,
    log: Log,
}

/// Makes both ends.
pub(crate) fn recorder(
    client: Client,
    component: &str,
    host: &str,
    metrics: Arc<Metrics>,
) -> (Recorder, Writer) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let writer = Writer {
        receiver,
        client,
        component: component.to_owned(),
        host: host.to_owned(),
        metrics: Arc::clone(&metrics),
        log: Log::default(),
    };
    (Recorder { sender, metrics }, writer)
}

// === impl Recorder ===

impl Recorder {
    /// Tells an event; a repeat within `quiet` is only counted.
    pub(crate) fn tell(&self, subject: Subject, event: PodEvent, quiet: Duration) {
        let at = crate::clock::now();
        if self.sender.try_send(Told { subject, event, quiet, at }).is_err() {
            self.metrics.event_dropped();
        }
    }
}

// === impl Writer ===

impl Writer {
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        while let Some(Some(told)) = shutdown.run_until_cancelled(self.receiver.recv()).await {
            if shutdown.run_until_cancelled(self.write(told)).await.is_none() {
                return;
            }
        }
    }

    async fn write(&mut self, told: Told) {
        let same = told.same();
        let outcome = match judge(&mut self.log, &same, &told) {
            Step::Skip => return,
            Step::Sample => {
                self.metrics.event_sampled();
                return;
            }
            Step::Create => self.create(&told, same.clone()).await,
            Step::Count { name, count } => self.count(&told, &name, count).await,
        };
        if let Err(error) = outcome {
            self.log.forget(&same);
            self.metrics.event_dropped();
            tracing::debug!(error = chain(&error), reason = told.event.reason, "an event was lost");
        }
    }

    async fn create(&mut self, told: &Told, same: Same) -> Result<(), CallError> {
        let involved = told.involved_object();
        // The time of writing: two may happen at one moment, but they are written one after the other.
        let moment = crate::clock::now().as_nanosecond();
        let name = format!("{}.{moment:x}", involved.name.as_deref().unwrap_or_default());
        let event = Event {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                namespace: Some(told.namespace()),
                ..ObjectMeta::default()
            },
            involved_object: involved,
            type_: Some(told.kind().to_owned()),
            reason: Some(told.event.reason.clone()),
            message: Some(told.event.message.clone()),
            source: Some(EventSource {
                component: Some(self.component.clone()),
                host: Some(self.host.clone()),
            }),
            reporting_component: Some(self.component.clone()),
            reporting_instance: Some(self.host.clone()),
            first_timestamp: Some(Time(told.at)),
            last_timestamp: Some(Time(told.at)),
            count: Some(1),
            ..Event::default()
        };
        self.metrics.kube_write(KubeWrite::Event);
        let events: Api<Event> = Api::namespaced(self.client.clone(), &told.namespace());
        call_within(
            WRITE_TIMEOUT,
            "creating an event",
            events.create(&PostParams::default(), &event),
        )
        .await?;
        self.log.created(same, name, told.at);
        Ok(())
    }

    async fn count(&mut self, told: &Told, name: &str, count: i32) -> Result<(), CallError> {
        self.metrics.kube_write(KubeWrite::Event);
        let events: Api<Event> = Api::namespaced(self.client.clone(), &told.namespace());
        let patch = Patch::Merge(json!({ "count": count, "lastTimestamp": Time(told.at) }));
        let params = PatchParams::default();
        call_within(WRITE_TIMEOUT, "counting an event", events.patch(name, &params, &patch))
            .await
            .map(drop)
    }
}

/// Decides by when it happened. By when its turn to be written comes, any burst would look as slow as the API server
/// takes what is written of it.
fn judge(log: &mut Log, same: &Same, told: &Told) -> Step {
    log.judge(same, told.event.kind, told.quiet, told.at)
}

// === impl Told ===

impl Told {
    fn kind(&self) -> &'static str {
        match self.event.kind {
            PodEventKind::Normal => "Normal",
            PodEventKind::Warning => "Warning",
        }
    }

    fn namespace(&self) -> String {
        match &self.subject {
            Subject::Pod(key) => key.namespace.clone(),
            Subject::Node(_) => DEFAULT_NAMESPACE.to_owned(),
        }
    }

    fn same(&self) -> Same {
        Same {
            object: match &self.subject {
                Subject::Pod(key) => key.uid.clone(),
                Subject::Node(name) => name.clone(),
            },
            container: self.event.container.clone(),
            reason: self.event.reason.clone(),
            message: self.event.message.clone(),
        }
    }

    fn involved_object(&self) -> ObjectReference {
        let (kind, namespace, name, uid) = match &self.subject {
            Subject::Pod(key) => {
                ("Pod", Some(key.namespace.clone()), key.name.clone(), Some(key.uid.clone()))
            }
            Subject::Node(name) => ("Node", None, name.clone(), Some(name.clone())),
        };
        ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some(kind.to_owned()),
            namespace,
            name: Some(name),
            uid,
            field_path: self
                .event
                .container
                .as_ref()
                .map(|name| format!("spec.containers{{{name}}}")),
            ..ObjectReference::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of a hundred events, each about another pod and so long after the one before, are written.
    fn written(apart: Duration) -> usize {
        let mut log = Log::default();
        let judged = (0..100_u32).map(|n| {
            let subject = Subject::Node(format!("node-{n}"));
            let at = Timestamp::UNIX_EPOCH.checked_add(apart * n).unwrap();
            let event = PodEvent::normal("Started", "m");
            let told = Told { subject, event, quiet: Duration::ZERO, at };
            judge(&mut log, &told.same(), &told)
        });
        judged.filter(|step| *step == Step::Create).count()
    }

    #[test]
    fn a_burst_is_one_by_when_its_events_happened_and_not_by_when_they_are_written() {
        assert_eq!(written(Duration::from_secs(1)), 100);
        assert!(written(Duration::from_millis(3)) <= 35);
    }
}
