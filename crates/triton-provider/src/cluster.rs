//! The few things the provider asks of the cluster beyond its pods.

use std::collections::BTreeMap;
use std::future::Future;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube_client::{Api, Client};
use kube_core::ObjectMeta;
use kube_core::params::PostParams;
use triton_podspec::{Reference, SourceKind};

/// Name of the journal's entry in its ConfigMap.
const JOURNAL_KEY: &str = "intents.json";

/// Values of a ConfigMap or Secret.
pub type Values = BTreeMap<String, Vec<u8>>;

/// Reads configuration objects and keeps the journal.
pub trait Cluster: Send + Sync + 'static {
    /// The values of a ConfigMap or Secret; `None` when a live read said that it does not exist.
    ///
    /// # Errors
    /// When it could not be found out.
    fn values(
        &self,
        namespace: &str,
        reference: &Reference,
    ) -> impl Future<Output = Result<Option<Values>, ClusterError>> + Send;

    /// The journal as it stands.
    ///
    /// # Errors
    /// When it could not be read.
    fn load_journal(&self) -> impl Future<Output = Result<Stored, ClusterError>> + Send;

    /// Replaces the journal if it is still the one that was loaded, and returns its new version.
    ///
    /// # Errors
    /// [`ClusterError::Conflict`] when somebody else wrote it meanwhile.
    fn save_journal(
        &self,
        version: Option<String>,
        text: String,
    ) -> impl Future<Output = Result<String, ClusterError>> + Send;
}

/// The journal as the cluster keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Its version; `None` when there is none yet.
    pub version: Option<String>,
    /// Its text.
    pub text: Option<String>,
}

/// Why the cluster did not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// Somebody else wrote the object.
    #[error("the object was changed by somebody else")]
    Conflict,
    /// We are not allowed to.
    #[error("{verb} {what} is forbidden: grant it in the ClusterRole of vk-triton")]
    Forbidden {
        /// What we tried.
        verb: &'static str,
        /// On what.
        what: String,
        /// The API server's answer.
        #[source]
        source: kube_client::Error,
    },
    /// Anything else.
    #[error("{verb} {what}")]
    Request {
        /// What we tried.
        verb: &'static str,
        /// On what.
        what: String,
        /// The cause.
        #[source]
        source: kube_client::Error,
    },
}

/// The real cluster.
#[derive(Clone)]
pub struct KubeCluster {
    client: Client,
    namespace: String,
    journal: String,
}

// === impl KubeCluster ===

impl KubeCluster {
    /// A cluster whose journal for `node` is the ConfigMap `vk-triton-<node>` in `namespace`.
    #[must_use]
    pub fn new(client: Client, namespace: &str, node: &str) -> Self {
        Self { client, namespace: namespace.to_owned(), journal: format!("vk-triton-{node}") }
    }

    fn journal_api(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    fn journal_name(&self) -> String {
        format!("configmap {}/{}", self.namespace, self.journal)
    }
}

impl Cluster for KubeCluster {
    async fn values(
        &self,
        namespace: &str,
        reference: &Reference,
    ) -> Result<Option<Values>, ClusterError> {
        let name = &reference.name;
        match reference.kind {
            SourceKind::ConfigMap => {
                let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), namespace);
                let found = api.get_opt(name).await;
                let found = found.map_err(|source| {
                    failed("get", format!("configmap {namespace}/{name}"), source)
                })?;
                Ok(found.map(|object| {
                    let text = object
                        .data
                        .unwrap_or_default()
                        .into_iter()
                        .map(|(key, value)| (key, value.into_bytes()));
                    let bytes = object
                        .binary_data
                        .unwrap_or_default()
                        .into_iter()
                        .map(|(key, value)| (key, value.0));
                    text.chain(bytes).collect()
                }))
            }
            SourceKind::Secret => {
                let api: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
                let found = api.get_opt(name).await;
                let found = found.map_err(|source| {
                    failed("get", format!("secret {namespace}/{name}"), source)
                })?;
                Ok(found.map(|object| {
                    object
                        .data
                        .unwrap_or_default()
                        .into_iter()
                        .map(|(key, value)| (key, value.0))
                        .collect()
                }))
            }
        }
    }

    async fn load_journal(&self) -> Result<Stored, ClusterError> {
        let found = self.journal_api().get_opt(&self.journal).await;
        let found = found.map_err(|source| failed("get", self.journal_name(), source))?;
        Ok(found.map_or_else(Stored::default, |object| Stored {
            version: object.metadata.resource_version,
            text: object.data.and_then(|mut data| data.remove(JOURNAL_KEY)),
        }))
    }

    async fn save_journal(
        &self,
        version: Option<String>,
        text: String,
    ) -> Result<String, ClusterError> {
        let object = ConfigMap {
            metadata: ObjectMeta {
                name: Some(self.journal.clone()),
                namespace: Some(self.namespace.clone()),
                resource_version: version.clone(),
                labels: Some(BTreeMap::from([(
                    "app.kubernetes.io/managed-by".to_owned(),
                    "vk-triton".to_owned(),
                )])),
                ..ObjectMeta::default()
            },
            data: Some(BTreeMap::from([(JOURNAL_KEY.to_owned(), text)])),
            ..ConfigMap::default()
        };
        let api = self.journal_api();
        let params = PostParams::default();
        let saved = if version.is_some() {
            api.replace(&self.journal, &params, &object).await
        } else {
            api.create(&params, &object).await
        };
        let saved = saved.map_err(|source| failed("write", self.journal_name(), source))?;
        Ok(saved.metadata.resource_version.unwrap_or_default())
    }
}

/// Sorts an error of the API server.
pub(crate) fn failed(verb: &'static str, what: String, source: kube_client::Error) -> ClusterError {
    match &source {
        // 404 on a replace: the object was deleted since it was loaded.
        kube_client::Error::Api(status)
            if status.code == 409 || (verb == "write" && status.code == 404) =>
        {
            ClusterError::Conflict
        }
        kube_client::Error::Api(status) if status.code == 403 => {
            ClusterError::Forbidden { verb, what, source }
        }
        _ => ClusterError::Request { verb, what, source },
    }
}

#[cfg(test)]
mod tests;
