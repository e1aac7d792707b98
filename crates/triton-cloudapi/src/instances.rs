//! Instances: what CloudAPI's paths call machines (manual, "Instances").

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use crate::ids::{ImageId, InstanceId, NetworkId};
use crate::tags::Tags;

mod audit;
mod create;
mod list;
mod redacted;
mod requests;
mod text_enum;
mod vnc;
mod wire;

pub use audit::AuditEntry;
pub use create::CreateInstance;
pub use list::{ListInstances, PAGE_MAX};
pub use requests::*;
pub use vnc::connect_vnc;

/// One instance as CloudAPI describes it.
///
/// Every field that a real server has been seen to leave out, null or mistype has a harmless default.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Instance {
    /// Identity, chosen by the server.
    pub id: InstanceId,
    /// Alias, unique per account among living instances (but the check races).
    pub name: String,
    /// Kind of isolation.
    pub brand: Brand,
    /// Where it is in its life.
    pub state: InstanceState,
    /// Image; absent for some hardware virtual machines.
    pub image: Option<ImageId>,
    /// Package *name* (not UUID); empty when unknown.
    pub package: String,
    /// Addresses; may hold `dhcp`, may be empty early in provisioning.
    pub ips: Vec<String>,
    /// Address of the primary NIC.
    pub primary_ip: Option<String>,
    /// Memory in MiB.
    pub memory_mib: Option<u64>,
    /// Disk in MiB.
    pub disk_mib: Option<u64>,
    /// Metadata. Values are text except where foreign tools stored something else.
    pub metadata: BTreeMap<String, serde_json::Value>,
    /// Tags.
    pub tags: Tags,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// When it last changed; the server may answer "now", so this is no version.
    pub updated: Option<Timestamp>,
    /// Networks of its NICs.
    pub networks: Vec<NetworkId>,
    /// NICs.
    pub nics: Vec<Nic>,
    /// Whether the firewall filters it.
    pub firewall_enabled: bool,
    /// Whether DELETE is refused.
    pub deletion_protection: bool,
    /// Compute node it runs on.
    pub compute_node: Option<Uuid>,
    /// CNS names (only from a single read, when CNS is on).
    pub dns_names: Vec<String>,
}

/// Where an instance is in its life (manual, "Instance states").
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InstanceState {
    /// Being made.
    Provisioning,
    /// In the middle of a (re)boot.
    Ready,
    /// Running.
    Running,
    /// On its way to stopped.
    Stopping,
    /// Stopped, by us, by the guest or by an operator: there is no exit code.
    Stopped,
    /// Its compute node cannot be reached.
    Offline,
    /// Destroyed.
    Deleted,
    /// Provisioning failed, or deleted while provisioning.
    Failed,
    /// `unknown`, or a state this version does not know, as it came.
    Unknown(String),
}

/// Kind of isolation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Brand {
    /// SmartOS zone.
    Joyent,
    /// SmartOS zone with a minimal file system.
    JoyentMinimal,
    /// Linux in a zone.
    Lx,
    /// KVM virtual machine.
    Kvm,
    /// bhyve virtual machine.
    Bhyve,
    /// A brand this version does not know, as it came.
    Other(String),
}

/// A network interface of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Nic {
    /// MAC address, colons included.
    pub mac: String,
    /// IPv4 or IPv6 address, or `dhcp`.
    pub ip: String,
    /// Whether its address is the primary one.
    pub primary: bool,
    /// Netmask.
    pub netmask: String,
    /// Gateway, if any.
    pub gateway: Option<String>,
    /// `provisioning`, `running` or `stopped`.
    pub state: String,
    /// Network it is on.
    pub network: Option<NetworkId>,
}

/// What a read of one instance found.
#[derive(Clone, Debug, PartialEq)]
pub enum Presence {
    /// It exists (in whatever state).
    Present(Box<Instance>),
    /// 410: destroyed; the server still remembers it.
    Destroyed(Box<Instance>),
    /// 404: never existed, another account's, or forgotten.
    NotFound,
}

// === impl Instance ===

impl Instance {
    /// What is known of an instance of which only its destruction is: for a 410 whose body is not the instance.
    #[must_use]
    pub fn destroyed(id: InstanceId) -> Self {
        Self { id, state: InstanceState::Deleted, ..Self::empty(id) }
    }

    fn empty(id: InstanceId) -> Self {
        Self {
            id,
            name: String::new(),
            brand: Brand::Other(String::new()),
            state: InstanceState::Unknown(String::new()),
            image: None,
            package: String::new(),
            ips: Vec::new(),
            primary_ip: None,
            memory_mib: None,
            disk_mib: None,
            metadata: BTreeMap::new(),
            tags: Tags::new(),
            created: None,
            updated: None,
            networks: Vec::new(),
            nics: Vec::new(),
            firewall_enabled: false,
            deletion_protection: false,
            compute_node: None,
            dns_names: Vec::new(),
        }
    }
}
