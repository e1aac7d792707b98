//! Rows of what hooks do to the life of an instance.

use triton_podspec::LivenessAction;

use super::super::fixtures::{Case, id, instance, list, seconds};
use super::super::words::{Event, GivenUp, RestartPolicy, Wish};
use super::*;

const POST_START: Effect = Effect::Hook(Hook::PostStart, InstanceId(uuid::Uuid::from_u128(1)));
const PRE_STOP: Effect = Effect::Hook(Hook::PreStop, InstanceId(uuid::Uuid::from_u128(1)));

/// An instance that runs, of a pod with both hooks.
fn running() -> Case {
    let mut case = Case::known("running").ran();
    case.run().post_start = true;
    case.run().pre_stop = true;
    case
}

/// The same, of which the container has started.
fn started() -> Case {
    let mut case = running();
    case.published.started = true;
    case
}

fn runs(case: &Case) -> HookStand {
    HookStand::Runs { since: case.now - seconds(1) }
}

#[test]
fn post_start_comes_first_and_nothing_else_before_its_end() {
    let mut case = running();
    case.run().protect = true;
    case.run().unhealthy = true;
    case.check(POST_START);
    case.hooks.post_start = runs(&case);
    case.check_end(Standing::Starting, None);
    case.hooks.post_start = HookStand::Ended;
    case.run().unhealthy = false;
    case.check(Effect::Act(Action::Protect(id(1))));
}

#[test]
fn a_pod_without_hooks_starts_when_its_instance_runs() {
    Case::known("running").ran().check_end(Standing::Instance, None);
}

#[test]
fn a_container_that_was_published_as_started_is_not_started_again_by_another_process() {
    let mut case = started();
    case.check_end(Standing::Instance, None);
    // Another life of it is.
    case.state.restarts.count = 1;
    case.check(POST_START);
    case.published.restarts = 1;
    case.check_end(Standing::Instance, None);
    // And so is another instance.
    case.published.instance = None;
    case.check(POST_START);
}

#[test]
fn what_a_hook_did_in_another_life_says_nothing() {
    let mut case = running();
    case.hooks.post_start = HookStand::Ended;
    case.state.restarts.count = 1;
    case.check(POST_START);
}

#[test]
fn an_instance_that_does_not_run_has_no_hook() {
    for state in ["provisioning", "stopping", "offline"] {
        let mut case = Case::known(state);
        case.run().post_start = true;
        case.check_end(Standing::Instance, None);
    }
}

#[test]
fn a_failed_post_start_kills_and_the_restart_policy_decides() {
    for policy in [RestartPolicy::Always, RestartPolicy::OnFailure] {
        let mut case = running();
        case.run().pre_stop = false;
        case.run().restart_policy = policy;
        case.hooks.post_start = HookStand::Failed;
        assert_eq!(case.step(), Effect::End(Standing::Starting, Some(case.now)));
        assert_eq!(case.state.restarts.count, 1);
        case.published.restarts = 1;
        assert_eq!(case.step(), Effect::Act(Action::Reboot(id(1))));
        let _ = case.take(Event::Done(Action::Reboot(id(1))));
        case.check_end(Standing::Starting, None);
        // Back from the reboot, the hook is run again.
        case.now += seconds(30);
        case.sighting = Some(list(case.now, &[instance(1, "running")]));
        case.check(POST_START);
    }
    let mut case = running();
    case.run().restart_policy = RestartPolicy::Never;
    case.hooks.post_start = HookStand::Failed;
    case.check_end(Standing::Ended { killed: true }, None);
}

#[test]
fn a_failed_post_start_waits_for_its_back_off() {
    let mut case = running();
    case.hooks.post_start = HookStand::Failed;
    case.state.restarts.backoff.note(case.now);
    case.check_end(Standing::Starting, Some(case.now + seconds(10)));
}

#[test]
fn a_restart_waits_for_pre_stop_and_no_longer_than_the_grace_period_of_the_probe() {
    let mut case = started();
    case.run().unhealthy = true;
    case.run().kill_grace = seconds(5);
    case.check(PRE_STOP);
    let since = case.now;
    case.hooks.pre_stop = HookStand::Runs { since };
    case.check_end(Standing::Instance, Some(since + seconds(5)));
    assert_eq!(case.state.restarts.count, 0, "nothing is decided while it runs");
    for stand in [HookStand::Ended, HookStand::Failed, HookStand::Runs { since }] {
        let mut case = case.clone();
        case.now += seconds(5);
        case.sighting.as_mut().unwrap().taken_at = case.now;
        case.hooks.pre_stop = stand;
        assert_eq!(case.step(), Effect::End(Standing::Instance, Some(case.now)));
        assert_eq!(case.state.restarts.count, 1);
    }
    case.run().kill_grace = seconds(0);
    case.hooks.pre_stop = HookStand::Unbegun;
    assert_eq!(case.step(), Effect::End(Standing::Instance, Some(case.now)), "no grace, no hook");
}

#[test]
fn a_failed_post_start_is_in_a_crash_loop_as_any_other_and_ends_with_its_window() {
    let mut case = running();
    case.hooks.post_start = HookStand::Failed;
    case.run().crash_loop_window = Some(seconds(300));
    let began = case.now;
    for after in [0, 10, 30, 70, 150] {
        case.state.restarts.backoff.note(began + seconds(after));
    }
    case.now = began + seconds(299);
    case.check_end(Standing::Starting, Some(began + seconds(300)));
    case.now = began + seconds(300);
    case.check_end(Standing::GivenUp(GivenUp::CrashLoop { killed: true }), None);
}

#[test]
fn what_is_replaced_has_its_pre_stop_when_it_goes_and_not_while_it_may_be_held_back() {
    let mut case = started();
    case.run().unhealthy = true;
    case.run().liveness_action = LivenessAction::Replace;
    case.check_end(Standing::GivenUp(GivenUp::Unhealthy), None);
    assert_eq!(case.hooks, Hooks::default());
    // Its pod is over: the rest is as with one that is deleted.
    let grace_left = seconds(20);
    case.wish = Wish::Leave(Leave { grace_left, may_lift_protection: false, pre_stop: true });
    assert_eq!(case.step(), PRE_STOP);
    case.hooks.pre_stop = HookStand::Ended;
    assert_eq!(case.step(), Effect::Act(Action::Shutdown(id(1))));
}

#[test]
fn a_guest_that_stopped_by_itself_has_no_pre_stop() {
    let mut case = Case::known("stopped").ran();
    case.run().pre_stop = true;
    case.check(Effect::Act(Action::Start { id: id(1), counts: true }));
}

#[test]
fn a_start_that_begins_a_life_with_a_hook_is_published_before_it_is_sent() {
    let mut case = Case::known("stopped").ran();
    case.run().post_start = true;
    assert_eq!(case.step(), Effect::End(Standing::Instance, Some(case.now)));
    assert_eq!(case.state.restarts.count, 1);
    case.check_end(Standing::Instance, Some(case.now + case.limits.list_busy));
    case.published.restarts = 1;
    let start = Action::Start { id: id(1), counts: false };
    assert_eq!(case.step(), Effect::Act(start));
    let _ = case.take(Event::Done(start));
    assert_eq!(case.state.restarts.count, 1);
    case.now += seconds(1);
    case.sighting = Some(list(case.now, &[instance(1, "running")]));
    case.check(POST_START);
}

#[test]
fn somebody_elses_hand_may_start_it_first() {
    let mut case = Case::known("stopped").ran();
    case.run().post_start = true;
    let _ = case.step();
    case.now += seconds(1);
    case.sighting = Some(list(case.now, &[instance(1, "running")]));
    assert_eq!(case.step(), POST_START);
    assert_eq!(case.state.restarts.pending, None);
}

/// A pod with a preStop hook on its way out.
fn leaving(grace: u64) -> Case {
    let mut case = Case::target(instance(1, "running"));
    case.published.instance = Some(id(1));
    case.leave().grace_left = seconds(grace);
    case.leave().pre_stop = true;
    case
}

#[test]
fn pre_stop_comes_before_the_shutdown() {
    let mut case = leaving(20);
    case.check(PRE_STOP);
    case.hooks.pre_stop = runs(&case);
    case.check_end(Standing::Going, Some(case.now + seconds(20)));
    for stand in [HookStand::Ended, HookStand::Failed] {
        case.hooks.pre_stop = stand;
        case.check(Effect::Act(Action::Shutdown(id(1))));
    }
}

#[test]
fn without_grace_there_is_no_pre_stop() {
    leaving(0).check(Effect::Act(Action::Delete(id(1), super::super::Why::PodLeaves)));
}

#[test]
fn a_pre_stop_that_takes_all_of_the_grace_period_leaves_the_guest_a_moment() {
    let mut case = leaving(0);
    case.hooks.pre_stop = runs(&case);
    assert_eq!(case.step(), Effect::Act(Action::Shutdown(id(1))));
    let _ = case.take(Event::Done(Action::Shutdown(id(1))));
    let sent = case.now;
    case.check_end(Standing::Going, Some(sent + LEAST_GRACE));
    case.now = sent + LEAST_GRACE;
    case.check(Effect::Act(Action::Delete(id(1), super::super::Why::PodLeaves)));
}

#[test]
fn what_does_not_run_and_what_is_a_second_one_have_no_pre_stop() {
    let mut case = leaving(20);
    case.published.instance = Some(id(2));
    case.check(Effect::Act(Action::Shutdown(id(1))));
    let mut stopped = Case::target(instance(1, "stopped"));
    stopped.published.instance = Some(id(1));
    stopped.leave().pre_stop = true;
    stopped.check(Effect::Act(Action::Delete(id(1), super::super::Why::PodLeaves)));
}
