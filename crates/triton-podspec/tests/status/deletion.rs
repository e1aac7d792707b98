//! A pod that is being deleted.

use triton_cloudapi::instances::InstanceState;
use triton_podspec::Work;

use crate::fixture::{Life, condition, line, observed};

#[test]
fn a_pod_keeps_running_until_its_instance_has_stopped() {
    let mut life = Life::running("Always");
    life.delete();
    let status = life.see(InstanceState::Running);
    assert_eq!(line(&status), "Running running ready");
    assert_eq!(condition(&status, "Ready"), "True");
    assert_eq!(line(&life.see(InstanceState::Stopping)), "Running running");
    let status = life.see(InstanceState::Stopped);
    assert_eq!(line(&status), "Failed ended:Error:143");
    assert_eq!(condition(&status, "Ready"), "False(PodFailed)");
    assert_eq!(life.step(Work::Gone(Some(&observed(InstanceState::Deleted)))), status);
}

#[test]
fn a_job_that_was_told_to_stop_is_not_counted_as_done() {
    let mut life = Life::running("Never");
    life.delete();
    assert_eq!(line(&life.see(InstanceState::Stopped)), "Failed ended:Error:143");
}

#[test]
fn a_job_that_was_done_before_stays_done() {
    let mut life = Life::running("Never");
    life.see(InstanceState::Stopped);
    life.delete();
    assert_eq!(line(&life.see(InstanceState::Stopped)), "Succeeded ended:Completed:0");
    assert_eq!(line(&life.step(Work::Gone(None))), "Succeeded ended:Completed:0");
}

#[test]
fn an_instance_that_is_gone_is_no_surprise() {
    let mut life = Life::running("Always");
    life.delete();
    let status = life.step(Work::Gone(Some(&observed(InstanceState::Running))));
    assert_eq!(line(&status), "Failed ended:ContainerStatusUnknown:137");
    assert_eq!(status.reason, None);
}

#[test]
fn a_pod_that_never_had_an_instance_is_simply_pending() {
    let mut life = Life::new("Always");
    life.step(Work::Accepted);
    life.delete();
    assert_eq!(line(&life.step(Work::Accepted)), "Pending waiting:ContainerCreating");
}
