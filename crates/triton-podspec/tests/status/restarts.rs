//! Runs of the container: how often, since when, and how the one before ended.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ContainerStateTerminated;
use triton_cloudapi::instances::InstanceState;
use triton_podspec::{PendingRestart, Restarts, Termination};

use crate::fixture::{Life, container, line};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn last_end(status: &k8s_openapi::api::core::v1::PodStatus) -> &ContainerStateTerminated {
    container(status).last_state.as_ref().unwrap().terminated.as_ref().unwrap()
}

fn running_since(status: &k8s_openapi::api::core::v1::PodStatus) -> Timestamp {
    container(status)
        .state
        .as_ref()
        .unwrap()
        .running
        .as_ref()
        .unwrap()
        .started_at
        .as_ref()
        .unwrap()
        .0
}

#[test]
fn a_reboot_after_a_failed_liveness_probe_is_a_restart() {
    let mut life = Life::running("Always");
    let before = running_since(&life.see(InstanceState::Running));
    life.restarts = Restarts {
        count: 1,
        last: Some(Termination {
            finished_at: Some(at("2026-01-01T00:00:45.5Z")),
            ..Termination::killed()
        }),
        running_since: Some(at("2026-01-01T00:00:47Z")),
        pending: None,
    };
    let status = life.see(InstanceState::Running);
    assert_eq!(line(&status), "Running running after ended:Error:137 x1 ready");
    assert_eq!(running_since(&status), at("2026-01-01T00:00:47Z"));
    let end = last_end(&status);
    assert_eq!(end.started_at.as_ref().unwrap().0, before);
    assert_eq!(end.finished_at.as_ref().unwrap().0, at("2026-01-01T00:00:45Z"));
    assert_eq!(end.container_id, container(&status).container_id);
    // And so it stays.
    assert_eq!(life.see(InstanceState::Running), status);
    life.restarts = Restarts::default();
    assert_eq!(life.see(InstanceState::Running), status);
}

#[test]
fn a_restart_with_back_off_waits_in_between() {
    let mut life = Life::running("Always");
    let message = "back-off 10s restarting failed container=web pod=web-0_default(6e2b)";
    life.restarts.last = Some(Termination::completed());
    life.restarts.pending = Some(PendingRestart::BackOff { message: message.to_owned() });
    let status = life.see(InstanceState::Stopped);
    assert_eq!(line(&status), "Running waiting:CrashLoopBackOff after ended:Completed:0");
    let waiting = container(&status).state.as_ref().unwrap().waiting.as_ref().unwrap();
    assert_eq!(waiting.message.as_deref(), Some(message));
    assert_eq!(life.see(InstanceState::Stopped), status);
    life.restarts.pending = None;
    life.restarts.count = 1;
    let again = life.see(InstanceState::Running);
    assert_eq!(line(&again), "Running running after ended:Completed:0 x1 ready");
    // The end of the run is told as it was, its times included.
    assert_eq!(last_end(&again), last_end(&status));
    assert!(last_end(&again).started_at.is_some());
    assert_eq!(life.see(InstanceState::Running), again);
}

#[test]
fn a_restart_that_is_pending_keeps_the_pod_from_ending() {
    let mut life = Life::running("OnFailure");
    life.restarts.last = Some(Termination::killed());
    life.restarts.pending = Some(PendingRestart::Now);
    assert_eq!(line(&life.see(InstanceState::Running)), "Running running");
    assert_eq!(line(&life.see(InstanceState::Stopping)), "Running running");
    assert_eq!(
        line(&life.see(InstanceState::Stopped)),
        "Running waiting:ContainerCreating after ended:Error:137"
    );
    life.restarts.pending = None;
    life.restarts.count = 1;
    assert_eq!(
        line(&life.see(InstanceState::Running)),
        "Running running after ended:Error:137 x1 ready"
    );
}

#[test]
fn runs_are_counted_even_if_the_provider_forgot_them() {
    let mut life = Life::running("Always");
    for count in 1..4 {
        life.see(InstanceState::Stopped);
        let status = life.see(InstanceState::Running);
        assert_eq!(container(&status).restart_count, count);
        assert_eq!(container(&life.see(InstanceState::Running)).restart_count, count);
    }
}

#[test]
fn a_restart_count_never_falls() {
    let mut life = Life::running("Always");
    life.restarts.count = 5;
    assert_eq!(container(&life.see(InstanceState::Running)).restart_count, 5);
    life.restarts = Restarts::default();
    for state in ["running", "stopping", "stopped", "offline", "running"] {
        assert!(container(&life.see(InstanceState::from(state))).restart_count >= 5, "{state}");
    }
}

#[test]
fn only_one_run_before_this_one_is_remembered() {
    let mut life = Life::running("Always");
    for (count, last) in [(1, Termination::killed()), (2, Termination::completed())] {
        life.restarts = Restarts { count, last: Some(last), ..Restarts::default() };
        life.see(InstanceState::Running);
    }
    let status = life.see(InstanceState::Running);
    assert_eq!(line(&status), "Running running after ended:Completed:0 x2 ready");
}

#[test]
fn a_provider_that_forgot_a_restart_takes_its_pause_for_no_end() {
    for (policy, last, expected) in [
        (
            "Always",
            Termination::completed(),
            "Running waiting:CrashLoopBackOff after ended:Completed:0",
        ),
        ("Always", Termination::killed(), "Running waiting:CrashLoopBackOff after ended:Error:137"),
        (
            "OnFailure",
            Termination::killed(),
            "Running waiting:CrashLoopBackOff after ended:Error:137",
        ),
    ] {
        let mut life = Life::running(policy);
        life.restarts.last = Some(last);
        life.restarts.pending =
            Some(PendingRestart::BackOff { message: "back-off 10s".to_owned() });
        let status = life.see(InstanceState::Stopped);
        assert_eq!(line(&status), expected, "{policy}");
        life.restarts = Restarts::default();
        assert_eq!(life.see(InstanceState::Stopped), status, "{policy}");
    }
}

#[test]
fn the_end_that_was_published_is_newer_than_what_the_provider_holds() {
    let mut life = Life::running("Always");
    life.restarts = Restarts { count: 1, last: Some(Termination::killed()), ..Restarts::default() };
    life.see(InstanceState::Running);
    life.see(InstanceState::Stopped);
    assert_eq!(
        line(&life.see(InstanceState::Running)),
        "Running running after ended:Completed:0 x2 ready"
    );
}

#[test]
fn a_run_that_nobody_saw_begin_has_the_start_that_the_provider_knows() {
    let mut life = Life::running("Never");
    let since = at("2026-01-01T00:00:41Z");
    life.restarts = Restarts { count: 1, running_since: Some(since), ..Restarts::default() };
    let status = life.see(InstanceState::Stopped);
    assert_eq!(
        line(&status),
        "Succeeded ended:Completed:0 after ended:ContainerStatusUnknown:137 x1"
    );
    let end = container(&status).state.as_ref().unwrap().terminated.as_ref().unwrap();
    assert_eq!(end.started_at.as_ref().unwrap().0, since);
}

#[test]
fn a_restart_that_was_counted_before_it_ran_is_counted_once() {
    let mut life = Life::running("Always");
    life.restarts = Restarts {
        count: 1,
        last: Some(Termination::completed()),
        running_since: None,
        pending: Some(PendingRestart::Now),
    };
    assert_eq!(
        line(&life.see(InstanceState::Stopped)),
        "Running waiting:ContainerCreating after ended:Completed:0 x1"
    );
    life.restarts.pending = None;
    for _ in 0..2 {
        assert_eq!(
            line(&life.see(InstanceState::Running)),
            "Running running after ended:Completed:0 x1 ready"
        );
    }
}
