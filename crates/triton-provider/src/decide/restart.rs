//! Step 6, keep: what the state of an instance that is there asks for.

use triton_cloudapi::InstanceId;
use triton_cloudapi::instances::InstanceState;
use triton_podspec::LivenessAction;

use super::hook;
use super::state::{Pending, State};
use super::words::{Action, Effect, GivenUp, RestartPolicy, Run, Standing, View};

/// What to do about the pod's instance, which is neither missing nor failed.
pub(super) fn next(state: &mut State, view: &View<'_>, wish: &Run, id: InstanceId) -> Effect {
    let standing = Effect::End(Standing::Instance, None);
    let Some(instance) = state.known.as_ref().and_then(|known| known.last.as_deref()) else {
        return standing;
    };
    match instance.state {
        InstanceState::Running if is_ordered(state) => reboot(state, view, id),
        InstanceState::Running
            if wish.post_start && hook::awaits_start(state, &view.published, &view.hooks) =>
        {
            hook::start(state, view, wish, id)
        }
        InstanceState::Running if wish.unhealthy => kill(state, view, wish, id, Standing::Instance),
        InstanceState::Running if wish.protect && !instance.deletion_protection => {
            let asked = state.protect_asked;
            // It is a job and takes its time.
            if asked.is_some_and(|at| at + view.limits.action_patience > view.now) {
                standing
            } else {
                Effect::Act(Action::Protect(id))
            }
        }
        InstanceState::Stopped => stopped(state, view, wish, id),
        _ => standing,
    }
}

/// A reboot was decided and not yet sent.
fn is_ordered(state: &State) -> bool {
    state.restarts.pending.as_ref().is_some_and(|pending| pending.reboot && !pending.sent)
}

/// A probe that asked has failed, or the postStart hook. `meanwhile` is how the pod stands until it is restarted.
pub(super) fn kill(
    state: &mut State,
    view: &View<'_>,
    wish: &Run,
    id: InstanceId,
    meanwhile: Standing,
) -> Effect {
    if wish.restart_policy == RestartPolicy::Never {
        // The terminal status first: pods that are over are stopped by every process that sees them, so why this one
        // has stopped is not forgotten when this process dies.
        return Effect::End(Standing::Ended { killed: true }, None);
    }
    // What a pod wants of a failed probe says nothing of a failed hook. No preStop hook yet: the pod may be held back, and
    // what is shut down in the end has its hook before that.
    if wish.unhealthy && wish.liveness_action == LivenessAction::Replace {
        return Effect::End(Standing::GivenUp(GivenUp::Unhealthy), None);
    }
    if let Some(effect) = wait(state, view, wish, true, meanwhile) {
        return effect;
    }
    if let Some(effect) = hook::before_restart(state, view, wish, id, meanwhile) {
        return effect;
    }
    state.restarts.count(view.now, view.wall, true);
    let ordered = Pending { at: view.now, sent: false, reboot: true, dipped: false };
    state.restarts.pending = Some(ordered);
    Effect::End(meanwhile, Some(view.now))
}

/// Before the next restart: the end of a crash loop that has gone on for too long, or what is left of the back-off.
/// `meanwhile` is how the pod stands until then.
fn wait(
    state: &State,
    view: &View<'_>,
    wish: &Run,
    killed: bool,
    meanwhile: Standing,
) -> Option<Effect> {
    let backoff = &state.restarts.backoff;
    let window = wish.crash_loop_window;
    let over = window.and_then(|window| backoff.crash_loop_ends(view.now, window));
    if over.is_some_and(|over| over <= view.now) {
        // The terminal status first, here too: one that is not written is decided again, in a loop that goes on.
        return Some(Effect::End(Standing::GivenUp(GivenUp::CrashLoop { killed }), None));
    }
    let due = backoff.due(view.now);
    let first = over.map_or(due, |over| over.min(due));
    (due > view.now).then_some(Effect::End(meanwhile, Some(first)))
}

/// The restart is counted and published before the reboot is sent: an instance that another process finds stopped in
/// the midst of it is then known to be on its way up, and is not taken for a guest that has done its work.
fn reboot(state: &State, view: &View<'_>, id: InstanceId) -> Effect {
    if view.published.restarts >= state.restarts.count {
        Effect::Act(Action::Reboot(id))
    } else {
        Effect::End(Standing::Instance, Some(view.now + view.limits.list_busy))
    }
}

/// It has stopped: by itself or by somebody else's hand, or in the midst of a restart of ours.
fn stopped(state: &mut State, view: &View<'_>, wish: &Run, id: InstanceId) -> Effect {
    let restarts = &state.restarts;
    match (wish.restart_policy, &restarts.pending) {
        // No exit code exists on Triton: a guest that shuts down by itself has done its work.
        (RestartPolicy::Never | RestartPolicy::OnFailure, None) => {
            let known = state.known.as_ref();
            // Seen stopped, and seen stopped again a while later: somebody else's reboot passes through the same state.
            let sure = known.is_some_and(|known| {
                known
                    .stopped_since
                    .is_some_and(|since| known.seen_at >= since + view.limits.completion_confirm)
            });
            if sure {
                Effect::End(Standing::Ended { killed: false }, None)
            } else {
                Effect::End(Standing::Unchanged, Some(view.now + view.limits.list_busy))
            }
        }
        (_, Some(pending)) if !pending.sent && !pending.reboot => {
            if view.published.restarts >= restarts.count {
                Effect::Act(Action::Start { id, counts: false })
            } else {
                Effect::End(Standing::Instance, Some(view.now + view.limits.list_busy))
            }
        }
        (_, Some(pending)) => {
            let again = pending.at + view.limits.action_patience;
            if again <= view.now {
                Effect::Act(Action::Start { id, counts: false })
            } else {
                Effect::End(Standing::Instance, Some(again))
            }
        }
        (RestartPolicy::Always, None) => {
            if let Some(effect) = wait(state, view, wish, false, Standing::Instance) {
                effect
            } else if wish.post_start {
                // As with a reboot, it is counted and published first: a process that finds it running then knows that
                // this is another life, whose hook was not run.
                let restarts = &mut state.restarts;
                restarts.count(view.now, view.wall, false);
                let ordered = Pending { at: view.now, sent: false, reboot: false, dipped: true };
                restarts.pending = Some(ordered);
                Effect::End(Standing::Instance, Some(view.now))
            } else {
                Effect::Act(Action::Start { id, counts: true })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::Instant;

    use super::super::fixtures::{Case, id, instance, list, protected, seconds};
    use super::super::state::Known;
    use super::super::words::{Event, HookStand};
    use super::*;

    fn start(counts: bool) -> Effect {
        Effect::Act(Action::Start { id: id(1), counts })
    }

    #[test]
    fn a_guest_that_shut_down_is_started_for_always_and_done_for_the_others() {
        let mut case = Case::known("stopped").ran();
        case.check(start(true));
        for policy in [RestartPolicy::OnFailure, RestartPolicy::Never] {
            case.run().restart_policy = policy;
            let (now, sure) = (case.now, case.limits.completion_confirm);
            let known = |case: &mut Case, since| {
                case.state.known.as_mut().unwrap().stopped_since = Some(since);
            };
            known(&mut case, now - seconds(1));
            let soon = Some(case.now + case.limits.list_busy);
            case.check_end(Standing::Unchanged, soon);
            known(&mut case, now - seconds(1) - sure);
            case.check_end(Standing::Ended { killed: false }, None);
        }
    }

    #[test]
    fn somebody_elses_reboot_is_no_completion() {
        let mut case = Case::known("running").ran();
        case.run().restart_policy = RestartPolicy::Never;
        case.sighting = Some(list(case.now, &[instance(1, "stopped")]));
        assert!(matches!(case.step(), Effect::End(Standing::Unchanged, _)));
        // However long ago, it was seen stopped once only.
        case.now += seconds(60);
        assert!(matches!(case.step(), Effect::End(Standing::Unchanged, _)));
        case.sighting = Some(list(case.now, &[instance(1, "running")]));
        let _ = case.step();
        assert_eq!(case.state.known.unwrap().stopped_since, None);
    }

    #[test]
    fn restarts_wait_as_the_kubelets_do() {
        let mut case = Case::known("stopped").ran();
        case.state.restarts.backoff.note(case.now);
        let due = case.now + seconds(10);
        case.check_end(Standing::Instance, Some(due));
        case.now = due;
        assert_eq!(case.step(), start(true));
        let _ = case.take(Event::Done(Action::Start { id: id(1), counts: true }));
        assert_eq!(case.state.restarts.count, 1);
    }

    #[test]
    fn a_start_that_came_to_nothing_is_repeated_and_not_counted() {
        let mut case = Case::known("stopped").ran();
        let _ = case.take(Event::Done(Action::Start { id: id(1), counts: true }));
        let again = case.now + case.limits.action_patience;
        case.check_end(Standing::Instance, Some(again));
        case.now = again;
        case.check(start(false));
        let _ = case.take(Event::Done(Action::Start { id: id(1), counts: false }));
        assert_eq!(case.state.restarts.count, 1);
    }

    #[test]
    fn a_reboot_is_counted_and_published_before_it_is_sent() {
        for policy in [RestartPolicy::Always, RestartPolicy::OnFailure] {
            let mut case = Case::known("running").ran();
            case.run().restart_policy = policy;
            case.run().unhealthy = true;
            assert_eq!(case.step(), Effect::End(Standing::Instance, Some(case.now)));
            assert_eq!(case.state.restarts.count, 1);
            // The next life is not known to be unhealthy.
            case.run().unhealthy = false;
            let soon = case.now + case.limits.list_busy;
            case.check_end(Standing::Instance, Some(soon));
            case.published.restarts = 1;
            assert_eq!(case.step(), Effect::Act(Action::Reboot(id(1))));
            let done = case.take(Event::Done(Action::Reboot(id(1))));
            assert_eq!(done, Effect::End(Standing::Instance, None));
        }
    }

    #[test]
    fn a_guest_that_stops_before_its_reboot_is_sent_is_started() {
        let mut case = Case::known("running").ran();
        case.run().restart_policy = RestartPolicy::OnFailure;
        case.run().unhealthy = true;
        let _ = case.step();
        case.run().unhealthy = false;
        case.now += case.limits.action_patience;
        case.sighting = Some(list(case.now, &[instance(1, "stopped")]));
        case.check(start(false));
    }

    #[test]
    fn a_reboot_waits_for_its_back_off() {
        let mut case = Case::known("running").ran();
        case.run().unhealthy = true;
        case.state.restarts.backoff.note(case.now);
        case.check_end(Standing::Instance, Some(case.now + seconds(10)));
    }

    #[test]
    fn an_unhealthy_instance_is_replaced_where_its_pod_wants_that() {
        for policy in [RestartPolicy::Always, RestartPolicy::OnFailure] {
            let mut case = Case::known("running").ran();
            case.run().restart_policy = policy;
            case.run().liveness_action = LivenessAction::Replace;
            case.check_end(Standing::Instance, None);
            case.run().unhealthy = true;
            // Nothing is waited for, and nothing is counted.
            case.state.restarts.backoff.note(case.now);
            case.check_end(Standing::GivenUp(GivenUp::Unhealthy), None);
            case.run().restart_policy = RestartPolicy::Never;
            case.check_end(Standing::Ended { killed: true }, None);
        }
    }

    #[test]
    fn a_failed_post_start_is_no_failed_probe_and_replaces_nothing() {
        let mut case = Case::known("running").ran();
        case.run().liveness_action = LivenessAction::Replace;
        case.run().post_start = true;
        case.hooks.post_start = HookStand::Failed;
        assert_eq!(case.step(), Effect::End(Standing::Starting, Some(case.now)));
        case.published.restarts = 1;
        case.check(Effect::Act(Action::Reboot(id(1))));
    }

    #[test]
    fn a_guest_that_stops_by_itself_is_restarted_even_where_the_unhealthy_are_replaced() {
        let mut case = Case::known("stopped").ran();
        case.run().liveness_action = LivenessAction::Replace;
        case.check(start(true));
    }

    #[test]
    fn a_crash_loop_ends_with_its_window_and_not_before() {
        for (state, killed) in [("stopped", false), ("running", true)] {
            let mut case = Case::known(state).ran();
            case.run().unhealthy = killed;
            case.run().crash_loop_window = Some(seconds(300));
            let began = case.now;
            for after in [0, 10, 30] {
                case.state.restarts.backoff.note(began + seconds(after));
            }
            // The fourth is due 40 s after the third.
            case.now = began + seconds(35);
            case.check_end(Standing::Instance, Some(began + seconds(70)));
            for after in [70, 150] {
                case.state.restarts.backoff.note(began + seconds(after));
            }
            case.now = began + seconds(299);
            case.check_end(Standing::Instance, Some(began + seconds(300)));
            case.now = began + seconds(300);
            case.check_end(Standing::GivenUp(GivenUp::CrashLoop { killed }), None);
            case.run().crash_loop_window = None;
            case.check_end(Standing::Instance, Some(began + seconds(310)));
        }
    }

    #[test]
    fn what_runs_well_again_is_in_no_crash_loop_however_long_ago_it_began() {
        let mut case = Case::known("running").ran();
        case.run().crash_loop_window = Some(seconds(300));
        let began = case.now;
        for after in [0, 10, 30, 70] {
            case.state.restarts.backoff.note(began + seconds(after));
        }
        case.now = began + seconds(400);
        case.check_end(Standing::Instance, None);
        // Ten quiet minutes later it stops: that is the first time.
        case.now = began + seconds(670);
        case.state.known = Some(Known::seen(instance(1, "stopped"), case.now));
        case.state.known.as_mut().unwrap().ran = true;
        case.sighting = Some(list(case.now, &[instance(1, "stopped")]));
        case.check(start(true));
    }

    #[test]
    fn protection_is_asked_for_once_it_runs_and_not_twice_in_a_row() {
        let mut case = Case::known("running").ran();
        case.run().protect = true;
        assert_eq!(case.step(), Effect::Act(Action::Protect(id(1))));
        let asked = case.take(Event::Done(Action::Protect(id(1))));
        assert_eq!(asked, Effect::End(Standing::Instance, None::<Instant>));
        case.state.protect_asked = None;
        let instance = protected(1, "running");
        let before = case.now - seconds(1);
        case.state.known = Some(Known::seen(Arc::clone(&instance), before));
        case.sighting = Some(list(before, &[instance]));
        case.check_end(Standing::Instance, None);
    }
}
