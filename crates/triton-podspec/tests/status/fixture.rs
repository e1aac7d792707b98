//! A pod whose published status is the last that was computed, and a clock that a test turns.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod, PodCondition, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;
use triton_cloudapi::instances::InstanceState;
use triton_podspec::{Observed, Restarts, StatusInputs, Work, pod_status};

pub(crate) const ID: &str = "d2a5b6f0-7d0b-4c34-9b1c-0f6a0f6b7c11";
pub(crate) const IMAGE: &str = "7b5981c4-1889-11e7-b4c5-3f3bdfc9b88b";

/// One pod's life.
pub(crate) struct Life {
    pub(crate) pod: Pod,
    pub(crate) now: Timestamp,
    pub(crate) readiness: Option<bool>,
    pub(crate) started: bool,
    pub(crate) restarts: Restarts,
    pub(crate) host_ips: Vec<IpAddr>,
}

impl Life {
    /// A pod of one container that the scheduler has just bound.
    pub(crate) fn new(restart_policy: &str) -> Self {
        let pod = json!({
            "metadata": {"name": "web-0", "namespace": "default", "uid": "6e2b", "generation": 1},
            "spec": {"restartPolicy": restart_policy, "containers": [{"name": "web", "image": "ubuntu-16.04"}]},
            "status": {"phase": "Pending", "qosClass": "BestEffort", "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2025-12-31T23:59:59Z"},
                {"type": "example.com/mine", "status": "False"}
            ]},
        });
        Self {
            pod: serde_json::from_value(pod).unwrap(),
            now: "2026-01-01T00:00:00.750Z".parse().unwrap(),
            readiness: None,
            started: true,
            restarts: Restarts::default(),
            host_ips: vec!["10.0.0.7".parse().unwrap()],
        }
    }

    /// A pod whose instance has been running, published.
    pub(crate) fn running(restart_policy: &str) -> Self {
        let mut life = Self::new(restart_policy);
        life.step(Work::Accepted);
        life.see(InstanceState::Provisioning);
        life.see(InstanceState::Running);
        life
    }

    /// Lets ten seconds pass and publishes what follows from `work`.
    pub(crate) fn step(&mut self, work: Work<'_>) -> PodStatus {
        self.now += SignedDuration::from_secs(10);
        let status = pod_status(&StatusInputs {
            pod: &self.pod,
            phase_of_work: work,
            readiness: self.readiness,
            started: self.started,
            restarts: &self.restarts,
            host_ips: &self.host_ips,
            now: self.now,
        });
        self.publish(&status);
        status
    }

    pub(crate) fn see(&mut self, state: InstanceState) -> PodStatus {
        self.step(Work::Instance(&observed(state)))
    }

    /// Merges conditions by type, as the writer's patch does.
    fn publish(&mut self, status: &PodStatus) {
        let others =
            self.pod.status.take().and_then(|published| published.conditions).unwrap_or_default();
        let mut published = status.clone();
        let own = published.conditions.get_or_insert_default();
        let others =
            others.into_iter().filter(|other| own.iter().all(|own| own.type_ != other.type_));
        let others: Vec<PodCondition> = others.collect();
        own.extend(others);
        self.pod.status = Some(published);
    }

    pub(crate) fn delete(&mut self) {
        self.pod.metadata.deletion_timestamp = Some(Time(self.now));
    }
}

pub(crate) fn observed(state: InstanceState) -> Observed {
    Observed {
        id: ID.to_owned(),
        name: "web-0-6e2b00000000".to_owned(),
        state,
        image: Some(IMAGE.to_owned()),
        primary_ip: Some("203.0.113.9".to_owned()),
        ips: vec!["10.77.0.5".to_owned(), "203.0.113.9".to_owned()],
    }
}

pub(crate) fn container(status: &PodStatus) -> &ContainerStatus {
    let statuses = status.container_statuses.as_deref().unwrap();
    assert_eq!(statuses.len(), 1);
    &statuses[0]
}

/// A status in a line: phase, reason, state of the container, previous end, restarts, ready and started.
pub(crate) fn line(status: &PodStatus) -> String {
    let container = container(status);
    let mut line = status.phase.clone().unwrap();
    if let Some(reason) = &status.reason {
        line += &format!("({reason})");
    }
    line += &format!(" {}", state(container.state.as_ref().unwrap()));
    if let Some(last) = &container.last_state {
        line += &format!(" after {}", state(last));
    }
    if container.restart_count > 0 {
        line += &format!(" x{}", container.restart_count);
    }
    if container.ready {
        line += " ready";
    }
    line
}

fn state(state: &ContainerState) -> String {
    match (&state.waiting, &state.running, &state.terminated) {
        (Some(waiting), None, None) => format!("waiting:{}", waiting.reason.as_deref().unwrap()),
        (None, Some(_), None) => "running".to_owned(),
        (None, None, Some(end)) => {
            format!("ended:{}:{}", end.reason.as_deref().unwrap(), end.exit_code)
        }
        _ => panic!("not exactly one state: {state:?}"),
    }
}

/// `Ready=False(ContainersNotReady)` of a type.
pub(crate) fn condition(status: &PodStatus, type_: &str) -> String {
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let Some(condition) = conditions.iter().find(|condition| condition.type_ == type_) else {
        return "absent".to_owned();
    };
    let reason =
        condition.reason.as_deref().map(|reason| format!("({reason})")).unwrap_or_default();
    format!("{}{reason}", condition.status)
}
