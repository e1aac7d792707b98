//! The life of an instance, from a pod that has none to a pod of which nothing is left.
//!
//! `docs/reliability/algorithm.md` goes through this file from top to bottom; the numbers of the steps are the same.
//! Step 0, that only one process acts, is not here: a Lease elects it, a fence holds the others back, and the
//! journal's version fences what slips through both, as no create is sent without a note.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use triton_cloudapi::InstanceId;
use triton_cloudapi::instances::InstanceState;

use super::answer::{discard, see};
use super::sight::{has_twins, is_good, is_missing, is_ours, is_unlisted, listed};
use super::state::{Intent, Known, Outlook, State, Stopping, Target};
use super::twins::{is_alive, winner};
use super::words::{Action, Because, Effect, Event, Leave, Run, Standing, View, Why, Wish};
use super::{Sighting, answer, hook, restart};
use crate::seen::Seen;

/// How long after a create was decided it may still be sent: a connection takes up to ten seconds. Counts only when
/// its pass is dropped meanwhile, as any answer and any failure ends the sending.
const SEND_MARGIN: Duration = Duration::from_secs(15);

/// When a status that is about to be written will have been: the note of its create is not kept for longer, as the
/// journal holds so many only.
const PUBLISHED_SOON: Duration = Duration::from_millis(20);

/// How far a create is that this step may go on with. Every other step begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Making {
    Nothing,
    Prepared,
    Noted,
}

/// Takes in what has happened, and says what to do next.
#[must_use]
pub fn step(state: &mut State, view: &View<'_>, event: Event) -> Effect {
    let making = match event {
        Event::Prepared => Making::Prepared,
        Event::Noted => Making::Noted,
        _ => Making::Nothing,
    };
    answer::take(state, view, event);
    match &view.wish {
        Wish::Run(wish) => run(state, view, wish, making),
        Wish::Leave(wish) => leave(state, view, wish),
    }
}

// === A pod that should run: steps 1 to 6 ===

fn run(state: &mut State, view: &View<'_>, wish: &Run, making: Making) -> Effect {
    state.stopping = None;
    if wish.deadline.is_some_and(|deadline| deadline <= view.now) {
        return Effect::End(Standing::Expired, None);
    }
    look(state, view);
    if making == Making::Nothing && state.noted && !needs_note(state, view) {
        return Effect::DropNote;
    }
    match &state.known {
        None => make(state, view, making),
        Some(known) if known.gone && known.ran => Effect::End(Standing::Lost, None),
        Some(known) if known.gone => give_up(state, view, known.id),
        Some(known) => keep(state, view, wish, known.id),
    }
}

/// Step 1, look: what the last list says of the pod goes into the state. An instance that is there is adopted, whoever
/// made it; one that is published is the pod's even if no list shows it, and if a list shows another.
fn look(state: &mut State, view: &View<'_>) {
    let Some(sighting) = view.sighting else { return };
    let ours = living_or_known(state, view, sighting);
    let published = view.published.instance.filter(|id| !state.discarded.contains_key(id));
    let found = match &state.known {
        None if published.is_some_and(|id| listed(&ours, id).is_none()) => None,
        None => winner(&ours, published).cloned(),
        Some(known) => match successor(known, view, &ours, sighting) {
            Some(other) => Some(other),
            None => listed(&ours, known.id).filter(|_| sighting.taken_at > known.seen_at).cloned(),
        },
    };
    if let Some(instance) = found {
        see(state, view, instance, sighting.taken_at);
    } else if state.known.is_none()
        && let Some(id) = published
    {
        let mut known = Known::recalled(id, view.now);
        known.ran = view.published.ran;
        state.known = Some(known);
    }
    hear(state, view, sighting);
}

/// The pod's instances in a list, without those that were given up.
fn living_or_known(state: &State, view: &View<'_>, sighting: &Sighting) -> Vec<Arc<Seen>> {
    let wanted = |instance: &&Arc<Seen>| {
        is_ours(instance, view) && !state.is_given_up(instance, sighting.taken_at)
    };
    sighting.instances.iter().filter(wanted).cloned().collect()
}

/// The changefeed is evidence of one thing: what was being provisioned runs. It comes from provisioning once, so a
/// frame that is late is no lie. Everything else the feed says is a reason to list.
fn hear(state: &mut State, view: &View<'_>, sighting: &Sighting) {
    let Some(known) = &state.known else { return };
    let provisioning =
        known.last.as_ref().is_some_and(|last| last.state == InstanceState::Provisioning);
    let told = sighting.told.iter().find(|told| {
        told.instance.id == known.id
            && told.at > known.seen_at
            && told.instance.state == InstanceState::Running
            && is_ours(&told.instance, view)
    });
    if let Some(told) = told.filter(|_| provisioning) {
        see(state, view, Arc::clone(&told.instance), told.at);
    }
}

/// Another living instance of the pod, when the known one is gone, failed or missing from a list that shows the other,
/// or when the other is the published one: what lives is kept, whoever made it.
fn successor(
    known: &Known,
    view: &View<'_>,
    ours: &[Arc<Seen>],
    sighting: &Sighting,
) -> Option<Arc<Seen>> {
    if sighting.taken_at <= known.seen_at && !known.gone {
        return None;
    }
    let others: Vec<_> =
        ours.iter().filter(|instance| instance.id != known.id).map(Arc::clone).collect();
    let published = view.published.instance;
    let listed = listed(ours, known.id);
    let other_is_published = others.iter().any(|other| Some(other.id) == published);
    if !known.gone && !other_is_published {
        if listed.is_some_and(|instance| is_alive(instance)) {
            return None;
        }
        if listed.is_none() && known.misses.count == 0 {
            // Missing, and not yet asked about: that comes first.
            return None;
        }
    }
    winner(&others, published).cloned()
}

/// Steps 2 and 3, note and post: one create, and none while an earlier one may still come true.
///
/// It is called three times for each create: to begin, when all is ready, and when the note is durable. Each time
/// everything is looked at again, so that nothing is sent that was overtaken meanwhile.
fn make(state: &mut State, view: &View<'_>, making: Making) -> Effect {
    if view.sighting.is_none() {
        // The cloud was not seen whole yet.
        return Effect::End(Standing::Unchanged, None);
    }
    if let Some(intent) = &state.intent {
        return resolve(state, view, intent.outlook(view.now));
    }
    if let Some(at) = state.retry_at.filter(|at| *at > view.now) {
        return Effect::End(Standing::Waiting(Because::RetryLater), Some(at));
    }
    match making {
        Making::Nothing => Effect::Prepare,
        Making::Prepared => {
            // Taken to be there even if the write fails on us: a write whose answer is lost may have been made.
            state.noted = true;
            Effect::Note
        }
        Making::Noted => {
            // Until there is an answer the create may come true; a pass that is dropped now leaves just that behind.
            state.intent =
                Some(Intent::until(view.now + view.limits.ambiguity_window + SEND_MARGIN));
            Effect::Post
        }
    }
}

/// Step 4, resolve: look for what an unanswered create has made, and do not repeat it before it cannot come true any
/// more and was looked for once more after that.
fn resolve(state: &mut State, view: &View<'_>, outlook: Outlook) -> Effect {
    match outlook {
        Outlook::Look => Effect::List,
        Outlook::Later(at) => Effect::End(Standing::Waiting(Because::CreateUnresolved), Some(at)),
        Outlook::Over => {
            state.intent = None;
            if state.noted { Effect::DropNote } else { make(state, view, Making::Nothing) }
        }
    }
}

/// The pod has an instance, as far as we know: step 5 for its twins, step 6 for itself.
fn keep(state: &mut State, view: &View<'_>, wish: &Run, id: InstanceId) -> Effect {
    if let Some(effect) = remove_twin(state, view, id) {
        return effect;
    }
    let Some(known) = &state.known else { return Effect::End(Standing::Unchanged, None) };
    let in_doubt = known.misses.count > 0 || is_missing(view, known.seen_at, id);
    let Some(instance) = known.last.as_deref().filter(|_| !in_doubt) else {
        // Absence from a list is no evidence: the instance itself is asked for, twice.
        return match known.misses.next(view.limits.absence_confirm) {
            Some(at) if at > view.now => Effect::End(Standing::Unchanged, Some(at)),
            _ => Effect::Read(id),
        };
    };
    match instance.state {
        InstanceState::Failed | InstanceState::Deleted if known.ran => {
            Effect::End(Standing::Lost, None)
        }
        InstanceState::Failed if is_ours(instance, view) => {
            if !is_good(view, Some(known.seen_at)) {
                return Effect::Read(id);
            }
            Effect::Act(Action::Delete(id, Why::Failed))
        }
        InstanceState::Failed | InstanceState::Deleted => give_up(state, view, id),
        _ => {
            let effect = restart::next(state, view, wish, id);
            // Once this is published the note can go, and twins can.
            match effect {
                Effect::End(there @ (Standing::Instance | Standing::Starting), None)
                    if state.noted =>
                {
                    Effect::End(there, Some(view.now + PUBLISHED_SOON))
                }
                Effect::End(there @ (Standing::Instance | Standing::Starting), None)
                    if has_twins(view, id) =>
                {
                    Effect::End(there, Some(view.now + view.limits.list_busy))
                }
                // No list shows it so yet. One that goes on hiding it looks as the one before, and wakes nobody.
                Effect::End(Standing::Instance, None) if is_unlisted(state, view) => {
                    Effect::End(Standing::Instance, Some(view.now + view.limits.list_idle))
                }
                effect => effect,
            }
        }
    }
}

/// Step 5, one of several: the others go, one after the other.
///
/// None goes before the one that stays is published and is alive in the list that shows them both; and none before
/// both were read again since, the one that stays last: it is there, and the other is still this pod's.
fn remove_twin(state: &mut State, view: &View<'_>, keep: InstanceId) -> Option<Effect> {
    let sighting = view.sighting?;
    let stays = |instance: &&Arc<Seen>| {
        instance.id == keep && is_alive(instance) && is_ours(instance, view)
    };
    let known = state.known.as_ref().filter(|known| known.misses.count == 0)?;
    known.last.as_ref().filter(stays)?;
    sighting.instances.iter().find(stays)?;
    if view.published.instance != Some(keep) {
        return None;
    }
    let seen_at = known.seen_at;
    for twin in sighting.instances.iter().filter(|instance| instance.id != keep) {
        let entry = state.twins.entry(twin.id).or_default();
        let quiet = entry.quiet_until.is_some_and(|until| until > view.now);
        if quiet || !is_alive(twin) || !is_ours(twin, view) {
            continue;
        }
        if entry.read_at.is_none_or(|at| at < sighting.taken_at) || !is_good(view, entry.read_at) {
            return Some(Effect::Read(twin.id));
        }
        if seen_at <= sighting.taken_at || !is_good(view, Some(seen_at)) {
            return Some(Effect::Read(keep));
        }
        entry.quiet_until = Some(view.now + view.limits.action_patience);
        return Some(Effect::Act(Action::Delete(twin.id, Why::Twin)));
    }
    None
}

/// An instance that never ran came to nothing: back off, then make another.
fn give_up(state: &mut State, view: &View<'_>, id: InstanceId) -> Effect {
    discard(state, view, id);
    Effect::End(Standing::Waiting(Because::NeverRan(id)), state.retry_at)
}

/// A note stays until what its create made can be found without it: the published status names the instance, or
/// there is none and there will be none.
fn needs_note(state: &State, view: &View<'_>) -> bool {
    let unpublished = |known: &Known| !known.gone && view.published.instance != Some(known.id);
    state.intent.is_some() || state.known.as_ref().is_some_and(unpublished)
}

// === A pod that should be gone: step 7 ===

fn leave(state: &mut State, view: &View<'_>, wish: &Leave) -> Effect {
    let since = aim(state, view);
    let targets = state.stopping.iter().flat_map(|stopping| &stopping.targets);
    let mut waits = Vec::new();
    for (id, target) in targets.filter(|(_, target)| !target.gone) {
        match remove(state, view, wish, *id, target) {
            Effect::End(Standing::Going, Some(at)) => waits.push(at),
            effect => return effect,
        }
    }
    if let Some(intent) = &state.intent {
        // On the way out too a create may still come true; what comes is removed on sight.
        match intent.outlook(view.now) {
            Outlook::Look => return Effect::List,
            Outlook::Later(at) => waits.push(at),
            Outlook::Over => state.intent = None,
        }
    }
    if let Some(first) = waits.into_iter().min() {
        return Effect::End(Standing::Going, Some(first));
    }
    // Nothing known is left; a complete list made since stopping began must say so too.
    match view.sighting {
        Some(sighting) if sighting.taken_at > since => {
            if state.noted {
                Effect::DropNote
            } else {
                Effect::End(Standing::Gone, None)
            }
        }
        _ => Effect::End(Standing::Going, Some(view.now + view.limits.list_busy)),
    }
}

/// Everything that the pod is known to have, and every instance of it that a list shows, is to go.
fn aim(state: &mut State, view: &View<'_>) -> Instant {
    let State { known, discarded, stopping, .. } = state;
    let Stopping { since, targets } = stopping.get_or_insert_with(|| {
        let mut stopping = Stopping { since: view.now, targets: Default::default() };
        if let Some(known) = known.as_ref().filter(|known| !known.gone) {
            let seen_at = known.last.as_ref().map(|_| known.seen_at);
            let target = Target { last: known.last.clone(), seen_at, ..Target::default() };
            stopping.targets.insert(known.id, target);
        }
        let gone = known.as_ref().filter(|known| known.gone).map(|known| known.id);
        let published = view.published.instance;
        if let Some(id) = published.filter(|id| Some(*id) != gone && !discarded.contains_key(id)) {
            stopping.targets.entry(id).or_default();
        }
        stopping
    });
    for instance in view.sighting.iter().flat_map(|sighting| &sighting.instances) {
        let taken_at = view.sighting.map_or(view.now, |sighting| sighting.taken_at);
        if !is_ours(instance, view) {
            continue;
        }
        let target = targets.entry(instance.id).or_default();
        if !target.gone && target.seen_at.is_none_or(|at| taken_at > at) {
            target.see(Arc::clone(instance), taken_at);
        }
    }
    for told in view.sighting.iter().flat_map(|sighting| &sighting.told) {
        // An id never comes back: the end of what we have deleted may be believed at once, and even if its frame was
        // faster than the answer to the delete.
        if let Some(target) = targets.get_mut(&told.instance.id)
            && target.delete_sent.is_some()
            && told.instance.state == InstanceState::Deleted
            && is_ours(&told.instance, view)
        {
            target.gone = true;
        }
    }
    *since
}

/// One instance on its way out: its preStop hook, shut down, delete, confirm.
fn remove(state: &State, view: &View<'_>, wish: &Leave, id: InstanceId, target: &Target) -> Effect {
    let wait = |until| Effect::End(Standing::Going, Some(until));
    let confirm = || confirm(view, id, target);
    let missing = target.seen_at.is_none_or(|seen_at| is_missing(view, seen_at, id));
    let Some(instance) = target.last.as_deref().filter(|_| !missing) else { return confirm() };
    match instance.state {
        InstanceState::Deleted => return confirm(),
        // Deleted while it was provisioning: CloudAPI keeps it as failed, nothing runs.
        InstanceState::Failed if target.delete_sent.is_some() => return confirm(),
        _ => {}
    }
    if let Some(sent) = target.delete_sent {
        let again = sent + view.limits.action_patience;
        return if again <= view.now { delete(view, id, target) } else { wait(again) };
    }
    if instance.deletion_protection {
        let ours_to_lift = wish.may_lift_protection || instance.asked_for_protection;
        return match target.unprotect_sent {
            _ if !ours_to_lift => Effect::End(Standing::Blocked(id), None),
            Some(sent) if sent + view.limits.action_patience > view.now => {
                let unread = target.seen_at.is_none_or(|at| at <= sent);
                if unread { Effect::Read(id) } else { wait(view.now + view.limits.list_busy) }
            }
            _ => Effect::Act(Action::Unprotect(id)),
        };
    }
    let runs = matches!(instance.state, InstanceState::Running | InstanceState::Ready);
    if runs && target.stop_sent.is_none() && !wish.grace_left.is_zero() {
        let hook = hook::before_shutdown(state, view, wish, id);
        return hook.unwrap_or(Effect::Act(Action::Shutdown(id)));
    }
    if let Some(effect) = hook::after_grace(state, view, wish, id, target) {
        return effect;
    }
    if (runs || instance.state == InstanceState::Stopping) && !wish.grace_left.is_zero() {
        return wait(view.now + wish.grace_left);
    }
    delete(view, id, target)
}

/// Whose it is was checked when it became a target; as it was last seen, which must be lately, it is checked again.
fn delete(view: &View<'_>, id: InstanceId, target: &Target) -> Effect {
    let is_ours = target.last.as_deref().is_some_and(|instance| is_ours(instance, view));
    if is_ours && is_good(view, target.seen_at) {
        Effect::Act(Action::Delete(id, Why::PodLeaves))
    } else {
        confirm(view, id, target)
    }
}

/// Reads it, but not at once again if the last read did not find it.
fn confirm(view: &View<'_>, id: InstanceId, target: &Target) -> Effect {
    match target.misses.next(view.limits.absence_confirm) {
        Some(at) if at > view.now => Effect::End(Standing::Going, Some(at)),
        _ => Effect::Read(id),
    }
}

#[cfg(test)]
mod tests;
