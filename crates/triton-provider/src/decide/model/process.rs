//! What a process may do next: begin a pass, carry out what it decided, list, watch, die. And what it must never do.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::super::state::State;
use super::super::{
    Action, Effect, Event, Found, Leave, Run, Sighting, Standing, View, Why, Wish, step,
};
use super::moves::{Moved, Setting, Trouble, Violation};
use super::world::{Flying, MACHINES_MAX, MOMENT, Machine, Power, TICK, Task, World, number};

/// What a guest is given to shut down.
const GRACE: Duration = Duration::from_secs(30);

impl Setting {
    pub(super) fn process_moves(&self, world: &World, p: usize, moves: &mut Vec<Moved>) {
        let process = &world.processes[p];
        match &process.task {
            Some(task) => self.performances(world, p, task, moves),
            None => {
                for pod in 0..world.pods.len() {
                    moves.extend(
                        self.begin(world, p, pod).map(|moved| {
                            named(self.label(|| format!("{p}: pass over {pod}")), moved)
                        }),
                    );
                }
            }
        }
        // While a pass waits, a list that shows nothing new makes no difference to it.
        if process.task.is_none() || world.differs_from(process.list.as_ref()) {
            let mut listed = world.clone();
            listed.list(p, None);
            moves.push(Ok((self.label(|| format!("{p}: list")), listed)));
        }
        if let Some(short) = self.trouble(world, Trouble::ShortList) {
            for left_out in &world.machines {
                let mut short = short.clone();
                short.list(p, Some(left_out.id));
                moves
                    .push(Ok((self.label(|| format!("{p}: list without {}", left_out.id)), short)));
            }
        }
        self.hook_moves(world, p, moves);
        if process.cache != world.pods {
            let mut watched = world.clone();
            watched.processes[p].cache.clone_from(&world.pods);
            moves.push(Ok((self.label(|| format!("{p}: watch")), watched)));
        }
        if let Some(mut crashed) = self.trouble(world, Trouble::Crash) {
            crashed.processes.remove(p);
            moves.push(Ok((self.label(|| format!("{p}: dies")), crashed)));
        }
    }

    /// A pass begins, if there is one to begin.
    pub(super) fn begin(
        &self,
        world: &World,
        p: usize,
        pod: usize,
    ) -> Option<Result<World, Violation>> {
        let process = &world.processes[p];
        let cached = process.cache[pod];
        let state = &process.states[pod];
        if process.gone[pod] && cached.exists && !cached.deleting {
            return None;
        }
        let leaving = !cached.exists || cached.deleting || cached.over;
        let has_something = state.known.is_some()
            || state.intent.is_some()
            || state.stopping.is_some()
            || state.noted;
        if !cached.exists && !has_something && !self.is_orphaned(world, p, pod) {
            return None;
        }
        let mut next = world.clone();
        next.now += MOMENT;
        let effect = Effect::Prepare;
        let task = Task { pod, leaving, published: cached.published, effect };
        next.processes[p].task = Some(task);
        Some(self.advance(&mut next, p, Event::Looked).map(|()| next))
    }

    /// The node's search for orphans: the cloud first, an age, then a live read of the pod.
    fn is_orphaned(&self, world: &World, p: usize, pod: usize) -> bool {
        let list = world.processes[p].list.as_ref();
        let listed = list.is_some_and(|list| {
            list.machines.iter().any(|machine| {
                let old = world.machine(machine.id).is_some_and(|machine| {
                    world.now.saturating_duration_since(machine.sent)
                        >= self.limits.ambiguity_window
                });
                machine.pod == pod && machine.ours && old
            })
        });
        listed && !world.pods[pod].exists
    }

    fn wish(&self, task: &Task, state: &State, unhealthy: bool, now: Instant) -> Wish {
        if task.leaving {
            let stopping = state.stopping.as_ref();
            let has_grace = self.hooks && stopping.is_none_or(|it| now < it.since + TICK);
            let grace_left = if has_grace { GRACE } else { Duration::ZERO };
            Wish::Leave(Leave { grace_left, may_lift_protection: false, pre_stop: self.hooks })
        } else {
            Wish::Run(Run {
                restart_policy: self.restart_policy,
                protect: false,
                deadline: None,
                unhealthy,
                liveness_action: self.liveness_action,
                crash_loop_window: self.crash_loop_window,
                post_start: self.hooks,
                pre_stop: self.hooks,
                kill_grace: GRACE,
            })
        }
    }

    /// One step of production's code.
    fn advance(&self, world: &mut World, p: usize, event: Event) -> Result<(), Violation> {
        world.now += MOMENT;
        let now = world.now;
        let Some(task) = world.processes[p].task.clone() else { return Ok(()) };
        let unhealthy = world.is_sick(p, task.pod);
        let process = &mut world.processes[p];
        // The whole list, and not only the pod's part of it: that nothing else is touched is for the step to see to.
        let sighting = process.list.as_ref().map(|list| Sighting {
            taken_at: list.taken_at,
            instances: list.machines.iter().map(|machine| self.cast.instance(machine)).collect(),
            told: Vec::new(),
        });
        let view = View {
            now,
            wall: Timestamp::UNIX_EPOCH,
            owner: self.cast.owner(task.pod),
            sighting: sighting.as_ref(),
            published: task.published.into(),
            wish: self.wish(&task, &process.states[task.pod], unhealthy, now),
            hooks: process.hooks[task.pod],
            limits: &self.limits,
        };
        let effect = step(&mut process.states[task.pod], &view, event);
        // Tags that are taken off after this cannot be known of; those that the list shows to be off can.
        let foreign = |id| {
            let shown = process.list.iter().flat_map(|list| &list.machines);
            shown
                .clone()
                .any(|machine| machine.id == id && (!machine.ours || machine.pod != task.pod))
        };
        if let Effect::Act(Action::Delete(id, _)) = effect
            && foreign(number(id))
        {
            return Err(Violation(format!("S2: {id} is not this pod's")));
        }
        process.task = match effect {
            // Nothing to publish.
            Effect::End(Standing::Unchanged | Standing::Going, _) => None,
            effect => Some(Task { effect, ..task }),
        };
        Ok(())
    }

    /// What may come of the effect that a pass waits for.
    pub(super) fn performances(
        &self,
        world: &World,
        p: usize,
        task: &Task,
        moves: &mut Vec<Moved>,
    ) {
        let mut go = |label: &str, mut next: World, event: Option<Event>| {
            let label = self.label(|| format!("{p}: {} {label}", name(&task.effect)));
            let done = match event {
                Some(event) => self.advance(&mut next, p, event),
                None => {
                    next.processes[p].task = None;
                    Ok(())
                }
            };
            moves.push(named(label, done.map(|()| next)));
        };
        let (pod, fenced) = (task.pod, !world.processes[p].leads);
        match &task.effect {
            Effect::Prepare => {
                go("", world.clone(), Some(Event::Prepared));
                if let Some(next) = self.trouble(world, Trouble::Refused) {
                    go("refused", next, Some(Event::Refused { longest: self.limits.retry_max }));
                }
            }
            Effect::Note if !world.processes[p].holds => go("taken over", world.clone(), None),
            Effect::Note => {
                let mut noted = world.clone();
                noted.notes[pod] = true;
                go("", noted, Some(Event::Noted));
                if let Some(next) = self.trouble(world, Trouble::NoteFails) {
                    go("not written", next.clone(), None);
                    let mut written = next;
                    written.notes[pod] = true;
                    go("written, and failed", written, None);
                }
            }
            Effect::DropNote => {
                let mut dropped = world.clone();
                if world.processes[p].holds {
                    dropped.notes[pod] = false;
                }
                go("", dropped, Some(Event::NoteDropped));
            }
            Effect::Post if fenced => go("fenced", world.clone(), Some(Event::NotMade)),
            Effect::Post => match self.second_create(world, pod) {
                Some(violation) => {
                    moves.push(Err((self.label(|| format!("{p}: post")), violation)))
                }
                None => self.posts(world, pod, &mut go),
            },
            Effect::Read(id) => {
                let (id, asked_at) = (*id, world.now);
                let read = |found| Some(Event::Read { id, asked_at, found });
                match world.machine(number(id)) {
                    Some(machine) => {
                        let found = Found::Present(self.cast.instance(machine));
                        go("", world.clone(), read(found));
                        if let Some(next) = self.trouble(world, Trouble::WrongNotFound) {
                            go("wrongly not found", next, read(Found::NotFound));
                        }
                    }
                    None => {
                        go("destroyed", world.clone(), read(Found::Destroyed));
                        go("not found", world.clone(), read(Found::NotFound));
                    }
                }
            }
            Effect::List => {
                let shown =
                    |machine: &&Machine| machine.pod == pod && machine.ours && !machine.hidden;
                let found =
                    world.machines.iter().filter(shown).map(|found| self.cast.instance(found));
                let event = Event::Listed { asked_at: world.now, found: found.collect() };
                go("", world.clone(), Some(event));
            }
            Effect::Hook(hook, _) => {
                let mut begun = world.clone();
                begun.begin_hook(p, pod, *hook);
                go("", begun, Some(Event::HookBegun));
            }
            Effect::Act(_) if fenced => go("fenced", world.clone(), None),
            Effect::Act(action) if self.without_hook(world, p, pod, *action) => {
                let what = format!("S7: {action:?} before the preStop hook");
                moves.push(Err((self.label(|| format!("{p}: {action:?}")), Violation(what))));
            }
            Effect::Act(action) => match self.wrong_delete(world, p, pod, *action) {
                Some(violation) => {
                    moves.push(Err((self.label(|| format!("{p}: {action:?}")), violation)))
                }
                None => {
                    let mut done = world.clone();
                    done.carry_out(*action);
                    if let Some(next) = self.trouble(world, Trouble::ActionLost) {
                        go("accepted and not done", next.clone(), Some(Event::Done(*action)));
                        let mut unanswered = next;
                        unanswered.carry_out(*action);
                        go("done and not answered", unanswered, None);
                    }
                    go("", done, Some(Event::Done(*action)));
                }
            },
            Effect::End(standing, _) => {
                let mut next = world.clone();
                next.processes[p].task = None;
                if !fenced {
                    if let Some(lost) = self.trouble(&next, Trouble::WriteFails) {
                        moves.push(Ok((
                            self.label(|| format!("{p}: {standing:?}, not written")),
                            lost,
                        )));
                    }
                    let written = self.publish(&mut next, p, task, *standing);
                    moves.push(named(
                        self.label(|| format!("{p}: {standing:?}")),
                        written.map(|()| next),
                    ));
                } else {
                    moves.push(Ok((self.label(|| format!("{p}: {standing:?} fenced")), next)));
                }
            }
        }
    }

    /// What may come of a create.
    fn posts(&self, world: &World, pod: usize, go: &mut impl FnMut(&str, World, Option<Event>)) {
        if world.next_id > MACHINES_MAX {
            return;
        }
        let stored = |mut next: World, hidden| {
            let id = next.store(pod, world.now, hidden);
            (next, id)
        };
        let created = |next: &World, id| {
            next.machine(id).map(|machine| Event::Created(self.cast.instance(machine)))
        };
        let (next, id) = stored(world.clone(), false);
        let event = created(&next, id);
        go("created", next, event);
        if let Some(next) = self.trouble(world, Trouble::Hidden) {
            let (next, id) = stored(next, true);
            let event = created(&next, id);
            go("created, hidden", next, event);
        }
        if let Some(next) = self.trouble(world, Trouble::AnswerLost) {
            go("created, answer lost", stored(next.clone(), false).0, Some(Event::Ambiguous));
            go("created, hidden, answer lost", stored(next, true).0, Some(Event::Ambiguous));
        }
        if let Some(mut next) = self.trouble(world, Trouble::CommitLate) {
            next.flying.push(Flying { pod, sent: world.now });
            go("on its way", next, Some(Event::Ambiguous));
        }
        if let Some(next) = self.trouble(world, Trouble::Refused) {
            go("refused", next, Some(Event::Refused { longest: self.limits.retry_max }));
        }
    }

    /// S1: no create while an earlier one may still come true, or has.
    fn second_create(&self, world: &World, pod: usize) -> Option<Violation> {
        let flying = world.flying.iter().any(|flying| flying.pod == pod);
        let alive = world.alive(pod).any(|machine| !machine.stray && !machine.going);
        (flying || alive).then(|| Violation("S1: a second create".to_owned()))
    }

    /// S2: no delete of what is not ours, or still has a pod that wants it.
    fn wrong_delete(
        &self,
        world: &World,
        p: usize,
        pod: usize,
        action: Action,
    ) -> Option<Violation> {
        let Action::Delete(id, why) = action else { return None };
        let machine = world.machine(number(id))?;
        if machine.pod != pod {
            return Some(Violation(format!("S2: {id} is not of this pod")));
        }
        let api = world.pods[pod];
        let unwanted = !api.exists || api.deleting || api.over;
        let published = api.published.instance;
        let fine = match why {
            Why::PodLeaves => unwanted,
            Why::Failed => machine.state == Power::Failed,
            Why::Twin => {
                let other = world
                    .alive(pod)
                    .any(|other| other.id != machine.id && Some(other.id) == published);
                // Nobody can know that the one that stays was destroyed since it was last read.
                let seen_at =
                    world.processes[p].states[pod].known.as_ref().map(|known| known.seen_at);
                let ended =
                    world.ends.iter().any(|(id, at)| Some(*id) == published && Some(*at) > seen_at);
                unwanted || other || ended || machine.state == Power::Failed
            }
        };
        (!fine).then(|| Violation(format!("S2: {action:?} of an instance that its pod wants")))
    }
}

fn named(label: String, moved: Result<World, Violation>) -> Moved {
    match moved {
        Ok(world) => Ok((label, world)),
        Err(violation) => Err((label, violation)),
    }
}

fn name(effect: &Effect) -> String {
    match effect {
        Effect::Act(action) => format!("{action:?}"),
        other => format!("{other:?}"),
    }
}
