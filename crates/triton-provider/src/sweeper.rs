//! Removes firewall rules that nobody needs, soon after the last instance that needed them is gone, and makes those
//! again that somebody else has removed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::firewall::{Firewall, rule_tags};
use crate::limits::Limits;
use crate::observer::{Observer, Snapshot, chain};
use crate::seen::Seen;
use crate::tasks;

/// After a sweep that failed, when to try again.
const FAILED_WAIT: Duration = Duration::from_secs(60);

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
        tasks::keep("firewall sweeper", shutdown, async move {
            asked.run(&firewall, &observer, &limits).await;
        });
        sweeper
    }

    /// Asks for a sweep soon; asking twice before it begins is asking once.
    pub(crate) fn ask(&self) {
        self.0.notify_one();
    }

    async fn run(&self, firewall: &Firewall, observer: &Observer, limits: &Limits) {
        let mut wished_at = Instant::now();
        loop {
            // Only a list that is newer than the wish to sweep can say that nobody carries a tag any more.
            let Some(snapshot) = observer.in_due_time(wished_at).await else { return };
            let again = match firewall.sweep(seen(&snapshot), limits.firewall_leftover).await {
                Ok(again) => again.unwrap_or(limits.firewall_sweep).min(limits.firewall_sweep),
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "sweeping firewall rules failed; trying again later");
                    FAILED_WAIT
                }
            };
            wished_at = tokio::select! {
                biased;
                () = self.0.notified() => Instant::now(),
                lost_after = lost(observer, &snapshot) => match lost_after {
                    Some(lost_after) => lost_after,
                    None => return,
                },
                () = tokio::time::sleep(again) => Instant::now(),
            };
        }
    }
}

/// Waits for a list in which nobody carries a tag any more that somebody carried before, and returns when the list
/// before it was asked for. `None`: there will be no more lists.
async fn lost(observer: &Observer, snapshot: &Snapshot) -> Option<Instant> {
    let (mut carried, mut after) = (tags(snapshot), snapshot.taken_at);
    loop {
        let snapshot = observer.next_after(after).await?;
        let now = tags(&snapshot);
        if !carried.is_subset(&now) {
            return Some(after);
        }
        (carried, after) = (now, snapshot.taken_at);
    }
}

fn tags(snapshot: &Snapshot) -> BTreeSet<(String, String)> {
    rule_tags(seen(snapshot))
}

fn seen(snapshot: &Snapshot) -> impl Iterator<Item = &Seen> {
    snapshot.iter().map(AsRef::as_ref)
}
