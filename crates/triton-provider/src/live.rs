//! The pods of a node, read from the API server itself and from no cache.

use std::future::Future;

use k8s_openapi::api::core::v1::Pod;
use kube_client::{Api, Client};
use kube_core::params::ListParams;

use crate::cluster::{ClusterError, failed};

/// Pods per page of a list.
const PAGE: u32 = 500;

/// Reads pods.
pub trait LivePods: Send + Sync {
    /// All pods bound to a node.
    ///
    /// # Errors
    /// When the answer is not known to be complete.
    fn of_node(&self, node: &str) -> impl Future<Output = Result<Vec<Pod>, ClusterError>> + Send;

    /// One pod; `None` when the API server said that there is none.
    ///
    /// # Errors
    /// When it could not be found out.
    fn find(
        &self,
        namespace: &str,
        name: &str,
    ) -> impl Future<Output = Result<Option<Pod>, ClusterError>> + Send;
}

/// The pods of a real cluster.
#[derive(Clone)]
pub struct KubePods(Client);

// === impl KubePods ===

impl KubePods {
    /// Pods that this client reads.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self(client)
    }
}

impl LivePods for KubePods {
    async fn of_node(&self, node: &str) -> Result<Vec<Pod>, ClusterError> {
        let api: Api<Pod> = Api::all(self.0.clone());
        let mut params = ListParams::default().fields(&format!("spec.nodeName={node}")).limit(PAGE);
        let mut pods = Vec::new();
        loop {
            let page = api.list(&params).await;
            let page =
                page.map_err(|source| failed("list", format!("pods of node {node}"), source))?;
            pods.extend(page.items);
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(pods),
            }
        }
    }

    async fn find(&self, namespace: &str, name: &str) -> Result<Option<Pod>, ClusterError> {
        let api: Api<Pod> = Api::namespaced(self.0.clone(), namespace);
        let found = api.get_opt(name).await;
        found.map_err(|source| failed("get", format!("pod {namespace}/{name}"), source))
    }
}
