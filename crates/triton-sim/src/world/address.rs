//! Addresses of NICs, and who holds them.
//!
//! The seeded networks lie in 127.64.0.0/10, so that a running instance can really be reached. Fabric networks that users
//! make have the subnet they were given, and each network counts for itself: two accounts may use the same range.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The simulator's part of 127.0.0.0/8 is 127.64.0.0/10, cut into this many /16 blocks, one a simulator.
pub(crate) const BLOCKS: u8 = 64;
/// Networks share a block as /18s.
pub(crate) const NETWORKS_MAX: usize = 4;
/// The last of them is cut into /22s: the default fabrics of accounts after the first.
const SMALL_NETWORKS_MAX: usize = 15;

const PREFIX: u8 = 18;
const SMALL_PREFIX: u8 = 22;
/// Addresses at the beginning of a seeded network that are not handed out; the first of them is the gateway.
const KEPT_FIRST: u32 = 5;
/// And at the end, where the guard of a block listens.
const KEPT_LAST: u32 = 6;

/// How a network is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subnet {
    base: Ipv4Addr,
    prefix: u8,
    gateway: Option<Ipv4Addr>,
    first: Ipv4Addr,
    last: Ipv4Addr,
}

/// Who has an address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IpRecord {
    /// The instance whose NIC it is.
    pub(crate) holder: Option<Uuid>,
    /// Somebody wants it kept: it is only handed out by name.
    pub(crate) reserved: bool,
    /// Triton's own, such as a gateway.
    pub(crate) managed: bool,
}

/// Which address belongs to which instance.
///
/// An address is handed out in order and not reused before the range has been walked, so a client that still talks
/// to a destroyed instance's address meets nobody rather than somebody else.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Addresses {
    block: u8,
    ranges: BTreeMap<Uuid, Range>,
    /// Which networks an instance has addresses on, so that releasing them looks at nothing else.
    held: BTreeMap<Uuid, Vec<(Uuid, Ipv4Addr)>>,
    small_networks: usize,
}

#[derive(Debug, Serialize, Deserialize)]
struct Range {
    subnet: Subnet,
    /// Where the next search begins, counted from the first address of the range.
    cursor: u32,
    records: BTreeMap<Ipv4Addr, IpRecord>,
}

// === impl Subnet ===

impl Subnet {
    /// A subnet with the range that is handed out. Whoever makes one has checked that all of it fits together.
    pub(crate) fn new(
        base: Ipv4Addr,
        prefix: u8,
        gateway: Option<Ipv4Addr>,
        first: Ipv4Addr,
        last: Ipv4Addr,
    ) -> Self {
        Self { base, prefix, gateway, first, last }
    }

    /// The `index`th part of a block.
    fn of_block(block: u8, offset: u32, prefix: u8) -> Self {
        let base = u32::from(Ipv4Addr::new(127, 64 + block, 0, 0)) + offset;
        let last = base + size(prefix) - KEPT_LAST;
        let [gateway, first, last] = [base + 1, base + KEPT_FIRST, last].map(Ipv4Addr::from);
        Self { base: Ipv4Addr::from(base), prefix, gateway: Some(gateway), first, last }
    }

    /// `10.1.0.0/16`: an address without host bits, and a prefix length.
    pub(crate) fn parse_cidr(text: &str) -> Option<(Ipv4Addr, u8)> {
        let (address, prefix) = text.split_once('/')?;
        let (address, prefix): (Ipv4Addr, u8) = (address.parse().ok()?, prefix.parse().ok()?);
        (prefix <= 32).then(|| (Ipv4Addr::from(u32::from(address) & mask(prefix)), prefix))
    }

    pub(crate) fn netmask(self) -> Ipv4Addr {
        Ipv4Addr::from(mask(self.prefix))
    }

    /// `None` for a fabric network that was made without one.
    pub(crate) fn gateway(self) -> Option<Ipv4Addr> {
        self.gateway
    }

    /// The first address that is handed out.
    pub(crate) fn first(self) -> Ipv4Addr {
        self.first
    }

    /// The last address that is handed out.
    pub(crate) fn last(self) -> Ipv4Addr {
        self.last
    }

    /// The same network with another range to hand out.
    pub(crate) fn with_range(self, first: Ipv4Addr, last: Ipv4Addr) -> Self {
        Self { first, last, ..self }
    }

    pub(crate) fn base(self) -> Ipv4Addr {
        self.base
    }

    pub(crate) fn broadcast(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.base) | !mask(self.prefix))
    }

    /// Whether the address is in the subnet, handed out or not.
    pub(crate) fn contains(self, address: Ipv4Addr) -> bool {
        u32::from(address) & mask(self.prefix) == u32::from(self.base)
    }

    /// Whether two subnets have addresses in common.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.contains(other.base) || other.contains(self.base)
    }

    fn at(self, offset: u32) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.first) + offset)
    }

    fn usable(self) -> u32 {
        u32::from(self.last) - u32::from(self.first) + 1
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

fn size(prefix: u8) -> u32 {
    1 << (32 - u32::from(prefix))
}

// === impl Addresses ===

impl Addresses {
    /// Addresses of `block` for these networks; the first three of them get a range there, one can always be added.
    pub(crate) fn new(block: u8, networks: Vec<Uuid>) -> Self {
        let mut addresses = Self { block, ..Self::default() };
        for (index, network) in networks.into_iter().enumerate().take(NETWORKS_MAX - 1) {
            let offset = size(PREFIX) * u32::try_from(index).unwrap_or(0);
            addresses.add(network, Subnet::of_block(block, offset, PREFIX));
        }
        addresses
    }

    /// Which block they are in.
    pub(crate) fn block(&self) -> u8 {
        self.block
    }

    /// Lays a network out.
    pub(crate) fn add(&mut self, network: Uuid, subnet: Subnet) {
        let managed = IpRecord { holder: None, reserved: true, managed: true };
        let records = subnet.gateway.map(|gateway| (gateway, managed)).into_iter().collect();
        self.ranges.insert(network, Range { subnet, cursor: 0, records });
    }

    /// Lays out a small network whose addresses are real ones; says whether there was room.
    pub(crate) fn add_small(&mut self, network: Uuid) -> bool {
        let index = self.small_networks;
        if index >= SMALL_NETWORKS_MAX {
            return false;
        }
        self.small_networks += 1;
        let index = u32::try_from(index).unwrap_or(0);
        let offset = size(PREFIX) * 3 + size(SMALL_PREFIX) * index;
        self.add(network, Subnet::of_block(self.block, offset, SMALL_PREFIX));
        true
    }

    /// Forgets a network.
    pub(crate) fn remove(&mut self, network: Uuid) {
        self.ranges.remove(&network);
    }

    /// Changes the range a network hands out.
    pub(crate) fn set_range(&mut self, network: Uuid, first: Ipv4Addr, last: Ipv4Addr) {
        if let Some(range) = self.ranges.get_mut(&network) {
            range.subnet = range.subnet.with_range(first, last);
            range.cursor = 0;
        }
    }

    /// How a network is laid out; one address that is nobody's for a network that is not here.
    pub(crate) fn subnet(&self, network: Uuid) -> Subnet {
        let nowhere = Ipv4Addr::UNSPECIFIED;
        let none = Subnet::new(nowhere, 32, None, nowhere, nowhere);
        self.ranges.get(&network).map_or(none, |range| range.subnet)
    }

    /// The next free address of a network; `None` when all are taken.
    pub(crate) fn take_next(&mut self, network: Uuid, instance: Uuid) -> Option<Ipv4Addr> {
        let range = self.ranges.get_mut(&network)?;
        let (subnet, usable) = (range.subnet, range.subnet.usable());
        for _ in 0..usable {
            let address = subnet.at(range.cursor);
            range.cursor = (range.cursor + 1) % usable;
            if let std::collections::btree_map::Entry::Vacant(free) = range.records.entry(address) {
                free.insert(IpRecord { holder: Some(instance), ..IpRecord::default() });
                self.held.entry(instance).or_default().push((network, address));
                return Some(address);
            }
        }
        None
    }

    /// Whether a network has a free address.
    pub(crate) fn has_room(&self, network: Uuid) -> bool {
        self.ranges.get(&network).is_some_and(|range| {
            let (first, last) = (range.subnet.first, range.subnet.last);
            let taken = range.records.range(first..=last).count();
            u32::try_from(taken).is_ok_and(|taken| taken < range.subnet.usable())
        })
    }

    /// Takes exactly this address; says whether nobody else has it. A reserved one may be taken.
    pub(crate) fn take(&mut self, network: Uuid, address: Ipv4Addr, instance: Uuid) -> bool {
        let Some(range) = self.ranges.get_mut(&network) else { return false };
        let record = range.records.entry(address).or_default();
        if record.managed || record.holder.is_some() {
            return false;
        }
        record.holder = Some(instance);
        self.held.entry(instance).or_default().push((network, address));
        true
    }

    /// Gives back what an instance held.
    pub(crate) fn release(&mut self, instance: Uuid) {
        for (network, address) in self.held.remove(&instance).unwrap_or_default() {
            self.free(network, address);
        }
    }

    /// Whose address this is, on a network that has it.
    pub(crate) fn holder(&self, address: Ipv4Addr) -> Option<Uuid> {
        self.ranges.values().find_map(|range| range.records.get(&address)?.holder)
    }

    /// Gives back one address of an instance.
    pub(crate) fn release_one(&mut self, instance: Uuid, network: Uuid, address: Ipv4Addr) {
        let Some(held) = self.held.get_mut(&instance) else { return };
        if let Some(index) = held.iter().position(|entry| *entry == (network, address)) {
            held.remove(index);
            self.free(network, address);
        }
    }

    /// Reserves an address, or ends that.
    pub(crate) fn reserve(&mut self, network: Uuid, address: Ipv4Addr, reserved: bool) {
        if let Some(range) = self.ranges.get_mut(&network) {
            range.records.entry(address).or_default().reserved = reserved;
            range.forget_if_free(address);
        }
    }

    /// What is known about an address; a free one has an empty record.
    pub(crate) fn record(&self, network: Uuid, address: Ipv4Addr) -> IpRecord {
        let range = self.ranges.get(&network);
        range.and_then(|range| range.records.get(&address)).copied().unwrap_or_default()
    }

    /// Addresses of a network that are not free, in order.
    pub(crate) fn records(&self, network: Uuid) -> impl Iterator<Item = (Ipv4Addr, IpRecord)> + '_ {
        let records = self.ranges.get(&network).map(|range| range.records.iter());
        records.into_iter().flatten().map(|(address, record)| (*address, *record))
    }

    /// Instances with an address on a network.
    pub(crate) fn holders(&self, network: Uuid) -> impl Iterator<Item = Uuid> + '_ {
        self.records(network).filter_map(|(_, record)| record.holder)
    }

    fn free(&mut self, network: Uuid, address: Ipv4Addr) {
        if let Some(range) = self.ranges.get_mut(&network) {
            if let Some(record) = range.records.get_mut(&address) {
                record.holder = None;
            }
            range.forget_if_free(address);
        }
    }
}

// === impl Range ===

impl Range {
    fn forget_if_free(&mut self, address: Ipv4Addr) {
        if self.records.get(&address) == Some(&IpRecord::default()) {
            self.records.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);

    fn instance(number: u128) -> Uuid {
        Uuid::from_u128(100 + number)
    }

    #[test]
    fn networks_have_ranges_of_their_own() {
        let mut addresses = Addresses::new(3, vec![A, B]);
        let first = addresses.take_next(A, instance(0)).unwrap();
        let second = addresses.take_next(B, instance(0)).unwrap();
        assert_eq!(first, Ipv4Addr::new(127, 67, 0, 5));
        assert_eq!(second, Ipv4Addr::new(127, 67, 64, 5));
        let subnet = addresses.subnet(B);
        assert_eq!(subnet.to_string(), "127.67.64.0/18");
        assert_eq!(subnet.netmask(), Ipv4Addr::new(255, 255, 192, 0));
        assert_eq!(subnet.broadcast(), Ipv4Addr::new(127, 67, 127, 255));
    }

    #[test]
    fn small_networks_share_the_last_part_of_a_block() {
        let mut addresses = Addresses::new(0, vec![A]);
        let ids: Vec<Uuid> = (0..16).map(|n| Uuid::from_u128(1000 + n)).collect();
        let fits: Vec<bool> = ids.iter().map(|id| addresses.add_small(*id)).collect();
        assert_eq!(fits.iter().filter(|fits| **fits).count(), 15);
        assert_eq!(addresses.subnet(ids[0]).to_string(), "127.64.192.0/22");
        assert_eq!(addresses.subnet(ids[14]).to_string(), "127.64.248.0/22");
        assert!(!addresses.subnet(ids[0]).overlaps(addresses.subnet(ids[1])));
    }

    #[test]
    fn an_address_rests_before_it_is_used_again() {
        let mut addresses = Addresses::new(0, vec![A]);
        let first = addresses.take_next(A, instance(7)).unwrap();
        addresses.release(instance(7));
        assert_ne!(addresses.take_next(A, instance(8)), Some(first));
        assert!(addresses.take(A, first, instance(9)));
        assert!(!addresses.take(A, first, instance(10)));
        addresses.release_one(instance(9), A, first);
        assert!(addresses.take(A, first, instance(10)));
    }

    #[test]
    fn a_range_ends_and_reserved_addresses_are_left_out() {
        let [base, first, second, last] = [0, 1, 2, 3].map(|n| Ipv4Addr::new(10, 0, 0, n));
        let mut addresses = Addresses::default();
        addresses.add(A, Subnet::new(base, 29, Some(first), first, last));
        addresses.reserve(A, second, true);
        assert_eq!(addresses.take_next(A, instance(1)), Some(last), "the gateway is nobody's");
        assert_eq!(addresses.take_next(A, instance(2)), None);
        assert!(!addresses.take(A, first, instance(2)), "managed");
        assert!(addresses.take(A, second, instance(2)), "asked for by name");
        addresses.release(instance(2));
        assert!(addresses.record(A, second).reserved, "still reserved");
        addresses.reserve(A, second, false);
        assert_eq!(addresses.record(A, second), IpRecord::default());
        assert_eq!(addresses.records(A).count(), 2);
    }

    #[test]
    fn subnets_are_read_and_compared() {
        let subnet = |text: &str| {
            let (base, prefix) = Subnet::parse_cidr(text).unwrap();
            Subnet::new(base, prefix, None, base, base)
        };
        assert_eq!(subnet("10.1.2.3/16").to_string(), "10.1.0.0/16");
        assert!(subnet("10.0.0.0/8").overlaps(subnet("10.9.0.0/24")));
        assert!(subnet("10.9.0.0/24").overlaps(subnet("10.0.0.0/8")));
        assert!(!subnet("10.0.0.0/24").overlaps(subnet("10.0.1.0/24")));
        assert!(subnet("0.0.0.0/0").contains(Ipv4Addr::BROADCAST));
        for text in ["10.0.0.0", "10.0.0.0/33", "10.0.0/8", "a/8", ""] {
            assert!(Subnet::parse_cidr(text).is_none(), "{text}");
        }
    }
}
