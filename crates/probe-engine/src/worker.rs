//! The task that runs one probe of one target.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::probe::{Event, Kind, Probe, Timing};
use crate::prober::{AnyProber, Outcome};
use crate::stats::Counters;
use crate::target::{Step, Target};

/// How often a question is put, as long as no answer can be had (the kubelet's `maxProbeRetries`).
pub(crate) const MAX_ATTEMPTS: u32 = 3;

/// How long past its timeout a prober may take before it is given up: a prober keeps to its timeout by itself, and
/// one that does not must not hold a permit for ever.
pub(crate) const OVERTIME: Duration = Duration::from_secs(5);

/// What all workers of an engine share.
pub(crate) struct Core {
    pub(crate) prober: Box<dyn AnyProber>,
    pub(crate) events: mpsc::UnboundedSender<Event>,
    pub(crate) permits: Semaphore,
    pub(crate) max_asking: usize,
    pub(crate) counters: Counters,
    pub(crate) alive: watch::Sender<usize>,
}

/// One worker. Dropping its future at any await is safe: belief only changes between them, under the target's lock.
pub(crate) struct Worker {
    pub(crate) core: Arc<Core>,
    pub(crate) target: Arc<Target>,
    pub(crate) probe: Arc<Probe>,
    pub(crate) first_wait: Duration,
}

/// Counts a worker as alive for as long as it is.
pub(crate) struct Alive(Arc<Core>);

// === impl Worker ===

impl Worker {
    /// Probes until there is nothing left to find out.
    pub(crate) async fn run(self) {
        let timing = self.probe.timing.with_defaults();
        if !self.first_wait.is_zero() {
            sleep(self.first_wait).await;
        }
        let mut ticker = interval(timing.period);
        ticker.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let due = tokio::select! {
                biased;
                () = self.poked() => { ticker.reset(); Instant::now() }
                due = ticker.tick() => due,
            };
            match self.target.step(&self.probe, Instant::now()) {
                Step::Wait => {}
                Step::End => return,
                // Boxed: a worker asks for a moment and waits for the rest of its life.
                Step::Ask { address, life } => {
                    Box::pin(self.ask(timing, address, life, due)).await;
                }
            }
        }
    }

    /// One question: asked, counted, and taken in.
    async fn ask(&self, timing: Timing, address: IpAddr, life: u64, due: Instant) {
        let Ok(permit) = self.core.permits.acquire().await else { return };
        self.core.counters.begun(Instant::now().saturating_duration_since(due));
        let outcome = self.attempts(timing.timeout, address).await;
        drop(permit);
        if self.target.answer(&self.probe, life, &outcome, Instant::now()) {
            self.core.counters.answered(self.probe.kind, &outcome);
        }
    }

    /// Asks until there is an answer of any kind, or attempts are used up.
    async fn attempts(&self, limit: Duration, address: IpAddr) -> Outcome {
        let mut outcome = Outcome::Unknown("not asked".into());
        for _ in 0..MAX_ATTEMPTS {
            let ask = self.core.prober.ask_any(&self.probe.handler, address, limit);
            outcome = timeout(limit.saturating_add(OVERTIME), ask).await.unwrap_or_else(|_| {
                Outcome::Unknown(format!("the prober did not keep to its timeout of {limit:?}"))
            });
            if !matches!(outcome, Outcome::Unknown(_)) {
                break;
            }
        }
        outcome
    }

    async fn poked(&self) {
        match self.probe.kind {
            Kind::Readiness => self.target.poked().await,
            Kind::Startup | Kind::Liveness => std::future::pending().await,
        }
    }
}

// === impl Alive ===

impl Alive {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        core.alive.send_modify(|alive| *alive += 1);
        Self(core)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.send_modify(|alive| *alive -= 1);
    }
}
