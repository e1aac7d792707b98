//! Bounds the creates on their way, without holding a worker of the node for those that wait.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use virtual_node::Pokes;

/// Lets so many creates through at once; the next in line is poked when one is done. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct CreateGate {
    state: Arc<Mutex<State>>,
    pokes: Pokes,
}

#[derive(Debug)]
struct State {
    free: usize,
    waiting: VecDeque<String>,
}

/// Leave to create; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit(CreateGate);

// === impl CreateGate ===

impl CreateGate {
    pub(crate) fn new(at_once: usize, pokes: Pokes) -> Self {
        let state = State { free: at_once.max(1), waiting: VecDeque::new() };
        Self { state: Arc::new(Mutex::new(state)), pokes }
    }

    /// Leave to create, or `None`: then the pod stands in line and is poked when it is its turn to ask again.
    pub(crate) fn enter(&self, uid: &str) -> Option<Permit> {
        let mut state = self.lock();
        if state.free > 0 {
            state.free -= 1;
            state.waiting.retain(|waiting| waiting != uid);
            return Some(Permit(self.clone()));
        }
        if !state.waiting.iter().any(|waiting| waiting == uid) {
            state.waiting.push_back(uid.to_owned());
        }
        None
    }

    /// A pod that is to stop stands in line no more.
    pub(crate) fn leave(&self, uid: &str) {
        self.lock().waiting.retain(|waiting| waiting != uid);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let next = {
            let mut state = self.0.lock();
            state.free += 1;
            state.waiting.pop_front()
        };
        if let Some(uid) = next {
            self.0.pokes.poke(&uid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_is_poked_in_order_when_a_create_is_done() {
        let (pokes, mut poked) = virtual_node::pokes();
        let gate = CreateGate::new(1, pokes);
        let permit = gate.enter("a").unwrap();
        assert!(gate.enter("b").is_none());
        assert!(gate.enter("c").is_none());
        assert!(gate.enter("b").is_none(), "standing in line twice is standing once");
        drop(permit);
        assert_eq!(poked.next().await.as_deref(), Some("b"));
        let permit = gate.enter("b").unwrap();
        assert!(gate.enter("d").is_none());
        gate.leave("c");
        drop(permit);
        assert_eq!(poked.next().await.as_deref(), Some("d"));
    }
}
