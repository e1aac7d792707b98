//! What a person writes down to start with: accounts, catalog, instances and firewall rules.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::builder::SeedError;
use crate::refusal::Refusal;
use crate::world::{
    AccountKey, Brand, CreateParams, FirewallRule, Image, ImageState, ImageType, InstanceState,
    Network, NetworkRequest, Package, World,
};

/// The `add` section of a state file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Seeds {
    accounts: Vec<AccountSeed>,
    packages: Vec<PackageSeed>,
    images: Vec<ImageSeed>,
    networks: Vec<NetworkSeed>,
    instances: Vec<InstanceSeed>,
    firewall_rules: Vec<RuleSeed>,
}

/// An account; one that is there already gets the keys it does not have.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountSeed {
    login: String,
    /// OpenSSH public key text, one line each.
    #[serde(default)]
    keys: Vec<String>,
    #[serde(default)]
    disabled: bool,
    #[serde(default)]
    operator: bool,
    #[serde(default)]
    cns: bool,
}

/// A package, by default one for zones.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct PackageSeed {
    id: Option<Uuid>,
    name: String,
    memory_mib: u64,
    disk_mib: u64,
    #[serde(default)]
    vcpus: u64,
    brand: Option<Brand>,
    #[serde(default)]
    flexible_disk: bool,
}

/// A public image; what is left out is as in the seeded images of its type.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageSeed {
    id: Option<Uuid>,
    name: String,
    version: String,
    #[serde(rename = "type", default = "lx_dataset")]
    image_type: ImageType,
    ports: Option<Vec<u16>>,
}

/// A network for everybody, with addresses of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkSeed {
    id: Option<Uuid>,
    name: String,
    #[serde(default)]
    public: bool,
    #[serde(default)]
    description: String,
}

/// An instance, made the way CreateMachine makes one and then put into its state.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct InstanceSeed {
    account: String,
    name: String,
    package: String,
    /// UUID, `name@version` or `name`, which is its newest version.
    image: String,
    /// UUIDs or names; without it the account's default networks.
    networks: Option<Vec<String>>,
    #[serde(default)]
    tags: Map<String, Value>,
    #[serde(default)]
    metadata: Map<String, Value>,
    #[serde(default)]
    firewall_enabled: bool,
    #[serde(default)]
    deletion_protection: bool,
    #[serde(default = "running")]
    state: InstanceState,
}

/// A firewall rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleSeed {
    account: String,
    rule: String,
    #[serde(default)]
    enabled: bool,
    description: Option<String>,
}

fn running() -> InstanceState {
    InstanceState::Running
}

fn lx_dataset() -> ImageType {
    ImageType::LxDataset
}

// === impl Seeds ===

impl Seeds {
    /// Makes all of it.
    ///
    /// # Errors
    /// [`SeedError`], naming what cannot be.
    pub(crate) fn plant(self, world: &mut World, now: Timestamp) -> Result<(), SeedError> {
        for package in self.packages {
            package.plant(world);
        }
        for image in self.images {
            let name = image.name.clone();
            image.plant(world, now).map_err(|error| refused("image", &name, &error))?;
        }
        for network in self.networks {
            let name = network.name.clone();
            network.plant(world).map_err(|error| refused("network", &name, &error))?;
        }
        for account in self.accounts {
            account.plant(world, now)?;
        }
        for instance in self.instances {
            let name = instance.name.clone();
            instance.plant(world, now).map_err(|error| refused("instance", &name, &error))?;
        }
        for rule in self.firewall_rules {
            let text = rule.rule.clone();
            rule.plant(world).map_err(|error| refused("firewall rule", &text, &error))?;
        }
        Ok(())
    }
}

fn refused(kind: &str, name: &str, refusal: &Refusal) -> SeedError {
    let fields = refusal.errors.iter().map(|error| format!(": {}", error.message));
    let reason = format!("{}{}", refusal.message, fields.collect::<String>());
    SeedError::Refused { what: format!("{kind} {name}"), reason }
}

// === impl AccountSeed ===

impl AccountSeed {
    fn plant(self, world: &mut World, now: Timestamp) -> Result<(), SeedError> {
        let login = self.login;
        let id = world.find_account(&login).map(|account| account.id);
        let id = id.unwrap_or_else(|| world.add_account(&login, now));
        let Ok(account) = world.account_mut(id) else { return Err(SeedError::NoAccount) };
        account.disabled |= self.disabled;
        account.operator |= self.operator;
        account.cns_enabled |= self.cns;
        add_keys(world, id, &self.keys)
    }
}

/// Gives an account those of these keys that it does not have.
pub(crate) fn add_keys(world: &mut World, id: Uuid, keys: &[String]) -> Result<(), SeedError> {
    let Ok(account) = world.account_mut(id) else { return Err(SeedError::NoAccount) };
    let login = account.login.clone();
    for text in keys {
        let key = AccountKey::from_openssh(text, None);
        let key = key.map_err(|source| SeedError::Key { login: login.clone(), source })?;
        if account.keys.find(&key.fingerprint).is_none() {
            let added = account.keys.add(key);
            added.map_err(|_| SeedError::DuplicateKey { login: login.clone() })?;
        }
    }
    Ok(())
}

// === impl PackageSeed ===

impl PackageSeed {
    fn plant(self, world: &mut World) {
        let id = self.id.unwrap_or_else(|| world.new_id());
        world.catalog.packages.push(Package {
            id,
            description: format!(
                "{} MiB of memory, {} MiB of disk",
                self.memory_mib, self.disk_mib
            ),
            name: self.name,
            version: "1.0.0".to_owned(),
            memory_mib: self.memory_mib,
            disk_mib: self.disk_mib,
            vcpus: self.vcpus,
            group: String::new(),
            brand: self.brand,
            flexible_disk: self.flexible_disk,
        });
    }
}

// === impl ImageSeed ===

impl ImageSeed {
    fn plant(self, world: &mut World, now: Timestamp) -> Result<(), Refusal> {
        let id = self.id.unwrap_or_else(|| world.new_id());
        let mut images = world.catalog.images.iter();
        let fits = |image: &&Image| {
            image.image_type == self.image_type && image.public && image.state == ImageState::Active
        };
        let like = images.find(fits);
        let like =
            like.ok_or_else(|| Refusal::not_found("there is no seeded image of this type"))?;
        let ports = self.ports.unwrap_or_else(|| like.ports.clone());
        let image = Image {
            id,
            description: format!("{} {}", self.name, self.version),
            name: self.name,
            version: self.version,
            published_at: now,
            ports,
            ..like.clone()
        };
        world.catalog.images.push(image);
        Ok(())
    }
}

// === impl NetworkSeed ===

impl NetworkSeed {
    fn plant(self, world: &mut World) -> Result<(), Refusal> {
        let id = self.id.unwrap_or_else(|| world.new_id());
        if !world.addresses.add_small(id) {
            return Err(Refusal::invalid_argument("there are no addresses left"));
        }
        world.catalog.networks.push(Network {
            id,
            name: self.name,
            description: self.description,
            public: self.public,
            fabric: false,
            vlan_id: 0,
            owner: None,
            resolvers: Vec::new(),
            routes: BTreeMap::new(),
            internet_nat: false,
        });
        Ok(())
    }
}

// === impl InstanceSeed ===

impl InstanceSeed {
    fn plant(self, world: &mut World, now: Timestamp) -> Result<(), Refusal> {
        let owner = account_of(world, &self.account)?;
        let image = find_image(world, &self.image)?;
        let networks = self.networks.map(|names| {
            let request = |name: &String| {
                find_network(world, owner, name).map(|network| NetworkRequest { network, ip: None })
            };
            names.iter().map(request).collect::<Result<Vec<_>, Refusal>>()
        });
        let params = CreateParams {
            name: Some(self.name),
            package: Some(self.package),
            image: Some(image.to_string()),
            networks: networks.transpose()?,
            tags: self.tags,
            metadata: self.metadata,
            firewall_enabled: self.firewall_enabled,
            deletion_protection: self.deletion_protection,
            ..CreateParams::default()
        };
        let id = world.create(owner, params, now)?;
        world.force(id, self.state, now);
        world.settle(now);
        Ok(())
    }
}

// === impl RuleSeed ===

impl RuleSeed {
    fn plant(self, world: &mut World) -> Result<(), Refusal> {
        let owner = account_of(world, &self.account)?;
        let id = world.new_id();
        let rule = FirewallRule {
            id,
            owner: Some(owner),
            rule: FirewallRule::read(&self.rule)?,
            enabled: self.enabled,
            log: false,
            description: self.description,
        };
        world.rules.insert(id, rule);
        Ok(())
    }
}

fn account_of(world: &World, login: &str) -> Result<Uuid, Refusal> {
    let account = world.find_account(login).map(|account| account.id);
    account.ok_or_else(|| Refusal::not_found(format!("there is no account {login}")))
}

fn find_image(world: &World, text: &str) -> Result<Uuid, Refusal> {
    let (name, version) =
        text.split_once('@').map_or((text, None), |(name, version)| (name, Some(version)));
    let fits = |image: &&Image| {
        let is_version = version.is_none_or(|version| version == image.version);
        image.id.to_string() == text || (image.name == name && is_version)
    };
    let newest = world.catalog.images.iter().filter(fits).max_by_key(|image| image.published_at);
    newest
        .map(|image| image.id)
        .ok_or_else(|| Refusal::not_found(format!("there is no image {text}")))
}

fn find_network(world: &World, owner: Uuid, text: &str) -> Result<Uuid, Refusal> {
    let fits = |network: &&Network| {
        network.is_usable_by(owner) && (network.id.to_string() == text || network.name == text)
    };
    let found = world.catalog.networks.iter().find(fits).map(|network| network.id);
    found.ok_or_else(|| Refusal::not_found(format!("there is no network {text}")))
}
