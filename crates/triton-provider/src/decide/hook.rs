//! Lifecycle hooks: when one is to be run, and what waits for it.
//!
//! A hook belongs to one life of an instance. postStart stands between an instance that runs and a container that has
//! started; preStop before whatever ends a life by our hand. That a hook was begun is remembered by this process alone,
//! so one that a crash interrupts is run again, as Kubernetes promises ("at least once"); that a container has started
//! is published, and a hook that led there is never run again in that life.

use std::time::Duration;

use triton_cloudapi::InstanceId;
use triton_cloudapi::instances::InstanceState;

use super::restart;
use super::state::{State, Target};
use super::words::{Action, Effect, Hook, HookStand, Hooks, Leave, Published, Run, Standing, View};

/// What a guest is given to shut down when its preStop hook took all of the grace period: the kubelet's
/// `minimumGracePeriodInSeconds`.
const LEAST_GRACE: Duration = Duration::from_secs(2);

/// Whether the container of a pod with a postStart hook has yet to start: neither was it published as running in the
/// present life of its instance, nor has its hook been run to its end.
#[must_use]
pub fn awaits_start(state: &State, published: &Published, hooks: &Hooks) -> bool {
    let Some(known) = &state.known else { return true };
    let count = state.restarts.count;
    let started =
        published.started && published.instance == Some(known.id) && published.restarts == count;
    let ended = hooks.restarts == count && hooks.post_start == HookStand::Ended;
    !started && !ended
}

/// How a hook of the present life stands. What was said of another life says nothing of this one.
fn stand(state: &State, view: &View<'_>, hook: Hook) -> HookStand {
    if view.hooks.restarts != state.restarts.count {
        return HookStand::Unbegun;
    }
    match hook {
        Hook::PostStart => view.hooks.post_start,
        Hook::PreStop => view.hooks.pre_stop,
    }
}

/// The instance runs, and its container has yet to start: nothing else is done about it before the hook has ended.
pub(super) fn start(state: &mut State, view: &View<'_>, wish: &Run, id: InstanceId) -> Effect {
    if state.restarts.pending.is_some() {
        // What runs is the life before the restart, as far as is known.
        return Effect::End(Standing::Starting, None);
    }
    match stand(state, view, Hook::PostStart) {
        HookStand::Unbegun => Effect::Hook(Hook::PostStart, id),
        HookStand::Failed => restart::kill(state, view, wish, id, Standing::Starting),
        // Its end is told.
        HookStand::Runs { .. } | HookStand::Ended => Effect::End(Standing::Starting, None),
    }
}

/// The preStop hook of a life that a restart is about to end; `None` when nothing is left to wait for. It is run before
/// the restart is decided: if this process dies meanwhile, the next one finds an instance that nothing was done to.
pub(super) fn before_restart(
    state: &State,
    view: &View<'_>,
    wish: &Run,
    id: InstanceId,
    meanwhile: Standing,
) -> Option<Effect> {
    if !wish.pre_stop || wish.kill_grace.is_zero() {
        return None;
    }
    match stand(state, view, Hook::PreStop) {
        HookStand::Unbegun => Some(Effect::Hook(Hook::PreStop, id)),
        HookStand::Runs { since } => {
            let over = since + wish.kill_grace;
            (over > view.now).then_some(Effect::End(meanwhile, Some(over)))
        }
        HookStand::Ended | HookStand::Failed => None,
    }
}

/// The preStop hook of an instance whose pod goes; `None` when the guest can be told to shut down.
pub(super) fn before_shutdown(
    state: &State,
    view: &View<'_>,
    wish: &Leave,
    id: InstanceId,
) -> Option<Effect> {
    if !has_hook(state, view, wish, id) {
        return None;
    }
    match stand(state, view, Hook::PreStop) {
        HookStand::Unbegun => Some(Effect::Hook(Hook::PreStop, id)),
        HookStand::Runs { .. } => {
            Some(Effect::End(Standing::Going, Some(view.now + wish.grace_left)))
        }
        HookStand::Ended | HookStand::Failed => None,
    }
}

/// The grace period is over. A guest whose hook took all of it is told to shut down all the same, and given a moment.
pub(super) fn after_grace(
    state: &State,
    view: &View<'_>,
    wish: &Leave,
    id: InstanceId,
    target: &Target,
) -> Option<Effect> {
    let hooked =
        has_hook(state, view, wish, id) && stand(state, view, Hook::PreStop) != HookStand::Unbegun;
    let instance = target.last.as_deref().filter(|_| hooked && wish.grace_left.is_zero())?;
    match (&instance.state, target.stop_sent) {
        (InstanceState::Running | InstanceState::Ready, None) => {
            Some(Effect::Act(Action::Shutdown(id)))
        }
        (InstanceState::Running | InstanceState::Ready | InstanceState::Stopping, Some(sent)) => {
            let over = sent + LEAST_GRACE;
            (over > view.now).then_some(Effect::End(Standing::Going, Some(over)))
        }
        _ => None,
    }
}

/// A second instance of the pod has no hooks: what it would tell is told for the first.
fn has_hook(state: &State, view: &View<'_>, wish: &Leave, id: InstanceId) -> bool {
    let is_known = state.known.as_ref().is_some_and(|known| known.id == id);
    wish.pre_stop && (is_known || view.published.instance == Some(id))
}

#[cfg(test)]
mod tests;
