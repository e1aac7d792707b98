//! Changes that nobody asked CloudAPI for: no job, no audit.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{ChangedBy, World};

/// What an operator may do to an instance beside forcing its state.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Behind {
    Rename(String),
    /// In place of all tags.
    Retag(Map<String, Value>),
}

// === impl World ===

impl World {
    /// Does it at once; says whether there is such an instance.
    pub(crate) fn alter(&mut self, id: Uuid, deed: Behind, now: Timestamp) -> bool {
        let Some(instance) = self.instances.get_mut(&id) else { return false };
        match deed {
            Behind::Rename(name) => instance.name = name,
            Behind::Retag(tags) => instance.tags = tags,
        }
        instance.updated = now;
        self.changed_by_operator();
        true
    }

    /// Gives the primary NIC another address of its network.
    pub(crate) fn readdress(&mut self, id: Uuid, now: Timestamp) -> Option<Ipv4Addr> {
        let nic = self.instances.get(&id)?.nics.iter().find(|nic| nic.primary)?;
        let (mac, old) = (nic.mac, nic.ip);
        let new = self.addresses.take_next(nic.network, id)?;
        let instance = self.instances.get_mut(&id)?;
        instance.nics.iter_mut().filter(|nic| nic.mac == mac).for_each(|nic| nic.ip = new);
        instance.updated = now;
        self.addresses.give_back(old);
        self.changed_by_operator();
        Some(new)
    }

    /// Puts an instance on the emptiest other compute node.
    pub(crate) fn relocate(&mut self, id: Uuid, now: Timestamp) -> Option<Uuid> {
        let target = self.find_target(id)?;
        let instance = self.instances.get_mut(&id)?;
        instance.compute_node?;
        instance.compute_node = Some(target);
        instance.updated = now;
        self.changed_by_operator();
        Some(target)
    }

    fn changed_by_operator(&mut self) {
        self.journal.begin_by(ChangedBy::Operator);
        self.changes += 1;
    }
}
