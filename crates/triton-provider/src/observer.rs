//! The one list that everything rests on: our instances, read whole, again and again.
//!
//! Nothing polls per instance. A list that fails or comes back odd changes nothing but the node's health.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use triton_cloudapi::client::{Client, Error};
use triton_cloudapi::instances::{Instance, ListInstances};
use triton_podspec::ownership::{self, Owner};
use virtual_node::Pokes;

use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::seen::{NodeMark, Seen, Shared};
use crate::settings::Settings;

mod snapshot;

pub use snapshot::Snapshot;

/// The longest wait for the next list after one that failed.
const FAILED_WAIT: Duration = Duration::from_secs(5);

/// How the last list went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// None yet.
    #[default]
    NotSeen,
    /// Well.
    Fine {
        /// When.
        at: Option<Instant>,
    },
    /// Badly.
    Failed {
        /// What the user should read.
        message: String,
    },
}

/// Handle on the shared view; cheap to clone.
#[derive(Clone, Debug)]
pub struct Observer {
    snapshot: watch::Receiver<Option<Arc<Snapshot>>>,
    health: watch::Receiver<Health>,
    expecting: Arc<Expecting>,
}

/// Pods for which something is about to change: while there are any, lists are frequent.
#[derive(Debug, Default)]
struct Expecting {
    uids: Mutex<HashSet<String>>,
    more: Notify,
    /// Told of each list. Unlike a `watch` it wakes who waits in the order in which they came, so that runs repeat.
    listed: Notify,
}

/// The task that lists.
struct Poller {
    client: Client,
    cluster: String,
    node: String,
    filter: ListInstances,
    metrics: Metrics,
    pokes: Pokes,
    limits: Limits,
    expecting: Arc<Expecting>,
    snapshot: watch::Sender<Option<Arc<Snapshot>>>,
    health: watch::Sender<Health>,
}

// === impl Observer ===

impl Observer {
    /// Starts listing the instances of this cluster and node until `shutdown`.
    #[must_use]
    pub fn start(
        client: Client,
        settings: &Settings,
        metrics: Metrics,
        pokes: Pokes,
        shutdown: CancellationToken,
    ) -> Self {
        let Settings { cluster, node, limits, .. } = settings.clone();
        let (snapshot, snapshots) = watch::channel(None);
        let (health, healths) = watch::channel(Health::default());
        let expecting = Arc::new(Expecting::default());
        let filter =
            ListInstances { tags: ownership::filter(&cluster, &node), ..ListInstances::default() };
        let (expected, told) = (Arc::clone(&expecting), Arc::clone(&expecting));
        let poller = Poller {
            client,
            cluster,
            node,
            filter,
            metrics,
            pokes,
            limits,
            expecting: expected,
            snapshot,
            health,
        };
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = poller.run() => {}
                () = shutdown.cancelled() => {}
            }
            told.listed.notify_waiters();
        });
        Self { snapshot: snapshots, health: healths, expecting }
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

    /// Waits for a list that was asked for after `moment`.
    pub async fn newer_than(&self, moment: Instant) -> Option<Arc<Snapshot>> {
        self.expecting.more.notify_one();
        loop {
            let listed = self.expecting.listed.notified();
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
        let mut uids = self.expecting.uids.lock().unwrap_or_else(PoisonError::into_inner);
        if !expecting {
            uids.remove(uid);
        } else if uids.insert(uid.to_owned()) {
            self.expecting.more.notify_one();
        }
    }
}

// === impl Expecting ===

impl Expecting {
    fn any(&self) -> bool {
        !self.uids.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

// === impl Poller ===

impl Poller {
    async fn run(self) {
        loop {
            let asked_at = Instant::now();
            let listed = self.list(asked_at).await;
            self.pause(asked_at, listed).await;
        }
    }

    /// All our instances. One whose tags do not name this cluster, this node and a pod is not ours and is left out,
    /// whatever the server's filter let through.
    async fn listing(&self) -> Result<Vec<Seen>, Error> {
        let mut shared = Shared::default();
        let keep = |instance: Instance| {
            let seen = shared.seen(&instance)?;
            let NodeMark { cluster, node } = &*seen.mark.node;
            (**cluster == *self.cluster && **node == *self.node).then_some(seen)
        };
        self.client.collect_instances(&self.filter, keep).await
    }

    /// Lists once; whether it went well.
    async fn list(&self, asked_at: Instant) -> bool {
        match self.listing().await {
            Ok(instances) => {
                let earlier = self.snapshot.borrow().clone();
                let snapshot = Snapshot::new(asked_at, instances, earlier.as_deref());
                let snapshot = Arc::new(snapshot);
                self.metrics.instances.set(i64::try_from(snapshot.len()).unwrap_or(i64::MAX));
                self.snapshot.send_replace(Some(Arc::clone(&snapshot)));
                self.expecting.listed.notify_waiters();
                self.health.send_replace(Health::Fine { at: Some(Instant::now()) });
                for uid in snapshot.changed_since(earlier.as_deref()) {
                    self.pokes.poke(uid);
                }
                // Pods that wait for the list itself, or for something to be missing from it.
                let expecting = self.expecting.uids.lock().unwrap_or_else(PoisonError::into_inner);
                for uid in expecting.iter() {
                    self.pokes.poke(uid);
                }
                true
            }
            Err(error) => {
                tracing::warn!(error = %chain(&error), "listing instances failed; what is known stays as it is");
                self.health
                    .send_replace(Health::Failed { message: describe(&self.client, &error) });
                false
            }
        }
    }

    /// Waits for the next list: soon while something is expected, else longer; a new expectation cuts the wait short.
    async fn pause(&self, asked_at: Instant, listed: bool) {
        if !listed {
            // Health must not wait for a long idle interval.
            let again = asked_at + self.limits.list_idle.min(FAILED_WAIT);
            tokio::time::sleep_until(again.max(Instant::now() + self.limits.list_busy)).await;
            return;
        }
        let soon = asked_at + self.limits.list_busy;
        tokio::time::sleep_until(soon).await;
        let late = asked_at + self.limits.list_idle;
        if !self.expecting.any() {
            tokio::select! {
                biased;
                () = self.expecting.more.notified() => {}
                () = tokio::time::sleep_until(late) => {}
            }
        }
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

/// How long after a list that went well the back end still counts as reachable.
#[must_use]
pub fn is_stale(health: &Health, now: Instant, stale: Duration) -> bool {
    match health {
        Health::Fine { at: Some(at) } => now.duration_since(*at) > stale,
        _ => true,
    }
}
