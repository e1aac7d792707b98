//! The one list that everything rests on: our instances, read whole, again and again.
//!
//! Nothing polls per instance. A list that fails or comes back odd changes nothing but the node's health.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use triton_cloudapi::client::{Client, Error};
use triton_cloudapi::instances::{Instance, ListInstances};
use triton_podspec::ownership::{self, Owner};
use virtual_node::Pokes;

use crate::decide::Sighting;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::settings::Settings;

/// The longest wait for the next list after one that failed.
const FAILED_WAIT: Duration = Duration::from_secs(5);

/// All our instances at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When the list was asked for.
    pub taken_at: Instant,
    /// Instances by the UID of their pod.
    pub by_uid: HashMap<String, Vec<Arc<Instance>>>,
}

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

// === impl Snapshot ===

impl Snapshot {
    /// Sorts a complete list by pod. An instance whose tags do not name this cluster, this node and a pod is not ours
    /// and is left out, whatever the server's filter let through.
    #[must_use]
    pub fn new(taken_at: Instant, instances: Vec<Instance>, cluster: &str, node: &str) -> Self {
        let mut by_uid: HashMap<String, Vec<Arc<Instance>>> = HashMap::new();
        for instance in instances {
            let owner = ownership::owner_of(&instance.tags);
            if let Some(owner) =
                owner.filter(|owner| owner.cluster == cluster && owner.node == node)
            {
                by_uid.entry(owner.uid).or_default().push(Arc::new(instance));
            }
        }
        Self { taken_at, by_uid }
    }

    /// How many instances it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_uid.values().map(Vec::len).sum()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_uid.is_empty()
    }

    /// What it says of one pod.
    #[must_use]
    pub fn sighting(&self, uid: &str) -> Sighting {
        Sighting {
            taken_at: self.taken_at,
            instances: self.by_uid.get(uid).cloned().unwrap_or_default(),
            told: Vec::new(),
        }
    }

    /// Pods for which something differs from `earlier`.
    #[must_use]
    pub fn changed_since(&self, earlier: &Self) -> BTreeSet<String> {
        let uids = self.by_uid.keys().chain(earlier.by_uid.keys());
        uids.filter(|uid| !same(self.by_uid.get(*uid), earlier.by_uid.get(*uid))).cloned().collect()
    }
}

/// Whether two sightings of one pod say the same as far as a pod is concerned. `updated` does not count: the server
/// may answer "now".
fn same(one: Option<&Vec<Arc<Instance>>>, other: Option<&Vec<Arc<Instance>>>) -> bool {
    let facts = |instances: Option<&Vec<Arc<Instance>>>| {
        let mut facts: Vec<_> = instances
            .into_iter()
            .flatten()
            .map(|instance| {
                (
                    instance.id,
                    instance.state.clone(),
                    instance.primary_ip.clone(),
                    instance.ips.clone(),
                    instance.deletion_protection,
                )
            })
            .collect();
        facts.sort_by_key(|fact| fact.0);
        facts
    };
    facts(one) == facts(other)
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
        let expected = Arc::clone(&expecting);
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
        let mut snapshots = self.snapshot.clone();
        let newer = |snapshot: &Option<Arc<Snapshot>>| {
            snapshot.as_ref().is_some_and(|found| found.taken_at > moment)
        };
        self.expecting.more.notify_one();
        let found = snapshots.wait_for(newer).await.ok()?;
        found.clone()
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

    /// Lists once; whether it went well.
    async fn list(&self, asked_at: Instant) -> bool {
        match self.client.list_all_instances(&self.filter).await {
            Ok(instances) => {
                let snapshot =
                    Arc::new(Snapshot::new(asked_at, instances, &self.cluster, &self.node));
                self.metrics.instances.set(i64::try_from(snapshot.len()).unwrap_or(i64::MAX));
                let earlier = self.snapshot.send_replace(Some(Arc::clone(&snapshot)));
                self.health.send_replace(Health::Fine { at: Some(Instant::now()) });
                let nothing = Snapshot { taken_at: asked_at, by_uid: HashMap::new() };
                for uid in snapshot.changed_since(earlier.as_deref().unwrap_or(&nothing)) {
                    self.pokes.poke(&uid);
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

/// Whether this instance is this pod's, by the tags it was last seen with.
#[must_use]
pub fn belongs(instance: &Instance, owner: &Owner) -> bool {
    ownership::owner_of(&instance.tags).is_some_and(|found| {
        found.cluster == owner.cluster && found.node == owner.node && found.uid == owner.uid
    })
}

/// How long after a list that went well the back end still counts as reachable.
#[must_use]
pub fn is_stale(health: &Health, now: Instant, stale: Duration) -> bool {
    match health {
        Health::Fine { at: Some(at) } => now.duration_since(*at) > stale,
        _ => true,
    }
}
