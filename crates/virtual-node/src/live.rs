//! What the API server itself has at this moment, without any cache between.

use k8s_openapi::api::core::v1::{Node, Pod};
use kube_client::{Api, Client};

use crate::api::{CallError, call};
use crate::provider::PodKey;

/// Whether the API server has this pod, and not another one of its name. To be asked before what a list or a watch
/// left out is taken for gone.
///
/// # Errors
/// When it could not be found out.
pub(crate) async fn exists(client: &Client, key: &PodKey) -> Result<bool, CallError> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), &key.namespace);
    let found = call("reading the pod", pods.get_metadata_opt(&key.name)).await?;
    Ok(found.is_some_and(|pod| pod.metadata.uid.as_deref() == Some(&key.uid)))
}

/// Whether the cluster has a Node of this name: somebody has registered it, then.
///
/// # Errors
/// When it could not be found out.
pub(crate) async fn has_node(client: &Client, name: &str) -> Result<bool, CallError> {
    let nodes: Api<Node> = Api::all(client.clone());
    Ok(call("reading the Node", nodes.get_metadata_opt(name)).await?.is_some())
}
