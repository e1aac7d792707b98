//! Images: what instances boot, whose they are and who may use them.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::{Uuid, uuid};

use super::{Brand, Instance, World, iso};
use crate::clock::add;
use crate::refusal::{FieldError, Refusal};

/// The kind of an image's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ImageType {
    ZoneDataset,
    LxDataset,
    Zvol,
}

/// Where an image is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ImageState {
    Active,
    Disabled,
    /// Being made from an instance.
    Creating,
    /// Could not be made.
    Failed,
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
    /// Shown once it is active.
    pub(crate) published_at: Timestamp,
    pub(crate) state: ImageState,
    /// TCP ports a running instance of this image answers on.
    pub(crate) ports: Vec<u16>,
    pub(crate) owner: Uuid,
    pub(crate) public: bool,
    /// Accounts it is shared with.
    pub(crate) acl: Vec<Uuid>,
    pub(crate) tags: Map<String, Value>,
    pub(crate) homepage: Option<String>,
    pub(crate) eula: Option<String>,
    /// What it was made from.
    pub(crate) origin: Option<Uuid>,
}

/// The parts of an image that its owner chooses.
#[derive(Debug, Clone, Default)]
pub(crate) struct Manifest {
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) homepage: Option<String>,
    pub(crate) eula: Option<String>,
    pub(crate) acl: Option<Vec<Uuid>>,
    pub(crate) tags: Option<Map<String, Value>>,
}

/// An image in another datacenter, which ImportImageFromDatacenter can bring here.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct DistantImage {
    pub(crate) datacenter: String,
    pub(crate) image: Image,
}

/// Whose the seeded images are: the operator's.
pub(crate) const OPERATOR: Uuid = uuid!("930896af-bf8c-48d4-885c-6573a94b1853");

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

// === impl ImageState ===

impl ImageState {
    /// CloudAPI's word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Creating => "creating",
            Self::Failed => "failed",
        }
    }
}

// === impl Image ===

impl Image {
    /// A private image of an account that nobody has made here.
    pub(crate) fn of_account(
        id: Uuid,
        owner: Uuid,
        name: &str,
        version: &str,
        published_at: Timestamp,
    ) -> Self {
        let tags = [("kernel_version".to_owned(), json!("4.3.0"))];
        Self {
            id,
            name: name.to_owned(),
            version: version.to_owned(),
            os: "linux".into(),
            image_type: ImageType::LxDataset,
            brand: Some(Brand::Lx),
            min_memory_mib: None,
            image_size_mib: None,
            description: String::new(),
            published_at,
            state: ImageState::Active,
            ports: vec![22],
            owner,
            public: false,
            acl: Vec::new(),
            tags: tags.into_iter().collect(),
            homepage: None,
            eula: None,
            origin: None,
        }
    }

    /// Whether an instance can be made of it.
    pub(crate) fn is_active(&self) -> bool {
        self.state == ImageState::Active
    }

    /// Whether an account sees it: its own, and of those that were activated the public and the shared ones.
    pub(crate) fn is_visible_to(&self, account: Uuid) -> bool {
        let is_activated = matches!(self.state, ImageState::Active | ImageState::Disabled);
        self.owner == account || (is_activated && (self.public || self.acl.contains(&account)))
    }

    /// Whether an account may use it only because somebody shares it.
    pub(crate) fn is_shared_with(&self, account: Uuid) -> bool {
        self.owner != account && !self.public && self.acl.contains(&account)
    }

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
            "owner": self.owner,
            "public": self.public,
            "state": self.state.as_str(),
        });
        let mut set = |field: &str, value: Value| body[field] = value;
        if !self.description.is_empty() {
            set("description", json!(self.description));
        }
        if matches!(self.state, ImageState::Active | ImageState::Disabled) {
            set("published_at", json!(iso(self.published_at).replace(".000Z", "Z")));
            set(
                "files",
                json!([{
                    "compression": "gzip",
                    "sha1": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
                    "size": 104_857_600,
                }]),
            );
        }
        if !self.tags.is_empty() {
            set("tags", json!(self.tags));
        }
        if !self.acl.is_empty() {
            set("acl", json!(self.acl));
        }
        for (field, value) in [("homepage", &self.homepage), ("eula", &self.eula)] {
            if let Some(value) = value {
                set(field, json!(value));
            }
        }
        if let Some(origin) = self.origin {
            set("origin", json!(origin));
        }
        if self.state == ImageState::Failed {
            let message = "an unexpected error occurred (Contact support for assistance.)";
            set("error", json!({ "code": "InternalError", "message": message }));
        }
        if let Some(size) = self.image_size_mib {
            set("image_size", json!(size));
        }
        body
    }

    fn apply(&mut self, manifest: Manifest) {
        let take = |field: &mut String, value: Option<String>| {
            if let Some(value) = value {
                *field = value;
            }
        };
        take(&mut self.name, manifest.name);
        take(&mut self.version, manifest.version);
        take(&mut self.description, manifest.description);
        self.homepage = manifest.homepage.or_else(|| self.homepage.take());
        self.eula = manifest.eula.or_else(|| self.eula.take());
        if let Some(acl) = manifest.acl {
            self.acl = acl;
        }
        if let Some(tags) = manifest.tags {
            self.tags = tags;
        }
    }
}

// === impl World ===

impl World {
    /// An image the account may see.
    ///
    /// # Errors
    /// 404.
    pub(crate) fn image_for(&self, account: Uuid, id: Uuid) -> Result<&Image, Refusal> {
        let image = self.catalog.find_image(id).filter(|image| image.is_visible_to(account));
        image.ok_or_else(|| Refusal::not_found("image not found"))
    }

    /// Begins to make an image of a stopped instance; it is active after [`Delays::image`](crate::Delays::image).
    ///
    /// # Errors
    /// 422 for an instance that is not stopped.
    pub(crate) fn image_from(
        &mut self,
        instance: &Instance,
        manifest: Manifest,
        now: Timestamp,
    ) -> Result<Uuid, Refusal> {
        if instance.state != super::InstanceState::Stopped {
            let message = format!("could not prepare VM \"{}\": it is not stopped", instance.id);
            return Err(imgapi("InvalidParameter", "vm_uuid", "Invalid", &message));
        }
        let origin = self.catalog.find_image(instance.image).cloned();
        let origin = origin.ok_or_else(|| Refusal::not_found("image not found"))?;
        let kernel = origin.tags.get("kernel_version").cloned();
        let id = self.new_id();
        let mut image = Image {
            id,
            state: ImageState::Creating,
            owner: instance.owner,
            public: false,
            acl: Vec::new(),
            description: String::new(),
            homepage: None,
            eula: None,
            tags: Map::new(),
            origin: Some(origin.id),
            published_at: now,
            ..origin
        };
        image.apply(manifest);
        if let Some(kernel) = kernel {
            image.tags.entry("kernel_version").or_insert(kernel);
        }
        self.catalog.images.push(image);
        let ready = add(now, self.delays.image);
        self.catalog.creating.push((ready, id));
        Ok(id)
    }

    /// Activates the images that are due.
    pub(super) fn advance_images(&mut self, now: Timestamp) {
        let due = |(at, _): &mut (Timestamp, Uuid)| *at <= now;
        let ready: Vec<(Timestamp, Uuid)> = self.catalog.creating.extract_if(.., due).collect();
        for (at, id) in ready {
            if let Some(image) = self.catalog.images.iter_mut().find(|image| image.id == id) {
                (image.state, image.published_at) = (ImageState::Active, at);
            }
        }
    }

    /// Changes what the owner chooses.
    ///
    /// # Errors
    /// 404, or 422 NotImageOwner.
    pub(crate) fn change_image(
        &mut self,
        account: Uuid,
        id: Uuid,
        manifest: Manifest,
    ) -> Result<&Image, Refusal> {
        self.own_image(account, id)?;
        let image = self.catalog.images.iter_mut().find(|image| image.id == id);
        let image = image.ok_or_else(|| Refusal::not_found("image not found"))?;
        image.apply(manifest);
        Ok(image)
    }

    /// # Errors
    /// 404, 422 NotImageOwner, or 422 ImageHasDependentImages.
    pub(crate) fn remove_image(&mut self, account: Uuid, id: Uuid) -> Result<(), Refusal> {
        self.own_image(account, id)?;
        let dependents: Vec<String> = (self.catalog.images.iter())
            .filter(|image| image.origin == Some(id))
            .map(|image| image.id.to_string())
            .collect();
        if !dependents.is_empty() {
            let message = format!(
                "image \"{id}\" has {} dependent incremental image(s): {}",
                dependents.len(),
                dependents.join(", ")
            );
            return Err(Refusal::new(422, "ImageHasDependentImages", message));
        }
        self.catalog.images.retain(|image| image.id != id);
        self.catalog.creating.retain(|(_, creating)| *creating != id);
        Ok(())
    }

    /// Makes the account's own copy of an image somebody shares with it.
    ///
    /// # Errors
    /// 404, 422 ImageNotShared, or 422 ValidationFailed for one that is not active.
    pub(crate) fn clone_image(
        &mut self,
        account: Uuid,
        id: Uuid,
        now: Timestamp,
    ) -> Result<&Image, Refusal> {
        let image = self.image_for(account, id)?.clone();
        if !image.is_active() {
            return Err(imgapi("ValidationFailed", "active", "Invalid", "image is not active"));
        }
        if !image.acl.contains(&account) {
            let message = format!("Image {id} is not shared with account {account}");
            return Err(Refusal::new(422, "ImageNotShared", message));
        }
        let copy = Image {
            id: self.new_id(),
            owner: account,
            public: false,
            acl: Vec::new(),
            published_at: now,
            ..image
        };
        let id = copy.id;
        self.catalog.images.push(copy);
        self.image_for(account, id)
    }

    /// Brings an image of the account from another datacenter.
    ///
    /// # Errors
    /// 422 ValidationFailed for a datacenter that is not another one, 404 for an image it does not have, 401 Unauthorized for
    /// somebody else's, 409 ImageUuidAlreadyExists.
    pub(crate) fn import_image(
        &mut self,
        account: Uuid,
        datacenter: &str,
        id: Uuid,
    ) -> Result<&Image, Refusal> {
        let distant = &self.catalog.distant;
        if !distant.iter().any(|distant| distant.datacenter == datacenter) {
            let names: std::collections::BTreeSet<&str> =
                distant.iter().map(|distant| distant.datacenter.as_str()).collect();
            let message = format!(
                "datacenter \"{datacenter}\" is not supported, valid datacenters names are: {}",
                names.into_iter().collect::<Vec<_>>().join(", ")
            );
            return Err(imgapi("ValidationFailed", "datacenter", "Invalid", &message));
        }
        let found = distant.iter().find(|d| d.datacenter == datacenter && d.image.id == id);
        let image = found.ok_or_else(|| Refusal::not_found("image not found"))?.image.clone();
        if image.owner != account {
            let message = format!("Cannot import image {id} - you are not the owner.");
            return Err(Refusal::new(401, "UnauthorizedError", message));
        }
        if self.catalog.find_image(id).is_some() {
            let message = format!("image uuid \"{id}\" already exists");
            return Err(Refusal::new(409, "ImageUuidAlreadyExists", message));
        }
        self.catalog.images.push(image);
        self.image_for(account, id)
    }

    /// An image that is the account's own.
    ///
    /// # Errors
    /// 404, or 422 NotImageOwner.
    pub(crate) fn own_image(&self, account: Uuid, id: Uuid) -> Result<&Image, Refusal> {
        let image = self.image_for(account, id)?;
        if image.owner != account {
            let message = format!("account {account} is not the owner of image {id}");
            return Err(Refusal::new(422, "NotImageOwner", message));
        }
        Ok(image)
    }
}

/// IMGAPI's validation answers: 422 with one entry in `errors`.
pub(crate) fn imgapi(
    code: &'static str,
    field: &str,
    field_code: &'static str,
    message: &str,
) -> Refusal {
    let error =
        FieldError { field: field.to_owned(), code: field_code, message: message.to_owned() };
    Refusal { errors: vec![error], ..Refusal::new(422, code, message) }
}
