//! What happened at the doors of both APIs: all that the oracle may know.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use triton_sim::{InstanceRecord, ResourceKind, Sim};
use uuid::Uuid;

use crate::apiserver::Change;
use crate::ticket::Tickets;

/// Which API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Kubernetes.
    Kube,
    /// CloudAPI.
    Cloud,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Its place among those of the same moment.
    pub ticket: u64,
    /// What.
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum What {
    /// An object of the cluster changed.
    Object(Change),
    /// A request came to an API, or would have.
    Call(Call),
    /// An instance is another than it was.
    Instance(InstanceRecord),
    /// CloudAPI showed an instance with these addresses, which are over already: of two changes in one moment the
    /// datacenter tells the second.
    Shown(Uuid, Vec<String>),
    /// A process began (true) or ended (false).
    Life(u32, bool),
    /// Something is done to the system: the name of a fault, or of what somebody did.
    Deed(String),
    /// From now on nothing is done to it.
    Calm,
}

/// A request of the node.
#[derive(Clone, Debug)]
pub struct Call {
    /// Which process sent it.
    pub life: u32,
    /// To which API.
    pub side: Side,
    /// HTTP method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Status of the answer as the server gave it; `None` when the connection broke first.
    pub status: Option<u16>,
    /// When the process sent it.
    pub sent: Timestamp,
    /// Of a create: for which pod, by the request's tags.
    pub pod: Option<String>,
    /// Of a delete of an instance: the instance as it was when the request came.
    pub instance: Option<InstanceRecord>,
    /// Of a delete of a firewall rule: its description when the request came; `None` when there was none.
    pub rule: Option<String>,
}

/// Collects entries; clones share them.
#[derive(Clone, Default)]
pub struct History {
    inner: Arc<Mutex<Inner>>,
    tickets: Tickets,
}

#[derive(Default)]
struct Inner {
    entries: Vec<Entry>,
    /// The last change of the datacenter that is in it.
    seen: u64,
}

// === impl Call ===

impl Call {
    /// Whether it asked for a change.
    #[must_use]
    pub fn is_change(&self) -> bool {
        self.method != "GET" && self.method != "HEAD"
    }

    /// Whether it asked CloudAPI for a new instance.
    #[must_use]
    pub fn is_create(&self) -> bool {
        self.side == Side::Cloud
            && self.method == "POST"
            && path(&self.target).ends_with("/machines")
    }

    /// The instance that it asked CloudAPI to delete.
    #[must_use]
    pub fn deletes(&self) -> Option<Uuid> {
        let id = path(&self.target).split("/machines/").nth(1)?;
        if self.side == Side::Cloud && self.method == "DELETE" { id.parse().ok() } else { None }
    }

    /// The firewall rule that it asked CloudAPI to delete.
    #[must_use]
    pub fn deletes_rule(&self) -> Option<Uuid> {
        let id = path(&self.target).split("/fwrules/").nth(1)?;
        if self.side == Side::Cloud && self.method == "DELETE" { id.parse().ok() } else { None }
    }
}

fn path(target: &str) -> &str {
    target.split('?').next().unwrap_or(target)
}

// === impl History ===

impl History {
    /// Where numbers come from.
    #[must_use]
    pub fn tickets(&self) -> Tickets {
        self.tickets.clone()
    }

    /// Adds an entry.
    pub fn add(&self, at: Timestamp, what: What) {
        let ticket = self.tickets.draw();
        self.inner().entries.push(Entry { at, ticket, what });
    }

    /// Takes in what happened in the datacenter since the last time.
    pub fn follow(&self, sim: &Sim) {
        let seen = self.inner().seen;
        let mut changes = sim.changes(seen);
        let Some(last) = changes.last().map(|change| change.seq) else { return };
        // Of what happens in one moment the datacenter says in any order what it noticed first.
        changes.sort_by_key(|change| (change.at, change.id));
        for change in changes {
            if change.kind != ResourceKind::Instance {
                continue;
            }
            if let Some(record) = sim.instance(change.id) {
                self.add(change.at, What::Instance(record));
            }
        }
        self.inner().seen = last;
    }

    /// Whether CloudAPI has accepted that this instance goes: a delete, or that nothing protects it from one any more.
    pub(crate) fn was_told_to_go(&self, id: Uuid) -> bool {
        let lifts = format!("/machines/{id}?action=disable_deletion_protection");
        let accepts = |entry: &Entry| {
            matches!(&entry.what, What::Call(call)
                if (call.deletes() == Some(id) && call.status == Some(204))
                    || (call.target.ends_with(&lifts) && call.status == Some(202)))
        };
        self.inner().entries.iter().any(accepts)
    }

    /// Everything in order, with the changes of the cluster.
    #[must_use]
    pub fn with(&self, objects: Vec<Change>) -> Vec<Entry> {
        let objects = objects.into_iter().map(|change| Entry {
            at: change.at,
            ticket: change.ticket,
            what: What::Object(change),
        });
        let mut all: Vec<Entry> = self.inner().entries.iter().cloned().chain(objects).collect();
        all.sort_by_key(|entry| (entry.at, entry.ticket));
        all
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
