//! One instance: its record, and how CloudAPI shows it.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::migration::Migration;
use super::snapshot::{Snapshot, SnapshotJob};
use super::{Brand, Disk, JobKind, Mount, ShownState, Subnet, iso};

/// Where an instance is in its life, as CloudAPI names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InstanceState {
    /// Being made.
    Provisioning,
    /// Booting, in the middle of a reboot.
    Ready,
    /// Up.
    Running,
    /// On its way down.
    Stopping,
    /// Down.
    Stopped,
    /// Destroyed; CloudAPI answers 410 for it.
    Deleted,
    /// Could not be made, or was deleted before it was.
    Failed,
}

/// A change of an instance's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// When, by the simulator's clock.
    pub at: Timestamp,
    /// Into which state.
    pub to: InstanceState,
}

/// A network interface.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Nic {
    pub(crate) mac: [u8; 6],
    pub(crate) ip: Ipv4Addr,
    pub(crate) primary: bool,
    pub(crate) network: Uuid,
    pub(crate) subnet: Subnet,
}

/// Who asked for a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Caller {
    pub(crate) ip: String,
    pub(crate) key_id: String,
}

/// A job that was accepted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) kind: JobKind,
    pub(crate) caller: Caller,
    /// Faults: what becomes of this job instead of the usual.
    #[serde(default)]
    pub(crate) fate: JobFate,
}

/// What faults decided for one job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JobFate {
    /// It is not done, and the audit says so.
    pub(crate) fails: bool,
    /// It never begins, and nothing after it.
    pub(crate) sticks: bool,
    /// It begins this much later.
    pub(crate) late: Option<Duration>,
}

/// A job that ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AuditEntry {
    pub(crate) action: Cow<'static, str>,
    pub(crate) success: bool,
    pub(crate) at: Timestamp,
    pub(crate) caller: Caller,
}

/// Where an instance will be once it is allocated.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Allocation {
    pub(crate) compute_node: Uuid,
    pub(crate) nics: Vec<Nic>,
}

/// An instance as the datacenter knows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Instance {
    pub(crate) id: Uuid,
    pub(crate) owner: Uuid,
    pub(crate) name: String,
    pub(crate) brand: Brand,
    pub(crate) image: Uuid,
    pub(crate) image_size_mib: Option<u64>,
    pub(crate) package_name: String,
    pub(crate) memory_mib: u64,
    pub(crate) disk_mib: u64,
    pub(crate) flexible_disk: bool,
    pub(crate) ports: Vec<u16>,
    pub(crate) state: InstanceState,
    /// What CloudAPI shows instead of the state while its compute node is down.
    #[serde(default)]
    pub(crate) shown_as: Option<ShownState>,
    pub(crate) compute_node: Option<Uuid>,
    pub(crate) nics: Vec<Nic>,
    /// Being added: NAPI knows them already, the instance does not.
    #[serde(default)]
    pub(crate) pending_nics: Vec<Nic>,
    #[serde(default)]
    pub(crate) disks: Vec<Disk>,
    #[serde(default)]
    pub(crate) snapshots: Vec<Snapshot>,
    #[serde(default)]
    pub(crate) snapshot_jobs: Vec<SnapshotJob>,
    #[serde(default)]
    pub(crate) migration: Option<Migration>,
    #[serde(default)]
    pub(crate) volumes: Vec<Mount>,
    #[serde(default)]
    pub(crate) delegate_dataset: bool,
    #[serde(default)]
    pub(crate) encrypted: bool,
    pub(crate) tags: Map<String, Value>,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) credentials: Map<String, Value>,
    pub(crate) firewall_enabled: bool,
    pub(crate) deletion_protection: bool,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) transitions: Vec<Transition>,
    pub(crate) audit: Vec<AuditEntry>,
    /// Accepted and not ended; the first one is at work.
    pub(crate) jobs: VecDeque<Job>,
    /// Placed, but not yet shown.
    pub(crate) allocation: Option<Allocation>,
    /// A destroy job was accepted.
    pub(crate) is_deleting: bool,
    /// Faults: what becomes of this instance instead of the usual.
    pub(crate) fate: Fate,
}

/// What a fault decided for one instance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fate {
    /// Provisioning ends in `failed`.
    pub(crate) provision_fails: bool,
    /// Provisioning never ends.
    pub(crate) provision_sticks: bool,
    /// Destroy jobs never end.
    pub(crate) delete_sticks: bool,
    /// Until then neither lists nor GetMachine know it.
    #[serde(default)]
    pub(crate) hidden_until: Option<Timestamp>,
}

/// Older entries are forgotten.
const AUDIT_MAX: usize = 1000;

// === impl InstanceState ===

impl InstanceState {
    /// CloudAPI's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "provisioning",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Deleted => "deleted",
            Self::Failed => "failed",
        }
    }

    /// Neither deleted nor failed: holds its name, and is in lists that ask for nothing special.
    #[must_use]
    pub fn is_active(self) -> bool {
        !matches!(self, Self::Deleted | Self::Failed)
    }
}

// === impl Nic ===

impl Nic {
    /// With colons, as in objects.
    pub(crate) fn mac(&self) -> String {
        self.mac.map(|byte| format!("{byte:02x}")).join(":")
    }

    /// CloudAPI's NIC object; its state follows the instance's, or is `provisioning` while it is pending.
    pub(crate) fn to_json(&self, state: InstanceState) -> Value {
        let state = match state {
            InstanceState::Provisioning => "provisioning",
            InstanceState::Running | InstanceState::Ready => "running",
            _ => "stopped",
        };
        let mut body = json!({
            "mac": self.mac(),
            "primary": self.primary,
            "ip": self.ip,
            "netmask": self.subnet.netmask(),
            "state": state,
            "network": self.network,
        });
        if let Some(gateway) = self.subnet.gateway() {
            body["gateway"] = json!(gateway);
        }
        body
    }
}

// === impl Instance ===

impl Instance {
    /// Moves to a state and writes it down; staying is not a transition.
    pub(crate) fn enter(&mut self, state: InstanceState, at: Timestamp) {
        if self.state != state {
            self.state = state;
            self.transitions.push(Transition { at, to: state });
        }
        self.updated = at;
    }

    /// Writes down a job that ended.
    pub(super) fn audited(&mut self, entry: AuditEntry) {
        if self.audit.len() == AUDIT_MAX {
            self.audit.remove(0);
        }
        self.audit.push(entry);
    }

    /// Whether anybody may know of it.
    pub(crate) fn is_visible(&self, now: Timestamp) -> bool {
        self.fate.hidden_until.is_none_or(|until| now >= until)
    }

    /// How it was at a moment of the past, as far as its states go; `None` when it was not yet.
    pub(crate) fn at(&self, moment: Timestamp) -> Option<Self> {
        let then = self.transitions.iter().rev().find(|step| step.at <= moment)?;
        Some(Self { state: then.to, ..self.clone() })
    }

    /// The compute node it is on, or will be.
    pub(crate) fn home(&self) -> Option<Uuid> {
        self.compute_node
            .or_else(|| self.allocation.as_ref().map(|allocation| allocation.compute_node))
    }

    /// Makes this NIC the only primary if it is to be one, and sees that there is one.
    pub(super) fn settle_primary(&mut self, added: Option<[u8; 6]>) {
        let is_added = |nic: &Nic| Some(nic.mac) == added;
        if self.nics.iter().any(|nic| is_added(nic) && nic.primary) {
            self.nics.iter_mut().for_each(|nic| nic.primary = is_added(nic));
        }
        if self.nics.iter().all(|nic| !nic.primary)
            && let Some(first) = self.nics.first_mut()
        {
            first.primary = true;
        }
    }

    /// The state CloudAPI shows.
    pub(crate) fn shown_state(&self) -> &'static str {
        let shown = self.shown_as.filter(|_| self.state.is_active());
        shown.map_or(self.state.as_str(), ShownState::as_str)
    }

    /// The address of the primary NIC.
    pub(crate) fn primary_ip(&self) -> Option<Ipv4Addr> {
        self.nics.iter().find(|nic| nic.primary).map(|nic| nic.ip)
    }

    /// CloudAPI's instance object. `credentials` shows generated passwords; API 7 has no brand.
    pub(crate) fn to_json(&self, credentials: bool, with_brand: bool) -> Value {
        let mut metadata = self.metadata.clone();
        if credentials && !self.credentials.is_empty() {
            metadata.insert("credentials".to_owned(), Value::Object(self.credentials.clone()));
        }
        let networks: Vec<Uuid> = self.nics.iter().map(|nic| nic.network).collect();
        let mut body = json!({
            "id": self.id,
            "name": self.name,
            "type": self.brand.old_type(),
            "state": self.shown_state(),
            "image": self.image,
            "ips": self.nics.iter().map(|nic| nic.ip).collect::<Vec<_>>(),
            "memory": self.memory_mib,
            "disk": self.disk_mib,
            "deletion_protection": self.deletion_protection,
            "metadata": metadata,
            "tags": self.tags,
            "created": iso(self.created),
            "updated": iso(self.updated),
            "networks": networks,
            "firewall_enabled": self.firewall_enabled,
            "compute_node": self.compute_node,
            "package": self.package_name,
        });
        if with_brand {
            body["brand"] = json!(self.brand.as_str());
        }
        if credentials {
            body["credentials"] = json!("true");
        }
        if !self.nics.is_empty() {
            body["nics"] = self.nics.iter().map(|nic| nic.to_json(self.state)).collect();
        }
        if let Some(ip) = self.primary_ip() {
            body["primaryIp"] = json!(ip);
        }
        if self.brand == Brand::Bhyve {
            body["flexible"] = json!(self.flexible_disk);
            body["disks"] = self.disks.iter().map(Disk::in_instance_json).collect();
            if self.flexible_disk {
                body["free_space"] = json!(self.free_disk_mib());
            }
        }
        if self.delegate_dataset {
            body["delegate_dataset"] = json!(true);
        }
        if self.encrypted {
            body["encrypted"] = json!(true);
        }
        body
    }

    /// A running instance for tests of pure functions.
    #[cfg(test)]
    pub(crate) fn sample(name: &str) -> Self {
        Self {
            id: Uuid::new_v4(),
            owner: Uuid::nil(),
            name: name.to_owned(),
            brand: Brand::Lx,
            image: Uuid::nil(),
            image_size_mib: None,
            package_name: "g4-highcpu-1G".to_owned(),
            memory_mib: 1024,
            disk_mib: 25600,
            flexible_disk: false,
            ports: vec![22],
            state: InstanceState::Running,
            shown_as: None,
            compute_node: None,
            nics: Vec::new(),
            pending_nics: Vec::new(),
            disks: Vec::new(),
            snapshots: Vec::new(),
            snapshot_jobs: Vec::new(),
            migration: None,
            volumes: Vec::new(),
            delegate_dataset: false,
            encrypted: false,
            tags: Map::new(),
            metadata: Map::new(),
            credentials: Map::new(),
            firewall_enabled: false,
            deletion_protection: false,
            created: Timestamp::UNIX_EPOCH,
            updated: Timestamp::UNIX_EPOCH,
            transitions: Vec::new(),
            audit: Vec::new(),
            jobs: VecDeque::new(),
            allocation: None,
            is_deleting: false,
            fate: Fate::default(),
        }
    }
}
