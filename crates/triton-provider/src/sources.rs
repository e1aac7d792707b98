//! Reads the ConfigMaps and Secrets that a pod's environment refers to, by name, live.

use k8s_openapi::api::core::v1::Pod;
use triton_podspec::{Sources, references};

use crate::cluster::{Cluster, ClusterError};

/// Reads them all; what does not exist is noted as such, what could not be read is an error.
///
/// # Errors
/// The first object that could not be read.
pub(crate) async fn read<C: Cluster>(cluster: &C, pod: &Pod) -> Result<Sources, ClusterError> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or("default");
    let mut sources = Sources::default();
    for reference in references(pod) {
        let values = cluster.values(namespace, &reference).await?;
        sources.0.insert(reference, values);
    }
    Ok(sources)
}
