//! Registration: create the Node, or adopt the one that is there.

use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use kube_client::api::{Patch, PatchParams, PostParams};
use tokio_util::sync::CancellationToken;

use super::health::Verdict;
use super::{NodeKeeper, conditions, spec};
use crate::api::{CallError, call, chain};
use crate::metrics::KubeWrite;
use crate::provider::Pulse;

/// The pause after the first failed registration; it doubles, as the kubelet's.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause between two registrations.
const LONGEST_PAUSE: Duration = Duration::from_secs(7);

// === impl NodeKeeper ===

impl<P: Pulse> NodeKeeper<P> {
    /// Registers until it succeeds; `None` when told to stop before that.
    ///
    /// # Errors
    /// When the API server says that it never will: the object is invalid (422).
    pub(crate) async fn register_patiently(
        &self,
        shutdown: &CancellationToken,
    ) -> Result<Option<Node>, CallError> {
        let mut pause = FIRST_PAUSE;
        loop {
            match shutdown.run_until_cancelled(self.register()).await {
                None => return Ok(None),
                Some(Ok(node)) => {
                    self.uid.send_replace(node.metadata.uid.clone());
                    return Ok(Some(node));
                }
                Some(Err(error)) if error.code() == Some(422) => return Err(error),
                Some(Err(error)) => {
                    tracing::warn!(error = chain(&error), retry_in = ?pause, "could not register the node");
                }
            }
            if shutdown.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return Ok(None);
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Creates the Node, or adopts the existing one.
    ///
    /// A new Node says nothing about Ready: the next round writes it, when everything else runs too.
    pub(crate) async fn register(&self) -> Result<Node, CallError> {
        let (signs, now) = (&self.config.outage, crate::clock::now());
        let mut conditions = conditions::conditions(&[], signs, &Verdict::NotYet, now);
        conditions.retain(|condition| condition.type_ != conditions::READY);
        let capacity = self.capacity.borrow().clone();
        let node = spec::new_node(&self.config, &capacity, conditions);
        self.metrics.kube_write(KubeWrite::Node);
        let refused =
            match call("creating the Node", self.nodes.create(&PostParams::default(), &node)).await
            {
                Ok(node) => {
                    tracing::info!(node = self.config.name, "registered the node");
                    return Ok(node);
                }
                // A role may forbid creating a Node that an administrator made beforehand.
                Err(error) if error.is_conflict() || error.code() == Some(403) => error,
                Err(error) => return Err(error),
            };
        match call("reading the Node", self.nodes.get_opt(&self.config.name)).await? {
            Some(existing) => self.adopt(existing).await,
            None => Err(refused),
        }
    }

    /// Sets our labels, annotations and taints on an existing Node.
    pub(crate) async fn adopt(&self, existing: Node) -> Result<Node, CallError> {
        let Some(patch) = spec::adoption(&self.config, &existing) else { return Ok(existing) };
        self.metrics.kube_write(KubeWrite::Node);
        let params = PatchParams::default();
        let patch = Patch::Strategic(patch);
        match call("adopting the Node", self.nodes.patch(&self.config.name, &params, &patch)).await
        {
            // A node's own identity may not change its taints (NodeRestriction): what is there has to do.
            Err(error) if error.code() == Some(403) => {
                tracing::warn!(
                    error = chain(&error),
                    "the existing Node's labels and taints could not be changed"
                );
                Ok(existing)
            }
            outcome => outcome,
        }
    }
}
