//! CreateMachine: every check the real one makes before it answers, then the record.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::affinity::{AffinityRule, place};
use super::brand::effective_brand;
use super::instance::{Allocation, Transition};
use super::{Account, Brand, Fate, Image, Instance, InstanceState, Network, Nic, Package, World};
use super::{check_name, check_tags, duplicate};
use crate::refusal::Refusal;

/// At most this many entries in `disks`.
const DISKS_MAX: usize = 8;

/// A NIC that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NetworkRequest {
    pub(crate) network: Uuid,
    pub(crate) ip: Option<Ipv4Addr>,
}

/// What CreateMachine reads from its parameters; everything else it ignores.
#[derive(Debug, Clone, Default)]
pub(crate) struct CreateParams {
    pub(crate) name: Option<String>,
    pub(crate) package: Option<String>,
    pub(crate) image: Option<String>,
    /// `None` asks for the defaults, an empty list for no NIC.
    pub(crate) networks: Option<Vec<NetworkRequest>>,
    pub(crate) brand: Option<String>,
    pub(crate) affinity: Vec<String>,
    pub(crate) tags: Map<String, Value>,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) credentials: Map<String, Value>,
    pub(crate) firewall_enabled: bool,
    pub(crate) deletion_protection: bool,
    pub(crate) disks: Option<usize>,
    /// The name may be another instance's: two creates that race do not see each other.
    pub(crate) allow_twin: bool,
}

// === impl World ===

impl World {
    /// Checks and records a new instance; it appears in lists at once, allocated after [`Delays::create`].
    ///
    /// # Errors
    /// As section CreateMachine of the CloudAPI manual, and as its code where they differ.
    ///
    /// [`Delays::create`]: crate::Delays::create
    pub(crate) fn create(
        &mut self,
        owner: Uuid,
        params: CreateParams,
        now: Timestamp,
    ) -> Result<Uuid, Refusal> {
        let id = self.new_id();
        let account = self.account(owner)?.clone();
        if account.unapproved {
            let message = "User is not currently approved for provisioning";
            return Err(Refusal::invalid_argument(message));
        }
        let package = self.package_of(&params)?;
        let image = self.image_of(owner, &params)?;
        let requested = params.brand.as_deref().map(Brand::requested).transpose()?;
        let brand = effective_brand(requested, &image, &package)?;
        check_sizes(&image, &package)?;
        check_disks(params.disks, brand, &package)?;
        let name = self.name_of(&params, &account, id)?;
        check_tags(&params.tags)?;
        if account.keys_to_the_door().next().is_none() {
            let message = "Account has no SSH keys: at least one is needed to create a machine";
            return Err(Refusal::new(409, "KeyRequired", message));
        }
        let allocation = self.allocate(id, owner, &params, &account)?;
        let instance = Instance {
            id,
            owner,
            name,
            brand,
            image: image.id,
            image_size_mib: image.image_size_mib,
            package_name: package.name,
            memory_mib: package.memory_mib,
            disk_mib: package.disk_mib,
            flexible_disk: package.flexible_disk,
            ports: image.ports,
            state: InstanceState::Provisioning,
            compute_node: None,
            nics: Vec::new(),
            tags: params.tags,
            metadata: metadata_of(params.metadata, &account),
            credentials: params.credentials,
            firewall_enabled: params.firewall_enabled,
            deletion_protection: params.deletion_protection,
            created: now,
            updated: now,
            transitions: vec![Transition { at: now, to: InstanceState::Provisioning }],
            audit: Vec::new(),
            jobs: VecDeque::new(),
            allocation: Some(allocation),
            is_deleting: false,
            fate: Fate::default(),
        };
        self.instances.insert(id, instance);
        self.schedule_allocation(id, now);
        Ok(id)
    }

    fn package_of(&self, params: &CreateParams) -> Result<Package, Refusal> {
        let wanted =
            params.package.as_deref().ok_or_else(|| Refusal::missing_parameter("package"))?;
        let package = self.catalog.find_package(wanted);
        package.cloned().ok_or_else(|| Refusal::not_found(format!("package {wanted} not found")))
    }

    fn image_of(&self, owner: Uuid, params: &CreateParams) -> Result<Image, Refusal> {
        let wanted = params.image.as_deref().ok_or_else(|| Refusal::missing_parameter("image"))?;
        let image = wanted.parse().ok().and_then(|id| self.image_for(owner, id).ok());
        let image = image.ok_or_else(|| Refusal::not_found(format!("image {wanted} not found")))?;
        if !image.is_active() {
            return Err(Refusal::invalid_argument(format!("image {wanted} is not active")));
        }
        Ok(image.clone())
    }

    fn name_of(
        &self,
        params: &CreateParams,
        account: &Account,
        id: Uuid,
    ) -> Result<String, Refusal> {
        let short_id: String = id.to_string().chars().take(8).collect();
        let name = match &params.name {
            Some(name) => name.replace("{{shortId}}", &short_id),
            None => short_id,
        };
        check_name(&name, account.cns_enabled)?;
        if !params.allow_twin && self.is_name_taken(account.id, &name, None) {
            return Err(duplicate());
        }
        Ok(name)
    }

    /// Finds a compute node and addresses; takes the addresses only when everything else is settled.
    fn allocate(
        &mut self,
        id: Uuid,
        owner: Uuid,
        params: &CreateParams,
        account: &Account,
    ) -> Result<Allocation, Refusal> {
        let requests = match &params.networks {
            Some(requests) => requests.clone(),
            None => self.default_networks(account),
        };
        let networks = self.check_networks(owner, &requests)?;
        let rules: Vec<AffinityRule> = params
            .affinity
            .iter()
            .map(|rule| AffinityRule::parse(rule))
            .collect::<Result<_, _>>()?;
        let residents: Vec<&Instance> =
            self.instances.values().filter(|i| i.owner == owner && i.state.is_active()).collect();
        let compute_node = place(&rules, &self.compute_nodes, &residents)?;
        let primary = networks.iter().position(|network| network.public).unwrap_or(0);
        let mut nics = Vec::new();
        for (index, (request, network)) in requests.iter().zip(&networks).enumerate() {
            match self.take_address(request, network, id) {
                Ok(ip) => nics.push(Nic {
                    mac: self.new_mac(),
                    ip,
                    primary: index == primary,
                    network: network.id,
                    subnet: self.addresses.subnet(network.id),
                }),
                Err(refusal) => {
                    self.addresses.release(id);
                    return Err(refusal);
                }
            }
        }
        Ok(Allocation { compute_node, nics })
    }

    /// One public network and the account's default fabric.
    fn default_networks(&self, account: &Account) -> Vec<NetworkRequest> {
        let external =
            self.catalog.networks.iter().find(|network| network.public).map(|network| network.id);
        let wanted = external.into_iter().chain(account.default_network);
        wanted.map(|network| NetworkRequest { network, ip: None }).collect()
    }

    fn check_networks(
        &self,
        owner: Uuid,
        requests: &[NetworkRequest],
    ) -> Result<Vec<Network>, Refusal> {
        let find = |request: &NetworkRequest| {
            let candidates = self.candidate_networks(owner, request.network)?;
            let has_room = |network: &&&Network| self.addresses.has_room(network.id);
            let chosen = match candidates[..] {
                [only] => only,
                // Of a pool the first that is not full.
                _ => candidates.iter().find(has_room).copied().unwrap_or(candidates[0]),
            };
            Ok(chosen.clone())
        };
        let networks: Vec<Network> = requests.iter().map(find).collect::<Result<_, Refusal>>()?;
        if networks.iter().filter(|network| network.public).count() > 1 {
            return Err(Refusal::invalid_argument("Only one public network is allowed"));
        }
        Ok(networks)
    }

    fn take_address(
        &mut self,
        request: &NetworkRequest,
        network: &Network,
        instance: Uuid,
    ) -> Result<Ipv4Addr, Refusal> {
        let Some(ip) = request.ip else {
            let full = || Refusal::new(507, "SubnetFull", "no more free IPs");
            return self.addresses.take_next(network.id, instance).ok_or_else(full);
        };
        if !network.fabric {
            return Err(Refusal::invalid_argument(
                "Specific IPs are only for networks of the account",
            ));
        }
        if !self.addresses.subnet(network.id).contains(ip) {
            return Err(Refusal::invalid_argument(format!("{ip} is not available on the network")));
        }
        if !self.addresses.take(network.id, ip, instance) {
            return Err(Refusal::unprocessable("ip", "UsedBy", "IP in use"));
        }
        Ok(ip)
    }
}

fn check_sizes(image: &Image, package: &Package) -> Result<(), Refusal> {
    match image.min_memory_mib {
        Some(min) if package.memory_mib < min => Err(Refusal::invalid_argument(format!(
            "image needs {min} MiB of memory, package {} has {}",
            package.name, package.memory_mib
        ))),
        _ => Ok(()),
    }
}

fn check_disks(disks: Option<usize>, brand: Brand, package: &Package) -> Result<(), Refusal> {
    match disks {
        Some(_) if brand != Brand::Bhyve || !package.flexible_disk => {
            Err(Refusal::invalid_argument("disks need a package with flexible_disk"))
        }
        Some(count) if count > DISKS_MAX => {
            Err(Refusal::invalid_argument(format!("at most {DISKS_MAX} disks are supported")))
        }
        _ => Ok(()),
    }
}

/// Passwords are dropped, the account's keys are added.
fn metadata_of(mut metadata: Map<String, Value>, account: &Account) -> Map<String, Value> {
    metadata.retain(|key, _| !key.ends_with("_pw"));
    metadata.insert("root_authorized_keys".to_owned(), json!(account.root_authorized_keys()));
    metadata
}

#[cfg(test)]
pub(super) mod tests;
