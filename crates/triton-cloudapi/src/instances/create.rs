//! CreateMachine's parameters and the body they become.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::network_request::{self, NetworkRequest};
use super::tag_requests::tag_value;
use super::{Brand, affinity, keys};
use crate::request::RequestError;
use crate::secret::Secret;
use crate::tags::Tags;

mod disks;
mod volumes;

pub use disks::{CreateDisk, DISKS_MAX, DiskSize};
pub use volumes::{MountMode, VolumeMount};

pub(crate) use disks::check_block_size;

/// Characters of an instance's name, when CNS is off; with CNS it is [`CNS_NAME_CHARS_MAX`].
pub const NAME_CHARS_MAX: usize = 189;

/// Characters of an instance's name in an account whose instances CNS names.
pub const CNS_NAME_CHARS_MAX: usize = 63;

/// Parameters of CreateMachine (manual, "CreateMachine").
///
/// On the wire tags and metadata are flat keys (`tag.x`, `metadata.x`); nested objects are ignored by the server.
/// `Debug` shows no metadata and no password.
#[derive(Clone, Default, PartialEq)]
pub struct CreateInstance {
    /// Alias: 1-63 of `[a-zA-Z0-9_.-]`, beginning with a letter or digit; 1-189 where CNS is off. The server makes one
    /// up if it is empty, and puts the first part of the new UUID in place of `{{shortId}}`.
    pub name: String,
    /// Package UUID or name.
    pub package: String,
    /// Image UUID.
    pub image: String,
    /// Networks, in order; `None` lets the server choose.
    pub networks: Option<Vec<NetworkRequest>>,
    /// Affinity rules (`role!=db`, `instance==~web*`).
    pub affinity: Vec<String>,
    /// Older way to say where to place it; not together with affinity rules.
    pub locality: Option<Locality>,
    /// Metadata, readable by the guest.
    pub metadata: BTreeMap<String, String>,
    /// Passwords that the guest can read, by user: shown by CloudAPI only to who asks for credentials.
    pub credentials: BTreeMap<String, Secret>,
    /// Password of the guest's administrator, for images that want one.
    pub administrator_pw: Option<Secret>,
    /// Tags, set atomically with the record.
    pub tags: Tags,
    /// Roles that the instance is tagged with.
    pub role_tags: Vec<String>,
    /// `bhyve` or `kvm`, where the image leaves the choice.
    pub brand: Option<Brand>,
    /// How a bhyve instance boots, `bios` or `uefi`. The server looks at the image's word for it.
    pub bootrom: Option<String>,
    /// Disks of a bhyve instance whose package is flexible, the boot disk first; the package decides if there is none.
    pub disks: Vec<CreateDisk>,
    /// NFS volumes to mount (zones only).
    pub volumes: Vec<VolumeMount>,
    /// Which networks the server takes when it chooses; it then looks at the package first.
    pub default_networks: Vec<DefaultNetwork>,
    /// Whether it may manage a part of its own file system (zones, where the operator allows it).
    pub delegate_dataset: bool,
    /// Whether it must be placed on an encrypted compute node.
    pub encrypted: bool,
    /// Whether it filters from the start what the firewall rules do not allow.
    pub firewall_enabled: bool,
    /// Whether DELETE is refused from the start.
    pub deletion_protection: bool,
}

/// Where to place an instance relative to others, in CloudAPI's older words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locality {
    /// Whether to rather fail than to place it elsewhere.
    pub strict: bool,
    /// On the compute node of one of these instances.
    pub near: Vec<Uuid>,
    /// On another compute node than these instances.
    pub far: Vec<Uuid>,
}

/// A kind of network that the server can choose by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DefaultNetwork {
    /// One with public addresses.
    External,
    /// One with private addresses.
    Internal,
}

// === impl CreateInstance ===

impl CreateInstance {
    /// The body as CloudAPI reads it: tags and metadata as flat keys, booleans as JSON booleans.
    ///
    /// It holds the passwords and metadata in the clear. `allow_shared_images` is always sent: API 9 refuses images
    /// shared with the account without it, and who names an image means it.
    ///
    /// # Errors
    ///
    /// [`RequestError::TagValue`] for a tag that is neither text, number nor boolean.
    pub fn to_body(&self) -> Result<Value, RequestError> {
        let mut body = Map::new();
        let mut put = |key: &str, value: Value| drop(body.insert(key.to_owned(), value));
        if !self.name.is_empty() {
            put("name", self.name.as_str().into());
        }
        put("package", self.package.as_str().into());
        put("image", self.image.as_str().into());
        if let Some(networks) = &self.networks {
            put("networks", network_request::to_list(networks));
        }
        if !self.affinity.is_empty() {
            put("affinity", self.affinity.clone().into());
        }
        if let Some(locality) = &self.locality {
            put("locality", locality.to_json());
        }
        if let Some(brand) = &self.brand {
            put("brand", brand.as_str().into());
        }
        if let Some(bootrom) = &self.bootrom {
            put("bootrom", bootrom.as_str().into());
        }
        if !self.disks.is_empty() {
            put("disks", self.disks.iter().map(CreateDisk::to_json).collect());
        }
        if !self.volumes.is_empty() {
            put("volumes", self.volumes.iter().map(VolumeMount::to_json).collect());
        }
        if !self.default_networks.is_empty() {
            let networks = self.default_networks.iter().map(|network| network.as_str());
            put("default_networks", networks.collect());
        }
        if self.delegate_dataset {
            // The manual says delegated_dataset; the server's code reads this.
            put("delegate_dataset", true.into());
        }
        if self.encrypted {
            put("encrypted", true.into());
        }
        put("firewall_enabled", self.firewall_enabled.into());
        put("deletion_protection", self.deletion_protection.into());
        put("allow_shared_images", true.into());
        if let Some(password) = &self.administrator_pw {
            put("administrator_pw", password.expose().into());
        }
        if !self.credentials.is_empty() {
            let secrets = self.credentials.iter();
            let secrets: Map<_, _> =
                secrets.map(|(user, secret)| (user.clone(), secret.expose().into())).collect();
            put("metadata.credentials", secrets.into());
        }
        for (key, value) in &self.metadata {
            put(&format!("metadata.{key}"), value.as_str().into());
        }
        for (key, value) in &self.tags {
            put(&format!("tag.{key}"), tag_value(key, value)?);
        }
        Ok(Value::Object(body))
    }

    /// Finds what the server would surely refuse, ignore or hang on; it finds more itself.
    ///
    /// # Errors
    ///
    /// [`RequestError`] names the parameter, what it holds and what would be right.
    pub fn check(&self) -> Result<(), RequestError> {
        if !self.name.is_empty() {
            check_name(&self.name.replace("{{shortId}}", "00000000"))?;
        }
        network_request::check(self.networks.as_deref().unwrap_or_default())?;
        self.affinity.iter().try_for_each(|rule| affinity::check(rule))?;
        if self.locality.is_some() && !self.affinity.is_empty() {
            return Err(RequestError::Exclusive { one: "locality", other: "affinity" });
        }
        keys::check_tags(&self.tags)?;
        keys::check_metadata(self.metadata.keys())?;
        if let Some(brand) = &self.brand
            && !matches!(brand, Brand::Bhyve | Brand::Kvm)
        {
            return Err(RequestError::invalid(
                "brand",
                brand,
                "only bhyve and kvm can be asked for; the image decides about zones",
            ));
        }
        disks::check(&self.disks)?;
        self.volumes.iter().try_for_each(VolumeMount::check)
    }
}

// === impl Locality ===

impl Locality {
    fn to_json(&self) -> Value {
        let mut json = json!({"strict": self.strict});
        for (name, instances) in [("near", &self.near), ("far", &self.far)] {
            if !instances.is_empty() {
                json[name] = instances.iter().map(Uuid::to_string).collect();
            }
        }
        json
    }
}

// === impl DefaultNetwork ===

impl DefaultNetwork {
    /// The wire text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::External => "external",
            Self::Internal => "internal",
        }
    }
}

/// Whether an instance can have this name in any account.
pub(crate) fn check_name(name: &str) -> Result<(), RequestError> {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if name.is_empty() {
        return Err(RequestError::Empty { what: "the instance's name" });
    }
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric())
        || !name.chars().all(is_fit)
        || name.len() > NAME_CHARS_MAX
    {
        return Err(RequestError::invalid(
            "the instance's name",
            name,
            "it is 1 to 189 letters, digits, - _ and ., the first a letter or digit",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
