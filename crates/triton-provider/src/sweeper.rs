//! Removes firewall rules that nobody needs: soon after the last instance that needed them is gone, and every now
//! and then for what a crash left behind.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::firewall::Firewall;
use crate::limits::Limits;
use crate::observer::{Observer, chain};

/// Asks for a sweep; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sweeper(Arc<Notify>);

// === impl Sweeper ===

impl Sweeper {
    /// Starts the sweeper until `shutdown`.
    pub(crate) fn start(
        firewall: Arc<Firewall>,
        observer: Observer,
        limits: Limits,
        shutdown: CancellationToken,
    ) -> Self {
        let sweeper = Self::default();
        let asked = sweeper.clone();
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = asked.run(&firewall, &observer, &limits) => {}
                () = shutdown.cancelled() => {}
            }
        });
        sweeper
    }

    /// Asks for a sweep soon; asking twice before it begins is asking once.
    pub(crate) fn ask(&self) {
        self.0.notify_one();
    }

    async fn run(&self, firewall: &Firewall, observer: &Observer, limits: &Limits) {
        loop {
            // Only a list that is newer than the wish to sweep can say that nobody carries a tag any more.
            let Some(snapshot) = observer.newer_than(Instant::now()).await else { return };
            let instances = snapshot.iter().map(AsRef::as_ref);
            if let Err(error) = firewall.sweep(instances, limits.firewall_leftover).await {
                tracing::warn!(error = %chain(&error), "sweeping firewall rules failed; trying again later");
            }
            tokio::select! {
                biased;
                () = self.0.notified() => {}
                () = tokio::time::sleep(limits.firewall_sweep) => {}
            }
        }
    }
}
