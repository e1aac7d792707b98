//! The provider's way to say "look at this pod again".

use tokio::sync::mpsc;

/// Sending half, held by the provider; cheap to clone.
#[derive(Clone, Debug)]
pub struct Pokes(mpsc::UnboundedSender<String>);

/// Receiving half, given to the node.
#[derive(Debug)]
pub struct Poked(pub(crate) mpsc::UnboundedReceiver<String>);

/// Makes both halves.
#[must_use]
pub fn pokes() -> (Pokes, Poked) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Pokes(sender), Poked(receiver))
}

// === impl Pokes ===

impl Pokes {
    /// Asks for another pass over the pod with this UID. Pokes for one pod that wait together become one pass;
    /// a poke for a pod that the node does not know is dropped.
    pub fn poke(&self, uid: &str) {
        // A closed channel means the node has stopped: nobody is left to look.
        let _ = self.0.send(uid.to_owned());
    }
}

// === impl Poked ===

impl Poked {
    /// Waits for the next poke; `None` once every [`Pokes`] is dropped. For tests of providers; the node does this
    /// by itself.
    pub async fn next(&mut self) -> Option<String> {
        self.0.recv().await
    }
}
