//! The engine: which targets there are, one schedule for all their probes, and whose turn it is.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout};

use crate::answers::Answered;
use crate::ask;
use crate::lateness::Lateness;
use crate::probe::{Event, Facts, Kind, Probe, Verdict};
use crate::prober::{AnyProber, Prober};
use crate::schedule::Schedule;
use crate::stats::{Counters, Stats};
use crate::target::{Probes, Question, Target};

/// How many questions are asked at once unless [`Options`] says otherwise. Each takes a file descriptor, and a target
/// that does not answer keeps it for its whole timeout.
pub const MAX_ASKING: usize = 512;

/// How long [`Engine::shutdown`] waits for questions. They are given up at their next await, so only a prober that
/// blocks its thread can keep it waiting.
pub const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

/// Runs the probes of any number of targets.
///
/// Clones share one engine. When the last is dropped all questions end, as they do on [`Engine::shutdown`].
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

/// What can be chosen about an engine.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many questions are asked at once, at least 1. A probe that waits for its turn is late, not failed.
    pub max_asking: usize,
    /// Where in its period, from 0 up to but not including 1, a probe is asked first if the engine began less than a
    /// period ago: without it everything would be asked at once after each restart.
    pub phase: fn() -> f64,
}

struct Shared {
    core: Arc<Core>,
    began: Instant,
    phase: fn() -> f64,
    registry: Mutex<Registry>,
}

#[derive(Default)]
struct Registry {
    targets: HashMap<Arc<str>, Arc<Target>>,
    is_shut_down: bool,
}

/// What asking needs.
pub(crate) struct Core {
    pub(crate) prober: Box<dyn AnyProber>,
    pub(crate) events: mpsc::UnboundedSender<Event>,
    pub(crate) schedule: Schedule,
    pub(crate) counters: Counters,
    max_asking: usize,
    turns: Mutex<Turns>,
    /// The last question has ended.
    idle: Notify,
}

/// Whose turn it is.
#[derive(Default)]
struct Turns {
    /// Questions that are due and wait for their turn, in the order in which they were.
    waiting: VecDeque<Question>,
    /// Tasks that ask.
    asking: usize,
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self { max_asking: MAX_ASKING, phase: rand::random::<f64> }
    }
}

// === impl Engine ===

impl Engine {
    /// An engine that asks through `prober` and tells `events`, with default [`Options`].
    ///
    /// # Panics
    /// Outside a tokio runtime: questions are asked on the runtime this is called in.
    pub fn new(prober: impl Prober + 'static, events: mpsc::UnboundedSender<Event>) -> Self {
        Self::with_options(prober, events, Options::default())
    }

    /// An engine with other [`Options`].
    ///
    /// # Panics
    /// Outside a tokio runtime, as [`Engine::new`].
    pub fn with_options(
        prober: impl Prober + 'static,
        events: mpsc::UnboundedSender<Event>,
        options: Options,
    ) -> Self {
        let core = Arc::new(Core {
            prober: Box::new(prober),
            events,
            schedule: Schedule::default(),
            counters: Counters::default(),
            max_asking: options.max_asking.max(1),
            turns: Mutex::default(),
            idle: Notify::new(),
        });
        tokio::spawn(Arc::clone(&core).keep_time());
        let shared = Shared {
            core,
            began: Instant::now(),
            phase: options.phase,
            registry: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Says which probes `target` has and what is known of it; call it at every observation.
    ///
    /// What follows from the facts alone is believed when this returns: a new incarnation has its initial verdicts, a
    /// target that does not run is not ready. A probe equal to the one before goes on undisturbed; one that is new or
    /// changed begins; one that is missing ends. Of two probes of one kind the last counts. A target without probes is
    /// worth telling too: [`Engine::started`] then knows it.
    pub fn set(&self, target: &str, probes: Vec<Probe>, facts: Facts) {
        let now = Instant::now();
        let mut wanted: Probes = [None, None, None];
        for probe in probes {
            let kind = probe.kind as usize;
            wanted[kind] = Some(Arc::new(probe));
        }
        let mut registry = self.shared.lock();
        if registry.is_shut_down {
            return;
        }
        if !registry.targets.contains_key(target) {
            let name: Arc<str> = target.into();
            let new = Target::new(Arc::clone(&name), facts.clone(), now);
            registry.targets.insert(name, Arc::new(new));
        }
        let Some(target) = registry.targets.get(target) else { return };
        let since_began = now.saturating_duration_since(self.shared.began);
        target.update(&self.shared.core, wanted, facts, now, |period| {
            first_wait(period, since_began, self.shared.phase)
        });
    }

    /// Forgets `target` and gives up what it is asked. No event about it is sent once this returns. Forgetting what is
    /// not there is fine.
    ///
    /// This is how the owner ends probes for good: when a target is gone, or is over and will not run again.
    pub fn remove(&self, target: &str) {
        if let Some(target) = self.shared.lock().targets.remove(target) {
            target.retire(&self.shared.core);
        }
    }

    /// What is believed now; `None` if the target has no such probe.
    ///
    /// As with the kubelet, a liveness probe fails also because its target does not run; only the failure of one that
    /// runs is a reason to restart it. That is the one [`Event::Verdict`] tells of.
    pub fn verdict(&self, target: &str, kind: Kind) -> Option<Verdict> {
        self.shared.lock().targets.get(target)?.verdict(kind)
    }

    /// Whether `target` runs and its startup probe, if it has one, has succeeded. `false` for one that was never set.
    pub fn started(&self, target: &str) -> bool {
        self.shared.lock().targets.get(target).is_some_and(|target| target.started())
    }

    /// What the engine has done so far.
    pub fn stats(&self) -> Stats {
        let core = &self.shared.core;
        let asking = core.turns().asking;
        core.counters.read(asking)
    }

    /// What each probe was answered so far. One that has ended is not among them, nor is one without an answer yet.
    pub fn answers(&self) -> Vec<Answered> {
        let targets: Vec<_> = {
            let registry = self.shared.lock();
            registry.targets.iter().map(|(name, target)| (name.clone(), target.clone())).collect()
        };
        let mut all = Vec::new();
        for (name, target) in targets {
            let of_target = target.answers().into_iter();
            all.extend(of_target.map(|(kind, answers)| Answered {
                target: Arc::clone(&name),
                kind,
                answers,
            }));
        }
        all
    }

    /// How late questions were begun so far: a distribution, where [`Stats::lateness`] is a sum.
    pub fn lateness(&self) -> Lateness {
        self.shared.core.counters.lateness()
    }

    /// Forgets all targets and waits until nothing is asked any more, [`SHUTDOWN_LIMIT`] at most. Afterwards
    /// [`Engine::set`] does nothing.
    pub async fn shutdown(&self) {
        self.shared.end();
        let core = &self.shared.core;
        let idle = async {
            loop {
                let idle = core.idle.notified();
                if core.turns().asking == 0 {
                    return;
                }
                idle.await;
            }
        };
        if timeout(SHUTDOWN_LIMIT, idle).await.is_err() {
            let asking = core.turns().asking;
            tracing::warn!(asking, "probes are still asked after the time given to end");
        }
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let targets = self.shared.lock().targets.len();
        f.debug_struct("Engine").field("targets", &targets).finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    /// Ends everything for good.
    fn end(&self) {
        let targets = {
            let mut registry = self.lock();
            registry.is_shut_down = true;
            std::mem::take(&mut registry.targets)
        };
        for target in targets.into_values() {
            target.retire(&self.core);
        }
        self.core.schedule.close();
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        // Nothing under this lock is left half done by a panic.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.end();
    }
}

// === impl Core ===

impl Core {
    /// Hands out what is due, until the schedule is closed.
    async fn keep_time(self: Arc<Self>) {
        while self.schedule.wait().await {
            let now = Instant::now();
            while let Some((place, entry)) = self.schedule.pop(now) {
                if let Some(question) = entry.target.due(&self, entry.kind, place, now) {
                    self.hand_out(question);
                }
            }
        }
    }

    /// Has a question asked, now or when it is its turn.
    fn hand_out(self: &Arc<Self>, question: Question) {
        let mut turns = self.turns();
        if turns.asking < self.max_asking {
            turns.asking += 1;
            tokio::spawn(Arc::clone(self).ask_on(question));
        } else {
            turns.waiting.push_back(question);
        }
    }

    /// Asks one question after the other, as long as any waits.
    async fn ask_on(self: Arc<Self>, first: Question) {
        let mut next = Some(first);
        while let Some(question) = next {
            ask::ask(&self, &question).await;
            drop(question);
            let mut turns = self.turns();
            next = turns.waiting.pop_front();
            if next.is_none() {
                turns.asking -= 1;
                if turns.asking == 0 {
                    self.idle.notify_waiters();
                }
            }
        }
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        // Nothing under this lock is left half done by a panic.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Just after the engine began, probes are spread over their period; later they begin at once.
fn first_wait(period: Duration, since_began: Duration, phase: fn() -> f64) -> Duration {
    if period > since_began { period.mul_f64(phase().clamp(0.0, 1.0)) } else { Duration::ZERO }
}

#[cfg(test)]
mod tests;
