//! What runs without a pod: found by comparing lists, looked at once more, then stopped.
//!
//! Many at once are held back until an operator says that they may go: by an annotation on the Node, which is good for
//! once, or at the start of the process.

mod brake;
pub mod judge;
pub mod release;

use std::collections::HashSet;
use std::sync::{Arc, RwLock};

use k8s_openapi::api::core::v1::Pod;
use kube_client::Client;
use kube_client::api::{Api, ListParams};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use judge::OrphanLimits;
use judge::Seen;

use crate::api::{CallError, call, chain};
use crate::config::NodeConfig;
use crate::events::Recorder;
use crate::live;
use crate::metrics::Metrics;
use crate::node::extra::ExtraConditions;
use crate::pods::store::Store;
use crate::provider::{Held, Provider, ProviderError};

/// Pods per page of a list.
const PAGE: u32 = 500;

/// How long the provider may take to list what it holds.
const LIST_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(120);

/// Looks for orphans, round after round.
pub(crate) struct Search<P> {
    pub(crate) client: Client,
    pub(crate) config: Arc<NodeConfig>,
    pub(crate) provider: Arc<P>,
    pub(crate) store: Arc<RwLock<Store>>,
    /// Where those go that are to be stopped.
    pub(crate) found: mpsc::Sender<Held>,
    pub(crate) events: Recorder,
    pub(crate) metrics: Arc<Metrics>,
    /// Where the Node says what is held back.
    pub(crate) conditions: ExtraConditions,
}

/// What is remembered from round to round.
#[derive(Default)]
struct Rounds {
    seen: Seen,
    /// How many may still go because the process was started with a release.
    released: usize,
}

/// Why a round said nothing.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error("listing what the provider holds")]
    Provider(#[source] ProviderError),
    #[error("the provider's list took longer than {} s", LIST_TIMEOUT.as_secs())]
    Slow,
    #[error("listing the node's pods")]
    Pods(#[source] CallError),
}

// === impl Search ===

impl<P: Provider> Search<P> {
    pub(crate) async fn run(self, shutdown: CancellationToken) {
        let limits = self.config.orphans;
        let mut rounds = Rounds { seen: Seen::default(), released: limits.released_at_start };
        let mut round: u32 = 0;
        loop {
            let rest = tokio::time::sleep(limits.interval(round));
            if shutdown.run_until_cancelled(rest).await.is_none() {
                return;
            }
            match shutdown.run_until_cancelled(self.round(&mut rounds)).await {
                None => return,
                Some(Ok(())) => round = round.saturating_add(1),
                Some(Err(error)) => {
                    tracing::warn!(error = chain(&error), "could not look for orphans")
                }
            }
        }
    }

    async fn round(&self, rounds: &mut Rounds) -> Result<(), RoundError> {
        // The provider first: what it starts after this is not in the list, and its pod is in the next one.
        let held = tokio::time::timeout(LIST_TIMEOUT, self.provider.list())
            .await
            .map_err(|_| RoundError::Slow)?;
        let held = held.map_err(RoundError::Provider)?;
        let live = self.live().await.map_err(RoundError::Pods)?;
        let in_hand = self.store.read().map(|store| store.uids()).unwrap_or_default();

        let limits = &self.config.orphans;
        let verdict = rounds.seen.judge(&held, &live, &in_hand, limits, crate::clock::now());
        self.metrics.orphans_found(verdict.found);
        let released = self.release(&verdict, &mut rounds.released).await;
        self.tell_held_back(&verdict, &released);
        for orphan in verdict.stop.into_iter().chain(released) {
            match live::exists(&self.client, &orphan.key).await {
                Ok(false) => {
                    tracing::warn!(pod = %orphan.key, held = orphan.describe, "stopping what was left behind");
                    self.metrics.orphan_stopped();
                    // A full channel waits: there are never more than one round allows.
                    if self.found.send(orphan).await.is_err() {
                        return Ok(());
                    }
                }
                Ok(true) => {
                    tracing::info!(pod = %orphan.key, "not an orphan after all: its pod is there")
                }
                Err(error) => {
                    tracing::warn!(pod = %orphan.key, error = chain(&error), "left an orphan for later")
                }
            }
        }
        Ok(())
    }

    /// The UIDs of the node's pods, from the API server itself and not from any cache.
    async fn live(&self) -> Result<HashSet<String>, CallError> {
        let pods: Api<Pod> = Api::all(self.client.clone());
        let mut params = ListParams::default()
            .fields(&format!("spec.nodeName={}", self.config.name))
            .limit(PAGE);
        let mut live = HashSet::new();
        loop {
            let page = call("listing the node's pods", pods.list_metadata(&params)).await?;
            live.extend(page.items.into_iter().filter_map(|pod| pod.metadata.uid));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(live),
            }
        }
    }
}

#[cfg(test)]
mod tests;
