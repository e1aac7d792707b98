//! What is known besides the manifests.

use std::net::{IpAddr, Ipv4Addr};

use k8s_openapi::api::core::v1::Pod;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::level::Levels;
use crate::catalog::Catalog;
use crate::inputs::{Defaults, Inputs};
use crate::sources::Sources;

/// What is known besides the manifests.
#[derive(Clone, Debug)]
pub struct Context {
    /// Packages, images and networks of the account; without them, rules that need them find nothing.
    pub catalog: Option<Catalog>,
    /// What the operator set for pods that say nothing.
    pub defaults: Defaults,
    /// Levels that differ from the rules' own.
    pub levels: Levels,
    /// UID of the cluster's `kube-system` namespace, for plans.
    pub cluster: String,
    /// Name of the node, for plans.
    pub node: String,
    /// The node's address, for `status.hostIP`.
    pub host_ip: IpAddr,
    /// Namespace of objects that name none.
    pub namespace: String,
}

/// A catalog in a file: the lists as CloudAPI answered, `{"packages": [], "images": [], "networks": []}`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedCatalog {
    /// `GET /ACCOUNT/packages`.
    pub packages: Vec<Value>,
    /// `GET /ACCOUNT/images`.
    pub images: Vec<Value>,
    /// `GET /ACCOUNT/networks`.
    pub networks: Vec<Value>,
}

// === impl Context ===

impl Context {
    /// What a translation depends on.
    pub(crate) fn inputs<'a>(
        &'a self,
        pod: &'a Pod,
        catalog: &'a Catalog,
        sources: &'a Sources,
    ) -> Inputs<'a> {
        Inputs {
            pod,
            cluster: &self.cluster,
            node: &self.node,
            host_ip: Some(self.host_ip),
            catalog,
            defaults: &self.defaults,
            sources,
        }
    }
}

impl Default for Context {
    /// Nothing is known: no catalog, the rules' own levels, stand-ins for cluster and node.
    fn default() -> Self {
        Self {
            catalog: None,
            defaults: Defaults::default(),
            levels: Levels::default(),
            cluster: "00000000-0000-0000-0000-000000000000".to_owned(),
            node: "vk-triton".to_owned(),
            // An address for documentation (RFC 5737).
            host_ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
            namespace: "default".to_owned(),
        }
    }
}

// === impl SavedCatalog ===

impl SavedCatalog {
    /// What the lists say.
    ///
    /// # Errors
    ///
    /// When an entry is not what CloudAPI answers.
    pub fn read(self) -> Result<Catalog, serde_json::Error> {
        fn all<T: serde::de::DeserializeOwned>(
            list: Vec<Value>,
        ) -> Result<Vec<T>, serde_json::Error> {
            list.into_iter().map(serde_json::from_value).collect()
        }
        Ok(Catalog {
            packages: all(self.packages)?,
            images: all(self.images)?,
            networks: all(self.networks)?,
        })
    }
}
