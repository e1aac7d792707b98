//! The journal of changes: what became different in the datacenter, when and by whom.
//!
//! Nobody has to remember to write it: the maps of resources notice who was touched, and [`World::settle`] compares.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::tracked::{Difference, Tracked, Watched, print_of};
use super::{Brand, Caller, FirewallRule, Instance, InstanceState, Volume, World};

/// What kind of resource changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ResourceKind {
    /// An instance; its parts are named as the changefeed names them.
    Instance,
    /// A firewall rule.
    FirewallRule,
    /// A volume.
    Volume,
}

/// Who made a change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ChangedBy {
    /// The datacenter itself: time passed.
    #[default]
    Datacenter,
    /// A signed request, or a job that one submitted.
    Request {
        /// `keyId` of the signature.
        key_id: String,
        /// Where it came from.
        ip: String,
    },
    /// The control API, behind the account's back.
    Operator,
}

/// One change of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangeRecord {
    /// Counts up by one, from 1.
    pub seq: u64,
    /// When, by the simulator's clock.
    pub at: Timestamp,
    /// What kind of resource.
    pub kind: ResourceKind,
    /// Its UUID.
    pub id: Uuid,
    /// UUID of the account that owns it; `None` for what is everybody's.
    pub owner: Option<Uuid>,
    /// Which parts of it, by VMAPI's names: `state`, `tags`, `nics`, …
    pub sub_resources: Vec<&'static str>,
    /// The state it is in since, by VMAPI's name: `shutting_down`, `destroyed`, …
    pub state: &'static str,
    /// Who did it.
    pub by: ChangedBy,
}

/// A change with the instance as it was then: what VMAPI puts into its queue for the changefeed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    pub(crate) seq: u64,
    pub(crate) owner: Uuid,
    pub(crate) id: Uuid,
    pub(crate) sub_resources: Vec<&'static str>,
    pub(crate) state: &'static str,
    pub(crate) object: Value,
}

/// The last changes.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    records: VecDeque<ChangeRecord>,
    last: u64,
    by: ChangedBy,
    /// Whether anybody follows the changefeed: without it the queue stays empty.
    is_followed: bool,
    queue: VecDeque<Item>,
}

/// Older records are forgotten.
const RECORDS_MAX: usize = 50_000;
/// Older items are forgotten when nobody takes them.
const QUEUE_MAX: usize = 50_000;

// === impl ChangedBy ===

impl From<&Caller> for ChangedBy {
    fn from(caller: &Caller) -> Self {
        Self::Request { key_id: caller.key_id.clone(), ip: caller.ip.clone() }
    }
}

// === impl Changes ===

impl Changes {
    /// Those after `since`, oldest first.
    pub(crate) fn since(&self, since: u64) -> impl Iterator<Item = &ChangeRecord> {
        let first = self.records.partition_point(|record| record.seq <= since);
        self.records.range(first..)
    }

    /// The number of the last one; 0 when there is none.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Changes until the next [`World::settle`] are this one's.
    pub(crate) fn begin_by(&mut self, by: ChangedBy) {
        self.by = by;
    }

    /// Begins or ends the queue for the changefeed.
    pub(crate) fn follow(&mut self, is_followed: bool) {
        self.is_followed = is_followed;
        if !is_followed {
            self.queue.clear();
        }
    }

    /// What has queued up since the last time.
    pub(crate) fn take_queue(&mut self) -> VecDeque<Item> {
        std::mem::take(&mut self.queue)
    }

    fn add(&mut self, kind: ResourceKind, difference: Difference, at: Timestamp) -> &ChangeRecord {
        self.last += 1;
        if self.records.len() == RECORDS_MAX {
            self.records.pop_front();
        }
        let Difference { id, owner, mut parts, state, at: own } = difference;
        if kind == ResourceKind::Instance {
            complete(&mut parts);
        }
        self.records.push_back(ChangeRecord {
            seq: self.last,
            at: own.unwrap_or(at),
            kind,
            id,
            owner,
            sub_resources: parts,
            state,
            by: self.by.clone(),
        });
        &self.records[self.records.len() - 1]
    }
}

/// Whatever changes an instance changes when it was last modified; and its zone's state goes with its own.
fn complete(parts: &mut Vec<&'static str>) {
    if parts.is_empty() {
        parts.push("state");
    }
    if parts.contains(&"state") && !parts.contains(&"zone_state") {
        parts.push("zone_state");
    }
    parts.push("last_modified");
}

// === impl World ===

impl World {
    /// Writes down what became different since the last time.
    pub(crate) fn settle(&mut self, at: Timestamp) {
        self.settle_index();
        self.settle_doors();
        self.settle_cns(at);
        for difference in self.instances.differences() {
            self.settle_instance(difference, at);
        }
        settle_others(&mut self.rules, &mut self.journal, at);
        settle_others(&mut self.volumes, &mut self.journal, at);
        self.journal.by = ChangedBy::Datacenter;
    }

    /// After loading: what is there is no news.
    pub(crate) fn take_for_known(&mut self) {
        self.rebuild_index();
        self.rebuild_rule_index();
        self.publish_all();
        self.instances.take_for_known();
        self.rules.take_for_known();
        self.volumes.take_for_known();
    }

    fn settle_instance(&mut self, difference: Difference, at: Timestamp) {
        let record = self.journal.add(ResourceKind::Instance, difference, at);
        let (seq, id, state) = (record.seq, record.id, record.state);
        let sub_resources = record.sub_resources.clone();
        let Some(instance) = self.instances.get(&id).filter(|_| self.journal.is_followed) else {
            return;
        };
        let mut object = instance.to_json(false, true);
        object["package"] = "".into();
        object["state"] = translated(state).into();
        if self.journal.queue.len() == QUEUE_MAX {
            self.journal.queue.pop_front();
        }
        let owner = instance.owner;
        self.journal.queue.push_back(Item { seq, owner, id, sub_resources, state, object });
    }
}

fn settle_others<V: Watched>(resources: &mut Tracked<V>, journal: &mut Changes, at: Timestamp) {
    for difference in resources.differences() {
        journal.add(V::KIND, difference, at);
    }
}

/// CloudAPI's word for VMAPI's.
fn translated(state: &str) -> &str {
    match state {
        "shutting_down" | "stopping" => "stopping",
        "destroyed" => "deleted",
        other => other,
    }
}

/// VMAPI's word for CloudAPI's: zones shut down, hardware virtual machines stop.
fn raw(state: InstanceState, brand: Brand) -> &'static str {
    match state {
        InstanceState::Stopping if brand.is_hvm() => "stopping",
        InstanceState::Stopping => "shutting_down",
        InstanceState::Deleted => "destroyed",
        other => other.as_str(),
    }
}

// === impl Watched ===

impl Watched for Instance {
    const KIND: ResourceKind = ResourceKind::Instance;

    fn owner(&self) -> Option<Uuid> {
        Some(self.owner)
    }

    fn parts(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("alias", print_of(&self.name)),
            ("billing_id", print_of(&self.package_name)),
            ("customer_metadata", print_of(&self.metadata)),
            ("destroyed", u64::from(self.state == InstanceState::Deleted)),
            ("firewall_enabled", self.firewall_enabled.into()),
            ("indestructible_zoneroot", self.deletion_protection.into()),
            ("internal_metadata", print_of(&self.credentials)),
            ("nics", print_of(&self.nics)),
            ("owner_uuid", print_of(&self.owner)),
            ("quota", self.disk_mib),
            ("ram", self.memory_mib),
            ("server_uuid", print_of(&self.compute_node)),
            ("state", print_of(&self.state)),
            ("tags", print_of(&self.tags)),
            ("zone_state", print_of(&self.state)),
        ]
    }

    fn state(&self) -> &'static str {
        raw(self.state, self.brand)
    }

    fn states(&self) -> Vec<(Timestamp, &'static str)> {
        let raw = |transition: &super::Transition| (transition.at, raw(transition.to, self.brand));
        self.transitions.iter().map(raw).collect()
    }
}

impl Watched for FirewallRule {
    const KIND: ResourceKind = ResourceKind::FirewallRule;

    fn owner(&self) -> Option<Uuid> {
        self.owner
    }

    fn parts(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("rule", print_of(&self.rule)),
            ("enabled", self.enabled.into()),
            ("log", self.log.into()),
            ("description", print_of(&self.description)),
        ]
    }
}

impl Watched for Volume {
    const KIND: ResourceKind = ResourceKind::Volume;

    fn owner(&self) -> Option<Uuid> {
        Some(self.owner)
    }

    fn parts(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("name", print_of(&self.name)),
            ("size", self.size_mib),
            ("state", print_of(&self.state)),
            ("networks", print_of(&self.networks)),
            ("tags", print_of(&self.tags)),
            ("refs", print_of(&self.refs)),
        ]
    }

    fn state(&self) -> &'static str {
        self.state.as_str()
    }
}

#[cfg(test)]
mod tests;
