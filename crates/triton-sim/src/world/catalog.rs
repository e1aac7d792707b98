//! What an instance can be made of: packages, images and networks.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Brand;

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

/// The kind of an image's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ImageType {
    ZoneDataset,
    LxDataset,
    Zvol,
}

/// Something an instance boots.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Image {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) os: Cow<'static, str>,
    pub(crate) image_type: ImageType,
    pub(crate) brand: Option<Brand>,
    pub(crate) min_memory_mib: Option<u64>,
    pub(crate) image_size_mib: Option<u64>,
    pub(crate) description: String,
    pub(crate) published_at: Timestamp,
    pub(crate) active: bool,
    /// TCP ports a running instance of this image answers on.
    pub(crate) ports: Vec<u16>,
}

/// Where NICs attach.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Network {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) public: bool,
    pub(crate) fabric: bool,
    pub(crate) vlan_id: u16,
}

/// All of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Catalog {
    pub(crate) packages: Vec<Package>,
    pub(crate) images: Vec<Image>,
    pub(crate) networks: Vec<Network>,
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

// === impl ImageType ===

impl ImageType {
    /// As API 8 and later spell it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ZoneDataset => "zone-dataset",
            Self::LxDataset => "lx-dataset",
            Self::Zvol => "zvol",
        }
    }

    /// As API 7 spelled it.
    pub(crate) fn as_old_str(self) -> &'static str {
        match self {
            Self::Zvol => "virtualmachine",
            Self::ZoneDataset | Self::LxDataset => "smartmachine",
        }
    }
}

// === impl Image ===

impl Image {
    /// CloudAPI's image object; `raw_type` is what API 8 and later show.
    pub(crate) fn to_json(&self, raw_type: bool) -> Value {
        let mut requirements = Map::new();
        if let Some(brand) = self.brand {
            requirements.insert("brand".to_owned(), json!(brand.as_str()));
        }
        if let Some(min) = self.min_memory_mib {
            requirements.insert("min_memory".to_owned(), json!(min));
            requirements.insert("min_ram".to_owned(), json!(min));
        }
        let mut body = json!({
            "id": self.id,
            "name": self.name,
            "version": self.version,
            "os": self.os,
            "requirements": requirements,
            "type": if raw_type { self.image_type.as_str() } else { self.image_type.as_old_str() },
            "description": self.description,
            "files": [{ "compression": "gzip", "sha1": "da39a3ee5e6b4b0d3255bfef95601890afd80709", "size": 104_857_600 }],
            "published_at": super::iso(self.published_at).replace(".000Z", "Z"),
            "owner": "930896af-bf8c-48d4-885c-6573a94b1853",
            "public": true,
            "state": if self.active { "active" } else { "disabled" },
        });
        if self.image_type == ImageType::LxDataset {
            body["tags"] = json!({ "role": "os", "kernel_version": "4.3.0" });
        }
        if let Some(size) = self.image_size_mib {
            body["image_size"] = json!(size);
        }
        body
    }
}

// === impl Network ===

impl Network {
    /// CloudAPI's network object; fabric networks also show how they are laid out on `subnet`.
    pub(crate) fn to_json(&self, subnet: super::Subnet) -> Value {
        let mut body = json!({
            "id": self.id,
            "name": self.name,
            "public": self.public,
            "description": self.description,
        });
        if self.fabric {
            body["fabric"] = json!(true);
            body["gateway"] = json!(subnet.gateway());
            body["internet_nat"] = json!(true);
            body["provision_start_ip"] = json!(subnet.first());
            body["provision_end_ip"] = json!(subnet.last());
            body["resolvers"] = json!(["8.8.8.8", "8.8.4.4"]);
            body["routes"] = json!({});
            body["subnet"] = json!(subnet.to_string());
            body["vlan_id"] = json!(self.vlan_id);
        } else {
            body["fabric"] = json!(false);
        }
        body
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

    pub(crate) fn find_network(&self, id: Uuid) -> Option<&Network> {
        self.networks.iter().find(|network| network.id == id)
    }
}
