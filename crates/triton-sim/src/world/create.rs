//! CreateMachine: every check the real one makes before it answers, in its order, then the record.

pub(super) mod networks;

use std::collections::VecDeque;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::affinity::{AffinityRule, Locality};
use super::brand::effective_brand;
use super::disk::plan_disks;
use super::instance::{Allocation, Transition};
use super::{Account, Brand, Fate, Image, Instance, InstanceState, Mount, Package, World};
use super::{check_dns_length, check_name, check_tags, duplicate};
use crate::refusal::Refusal;

pub(crate) use networks::NetworkRequest;

/// What CreateMachine reads from its parameters; everything else it ignores.
#[derive(Debug, Clone, Default)]
pub(crate) struct CreateParams {
    pub(crate) name: Option<String>,
    pub(crate) package: Option<String>,
    pub(crate) image: Option<String>,
    /// `None` asks for the defaults, an empty list for no NIC.
    pub(crate) networks: Option<Vec<NetworkRequest>>,
    /// Which of `external` and `internal` the defaults are; `None` is both.
    pub(crate) default_networks: Option<Vec<String>>,
    pub(crate) brand: Option<String>,
    pub(crate) has_bootrom: bool,
    pub(crate) affinity: Vec<String>,
    pub(crate) locality: Locality,
    pub(crate) tags: Map<String, Value>,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) password: Option<String>,
    pub(crate) credentials: Map<String, Value>,
    pub(crate) firewall_enabled: bool,
    pub(crate) deletion_protection: bool,
    pub(crate) delegate_dataset: bool,
    pub(crate) encrypted: bool,
    pub(crate) disks: Option<Value>,
    pub(crate) volumes: Vec<Mount>,
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
        let image = self.image_of(owner, &params)?;
        let package = self.package_of(&params)?;
        check_keys(&account)?;
        let requested = params.brand.as_deref().map(Brand::requested).transpose()?;
        let brand = effective_brand(requested, &image, &package)?;
        let disks = plan_disks(id, params.disks.as_ref(), brand, &image, &package)?;
        self.check_abilities(&params, brand)?;
        let requests = self.network_requests(&params, &account, &package)?;
        check_memory(&image, &package)?;
        let name = name_of(&params, &account, id)?;
        let networks = self.check_networks(owner, &requests)?;
        self.check_quota(owner, brand.as_str(), Some(&image), &package, None)?;
        let rules = params.affinity.iter().map(|rule| AffinityRule::parse(rule));
        let rules: Vec<AffinityRule> = rules.collect::<Result<_, _>>()?;
        check_name(&name, account.cns_enabled)?;
        if !params.allow_twin && self.is_name_taken(owner, &name, None) {
            return Err(duplicate());
        }
        check_tags(&params.tags)?;
        let network_ids: Vec<Uuid> = networks.iter().map(|network| network.id).collect();
        self.check_reachable(owner, &params.volumes, &network_ids)?;
        let compute_node = self.place(owner, &rules, &params.locality, package.memory_mib)?;
        let nics = self.make_nics(id, &requests, &networks)?;
        self.mount(owner, id, &params.volumes, &network_ids, now)?;
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
            flexible_disk: package.flexible_disk && brand == Brand::Bhyve,
            ports: image.ports,
            state: InstanceState::Provisioning,
            shown_as: None,
            compute_node: None,
            nics: Vec::new(),
            pending_nics: Vec::new(),
            disks,
            snapshots: Vec::new(),
            snapshot_jobs: Vec::new(),
            migration: None,
            volumes: params.volumes,
            delegate_dataset: params.delegate_dataset,
            encrypted: params.encrypted,
            tags: params.tags,
            metadata: metadata_of(params.metadata, params.password, &account),
            credentials: params.credentials,
            firewall_enabled: params.firewall_enabled,
            deletion_protection: params.deletion_protection,
            created: now,
            updated: now,
            transitions: vec![Transition { at: now, to: InstanceState::Provisioning }],
            audit: Vec::new(),
            jobs: VecDeque::new(),
            allocation: Some(Allocation { compute_node, nics }),
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

    /// What only some brands and some datacenters can.
    fn check_abilities(&self, params: &CreateParams, brand: Brand) -> Result<(), Refusal> {
        if params.has_bootrom && brand != Brand::Bhyve {
            return Err(Refusal::invalid_argument("Only bhyve VMs support \"bootrom\" option"));
        }
        if params.delegate_dataset && !self.features.delegate_dataset {
            return Err(Refusal::invalid_argument(
                "Support for delegated datasets is not enabled (experimental_cloudapi_delegate_dataset in SAPI)",
            ));
        }
        if params.volumes.is_empty() {
            return Ok(());
        }
        if brand.is_hvm() {
            let brand = brand.as_str();
            let message = format!("volumes not yet supported with brand \"{brand}\"");
            return Err(Refusal::invalid_argument(message));
        }
        if !self.features.volumes_at_create {
            let message = "Support for automounting volumes is not enabled";
            return Err(Refusal::invalid_argument(message));
        }
        Ok(())
    }
}

fn check_keys(account: &Account) -> Result<(), Refusal> {
    if account.keys_to_the_door().next().is_none() {
        let message = "At least one SSH key is required to provision";
        return Err(Refusal::new(409, "KeyRequired", message));
    }
    Ok(())
}

fn check_memory(image: &Image, package: &Package) -> Result<(), Refusal> {
    match image.min_memory_mib {
        Some(min) if package.memory_mib < min => Err(Refusal::invalid_argument(format!(
            "You must use a package with at least {min} MiB of RAM in order to provision the selected image"
        ))),
        _ => Ok(()),
    }
}

/// # Errors
/// 409 InvalidArgument for a name that is too long for DNS: CloudAPI looks at that itself, and VMAPI at the rest.
fn name_of(params: &CreateParams, account: &Account, id: Uuid) -> Result<String, Refusal> {
    let short_id: String = id.to_string().chars().take(8).collect();
    let name = match &params.name {
        Some(name) => name.replace("{{shortId}}", &short_id),
        None => short_id,
    };
    check_dns_length(&name, account.cns_enabled)?;
    Ok(name)
}

/// Passwords are dropped but for the administrator's, and the account's keys are added.
fn metadata_of(
    mut metadata: Map<String, Value>,
    password: Option<String>,
    account: &Account,
) -> Map<String, Value> {
    metadata.retain(|key, _| !key.ends_with("_pw"));
    if let Some(password) = password {
        metadata.insert("administrator_pw".to_owned(), json!(password));
    }
    metadata.insert("root_authorized_keys".to_owned(), json!(account.root_authorized_keys()));
    metadata
}

#[cfg(test)]
pub(super) mod tests;
