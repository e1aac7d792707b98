//! One target: its facts, what its probes believe, and the rules by which they gate each other.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use crate::probe::{ERRORED, Event, Facts, Kind, Probe, Verdict};
use crate::prober::Outcome;
use crate::state::{Decision, State};

/// The probes a target should have, at most one of each kind, by `Kind as usize`.
pub(crate) type Probes = [Option<Arc<Probe>>; 3];

/// One target, shared by its workers and the engine.
///
/// Events are sent under the lock. So they leave in the order in which belief changed, and none leaves after
/// [`Target::retire`] has returned.
#[derive(Debug)]
pub(crate) struct Target {
    name: Arc<str>,
    events: mpsc::UnboundedSender<Event>,
    poke: Notify,
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
    ended: bool,
}

/// What a worker does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Wait for the next period.
    Wait,
    /// Stop for good.
    End,
    /// Ask this address; the answer is about this life.
    Ask { address: IpAddr, life: u64 },
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
    pub(crate) fn new(
        name: Arc<str>,
        facts: Facts,
        now: Instant,
        events: mpsc::UnboundedSender<Event>,
    ) -> Self {
        let slots = [None, None, None];
        let inner = Inner { facts, observed_at: now, slots, retired: false };
        Self { name, events, poke: Notify::new(), inner: Mutex::new(inner) }
    }

    /// Takes new probes and facts; returns the probes that need a worker. A probe that is the same as before keeps
    /// its worker and what it believes.
    pub(crate) fn update(&self, probes: Probes, facts: Facts, now: Instant) -> Probes {
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
            match (slot.as_ref(), probe) {
                (Some(old), Some(new)) if *old.probe == *new => {}
                (_, Some(probe)) => {
                    let state = State::new(probe.kind);
                    *slot = Some(Box::new(Slot { probe, state, ended: false }));
                }
                (_, None) => *slot = None,
            }
        }
        for kind in Kind::ALL {
            self.follow(&mut inner, kind, now);
        }
        if is_news && inner.wants_poke() {
            self.poke.notify_one();
        }
        inner.slots.each_ref().map(|slot| match slot {
            Some(slot) if !slot.ended => Some(Arc::clone(&slot.probe)),
            _ => None,
        })
    }

    /// What the worker of `probe` does now.
    pub(crate) fn step(&self, probe: &Arc<Probe>, now: Instant) -> Step {
        let mut inner = self.lock();
        if !inner.has_worker(probe) {
            return Step::End;
        }
        match self.follow(&mut inner, probe.kind, now) {
            Decision::Skip | Decision::Set(_) => Step::Wait,
            Decision::Exit(_) => Step::End,
            Decision::Ask(address) => Step::Ask { address, life: inner.life(probe.kind) },
        }
    }

    /// Takes the answer to a question that [`Target::step`] asked for.
    ///
    /// An answer is dropped, events and all, if meanwhile the target has begun another life, stopped or gone: it is
    /// about something that is no more. Returns whether it was taken.
    pub(crate) fn answer(
        &self,
        probe: &Arc<Probe>,
        life: u64,
        outcome: &Outcome,
        now: Instant,
    ) -> bool {
        let mut inner = self.lock();
        let kind = probe.kind;
        if !inner.has_worker(probe)
            || inner.life(kind) != life
            || !matches!(inner.decide(kind, now), Decision::Ask(_))
        {
            return false;
        }
        let target = self.name.to_string();
        let message = outcome.message();
        match outcome {
            Outcome::Success(_) => {}
            Outcome::Warning(_) => {
                self.send(Event::Warning { target, kind, message: message.into() });
            }
            Outcome::Failure(_) => {
                self.send(Event::Unhealthy { target, kind, message: message.into() });
            }
            Outcome::Unknown(_) => {
                let message = format!("{ERRORED}{message}");
                self.send(Event::Unhealthy { target, kind, message });
            }
        }
        let Some(slot) = &mut inner.slots[kind as usize] else { return false };
        if let Some(verdict) = slot.state.observe(outcome, probe.thresholds) {
            self.changed(&inner, kind, verdict, Cause::Answer(message));
            if kind == Kind::Startup && inner.wants_poke() {
                self.poke.notify_one();
            }
        }
        true
    }

    /// What is believed; `None` if there is no such probe.
    pub(crate) fn verdict(&self, kind: Kind) -> Option<Verdict> {
        self.lock().slots[kind as usize].as_ref().map(|slot| slot.state.verdict())
    }

    /// Whether it runs and its startup probe, if there is one, has succeeded.
    pub(crate) fn started(&self) -> bool {
        let inner = self.lock();
        inner.facts.running_for.is_some() && inner.has_started()
    }

    /// Ends everything: no event about this target is sent once this returns.
    pub(crate) fn retire(&self) {
        self.lock().retired = true;
    }

    /// Waits until the readiness worker should ask out of turn, as the kubelet does when a container has started and
    /// is not ready yet.
    pub(crate) async fn poked(&self) {
        self.poke.notified().await;
    }

    /// Does what can be done for one probe without asking; returns what was decided.
    fn follow(&self, inner: &mut Inner, kind: Kind, now: Instant) -> Decision {
        let Inner { facts, slots, .. } = inner;
        let Some(slot) = &mut slots[kind as usize] else { return Decision::Skip };
        let begun = slot.state.meet(facts);
        if let Some(verdict) = begun {
            let inherited = verdict == Verdict::Success && kind != Kind::Liveness;
            let cause = if inherited { Cause::WasReady } else { Cause::Incarnation };
            self.changed(inner, kind, verdict, cause);
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
        slot.ended = terminating;
        if let Some(verdict) = verdict.and_then(|verdict| slot.state.set(verdict)) {
            self.changed(inner, kind, verdict, cause);
        }
        decision
    }

    /// Tells the owner of a changed verdict.
    fn changed(&self, inner: &Inner, kind: Kind, verdict: Verdict, cause: Cause<'_>) {
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
        self.send(Event::Verdict {
            target: self.name.to_string(),
            kind,
            incarnation: inner.facts.incarnation.clone(),
            verdict,
            message: message.to_owned(),
        });
    }

    /// Sends an event. That nobody listens any more is the listener's choice: probing goes on.
    fn send(&self, event: Event) {
        if self.events.send(event).is_err() {
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
    /// Whether `probe` is still the probe of its kind and its worker should go on.
    fn has_worker(&self, probe: &Arc<Probe>) -> bool {
        let slot = self.slots[probe.kind as usize].as_ref();
        !self.retired && slot.is_some_and(|slot| Arc::ptr_eq(&slot.probe, probe) && !slot.ended)
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
