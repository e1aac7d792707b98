//! The provider's way to say "look at this pod again".

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

/// Sending half, held by the provider; cheap to clone.
#[derive(Clone, Debug)]
pub struct Pokes {
    sender: mpsc::UnboundedSender<Arc<str>>,
    waiting: Waiting,
}

/// Receiving half, given to the node.
#[derive(Debug)]
pub struct Poked {
    receiver: mpsc::UnboundedReceiver<Arc<str>>,
    waiting: Waiting,
}

/// The pods in the channel, each once: so the channel never holds more than there are pods.
#[derive(Clone, Debug, Default)]
struct Waiting(Arc<Mutex<HashSet<Arc<str>>>>);

/// Makes both halves.
#[must_use]
pub fn pokes() -> (Pokes, Poked) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let waiting = Waiting::default();
    (Pokes { sender, waiting: waiting.clone() }, Poked { receiver, waiting })
}

// === impl Pokes ===

impl Pokes {
    /// Asks for another pass over the pod with this UID. Pokes for one pod that wait together are one; a poke for a
    /// pod that the node does not know is dropped.
    pub fn poke(&self, uid: &str) {
        let mut waiting = self.waiting.lock();
        if waiting.contains(uid) {
            return;
        }
        let uid: Arc<str> = uid.into();
        waiting.insert(Arc::clone(&uid));
        // A closed channel means the node has stopped: nobody is left to look.
        let _ = self.sender.send(uid);
    }
}

// === impl Poked ===

impl Poked {
    /// Waits for the next poke; `None` once every [`Pokes`] is dropped. Nothing is lost when it is cancelled. Providers
    /// need it for their tests only; the node does this by itself.
    pub async fn next(&mut self) -> Option<String> {
        let uid = self.receiver.recv().await?;
        // From here on a poke is a new one: the pass that this one leads to has not begun.
        self.waiting.lock().remove(&uid);
        Some(uid.to_string())
    }
}

// === impl Waiting ===

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, HashSet<Arc<str>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pokes_that_wait_together_are_one() {
        let (pokes, mut poked) = pokes();
        for uid in ["a", "b", "a", "a"] {
            pokes.poke(uid);
        }
        assert_eq!(poked.next().await.as_deref(), Some("a"));
        pokes.poke("a");
        drop(pokes);
        assert_eq!(poked.next().await.as_deref(), Some("b"));
        assert_eq!(poked.next().await.as_deref(), Some("a"), "asked for after it was taken");
        assert_eq!(poked.next().await, None);
    }
}
