//! One more look at what is left of a pod that nobody has seen, right before it is stopped.
//!
//! A pod that the node knows has told whose its instance is. Of an orphan only tags tell, and those of a list may be old.

use triton_cloudapi::instances::Presence;
use virtual_node::{PodKey, ProviderError};

use crate::observer::seen_as;
use crate::passes::action_failed;
use crate::pod::owner;
use crate::shared::Shared;

// === impl Shared ===

impl<C> Shared<C> {
    /// Whether everything that the last list shows of this UID still carries our tags, or is gone, when it is read by its
    /// id. If not, the list is out of date, and nothing is done before there is another one.
    ///
    /// # Errors
    /// When that could not be found out.
    pub(crate) async fn is_still_ours(&self, key: &PodKey) -> Result<bool, ProviderError> {
        let Some(snapshot) = self.observer.snapshot() else { return Ok(false) };
        let owner = owner(&self.settings.cluster, &self.settings.node, key);
        for listed in snapshot.of(&key.uid) {
            let id = listed.id;
            let found = self.client.find_instance(id).await;
            let found =
                found.map_err(|error| action_failed(&format!("reading instance {id}"), error))?;
            if let Presence::Present(instance) = found
                && seen_as(&instance, &owner).is_none()
            {
                tracing::warn!(pod = %key, instance = %id, "an orphan's tags have changed; it is left alone");
                self.observer.expect(&key.uid, true);
                return Ok(false);
            }
        }
        Ok(true)
    }
}
