//! Instances: what CloudAPI's paths call machines (manual, "Instances").

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::ids::{ImageId, InstanceId, NetworkId};
use crate::tags::Tags;

/// One instance as CloudAPI describes it.
///
/// Every field that a real server has been seen to leave out, null or mistype has a harmless default.
#[derive(Clone, Debug, PartialEq)]
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

/// Parameters of CreateMachine (manual, "CreateMachine").
///
/// On the wire tags and metadata are flat keys (`tag.x`, `metadata.x`); nested objects are ignored by the server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CreateInstance {
    /// Alias: 1-63 of `[a-zA-Z0-9_.-]`, beginning with a letter or digit.
    pub name: String,
    /// Package UUID or name.
    pub package: String,
    /// Image UUID.
    pub image: String,
    /// Networks, in order; `None` lets the server choose.
    pub networks: Option<Vec<NetworkId>>,
    /// Affinity rules (`role!=db`, `instance==~web*`).
    pub affinity: Vec<String>,
    /// Metadata, readable by the guest.
    pub metadata: BTreeMap<String, String>,
    /// Tags, set atomically with the record.
    pub tags: Tags,
    /// `bhyve` or `kvm`, where the image leaves the choice.
    pub brand: Option<Brand>,
    /// Whether the firewall filters it from the start.
    pub firewall_enabled: bool,
    /// Whether DELETE is refused from the start.
    pub deletion_protection: bool,
}

/// Filters of ListMachines (manual, "ListMachines").
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListInstances {
    /// Every one of these tags must match.
    pub tags: BTreeMap<String, String>,
    /// Name *prefix* (the manual says exact; the server does not).
    pub name_prefix: Option<String>,
    /// Include failed and destroyed instances.
    pub tombstones: bool,
    /// Page size, 1-1000; the server's default and maximum is 1000.
    pub limit: Option<u32>,
    /// Instances to skip.
    pub offset: Option<u32>,
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

/// Serde's view of an unknown-tolerant text enum.
macro_rules! text_enum {
    ($name:ident, $other:ident, { $($variant:ident => $text:literal),+ $(,)? }) => {
        impl $name {
            /// The wire text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::$other(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)+
                    other => Self::$other(other.to_owned()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Ok(Self::from(text.as_str()))
            }
        }
    };
}

text_enum!(InstanceState, Unknown, {
    Provisioning => "provisioning",
    Ready => "ready",
    Running => "running",
    Stopping => "stopping",
    Stopped => "stopped",
    Offline => "offline",
    Deleted => "deleted",
    Failed => "failed",
});

text_enum!(Brand, Other, {
    Joyent => "joyent",
    JoyentMinimal => "joyent-minimal",
    Lx => "lx",
    Kvm => "kvm",
    Bhyve => "bhyve",
});
