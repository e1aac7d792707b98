//! Addresses of NICs: one loopback address each, so that a running instance can really be reached.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The simulator's part of 127.0.0.0/8 is 127.64.0.0/10, cut into this many /16 blocks, one a simulator.
pub(crate) const BLOCKS: u8 = 64;
/// Networks share a block as /18s.
pub(crate) const NETWORKS_MAX: usize = 4;

const PREFIX: u8 = 18;
const SIZE: u32 = 1 << (32 - PREFIX as u32);

/// The range of addresses of one network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subnet {
    base: u32,
}

/// Which address belongs to which instance.
///
/// An address is handed out in order and not reused before the range has been walked, so a client that still talks
/// to a destroyed instance's address meets nobody rather than somebody else.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Addresses {
    block: u8,
    networks: Vec<Uuid>,
    cursors: BTreeMap<Uuid, u32>,
    taken: BTreeMap<Ipv4Addr, Uuid>,
}

// === impl Subnet ===

impl Subnet {
    /// The `index`th network of a block.
    fn of(block: u8, index: usize) -> Self {
        let block_base = u32::from(Ipv4Addr::new(127, 64 + block, 0, 0));
        Self { base: block_base + SIZE * u32::try_from(index).unwrap_or(0) }
    }

    pub(crate) fn netmask() -> Ipv4Addr {
        Ipv4Addr::from(u32::MAX << (32 - u32::from(PREFIX)))
    }

    pub(crate) fn gateway(self) -> Ipv4Addr {
        Ipv4Addr::from(self.base + 1)
    }

    pub(crate) fn first(self) -> Ipv4Addr {
        self.at(0)
    }

    /// The block's last addresses are not handed out: its guard listens there.
    pub(crate) fn last(self) -> Ipv4Addr {
        Ipv4Addr::from(self.base + SIZE - 6)
    }

    pub(crate) fn contains(self, address: Ipv4Addr) -> bool {
        (self.first()..=self.last()).contains(&address)
    }

    fn at(self, offset: u32) -> Ipv4Addr {
        Ipv4Addr::from(self.base + 5 + offset)
    }

    fn usable(self) -> u32 {
        u32::from(self.last()) - u32::from(self.first()) + 1
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{PREFIX}", Ipv4Addr::from(self.base))
    }
}

// === impl Addresses ===

impl Addresses {
    /// Addresses of `block` for these networks, at most [`NETWORKS_MAX`] of them.
    pub(crate) fn new(block: u8, networks: Vec<Uuid>) -> Self {
        Self { block, networks, cursors: BTreeMap::new(), taken: BTreeMap::new() }
    }

    /// The range of a network.
    pub(crate) fn subnet(&self, network: Uuid) -> Subnet {
        let index = self.networks.iter().position(|id| *id == network).unwrap_or(0);
        Subnet::of(self.block, index.min(NETWORKS_MAX - 1))
    }

    /// The next free address of a network; `None` when all are taken.
    pub(crate) fn take_next(&mut self, network: Uuid, instance: Uuid) -> Option<Ipv4Addr> {
        let subnet = self.subnet(network);
        let usable = subnet.usable();
        let cursor = self.cursors.entry(network).or_insert(0);
        for _ in 0..usable {
            let address = subnet.at(*cursor);
            *cursor = (*cursor + 1) % usable;
            if let std::collections::btree_map::Entry::Vacant(free) = self.taken.entry(address) {
                free.insert(instance);
                return Some(address);
            }
        }
        None
    }

    /// Takes exactly this address; says whether it was free.
    pub(crate) fn take(&mut self, address: Ipv4Addr, instance: Uuid) -> bool {
        if self.taken.contains_key(&address) {
            return false;
        }
        self.taken.insert(address, instance);
        true
    }

    /// Gives back what an instance held.
    pub(crate) fn release(&mut self, instance: Uuid) {
        self.taken.retain(|_, holder| *holder != instance);
    }

    /// Whose address this is.
    pub(crate) fn holder(&self, address: Ipv4Addr) -> Option<Uuid> {
        self.taken.get(&address).copied()
    }

    /// Gives one address back.
    pub(crate) fn give_back(&mut self, address: Ipv4Addr) {
        self.taken.remove(&address);
    }

    /// Addresses in use on a network, in order.
    pub(crate) fn used(&self, network: Uuid) -> impl Iterator<Item = (Ipv4Addr, Uuid)> + '_ {
        let subnet = self.subnet(network);
        self.taken
            .range(subnet.first()..=subnet.last())
            .map(|(address, instance)| (*address, *instance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_have_ranges_of_their_own() {
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut addresses = Addresses::new(3, vec![a, b]);
        let first = addresses.take_next(a, Uuid::nil()).unwrap();
        let second = addresses.take_next(b, Uuid::nil()).unwrap();
        assert_eq!(first, Ipv4Addr::new(127, 67, 0, 5));
        assert_eq!(second, Ipv4Addr::new(127, 67, 64, 5));
        assert_eq!(addresses.subnet(b).to_string(), "127.67.64.0/18");
        assert_eq!(Subnet::netmask(), Ipv4Addr::new(255, 255, 192, 0));
    }

    #[test]
    fn an_address_rests_before_it_is_used_again() {
        let network = Uuid::from_u128(1);
        let mut addresses = Addresses::new(0, vec![network]);
        let first = addresses.take_next(network, Uuid::from_u128(7)).unwrap();
        addresses.release(Uuid::from_u128(7));
        assert_ne!(addresses.take_next(network, Uuid::from_u128(8)), Some(first));
        assert!(addresses.take(first, Uuid::from_u128(9)));
        assert!(!addresses.take(first, Uuid::from_u128(10)));
    }
}
