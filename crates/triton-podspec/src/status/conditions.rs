//! The pod's conditions, with the kubelet's reasons and messages (`pkg/kubelet/status/generate.go`).

use k8s_openapi::api::core::v1::PodCondition;

use super::view::Container;
use super::{FAILED, RUNNING, SUCCEEDED, StatusInputs, Work};

const POD_SCHEDULED: &str = "PodScheduled";
const READY_TO_START_CONTAINERS: &str = "PodReadyToStartContainers";
const INITIALIZED: &str = "Initialized";
const CONTAINERS_READY: &str = "ContainersReady";
const READY: &str = "Ready";

/// Types that this node writes; all others are somebody else's.
const OWN: [&str; 5] =
    [READY_TO_START_CONTAINERS, INITIALIZED, READY, CONTAINERS_READY, POD_SCHEDULED];

/// Only the conditions that this node writes.
pub(super) fn own(conditions: Vec<PodCondition>) -> Vec<PodCondition> {
    conditions.into_iter().filter(|condition| OWN.contains(&condition.type_.as_str())).collect()
}

/// All conditions that this node writes, in the kubelet's order.
pub(super) fn conditions(
    inputs: &StatusInputs<'_>,
    phase: &str,
    container: &Container,
) -> Vec<PodCondition> {
    // An instance that ran keeps its NICs between two runs.
    let is_up = matches!(inputs.phase_of_work, Work::Starting { .. });
    let has_network = phase == RUNNING || is_up;
    let initialized =
        if phase == SUCCEEDED { Fact::because(true, "PodCompleted") } else { Fact::plain(true) };
    let containers_ready = containers_ready(inputs, phase, container);
    let ready = ready(inputs, &containers_ready);
    OWN.into_iter()
        .zip([Fact::plain(has_network), initialized, ready, containers_ready, Fact::plain(true)])
        .map(|(type_, fact)| condition(inputs, type_, fact))
        .collect()
}

fn containers_ready(inputs: &StatusInputs<'_>, phase: &str, container: &Container) -> Fact {
    match phase {
        SUCCEEDED => Fact::because(false, "PodCompleted"),
        FAILED => Fact::because(false, "PodFailed"),
        _ if container.ready => Fact::plain(true),
        _ => {
            let containers = inputs.pod.spec.iter().flat_map(|spec| &spec.containers);
            let names: Vec<&str> = containers.map(|container| container.name.as_str()).collect();
            let message = format!("containers with unready status: [{}]", names.join(" "));
            Fact { message: Some(message), ..Fact::because(false, "ContainersNotReady") }
        }
    }
}

fn ready(inputs: &StatusInputs<'_>, containers_ready: &Fact) -> Fact {
    if !containers_ready.holds {
        return containers_ready.clone();
    }
    let gates = inputs.pod.spec.iter().flat_map(|spec| spec.readiness_gates.iter().flatten());
    let closed: Vec<String> =
        gates.filter_map(|gate| closed(inputs, &gate.condition_type)).collect();
    if closed.is_empty() {
        return Fact::plain(true);
    }
    Fact { message: Some(closed.join(", ")), ..Fact::because(false, "ReadinessGatesNotReady") }
}

/// Why a readiness gate is closed; `None` when it is open.
fn closed(inputs: &StatusInputs<'_>, gate: &str) -> Option<String> {
    match published(inputs, gate).map(|condition| condition.status.as_str()) {
        None => {
            Some(format!("corresponding condition of pod readiness gate {gate:?} does not exist."))
        }
        Some("True") => None,
        Some(status) => {
            Some(format!("the status of pod readiness gate {gate:?} is not \"True\", but {status}"))
        }
    }
}

fn published<'a>(inputs: &StatusInputs<'a>, type_: &str) -> Option<&'a PodCondition> {
    inputs.published()?.conditions.as_ref()?.iter().find(|condition| condition.type_ == type_)
}

/// The time of transition stays while the status does.
fn condition(inputs: &StatusInputs<'_>, type_: &str, fact: Fact) -> PodCondition {
    let status = if fact.holds { "True" } else { "False" };
    let since = published(inputs, type_)
        .filter(|condition| condition.status == status)
        .and_then(|condition| condition.last_transition_time.clone())
        .unwrap_or_else(|| inputs.time());
    PodCondition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: fact.reason.map(str::to_owned),
        message: fact.message,
        last_transition_time: Some(since),
        observed_generation: inputs.pod.metadata.generation,
        ..PodCondition::default()
    }
}

/// Whether a condition holds, and why (not).
#[derive(Clone, Debug)]
struct Fact {
    holds: bool,
    reason: Option<&'static str>,
    message: Option<String>,
}

// === impl Fact ===

impl Fact {
    fn plain(holds: bool) -> Self {
        Self { holds, reason: None, message: None }
    }

    fn because(holds: bool, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..Self::plain(holds) }
    }
}
