//! What all passes share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use probe_engine::Engine;
use tokio::time::Instant;
use triton_cloudapi::client::Client;

use crate::adopt::gate::FirstProvider;
use crate::catalog::CatalogKeeper;
use crate::create_gate::CreateGate;
use crate::firewall::Firewall;
use crate::journal::Journal;
use crate::memory::{Intent, Memory};
use crate::metrics::Metrics;
use crate::observer::Observer;
use crate::opinions::Opinions;
use crate::settings::Settings;
use crate::sweeper::Sweeper;

/// A pod's memory; one pass at a time holds it.
pub(crate) type PodMemory = Arc<tokio::sync::Mutex<Memory>>;

/// What all passes share.
pub(crate) struct Shared<C> {
    pub(crate) client: Client,
    pub(crate) cluster: Arc<C>,
    pub(crate) observer: Observer,
    pub(crate) journal: Journal,
    pub(crate) probes: Engine,
    pub(crate) firewall: Arc<Firewall>,
    pub(crate) sweeper: Sweeper,
    pub(crate) catalog: CatalogKeeper,
    pub(crate) settings: Settings,
    pub(crate) metrics: Metrics,
    pub(crate) opinions: Opinions,
    pub(crate) creates: CreateGate,
    pub(crate) memories: Memories,
    pub(crate) first_provider: FirstProvider,
}

/// The memories of all pods, and the creates that an earlier process left unresolved.
#[derive(Default)]
pub(crate) struct Memories {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pods: HashMap<String, PodMemory>,
    left: HashMap<String, Instant>,
}

// === impl Memories ===

impl Memories {
    /// Memories that begin with unresolved creates: by pod UID, until when they may come true.
    pub(crate) fn with_left(left: HashMap<String, Instant>) -> Self {
        Self { state: Mutex::new(State { pods: HashMap::new(), left }) }
    }

    /// The memory of a pod; on first sight made by `seed`, with what an earlier process left unresolved.
    pub(crate) fn of(&self, uid: &str, seed: impl FnOnce() -> Memory) -> PodMemory {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = state.pods.get(uid) {
            return Arc::clone(found);
        }
        let mut memory = seed();
        if let Some(over) = state.left.remove(uid) {
            memory.intent = Some(Intent::until(over));
            memory.noted = true;
        }
        let memory = Arc::new(tokio::sync::Mutex::new(memory));
        state.pods.insert(uid.to_owned(), Arc::clone(&memory));
        memory
    }

    /// Whether a pod has been attended to in this life of the process, and something of it is left.
    pub(crate) fn knows(&self, uid: &str) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).pods.contains_key(uid)
    }

    /// Forgets a pod of which nothing is left.
    pub(crate) fn forget(&self, uid: &str) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).pods.remove(uid);
    }
}
