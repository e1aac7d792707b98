//! The simulated datacenter: synchronous, without a clock of its own, every moment an argument.

mod access_key;
mod account;
mod address;
mod affinity;
mod behind_back;
mod brand;
mod catalog;
mod changes;
mod cns;
mod compute_node;
mod create;
mod directory;
mod disk;
mod fabric;
mod features;
mod filter;
mod firewall;
mod image;
mod index;
mod instance;
mod job;
mod key;
mod late_rules;
mod lifecycle;
mod migration;
mod name;
mod network;
mod ports;
mod quota;
mod rbac;
mod seed;
mod snapshot;
mod tags;
mod tracked;
mod user;
mod volume;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub(crate) use access_key::AccessKey;
pub(crate) use account::{Account, CONTACT_FIELDS};
pub(crate) use address::{Addresses, BLOCKS, IpRecord, Subnet};
pub(crate) use affinity::{Locality, check_rules as check_affinity_rules};
pub(crate) use behind_back::Deed;
pub(crate) use brand::Brand;
pub(crate) use catalog::{Catalog, Package};
pub use changes::{ChangeRecord, ChangedBy, ResourceKind};
pub(crate) use changes::{Changes, Item};
pub use cns::ResolvedName;
pub(crate) use cns::dns_suffixes;
pub(crate) use compute_node::ComputeNode;
pub use compute_node::{Condition, ShownState};
pub(crate) use create::{CreateParams, NetworkRequest};
pub(crate) use directory::Directory;
pub(crate) use disk::{DISKS_MAX, Disk, too_many as too_many_disks};
pub(crate) use fabric::{FabricNetworkChange, NewFabricNetwork, Vlan, is_fabric_name, property};
pub use features::Features;
pub(crate) use filter::{InstanceFilter, StateFilter, wildcard_matches};
pub(crate) use firewall::FirewallRule;
pub(crate) use image::{DistantImage, Image, ImageState, ImageType, Manifest, imgapi};
pub(crate) use instance::{Caller, Fate, Instance, JobFate, Nic};
pub use instance::{InstanceState, Transition};
pub(crate) use job::{JobKind, KEPT_METADATA};
pub(crate) use key::{AccountKey, KeyRing};
pub(crate) use migration::Phase;
pub(crate) use name::{LENGTH_MAX as NAME_LENGTH_MAX, check_dns_length};
pub(crate) use name::{check_name, duplicate, has_only_name_characters};
pub(crate) use network::{Network, Pool};
pub(crate) use ports::{Door, Doors};
pub use quota::{LimitBy, LimitCheck, ProvisionLimit};
pub(crate) use rbac::{
    ADMINISTRATOR, Attempt, Fact, Member, MemberKind, Policy, Role, active_roles, is_allowed,
};
pub(crate) use snapshot::default_name as default_snapshot_name;
pub(crate) use tags::{check_tags, is_docker_reserved, text_of};
pub(crate) use tracked::Tracked;
pub(crate) use user::{SubUser, check_email, check_login};
pub(crate) use volume::{Mount, SIZES_MIB as VOLUME_SIZES_MIB, TYPE as VOLUME_TYPE};
pub(crate) use volume::{Volume, VolumeParams, Volumes, is_name as is_volume_name};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use {affinity::AffinityRule, firewall::RuleText};

use crate::delays::Delays;
use crate::refusal::Refusal;
use cns::CnsZone;
use firewall::RuleIndex;
use index::Index;
use lifecycle::{Agenda, Stalled};

/// The datacenter: accounts, what instances are made of, instances, firewall rules and the jobs that are due.
///
/// A state file holds what is not skipped; the rest is made anew from it, or belongs to the run of a program.
#[derive(Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct World {
    pub(crate) accounts: BTreeMap<Uuid, Account>,
    /// What signatures and permissions are checked against; follows the accounts.
    #[serde(skip)]
    pub(crate) directory: Directory,
    pub(crate) catalog: Catalog,
    pub(crate) instances: Tracked<Instance>,
    pub(crate) rules: Tracked<FirewallRule>,
    pub(crate) volumes: Volumes,
    pub(crate) addresses: Addresses,
    #[serde(skip)]
    pub(crate) delays: Delays,
    /// Grows with each change, so that a watcher knows whether to look.
    #[serde(skip)]
    pub(crate) changes: u64,
    /// What changed, told by [`World::settle`].
    #[serde(skip)]
    pub(crate) journal: Changes,
    /// The instance whose job was accepted last.
    #[serde(skip)]
    pub(crate) submitted: Option<Uuid>,
    /// Rules whose change is not in force yet, as they were before it.
    late_rules: BTreeMap<Uuid, Option<FirewallRule>>,
    /// Finds instances.
    #[serde(skip)]
    index: Index,
    /// Finds firewall rules.
    #[serde(skip)]
    rule_index: RuleIndex,
    /// Whose ports have to be looked at; only kept when somebody does.
    #[serde(skip)]
    doors_due: Option<BTreeSet<Uuid>>,
    pub(crate) compute_nodes: Vec<ComputeNode>,
    /// What DNS says; it follows the instances after a while.
    pub(crate) cns: CnsZone,
    /// Those that had CNS enabled when it last looked.
    cns_accounts: BTreeSet<Uuid>,
    /// Those it will look at soon.
    cns_due: BTreeSet<Uuid>,
    /// What accounts may have at most.
    pub(crate) limits: BTreeMap<Uuid, Vec<ProvisionLimit>>,
    pub(crate) features: Features,
    /// Packages whose names begin so may be used on fabric networks; none means all.
    pub(crate) fabric_package_prefixes: Vec<String>,
    agenda: Agenda,
    stalled: Stalled,
    /// Deleted and failed instances, by when they became that.
    #[serde(skip)]
    graves: VecDeque<(Timestamp, Uuid)>,
    /// How long deleted and failed instances are remembered.
    pub(crate) history: Duration,
    #[serde(skip)]
    random: StdRng,
    /// The seed from which a loaded datacenter draws.
    luck: u64,
}

/// How many compute nodes there are if nobody says.
pub(crate) const COMPUTE_NODES_DEFAULT: usize = 4;
/// A real datacenter remembers for months.
const HISTORY_DEFAULT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Dates as CloudAPI writes them: ISO 8601, UTC, milliseconds.
pub(crate) fn iso(at: Timestamp) -> String {
    format!("{at:.3}")
}

// === impl World ===

/// What a state file leaves out is as in a datacenter that nobody has touched.
impl Default for World {
    fn default() -> Self {
        Self::new(Delays::default(), 1, 0, COMPUTE_NODES_DEFAULT)
    }
}

impl World {
    /// Before it is written down: what is drawn after loading is not what was drawn before.
    pub(crate) fn draw_luck(&mut self) {
        self.luck = self.random.random();
    }

    /// After it was loaded.
    pub(crate) fn wake_up(&mut self, delays: Delays) {
        self.delays = delays;
        self.random = StdRng::seed_from_u64(self.luck);
        // CMON serves once it is asked to.
        self.catalog.services.remove("cmon");
        self.take_for_known();
    }

    /// A datacenter with the seeded catalog and nobody in it.
    pub(crate) fn new(delays: Delays, seed: u64, block: u8, compute_nodes: usize) -> Self {
        let catalog = seed::catalog();
        let networks = catalog.networks.iter().map(|network| network.id).collect();
        let mut world = Self {
            accounts: BTreeMap::new(),
            directory: Directory::default(),
            catalog,
            instances: Tracked::default(),
            rules: Tracked::default(),
            volumes: Volumes::default(),
            addresses: Addresses::new(block, networks),
            delays,
            changes: 0,
            journal: Changes::default(),
            submitted: None,
            late_rules: BTreeMap::new(),
            index: Index::default(),
            rule_index: RuleIndex::default(),
            doors_due: None,
            compute_nodes: Vec::new(),
            cns: CnsZone::new(),
            cns_accounts: BTreeSet::new(),
            cns_due: BTreeSet::new(),
            limits: BTreeMap::new(),
            features: Features::default(),
            fabric_package_prefixes: Vec::new(),
            agenda: Agenda::default(),
            stalled: Stalled::default(),
            graves: VecDeque::new(),
            history: HISTORY_DEFAULT,
            random: StdRng::seed_from_u64(seed),
            luck: seed,
        };
        world.compute_nodes = (0..compute_nodes.max(1))
            .map(|index| ComputeNode::new(world.new_id(), index))
            .collect();
        world
    }

    /// Adds an account with a default fabric network; the first one gets the seeded one.
    pub(crate) fn add_account(&mut self, login: &str, now: Timestamp) -> Uuid {
        let id = self.new_id();
        let mut account = Account::new(id, login, now);
        account.default_network = Some(self.add_default_fabric(id));
        self.accounts.insert(id, account);
        id
    }

    pub(crate) fn find_account(&self, login: &str) -> Option<&Account> {
        self.accounts.values().find(|account| account.login == login)
    }

    /// An account that is known to exist: its id came from authentication.
    ///
    /// # Errors
    /// 403 when it has been removed since.
    pub(crate) fn account(&self, id: Uuid) -> Result<&Account, Refusal> {
        self.accounts.get(&id).ok_or_else(|| Refusal::not_authorized("account is gone"))
    }

    /// The same, to change it; the directory learns of it after [`Delays::replication`].
    pub(crate) fn account_mut(&mut self, id: Uuid) -> Result<&mut Account, Refusal> {
        self.directory.touch(id);
        self.accounts.get_mut(&id).ok_or_else(|| Refusal::not_authorized("account is gone"))
    }

    /// A version 4 UUID out of the simulator's seed.
    pub(crate) fn new_id(&mut self) -> Uuid {
        uuid::Builder::from_random_bytes(self.random.random()).into_uuid()
    }

    /// Random bytes out of the simulator's seed.
    pub(crate) fn random_bytes<const N: usize>(&mut self) -> [u8; N] {
        self.random.random()
    }

    /// A MAC address in Triton's range.
    fn new_mac(&mut self) -> [u8; 6] {
        let [a, b, c]: [u8; 3] = self.random.random();
        [0x90, 0xb8, 0xd0, a, b, c]
    }
}
