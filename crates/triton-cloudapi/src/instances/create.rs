//! CreateMachine's parameters and the body they become.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Brand;
use crate::ids::NetworkId;
use crate::request::RequestError;
use crate::tags::{TagValue, Tags};

/// Parameters of CreateMachine (manual, "CreateMachine").
///
/// On the wire tags and metadata are flat keys (`tag.x`, `metadata.x`); nested objects are ignored by the server.
#[derive(Clone, Default, PartialEq)]
pub struct CreateInstance {
    /// Alias: 1-63 of `[a-zA-Z0-9_.-]`, beginning with a letter or digit.
    pub name: String,
    /// Package UUID or name.
    pub package: String,
    /// Image UUID.
    pub image: String,
    /// Networks, in order; `None` lets the server choose.
    pub networks: Option<Vec<NetworkId>>,
    /// Affinity rules (`role!=db`, `instance==~web*`).
    pub affinity: Vec<String>,
    /// Metadata, readable by the guest.
    pub metadata: BTreeMap<String, String>,
    /// Tags, set atomically with the record.
    pub tags: Tags,
    /// `bhyve` or `kvm`, where the image leaves the choice.
    pub brand: Option<Brand>,
    /// Whether the firewall filters it from the start.
    pub firewall_enabled: bool,
    /// Whether DELETE is refused from the start.
    pub deletion_protection: bool,
}

// === impl CreateInstance ===

impl CreateInstance {
    /// The body as CloudAPI reads it: tags and metadata as flat keys, booleans as JSON booleans.
    ///
    /// `allow_shared_images` is always sent: API 9 refuses images shared with the account without it, and who names
    /// an image means it.
    ///
    /// # Errors
    ///
    /// [`RequestError::TagValue`] for a tag that is neither text, number nor boolean.
    pub fn to_body(&self) -> Result<Value, RequestError> {
        let mut body = Map::new();
        if !self.name.is_empty() {
            body.insert("name".to_owned(), self.name.as_str().into());
        }
        body.insert("package".to_owned(), self.package.as_str().into());
        body.insert("image".to_owned(), self.image.as_str().into());
        if let Some(networks) = &self.networks {
            let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
            body.insert("networks".to_owned(), networks.into());
        }
        if !self.affinity.is_empty() {
            body.insert("affinity".to_owned(), self.affinity.clone().into());
        }
        if let Some(brand) = &self.brand {
            body.insert("brand".to_owned(), brand.as_str().into());
        }
        body.insert("firewall_enabled".to_owned(), self.firewall_enabled.into());
        body.insert("deletion_protection".to_owned(), self.deletion_protection.into());
        body.insert("allow_shared_images".to_owned(), true.into());
        for (key, value) in &self.metadata {
            body.insert(format!("metadata.{key}"), value.as_str().into());
        }
        for (key, value) in &self.tags {
            body.insert(format!("tag.{key}"), tag_value(key, value)?);
        }
        Ok(Value::Object(body))
    }
}

/// A tag's value as JSON, if it is one that CloudAPI takes.
pub(super) fn tag_value(key: &str, value: &TagValue) -> Result<Value, RequestError> {
    match value {
        TagValue::Bool(value) => Ok((*value).into()),
        TagValue::Number(value) => Ok(Value::Number(value.clone())),
        TagValue::String(value) => Ok(value.as_str().into()),
        TagValue::Other(_) => Err(RequestError::TagValue { key: key.to_owned() }),
    }
}
