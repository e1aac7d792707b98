//! Writes a pod's status.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube_client::Client;
use kube_client::api::{Api, DeleteParams, Patch, PatchParams, Preconditions};
use serde_json::json;

use super::diff::{self, Own};
use crate::api::{CallError, call};
use crate::config::NodeConfig;
use crate::live;
use crate::metrics::{KubeWrite, Metrics};
use crate::pods::raw::RawPod;
use crate::pods::store::Known;
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
    /// The pod was not as the list had it, so nothing was written; this is the pod as it is.
    Behind(Box<RawPod>),
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
    /// What an earlier process has published is known from a list alone, and a list may come from a cache that lags: a
    /// status made from it would take restarts back. So until this process has seen the pod live, the write says which
    /// version it is made from, and the API server refuses it if there is a newer one.
    ///
    /// Any other conflict (409) is an error like others: mostly it means that the pod was replaced, and then the watch
    /// says so before the next try, but it also comes from too many writers at once, and a status must not be lost to
    /// that.
    pub(crate) async fn publish(
        &self,
        known: &Known,
        pod: &Pod,
        wanted: &PodStatus,
    ) -> Result<Published, CallError> {
        let own = Own {
            host_ips: &self.host_ips,
            condition_domain: self.config.condition_domain.as_deref(),
        };
        let Some(mut patch) = diff::patch(pod, wanted, &own, crate::clock::now()) else {
            return Ok(Published::Already);
        };
        let (key, seen_live) = (&known.key, known.memory.seen_live);
        if let (false, Some(version)) = (seen_live, &pod.metadata.resource_version) {
            patch["metadata"]["resourceVersion"] = json!(version);
        }
        self.metrics.kube_write(KubeWrite::PodStatus);
        let pods: Api<RawPod> = Api::namespaced(self.client.clone(), &key.namespace);
        let params = PatchParams::default();
        let patch = Patch::Strategic(patch);
        match call("writing the pod's status", pods.patch_status(&key.name, &params, &patch)).await
        {
            Ok(pod) => Ok(Published::Written(Box::new(pod))),
            Err(error) if error.is_not_found() => Ok(Published::Departed),
            Err(error) if error.is_conflict() && !seen_live => {
                let pod = call("reading the pod", pods.get_opt(&key.name)).await?;
                let pod = pod.filter(|pod| pod.uid() == Some(&key.uid));
                Ok(pod.map_or(Published::Departed, |pod| Published::Behind(Box::new(pod))))
            }
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
    use serde_json::Value;

    use super::*;
    use crate::pods::store::Memory;

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

    /// A publisher whose API server has this pod, in this version, and what it was asked to write.
    fn server_of(pod: Value) -> (Publisher, Arc<Mutex<Vec<Value>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        let service = tower::service_fn(move |request: Request<KubeBody>| {
            let (pod, seen) = (pod.clone(), Arc::clone(&seen));
            async move {
                let body = request.into_body().collect_bytes().await.unwrap_or_default();
                let order: Option<Value> = serde_json::from_slice(&body).ok();
                let version = order.as_ref().and_then(|it| it.pointer("/metadata/resourceVersion"));
                let conflict = version.is_some_and(|it| *it != pod["metadata"]["resourceVersion"]);
                seen.lock().unwrap().extend(order);
                let (code, answer) = if conflict {
                    (
                        StatusCode::CONFLICT,
                        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "code": 409,
                        "status": "Failure", "reason": "Conflict", "message": "the object has been modified"}),
                    )
                } else {
                    (StatusCode::OK, pod)
                };
                let response = Response::builder().status(code);
                Ok::<_, Infallible>(response.body(Body::from(answer.to_string())).unwrap())
            }
        });
        let client = Client::new(service, "default");
        let config = Arc::new(NodeConfig::new("node", "test"));
        (Publisher::new(client, config, Arc::default()), asked)
    }

    fn pod(version: &str, restarts: u32) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "web-0", "namespace": "default", "uid": "u", "resourceVersion": version},
            "spec": {"containers": [{"name": "main"}]},
            "status": {"phase": "Running", "containerStatuses": [
                {"name": "main", "image": "i", "imageID": "i", "ready": true, "restartCount": restarts}]}})
    }

    #[tokio::test]
    async fn until_the_pod_was_seen_live_a_status_made_from_an_old_list_is_not_written() {
        let (publisher, asked) = server_of(pod("9", 1));
        let listed: Pod = serde_json::from_value(pod("5", 0)).unwrap();
        let mut wanted = listed.status.clone().unwrap();
        wanted.message = Some("from an old list".to_owned());
        let key = PodKey { namespace: "default".into(), name: "web-0".into(), uid: "u".into() };
        let pod = Some(Arc::new(listed.clone()));
        let mut known = Known { key, pod, departed: false, memory: Memory::default() };

        let published = publisher.publish(&known, &listed, &wanted).await.unwrap();
        let Published::Behind(live) = published else { panic!("{published:?}") };
        assert_eq!(live.version(), "9");
        assert_eq!(asked.lock().unwrap()[0]["metadata"]["resourceVersion"], "5");

        // Afterwards it is as any other write: others may have changed what is not ours.
        known.memory.seen_live = true;
        let published = publisher.publish(&known, &listed, &wanted).await.unwrap();
        assert!(matches!(published, Published::Written(_)), "{published:?}");
        assert_eq!(asked.lock().unwrap()[1]["metadata"], json!({"uid": "u"}));
    }

    #[tokio::test]
    async fn a_conflict_with_a_successor_is_a_departure() {
        let (publisher, _) = server_of(pod("9", 0));
        let mut old = pod("5", 0);
        old["metadata"]["uid"] = json!("old");
        let listed: Pod = serde_json::from_value(old).unwrap();
        let mut wanted = listed.status.clone().unwrap();
        wanted.message = Some("of the old one".to_owned());
        let key = PodKey { namespace: "default".into(), name: "web-0".into(), uid: "old".into() };
        let pod = Some(Arc::new(listed.clone()));
        let known = Known { key, pod, departed: false, memory: Memory::default() };
        let published = publisher.publish(&known, &listed, &wanted).await.unwrap();
        assert!(matches!(published, Published::Departed), "{published:?}");
    }
}
