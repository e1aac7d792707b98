//! What has not changed is not written again.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::PodStatus;
use proptest::prelude::*;
use triton_cloudapi::instances::InstanceState;
use triton_podspec::{Restarts, Work};

use crate::fixture::{Life, container, line};

fn transition(status: &PodStatus, type_: &str) -> Timestamp {
    let conditions = status.conditions.as_deref().unwrap();
    let condition = conditions.iter().find(|condition| condition.type_ == type_).unwrap();
    condition.last_transition_time.as_ref().unwrap().0
}

#[test]
fn polls_that_see_nothing_new_change_nothing() {
    for policy in ["Always", "OnFailure", "Never"] {
        for state in [
            "provisioning",
            "ready",
            "running",
            "stopping",
            "stopped",
            "offline",
            "failed",
            "deleted",
        ] {
            let mut life = Life::running(policy);
            let first = life.see(InstanceState::from(state));
            for _ in 0..3 {
                assert_eq!(life.see(InstanceState::from(state)), first, "{policy} {state}");
            }
        }
    }
    let mut life = Life::new("Always");
    let first = life.step(Work::Accepted);
    assert_eq!(life.step(Work::Accepted), first);
    let waiting = Work::Waiting { reason: "CreateContainerError", message: "quota" };
    let first = life.step(waiting);
    assert_eq!(life.step(waiting), first);
}

#[test]
fn times_are_those_of_the_change_in_whole_seconds() {
    let mut life = Life::new("Always");
    let accepted = life.step(Work::Accepted);
    let t0: Timestamp = "2026-01-01T00:00:10Z".parse().unwrap();
    assert_eq!(accepted.start_time.as_ref().unwrap().0, t0);
    assert_eq!(transition(&accepted, "Ready"), t0);
    assert_eq!(transition(&accepted, "PodScheduled"), "2025-12-31T23:59:59Z".parse().unwrap());
    let running = life.see(InstanceState::Running);
    let t1: Timestamp = "2026-01-01T00:00:20Z".parse().unwrap();
    assert_eq!(running.start_time.as_ref().unwrap().0, t0);
    assert_eq!(transition(&running, "Ready"), t1);
    assert_eq!(transition(&running, "Initialized"), t0);
    let state = container(&running).state.as_ref().unwrap().running.as_ref().unwrap();
    assert_eq!(state.started_at.as_ref().unwrap().0, t1);
}

#[test]
fn an_end_keeps_its_times_and_the_start_of_its_run() {
    let mut life = Life::running("Always");
    let running = life.see(InstanceState::Running);
    let started_at =
        container(&running).state.as_ref().unwrap().running.as_ref().unwrap().started_at.clone();
    let stopped = life.see(InstanceState::Stopped);
    let end =
        |status: &PodStatus| container(status).state.as_ref().unwrap().terminated.clone().unwrap();
    assert_eq!(end(&stopped).started_at, started_at);
    assert_eq!(end(&life.see(InstanceState::Stopped)), end(&stopped));
}

#[test]
fn a_provider_that_has_just_been_started_does_no_harm() {
    let mut life = Life::running("Always");
    life.see(InstanceState::Running);
    let status = life.step(Work::Accepted);
    assert_eq!(line(&status), "Running running");
    assert!(status.pod_ip.is_some() && container(&status).container_id.is_some());
}

fn states() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "provisioning",
        "ready",
        "running",
        "running",
        "stopping",
        "stopped",
        "offline",
        "failed",
        "deleted",
        "odd",
    ])
}

proptest! {
    #[test]
    fn whatever_is_seen_the_api_server_would_take_the_status(
        policy in prop::sample::select(vec!["Always", "OnFailure", "Never"]),
        seen in prop::collection::vec((states(), any::<bool>(), any::<Option<bool>>(), 0_u32..4, any::<bool>()), 1..12),
    ) {
        let mut life = Life::new(policy);
        let mut before = life.step(Work::Accepted);
        for (state, started, readiness, restarts, deleted) in seen {
            (life.started, life.readiness) = (started, readiness);
            life.restarts = Restarts { count: restarts, ..Restarts::default() };
            if deleted {
                life.delete();
            }
            let status = life.see(InstanceState::from(state));
            prop_assert!(container(&status).restart_count >= container(&before).restart_count);
            prop_assert_eq!(&status.start_time, &before.start_time);
            let terminal = |status: &PodStatus| matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
            if terminal(&before) {
                prop_assert_eq!(&status, &before);
            }
            let state = container(&status).state.as_ref().unwrap();
            let states = [state.waiting.is_some(), state.running.is_some(), state.terminated.is_some()];
            prop_assert_eq!(states.iter().filter(|is| **is).count(), 1);
            if container(&status).ready {
                prop_assert!(state.running.is_some());
            }
            // A container that ended may only run again where the policy says so (validation of pods/status).
            let ended = container(&before).state.as_ref().unwrap().terminated.is_some();
            if ended && policy != "Always" {
                prop_assert!(state.terminated.is_some());
            }
            before = status;
        }
    }
}
