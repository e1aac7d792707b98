//! All randomness of a run, and the wall clock of its processes.

use std::rc::Rc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::SignedDuration;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use triton_sim::Sim;
use virtual_node::simulation;

/// Draws lots from one seed; clones share them.
#[derive(Clone)]
pub(crate) struct Luck {
    random: Arc<Mutex<StdRng>>,
    skew: Skew,
}

/// How far the processes' wall clock is ahead, in milliseconds; clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Skew(Arc<AtomicI64>);

/// While it lives, this thread has its time and luck from a run.
pub(crate) struct Installed;

// === impl Luck ===

impl Luck {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: Arc::new(Mutex::new(StdRng::seed_from_u64(seed))), skew: Skew::default() }
    }

    /// A number in 0..1.
    pub(crate) fn chance(&self) -> f64 {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).random()
    }

    fn bits(&self) -> u128 {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).random()
    }

    pub(crate) fn skew(&self) -> Skew {
        self.skew.clone()
    }

    /// Gives the processes of this thread their time and luck.
    pub(crate) fn install(&self, sim: &Sim, seed: u64) -> Installed {
        fastrand::seed(seed);
        let (sim, skew, luck) = (sim.clone(), self.skew(), self.clone());
        simulation::install(Some(simulation::Source {
            now: Rc::new(move || sim.now() + skew.get()),
            bits: Rc::new(move || luck.bits()),
        }));
        Installed
    }
}

// === impl Skew ===

impl Skew {
    pub(crate) fn get(&self) -> SignedDuration {
        SignedDuration::from_millis(self.0.load(Ordering::Relaxed))
    }

    pub(crate) fn set(&self, skew: SignedDuration) {
        let millis = i64::try_from(skew.as_millis()).unwrap_or(0);
        self.0.store(millis, Ordering::Relaxed);
    }
}

// === impl Installed ===

impl Drop for Installed {
    fn drop(&mut self) {
        simulation::install(None);
    }
}
