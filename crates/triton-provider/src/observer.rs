//! The one list that everything rests on: our instances, read whole, again and again.
//!
//! ```text
//! rhythm.rs    decides    when to list next; no clock and no I/O
//! snapshot.rs  holds      what a complete list showed
//! wants.rs     collects   what passes expect
//! vanished.rs  holds back what the changefeed is about to tell
//! listing.rs   acts       one list, page by page
//! poller.rs    acts       the task that lists, and listens to the changefeed
//! ```
//!
//! Nothing polls per instance. A list that fails or comes back odd changes nothing but the node's health. What the
//! changefeed tells ([`crate::feed`]) is a hint: it makes lists rarer while it has proven itself, and sooner when
//! something happens.

mod listing;
mod poller;
pub mod rhythm;
mod snapshot;
mod vanished;
mod wants;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use triton_cloudapi::client::{Client, Error};
use triton_cloudapi::instances::Instance;
use triton_podspec::ownership::Owner;
use virtual_node::Pokes;

use crate::adopt::gate::FirstProvider;
use crate::decide::Sighting;
use crate::feed::ToldBook;
use crate::metrics::Metrics;
use crate::seen::Seen;
use crate::settings::Settings;
use crate::tasks;
use poller::Poller;
use wants::Wants;

pub use rhythm::Reason;
pub use snapshot::Snapshot;

/// How the last list went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// None yet.
    #[default]
    NotSeen,
    /// Well.
    Fine {
        /// How long that may be relied on: the next list must be there by then.
        until: Instant,
    },
    /// Badly.
    Failed {
        /// What the user should read.
        message: String,
    },
}

/// Wakes those who wait for a list when there will be none any more.
struct Ended(Arc<Wants>);

/// Handle on the shared view; cheap to clone.
#[derive(Clone, Debug)]
pub struct Observer {
    snapshot: watch::Receiver<Option<Arc<Snapshot>>>,
    health: watch::Receiver<Health>,
    told: Arc<Mutex<ToldBook>>,
    wants: Arc<Wants>,
}

// === impl Ended ===

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.listed.notify_waiters();
    }
}

// === impl Observer ===

impl Observer {
    /// Starts listing the instances of this cluster and node until `shutdown`.
    ///
    /// What the first list shows of the first provider's instances goes to `left`.
    #[must_use]
    pub(crate) fn start(
        client: Client,
        settings: &Settings,
        left: FirstProvider,
        metrics: Metrics,
        pokes: Pokes,
        shutdown: CancellationToken,
    ) -> Self {
        let Settings { cluster, node, limits, .. } = settings.clone();
        let (snapshot, snapshots) = watch::channel(None);
        let (health, healths) = watch::channel(Health::default());
        let observer = Self {
            snapshot: snapshots,
            health: healths,
            told: Arc::default(),
            wants: Arc::default(),
        };
        let poller = Poller {
            client,
            cluster,
            node,
            left,
            metrics,
            pokes,
            limits,
            wants: Arc::clone(&observer.wants),
            told: Arc::clone(&observer.told),
            snapshot,
            health,
        };
        let ended = Ended(Arc::clone(&observer.wants));
        tasks::keep("observer", shutdown, async move {
            let _ended = ended;
            poller.run().await;
        });
        observer
    }

    /// The last complete list; `None` until the first one.
    #[must_use]
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.snapshot.borrow().clone()
    }

    /// How the last list went.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health.borrow().clone()
    }

    /// What is known of one pod's instances: the last complete list, and what the changefeed has told since. `None`
    /// until the first list.
    #[must_use]
    pub fn sighting(&self, uid: &str) -> Option<Sighting> {
        let mut sighting = self.snapshot()?.sighting(uid);
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        sighting.told = told.of(uid, sighting.taken_at);
        Some(sighting)
    }

    /// Has a list made soon, and waits for it.
    pub async fn newer_than(&self, moment: Instant) -> Option<Arc<Snapshot>> {
        self.wants.demand(moment);
        self.next_after(moment).await
    }

    /// Has a list made within [`crate::Limits::list_idle`], and waits for it.
    pub async fn in_due_time(&self, moment: Instant) -> Option<Arc<Snapshot>> {
        // The first list comes anyway.
        if self.snapshot().is_some_and(|snapshot| snapshot.taken_at <= moment) {
            self.wants.await_one(moment);
        }
        self.next_after(moment).await
    }

    /// Waits for the next list that was asked for after `moment`, whenever that is made.
    pub async fn next_after(&self, moment: Instant) -> Option<Arc<Snapshot>> {
        loop {
            let listed = self.wants.listed.notified();
            if let Some(found) = self.snapshot().filter(|found| found.taken_at > moment) {
                return Some(found);
            }
            // Closed: there will be no other.
            self.snapshot.has_changed().ok()?;
            listed.await;
        }
    }

    /// Says whether something about this pod is about to change.
    pub fn expect(&self, uid: &str, expecting: bool) {
        self.wants.expect(uid, expecting, Instant::now());
    }
}

/// What a user should read when the list fails.
fn describe(client: &Client, error: &Error) -> String {
    if matches!(error, Error::Sign(_)) {
        format!("requests to CloudAPI {} cannot be signed: {}", client.url(), chain(error))
    } else if error.is_auth() {
        format!(
            "CloudAPI {} refused key {} of account {}: {}",
            client.url(),
            client.key_id(),
            client.account(),
            chain(error)
        )
    } else {
        format!("CloudAPI {} cannot be reached: {}", client.url(), chain(error))
    }
}

/// An error with its causes, in one line. A cause that its effect has told already (some libraries do) is not repeated.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let told = cause.to_string();
        if !text.contains(&told) {
            text.push_str(": ");
            text.push_str(&told);
        }
        source = cause.source();
    }
    text
}

/// What is kept of this instance if it is this pod's, by its tags.
#[must_use]
pub fn seen_as(instance: &Instance, owner: &Owner) -> Option<Seen> {
    Seen::of(instance).filter(|seen| seen.belongs_to(owner))
}

/// Whether CloudAPI does not count as reachable: the last list failed, or the next one is overdue.
#[must_use]
pub fn is_stale(health: &Health, now: Instant) -> bool {
    !matches!(health, Health::Fine { until } if now <= *until)
}
