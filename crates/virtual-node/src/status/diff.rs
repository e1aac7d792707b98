//! From the status that is published and the one that is wanted to the smallest patch between them.
//!
//! The patch is a strategic merge patch (KEP: conditions merge by `type`, `podIPs` and `hostIPs` by `ip`, lists of
//! container statuses are replaced whole). It carries the UID, so that it cannot reach another pod of the same name.

#[cfg(test)]
mod tests;

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod, PodCondition, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Map, Value, json};

use super::{addresses, extras};
use crate::pods::store::is_terminal;

/// Condition types that a kubelet owns: one of these that is not wanted any more is removed.
/// `PodScheduled` and `DisruptionTarget` are written by others too and are never removed.
pub(super) const KUBELET_CONDITIONS: [&str; 6] = [
    "PodReadyToStartContainers",
    "Initialized",
    "ContainersReady",
    "Ready",
    "PodResizePending",
    "PodResizeInProgress",
];

/// What the node itself adds to a status.
#[derive(Clone, Debug, Default)]
pub struct Own<'a> {
    /// The node's addresses, published as the pod's host IPs where the provider names none.
    pub host_ips: &'a [String],
    /// The domain of condition types that are the provider's.
    pub condition_domain: Option<&'a str>,
}

/// The patch for the `status` subresource, `None` if nothing differs.
///
/// `wanted` is complete as to phase, reason, message, and, where it has them at all, conditions and container statuses.
/// Absent addresses and times leave what is published: a pod keeps its IP after its end, and its start time for ever.
/// A terminal phase is never left, and the first reason for it stays.
#[must_use]
pub fn patch(pod: &Pod, wanted: &PodStatus, own: &Own<'_>, now: Timestamp) -> Option<Value> {
    let published = pod.status.clone().unwrap_or_default();
    let mut wanted = completed(pod, wanted, own, now);
    if is_terminal(pod) {
        if !matches!(wanted.phase.as_deref(), Some("Succeeded" | "Failed")) {
            return None;
        }
        wanted.phase.clone_from(&published.phase);
        wanted.reason.clone_from(&published.reason);
        wanted.message.clone_from(&published.message);
    }

    let mut patch = Map::new();
    if wanted.phase.is_some() {
        text(&mut patch, "phase", published.phase.as_deref(), wanted.phase.as_deref());
    }
    text(&mut patch, "reason", published.reason.as_deref(), wanted.reason.as_deref());
    text(&mut patch, "message", published.message.as_deref(), wanted.message.as_deref());
    if published.start_time.is_none() {
        patch.insert("startTime".to_owned(), json!(wanted.start_time));
    }
    if wanted.observed_generation > published.observed_generation {
        patch.insert("observedGeneration".to_owned(), json!(wanted.observed_generation));
    }
    for (field, now, then) in [
        ("podIP", &published.pod_ip, &wanted.pod_ip),
        ("hostIP", &published.host_ip, &wanted.host_ip),
    ] {
        if then.is_some() {
            text(&mut patch, field, now.as_deref(), then.as_deref());
        }
    }
    merged_list(&mut patch, "podIPs", json!(published.pod_ips), json!(wanted.pod_ips));
    merged_list(&mut patch, "hostIPs", json!(published.host_ips), json!(wanted.host_ips));
    for (field, now, then) in [
        ("containerStatuses", &published.container_statuses, &wanted.container_statuses),
        (
            "initContainerStatuses",
            &published.init_container_statuses,
            &wanted.init_container_statuses,
        ),
        (
            "ephemeralContainerStatuses",
            &published.ephemeral_container_statuses,
            &wanted.ephemeral_container_statuses,
        ),
    ] {
        if then.is_some() && canonical(json!(now)) != canonical(json!(then)) {
            patch.insert(field.to_owned(), json!(then));
        }
    }
    let conditions = conditions(
        published.conditions.as_deref(),
        wanted.conditions.as_deref(),
        own.condition_domain,
    );
    if !conditions.is_empty() {
        patch.insert("conditions".to_owned(), Value::Array(conditions));
    }

    if patch.is_empty() {
        return None;
    }
    Some(json!({ "metadata": { "uid": pod.metadata.uid }, "status": patch }))
}

/// `wanted` with everything filled in that the provider need not know, times in whole seconds as the API keeps them.
fn completed(pod: &Pod, wanted: &PodStatus, own: &Own<'_>, now: Timestamp) -> PodStatus {
    let published = pod.status.clone().unwrap_or_default();
    let mut status = wanted.clone();
    status.start_time = published
        .start_time
        .clone()
        .or_else(|| Some(whole(&status.start_time.clone().unwrap_or(Time(now)))));
    status.observed_generation = status.observed_generation.or(pod.metadata.generation);
    addresses::complete(&mut status, own.host_ips);
    extras::complete(pod, &mut status);
    for statuses in [
        &mut status.container_statuses,
        &mut status.init_container_statuses,
        &mut status.ephemeral_container_statuses,
    ] {
        for status in statuses.iter_mut().flatten() {
            whole_seconds(status);
        }
    }

    let known = published.conditions.unwrap_or_default();
    if let Some(conditions) = &mut status.conditions {
        let scheduled = |conditions: &[PodCondition]| {
            conditions.iter().any(|condition| condition.type_ == "PodScheduled")
        };
        // A pod that was made with a nodeName never met the scheduler.
        if !scheduled(conditions) && !scheduled(&known) {
            let condition = PodCondition {
                type_: "PodScheduled".to_owned(),
                status: "True".to_owned(),
                ..PodCondition::default()
            };
            conditions.push(condition);
        }
        for condition in conditions {
            let same = known
                .iter()
                .find(|known| known.type_ == condition.type_ && known.status == condition.status);
            let since = same.and_then(|known| known.last_transition_time.clone());
            condition.last_transition_time = since.or_else(|| {
                Some(whole(&condition.last_transition_time.clone().unwrap_or(Time(now))))
            });
            condition.last_probe_time = None;
            if is_ours(&condition.type_, own.condition_domain) {
                condition.observed_generation =
                    condition.observed_generation.or(pod.metadata.generation);
            }
        }
    }
    status
}

/// Sets or clears one text.
fn text(
    patch: &mut Map<String, Value>,
    field: &str,
    published: Option<&str>,
    wanted: Option<&str>,
) {
    let some = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    if some(published) != some(wanted) {
        patch.insert(field.to_owned(), json!(some(wanted)));
    }
}

/// A list that would be merged by key is replaced whole, or elements that went would stay.
fn merged_list(patch: &mut Map<String, Value>, field: &str, published: Value, wanted: Value) {
    if wanted.is_null() || canonical(published) == canonical(wanted.clone()) {
        return;
    }
    let elements = wanted.as_array().cloned().unwrap_or_default();
    let list = [json!({ "$patch": "replace" })].into_iter().chain(elements).collect();
    patch.insert(field.to_owned(), Value::Array(list));
}

/// The elements of `conditions` that differ, and orders to delete those of ours that went.
fn conditions(
    published: Option<&[PodCondition]>,
    wanted: Option<&[PodCondition]>,
    domain: Option<&str>,
) -> Vec<Value> {
    let Some(wanted) = wanted else { return Vec::new() };
    let published = published.unwrap_or_default();
    let changed = wanted.iter().filter_map(|condition| {
        let known = published.iter().find(|known| known.type_ == condition.type_);
        if known.is_some_and(|known| {
            canonical(json!(without_probe_time(known))) == canonical(json!(condition))
        }) {
            return None;
        }
        let mut element = json!(condition);
        // A merged element keeps the fields that the patch does not mention.
        for (field, now, then) in [
            ("reason", known.and_then(|known| known.reason.as_ref()), &condition.reason),
            ("message", known.and_then(|known| known.message.as_ref()), &condition.message),
        ] {
            if now.is_some() && then.is_none() {
                element[field] = Value::Null;
            }
        }
        Some(element)
    });
    let gone = published
        .iter()
        .filter(|known| {
            is_ours(&known.type_, domain)
                && !wanted.iter().any(|condition| condition.type_ == known.type_)
        })
        .map(|known| json!({ "$patch": "delete", "type": known.type_ }));
    changed.chain(gone).collect()
}

/// Whether nobody else writes conditions of this type.
fn is_ours(type_: &str, domain: Option<&str>) -> bool {
    KUBELET_CONDITIONS.contains(&type_)
        || domain
            .is_some_and(|domain| type_.split_once('/').is_some_and(|(prefix, _)| prefix == domain))
}

fn without_probe_time(condition: &PodCondition) -> PodCondition {
    PodCondition { last_probe_time: None, ..condition.clone() }
}

/// The value without what the API server leaves out or writes as empty: nulls, empty texts, lists and objects. A
/// container's state is told by which of its keys is there, so those stay even when empty.
fn canonical(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .filter_map(|(key, value)| {
                    let is_state = matches!(key.as_str(), "running" | "waiting" | "terminated")
                        && !value.is_null();
                    let value = canonical(value);
                    (is_state || !is_empty(&value)).then_some((key, value))
                })
                .collect(),
        ),
        Value::Array(elements) => Value::Array(elements.into_iter().map(canonical).collect()),
        other => other,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn whole(time: &Time) -> Time {
    let down = TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Floor);
    Time(time.0.round(down).unwrap_or(time.0))
}

fn whole_seconds(status: &mut ContainerStatus) {
    for state in [&mut status.state, &mut status.last_state].into_iter().flatten() {
        let ContainerState { running, terminated, .. } = state;
        let running = running.iter_mut().map(|running| &mut running.started_at);
        let terminated =
            terminated.iter_mut().flat_map(|ended| [&mut ended.started_at, &mut ended.finished_at]);
        for time in running.chain(terminated).flatten() {
            *time = whole(time);
        }
    }
}
