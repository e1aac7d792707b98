//! Fabrics: VLANs and networks that an account makes for itself.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Network, Subnet, World};
use crate::refusal::Refusal;

/// A VLAN of a fabric; its number is the key it is kept by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Vlan {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
}

/// What CreateFabricNetwork asks for, each value well-formed.
#[derive(Debug, Clone)]
pub(crate) struct NewFabricNetwork {
    pub(crate) vlan_id: u16,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) subnet: String,
    pub(crate) first: Ipv4Addr,
    pub(crate) last: Ipv4Addr,
    pub(crate) gateway: Option<Ipv4Addr>,
    pub(crate) resolvers: Vec<Ipv4Addr>,
    pub(crate) routes: BTreeMap<String, String>,
    pub(crate) internet_nat: bool,
}

/// What UpdateFabricNetwork changes.
#[derive(Debug, Clone, Default)]
pub(crate) struct FabricNetworkChange {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) first: Option<Ipv4Addr>,
    pub(crate) last: Option<Ipv4Addr>,
    pub(crate) resolvers: Option<Vec<Ipv4Addr>>,
    pub(crate) routes: Option<BTreeMap<String, String>>,
}

/// The VLAN every account starts with.
pub(crate) const DEFAULT_VLAN: u16 = 2;
/// What the default fabric network of an account is called.
const DEFAULT_NAME: &str = "My-Fabric-Network";
/// Names of VLANs and fabric networks have so many characters.
const NAME_LENGTH: std::ops::RangeInclusive<usize> = 2..=256;

// === impl Vlan ===

impl Vlan {
    /// The one every account starts with.
    pub(crate) fn default_one() -> Self {
        let description = "Default fabric VLAN".to_owned();
        Self { name: "My-Fabric-VLAN".to_owned(), description: Some(description) }
    }

    /// CloudAPI's VLAN object.
    pub(crate) fn to_json(&self, id: u16) -> Value {
        let mut body = json!({ "vlan_id": id, "name": self.name });
        if let Some(description) = &self.description {
            body["description"] = json!(description);
        }
        body
    }
}

/// Letters, digits and `_./-`, a letter first.
pub(crate) fn is_fabric_name(name: &str) -> bool {
    NAME_LENGTH.contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "_./-".contains(c))
}

// === impl World ===

impl World {
    /// Gives an account its default fabric network: the seeded one if it is nobody's, else a small one of its own.
    ///
    /// Its addresses are real as long as there is room, and of 192.168.128.0/22 afterwards.
    pub(super) fn add_default_fabric(&mut self, account: Uuid) -> Uuid {
        let seeded = super::seed::FABRIC_NETWORK;
        let free = |network: &&mut Network| network.id == seeded && network.owner.is_none();
        if let Some(network) = self.catalog.networks.iter_mut().find(free) {
            network.owner = Some(account);
            return seeded;
        }
        let id = self.new_id();
        if !self.addresses.add_small(id) {
            let [base, gateway, first, last] = [
                Ipv4Addr::new(192, 168, 128, 0),
                Ipv4Addr::new(192, 168, 128, 1),
                Ipv4Addr::new(192, 168, 128, 5),
                Ipv4Addr::new(192, 168, 131, 250),
            ];
            self.addresses.add(id, Subnet::new(base, 22, Some(gateway), first, last));
        }
        self.catalog.networks.push(Network {
            id,
            name: DEFAULT_NAME.to_owned(),
            description: "The account's own fabric".to_owned(),
            public: false,
            fabric: true,
            vlan_id: DEFAULT_VLAN,
            owner: Some(account),
            resolvers: super::seed::resolvers(),
            routes: BTreeMap::new(),
            internet_nat: true,
        });
        id
    }

    /// The account's networks on a VLAN.
    pub(crate) fn fabric_networks(
        &self,
        account: Uuid,
        vlan_id: u16,
    ) -> impl Iterator<Item = &Network> {
        let networks = self.catalog.networks.iter();
        networks.filter(move |n| n.fabric && n.owner == Some(account) && n.vlan_id == vlan_id)
    }

    /// # Errors
    /// 404 for a VLAN the account does not have.
    pub(crate) fn vlan(&self, account: Uuid, id: u16) -> Result<&Vlan, Refusal> {
        let vlan = self.account(account)?.vlans.get(&id);
        vlan.ok_or_else(|| Refusal::not_found("vlan not found"))
    }

    /// # Errors
    /// 409 InvalidArgument when the account has it.
    pub(crate) fn add_vlan(&mut self, account: Uuid, id: u16, vlan: Vlan) -> Result<(), Refusal> {
        if self.account(account)?.vlans.contains_key(&id) {
            return Err(property("vlan_id", "VLAN ID is already in use"));
        }
        self.account_mut(account)?.vlans.insert(id, vlan);
        Ok(())
    }

    /// # Errors
    /// 404, or 409 InvalidArgument while networks are on it.
    pub(crate) fn remove_vlan(&mut self, account: Uuid, id: u16) -> Result<(), Refusal> {
        self.vlan(account, id)?;
        let used: Vec<String> = self
            .fabric_networks(account, id)
            .map(|network| format!("In use by network \"{}\"", network.id))
            .collect();
        if !used.is_empty() {
            return Err(Refusal::invalid_argument(used.join(", ")));
        }
        self.account_mut(account)?.vlans.remove(&id);
        Ok(())
    }

    /// Makes a fabric network.
    ///
    /// # Errors
    /// 404 for an unknown VLAN, 409 InvalidArgument in NAPI's words for a layout that cannot be.
    pub(crate) fn add_fabric_network(
        &mut self,
        account: Uuid,
        new: NewFabricNetwork,
    ) -> Result<&Network, Refusal> {
        self.vlan(account, new.vlan_id)?;
        let (base, prefix) = Subnet::parse_cidr(&new.subnet)
            .ok_or_else(|| property("subnet", "Subnet must be in CIDR form"))?;
        let subnet = Subnet::new(base, prefix, new.gateway, new.first, new.last);
        check_layout(subnet)?;
        if !is_private(subnet) {
            let message = "Subnet must be contained within one of the private address ranges: \
                           10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16";
            return Err(property("subnet", message));
        }
        let own = |network: &&Network| network.fabric && network.owner == Some(account);
        if let Some(other) = (self.catalog.networks.iter().filter(own))
            .find(|network| self.addresses.subnet(network.id).overlaps(subnet))
        {
            let message = format!("subnet overlaps with another network ({})", other.id);
            return Err(property("subnet", &message));
        }
        self.check_fabric_name(account, &new.name, None)?;
        let id = self.new_id();
        self.addresses.add(id, subnet);
        self.catalog.networks.push(Network {
            id,
            name: new.name,
            description: new.description.unwrap_or_default(),
            public: false,
            fabric: true,
            vlan_id: new.vlan_id,
            owner: Some(account),
            resolvers: new.resolvers,
            routes: new.routes,
            internet_nat: new.internet_nat,
        });
        self.fabric_network(account, id)
    }

    /// # Errors
    /// 404, or as [`World::add_fabric_network`].
    pub(crate) fn change_fabric_network(
        &mut self,
        account: Uuid,
        id: Uuid,
        change: FabricNetworkChange,
    ) -> Result<&Network, Refusal> {
        self.fabric_network(account, id)?;
        let subnet = self.addresses.subnet(id);
        let first = change.first.unwrap_or(subnet.first());
        let last = change.last.unwrap_or(subnet.last());
        check_layout(subnet.with_range(first, last))?;
        if let Some(name) = &change.name {
            self.check_fabric_name(account, name, Some(id))?;
        }
        self.addresses.set_range(id, first, last);
        if let Some(network) = self.catalog.networks.iter_mut().find(|network| network.id == id) {
            network.name = change.name.unwrap_or_else(|| std::mem::take(&mut network.name));
            network.description =
                change.description.unwrap_or_else(|| std::mem::take(&mut network.description));
            network.resolvers =
                change.resolvers.unwrap_or_else(|| std::mem::take(&mut network.resolvers));
            network.routes = change.routes.unwrap_or_else(|| std::mem::take(&mut network.routes));
        }
        self.fabric_network(account, id)
    }

    /// # Errors
    /// 404, or 409 InvalidArgument for the default network and while NICs are on it.
    pub(crate) fn remove_fabric_network(&mut self, account: Uuid, id: Uuid) -> Result<(), Refusal> {
        if self.account(account)?.default_network == Some(id) {
            return Err(Refusal::invalid_argument("cannot delete default network"));
        }
        self.fabric_network(account, id)?;
        let used: Vec<String> =
            self.addresses.holders(id).map(|vm| format!("In use by zone \"{vm}\"")).collect();
        if !used.is_empty() {
            return Err(Refusal::invalid_argument(used.join(", ")));
        }
        self.addresses.remove(id);
        self.catalog.networks.retain(|network| network.id != id);
        Ok(())
    }

    /// # Errors
    /// 404 for what is not a fabric network of the account.
    pub(crate) fn fabric_network(&self, account: Uuid, id: Uuid) -> Result<&Network, Refusal> {
        let own = |network: &&Network| network.fabric && network.owner == Some(account);
        let network = self.catalog.find_network(id).filter(own);
        network.ok_or_else(|| Refusal::not_found("network not found"))
    }

    fn check_fabric_name(
        &self,
        account: Uuid,
        name: &str,
        except: Option<Uuid>,
    ) -> Result<(), Refusal> {
        let taken = self.catalog.networks.iter().any(|network| {
            network.owner == Some(account) && network.name == name && Some(network.id) != except
        });
        if taken {
            return Err(property("name", "name is in use by another network"));
        }
        Ok(())
    }
}

/// 409 InvalidArgument about one property.
pub(crate) fn property(name: &str, message: &str) -> Refusal {
    Refusal::invalid_argument(format!("property \"{name}\": {message}"))
}

/// Private ranges; loopback besides, which no real fabric takes, so that a user can have one whose addresses answer.
fn is_private(subnet: Subnet) -> bool {
    const PRIVATE: [(Ipv4Addr, u8); 4] = [
        (Ipv4Addr::new(10, 0, 0, 0), 8),
        (Ipv4Addr::new(172, 16, 0, 0), 12),
        (Ipv4Addr::new(192, 168, 0, 0), 16),
        (Ipv4Addr::new(127, 0, 0, 0), 8),
    ];
    let within = |(base, prefix): (Ipv4Addr, u8)| {
        let range = Subnet::new(base, prefix, None, base, base);
        range.contains(subnet.base()) && range.contains(subnet.broadcast())
    };
    PRIVATE.into_iter().any(within)
}

/// Everything is within the subnet, and the range to hand out is one.
fn check_layout(subnet: Subnet) -> Result<(), Refusal> {
    let (first, last) = (subnet.first(), subnet.last());
    let mut errors = Vec::new();
    for (name, ip) in [("provision_start_ip", first), ("provision_end_ip", last)] {
        if !subnet.contains(ip) {
            errors.push(format!("property \"{name}\": {name} cannot be outside subnet"));
        } else if ip == subnet.broadcast() {
            errors.push(format!("property \"{name}\": {name} cannot be the broadcast address"));
        }
    }
    if subnet.gateway().is_some_and(|gateway| !subnet.contains(gateway)) {
        errors.push("property \"gateway\": gateway cannot be outside subnet".to_owned());
    }
    if errors.is_empty() && first >= last {
        for name in ["provision_end_ip", "provision_start_ip"] {
            let message = "provision_start_ip must be before provision_end_ip";
            errors.push(format!("property \"{name}\": {message}"));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Refusal::invalid_argument(errors.join(", "))) }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::delays::Delays;

    fn world() -> (World, Uuid) {
        let mut world = World::new(Delays::none(), 1, 0, 1);
        let account = world.add_account("jill", Timestamp::UNIX_EPOCH);
        (world, account)
    }

    fn new(subnet: &str, first: &str, last: &str, gateway: Option<&str>) -> NewFabricNetwork {
        NewFabricNetwork {
            vlan_id: 2,
            name: "web".to_owned(),
            description: None,
            subnet: subnet.to_owned(),
            first: first.parse().unwrap(),
            last: last.parse().unwrap(),
            gateway: gateway.map(|gateway| gateway.parse().unwrap()),
            resolvers: Vec::new(),
            routes: BTreeMap::new(),
            internet_nat: true,
        }
    }

    #[track_caller]
    fn check(network: NewFabricNetwork, expected: Result<(), &str>) {
        let (mut world, account) = world();
        let made = world.add_fabric_network(account, network).map(|_| ());
        match (made, expected) {
            (Err(refusal), Err(part)) => {
                assert!(refusal.message.contains(part), "{}", refusal.message);
            }
            (made, expected) => assert_eq!(made.is_ok(), expected.is_ok(), "{made:?}"),
        }
    }

    #[test]
    fn a_fabric_network_must_fit_its_subnet() {
        check(new("10.1.0.0/24", "10.1.0.5", "10.1.0.250", Some("10.1.0.1")), Ok(()));
        check(new("10.1.0.0/24", "10.1.0.5", "10.1.0.250", None), Ok(()));
        check(new("127.200.0.0/24", "127.200.0.5", "127.200.0.9", None), Ok(()));
        check(new("10.1.0.0/24", "10.2.0.5", "10.1.0.250", None), Err("cannot be outside subnet"));
        check(new("10.1.0.0/24", "10.1.0.5", "10.1.0.255", None), Err("broadcast"));
        check(new("10.1.0.0/24", "10.1.0.9", "10.1.0.5", None), Err("must be before"));
        check(new("10.1.0.0/24", "10.1.0.5", "10.1.0.9", Some("10.2.0.1")), Err("gateway"));
        check(new("8.8.8.0/24", "8.8.8.1", "8.8.8.9", None), Err("private"));
        check(new("10.0.0.0/7", "10.0.0.1", "10.0.0.9", None), Err("private"));
        check(new("ten", "10.0.0.1", "10.0.0.9", None), Err("CIDR"));
        let other_vlan =
            NewFabricNetwork { vlan_id: 3, ..new("10.1.0.0/24", "10.1.0.5", "10.1.0.9", None) };
        check(other_vlan, Err("vlan not found"));
    }

    #[test]
    fn networks_of_one_account_do_not_overlap() {
        let (mut world, account) = world();
        let network = new("10.1.0.0/16", "10.1.0.5", "10.1.0.9", None);
        world.add_fabric_network(account, network.clone()).unwrap();
        let inside = NewFabricNetwork {
            name: "db".to_owned(),
            ..new("10.1.9.0/24", "10.1.9.5", "10.1.9.9", None)
        };
        let refusal = world.add_fabric_network(account, inside).unwrap_err();
        assert!(refusal.message.contains("overlaps"), "{}", refusal.message);
        let beside = new("10.2.0.0/16", "10.2.0.5", "10.2.0.9", None);
        let refusal = world.add_fabric_network(account, beside).unwrap_err();
        assert!(refusal.message.contains("name is in use"), "{}", refusal.message);
        let other = world.add_account("bob", Timestamp::UNIX_EPOCH);
        assert!(world.add_fabric_network(other, network).is_ok(), "another fabric");
    }

    #[test]
    fn every_account_has_a_default_fabric_of_its_own() {
        let (mut world, jill) = world();
        let default = |world: &World, id| world.account(id).unwrap().default_network.unwrap();
        assert_eq!(default(&world, jill), crate::world::seed::FABRIC_NETWORK);
        let others: Vec<Uuid> = (0..17)
            .map(|n| world.add_account(&format!("user{n}"), Timestamp::UNIX_EPOCH))
            .collect();
        let subnets: Vec<String> = others
            .iter()
            .map(|id| world.addresses.subnet(default(&world, *id)).to_string())
            .collect();
        assert_eq!(subnets[0], "127.64.192.0/22");
        assert_eq!(subnets[16], "192.168.128.0/22", "no real addresses are left");
        assert!(world.fabric_network(jill, default(&world, others[0])).is_err());
    }
}
