//! What the answer to an effect changes in the state.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use triton_cloudapi::InstanceId;
use triton_cloudapi::instances::InstanceState;

use super::sight::is_ours;
use super::state::{Intent, Known, Misses, Pending, State, Target};
use super::twins::{is_alive, winner};
use super::words::{Action, Event, Found, View, Why, Wish};
use crate::seen::Seen;

/// Takes in what has happened.
pub(super) fn take(state: &mut State, view: &View<'_>, event: Event) {
    match event {
        Event::Looked | Event::Prepared | Event::Noted | Event::HookBegun => {}
        Event::NoteDropped => state.noted = false,
        Event::NotMade => state.intent = None,
        Event::Refused { longest } => {
            state.intent = None;
            back_off(state, view, longest);
        }
        // Lists that were asked for before this answer do not count against it.
        Event::Created(instance) => see(state, view, instance, view.now),
        // Counted from now: the request may have been on its way until this moment.
        Event::Ambiguous => {
            state.intent = Some(Intent::until(view.now + view.limits.ambiguity_window));
        }
        Event::Read { id, asked_at, found } => read(state, view, id, asked_at, found),
        Event::Listed { asked_at, found } => resolved(state, view, asked_at, &found),
        Event::Done(action) => done(state, view, action),
    }
}

/// The pod's instance was seen so in a list, a read or an answer of `at`.
pub(super) fn see(state: &mut State, view: &View<'_>, instance: Arc<Seen>, at: Instant) {
    let ran = state.known.as_ref().is_some_and(|known| known.ran) || view.published.ran;
    if is_alive(&instance) {
        // One create makes one instance: it has come true.
        state.intent = None;
    }
    if instance.state == InstanceState::Running {
        state.failures = 0;
    }
    match state.known.as_mut().filter(|known| known.id == instance.id) {
        Some(known) => {
            state.restarts.see(&instance.state, at);
            known.see(instance, at);
            known.ran |= ran;
        }
        None => {
            // What is the pod's again is not given up any more: the next lists tell of it as of any other.
            state.discarded.remove(&instance.id);
            let mut known = Known::seen(instance, at);
            known.ran |= ran;
            state.known = Some(known);
        }
    }
}

/// An instance that never ran came to nothing: another one is made, later.
pub(super) fn discard(state: &mut State, view: &View<'_>, id: InstanceId) {
    state.known = None;
    state.discarded.insert(id, view.now);
    back_off(state, view, view.limits.retry_max);
}

/// No create for a while: longer each time, and never longer than `longest`.
fn back_off(state: &mut State, view: &View<'_>, longest: Duration) {
    let doubled = 1_u32.checked_shl(state.failures).unwrap_or(u32::MAX);
    let wait = view.limits.retry_first.saturating_mul(doubled).min(longest);
    state.failures = state.failures.saturating_add(1);
    state.retry_at = Some(view.now + wait);
}

/// One instance was read: the pod's, a twin, or one on its way out.
fn read(state: &mut State, view: &View<'_>, id: InstanceId, asked_at: Instant, found: Found) {
    let ours = match found {
        Found::Present(instance) => Some(instance).filter(|instance| is_ours(instance, view)),
        Found::Foreign | Found::Destroyed => None,
        // Believed when it was said often enough, and not of what may be too young to be shown everywhere.
        Found::NotFound => {
            let (apart, enough) = (view.limits.absence_confirm, view.limits.absence_reads);
            let believed =
                misses(state, id).is_none_or(|misses| misses.note(asked_at, apart, enough));
            if !believed || is_young(state, view, id) {
                return;
            }
            None
        }
    };
    if let Some(target) = state.stopping.as_mut().and_then(|found| found.targets.get_mut(&id)) {
        match ours {
            // Deleted while it was provisioning: it stays as failed, and nothing runs.
            Some(left) if target.delete_sent.is_some() && left.state == InstanceState::Failed => {
                target.gone = true;
            }
            Some(instance) => target.see(instance, asked_at),
            // It is destroyed; or it is not provably ours (its tags or the published status were edited), and is left
            // alone.
            None => target.gone = true,
        }
    } else if state.known.as_ref().is_some_and(|known| known.id == id) {
        match (ours, &mut state.known) {
            (Some(instance), _) => see(state, view, instance, asked_at),
            (None, Some(known)) => known.gone = true,
            (None, None) => {}
        }
    } else {
        let twin = state.twins.entry(id).or_default();
        match ours.filter(|instance| is_alive(instance)) {
            Some(_) => twin.read_at = Some(asked_at),
            None => twin.quiet_until = Some(view.now + view.limits.action_patience),
        }
    }
}

/// Whether the pod's instance is so new that "no such instance" may be said of it by a part of CloudAPI that has not
/// heard of it yet: for as long as a create may take to come true. What is destroyed is known to be so, and answers
/// 410; 404 is for what was forgotten since.
fn is_young(state: &State, view: &View<'_>, id: InstanceId) -> bool {
    let deleted = state
        .stopping
        .as_ref()
        .and_then(|stopping| stopping.targets.get(&id))
        .is_some_and(|target| target.delete_sent.is_some());
    let known = state.known.as_ref().filter(|known| known.id == id);
    !deleted && known.is_some_and(|known| view.now < known.since + view.limits.ambiguity_window)
}

/// The reads of an instance that said it does not exist.
fn misses(state: &mut State, id: InstanceId) -> Option<&mut Misses> {
    let target = state.stopping.as_mut().and_then(|stopping| stopping.targets.get_mut(&id));
    match target {
        Some(target) => Some(&mut target.misses),
        None => {
            let known = state.known.as_mut().filter(|known| known.id == id);
            known.map(|known| &mut known.misses)
        }
    }
}

/// All instances with the pod's UID tag were listed, because a create had not been answered.
fn resolved(state: &mut State, view: &View<'_>, asked_at: Instant, found: &[Arc<Seen>]) {
    let ours: Vec<_> = found
        .iter()
        .filter(|instance| is_ours(instance, view) && !state.is_given_up(instance, asked_at))
        .cloned()
        .collect();
    let made = winner(&ours, view.published.instance).cloned();
    if made.is_none()
        && let Some(intent) = &mut state.intent
    {
        intent.look(asked_at);
    }
    match (view.wish, &mut state.stopping) {
        (Wish::Run(_), _) | (Wish::Leave(_), None) => {
            if let Some(instance) = made {
                see(state, view, instance, asked_at);
            }
        }
        (Wish::Leave(_), Some(stopping)) => {
            if made.is_some() {
                state.intent = None;
            }
            for instance in ours {
                stopping.targets.entry(instance.id).or_default().see(instance, asked_at);
            }
        }
    }
}

/// CloudAPI has accepted an action.
fn done(state: &mut State, view: &View<'_>, action: Action) {
    let now = view.now;
    match action {
        Action::Start { counts, .. } => {
            if counts {
                state.restarts.count(now, view.wall, false);
            }
            let pending = Pending { at: now, sent: true, reboot: false, dipped: true };
            state.restarts.pending = Some(pending);
        }
        Action::Reboot(_) => {
            let pending = Pending { at: now, sent: true, reboot: true, dipped: false };
            state.restarts.pending = Some(pending);
        }
        Action::Protect(_) => state.protect_asked = Some(now),
        Action::Unprotect(id) => aimed(state, id, |target| target.unprotect_sent = Some(now)),
        Action::Shutdown(id) => aimed(state, id, |target| target.stop_sent = Some(now)),
        Action::Delete(id, Why::PodLeaves) => {
            aimed(state, id, |target| target.delete_sent = Some(now));
        }
        Action::Delete(id, Why::Failed) => discard(state, view, id),
        // When it may be asked again was noted before it was sent.
        Action::Delete(_, Why::Twin) => {}
    }
}

fn aimed(state: &mut State, id: InstanceId, change: impl FnOnce(&mut Target)) {
    if let Some(stopping) = &mut state.stopping {
        change(stopping.targets.entry(id).or_default());
    }
}
