//! What can happen next in a world: everything that processes, the cloud, users and trouble may do.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::super::state::{Intent, State};
use super::super::{
    Action, Effect, Event, Found, Leave, RestartPolicy, Run, Sighting, Standing, View, Why, Wish,
    step,
};
use super::world::{
    Cast, Flying, LATEST, List, MACHINES_MAX, MOMENT, Machine, Power, Process, PublishedKey, TICK,
    Task, World, number,
};
use crate::limits::Limits;

/// What must never be is.
#[derive(Clone, Debug)]
pub(super) struct Violation(pub(super) String);

/// A move, or the violation it is.
pub(super) type Moved = Result<(String, World), (String, Violation)>;

/// What holds in all worlds of one exploration.
pub(super) struct Setting {
    pub(super) cast: Cast,
    pub(super) limits: Limits,
    pub(super) restart_policy: RestartPolicy,
    /// Moves say what they are: only for a history that is told, as it takes time.
    pub(super) telling: bool,
    /// Which troubles there are; each may happen as often as there are troubles left.
    pub(super) troubles: Vec<Trouble>,
}

/// What can go wrong, or be done by others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Trouble {
    /// The process dies.
    Crash,
    /// Another process takes over while this one lives.
    Takeover,
    /// A create is carried out and its answer lost.
    AnswerLost,
    /// A create is not answered; it may be carried out for as long as it can, or never.
    CommitLate,
    /// A create is refused.
    Refused,
    /// A new instance is missing from lists for as long as it can.
    Hidden,
    /// A list lacks an instance.
    ShortList,
    /// A read says that what is there does not exist.
    WrongNotFound,
    /// A provisioning fails.
    ProvisionFails,
    /// An accepted action is never carried out, or carried out and not answered.
    ActionLost,
    /// The journal is not written, or is and does not say so.
    NoteFails,
    /// A status is not written.
    WriteFails,
    /// Somebody deletes the pod.
    Delete,
    /// Somebody deletes the pod by force: its object is gone at once.
    Force,
    /// A guest shuts down.
    GuestStops,
    /// Somebody destroys an instance.
    Vanishes,
    /// Somebody takes our tags off an instance.
    Retag,
    /// A second instance with a pod's tags appears.
    Twin,
}

impl Setting {
    /// Everything that can happen next.
    pub(super) fn moves(&self, world: &World) -> Vec<Moved> {
        let mut moves = Vec::new();
        for p in 0..world.processes.len() {
            self.process_moves(world, p, &mut moves);
        }
        self.cloud_moves(world, &mut moves);
        self.user_moves(world, &mut moves);
        moves
    }

    fn label(&self, label: impl FnOnce() -> String) -> String {
        if self.telling { label() } else { String::new() }
    }

    fn trouble(&self, world: &World, trouble: Trouble) -> Option<World> {
        if world.troubles == 0 || !self.troubles.contains(&trouble) {
            return None;
        }
        let mut next = world.clone();
        next.troubles -= 1;
        Some(next)
    }

    // Processes.

    fn process_moves(&self, world: &World, p: usize, moves: &mut Vec<Moved>) {
        let process = &world.processes[p];
        match &process.task {
            Some(task) => self.performances(world, p, task, moves),
            None => {
                for pod in 0..world.pods.len() {
                    moves.extend(self.begin(world, p, pod).map(|moved| named(self.label(|| format!("{p}: pass over {pod}")), moved)));
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
                moves.push(Ok((self.label(|| format!("{p}: list without {}", left_out.id)), short)));
            }
        }
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
    pub(super) fn begin(&self, world: &World, p: usize, pod: usize) -> Option<Result<World, Violation>> {
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
                    world.now.saturating_duration_since(machine.sent) >= self.limits.ambiguity_window
                });
                machine.pod == pod && machine.ours && old
            })
        });
        listed && !world.pods[pod].exists
    }

    fn wish(&self, task: &Task) -> Wish {
        if task.leaving {
            Wish::Leave(Leave { grace_left: Duration::ZERO, may_lift_protection: false })
        } else {
            Wish::Run(Run {
                restart_policy: self.restart_policy,
                protect: false,
                deadline: None,
                unhealthy: false,
            })
        }
    }

    /// One step of production's code.
    fn advance(&self, world: &mut World, p: usize, event: Event) -> Result<(), Violation> {
        world.now += MOMENT;
        let now = world.now;
        let process = &mut world.processes[p];
        let Some(task) = process.task.clone() else { return Ok(()) };
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
            wish: self.wish(&task),
            limits: &self.limits,
        };
        let effect = step(&mut process.states[task.pod], &view, event);
        // Tags that are taken off after this cannot be known of; those that the list shows to be off can.
        let foreign = |id| {
            let shown = process.list.iter().flat_map(|list| &list.machines);
            shown.clone().any(|machine| machine.id == id && (!machine.ours || machine.pod != task.pod))
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
    pub(super) fn performances(&self, world: &World, p: usize, task: &Task, moves: &mut Vec<Moved>) {
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
                Some(violation) => moves.push(Err((self.label(|| format!("{p}: post")), violation))),
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
                let shown = |machine: &&Machine| machine.pod == pod && machine.ours && !machine.hidden;
                let found =
                    world.machines.iter().filter(shown).map(|found| self.cast.instance(found));
                let event = Event::Listed { asked_at: world.now, found: found.collect() };
                go("", world.clone(), Some(event));
            }
            Effect::Act(_) if fenced => go("fenced", world.clone(), None),
            Effect::Act(action) => match self.wrong_delete(world, p, pod, *action) {
                Some(violation) => moves.push(Err((self.label(|| format!("{p}: {action:?}")), violation))),
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
                        moves.push(Ok((self.label(|| format!("{p}: {standing:?}, not written")), lost)));
                    }
                    let written = self.publish(&mut next, p, task, *standing);
                    moves.push(named(self.label(|| format!("{p}: {standing:?}")), written.map(|()| next)));
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
                let seen_at = world.processes[p].states[pod].known.as_ref().map(|known| known.seen_at);
                let ended = world.ends.iter().any(|(id, at)| Some(*id) == published && Some(*at) > seen_at);
                unwanted || other || ended || machine.state == Power::Failed
            }
        };
        (!fine).then(|| Violation(format!("S2: {action:?} of an instance that its pod wants")))
    }

    /// The end of a pass, as far as others see it.
    fn publish(&self, world: &mut World, p: usize, task: &Task, standing: Standing) -> Result<(), Violation> {
        let pod = task.pod;
        let known = world.processes[p].states[pod].known.clone();
        let api = world.pods[pod];
        let mut wanted = api;
        match standing {
            Standing::Waiting(_) if task.published.ran => {
                return Err(Violation("S4: a pod that ran waits for an instance".to_owned()));
            }
            Standing::Waiting(_) => wanted.published.instance = None,
            Standing::Instance => {
                let Some(known) = &known else { return Ok(()) };
                let running = known.last.as_ref().is_some_and(|last| last.state.as_str() == "running");
                wanted.published = PublishedKey {
                    instance: Some(number(known.id)),
                    ran: task.published.ran || running,
                    restarts: world.processes[p].states[pod].restarts.count,
                };
            }
            Standing::Ended { .. } | Standing::Lost | Standing::Expired => wanted.over = true,
            Standing::Gone => {
                if let Some(left) = world.alive(pod).find(|machine| !machine.stray && !machine.going) {
                    return Err(Violation(format!("S3: gone, and {} is there", left.id)));
                }
                if world.flying.iter().any(|flying| flying.pod == pod) {
                    return Err(Violation("S3: gone, and a create is on its way".to_owned()));
                }
                let process = &mut world.processes[p];
                // A pod that is over stays; what an orphan's search finds later begins anew.
                process.gone[pod] = api.exists && !api.deleting;
                process.states[pod] = State::default();
                if api.deleting {
                    wanted.exists = false;
                }
            }
            Standing::Unchanged | Standing::Going | Standing::Blocked(_) => {}
        }
        if !api.exists {
            return Ok(());
        }
        if api.over && !wanted.over {
            return Err(Violation("S4: a terminal phase was left".to_owned()));
        }
        let (before, after) = (api.published, wanted.published);
        if !api.over && before.restarts > after.restarts && standing == Standing::Instance {
            return Err(Violation("S4: a restart was forgotten".to_owned()));
        }
        if let (Some(old), Some(new)) = (before.instance, after.instance)
            && old != new
            && world.alive(pod).any(|machine| machine.id == old && !machine.going)
        {
            return Err(Violation(format!("S1: {new} is published while {old} lives")));
        }
        if let Some(new) = after.instance
            && world.machine(new).is_some_and(|machine| machine.pod != pod)
        {
            return Err(Violation(format!("S5: {new} is another pod's")));
        }
        // A pod that is over shows what it showed; its object goes with its last instance.
        let wanted = if api.over { super::world::ApiPod { exists: wanted.exists, ..api } } else { wanted };
        world.pods[pod] = wanted;
        world.processes[p].cache[pod] = wanted;
        Ok(())
    }

    // The cloud.

    fn cloud_moves(&self, world: &World, moves: &mut Vec<Moved>) {
        let mut go = |label: String, next: World| moves.push(Ok((label, next)));
        for (n, flying) in world.flying.iter().enumerate() {
            let mut lost = world.clone();
            lost.flying.remove(n);
            if world.next_id <= MACHINES_MAX {
                for hidden in [false, true] {
                    let mut stored = lost.clone();
                    stored.store(flying.pod, flying.sent, hidden);
                    go(self.label(|| format!("a create is carried out late, hidden: {hidden}")), stored);
                }
            }
            go(self.label(|| "a create comes to nothing".to_owned()), lost);
        }
        for machine in &world.machines {
            let id = machine.id;
            let changed = |change: &dyn Fn(&mut Machine)| {
                let mut next = world.clone();
                next.machine_mut(id).into_iter().for_each(change);
                next
            };
            if machine.hidden {
                go(self.label(|| format!("lists show {id}")), changed(&|machine| machine.hidden = false));
            }
            if machine.going {
                let mut next = world.clone();
                next.destroy(id);
                go(self.label(|| format!("{id} is destroyed")), next);
                if machine.state == Power::Provisioning {
                    let mut failed = changed(&|machine| machine.state = Power::Failed);
                    failed.end(id);
                    go(self.label(|| format!("{id} fails as it is deleted")), failed);
                }
                continue;
            }
            if machine.state == Power::Provisioning {
                go(self.label(|| format!("{id} runs")), changed(&|machine| machine.state = Power::Running));
            }
            let kinds: [(Trouble, &str, &dyn Fn(&mut Machine)); 4] = [
                (Trouble::ProvisionFails, "fails", &|machine| machine.state = Power::Failed),
                (Trouble::GuestStops, "stops", &|machine| machine.state = Power::Stopped),
                (Trouble::Retag, "loses our tags", &|machine| machine.ours = false),
                (Trouble::Vanishes, "is destroyed by somebody", &|machine| machine.going = true),
            ];
            for (trouble, what, change) in kinds {
                let may = match trouble {
                    Trouble::ProvisionFails => machine.state == Power::Provisioning,
                    Trouble::GuestStops => machine.state == Power::Running,
                    _ => machine.ours,
                };
                if let Some(mut next) = self.trouble(world, trouble).filter(|_| may) {
                    next.machine_mut(id).into_iter().for_each(change);
                    if trouble != Trouble::GuestStops {
                        next.now += MOMENT;
                        next.ends.push((id, next.now));
                    }
                    go(self.label(|| format!("{id} {what}")), next);
                }
            }
        }
        if let Some(time) = self.tick(world) {
            go(self.label(|| "time goes by".to_owned()), time);
        }
    }

    /// Time goes by, if nothing must happen before.
    pub(super) fn tick(&self, world: &World) -> Option<World> {
        let now = world.now + TICK;
        let in_time = |sent: Instant| now <= sent + LATEST;
        let flying = world.flying.iter().all(|flying| in_time(flying.sent));
        let hidden = world.machines.iter().all(|machine| !machine.hidden || in_time(machine.sent));
        (flying && hidden).then(|| World { now, ..world.clone() })
    }

    // Users and operators.

    fn user_moves(&self, world: &World, moves: &mut Vec<Moved>) {
        let mut go = |label: String, next: World| moves.push(Ok((label, next)));
        for (n, pod) in world.pods.iter().enumerate() {
            if pod.exists && !pod.deleting
                && let Some(mut next) = self.trouble(world, Trouble::Delete)
            {
                next.pods[n].deleting = true;
                go(self.label(|| format!("pod {n} is deleted")), next);
            }
            if pod.exists
                && let Some(mut next) = self.trouble(world, Trouble::Force)
            {
                next.pods[n].exists = false;
                go(self.label(|| format!("pod {n} is deleted by force")), next);
            }
            // One of a pod that is over, and of which nothing was left, is not looked for.
            if world.next_id <= MACHINES_MAX
                && !pod.over
                && let Some(mut next) = self.trouble(world, Trouble::Twin)
            {
                let id = next.store(n, world.now, false);
                if let Some(machine) = next.machine_mut(id) {
                    machine.stray = true;
                    machine.state = Power::Running;
                }
                go(self.label(|| format!("a stray instance {id} of pod {n} appears")), next);
            }
        }
        let living = world.processes.len();
        if living == 0 {
            go(self.label(|| "a process begins".to_owned()), self.take_over(world.clone()));
        } else if living == 1
            && let Some(next) = self.trouble(world, Trouble::Takeover)
        {
            go(self.label(|| "another process takes over".to_owned()), self.take_over(next));
        }
    }

    /// A process begins: it takes the journal over, and what was left in it is in doubt for a whole window.
    pub(super) fn take_over(&self, mut world: World) -> World {
        for old in &mut world.processes {
            old.holds = false;
            old.leads = false;
        }
        let states = world.pods.iter().zip(&world.notes).map(|(pod, noted)| {
            let mut state = State::default();
            state.restarts.count = pod.published.restarts;
            if *noted {
                state.intent = Some(Intent::until(world.now + self.limits.ambiguity_window));
                state.noted = true;
            }
            state
        });
        let states = states.collect();
        let gone = vec![false; world.pods.len()];
        let cache = world.pods.clone();
        world.processes.push(Process { holds: true, leads: true, states, cache, gone, list: None, task: None });
        world
    }
}

// === impl World ===

impl World {
    /// A process lists; what a list leaves out is nobody's word that it is not there.
    pub(super) fn list(&mut self, p: usize, left_out: Option<u8>) {
        self.now += MOMENT;
        let taken_at = self.now;
        let shown = |machine: &&Machine| !machine.hidden && Some(machine.id) != left_out;
        let seen = |machine: &Machine| Machine { sent: taken_at, ..*machine };
        let machines = self.machines.iter().filter(shown).map(seen).collect();
        self.processes[p].list = Some(List { taken_at, machines });
        self.now += MOMENT;
    }

    /// What was asked to go is gone.
    pub(super) fn destroy(&mut self, id: u8) {
        self.machines.retain(|machine| machine.id != id);
        self.end(id);
    }

    fn end(&mut self, id: u8) {
        self.now += MOMENT;
        let now = self.now;
        self.ends.iter_mut().filter(|end| end.0 == id).for_each(|end| end.1 = now);
    }

    /// Whether a list would show something else now.
    fn differs_from(&self, list: Option<&List>) -> bool {
        let facts = |machine: &Machine| (machine.id, machine.state, machine.ours);
        let shown = self.machines.iter().filter(|machine| !machine.hidden).map(facts);
        list.is_none_or(|list| !shown.eq(list.machines.iter().map(facts)))
    }

    /// The cloud does what it was asked.
    pub(super) fn carry_out(&mut self, action: Action) {
        match action {
            Action::Delete(id, _) => {
                if let Some(machine) = self.machine_mut(number(id)) {
                    machine.going = true;
                }
            }
            Action::Start { id, .. } => {
                if let Some(machine) = self.machine_mut(number(id))
                    && machine.state == Power::Stopped
                {
                    machine.state = Power::Running;
                }
            }
            Action::Shutdown(_) | Action::Reboot(_) | Action::Protect(_) | Action::Unprotect(_) => {}
        }
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
