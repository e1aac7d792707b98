//! What an operator, a guest or an accident does to the datacenter without asking CloudAPI.

use std::net::Ipv4Addr;

use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::sim::Sim;
use crate::world::{Condition, Deed, Features, InstanceState, ProvisionLimit, ResolvedName};

/// A compute node, and what is on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComputeNodeRecord {
    /// Its UUID, as instances show it.
    pub id: Uuid,
    /// Its name.
    pub hostname: String,
    /// How much memory instances may have on it together, in MiB; `None` is without end.
    pub memory_mib: Option<u64>,
    /// How many instances are on it, or on their way there.
    pub instances: u64,
    /// Their memory, in MiB.
    pub memory_used_mib: u64,
    /// Whether it works.
    #[serde(flatten)]
    pub condition: Condition,
}

// === impl Sim ===

impl Sim {
    /// Deletes an instance at once, as an operator might; says whether there is one.
    pub fn destroy_behind_back(&self, id: Uuid) -> bool {
        self.alter(id, Deed::Enter(InstanceState::Deleted))
    }

    /// Stops an instance at once, as a guest that shuts itself down; says whether there is one.
    pub fn stop_behind_back(&self, id: Uuid) -> bool {
        self.alter(id, Deed::Enter(InstanceState::Stopped))
    }

    /// Starts an instance at once; says whether there is one.
    pub fn start_behind_back(&self, id: Uuid) -> bool {
        self.alter(id, Deed::Enter(InstanceState::Running))
    }

    /// Makes an instance `failed` at once; says whether there is one.
    pub fn fail_behind_back(&self, id: Uuid) -> bool {
        self.alter(id, Deed::Enter(InstanceState::Failed))
    }

    /// Gives an instance another name at once, even one that is taken; says whether there is one.
    pub fn rename_behind_back(&self, id: Uuid, name: impl Into<String>) -> bool {
        self.alter(id, Deed::Rename(Some(name.into())))
    }

    /// Gives an instance other tags at once, in place of all it had; says whether there is one.
    pub fn retag_behind_back(&self, id: Uuid, tags: Map<String, Value>) -> bool {
        self.alter(id, Deed::Retag(Some(tags)))
    }

    /// Gives an instance other addresses on its networks at once; says whether there is one.
    pub fn readdress_behind_back(&self, id: Uuid) -> bool {
        self.alter(id, Deed::Readdress)
    }

    /// Stops an instance and starts it on another compute node, if there is one with room, at once; says whether there
    /// is such an instance.
    pub fn migrate_behind_back(&self, id: Uuid) -> bool {
        self.alter(id, Deed::Migrate)
    }

    /// Makes a volume `failed` at once; says whether there is one.
    pub fn fail_volume_behind_back(&self, id: Uuid) -> bool {
        self.with(|state, _| state.world.fail_volume(id))
    }

    /// The compute nodes.
    #[must_use]
    pub fn compute_nodes(&self) -> Vec<ComputeNodeRecord> {
        self.with(|state, _| {
            let world = &state.world;
            let record = |node: &crate::world::ComputeNode| {
                let load = world.load(node.id);
                ComputeNodeRecord {
                    id: node.id,
                    hostname: node.hostname.clone(),
                    memory_mib: node.memory_mib,
                    instances: load.instances,
                    memory_used_mib: load.memory_mib,
                    condition: node.condition,
                }
            };
            world.compute_nodes.iter().map(record).collect()
        })
    }

    /// Takes a compute node down, or up again; says whether there is one.
    ///
    /// While it is down its instances' ports refuse and their jobs wait, and nothing new is placed on it.
    pub fn set_compute_node(&self, id: Uuid, condition: Condition) -> bool {
        self.with(|state, now| state.world.set_condition(id, condition, now))
    }

    /// What an account may have at most, as GetProvisioningLimits shows it; says whether there is such an account.
    pub fn set_limits(&self, login: &str, limits: Vec<ProvisionLimit>) -> bool {
        self.with(|state, _| {
            let account = state.world.find_account(login).map(|account| account.id);
            account.map(|account| state.world.limits.insert(account, limits)).is_some()
        })
    }

    /// What the operator has switched on.
    #[must_use]
    pub fn features(&self) -> Features {
        self.with(|state, _| state.world.features)
    }

    /// Switches abilities on and off.
    pub fn set_features(&self, features: Features) {
        self.with(|state, _| state.world.features = features);
    }

    /// All names CNS knows, each with what it resolves to.
    #[must_use]
    pub fn cns_names(&self) -> Vec<ResolvedName> {
        self.with(|state, _| state.world.cns_names())
    }

    /// What a name resolves to for who asks CNS now; `None` is NXDOMAIN.
    #[must_use]
    pub fn resolve(&self, name: &str) -> Option<ResolvedName> {
        self.with(|state, _| state.world.resolve(name))
    }

    /// Whether the firewall lets a connection from this address into a port of an instance: from an instance's address as
    /// that instance, from any other as this computer.
    #[must_use]
    pub fn admits(&self, from: Ipv4Addr, to: Uuid, port: u16) -> bool {
        self.with(|state, _| state.world.admits(from, to, port))
    }

    fn alter(&self, id: Uuid, deed: Deed) -> bool {
        self.with(|state, now| state.world.do_behind_back(id, deed, now))
    }
}
