//! The engine: which targets there are, and a worker for each of their probes.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

use crate::probe::{Event, Facts, Kind, Probe, Verdict};
use crate::prober::Prober;
use crate::stats::{Counters, Stats};
use crate::target::{Probes, Target};
use crate::worker::{Alive, Core, Worker};

/// How many questions are asked at once unless [`Options`] says otherwise. Each takes a file descriptor, and a target
/// that does not answer keeps it for its whole timeout.
pub const MAX_ASKING: usize = 512;

/// How long [`Engine::shutdown`] waits for workers. They end at their next await, so only a prober that blocks its
/// thread can keep it waiting.
pub const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

/// Runs the probes of any number of targets.
///
/// Clones share one engine. When the last is dropped all workers end, as they do on [`Engine::shutdown`].
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
    runtime: Handle,
    began: Instant,
    phase: fn() -> f64,
    registry: Mutex<Registry>,
}

#[derive(Default)]
struct Registry {
    targets: HashMap<Arc<str>, Entry>,
    is_shut_down: bool,
}

/// A target and the ends by which its workers hang.
struct Entry {
    target: Arc<Target>,
    workers: [Option<Hold>; 3],
}

/// Holds one worker: it ends when this is dropped.
struct Hold {
    probe: Arc<Probe>,
    stop: oneshot::Sender<()>,
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
    /// Outside a tokio runtime: workers run on the runtime this is called in.
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
        let core = Core {
            prober: Box::new(prober),
            events,
            permits: Semaphore::new(options.max_asking.clamp(1, Semaphore::MAX_PERMITS)),
            max_asking: options.max_asking.clamp(1, Semaphore::MAX_PERMITS),
            counters: Counters::default(),
            alive: watch::Sender::new(0),
        };
        let shared = Shared {
            core: Arc::new(core),
            runtime: Handle::current(),
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
            let events = self.shared.core.events.clone();
            let name: Arc<str> = target.into();
            let new = Target::new(Arc::clone(&name), facts.clone(), now, events);
            let entry = Entry { target: Arc::new(new), workers: [None, None, None] };
            registry.targets.insert(name, entry);
        }
        let Some(Entry { target, workers }) = registry.targets.get_mut(target) else { return };
        let needed = target.update(wanted, facts, now);
        for (worker, probe) in workers.iter_mut().zip(needed) {
            *worker = match (worker.take(), probe) {
                (Some(hold), Some(probe)) if hold.serves(&probe) => Some(hold),
                (_, Some(probe)) => Some(self.shared.start(target, probe, now)),
                (_, None) => None,
            };
        }
    }

    /// Forgets `target` and ends its workers. No event about it is sent once this returns. Forgetting what is not
    /// there is fine.
    ///
    /// This is how the owner ends probes for good: when a target is gone, or is over and will not run again.
    pub fn remove(&self, target: &str) {
        if let Some(entry) = self.shared.lock().targets.remove(target) {
            entry.target.retire();
        }
    }

    /// What is believed now; `None` if the target has no such probe.
    ///
    /// As with the kubelet, a liveness probe fails also because its target does not run; only the failure of one that
    /// runs is a reason to restart it. That is the one [`Event::Verdict`] tells of.
    pub fn verdict(&self, target: &str, kind: Kind) -> Option<Verdict> {
        self.shared.lock().targets.get(target)?.target.verdict(kind)
    }

    /// Whether `target` runs and its startup probe, if it has one, has succeeded. `false` for one that was never set.
    pub fn started(&self, target: &str) -> bool {
        self.shared.lock().targets.get(target).is_some_and(|entry| entry.target.started())
    }

    /// What the engine has done so far.
    pub fn stats(&self) -> Stats {
        let core = &self.shared.core;
        let asking = core.max_asking - core.permits.available_permits().min(core.max_asking);
        core.counters.read(*core.alive.borrow(), asking)
    }

    /// Forgets all targets and waits until no worker is left, [`SHUTDOWN_LIMIT`] at most. Afterwards
    /// [`Engine::set`] does nothing.
    pub async fn shutdown(&self) {
        let entries = {
            let mut registry = self.shared.lock();
            registry.is_shut_down = true;
            std::mem::take(&mut registry.targets)
        };
        for entry in entries.into_values() {
            entry.target.retire();
        }
        let mut alive = self.shared.core.alive.subscribe();
        if timeout(SHUTDOWN_LIMIT, alive.wait_for(|alive| *alive == 0)).await.is_err() {
            let workers = *alive.borrow();
            tracing::warn!(workers, "probe workers are still alive after the time given to end");
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
    fn start(&self, target: &Arc<Target>, probe: Arc<Probe>, now: Instant) -> Hold {
        let (stop, stopped) = oneshot::channel();
        let hold = Hold { probe: Arc::clone(&probe), stop };
        let period = probe.timing.with_defaults().period;
        let worker = Worker {
            core: Arc::clone(&self.core),
            target: Arc::clone(target),
            probe,
            first_wait: first_wait(period, now.saturating_duration_since(self.began), self.phase),
        };
        let alive = Alive::new(Arc::clone(&self.core));
        self.runtime.spawn(async move {
            let _alive = alive;
            tokio::select! {
                biased;
                _ = stopped => {}
                () = worker.run() => {}
            }
        });
        hold
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        // Nothing under this lock is left half done by a panic.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Hold ===

impl Hold {
    /// Whether its worker is alive and runs this very probe.
    fn serves(&self, probe: &Arc<Probe>) -> bool {
        Arc::ptr_eq(&self.probe, probe) && !self.stop.is_closed()
    }
}

/// Just after the engine began, probes are spread over their period; later they begin at once.
fn first_wait(period: Duration, since_began: Duration, phase: fn() -> f64) -> Duration {
    if period > since_began { period.mul_f64(phase().clamp(0.0, 1.0)) } else { Duration::ZERO }
}

#[cfg(test)]
mod tests;
