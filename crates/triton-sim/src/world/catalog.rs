//! What an instance can be made of: packages, images and networks.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Brand, DistantImage, Image, Network, Pool};

/// A size of instance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Package {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) memory_mib: u64,
    pub(crate) disk_mib: u64,
    pub(crate) vcpus: u64,
    pub(crate) group: String,
    pub(crate) description: String,
    pub(crate) brand: Option<Brand>,
    pub(crate) flexible_disk: bool,
}

/// All of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Catalog {
    pub(crate) packages: Vec<Package>,
    pub(crate) images: Vec<Image>,
    pub(crate) networks: Vec<Network>,
    #[serde(default)]
    pub(crate) pools: Vec<Pool>,
    /// Images that are being made, and when each will be active.
    #[serde(default)]
    pub(super) creating: Vec<(Timestamp, Uuid)>,
    /// The operator has not set fabrics up.
    #[serde(default)]
    pub(crate) fabrics_off: bool,
    /// Other datacenters by name, and their URLs.
    #[serde(default)]
    pub(crate) datacenters: BTreeMap<String, String>,
    /// Services that ListServices shows beside CloudAPI itself.
    #[serde(default)]
    pub(crate) services: BTreeMap<String, String>,
    /// Images that other datacenters have.
    #[serde(default)]
    pub(crate) distant: Vec<DistantImage>,
}

// === impl Package ===

impl Package {
    /// CloudAPI's package object.
    pub(crate) fn to_json(&self) -> Value {
        let mut body = json!({
            "id": self.id,
            "name": self.name,
            "version": self.version,
            "memory": self.memory_mib,
            "disk": self.disk_mib,
            "swap": self.memory_mib * 4,
            "vcpus": self.vcpus,
            "lwps": 4000,
            "default": false,
            "group": self.group,
            "description": self.description,
        });
        if let Some(brand) = self.brand {
            body["brand"] = json!(brand.as_str());
            if brand == Brand::Bhyve {
                body["flexible_disk"] = json!(self.flexible_disk);
            }
        }
        body
    }

    /// Orders versions as semver does for the numbers packages carry.
    fn version_rank(&self) -> Vec<u64> {
        self.version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
    }
}

// === impl Catalog ===

impl Catalog {
    /// By UUID, else by name: the newest version that carries it.
    pub(crate) fn find_package(&self, id_or_name: &str) -> Option<&Package> {
        if let Ok(id) = id_or_name.parse::<Uuid>() {
            return self.packages.iter().find(|package| package.id == id);
        }
        self.packages
            .iter()
            .filter(|package| package.name == id_or_name)
            .max_by_key(|package| package.version_rank())
    }

    pub(crate) fn find_image(&self, id: Uuid) -> Option<&Image> {
        self.images.iter().find(|image| image.id == id)
    }

    pub(crate) fn find_pool(&self, id: Uuid) -> Option<&Pool> {
        self.pools.iter().find(|pool| pool.id == id)
    }

    pub(crate) fn find_network(&self, id: Uuid) -> Option<&Network> {
        self.networks.iter().find(|network| network.id == id)
    }
}
