//! A provider that does what each pod's label `behave` says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, PodStatus};
use serde_json::{Value, json};
use virtual_node::{
    Held, PodEvent, PodKey, Provider, ProviderError, ProviderErrorKind, Report, Stop, StopRequest,
};

/// Labels: `run`, `complete` (Succeeded at once), `invalid`, `busy` (until released), `linger` (stops when released), `hang` (a pass over
/// it never ends).
#[derive(Default)]
pub(crate) struct Scripted {
    pub(crate) held: Mutex<BTreeMap<String, Held>>,
    pub(crate) released: Mutex<BTreeSet<String>>,
    pub(crate) down: AtomicBool,
    pub(crate) syncs: AtomicUsize,
    pub(crate) hung: AtomicUsize,
    pub(crate) stops: Mutex<Vec<(String, Duration)>>,
}

impl Scripted {
    pub(crate) fn hold(&self, key: PodKey) {
        let held = Held {
            key: key.clone(),
            since: Some(jiff::Timestamp::UNIX_EPOCH),
            describe: "left over".into(),
        };
        self.held.lock().unwrap().insert(key.uid, held);
    }

    pub(crate) fn release(&self, name: &str) {
        self.released.lock().unwrap().insert(name.to_owned());
    }

    pub(crate) fn holds(&self, uid: &str) -> bool {
        self.held.lock().unwrap().contains_key(uid)
    }

    fn is_released(&self, name: &str) -> bool {
        self.released.lock().unwrap().contains(name)
    }
}

impl Provider for Scripted {
    async fn sync(&self, pod: Arc<Pod>) -> Result<Report, ProviderError> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        let key = PodKey::of(&pod).unwrap();
        let behave = pod
            .metadata
            .labels
            .as_ref()
            .and_then(|labels| labels.get("behave"))
            .map_or("run", String::as_str);
        let error =
            |kind, reason: &str| Err(ProviderError::new(kind, reason, format!("{behave} it is")));
        if behave == "hang" {
            self.hung.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<()>().await;
        }
        match behave {
            "invalid" => return error(ProviderErrorKind::Invalid, "TooManyContainers"),
            "busy" if !self.is_released(&key.name) => {
                return error(ProviderErrorKind::Busy, "QuotaExceeded");
            }
            _ => {}
        }
        self.hold(key);
        let phase = if behave == "complete" { "Succeeded" } else { "Running" };
        Ok(Report {
            status: Some(status(&pod, phase)),
            events: vec![PodEvent::normal("Started", "It runs").in_container("c")],
            again: None,
        })
    }

    async fn stop(&self, request: StopRequest) -> Result<Stop, ProviderError> {
        self.stops.lock().unwrap().push((request.key.uid.clone(), request.grace_left));
        let lingers = request.pod.as_ref().is_some_and(|pod| {
            pod.metadata
                .labels
                .as_ref()
                .is_some_and(|labels| labels.get("behave").is_some_and(|behave| behave == "linger"))
        });
        if lingers && !self.is_released(&request.key.name) {
            return Ok(Stop::Going(Report {
                again: Some(Duration::from_millis(100)),
                ..Report::default()
            }));
        }
        self.held.lock().unwrap().remove(&request.key.uid);
        Ok(Stop::Gone(Report::default()))
    }

    async fn list(&self) -> Result<Vec<Held>, ProviderError> {
        Ok(self.held.lock().unwrap().values().cloned().collect())
    }

    async fn ping(&self) -> Result<(), ProviderError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(ProviderError::new(
                ProviderErrorKind::Unavailable,
                "Down",
                "the cloud is away",
            ));
        }
        Ok(())
    }
}

fn status(pod: &Pod, phase: &str) -> PodStatus {
    let running = phase == "Running";
    let ready = if running { "True" } else { "False" };
    let state = if running {
        json!({ "running": {} })
    } else {
        json!({ "terminated": { "exitCode": 0, "reason": "Completed" } })
    };
    let containers: Vec<Value> = pod
        .spec
        .iter()
        .flat_map(|spec| &spec.containers)
        .map(|container| {
            json!({
                "name": container.name, "image": container.image, "imageID": "", "containerID": "scripted://1",
                "ready": running, "started": running, "restartCount": 0, "state": state,
            })
        })
        .collect();
    serde_json::from_value(json!({
        "phase": phase,
        "podIPs": [{ "ip": "192.0.2.10" }, { "ip": "2001:db8::10" }],
        "conditions": [
            { "type": "Initialized", "status": "True" },
            { "type": "ContainersReady", "status": ready },
            { "type": "Ready", "status": ready },
        ],
        "containerStatuses": containers,
    }))
    .unwrap()
}
