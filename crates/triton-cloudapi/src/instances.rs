//! Instances: what CloudAPI's paths call machines (manual, "Instances").

use std::fmt;

use jiff::Timestamp;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::disks::Disk;
use crate::ids::{ImageId, InstanceId, NetworkId};
use crate::lenient;
use crate::tags::{TagValue, Tags};
use crate::text_enum::text_enum;
use crate::timestamp;

mod actions;
mod affinity;
mod audit;
mod create;
mod keys;
mod list;
mod metadata;
mod network_request;
mod redacted;
mod requests;
mod tag_requests;
mod vnc;

pub use crate::nics::{Nic, NicState};
pub use crate::page::PAGE_MAX;
pub use actions::{
    disable_deletion_protection, disable_firewall, enable_deletion_protection, enable_firewall,
    reboot, rename, resize, start, stop,
};
pub use audit::{AuditCaller, AuditEntry, audit};
pub use create::{
    CNS_NAME_CHARS_MAX, CreateDisk, CreateInstance, DISKS_MAX, DefaultNetwork, DiskSize, Locality,
    MountMode, NAME_CHARS_MAX, VolumeMount,
};
pub use keys::{can_change_metadata, can_change_tag};
pub use list::{ListInstances, StateFilter};
pub use metadata::{
    Exposed, Metadata, add_metadata, delete_all_metadata, delete_metadata, get_metadata,
    list_metadata, list_metadata_with_credentials,
};
pub use network_request::NetworkRequest;
pub use requests::{create, delete, find, find_with_credentials, list};
pub use tag_requests::{add_tags, delete_all_tags, delete_tag, get_tag, list_tags, replace_tags};
pub use vnc::connect_vnc;

pub(crate) use create::check_block_size;
pub(crate) use requests::path;

/// The calls of this section of the manual.
pub const ENDPOINTS: &[crate::Endpoint] = &[
    requests::LIST,
    requests::CREATE,
    requests::GET,
    requests::DELETE,
    actions::START,
    actions::STOP,
    actions::REBOOT,
    actions::RESIZE,
    actions::RENAME,
    actions::ENABLE_FIREWALL,
    actions::DISABLE_FIREWALL,
    actions::ENABLE_DELETION_PROTECTION,
    actions::DISABLE_DELETION_PROTECTION,
    audit::AUDIT,
    vnc::CONNECT,
    metadata::LIST,
    metadata::ADD,
    metadata::DELETE_ALL,
    metadata::GET,
    metadata::DELETE,
    tag_requests::LIST,
    tag_requests::ADD,
    tag_requests::REPLACE,
    tag_requests::DELETE_ALL,
    tag_requests::GET,
    tag_requests::DELETE,
];

/// One instance as CloudAPI describes it.
///
/// Two things decide whose an instance is, its `id` and its `tags`; they must be readable. Every other field that a
/// server leaves out, sets to null or mistypes has a harmless default, so that one strange instance does not hide the
/// others. It serializes to CloudAPI's own shape, except that metadata's values are not shown: see [`Metadata`].
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Instance {
    /// Identity, chosen by the server.
    #[serde(deserialize_with = "read_id")]
    pub id: InstanceId,
    /// Alias, unique per account among living instances (but the check races).
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: String,
    /// Whether it is a hardware virtual machine; the brand says more.
    #[serde(rename = "type", default, deserialize_with = "lenient::text_as")]
    pub kind: InstanceKind,
    /// Kind of isolation.
    #[serde(default, deserialize_with = "lenient::text_as")]
    pub brand: Brand,
    /// Where it is in its life.
    #[serde(default, deserialize_with = "lenient::text_as")]
    pub state: InstanceState,
    /// Image; absent for some hardware virtual machines.
    #[serde(
        default,
        deserialize_with = "lenient::parsed",
        skip_serializing_if = "Option::is_none"
    )]
    pub image: Option<ImageId>,
    /// Addresses; may hold `dhcp`, may be empty early in provisioning.
    #[serde(default, deserialize_with = "lenient::texts")]
    pub ips: Vec<String>,
    /// Memory in MiB.
    #[serde(rename = "memory", default, deserialize_with = "lenient::number")]
    pub memory_mib: Option<u64>,
    /// Disk in MiB.
    #[serde(rename = "disk", default, deserialize_with = "lenient::number")]
    pub disk_mib: Option<u64>,
    /// Whether DELETE is refused.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub deletion_protection: bool,
    /// Metadata. Values are text except where foreign tools stored something else.
    #[serde(default)]
    pub metadata: Metadata,
    /// Tags.
    #[serde(deserialize_with = "read_tags")]
    pub tags: Tags,
    /// When it was created.
    #[serde(default, with = "timestamp", skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// When it last changed; the server may answer "now", so this is no version.
    #[serde(default, with = "timestamp", skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
    /// Networks of its NICs; may be empty early in provisioning. Of a pool, the network that was taken from it.
    #[serde(default, deserialize_with = "lenient::parsed_list")]
    pub networks: Vec<NetworkId>,
    /// NICs.
    #[serde(default, deserialize_with = "lenient::objects", skip_serializing_if = "Vec::is_empty")]
    pub nics: Vec<Nic>,
    /// Address of the primary NIC.
    #[serde(
        rename = "primaryIp",
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub primary_ip: Option<String>,
    /// Whether the firewall filters it.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub firewall_enabled: bool,
    /// Compute node it runs on; none before it was placed.
    #[serde(
        default,
        deserialize_with = "lenient::parsed",
        skip_serializing_if = "Option::is_none"
    )]
    pub compute_node: Option<Uuid>,
    /// Package *name* (not UUID); empty when unknown.
    #[serde(default, deserialize_with = "lenient::text")]
    pub package: String,
    /// Whether it was made through the Docker API.
    #[serde(default, deserialize_with = "lenient::flag", skip_serializing_if = "is_false")]
    pub docker: bool,
    /// Whether it was placed on an encrypted compute node.
    #[serde(default, deserialize_with = "lenient::flag", skip_serializing_if = "is_false")]
    pub encrypted: bool,
    /// Whether it may manage a part of its own file system (zones).
    #[serde(default, deserialize_with = "lenient::flag", skip_serializing_if = "is_false")]
    pub delegate_dataset: bool,
    /// Whether its disks may be divided freely (bhyve).
    #[serde(default, deserialize_with = "lenient::flag", skip_serializing_if = "is_false")]
    pub flexible: bool,
    /// What its disks leave of its disk space, in MiB (bhyve); may be negative.
    #[serde(
        rename = "free_space",
        default,
        deserialize_with = "lenient::signed",
        skip_serializing_if = "Option::is_none"
    )]
    pub free_space_mib: Option<i64>,
    /// Disks (bhyve).
    #[serde(default, deserialize_with = "lenient::objects", skip_serializing_if = "Vec::is_empty")]
    pub disks: Vec<Disk>,
    /// CNS names (only from a read of one instance, when CNS is on; empty while not known yet).
    #[serde(default, deserialize_with = "lenient::texts", skip_serializing_if = "Vec::is_empty")]
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

text_enum!(Brand, Other, {
    Joyent => "joyent",
    JoyentMinimal => "joyent-minimal",
    Lx => "lx",
    Kvm => "kvm",
    Bhyve => "bhyve",
});

/// CloudAPI's older division of instances into two kinds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InstanceKind {
    /// A zone.
    Smartmachine,
    /// A hardware virtual machine.
    Virtualmachine,
    /// Something else, as it came.
    Other(String),
}

text_enum!(InstanceKind, Other, {
    Smartmachine => "smartmachine",
    Virtualmachine => "virtualmachine",
});

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
        Self {
            id,
            name: String::new(),
            kind: InstanceKind::default(),
            brand: Brand::default(),
            state: InstanceState::Deleted,
            image: None,
            ips: Vec::new(),
            memory_mib: None,
            disk_mib: None,
            deletion_protection: false,
            metadata: Metadata::default(),
            tags: Tags::new(),
            created: None,
            updated: None,
            networks: Vec::new(),
            nics: Vec::new(),
            primary_ip: None,
            firewall_enabled: false,
            compute_node: None,
            package: String::new(),
            docker: false,
            encrypted: false,
            delegate_dataset: false,
            flexible: false,
            free_space_mib: None,
            disks: Vec::new(),
            dns_names: Vec::new(),
        }
    }

    /// The instance as CloudAPI shows it, with the values of its metadata, which may be secret.
    ///
    /// # Errors
    ///
    /// None that has been seen: JSON can hold everything in an instance.
    pub fn to_exposed_json(&self) -> Result<Value, serde_json::Error> {
        let mut json = serde_json::to_value(self)?;
        json["metadata"] = serde_json::to_value(self.metadata.exposed())?;
        Ok(json)
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn read_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<InstanceId, D::Error> {
    lenient::parsed(deserializer)?.ok_or_else(|| D::Error::custom("the instance's id is no UUID"))
}

fn read_tags<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tags, D::Error> {
    // CloudAPI shows the tags of every instance, `{}` if it has none; what is left out is not known to be empty.
    struct Object;

    impl<'de> Visitor<'de> for Object {
        type Value = Tags;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("tags")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tags, A::Error> {
            let mut tags = Tags::new();
            while let Some((key, value)) = map.next_entry::<String, TagValue>()? {
                tags.insert(key, value);
            }
            Ok(tags)
        }
    }

    deserializer
        .deserialize_map(Object)
        .map_err(|_| D::Error::custom("the instance's tags are no object"))
}

#[cfg(test)]
mod tests;
