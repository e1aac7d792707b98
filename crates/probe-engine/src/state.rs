//! What one worker believes: the kubelet's `worker.go` as a value without a clock, a lock or a task.

use std::net::IpAddr;
use std::time::Duration;

use crate::probe::{Facts, Kind, Thresholds, Verdict};
use crate::prober::Outcome;

/// What is believed about one question to one target, and how it came to be believed.
#[derive(Clone, Debug)]
pub struct State {
    kind: Kind,
    verdict: Verdict,
    incarnation: Option<String>,
    life: u64,
    was_down: bool,
    on_hold: bool,
    last: Option<bool>,
    run: u32,
}

/// What to do when it is time to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing, this time.
    Skip,
    /// Believe this without asking.
    Set(Verdict),
    /// Believe this without asking, and never ask again.
    Exit(Verdict),
    /// Ask this address.
    Ask(IpAddr),
}

// === impl State ===

impl State {
    /// A probe that has met no target yet believes what the kubelet does: not ready, alive, and nothing of startup.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            verdict: initial(kind),
            incarnation: None,
            life: 0,
            was_down: false,
            on_hold: false,
            last: None,
            run: 0,
        }
    }

    /// What is believed now.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// A number that changes whenever belief starts anew: an answer from an earlier life must not count.
    pub fn life(&self) -> u64 {
        self.life
    }

    /// Whether it waits for a new incarnation before it asks again.
    pub fn is_on_hold(&self) -> bool {
        self.on_hold
    }

    /// How many equal answers in a row there have been.
    pub fn run(&self) -> u32 {
        self.run
    }

    /// Takes in which life the target is in; returns the verdict only if it changed.
    ///
    /// A new incarnation starts from the initial value and lifts the hold. The run goes on: the kubelet does not
    /// reset it either. Two things a container cannot do but an instance can are taken the same way: running again
    /// after it was down is a new life even if its name has not changed; and one that was ready before the engine
    /// began is believed to be ready and started (the kubelet since 1.35).
    pub fn meet(&mut self, facts: &Facts) -> Option<Verdict> {
        if facts.incarnation.is_empty() {
            return None;
        }
        let is_first = self.incarnation.is_none();
        let is_new = self.incarnation.as_ref() != Some(&facts.incarnation);
        let is_running = facts.running_for.is_some();
        let is_back = self.was_down && is_running;
        self.was_down = !is_running;
        if !is_new && !is_back {
            return None;
        }
        self.incarnation = Some(facts.incarnation.clone());
        self.life += 1;
        self.on_hold = false;
        let inherits = is_first && is_running && facts.was_ready;
        self.set(if inherits { Verdict::Success } else { initial(self.kind) })
    }

    /// What to do now, in the order in which the kubelet's `doProbe` looks at things.
    ///
    /// `since` is how long ago the facts were observed; `started` is whether the target counts as started. What ends
    /// a worker for good (a pod that is over, a target that will not run again) is told by removing the target.
    pub fn decide(
        &self,
        facts: &Facts,
        since: Duration,
        started: bool,
        initial_delay: Duration,
    ) -> Decision {
        if facts.incarnation.is_empty() || self.on_hold {
            return Decision::Skip;
        }
        let Some(running_for) = facts.running_for else {
            return Decision::Set(Verdict::Failure);
        };
        if facts.terminating && self.kind != Kind::Readiness {
            return Decision::Exit(Verdict::Success);
        }
        // Whole seconds on both sides: 9.99 s is not yet a delay of 10.
        if running_for.saturating_add(since).as_secs() < initial_delay.as_secs() {
            return Decision::Skip;
        }
        if started == (self.kind == Kind::Startup) {
            return Decision::Skip;
        }
        // A target that runs but has no address yet cannot be asked, and that is not its failure.
        facts.address.map_or(Decision::Skip, Decision::Ask)
    }

    /// Takes one outcome in; returns the verdict only if it changed. An unknown outcome is thrown away.
    pub fn observe(&mut self, outcome: &Outcome, thresholds: Thresholds) -> Option<Verdict> {
        let success = outcome.counts_as_success()?;
        if self.last == Some(success) {
            self.run = self.run.saturating_add(1);
        } else {
            self.last = Some(success);
            self.run = 1;
        }
        let (verdict, threshold) = match success {
            true => (Verdict::Success, thresholds.success),
            false => (Verdict::Failure, thresholds.failure),
        };
        if self.run < threshold {
            return None;
        }
        let changed = self.set(verdict);
        let holds = match self.kind {
            Kind::Startup => true,
            Kind::Liveness => verdict == Verdict::Failure,
            Kind::Readiness => false,
        };
        if holds {
            // Whatever follows from this belongs to the next incarnation.
            self.on_hold = true;
            self.run = 0;
        }
        changed
    }

    /// Believes `verdict`; returns it only if that is a change.
    pub fn set(&mut self, verdict: Verdict) -> Option<Verdict> {
        let changed = self.verdict != verdict;
        self.verdict = verdict;
        changed.then_some(verdict)
    }
}

/// What is believed before the first answer.
fn initial(kind: Kind) -> Verdict {
    match kind {
        Kind::Startup => Verdict::Unknown,
        Kind::Liveness => Verdict::Success,
        Kind::Readiness => Verdict::Failure,
    }
}

#[cfg(test)]
mod tests;
