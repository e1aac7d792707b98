//! A container that has yet to start, though its instance runs.

use triton_cloudapi::instances::InstanceState;
use triton_podspec::{PendingRestart, Restarts, Work};

use super::fixture::{Life, condition, container, observed};

#[test]
fn a_container_waits_for_its_hook_and_its_pod_is_pending() {
    let mut life = Life::new("Always");
    let running = observed(InstanceState::Running);
    let starting =
        Work::Starting { instance: &running, reason: "ContainerCreating", message: None };
    let status = life.step(starting);
    assert_eq!(status.phase.as_deref(), Some("Pending"));
    assert!(condition(&status, "PodReadyToStartContainers").starts_with("True"));
    assert!(condition(&status, "Ready").starts_with("False"));
    let waiting = container(&status).state.as_ref().unwrap().waiting.as_ref().unwrap();
    assert_eq!(waiting.reason.as_deref(), Some("ContainerCreating"));
    assert!(container(&status).container_id.is_some() && status.pod_ip.is_some());
    let status = life.see(InstanceState::Running);
    assert_eq!((status.phase.as_deref(), container(&status).restart_count), (Some("Running"), 0));
}

#[test]
fn a_hook_that_failed_says_why_and_its_restart_is_counted_once() {
    let mut life = Life::new("Always");
    let running = observed(InstanceState::Running);
    let failed = Work::Starting {
        instance: &running,
        reason: "PostStartHookError",
        message: Some("invalid handler"),
    };
    life.step(failed);
    life.restarts =
        Restarts { count: 1, pending: Some(PendingRestart::Now), ..Restarts::default() };
    let status = life.step(failed);
    let waiting = container(&status).state.as_ref().unwrap().waiting.as_ref().unwrap();
    assert_eq!(waiting.reason.as_deref(), Some("PostStartHookError"));
    assert_eq!(waiting.message.as_deref(), Some("invalid handler"));
    let is_ended = |status: &_| {
        container(status).last_state.as_ref().is_some_and(|last| last.terminated.is_some())
    };
    assert_eq!((container(&status).restart_count, is_ended(&status)), (1, true));
    let status = life.step(failed);
    assert_eq!((container(&status).restart_count, status.phase.as_deref()), (1, Some("Running")));
}
