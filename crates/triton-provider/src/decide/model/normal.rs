//! Two worlds that differ only in when everything happened are one: their moments are moved to where only the order
//! of what is close together is left, and how long ago the rest was.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use tokio::time::Instant;

use super::super::state::{Known, State};
use super::super::{Effect, HookStand};
use super::world::{MOMENT, World};

/// What is longer ago than this, in seconds, is over for every purpose but the window's.
const LONG_AGO: i128 = 61;
/// What is longer ago than this is over for that too.
const VERY_LONG_AGO: i128 = 244;

/// Moves all moments of the world, and returns what tells it from others.
pub(super) fn normalise(world: &mut World, home: Instant) -> u64 {
    let now = world.now;
    for process in &mut world.processes {
        process.states.iter_mut().for_each(|state| simplify(state, now));
    }
    let mut moments = Vec::new();
    for_each_moment(world, |moment, limit| {
        moments.push((seconds_ago(now, *moment, limit), *moment))
    });
    moments.push((0, now));
    moments.sort_unstable();
    moments.dedup();
    let place = |moment: Instant, limit| {
        let ago = seconds_ago(now, moment, limit);
        let rank =
            |moment| moments.iter().filter(|other| other.0 == ago && other.1 < moment).count();
        let rank = i128::try_from(rank(moment)).unwrap();
        let rank_of_now = moments.iter().filter(|other| other.0 == 0 && other.1 < now).count();
        let first = if ago == 0 { i128::try_from(rank_of_now).unwrap() } else { 0 };
        shift(home, -ago * 1000 + (rank - first) * i128::try_from(MOMENT.as_millis()).unwrap())
    };
    for_each_moment(world, |moment, limit| *moment = place(*moment, limit));
    world.now = home;
    digest(world, home)
}

/// How long ago, in whole seconds, negative for what is to come.
fn seconds_ago(now: Instant, moment: Instant, limit: i128) -> i128 {
    let millis = |time: Duration| i128::try_from(time.as_millis()).unwrap();
    let ago = if moment > now {
        -(millis(moment.duration_since(now)) + 500).div_euclid(1000)
    } else {
        (millis(now.duration_since(moment)) + 500).div_euclid(1000)
    };
    ago.min(limit)
}

fn shift(home: Instant, millis: i128) -> Instant {
    let time = Duration::from_millis(u64::try_from(millis.abs()).unwrap());
    if millis < 0 { home - time } else { home + time }
}

/// What makes no difference any more.
fn simplify(state: &mut State, now: Instant) {
    state.retry_at = state.retry_at.filter(|at| *at > now);
    state.failures = state.failures.min(2);
    if let Some(intent) = &mut state.intent {
        intent.looks = intent.looks.min(5);
    }
    for twin in state.twins.values_mut() {
        twin.quiet_until = twin.quiet_until.filter(|until| *until > now);
    }
    state.twins.retain(|_, twin| twin.read_at.is_some() || twin.quiet_until.is_some());
}

fn for_each_moment(world: &mut World, mut all: impl FnMut(&mut Instant, i128)) {
    world.machines.iter_mut().for_each(|machine| all(&mut machine.sent, VERY_LONG_AGO));
    world.flying.iter_mut().for_each(|flying| all(&mut flying.sent, VERY_LONG_AGO));
    world.ends.iter_mut().for_each(|(_, moment)| all(moment, LONG_AGO));
    for hooks in world.processes.iter_mut().flat_map(|process| &mut process.hooks) {
        for hook in [&mut hooks.post_start, &mut hooks.pre_stop] {
            if let HookStand::Runs { since } = hook {
                all(since, LONG_AGO);
            }
        }
    }
    let states = world.processes.iter_mut().flat_map(|process| process.states.iter_mut());
    let known = states.filter_map(|state| state.known.as_mut());
    known.for_each(|known| all(&mut known.since, VERY_LONG_AGO));
    let mut each = |moment: &mut Instant| all(moment, LONG_AGO);
    for process in &mut world.processes {
        process.states.iter_mut().for_each(|state| moments_of(state, &mut each));
        if let Some(list) = &mut process.list {
            each(&mut list.taken_at);
            list.machines.iter_mut().for_each(|machine| each(&mut machine.sent));
        }
    }
}

fn moments_of(state: &mut State, each: &mut impl FnMut(&mut Instant)) {
    let State { intent, known, discarded, twins, retry_at, restarts, .. } = state;
    let State { protect_asked, stopping, .. } = state;
    if let Some(intent) = intent {
        each(&mut intent.over);
        intent.looked_at.iter_mut().for_each(&mut *each);
    }
    if let Some(Known { seen_at, misses, stopped_since, .. }) = known {
        each(seen_at);
        misses.last.iter_mut().chain(stopped_since).for_each(&mut *each);
    }
    discarded.values_mut().for_each(&mut *each);
    for twin in twins.values_mut() {
        twin.read_at.iter_mut().chain(&mut twin.quiet_until).for_each(&mut *each);
    }
    retry_at.iter_mut().chain(protect_asked).for_each(&mut *each);
    restarts.backoff.moments_mut().for_each(&mut *each);
    restarts.pending.iter_mut().for_each(|pending| each(&mut pending.at));
    if let Some(stopping) = stopping {
        each(&mut stopping.since);
        for target in stopping.targets.values_mut() {
            let sent = target.stop_sent.iter_mut().chain(&mut target.unprotect_sent);
            let rest = target.seen_at.iter_mut().chain(&mut target.misses.last);
            sent.chain(&mut target.delete_sent).chain(rest).for_each(&mut *each);
        }
    }
}

fn digest(world: &World, home: Instant) -> u64 {
    let mut hasher = DefaultHasher::new();
    let at = |moment: Instant| {
        let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap();
        if moment > home {
            millis(moment.duration_since(home))
        } else {
            -millis(home.duration_since(moment))
        }
    };
    (world.troubles, &world.pods, &world.notes, world.next_id).hash(&mut hasher);
    for machine in &world.machines {
        digest_machine(machine, at(machine.sent), &mut hasher);
    }
    for (id, end) in &world.ends {
        (id, at(*end)).hash(&mut hasher);
    }
    world.flying.len().hash(&mut hasher);
    for flying in &world.flying {
        (flying.pod, at(flying.sent)).hash(&mut hasher);
    }
    world.processes.len().hash(&mut hasher);
    for process in &world.processes {
        (process.holds, process.leads, &process.cache, &process.gone).hash(&mut hasher);
        if let Some(list) = &process.list {
            (at(list.taken_at), list.machines.len()).hash(&mut hasher);
            for machine in &list.machines {
                digest_machine(machine, at(machine.sent), &mut hasher);
            }
        }
        for state in &process.states {
            digest_state(state, at, &mut hasher);
        }
        for hooks in &process.hooks {
            hooks.restarts.hash(&mut hasher);
            for hook in [hooks.post_start, hooks.pre_stop] {
                std::mem::discriminant(&hook).hash(&mut hasher);
                if let HookStand::Runs { since } = hook {
                    at(since).hash(&mut hasher);
                }
            }
        }
        match &process.task {
            None => 0_u8.hash(&mut hasher),
            Some(task) => {
                (task.pod, task.leaving, task.published).hash(&mut hasher);
                digest_effect(&task.effect, &mut hasher);
            }
        }
    }
    hasher.finish()
}

fn digest_machine(machine: &super::world::Machine, sent: i64, hasher: &mut DefaultHasher) {
    let super::world::Machine { id, pod, state, sick, ours, hidden, going, stray, sent: _, hooked } =
        machine;
    (id, pod, state, sick, ours, hidden, going, stray, sent, hooked).hash(hasher);
}

/// When something is to be looked at again is for the caller, who may look at any time.
fn digest_effect(effect: &Effect, hasher: &mut DefaultHasher) {
    std::mem::discriminant(effect).hash(hasher);
    match effect {
        Effect::End(standing, _) => standing.hash(hasher),
        Effect::Act(action) => action.hash(hasher),
        Effect::Read(id) => id.hash(hasher),
        Effect::Hook(hook, id) => (hook, id).hash(hasher),
        Effect::Prepare | Effect::Note | Effect::Post | Effect::DropNote | Effect::List => {}
    }
}

fn digest_state(state: &State, at: impl Fn(Instant) -> i64, hasher: &mut DefaultHasher) {
    let some = |moment: Option<Instant>| moment.map(&at);
    let State {
        intent,
        noted,
        known,
        discarded,
        twins,
        failures,
        retry_at,
        restarts,
        protect_asked,
        stopping,
    } = state;
    let intent =
        intent.as_ref().map(|intent| (at(intent.over), some(intent.looked_at), intent.looks));
    (intent, noted, failures, some(*retry_at), some(*protect_asked)).hash(hasher);
    discarded.iter().for_each(|(id, given_up)| (id, at(*given_up)).hash(hasher));
    let seen = |last: &Option<std::sync::Arc<crate::seen::Seen>>| {
        last.as_ref()
            .map(|last| (last.id, last.state.as_str().to_owned(), last.mark.node.node.len()))
    };
    if let Some(known) = known {
        let Known { id, last, seen_at, misses, gone, ran, stopped_since, since } = known;
        (id, seen(last), at(*seen_at), misses.count, some(misses.last)).hash(hasher);
        (gone, ran, some(*stopped_since), at(*since)).hash(hasher);
    }
    for (id, twin) in twins {
        (id, some(twin.read_at), some(twin.quiet_until)).hash(hasher);
    }
    let pending = restarts.pending.as_ref();
    pending
        .map(|pending| (at(pending.at), pending.sent, pending.reboot, pending.dipped))
        .hash(hasher);
    (restarts.count, restarts.backoff.in_a_row()).hash(hasher);
    restarts.backoff.clone().moments_mut().for_each(|moment| at(*moment).hash(hasher));
    if let Some(stopping) = stopping {
        at(stopping.since).hash(hasher);
        for (id, target) in &stopping.targets {
            (id, seen(&target.last), some(target.seen_at), some(target.stop_sent)).hash(hasher);
            (some(target.delete_sent), some(target.unprotect_sent), target.gone).hash(hasher);
            (target.misses.count, some(target.misses.last)).hash(hasher);
        }
    }
}
