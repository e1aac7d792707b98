//! Conditions, with the kubelet's reasons and messages.

use k8s_openapi::api::core::v1::PodCondition;
use serde_json::json;
use triton_cloudapi::instances::InstanceState;
use triton_podspec::Work;

use crate::fixture::{Life, condition};

/// PodScheduled, PodReadyToStartContainers, Initialized, ContainersReady and Ready after the states.
#[track_caller]
fn check(restart_policy: &str, states: &[&str], expected: [&str; 5]) {
    let mut life = Life::new(restart_policy);
    let mut status = life.step(Work::Accepted);
    for state in states {
        status = life.see(InstanceState::from(*state));
    }
    let types =
        ["PodScheduled", "PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready"];
    assert_eq!(types.map(|type_| condition(&status, type_)), expected, "{states:?}");
}

#[test]
fn conditions_follow_the_kubelets_table() {
    let not_ready = "False(ContainersNotReady)";
    check("Always", &[], ["True", "False", "True", not_ready, not_ready]);
    check("Always", &["provisioning"], ["True", "False", "True", not_ready, not_ready]);
    check("Always", &["running"], ["True", "True", "True", "True", "True"]);
    check("Always", &["running", "stopping"], ["True", "True", "True", not_ready, not_ready]);
    check("Always", &["running", "offline"], ["True", "True", "True", not_ready, not_ready]);
    check("Always", &["running", "stopped"], ["True", "True", "True", not_ready, not_ready]);
    check(
        "Never",
        &["running", "stopped"],
        ["True", "False", "True(PodCompleted)", "False(PodCompleted)", "False(PodCompleted)"],
    );
    check(
        "Always",
        &["running", "failed"],
        ["True", "False", "True", "False(PodFailed)", "False(PodFailed)"],
    );
}

#[test]
fn probes_decide_readiness() {
    for (started, readiness, ready) in [
        (true, None, true),
        (true, Some(true), true),
        (true, Some(false), false),
        (false, None, false),
        (false, Some(true), false),
    ] {
        let mut life = Life::running("Always");
        (life.started, life.readiness) = (started, readiness);
        let status = life.see(InstanceState::Running);
        let expected = if ready { "True" } else { "False(ContainersNotReady)" };
        assert_eq!(condition(&status, "Ready"), expected, "{started} {readiness:?}");
        assert_eq!(condition(&status, "ContainersReady"), expected, "{started} {readiness:?}");
    }
}

#[test]
fn the_message_names_the_container() {
    let status = Life::new("Always").step(Work::Accepted);
    let ready = status
        .conditions
        .unwrap()
        .into_iter()
        .find(|condition| condition.type_ == "Ready")
        .unwrap();
    assert_eq!(ready.message.as_deref(), Some("containers with unready status: [web]"));
}

#[test]
fn readiness_gates_must_be_open() {
    let mut life = Life::running("Always");
    life.pod.spec.as_mut().unwrap().readiness_gates = serde_json::from_value(json!([
        {"conditionType": "example.com/mine"}, {"conditionType": "example.com/absent"}
    ]))
    .unwrap();
    let status = life.see(InstanceState::Running);
    assert_eq!(condition(&status, "ContainersReady"), "True");
    assert_eq!(condition(&status, "Ready"), "False(ReadinessGatesNotReady)");
    let ready = status
        .conditions
        .unwrap()
        .into_iter()
        .find(|condition| condition.type_ == "Ready")
        .unwrap();
    assert_eq!(
        ready.message.as_deref(),
        Some(
            "the status of pod readiness gate \"example.com/mine\" is not \"True\", but False, \
             corresponding condition of pod readiness gate \"example.com/absent\" does not exist."
        )
    );
    let conditions = life.pod.status.as_mut().unwrap().conditions.as_mut().unwrap();
    conditions.retain(|condition| !condition.type_.starts_with("example.com/"));
    conditions.extend(["example.com/mine", "example.com/absent"].map(|type_| PodCondition {
        type_: type_.to_owned(),
        status: "True".to_owned(),
        ..PodCondition::default()
    }));
    assert_eq!(condition(&life.see(InstanceState::Running), "Ready"), "True");
}

#[test]
fn conditions_of_others_are_left_to_them() {
    let mut life = Life::running("Never");
    for state in [InstanceState::Running, InstanceState::Stopped, InstanceState::Stopped] {
        assert_eq!(condition(&life.see(state), "example.com/mine"), "absent");
    }
}
