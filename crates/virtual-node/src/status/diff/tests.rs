//! Tables of published, wanted, patch.

use serde_json::{Value, json};

use super::*;

fn now() -> Timestamp {
    "2026-01-02T03:04:05.678Z".parse().unwrap()
}

fn pod(status: &Value) -> Pod {
    serde_json::from_value(json!({ "metadata": { "name": "a", "uid": "u1" }, "status": status }))
        .unwrap()
}

#[track_caller]
fn check_own(published: &Value, wanted: Value, own: &Own<'_>, expected: &Value) {
    let wanted: PodStatus = serde_json::from_value(wanted).unwrap();
    let patch = patch(&pod(published), &wanted, own, now());
    if expected.is_null() {
        assert_eq!(patch, None);
    } else {
        assert_eq!(patch, Some(json!({ "metadata": { "uid": "u1" }, "status": expected })));
    }
}

#[track_caller]
fn check(published: &Value, wanted: Value, expected: &Value) {
    check_own(published, wanted, &Own::default(), expected);
}

fn started(mut status: Value) -> Value {
    status["startTime"] = json!("2026-01-01T00:00:00Z");
    status
}

#[test]
fn nothing_is_written_for_nothing() {
    let status = started(json!({
        "phase": "Running",
        "qosClass": "Burstable",
        "podIP": "192.0.2.7", "podIPs": [{ "ip": "192.0.2.7" }],
        "conditions": [
            { "type": "Ready", "status": "True", "lastProbeTime": null, "lastTransitionTime": "2026-01-01T00:00:09Z" },
            { "type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z" },
        ],
        "containerStatuses": [{
            "name": "c", "image": "i", "imageID": "", "ready": true, "restartCount": 0, "started": true,
            "containerID": "x://1", "lastState": {}, "state": { "running": { "startedAt": "2026-01-01T00:00:08Z" } },
        }],
    }));
    check(
        &status,
        json!({
            "phase": "Running",
            "podIP": "192.0.2.7",
            "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T07:07:07.7Z" }],
            "containerStatuses": [{
                "name": "c", "image": "i", "imageID": "", "ready": true, "restartCount": 0, "started": true,
                "containerID": "x://1", "state": { "running": { "startedAt": "2026-01-01T00:00:08.999Z" } },
            }],
        }),
        &Value::Null,
    );
}

#[test]
fn the_first_status_brings_start_time_scheduling_and_host() {
    let own = Own { host_ips: &["198.51.100.1".to_owned()], condition_domain: None };
    check_own(
        &json!({ "phase": "Pending", "qosClass": "BestEffort" }),
        json!({ "phase": "Pending", "conditions": [{ "type": "Ready", "status": "False" }] }),
        &own,
        &json!({
            "startTime": "2026-01-02T03:04:05Z",
            "hostIP": "198.51.100.1",
            "hostIPs": [{ "$patch": "replace" }, { "ip": "198.51.100.1" }],
            "conditions": [
                { "type": "Ready", "status": "False", "lastTransitionTime": "2026-01-02T03:04:05Z" },
                { "type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-02T03:04:05Z" },
            ],
        }),
    );
}

#[test]
fn reason_and_message_go_with_the_phase_they_explain() {
    check(
        &started(json!({ "phase": "Pending", "reason": "Quota", "message": "no room" })),
        json!({ "phase": "Running" }),
        &json!({ "phase": "Running", "reason": null, "message": null }),
    );
}

#[test]
fn a_terminal_phase_is_never_left() {
    let failed = started(json!({ "phase": "Failed", "reason": "Evicted", "message": "m" }));
    check(&failed, json!({ "phase": "Running", "podIP": "192.0.2.1" }), &Value::Null);
    check(&failed, json!({ "phase": "Succeeded" }), &Value::Null);
}

#[test]
fn addresses_and_start_time_are_not_taken_back() {
    let status = started(
        json!({ "phase": "Running", "podIP": "192.0.2.1", "podIPs": [{ "ip": "192.0.2.1" }] }),
    );
    check(
        &status,
        json!({ "phase": "Running", "startTime": "2026-01-01T09:09:09Z" }),
        &Value::Null,
    );
    check(
        &status,
        json!({ "phase": "Running", "podIPs": [{ "ip": "192.0.2.2" }, { "ip": "2001:db8::2" }] }),
        &json!({
            "podIP": "192.0.2.2",
            "podIPs": [{ "$patch": "replace" }, { "ip": "192.0.2.2" }, { "ip": "2001:db8::2" }],
        }),
    );
}

#[test]
fn conditions_of_others_stay() {
    let published = started(json!({ "phase": "Running", "conditions": [
        { "type": "PodScheduled", "status": "True" },
        { "type": "example.com/gate", "status": "True" },
        { "type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI" },
        { "type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:01Z" },
    ] }));
    check(
        &published,
        json!({ "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] }),
        &Value::Null,
    );
    check(&published, json!({ "phase": "Running" }), &Value::Null);
}

#[test]
fn conditions_of_ours_that_went_are_deleted() {
    let published = started(json!({ "phase": "Running", "conditions": [
        { "type": "PodScheduled", "status": "True" },
        { "type": "PodResizePending", "status": "True" },
        { "type": "example.com/a", "status": "True" },
        { "type": "example.org/b", "status": "True" },
    ] }));
    let own = Own { host_ips: &[], condition_domain: Some("example.com") };
    check_own(
        &published,
        json!({ "phase": "Running", "conditions": [] }),
        &own,
        &json!({ "conditions": [
            { "$patch": "delete", "type": "PodResizePending" },
            { "$patch": "delete", "type": "example.com/a" },
        ] }),
    );
}

#[test]
fn what_the_node_controller_wrote_is_written_back() {
    check(
        &started(json!({ "phase": "Running", "conditions": [
            { "type": "PodScheduled", "status": "True" },
            { "type": "Ready", "status": "False", "reason": "NodeNotReady", "lastTransitionTime": "2026-01-01T05:00:00Z" },
        ] })),
        json!({ "phase": "Running", "conditions": [
            { "type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T06:00:00Z" },
        ] }),
        &json!({ "conditions": [
            { "type": "Ready", "status": "True", "reason": null, "lastTransitionTime": "2026-01-01T06:00:00Z" },
        ] }),
    );
}

#[test]
fn a_container_that_begins_to_run_is_a_difference_even_without_a_time() {
    let container = |state: Value| json!([{ "name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": state }]);
    check(
        &started(
            json!({ "phase": "Pending", "containerStatuses": container(json!({ "waiting": {} })) }),
        ),
        json!({ "phase": "Pending", "containerStatuses": container(json!({ "running": {} })) }),
        &json!({ "containerStatuses": container(json!({ "running": {} })) }),
    );
}

#[test]
fn the_generation_that_was_acted_on_is_told() {
    let mut pod = pod(&started(json!({ "phase": "Running", "observedGeneration": 1 })));
    pod.metadata.generation = Some(2);
    let wanted = PodStatus { phase: Some("Running".to_owned()), ..PodStatus::default() };
    let patch = patch(&pod, &wanted, &Own::default(), now()).unwrap();
    assert_eq!(patch["status"], json!({ "observedGeneration": 2 }));
}
