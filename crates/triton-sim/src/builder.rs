//! How a simulator is set up.

mod error;
mod people;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::clock::Clock;
use crate::delays::Delays;
use crate::faults::Faults;
use crate::feed::Feed;
use crate::requests::Requests;
use crate::seeds::{Seeds, add_keys};
use crate::sim::{Sim, State};
use crate::state_file::StateFile;
use crate::throttle::{Throttle, ThrottleLimits};
use crate::world::{
    AccountKey, BLOCKS, COMPUTE_NODES_DEFAULT, DistantImage, Features, Image, ProvisionLimit, World,
};
use people::People;

pub use error::SeedError;

/// Collects what a [`Sim`] starts with; see [`Sim::builder`].
#[derive(Debug, Clone)]
pub struct SimBuilder {
    accounts: Vec<Account>,
    delays: Delays,
    seed: u64,
    throttle: Option<ThrottleLimits>,
    open_ports_max: usize,
    compute_nodes: usize,
    compute_node_memory_mib: Option<u64>,
    features: Features,
    fabric_package_prefixes: Vec<String>,
    history: Option<Duration>,
    fabrics_off: bool,
    datacenters: BTreeMap<String, String>,
    services: BTreeMap<String, String>,
    pools: Vec<(String, usize)>,
    started_at: Option<Timestamp>,
    virtual_clock: bool,
    state_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Default)]
struct Account {
    login: String,
    keys: Vec<String>,
    disabled: bool,
    operator: bool,
    role_operator: bool,
    barred: bool,
    unapproved: bool,
    cns: bool,
    limits: Vec<ProvisionLimit>,
    people: People,
    distant_images: Vec<(String, Uuid, String, String)>,
}

/// Where the holder of a block of addresses listens, so that no other simulator takes the block.
const GUARD_PORT: u16 = 6464;

// === impl SimBuilder ===

impl Default for SimBuilder {
    fn default() -> Self {
        Self {
            accounts: Vec::new(),
            delays: Delays::default(),
            seed: 1,
            throttle: Some(ThrottleLimits::default()),
            open_ports_max: usize::MAX,
            compute_nodes: COMPUTE_NODES_DEFAULT,
            compute_node_memory_mib: None,
            features: Features::default(),
            fabric_package_prefixes: Vec::new(),
            history: None,
            fabrics_off: false,
            datacenters: BTreeMap::new(),
            services: BTreeMap::new(),
            pools: Vec::new(),
            started_at: None,
            virtual_clock: false,
            state_file: None,
        }
    }
}

impl SimBuilder {
    /// Adds an account; the calls below that speak of an account mean the last one.
    #[must_use]
    pub fn account(mut self, login: impl Into<String>) -> Self {
        self.accounts.push(Account { login: login.into(), ..Account::default() });
        self
    }

    /// Gives the account a key: one line of OpenSSH public key text.
    #[must_use]
    pub fn key(mut self, openssh: impl Into<String>) -> Self {
        self.last().keys.push(openssh.into());
        self
    }

    /// Disables the account: all its requests are answered 403.
    #[must_use]
    pub fn disabled(mut self) -> Self {
        self.last().disabled = true;
        self
    }

    /// Makes the account an operator, who may act on others' accounts.
    #[must_use]
    pub fn operator(mut self) -> Self {
        self.last().operator = true;
        self
    }

    /// Puts the account among the operators of `role-operators`, who may act on others' accounts when they ask for
    /// `as-role=_operator`.
    #[must_use]
    pub fn role_operator(mut self) -> Self {
        self.last().role_operator = true;
        self
    }

    /// Does not allow the account in this datacenter: all its requests are answered 403.
    #[must_use]
    pub fn barred(mut self) -> Self {
        self.last().barred = true;
        self
    }

    /// The operator has not approved the account: it can create no instances.
    #[must_use]
    pub fn unapproved(mut self) -> Self {
        self.last().unapproved = true;
        self
    }

    /// Gives the account an image in another datacenter, from where it can be imported.
    #[must_use]
    pub fn image_elsewhere(
        mut self,
        datacenter: impl Into<String>,
        id: Uuid,
        name: impl Into<String>,
        version: impl Into<String>,
    ) -> Self {
        let image = (datacenter.into(), id, name.into(), version.into());
        self.last().distant_images.push(image);
        self
    }

    /// Switches the account's CNS on, which shortens names to 63 characters and shows `dns_names`.
    #[must_use]
    pub fn cns(mut self) -> Self {
        self.last().cns = true;
        self
    }

    /// How long things take. Default: [`Delays::default`].
    #[must_use]
    pub fn delays(mut self, delays: Delays) -> Self {
        self.delays = delays;
        self
    }

    /// Where UUIDs, MAC addresses, jitter and faults' luck come from. Default: 1.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The request rate at which 429 begins; `None` is never. Default: bursts of 30, 10 a second.
    #[must_use]
    pub fn throttle(mut self, limits: Option<ThrottleLimits>) -> Self {
        self.throttle = limits;
        self
    }

    /// Whether running instances really listen on their addresses. Default: yes. Without it nothing needs a network.
    #[must_use]
    pub fn listen(self, listen: bool) -> Self {
        self.open_ports_max(if listen { usize::MAX } else { 0 })
    }

    /// How many ports of instances are open at a time, each of them an open file; the others refuse. Default: all.
    #[must_use]
    pub fn open_ports_max(mut self, max: usize) -> Self {
        self.open_ports_max = max;
        self
    }

    /// How many compute nodes affinity rules have to choose from. Default: 4.
    #[must_use]
    pub fn compute_nodes(mut self, count: usize) -> Self {
        self.compute_nodes = count;
        self
    }

    /// How much memory instances may have on each compute node together, in MiB. Default: without end.
    ///
    /// When no node has enough left, CreateMachine is refused with NoAllocatableServersError.
    #[must_use]
    pub fn compute_node_memory_mib(mut self, memory_mib: u64) -> Self {
        self.compute_node_memory_mib = Some(memory_mib);
        self
    }

    /// What the operator has switched on. Default: [`Features::default`].
    #[must_use]
    pub fn features(mut self, features: Features) -> Self {
        self.features = features;
        self
    }

    /// Lets only packages whose names begin so onto fabric networks; may be called several times. Default: all packages.
    #[must_use]
    pub fn fabric_package_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.fabric_package_prefixes.push(prefix.into());
        self
    }

    /// How long deleted and failed instances are remembered: GetMachine answers 410 for that long, and 404 then.
    /// Default: 30 days.
    #[must_use]
    pub fn history(mut self, history: Duration) -> Self {
        self.history = Some(history);
        self
    }

    /// Limits what the account may have; see [`ProvisionLimit`]. May be called several times.
    #[must_use]
    pub fn limit(mut self, limit: ProvisionLimit) -> Self {
        self.last().limits.push(limit);
        self
    }

    /// Whether accounts can make networks of their own; without it fabric endpoints answer 501. Default: yes.
    #[must_use]
    pub fn fabrics(mut self, fabrics: bool) -> Self {
        self.fabrics_off = !fabrics;
        self
    }

    /// Adds another datacenter, which ListDatacenters shows beside this one.
    #[must_use]
    pub fn datacenter(mut self, name: impl Into<String>, url: impl Into<String>) -> Self {
        self.datacenters.insert(name.into(), url.into());
        self
    }

    /// Adds a service, such as `manta`, which ListServices shows beside CloudAPI itself.
    #[must_use]
    pub fn service(mut self, name: impl Into<String>, url: impl Into<String>) -> Self {
        self.services.insert(name.into(), url.into());
        self
    }

    /// Adds a public network pool of so many networks.
    #[must_use]
    pub fn network_pool(mut self, name: impl Into<String>, networks: usize) -> Self {
        self.pools.push((name.into(), networks));
        self
    }

    /// The wall time at the start. Default: now.
    #[must_use]
    pub fn started_at(mut self, at: Timestamp) -> Self {
        self.started_at = Some(at);
        self
    }

    /// The datacenter's time stands still until [`Sim::advance`]: jobs, throttle, faults' times and batches of the
    /// changefeed wait for it. What a caller waits for, and the dates of requests and answers, are real.
    #[must_use]
    pub fn virtual_clock(mut self, is_virtual: bool) -> Self {
        self.virtual_clock = is_virtual;
        self
    }

    /// Begins with what this file holds, if it is there, and is where [`Sim::save_state`] writes to.
    ///
    /// A saved state brings its accounts, catalog and compute nodes along; accounts that are named here too get the keys they
    /// lack. Jobs that became due in the meantime run at once.
    #[must_use]
    pub fn state_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.state_file = Some(path.into());
        self
    }

    /// Sets the simulator up.
    ///
    /// # Errors
    /// [`SeedError`], for accounts and keys that cannot be, for a state file that cannot be read, and when there are too many
    /// simulators on the computer.
    pub fn build(self) -> Result<Sim, SeedError> {
        let clock = self.started_at.map_or_else(Clock::starting_now, Clock::starting_at);
        let clock = if self.virtual_clock { clock.into_virtual() } else { clock };
        let file = self.state_file.as_deref().map(StateFile::read).transpose()?.flatten();
        let (saved, add) = file.map_or((None, Seeds::default()), |file| (file.world, file.add));
        let wanted = saved.as_ref().map(|world| world.addresses.block());
        let (max, throttle, seed) = (self.open_ports_max, self.throttle, self.seed);
        let (block, guard) = if max > 0 { claim_block(wanted)? } else { (0, None) };
        let state_path = self.state_file.clone();
        let mut world = match saved {
            Some(world) => self.waken(*world, clock.now())?,
            None => self.begin(block, clock.now())?,
        };
        add.plant(&mut world, clock.now())?;
        let state = State {
            world,
            faults: Faults::new(seed),
            cmon_throttle: Throttle::new(throttle.map(|_| ThrottleLimits::cmon())),
            throttle: Throttle::new(throttle),
            requests: Requests::default(),
            feed: Feed::default(),
            read_only: None,
        };
        Ok(Sim::new(state, clock, guard.map(|guard| (guard, max)), state_path))
    }

    /// The datacenter as it was left.
    fn waken(self, mut world: World, now: Timestamp) -> Result<World, SeedError> {
        world.wake_up(self.delays);
        for account in &self.accounts {
            match world.find_account(&account.login).map(|account| account.id) {
                Some(id) => add_keys(&mut world, id, &account.keys)?,
                None => add_account(&mut world, account, now)?,
            }
        }
        Ok(world)
    }

    /// A datacenter in which nothing has happened yet.
    fn begin(self, block: u8, now: Timestamp) -> Result<World, SeedError> {
        let mut world = World::new(self.delays, self.seed, block, self.compute_nodes);
        world.features = self.features;
        world.fabric_package_prefixes = self.fabric_package_prefixes;
        world.history = self.history.unwrap_or(world.history);
        for node in &mut world.compute_nodes {
            node.memory_mib = self.compute_node_memory_mib;
        }
        world.catalog.fabrics_off = self.fabrics_off;
        world.catalog.datacenters = self.datacenters;
        world.catalog.services = self.services;
        for (name, networks) in self.pools {
            if !world.add_pool(&name, true, networks) {
                return Err(SeedError::PoolTooLarge { name });
            }
        }
        for account in &self.accounts {
            add_account(&mut world, account, now)?;
        }
        Ok(world)
    }

    /// The account that was named last; a nameless one, which [`SimBuilder::build`] refuses, if none was.
    fn last(&mut self) -> &mut Account {
        if self.accounts.is_empty() {
            self.accounts.push(Account::default());
        }
        let last = self.accounts.len() - 1;
        &mut self.accounts[last]
    }
}

fn add_account(world: &mut World, seed: &Account, now: Timestamp) -> Result<(), SeedError> {
    let login = seed.login.clone();
    if login.is_empty() {
        return Err(SeedError::NoAccount);
    }
    if world.find_account(&login).is_some() {
        return Err(SeedError::DuplicateAccount { login });
    }
    let id = world.add_account(&login, now);
    world.limits.insert(id, seed.limits.clone());
    let Ok(account) = world.account_mut(id) else { return Err(SeedError::NoAccount) };
    account.disabled = seed.disabled;
    account.operator = seed.operator;
    account.role_operator = seed.role_operator;
    account.barred = seed.barred;
    account.unapproved = seed.unapproved;
    account.cns_enabled = seed.cns;
    for text in &seed.keys {
        let key = AccountKey::from_openssh(text, None);
        let key = key.map_err(|source| SeedError::Key { login: login.clone(), source })?;
        account.keys.add(key).map_err(|_| SeedError::DuplicateKey { login: login.clone() })?;
    }
    for (datacenter, image, name, version) in &seed.distant_images {
        let image = Image::of_account(*image, id, name, version, now);
        world.catalog.distant.push(DistantImage { datacenter: datacenter.clone(), image });
    }
    seed.people.settle(world, &login, now)
}

/// This block of addresses, else the first that no other simulator holds; it is held as long as the socket lives.
fn claim_block(wanted: Option<u8>) -> Result<(u8, Option<TcpListener>), SeedError> {
    let claim = |block: u8| {
        let address = SocketAddrV4::new(Ipv4Addr::new(127, 64 + block, 255, 254), GUARD_PORT);
        TcpListener::bind(address).ok().map(|guard| (block, Some(guard)))
    };
    match wanted {
        Some(block) if block < BLOCKS => {
            claim(block).ok_or(SeedError::AddressesTaken { second: 64 + block })
        }
        _ => (0..BLOCKS).find_map(claim).ok_or(SeedError::NoAddresses),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(builder: SimBuilder, expected: &str) {
        let error = builder.listen(false).build().unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }

    #[tokio::test]
    async fn what_cannot_be_is_said() {
        check(SimBuilder::default().key("ssh-ed25519 AAAA"), "account() first");
        check(SimBuilder::default().account("jill").key("nonsense"), "public key of account jill");
        check(SimBuilder::default().account("jill").account("jill"), "account jill a second time");
        let jill = || SimBuilder::default().account("jill");
        check(jill().sub_user("x"), "sub-user x of account jill: login: x is invalid");
        check(jill().policy("p", ["may all"]), "expecting CAN");
        check(jill().role("r", ["p"]), "no policy p");
        check(jill().role("r", [""; 0]).member("bob"), "no sub-user bob");
        check(jill().role_tag("/machines", ["r"]), "Role(s) r not found");
        check(jill().network_pool("big", 99), "network pool big");
    }

    #[tokio::test]
    async fn two_simulators_have_different_addresses() {
        let (a, _guard_a) = claim_block(None).unwrap();
        let (b, _guard_b) = claim_block(None).unwrap();
        assert_ne!(a, b);
    }
}
