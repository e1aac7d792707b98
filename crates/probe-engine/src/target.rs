//! One target: its facts, what its probes believe, when they are asked, and the rules by which they gate each other.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::answers::Answers;
use crate::engine::Core;
use crate::probe::{ERRORED, Event, Facts, Kind, Probe, Verdict};
use crate::prober::Outcome;
use crate::schedule::{Entry, Place};
use crate::state::{Decision, State};

/// The probes a target should have, at most one of each kind, by `Kind as usize`.
pub(crate) type Probes = [Option<Arc<Probe>>; 3];

/// One target.
///
/// Events are sent under the lock. So they leave in the order in which belief changed, and none leaves after
/// [`Target::retire`] has returned.
#[derive(Debug)]
pub(crate) struct Target {
    name: Arc<str>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    facts: Facts,
    observed_at: Instant,
    /// Boxed: most targets have one probe, if any.
    slots: [Option<Box<Slot>>; 3],
    retired: bool,
}

/// One probe of a target.
#[derive(Debug)]
struct Slot {
    probe: Arc<Probe>,
    state: State,
    stand: Stand,
    /// The next time in step with the period, after the one that was due last; `None` before the first.
    next: Option<Instant>,
    /// What it was answered; `None` before the first answer and after the end.
    answers: Option<Box<Answers>>,
}

/// Where a probe stands.
#[derive(Debug)]
enum Stand {
    /// It waits for its time.
    Waits(Place),
    /// It was due at this place, and is asked or waits for its turn.
    Asks {
        place: Place,
        /// Ask again as soon as there is an answer.
        again: bool,
        /// Ends the question when dropped.
        stop: Option<oneshot::Sender<()>>,
    },
    /// It asks no more.
    Ended,
}

/// One question to be asked.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) target: Arc<Target>,
    pub(crate) probe: Arc<Probe>,
    /// Since when it was due.
    pub(crate) place: Place,
    pub(crate) address: IpAddr,
    /// The answer is about this life.
    pub(crate) life: u64,
}

/// Where a changed verdict came from.
#[derive(Clone, Copy, Debug)]
enum Cause<'a> {
    Incarnation,
    WasReady,
    NotRunning,
    Terminating,
    Answer(&'a str),
}

// === impl Target ===

impl Target {
    /// A target about which nothing is known but `facts`.
    pub(crate) fn new(name: Arc<str>, facts: Facts, now: Instant) -> Self {
        let slots = [None, None, None];
        let inner = Inner { facts, observed_at: now, slots, retired: false };
        Self { name, inner: Mutex::new(inner) }
    }

    /// The target's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Takes new probes and facts. A probe that is the same as before keeps its time and what it believes; a new one is
    /// asked after `first_wait` of its period.
    pub(crate) fn update(
        self: &Arc<Self>,
        core: &Core,
        probes: Probes,
        facts: Facts,
        now: Instant,
        first_wait: impl Fn(Duration) -> Duration,
    ) {
        let mut inner = self.lock();
        let is_known = inner.slots.iter().flatten().any(|slot| slot.state.life() > 0);
        let is_news = inner.facts.incarnation != facts.incarnation
            || inner.facts.address != facts.address
            || inner.facts.running_for.is_some() != facts.running_for.is_some();
        inner.facts = facts;
        inner.observed_at = now;
        // A probe that joins or changes later asks for itself: what held before the engine began is no news of it.
        inner.facts.was_ready &= !is_known;
        for (slot, probe) in inner.slots.iter_mut().zip(probes) {
            match (slot.as_mut(), probe) {
                (Some(old), Some(new)) if *old.probe == *new => {}
                (old, new) => {
                    if let Some(old) = old {
                        old.end(core);
                    }
                    *slot = new.map(|probe| {
                        let due = now + first_wait(probe.timing.with_defaults().period);
                        Box::new(Slot::new(core, self, probe, due))
                    });
                }
            }
        }
        for kind in Kind::ALL {
            self.follow(core, &mut inner, kind, now);
        }
        if is_news && inner.wants_poke() {
            self.poke(core, &mut inner, now);
        }
    }

    /// What to do about a probe whose place has come: ask, or nothing until the next one.
    pub(crate) fn due(
        self: &Arc<Self>,
        core: &Core,
        kind: Kind,
        place: Place,
        now: Instant,
    ) -> Option<Question> {
        let mut inner = self.lock();
        let slot = inner.slots[kind as usize].as_mut()?;
        if !matches!(slot.stand, Stand::Waits(own) if own == place) {
            return None;
        }
        slot.step_on(place.due, now);
        let decision = self.follow(core, &mut inner, kind, now);
        let life = inner.life(kind);
        let slot = inner.slots[kind as usize].as_mut()?;
        match (decision, &slot.stand) {
            (_, Stand::Ended) => None,
            (Decision::Ask(address), _) => {
                slot.stand = Stand::Asks { place, again: false, stop: None };
                let (target, probe) = (Arc::clone(self), Arc::clone(&slot.probe));
                Some(Question { target, probe, place, address, life })
            }
            _ => {
                slot.wait(core, self, now);
                None
            }
        }
    }

    /// Begins a question whose turn has come: what ends when it is to be given up, or `None` if that is so already.
    pub(crate) fn begin(&self, question: &Question) -> Option<oneshot::Receiver<()>> {
        let mut inner = self.lock();
        let stop = inner.asked(question)?.stand.stop_mut()?;
        let (sender, receiver) = oneshot::channel();
        *stop = Some(sender);
        Some(receiver)
    }

    /// Takes the answer to a question, and waits for the next time to ask.
    ///
    /// An answer is dropped, events and all, if meanwhile the target has begun another life, stopped or gone: it is
    /// about something that is no more. Returns whether it was taken.
    pub(crate) fn answer(
        self: &Arc<Self>,
        core: &Core,
        question: &Question,
        outcome: &Outcome,
        began: Instant,
        now: Instant,
    ) -> bool {
        let mut inner = self.lock();
        let kind = question.probe.kind;
        if inner.asked(question).is_none() {
            return false;
        }
        let counts = inner.life(kind) == question.life
            && matches!(inner.decide(kind, now), Decision::Ask(_));
        if counts {
            if let Some(slot) = inner.asked(question) {
                let took = now.saturating_duration_since(began);
                slot.answers.get_or_insert_default().note(outcome, took);
            }
            self.take(core, &mut inner, kind, outcome, now);
        }
        if let Some(slot) = inner.asked(question) {
            slot.wait(core, self, now);
        }
        counts
    }

    /// Tells of an answer and believes it.
    fn take(
        self: &Arc<Self>,
        core: &Core,
        inner: &mut Inner,
        kind: Kind,
        outcome: &Outcome,
        now: Instant,
    ) {
        let target = self.name.to_string();
        let message = outcome.message();
        match outcome {
            Outcome::Success(_) => {}
            Outcome::Warning(_) => {
                self.send(core, Event::Warning { target, kind, message: message.into() });
            }
            Outcome::Failure(_) => {
                self.send(core, Event::Unhealthy { target, kind, message: message.into() });
            }
            Outcome::Unknown(_) => {
                let message = format!("{ERRORED}{message}");
                self.send(core, Event::Unhealthy { target, kind, message });
            }
        }
        let Some(slot) = &mut inner.slots[kind as usize] else { return };
        let thresholds = slot.probe.thresholds;
        if let Some(verdict) = slot.state.observe(outcome, thresholds) {
            self.changed(core, inner, kind, verdict, Cause::Answer(message));
            if kind == Kind::Startup && inner.wants_poke() {
                self.poke(core, inner, now);
            }
        }
    }

    /// What is believed; `None` if there is no such probe.
    pub(crate) fn verdict(&self, kind: Kind) -> Option<Verdict> {
        self.lock().slots[kind as usize].as_ref().map(|slot| slot.state.verdict())
    }

    /// What its probes were answered so far.
    pub(crate) fn answers(&self) -> Vec<(Kind, Answers)> {
        let inner = self.lock();
        let slots = inner.slots.iter().flatten();
        slots.filter_map(|slot| Some((slot.probe.kind, *slot.answers.as_deref()?))).collect()
    }

    /// Whether it runs and its startup probe, if there is one, has succeeded.
    pub(crate) fn started(&self) -> bool {
        let inner = self.lock();
        inner.facts.running_for.is_some() && inner.has_started()
    }

    /// Ends everything: no event about this target is sent once this returns.
    pub(crate) fn retire(&self, core: &Core) {
        let mut inner = self.lock();
        inner.retired = true;
        for slot in inner.slots.iter_mut().flatten() {
            slot.end(core);
        }
    }

    /// Asks for readiness out of turn, as the kubelet does when a container has started and is not ready yet. The first
    /// question of all keeps its time: it is spread so that a restart of the process does not ask everything at once.
    fn poke(self: &Arc<Self>, core: &Core, inner: &mut Inner, now: Instant) {
        let Some(slot) = &mut inner.slots[Kind::Readiness as usize] else { return };
        match &mut slot.stand {
            Stand::Waits(place) if slot.next.is_some() => {
                core.schedule.remove(*place);
                slot.next = Some(now);
                slot.wait(core, self, now);
            }
            Stand::Asks { again, .. } => *again = true,
            Stand::Waits(_) | Stand::Ended => {}
        }
    }

    /// Does what can be done for one probe without asking; returns what was decided.
    fn follow(&self, core: &Core, inner: &mut Inner, kind: Kind, now: Instant) -> Decision {
        let Inner { facts, slots, .. } = inner;
        let Some(slot) = &mut slots[kind as usize] else { return Decision::Skip };
        let begun = slot.state.meet(facts);
        if let Some(verdict) = begun {
            let inherited = verdict == Verdict::Success && kind != Kind::Liveness;
            let cause = if inherited { Cause::WasReady } else { Cause::Incarnation };
            self.changed(core, inner, kind, verdict, cause);
        }
        let decision = inner.decide(kind, now);
        let terminating = inner.facts.terminating && kind != Kind::Readiness;
        let Some(slot) = &mut inner.slots[kind as usize] else { return Decision::Skip };
        let (verdict, cause) = match decision {
            Decision::Set(verdict) => (Some(verdict), Cause::NotRunning),
            Decision::Exit(verdict) => (Some(verdict), Cause::Terminating),
            Decision::Skip | Decision::Ask(_) => (None, Cause::Terminating),
        };
        // Termination ends startup and liveness wherever they stand, even on hold.
        if terminating {
            slot.end(core);
        }
        if let Some(verdict) = verdict.and_then(|verdict| slot.state.set(verdict)) {
            self.changed(core, inner, kind, verdict, cause);
        }
        decision
    }

    /// Tells the owner of a changed verdict.
    fn changed(&self, core: &Core, inner: &Inner, kind: Kind, verdict: Verdict, cause: Cause<'_>) {
        let message = match cause {
            Cause::Incarnation => "a new incarnation has begun",
            Cause::WasReady => "was ready before probing began",
            // A failed startup or liveness asks for a restart, and nobody asks that of what does not run: the belief
            // changes as the kubelet's does, but silently.
            Cause::NotRunning if kind != Kind::Readiness => return,
            Cause::NotRunning => "not running",
            Cause::Terminating => "terminating",
            Cause::Answer(message) => message,
        };
        let event = Event::Verdict {
            target: self.name.to_string(),
            kind,
            incarnation: inner.facts.incarnation.clone(),
            verdict,
            message: message.to_owned(),
        };
        self.send(core, event);
    }

    /// Sends an event. That nobody listens any more is the listener's choice: probing goes on.
    fn send(&self, core: &Core, event: Event) {
        if core.events.send(event).is_err() {
            tracing::trace!(target = %self.name, "nobody listens to probe events");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing under this lock is left half done by a panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Inner ===

impl Inner {
    /// The probe that this question was for, if it still is.
    fn asked(&mut self, question: &Question) -> Option<&mut Slot> {
        let slot = self.slots[question.probe.kind as usize].as_mut()?;
        let is_it = matches!(&slot.stand, Stand::Asks { place, .. } if *place == question.place);
        (is_it && !self.retired).then_some(slot)
    }

    fn decide(&self, kind: Kind, now: Instant) -> Decision {
        let Some(slot) = &self.slots[kind as usize] else { return Decision::Skip };
        let since = now.saturating_duration_since(self.observed_at);
        let delay = slot.probe.timing.initial_delay;
        slot.state.decide(&self.facts, since, self.has_started(), delay)
    }

    fn life(&self, kind: Kind) -> u64 {
        self.slots[kind as usize].as_ref().map_or(0, |slot| slot.state.life())
    }

    /// Without a startup probe, whatever runs has started.
    fn has_started(&self) -> bool {
        let startup = &self.slots[Kind::Startup as usize];
        startup.as_ref().is_none_or(|slot| slot.state.verdict() == Verdict::Success)
    }

    /// Whether the readiness probe could turn a target that runs and has started into a ready one.
    fn wants_poke(&self) -> bool {
        let readiness = &self.slots[Kind::Readiness as usize];
        self.facts.running_for.is_some()
            && self.has_started()
            && readiness.as_ref().is_some_and(|slot| slot.state.verdict() != Verdict::Success)
    }
}

// === impl Slot ===

impl Slot {
    fn new(core: &Core, target: &Arc<Target>, probe: Arc<Probe>, due: Instant) -> Self {
        let kind = probe.kind;
        let place = core.schedule.add(due, Entry { target: Arc::clone(target), kind });
        core.counters.probe_began();
        Self {
            probe,
            state: State::new(kind),
            stand: Stand::Waits(place),
            next: None,
            answers: None,
        }
    }

    /// It was due at `due`: the next time is the first in step with that and later than now, so that periods that were
    /// missed are not made up for.
    fn step_on(&mut self, due: Instant, now: Instant) {
        let period = self.probe.timing.with_defaults().period;
        let late = now.saturating_duration_since(due);
        let over = late.as_nanos() % period.as_nanos().max(1);
        let over = Duration::from_nanos(u64::try_from(over).unwrap_or(0));
        self.next = Some(now + period.saturating_sub(over));
    }

    /// Waits for the next time, which may have passed while it asked.
    fn wait(&mut self, core: &Core, target: &Arc<Target>, now: Instant) {
        let is_poked = matches!(self.stand, Stand::Asks { again: true, .. });
        let due = if is_poked { now } else { self.next.unwrap_or(now) };
        let entry = Entry { target: Arc::clone(target), kind: self.probe.kind };
        self.stand = Stand::Waits(core.schedule.add(due, entry));
    }

    /// Asks no more, and gives up what it asks.
    fn end(&mut self, core: &Core) {
        match std::mem::replace(&mut self.stand, Stand::Ended) {
            Stand::Waits(place) => core.schedule.remove(place),
            Stand::Asks { .. } => {}
            Stand::Ended => return,
        }
        self.answers = None;
        core.counters.probe_ended();
    }
}

// === impl Stand ===

impl Stand {
    fn stop_mut(&mut self) -> Option<&mut Option<oneshot::Sender<()>>> {
        match self {
            Self::Asks { stop, .. } => Some(stop),
            Self::Waits(_) | Self::Ended => None,
        }
    }
}
