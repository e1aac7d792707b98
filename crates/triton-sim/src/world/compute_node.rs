//! Compute nodes: the computers instances live on, and what becomes of instances when one is down.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Brand, Instance, InstanceState, World};
use crate::refusal::Refusal;

/// A computer that carries instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ComputeNode {
    pub(crate) id: Uuid,
    pub(crate) hostname: String,
    /// What instances may have together; `None` is without end.
    pub(crate) memory_mib: Option<u64>,
    #[serde(flatten)]
    pub(crate) condition: Condition,
}

/// Whether a compute node works.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "condition", rename_all = "lowercase")]
pub enum Condition {
    /// It does.
    #[default]
    Up,
    /// Its instances do nothing and their jobs wait.
    Down {
        /// What CloudAPI shows meanwhile; `None` is the state they were last in.
        #[serde(default)]
        instances_show: Option<ShownState>,
    },
}

/// States that CloudAPI shows and instances do not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ShownState {
    /// As with VMAPI's option `server_state_affects_vm_state`.
    Unknown,
    /// VMAPI calls it unreachable.
    Offline,
}

// === impl ShownState ===

impl ShownState {
    /// CloudAPI's word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Offline => "offline",
        }
    }
}

// === impl ComputeNode ===

impl ComputeNode {
    /// The `index`th of a datacenter, up and without end.
    pub(crate) fn new(id: Uuid, index: usize) -> Self {
        Self { id, hostname: format!("cn{index}"), memory_mib: None, condition: Condition::Up }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.condition == Condition::Up
    }

    /// Whether so much memory is left when `used_mib` is taken.
    pub(crate) fn has_room(&self, used_mib: u64, wanted_mib: u64) -> bool {
        self.memory_mib.is_none_or(|memory| used_mib.saturating_add(wanted_mib) <= memory)
    }
}

// === impl World ===

impl World {
    pub(crate) fn find_compute_node(&self, id: Uuid) -> Option<&ComputeNode> {
        self.compute_nodes.iter().find(|node| node.id == id)
    }

    /// Whether what the instance is on works, or is not there yet.
    pub(crate) fn is_home_up(&self, instance: Uuid) -> bool {
        let home = self.instances.get(&instance).and_then(|instance| instance.home());
        home.and_then(|home| self.find_compute_node(home)).is_none_or(ComputeNode::is_up)
    }

    /// What VMAPI looks at before a resize: a bhyve instance is stopped and keeps its disks, and its compute node has room.
    ///
    /// # Errors
    /// 409 VmNotStopped and ValidationFailed.
    pub(crate) fn check_resize(
        &self,
        instance: &Instance,
        memory_mib: u64,
        disk_mib: u64,
    ) -> Result<(), Refusal> {
        if instance.brand == Brand::Bhyve {
            if instance.state != InstanceState::Stopped {
                return Err(Refusal::new(409, "VmNotStopped", "VM not stopped"));
            }
            let disks: u64 = instance.disks.iter().map(|disk| disk.size_mib).sum();
            if disks > disk_mib {
                let message = format!("disks of {disks} MiB exceed the flexible disk size");
                return Err(Refusal::validation("flexible_disk_size", "Invalid", message));
            }
        }
        let node = instance.compute_node.and_then(|home| self.find_compute_node(home));
        let Some(node) = node else { return Ok(()) };
        let used = self.load(node.id).memory_mib.saturating_sub(instance.memory_mib);
        if memory_mib > instance.memory_mib && !node.has_room(used, memory_mib) {
            let message = "Required additional RAM exceeds the server's available RAM";
            return Err(Refusal::validation("ram", "InsufficientCapacity", message));
        }
        Ok(())
    }

    /// Takes a compute node down or up again; says whether there is one. What waited for it goes on.
    pub(crate) fn set_condition(&mut self, id: Uuid, condition: Condition, now: Timestamp) -> bool {
        let Some(node) = self.compute_nodes.iter_mut().find(|node| node.id == id) else {
            return false;
        };
        node.condition = condition;
        let shown = match condition {
            Condition::Up => None,
            Condition::Down { instances_show } => instances_show,
        };
        let residents: Vec<Uuid> = self
            .instances
            .values()
            .filter(|instance| instance.compute_node == Some(id))
            .filter(|instance| instance.state != InstanceState::Deleted)
            .map(|instance| instance.id)
            .collect();
        for resident in residents {
            if let Some(instance) = self.instances.get_mut(&resident) {
                instance.shown_as = shown;
            }
        }
        self.resume(now);
        self.changes += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_has_room_up_to_its_memory() {
        let node = ComputeNode { memory_mib: Some(4096), ..ComputeNode::new(Uuid::nil(), 0) };
        assert!(node.has_room(3072, 1024));
        assert!(!node.has_room(3072, 1025));
        assert!(ComputeNode::new(Uuid::nil(), 0).has_room(u64::MAX, 1));
    }
}
