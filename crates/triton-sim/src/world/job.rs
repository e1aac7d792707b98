//! Jobs: what CloudAPI accepts at once and carries out later.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::snapshot::Snapshot;
use super::{Brand, Disk, Instance, InstanceState, Phase};

/// What a job does to its instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum JobKind {
    Start,
    Stop,
    Reboot,
    Destroy,
    Rename(String),
    Resize {
        name: String,
        memory_mib: u64,
        disk_mib: u64,
    },
    SetFirewall(bool),
    SetDeletionProtection(bool),
    AddTags(Map<String, Value>),
    ReplaceTags(Map<String, Value>),
    /// One tag, or all.
    RemoveTags(Option<String>),
    AddMetadata(Map<String, Value>),
    /// One key, or all that may go.
    RemoveMetadata(Option<String>),
    /// By MAC address; the NIC is pending.
    AddNic([u8; 6]),
    RemoveNic([u8; 6]),
    /// And whether its slot was chosen by the caller.
    CreateDisk(Disk, bool),
    /// To a size in MiB.
    ResizeDisk(Uuid, u64),
    DeleteDisk(Uuid),
    CreateSnapshot(String),
    RollbackSnapshot(String),
    DeleteSnapshot(String),
    Migrate(Phase),
}

/// Metadata that DeleteAllMachineMetadata leaves and DeleteMachineMetadata refuses.
pub(crate) const KEPT_METADATA: [&str; 2] = ["root_authorized_keys", "administrator_pw"];

/// A snapshot holds what was written since; nobody writes here.
const SNAPSHOT_SIZE_MIB: u64 = 1;

/// Accepted, but the instance is in the wrong state for it: the job fails, and only the audit tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WrongState;

// === impl JobKind ===

impl JobKind {
    /// The name MachineAudit shows.
    pub(crate) fn action(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Reboot => "reboot",
            Self::Destroy => "destroy",
            Self::Rename(_) => "rename",
            Self::Resize { .. } => "resize",
            // CloudAPI has no word for this update.
            Self::SetFirewall(_) => "unknown",
            Self::SetDeletionProtection(true) => "enable_deletion_protection",
            Self::SetDeletionProtection(false) => "disable_deletion_protection",
            Self::AddTags(_) => "set_tags",
            Self::ReplaceTags(_) => "replace_tags",
            Self::RemoveTags(_) => "remove_tags",
            Self::AddMetadata(_) => "set_metadata",
            Self::RemoveMetadata(None) => "replace_metadata",
            Self::RemoveMetadata(Some(_)) => "remove_metadata",
            Self::AddNic(_) => "add_nics",
            Self::RemoveNic(_) => "remove_nics",
            // CloudAPI has no words for these updates.
            Self::CreateDisk(..) | Self::ResizeDisk(..) | Self::DeleteDisk(_) => "unknown",
            Self::CreateSnapshot(_) => "create_snapshot",
            Self::RollbackSnapshot(_) => "rollback_snapshot",
            Self::DeleteSnapshot(_) => "delete_snapshot",
            Self::Migrate(phase) => phase.job_name(),
        }
    }

    /// The job's first half: checks the state and moves the instance into the one on the way.
    ///
    /// # Errors
    /// [`WrongState`]: nothing was changed.
    pub(crate) fn begin(&self, instance: &mut Instance, at: Timestamp) -> Result<(), WrongState> {
        use InstanceState::{Deleted, Ready, Running, Stopped, Stopping};
        let state = instance.state;
        match self {
            _ if state == Deleted => return Err(WrongState),
            Self::Start if state == Stopped => {}
            Self::Stop | Self::Reboot if state == Running => instance.enter(Stopping, at),
            Self::Start | Self::Stop | Self::Reboot => return Err(WrongState),
            Self::Destroy if matches!(state, Running | Ready) => instance.enter(Stopping, at),
            // The instance is rebooted to see the difference.
            Self::AddNic(_) | Self::RemoveNic(_) if state == Running => {
                instance.enter(Stopping, at);
            }
            Self::CreateDisk(..) | Self::ResizeDisk(..) | Self::DeleteDisk(_)
                if state != Stopped =>
            {
                return Err(WrongState);
            }
            Self::CreateSnapshot(name) => return begin_snapshot(instance, name, at),
            Self::RollbackSnapshot(name) => {
                find_snapshot(instance, name)?;
                if state == Running {
                    instance.enter(Stopping, at);
                }
            }
            Self::DeleteSnapshot(name) => find_snapshot(instance, name)?,
            _ => {}
        }
        Ok(())
    }

    /// The snapshot it is about.
    pub(super) fn snapshot(&self) -> Option<&str> {
        match self {
            Self::CreateSnapshot(name)
            | Self::RollbackSnapshot(name)
            | Self::DeleteSnapshot(name) => Some(name),
            _ => None,
        }
    }

    /// The job's second half: what is different when it is done.
    pub(crate) fn end(self, instance: &mut Instance, at: Timestamp) {
        use InstanceState::{Deleted, Failed, Provisioning, Ready, Running, Stopped};
        match self {
            Self::Start => instance.enter(Running, at),
            Self::Stop => instance.enter(Stopped, at),
            Self::Reboot => {
                instance.enter(Ready, at);
                instance.enter(Running, at);
            }
            // VMAPI calls what was destroyed before it ever ran `failed`.
            Self::Destroy if instance.state == Provisioning => instance.enter(Failed, at),
            Self::Destroy => instance.enter(Deleted, at),
            Self::Rename(name) => instance.name = name,
            Self::Resize { name, memory_mib, disk_mib } => {
                instance.package_name = name;
                instance.memory_mib = memory_mib;
                instance.disk_mib = disk_mib;
                // Only packages with flexible disks are let through for these.
                instance.flexible_disk |= instance.brand == Brand::Bhyve;
            }
            Self::SetFirewall(enabled) => instance.firewall_enabled = enabled,
            Self::SetDeletionProtection(enabled) => instance.deletion_protection = enabled,
            Self::AddTags(tags) => instance.tags.extend(tags),
            Self::ReplaceTags(tags) => {
                // The update both sets and removes what is falsy, and the removal comes last.
                instance.tags = tags.into_iter().filter(|(_, value)| !is_falsy(value)).collect();
            }
            Self::RemoveTags(Some(key)) => {
                instance.tags.remove(&key);
            }
            Self::RemoveTags(None) => instance.tags.clear(),
            Self::AddMetadata(metadata) => instance.metadata.extend(metadata),
            Self::RemoveMetadata(Some(key)) => {
                instance.metadata.remove(&key);
            }
            Self::RemoveMetadata(None) => {
                instance.metadata.retain(|key, _| KEPT_METADATA.contains(&key.as_str()))
            }
            Self::AddNic(mac) => {
                let pending = &mut instance.pending_nics;
                let found = pending.iter().position(|nic| nic.mac == mac);
                instance.nics.extend(found.map(|index| pending.remove(index)));
                instance.settle_primary(Some(mac));
                boot_again(instance, at);
            }
            Self::RemoveNic(mac) => {
                instance.nics.retain(|nic| nic.mac != mac);
                instance.settle_primary(None);
                boot_again(instance, at);
            }
            Self::CreateDisk(disk, _) => instance.disks.push(disk),
            Self::ResizeDisk(id, size_mib) => {
                let disk = instance.disks.iter_mut().find(|disk| disk.id == id);
                disk.into_iter().for_each(|disk| disk.size_mib = size_mib);
            }
            Self::DeleteDisk(id) => instance.disks.retain(|disk| disk.id != id),
            Self::CreateSnapshot(_) => {}
            Self::RollbackSnapshot(_) => {
                instance.enter(Stopped, at);
                instance.enter(Running, at);
            }
            Self::DeleteSnapshot(name) => instance.snapshots.retain(|s| s.name != name),
            // What it does concerns compute nodes too.
            Self::Migrate(_) => {}
        }
        instance.updated = at;
    }
}

fn begin_snapshot(instance: &mut Instance, name: &str, at: Timestamp) -> Result<(), WrongState> {
    if find_snapshot(instance, name).is_ok() {
        return Err(WrongState);
    }
    let snapshot = Snapshot { name: name.to_owned(), size_mib: SNAPSHOT_SIZE_MIB, created: at };
    instance.snapshots.push(snapshot);
    Ok(())
}

fn find_snapshot(instance: &Instance, name: &str) -> Result<(), WrongState> {
    let found = instance.snapshots.iter().any(|snapshot| snapshot.name == name);
    if found { Ok(()) } else { Err(WrongState) }
}

/// The second half of a reboot, for those that were up.
fn boot_again(instance: &mut Instance, at: Timestamp) {
    if instance.state == InstanceState::Stopping {
        instance.enter(InstanceState::Ready, at);
        instance.enter(InstanceState::Running, at);
    }
}

/// What JavaScript takes for false.
fn is_falsy(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(_) | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(kind: JobKind, from: InstanceState, expected: Option<InstanceState>) {
        let mut instance = Instance::sample("web");
        instance.state = from;
        let began = kind.begin(&mut instance, Timestamp::UNIX_EPOCH);
        let ended = began.ok().map(|()| {
            kind.clone().end(&mut instance, Timestamp::UNIX_EPOCH);
            instance.state
        });
        assert_eq!(ended, expected, "{kind:?} from {from:?}");
        if expected.is_none() {
            assert_eq!(instance.state, from, "a refused job changes nothing");
        }
    }

    #[test]
    fn jobs_need_the_right_state() {
        use InstanceState::{Deleted, Failed, Provisioning, Running, Stopped, Stopping};
        check(JobKind::Start, Stopped, Some(Running));
        check(JobKind::Start, Running, None);
        check(JobKind::Stop, Running, Some(Stopped));
        check(JobKind::Stop, Stopped, None);
        check(JobKind::Stop, Stopping, None);
        check(JobKind::Reboot, Running, Some(Running));
        check(JobKind::Reboot, Stopped, None);
        check(JobKind::Destroy, Running, Some(Deleted));
        check(JobKind::Destroy, Stopped, Some(Deleted));
        check(JobKind::Destroy, Failed, Some(Deleted));
        check(JobKind::Destroy, Provisioning, Some(Failed));
        check(JobKind::Destroy, Deleted, None);
    }

    #[test]
    fn replacing_tags_loses_falsy_values() {
        let mut instance = Instance::sample("web");
        let tags = json!({ "a": "x", "b": false, "c": 0, "d": "" });
        JobKind::ReplaceTags(tags.as_object().unwrap().clone())
            .end(&mut instance, Timestamp::UNIX_EPOCH);
        assert_eq!(Value::Object(instance.tags), json!({ "a": "x" }));
    }

    #[test]
    fn deleting_all_metadata_keeps_the_keys_to_the_door() {
        let mut instance = Instance::sample("web");
        instance.metadata =
            json!({ "root_authorized_keys": "k", "a": "b" }).as_object().unwrap().clone();
        JobKind::RemoveMetadata(None).end(&mut instance, Timestamp::UNIX_EPOCH);
        assert_eq!(Value::Object(instance.metadata), json!({ "root_authorized_keys": "k" }));
    }
}
