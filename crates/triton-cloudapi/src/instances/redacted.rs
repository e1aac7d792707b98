//! Debug output without what the guest must know, passwords among it.

use std::fmt;

use super::{CreateInstance, Instance};

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
            .field("metadata", &self.metadata)
            .field("created", &self.created)
            .field("firewall_enabled", &self.firewall_enabled)
            .field("deletion_protection", &self.deletion_protection)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CreateInstance {
    /// Metadata by key only, and no password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateInstance")
            .field("name", &self.name)
            .field("package", &self.package)
            .field("image", &self.image)
            .field("networks", &self.networks)
            .field("affinity", &self.affinity)
            .field("locality", &self.locality)
            .field("tags", &self.tags)
            .field("role_tags", &self.role_tags)
            .field("metadata", &self.metadata.keys().collect::<Vec<_>>())
            .field("credentials", &self.credentials.keys().collect::<Vec<_>>())
            .field("administrator_pw", &self.administrator_pw)
            .field("brand", &self.brand)
            .field("bootrom", &self.bootrom)
            .field("disks", &self.disks)
            .field("volumes", &self.volumes)
            .field("default_networks", &self.default_networks)
            .field("delegate_dataset", &self.delegate_dataset)
            .field("encrypted", &self.encrypted)
            .field("firewall_enabled", &self.firewall_enabled)
            .field("deletion_protection", &self.deletion_protection)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const SECRET: &str = "canary-5f1c";

    #[test]
    fn metadata_shows_its_keys_and_never_its_values() {
        let create = CreateInstance {
            metadata: BTreeMap::from([("user-data".to_owned(), SECRET.to_owned())]),
            credentials: BTreeMap::from([("root".to_owned(), SECRET.into())]),
            administrator_pw: Some(SECRET.into()),
            ..CreateInstance::default()
        };
        let instance: Instance = serde_json::from_value(serde_json::json!({
            "id": "00000000-0000-4000-8000-000000000001", "name": "web-0", "state": "running", "tags": {},
            "metadata": {"user-data": SECRET, "credentials": {"root": SECRET}},
        }))
        .unwrap();
        let json = serde_json::to_string(&instance).unwrap();
        for text in [format!("{create:#?}"), format!("{instance:?}"), json] {
            assert!(text.contains("user-data"), "{text}");
            assert!(!text.contains(SECRET), "{text}");
        }
        assert_eq!(instance.to_exposed_json().unwrap()["metadata"]["user-data"], SECRET);
    }
}
