//! The provider: a map of pods.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateWaiting, ContainerStatus, Pod, PodStatus,
};
use kube_client::Client;
use tokio::sync::watch;
use virtual_node::abilities::{LogLine, Output};
use virtual_node::status::derive::{self, Containers};
use virtual_node::{
    Held, PodEvent, PodKey, Provider, ProviderError, ProviderErrorKind, Report, Stop, StopRequest,
};

use crate::life::Lives;
use crate::references::{self, Found};

/// How soon a pod whose ConfigMap or Secret is missing is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Lines of each container that are kept; older ones go.
const LINES: usize = 1000;

/// Pods that have ended whose lines are kept; older ones go.
const ENDED: usize = 1000;

/// Runs pods in memory.
pub(crate) struct Mock {
    client: Client,
    now: fn() -> Timestamp,
    pods: Mutex<BTreeMap<PodKey, Running>>,
    /// What pods that have ended had to say: they are read for as long as their objects exist.
    ended: Mutex<VecDeque<(PodKey, Lines)>>,
    /// Changes whenever a line was written or a container ended.
    pub(crate) written: watch::Sender<()>,
}

/// What a pod's containers have written, by container.
pub(crate) type Lines = BTreeMap<String, Vec<LogLine>>;

/// A pod that runs.
pub(crate) struct Running {
    pub(crate) since: Timestamp,
    pub(crate) lives: Lives,
    address: String,
    lines: Lines,
}

// === impl Provider for Mock ===

impl Provider for Mock {
    async fn sync(&self, pod: Arc<Pod>) -> Result<Report, ProviderError> {
        let Some(key) = PodKey::of(&pod) else {
            let message = "a pod needs a name, a namespace and a UID";
            return Err(ProviderError::new(ProviderErrorKind::Invalid, "NoName", message));
        };
        let mut events = Vec::new();
        if !self.pods().contains_key(&key) {
            let found = references::look_up(&self.client, &key.namespace, &pod).await;
            let Found { events: missed, missing } = found;
            if let Some(message) = missing {
                let status = Some(cannot_start(&pod, &message));
                return Ok(Report { status, events: missed, again: Some(LOOK_AGAIN) });
            }
            events = missed;
        }
        let now = (self.now)();
        let mut pods = self.pods();
        let nth = pods.len();
        let running = pods.entry(key).or_insert_with(|| Running::new(&pod, nth, now));
        let happened = running.lives.pass(now);
        running.note(&happened, now);
        events.extend(happened);
        self.written.send_replace(());
        let again = running.lives.next(now);
        Ok(Report { status: Some(running.status(&pod, now)), events, again })
    }

    async fn stop(&self, request: StopRequest) -> Result<Stop, ProviderError> {
        let running = self.pods().remove(&request.key);
        let (Some(mut running), Some(pod)) = (running, request.pod) else {
            return Ok(Stop::Gone(Report::default()));
        };
        let now = (self.now)();
        running.lives.end(now);
        let status = Some(running.status(&pod, now));
        self.keep(request.key, running.lines);
        self.written.send_replace(());
        let events = vec![PodEvent::normal("Killing", "Stopping all containers")];
        Ok(Stop::Gone(Report { status, events, again: None }))
    }

    async fn list(&self) -> Result<Vec<Held>, ProviderError> {
        let held = |(key, running): (&PodKey, &Running)| Held {
            key: key.clone(),
            since: Some(running.since),
            describe: "a pod in memory".to_owned(),
        };
        Ok(self.pods().iter().map(held).collect())
    }

    async fn ping(&self) -> Result<(), ProviderError> {
        Ok(())
    }
}

// === impl Mock ===

impl Mock {
    /// Runs nothing yet.
    pub(crate) fn new(client: Client, now: fn() -> Timestamp) -> Self {
        Self {
            client,
            now,
            pods: Mutex::default(),
            ended: Mutex::default(),
            written: watch::Sender::new(()),
        }
    }

    /// What a container has written, and whether more may come; `None` if nothing is kept of its pod.
    pub(crate) fn lines(&self, key: &PodKey, container: &str) -> Option<(Vec<LogLine>, bool)> {
        let of = |lines: &Lines| lines.get(container).cloned().unwrap_or_default();
        if let Some(running) = self.pods().get(key) {
            let runs = running.lives.running().any(|running| running.name == container);
            return Some((of(&running.lines), runs));
        }
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.iter().find(|(ended, _)| ended == key).map(|(_, lines)| (of(lines), false))
    }

    fn keep(&self, key: PodKey, lines: Lines) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.push_back((key, lines));
        while ended.len() > ENDED {
            ended.pop_front();
        }
    }

    /// The moment.
    pub(crate) fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// All pods.
    pub(crate) fn pods(&self) -> MutexGuard<'_, BTreeMap<PodKey, Running>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Running ===

impl Running {
    fn new(pod: &Pod, nth: usize, now: Timestamp) -> Self {
        // Of the addresses that are set aside for measurements between networks (RFC 2544): nobody answers there.
        let address = format!("198.18.{}.{}", nth / 250 % 250, nth % 250 + 1);
        Self { since: now, lives: Lives::of(pod), address, lines: BTreeMap::new() }
    }

    fn status(&self, pod: &Pod, now: Timestamp) -> PodStatus {
        PodStatus {
            pod_ip: Some(self.address.clone()),
            ..derive::status(pod, self.lives.containers(now))
        }
    }

    /// What containers of this kind have to say: that they began.
    fn note(&mut self, events: &[PodEvent], at: Timestamp) {
        for event in events.iter().filter(|event| event.reason == "Started") {
            let Some(container) = &event.container else { continue };
            let lines = self.lines.entry(container.clone()).or_default();
            let text = format!("{container} begins").into();
            lines.push(LogLine { at, output: Output::Stdout, text });
            let surplus = lines.len().saturating_sub(LINES);
            lines.drain(..surplus);
        }
    }
}

/// The status of a pod whose environment cannot be made up, as the kubelet shows it.
fn cannot_start(pod: &Pod, message: &str) -> PodStatus {
    let spec = pod.spec.clone().unwrap_or_default();
    let waiting = |name: String, image: Option<String>| ContainerStatus {
        name,
        image: image.unwrap_or_default(),
        started: Some(false),
        state: Some(ContainerState {
            waiting: Some(ContainerStateWaiting {
                reason: Some("CreateContainerConfigError".to_owned()),
                message: Some(message.to_owned()),
            }),
            ..ContainerState::default()
        }),
        ..ContainerStatus::default()
    };
    let statuses = |containers: Vec<k8s_openapi::api::core::v1::Container>| {
        containers.into_iter().map(|container| waiting(container.name, container.image)).collect()
    };
    let init = statuses(spec.init_containers.unwrap_or_default());
    let regular = statuses(spec.containers);
    derive::status(pod, Containers { init, regular, ready_to_start: true })
}
