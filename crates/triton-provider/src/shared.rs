//! What all passes share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use probe_engine::Engine;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use triton_cloudapi::client::Client;

use crate::adopt::gate::FirstProvider;
use crate::catalog::CatalogKeeper;
use crate::create_gate::CreateGate;
use crate::decide::state::Intent;
use crate::firewall::Firewall;
use crate::give_ups::GiveUps;
use crate::hook_runner::HookRunner;
use crate::journal::{Journal, Left};
use crate::memory::{Memory, Resting};
use crate::metrics::Metrics;
use crate::observer::Observer;
use crate::opinions::Opinions;
use crate::probe_metrics::Names;
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
    pub(crate) probe_names: Names,
    pub(crate) hooks: HookRunner,
    pub(crate) firewall: Arc<Firewall>,
    pub(crate) sweeper: Sweeper,
    pub(crate) catalog: CatalogKeeper,
    pub(crate) settings: Settings,
    pub(crate) metrics: Metrics,
    pub(crate) opinions: Opinions,
    pub(crate) creates: CreateGate,
    /// So many instances are brought in line with their pods at once: an edit of a thousand pods does not keep others
    /// from being made and stopped.
    pub(crate) edits: Semaphore,
    pub(crate) give_ups: GiveUps,
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
    pods: HashMap<Box<str>, Kept>,
    left: Left,
    left_until: Option<Instant>,
}

/// One pod's memory.
enum Kept {
    /// A pass holds it, or there is much to remember.
    Awake(PodMemory),
    /// In short.
    Resting(Resting),
}

// === impl Memories ===

impl Memories {
    /// Memories that begin with the creates that an earlier process left, none of which comes true after `until`.
    pub(crate) fn with_left(left: Left, until: Instant) -> Self {
        let state = State { pods: HashMap::new(), left, left_until: Some(until) };
        Self { state: Mutex::new(state) }
    }

    /// The memory of a pod; on first sight made by `seed`, with what an earlier process left unresolved.
    pub(crate) fn of(&self, uid: &str, now: Instant, seed: impl FnOnce() -> Memory) -> PodMemory {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = state.pods.get_mut(uid) {
            return kept.awake();
        }
        let mut memory = seed();
        let noted = state.left.uids.remove(uid);
        let in_doubt = state.left.in_doubt && state.left_until.is_some_and(|until| until > now);
        if let Some(until) = state.left_until.filter(|_| noted || in_doubt) {
            memory.life.intent = Some(Intent::until(until));
            memory.life.noted = noted;
        }
        let memory = Arc::new(tokio::sync::Mutex::new(memory));
        state.pods.insert(uid.into(), Kept::Awake(Arc::clone(&memory)));
        memory
    }

    /// A pass over this pod has ended: what can be kept in short is.
    pub(crate) fn rest(&self, uid: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = state.pods.get_mut(uid) {
            kept.rest();
        }
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

// === impl Kept ===

impl Kept {
    fn awake(&mut self) -> PodMemory {
        let memory = match self {
            Self::Awake(memory) => return Arc::clone(memory),
            Self::Resting(resting) => Arc::new(tokio::sync::Mutex::new(resting.wake())),
        };
        *self = Self::Awake(Arc::clone(&memory));
        memory
    }

    fn rest(&mut self) {
        let Self::Awake(memory) = self else { return };
        // Whoever holds it, or waits for it, got it from here: with one owner there is nobody.
        if let Some(memory) = Arc::get_mut(memory)
            && let Some(resting) = Resting::of(memory.get_mut())
        {
            *self = Self::Resting(resting);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::decide::fixtures::{id, instance};
    use crate::decide::state::Known;

    fn begin(memories: &Memories, uid: &str, now: Instant) -> (Option<Instant>, bool) {
        let memory = memories.of(uid, now, Memory::default);
        let life = &memory.try_lock().unwrap().life;
        (life.intent.as_ref().map(|intent| intent.over), life.noted)
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_left_counts_from_when_it_was_read_and_only_for_its_pod() {
        let now = Instant::now();
        let until = now + Duration::from_secs(180);
        let left = Left { uids: ["a".to_owned()].into(), in_doubt: false };
        let memories = Memories::with_left(left, until);
        let late = now + Duration::from_secs(3600);
        assert_eq!(
            begin(&memories, "a", late),
            (Some(until), true),
            "a look comes first, however late"
        );
        assert_eq!(begin(&memories, "b", now), (None, false));
    }

    #[tokio::test(start_paused = true)]
    async fn a_memory_rests_when_nobody_holds_it() {
        let now = Instant::now();
        let memories = Memories::default();
        let seed = || {
            let known = Known::seen(instance(1, "running"), now);
            let life = crate::decide::State { known: Some(known), ..Default::default() };
            Memory { life, ..Memory::default() }
        };
        let is_resting = |uid: &str| {
            let state = memories.state.lock().unwrap();
            matches!(state.pods[uid], Kept::Resting(_))
        };
        let held = memories.of("a", now, seed);
        memories.rest("a");
        assert!(!is_resting("a"), "somebody holds it");
        drop(held);
        memories.rest("a");
        assert!(is_resting("a") && memories.knows("a"));
        let woken = memories.of("a", now, Memory::default);
        assert_eq!(woken.lock().await.life.known.as_ref().unwrap().id, id(1));
        woken.lock().await.life.failures = 1;
        drop(woken);
        memories.rest("a");
        assert!(!is_resting("a"), "there is more to remember");
        let again = memories.of("a", now, Memory::default);
        assert_eq!(again.lock().await.life.failures, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_readable_journal_every_pod_is_in_doubt_for_a_window() {
        let now = Instant::now();
        let until = now + Duration::from_secs(180);
        let memories = Memories::with_left(Left { in_doubt: true, ..Left::default() }, until);
        assert_eq!(begin(&memories, "a", now), (Some(until), false));
        assert_eq!(begin(&memories, "b", until), (None, false));
    }
}
