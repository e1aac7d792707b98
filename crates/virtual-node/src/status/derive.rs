//! From how a pod's containers are to the pod's status: phase and conditions, as the kubelet computes them.
//!
//! For providers that know containers and not pods. Whatever else a status needs (start time, addresses of the host,
//! observed generation, times of transition) the node fills in when it publishes.

#[cfg(test)]
mod tests;

use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod, PodCondition, PodStatus};

/// How the containers of one pod are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Containers {
    /// Those that run before the others, sidecars among them.
    pub init: Vec<ContainerStatus>,
    /// The others.
    pub regular: Vec<ContainerStatus>,
    /// Whether what they run in is there: the pod has its network, and no more than containers is missing.
    pub ready_to_start: bool,
}

/// How the containers of a kind are, counted.
#[derive(Default)]
struct Counts {
    /// Never ran, and is about to.
    waiting: u32,
    running: u32,
    /// Ran and does not run; it may be about to run again.
    stopped: u32,
    /// Of the stopped: exited with 0.
    succeeded: u32,
    /// Of the stopped: will run again.
    restarting: u32,
    /// Nothing is known.
    unknown: u32,
}

/// How one container is.
enum Standing {
    Waiting,
    Running,
    Stopped { exit_code: i32 },
    Unknown,
}

/// The status of a pod whose containers are like this: phase, conditions, container statuses in the API's order.
///
/// ```
/// use k8s_openapi::api::core::v1::Pod;
/// use virtual_node::status::derive::{Containers, status};
///
/// let pod: Pod = serde_json::from_value(serde_json::json!({ "spec": { "containers": [{ "name": "web" }] } }))?;
/// let running = serde_json::from_value(serde_json::json!({
///     "name": "web", "image": "nginx", "imageID": "", "ready": false, "restartCount": 0, "state": { "running": {} },
/// }))?;
/// let status = status(&pod, Containers { regular: vec![running], ready_to_start: true, ..Containers::default() });
/// assert_eq!(status.phase.as_deref(), Some("Running"));
/// let ready = status.conditions.unwrap_or_default().into_iter().find(|condition| condition.type_ == "Ready");
/// assert_eq!(ready.and_then(|ready| ready.message).as_deref(), Some("containers with unready status: [web]"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[must_use]
pub fn status(pod: &Pod, containers: Containers) -> PodStatus {
    let phase = phase(pod, &containers);
    let conditions = conditions(pod, &containers, phase);
    let Containers { init, mut regular, .. } = containers;
    regular.sort_by(|a, b| a.name.cmp(&b.name));
    let order = |status: &ContainerStatus| {
        init_containers(pod).iter().position(|container| container.name == status.name)
    };
    let mut init = init;
    init.sort_by_key(order);
    PodStatus {
        phase: Some(phase.to_owned()),
        conditions: Some(conditions),
        container_statuses: Some(regular),
        init_container_statuses: (!init.is_empty()).then_some(init),
        ..PodStatus::default()
    }
}

/// `status.phase`.
///
/// A pod that is being deleted ends with its containers; otherwise they may be about to run again, and the pod is Running
/// until none of them is.
#[must_use]
pub fn phase(pod: &Pod, containers: &Containers) -> &'static str {
    let Some(spec) = &pod.spec else { return "Pending" };
    let policy = spec.restart_policy.as_deref().unwrap_or("Always");
    let (mut init_pending, mut sidecars_pending, mut sidecars_running) = (false, false, 0);
    let mut unknown = false;
    for container in init_containers(pod) {
        let status = named(&containers.init, &container.name);
        match standing(status) {
            Standing::Running if is_sidecar(container) => {
                sidecars_running += 1;
                sidecars_pending |= status.is_some_and(|status| status.started != Some(true));
            }
            Standing::Waiting if is_sidecar(container) => sidecars_pending = true,
            Standing::Unknown if is_sidecar(container) => unknown = true,
            // Sidecars end with the others, and nobody asks how.
            Standing::Stopped { .. } if is_sidecar(container) => {}
            Standing::Stopped { exit_code: 0 } => {}
            Standing::Stopped { exit_code } => {
                if !restarts(container, policy, exit_code) {
                    return "Failed";
                }
                init_pending = true;
            }
            Standing::Waiting | Standing::Running | Standing::Unknown => init_pending = true,
        }
    }
    let counts = count(&spec.containers, &containers.regular, policy);
    let has_begun = containers.regular.iter().any(has_run);
    let (running, unknown) = (counts.running + sidecars_running, unknown || counts.unknown > 0);
    if (init_pending || sidecars_pending) && !has_begun || counts.waiting > 0 || unknown {
        "Pending"
    } else if running > 0 {
        "Running"
    } else if counts.stopped == 0 {
        "Pending"
    } else if counts.restarting > 0 && pod.metadata.deletion_timestamp.is_none() {
        "Running"
    } else if counts.succeeded == counts.stopped {
        "Succeeded"
    } else {
        "Failed"
    }
}

/// The conditions that a kubelet keeps on every pod, but for `PodScheduled`, which the node adds where it is missing.
#[must_use]
pub fn conditions(pod: &Pod, containers: &Containers, phase: &str) -> Vec<PodCondition> {
    let started = if containers.ready_to_start {
        holds("PodReadyToStartContainers")
    } else {
        condition("PodReadyToStartContainers", false, None, None)
    };
    let all_ready = containers_ready(pod, containers, phase);
    let ready = ready(pod, &all_ready);
    vec![started, initialized(pod, containers, phase), all_ready, ready]
}

fn initialized(pod: &Pod, containers: &Containers, phase: &str) -> PodCondition {
    const TYPE: &str = "Initialized";
    let (mut unknown, mut incomplete) = (Vec::new(), Vec::new());
    for container in init_containers(pod) {
        match named(&containers.init, &container.name) {
            None => unknown.push(container.name.as_str()),
            Some(status) => {
                let done = if is_sidecar(container) {
                    status.started == Some(true)
                } else {
                    status.ready
                        || matches!(standing(Some(status)), Standing::Stopped { exit_code: 0 })
                };
                if !done {
                    incomplete.push(container.name.as_str());
                }
            }
        }
    }
    if phase == "Succeeded" && unknown.is_empty() {
        return condition(TYPE, true, Some("PodCompleted"), None);
    }
    // Once begun is begun: sidecars may start anew later.
    let message = (!containers.regular.iter().any(has_run))
        .then(|| told([("unknown", &unknown), ("incomplete", &incomplete)]))
        .flatten();
    match message {
        None => holds(TYPE),
        message => condition(TYPE, false, Some("ContainersNotInitialized"), message),
    }
}

fn containers_ready(pod: &Pod, containers: &Containers, phase: &str) -> PodCondition {
    const TYPE: &str = "ContainersReady";
    let (mut unknown, mut unready) = (Vec::new(), Vec::new());
    let sidecars = init_containers(pod).iter().filter(|container| is_sidecar(container));
    let regular = pod.spec.iter().flat_map(|spec| &spec.containers);
    let all = sidecars
        .map(|container| (container, named(&containers.init, &container.name)))
        .chain(regular.map(|container| (container, named(&containers.regular, &container.name))));
    for (container, status) in all {
        match status {
            None => unknown.push(container.name.as_str()),
            Some(status) if !status.ready => unready.push(container.name.as_str()),
            Some(_) => {}
        }
    }
    if phase == "Failed" {
        return condition(TYPE, false, Some("PodFailed"), None);
    }
    if phase == "Succeeded" && unknown.is_empty() {
        return condition(TYPE, false, Some("PodCompleted"), None);
    }
    match told([("unknown", &unknown), ("unready", &unready)]) {
        None => holds(TYPE),
        message => condition(TYPE, false, Some("ContainersNotReady"), message),
    }
}

/// Ready is what the containers are, and what others say by the conditions that the spec names as readiness gates.
fn ready(pod: &Pod, containers: &PodCondition) -> PodCondition {
    const TYPE: &str = "Ready";
    if containers.status != "True" {
        return PodCondition { type_: TYPE.to_owned(), ..containers.clone() };
    }
    let published = pod.status.as_ref().and_then(|status| status.conditions.as_deref());
    let gates = pod.spec.iter().flat_map(|spec| spec.readiness_gates.iter().flatten());
    let closed: Vec<String> = gates
        .filter_map(|gate| {
            let type_ = &gate.condition_type;
            let known = published.unwrap_or_default().iter().find(|known| known.type_ == *type_);
            match known {
                None => Some(format!(
                    "corresponding condition of pod readiness gate {type_:?} does not exist."
                )),
                Some(known) if known.status == "True" => None,
                Some(known) => Some(format!(
                    "the status of pod readiness gate {type_:?} is not \"True\", but {}",
                    known.status
                )),
            }
        })
        .collect();
    if closed.is_empty() {
        return holds(TYPE);
    }
    condition(TYPE, false, Some("ReadinessGatesNotReady"), Some(closed.join(", ")))
}

fn count(containers: &[Container], statuses: &[ContainerStatus], policy: &str) -> Counts {
    let mut counts = Counts::default();
    for container in containers {
        match standing(named(statuses, &container.name)) {
            Standing::Waiting => counts.waiting += 1,
            Standing::Running => counts.running += 1,
            Standing::Unknown => counts.unknown += 1,
            Standing::Stopped { exit_code } => {
                counts.stopped += 1;
                counts.succeeded += u32::from(exit_code == 0);
                counts.restarting += u32::from(restarts(container, policy, exit_code));
            }
        }
    }
    counts
}

fn standing(status: Option<&ContainerStatus>) -> Standing {
    let Some(status) = status else { return Standing::Unknown };
    let Some(state) = &status.state else { return Standing::Unknown };
    let before = status.last_state.as_ref().and_then(|last| last.terminated.as_ref());
    match (&state.running, &state.terminated, &state.waiting, before) {
        (Some(_), ..) => Standing::Running,
        (None, Some(ended), ..) => Standing::Stopped { exit_code: ended.exit_code },
        (None, None, Some(_), Some(ended)) => Standing::Stopped { exit_code: ended.exit_code },
        (None, None, Some(_), None) => Standing::Waiting,
        (None, None, None, _) => Standing::Unknown,
    }
}

/// Whether a container that ended so runs again: by its own rules, else its own policy, else the pod's.
fn restarts(container: &Container, pod_policy: &str, exit_code: i32) -> bool {
    let rules = container.restart_policy_rules.iter().flatten();
    let by_rule = rules.into_iter().any(|rule| {
        rule.exit_codes.as_ref().is_some_and(|codes| {
            let named = codes.values.iter().flatten().any(|code| *code == exit_code);
            rule.action == "Restart" && named == (codes.operator == "In")
        })
    });
    match container.restart_policy.as_deref().unwrap_or(pod_policy) {
        _ if by_rule => true,
        "Never" => false,
        "OnFailure" => exit_code != 0,
        _ => true,
    }
}

pub(super) fn has_run(container: &ContainerStatus) -> bool {
    container.container_id.as_ref().is_some_and(|id| !id.is_empty())
        || container.restart_count > 0
        || container
            .state
            .as_ref()
            .is_some_and(|state| state.running.is_some() || state.terminated.is_some())
}

fn init_containers(pod: &Pod) -> &[Container] {
    pod.spec.as_ref().and_then(|spec| spec.init_containers.as_deref()).unwrap_or_default()
}

fn is_sidecar(container: &Container) -> bool {
    container.restart_policy.as_deref() == Some("Always")
}

fn named<'a>(statuses: &'a [ContainerStatus], name: &str) -> Option<&'a ContainerStatus> {
    statuses.iter().find(|status| status.name == name)
}

/// `containers with unknown status: [a b], containers with unready status: [c]`; `None` if there are none.
fn told(kinds: [(&str, &Vec<&str>); 2]) -> Option<String> {
    let told: Vec<String> = kinds
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(kind, names)| format!("containers with {kind} status: [{}]", names.join(" ")))
        .collect();
    (!told.is_empty()).then(|| told.join(", "))
}

fn holds(type_: &str) -> PodCondition {
    condition(type_, true, None, None)
}

fn condition(
    type_: &str,
    holds: bool,
    reason: Option<&str>,
    message: Option<String>,
) -> PodCondition {
    PodCondition {
        type_: type_.to_owned(),
        status: if holds { "True" } else { "False" }.to_owned(),
        reason: reason.map(ToOwned::to_owned),
        message,
        ..PodCondition::default()
    }
}
