//! Debug output without metadata's values: they hold what the guest must know, passwords among it.

use std::collections::BTreeMap;
use std::fmt;

use super::{CreateInstance, Instance};

/// The keys of a map.
struct Keys<'a, V>(&'a BTreeMap<String, V>);

impl<V> fmt::Debug for Keys<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl fmt::Debug for Instance {
    /// Metadata by key only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("brand", &self.brand)
            .field("state", &self.state)
            .field("image", &self.image)
            .field("package", &self.package)
            .field("ips", &self.ips)
            .field("tags", &self.tags)
            .field("metadata", &Keys(&self.metadata))
            .field("created", &self.created)
            .field("firewall_enabled", &self.firewall_enabled)
            .field("deletion_protection", &self.deletion_protection)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CreateInstance {
    /// Metadata by key only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateInstance")
            .field("name", &self.name)
            .field("package", &self.package)
            .field("image", &self.image)
            .field("networks", &self.networks)
            .field("affinity", &self.affinity)
            .field("tags", &self.tags)
            .field("metadata", &Keys(&self.metadata))
            .field("brand", &self.brand)
            .field("firewall_enabled", &self.firewall_enabled)
            .field("deletion_protection", &self.deletion_protection)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "canary-5f1c";

    #[test]
    fn metadata_shows_its_keys_and_never_its_values() {
        let create = CreateInstance {
            metadata: BTreeMap::from([("user-data".to_owned(), SECRET.to_owned())]),
            ..CreateInstance::default()
        };
        let instance: Instance = serde_json::from_value(serde_json::json!({
            "id": "00000000-0000-4000-8000-000000000001", "name": "web-0", "state": "running",
            "metadata": {"user-data": SECRET, "credentials": {"root": SECRET}},
        }))
        .unwrap();
        for text in [format!("{create:#?}"), format!("{instance:?}")] {
            assert!(text.contains("user-data"), "{text}");
            assert!(!text.contains(SECRET), "{text}");
        }
    }
}
