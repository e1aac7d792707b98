//! Reading an instance as servers really send it.
//!
//! Two things decide whose an instance is, its `id` and its `tags`; they must be readable. Everything else that is
//! absent, null or of another type becomes its empty value, so that one strange instance does not hide the others.

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::{Brand, Instance, InstanceState, Nic};
use crate::ids::{ImageId, InstanceId, NetworkId};
use crate::tags::{TagValue, Tags};

impl<'de> Deserialize<'de> for Instance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Fields(Map::deserialize(deserializer)?);
        let id: InstanceId =
            fields.parse("id").ok_or_else(|| D::Error::custom("the instance's id is no UUID"))?;
        let tags = read_tags(fields.0.remove("tags")).map_err(D::Error::custom)?;
        Ok(Self {
            id,
            tags,
            name: fields.text("name").unwrap_or_default(),
            brand: Brand::from(fields.text("brand").unwrap_or_default().as_str()),
            state: InstanceState::from(fields.text("state").unwrap_or_default().as_str()),
            image: fields.parse::<ImageId>("image"),
            package: fields.text("package").unwrap_or_default(),
            ips: fields.texts("ips"),
            primary_ip: fields.text("primaryIp"),
            memory_mib: fields.number("memory"),
            disk_mib: fields.number("disk"),
            metadata: fields.object("metadata").into_iter().collect::<BTreeMap<_, _>>(),
            created: fields.parse::<Timestamp>("created"),
            updated: fields.parse::<Timestamp>("updated"),
            networks: fields.texts("networks").iter().filter_map(|id| id.parse().ok()).collect(),
            nics: fields.objects("nics").into_iter().map(|nic| read_nic(Fields(nic))).collect(),
            firewall_enabled: fields.flag("firewall_enabled"),
            deletion_protection: fields.flag("deletion_protection"),
            compute_node: fields.parse("compute_node"),
            dns_names: fields.texts("dns_names"),
        })
    }
}

fn read_tags(tags: Option<Value>) -> Result<Tags, &'static str> {
    match tags {
        // A server may leave out what is empty. Anything else that is no object is not known to be empty.
        None => Ok(Tags::new()),
        Some(Value::Object(tags)) => {
            Ok(tags.into_iter().map(|(key, value)| (key, tag(value))).collect())
        }
        Some(_) => Err("the instance's tags are no object"),
    }
}

fn tag(value: Value) -> TagValue {
    match value {
        Value::Bool(value) => TagValue::Bool(value),
        Value::Number(value) => TagValue::Number(value),
        Value::String(value) => TagValue::String(value),
        other => TagValue::Other(other),
    }
}

fn read_nic(mut fields: Fields) -> Nic {
    Nic {
        mac: fields.text("mac").unwrap_or_default(),
        ip: fields.text("ip").unwrap_or_default(),
        primary: fields.flag("primary"),
        netmask: fields.text("netmask").unwrap_or_default(),
        gateway: fields.text("gateway").filter(|gateway| !gateway.is_empty()),
        state: fields.text("state").unwrap_or_default(),
        network: fields.parse::<NetworkId>("network"),
    }
}

/// An object's fields, each read leniently and once.
struct Fields(Map<String, Value>);

impl Fields {
    fn text(&mut self, name: &str) -> Option<String> {
        match self.0.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    fn parse<T: FromStr>(&mut self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    fn texts(&mut self, name: &str) -> Vec<String> {
        self.array(name).filter_map(|value| value.as_str().map(str::to_owned)).collect()
    }

    fn number(&mut self, name: &str) -> Option<u64> {
        let value = self.0.remove(name)?;
        // A whole number may come as 1024.0; one that is negative or broken is as good as absent.
        value
            .as_u64()
            .or_else(|| value.as_f64().filter(|value| *value >= 0.0).map(|value| value as u64))
    }

    fn flag(&mut self, name: &str) -> bool {
        match self.0.remove(name) {
            Some(Value::Bool(flag)) => flag,
            Some(Value::String(text)) => text == "true",
            _ => false,
        }
    }

    fn object(&mut self, name: &str) -> Map<String, Value> {
        match self.0.remove(name) {
            Some(Value::Object(object)) => object,
            _ => Map::new(),
        }
    }

    fn objects(&mut self, name: &str) -> Vec<Map<String, Value>> {
        let objects = self.array(name).filter_map(|value| match value {
            Value::Object(object) => Some(object),
            _ => None,
        });
        objects.collect()
    }

    fn array(&mut self, name: &str) -> impl Iterator<Item = Value> + use<> {
        let values = match self.0.remove(name) {
            Some(Value::Array(values)) => values,
            _ => Vec::new(),
        };
        values.into_iter()
    }
}

#[cfg(test)]
mod tests;
