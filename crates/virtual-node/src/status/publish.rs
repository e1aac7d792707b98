//! Writes a pod's status.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube_client::Client;
use kube_client::api::{Api, DeleteParams, Patch, PatchParams, Preconditions};

use super::diff::{self, Own};
use crate::api::{CallError, call};
use crate::config::NodeConfig;
use crate::live;
use crate::metrics::{KubeWrite, Metrics};
use crate::pods::raw::RawPod;
use crate::provider::PodKey;

/// Writes statuses, and removes pods that are over.
pub(crate) struct Publisher {
    client: Client,
    config: Arc<NodeConfig>,
    host_ips: Vec<String>,
    metrics: Arc<Metrics>,
}

/// What became of a status.
#[derive(Debug)]
pub(crate) enum Published {
    /// It was published already.
    Already,
    /// It was written; this is the pod as it is now.
    Written(Box<RawPod>),
    /// The pod does not exist any more; its departure comes with the watch.
    Departed,
}

// === impl Publisher ===

impl Publisher {
    pub(crate) fn new(client: Client, config: Arc<NodeConfig>, metrics: Arc<Metrics>) -> Self {
        let host_ips = config.internal_ips.iter().map(ToString::to_string).collect();
        Self { client, config, host_ips, metrics }
    }

    /// Publishes what differs.
    ///
    /// A conflict (409) is an error like others: mostly it means that the pod was replaced, and then the watch says so
    /// before the next try, but it also comes from too many writers at once, and a status must not be lost to that.
    pub(crate) async fn publish(
        &self,
        key: &PodKey,
        pod: &Pod,
        wanted: &PodStatus,
    ) -> Result<Published, CallError> {
        let own = Own {
            host_ips: &self.host_ips,
            condition_domain: self.config.condition_domain.as_deref(),
        };
        let Some(patch) = diff::patch(pod, wanted, &own, crate::clock::now()) else {
            return Ok(Published::Already);
        };
        self.metrics.kube_write(KubeWrite::PodStatus);
        let pods: Api<RawPod> = Api::namespaced(self.client.clone(), &key.namespace);
        let params = PatchParams::default();
        let patch = Patch::Strategic(patch);
        match call("writing the pod's status", pods.patch_status(&key.name, &params, &patch)).await
        {
            Ok(pod) => Ok(Published::Written(Box::new(pod))),
            Err(error) if error.is_not_found() => Ok(Published::Departed),
            Err(error) => Err(error),
        }
    }

    /// Whether the API server has this pod.
    pub(crate) async fn exists(&self, key: &PodKey) -> Result<bool, CallError> {
        live::exists(&self.client, key).await
    }

    /// Removes the Pod object, but only this one and not a successor of the same name. As to conflicts, see
    /// [`Publisher::publish`].
    pub(crate) async fn remove(&self, key: &PodKey) -> Result<(), CallError> {
        self.metrics.kube_write(KubeWrite::PodDelete);
        let pods: Api<RawPod> = Api::namespaced(self.client.clone(), &key.namespace);
        let params = DeleteParams {
            grace_period_seconds: Some(0),
            preconditions: Some(Preconditions {
                uid: Some(key.uid.clone()),
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        match call("removing the pod", pods.delete(&key.name, &params)).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Mutex;

    use axum::body::Body;
    use http::{Request, Response, StatusCode};
    use kube_client::client::Body as KubeBody;
    use serde_json::{Value, json};

    use super::*;

    /// A publisher whose API server has one pod, by its UID, and removes it as API servers do.
    fn publisher(there: &Arc<Mutex<Option<&'static str>>>) -> Publisher {
        let there = Arc::clone(there);
        let service = tower::service_fn(move |request: Request<KubeBody>| {
            let there = Arc::clone(&there);
            async move {
                let body = request.into_body().collect_bytes().await.unwrap_or_default();
                let order: Value = serde_json::from_slice(&body).unwrap_or_default();
                let mut there = there.lock().unwrap();
                let code = match (*there, order["preconditions"]["uid"].as_str()) {
                    (None, _) => StatusCode::NOT_FOUND,
                    (Some(uid), Some(wanted)) if uid != wanted => StatusCode::CONFLICT,
                    _ => {
                        assert_eq!(order["gracePeriodSeconds"], 0);
                        *there = None;
                        StatusCode::OK
                    }
                };
                let reason = if code == StatusCode::NOT_FOUND { "NotFound" } else { "Conflict" };
                let answer = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "code": code.as_u16(),
                    "status": if code.is_success() { "Success" } else { "Failure" }, "reason": reason, "message": "" });
                let response = Response::builder().status(code);
                Ok::<_, Infallible>(response.body(Body::from(answer.to_string())).unwrap())
            }
        });
        let client = Client::new(service, "default");
        Publisher::new(client, Arc::new(NodeConfig::new("node", "test")), Arc::default())
    }

    #[tokio::test]
    async fn a_pod_is_removed_and_never_its_successor_of_the_same_name() {
        let there = Arc::new(Mutex::new(Some("new")));
        let publisher = publisher(&there);
        let key = |uid: &str| PodKey {
            namespace: "default".to_owned(),
            name: "web-0".to_owned(),
            uid: uid.to_owned(),
        };
        assert!(publisher.remove(&key("old")).await.is_err_and(|error| error.is_conflict()));
        assert_eq!(*there.lock().unwrap(), Some("new"));
        publisher.remove(&key("new")).await.unwrap();
        assert_eq!(*there.lock().unwrap(), None);
        publisher.remove(&key("new")).await.unwrap();
    }
}
