//! Networks and network pools: where NICs attach.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Subnet, World};
use crate::refusal::Refusal;

/// A network.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Network {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) public: bool,
    pub(crate) fabric: bool,
    pub(crate) vlan_id: u16,
    /// Who alone may use it; fabric networks belong to somebody.
    pub(crate) owner: Option<Uuid>,
    pub(crate) resolvers: Vec<Ipv4Addr>,
    pub(crate) routes: BTreeMap<String, String>,
    pub(crate) internet_nat: bool,
}

/// Several networks under one id: an instance gets an address on one that has room.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Pool {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) public: bool,
    /// Members, which no list shows.
    pub(crate) networks: Vec<Uuid>,
}

// === impl Network ===

impl Network {
    /// CloudAPI's network object; fabric networks also show how they are laid out on `subnet`.
    pub(crate) fn to_json(&self, subnet: Subnet) -> Value {
        let mut body = json!({ "id": self.id, "name": self.name, "public": self.public });
        if !self.description.is_empty() {
            body["description"] = json!(self.description);
        }
        if self.fabric {
            body["fabric"] = json!(true);
            body["internet_nat"] = json!(self.internet_nat);
            body["provision_start_ip"] = json!(subnet.first());
            body["provision_end_ip"] = json!(subnet.last());
            body["resolvers"] = json!(self.resolvers);
            body["subnet"] = json!(subnet.to_string());
            body["vlan_id"] = json!(self.vlan_id);
            if let Some(gateway) = subnet.gateway() {
                body["gateway"] = json!(gateway);
            }
            if !self.routes.is_empty() {
                body["routes"] = json!(self.routes);
            }
        }
        body
    }

    /// Whether an account may attach NICs to it.
    pub(crate) fn is_usable_by(&self, account: Uuid) -> bool {
        self.owner.is_none_or(|owner| owner == account)
    }
}

// === impl Pool ===

impl Pool {
    /// CloudAPI's network object of a pool.
    pub(crate) fn to_json(&self) -> Value {
        let mut body = json!({ "id": self.id, "name": self.name, "public": self.public });
        if !self.description.is_empty() {
            body["description"] = json!(self.description);
        }
        body
    }
}

// === impl World ===

impl World {
    /// The networks an account may use, without those that a pool holds.
    pub(crate) fn usable_networks(&self, account: Uuid) -> impl Iterator<Item = &Network> {
        let pooled =
            |network: &Network| self.catalog.pools.iter().any(|p| p.networks.contains(&network.id));
        let networks = self.catalog.networks.iter();
        networks.filter(move |network| network.is_usable_by(account) && !pooled(network))
    }

    /// What an id of CreateMachine or AddNic may mean: one network, or those of a pool.
    ///
    /// # Errors
    /// 409 InvalidArgument for what the account cannot use.
    pub(crate) fn candidate_networks(
        &self,
        account: Uuid,
        id: Uuid,
    ) -> Result<Vec<&Network>, Refusal> {
        let found: Vec<&Network> = match self.catalog.find_pool(id) {
            Some(pool) => {
                pool.networks.iter().filter_map(|id| self.catalog.find_network(*id)).collect()
            }
            None => self.usable_networks(account).filter(|network| network.id == id).collect(),
        };
        if found.is_empty() {
            return Err(Refusal::invalid_argument("Invalid Networks"));
        }
        Ok(found)
    }

    /// Adds a pool of so many networks, each with a small range of real addresses.
    ///
    /// Returns `false` when there is no room for them.
    pub(crate) fn add_pool(&mut self, name: &str, public: bool, members: usize) -> bool {
        let id = self.new_id();
        let mut networks = Vec::new();
        for number in 1..=members {
            let member = self.new_id();
            if !self.addresses.add_small(member) {
                return false;
            }
            networks.push(member);
            self.catalog.networks.push(Network {
                id: member,
                name: format!("{name}-{number}"),
                description: String::new(),
                public,
                fabric: false,
                vlan_id: 0,
                owner: None,
                resolvers: Vec::new(),
                routes: BTreeMap::new(),
                internet_nat: false,
            });
        }
        let description = format!("{members} networks as one");
        self.catalog.pools.push(Pool { id, name: name.to_owned(), description, public, networks });
        true
    }
}
