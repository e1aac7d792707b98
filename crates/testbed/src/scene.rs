//! A stack in a directory of its own, and what a test or the demo asks of it again and again.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::{Event, Namespace, Pod};
use kube_client::Api;
use kube_client::api::ListParams;
use serde_json::{Value, json};

use crate::binaries::Binaries;
use crate::canary::{CANARY, CANARY_KEY, Canary};
use crate::control::{SimControl, SimInstance};
use crate::kubectl::Kubectl;
use crate::scratch::Scratch;
use crate::stack::{Stack, StackOptions};
use crate::wait::{Seen, until};

/// The manifest of the first Triton provider's walkthrough, word for word.
pub const WALKTHROUGH: &str = include_str!("../../../fixtures/walkthrough/deployment.yml");
/// Package of the walkthrough, by UUID.
pub const PACKAGE: &str = "b87c2a29-6b6a-6d19-ea65-aa81e680002c";
/// Image of the walkthrough, by UUID.
pub const IMAGE: &str = "7b5981c4-1889-11e7-b4c5-3f3bdfc9b88b";

/// Longest anything may take: provisioning, probes' delays, back-off, and a slow machine.
const LIMIT: Duration = Duration::from_secs(180);

/// A running stack and its directory.
pub struct Scene {
    /// The stack. It is the first field: processes end before their directory goes.
    pub stack: Stack,
    canary: Canary,
    scratch: Scratch,
}

// === impl Scene ===

impl Scene {
    /// Starts a stack in a fresh directory with the binaries [`Binaries::find`] finds.
    ///
    /// # Errors
    /// When a part cannot be started or does not get ready.
    pub async fn start(name: &str, options: &StackOptions) -> Result<Self> {
        let scratch = Scratch::create(name).await?;
        let stack = Stack::start(scratch.path(), &Binaries::find()?, options, |_| {}).await?;
        let canary = Canary::release(stack.client()).await?;
        Ok(Self { stack, canary, scratch })
    }

    /// Ends with an error when the secret that every pod carries is anywhere but in the instances' metadata.
    ///
    /// # Errors
    /// As [`Canary::search_or_fail`].
    pub async fn no_secret_got_out(&self) -> Result<()> {
        self.canary.search_or_fail(self.dir(), &self.stack).await.map(drop)
    }

    /// UID of the namespace kube-system, by which clusters are told apart.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn cluster_uid(&self) -> Result<String> {
        let namespaces: Api<Namespace> = Api::all(self.stack.client());
        let system = namespaces.get("kube-system").await.context("reading kube-system")?;
        system.metadata.uid.context("reading the UID of kube-system")
    }

    /// The secret that every pod carries.
    #[must_use]
    pub fn canary(&self) -> &Canary {
        &self.canary
    }

    /// Leaves the directory to be read afterwards.
    pub fn keep(&mut self) {
        self.scratch.keep();
    }

    /// Where its files are.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.scratch.path()
    }

    /// kubectl as an administrator.
    #[must_use]
    pub fn kubectl(&self) -> &Kubectl {
        self.stack.kubectl()
    }

    /// What an operator of the simulated datacenter, or fate, can do.
    #[must_use]
    pub fn fate(&self) -> &SimControl {
        self.stack.simulator.control()
    }

    /// Pods of the namespace `default`.
    #[must_use]
    pub fn pods_api(&self) -> Api<Pod> {
        Api::default_namespaced(self.stack.client())
    }

    /// `kubectl apply` of a manifest in YAML or JSON.
    ///
    /// # Errors
    /// When kubectl refuses.
    pub async fn apply(&self, manifest: &str) -> Result<()> {
        self.kubectl().run_with(&["apply", "-f", "-"], manifest).await.map(drop)
    }

    /// Waits until the pods with a label are as wanted, and returns them.
    ///
    /// # Errors
    /// When they are not in three minutes; the error says how they were.
    pub async fn until_pods(
        &self,
        label: &str,
        what: &str,
        wanted: impl Fn(&[Pod]) -> bool,
    ) -> Result<Vec<Pod>> {
        let (api, params) = (self.pods_api(), ListParams::default().labels(label));
        until(what, LIMIT, || async {
            let pods = api.list(&params).await?.items;
            Ok(if wanted(&pods) { Seen::Done(pods) } else { Seen::NotYet(describe(&pods)) })
        })
        .await
    }

    /// Waits until exactly `count` pods with a label are there, and all are Ready.
    ///
    /// # Errors
    /// As [`Scene::until_pods`].
    pub async fn until_ready(&self, label: &str, count: usize) -> Result<Vec<Pod>> {
        let all_ready = |pods: &[Pod]| pods.len() == count && pods.iter().all(is_ready);
        self.until_pods(label, &format!("{count} ready pods"), all_ready).await
    }

    /// Waits until the living instances are as wanted, and returns them.
    ///
    /// # Errors
    /// When they are not in three minutes; the error says how they were.
    pub async fn until_instances(
        &self,
        what: &str,
        wanted: impl Fn(&[SimInstance]) -> bool,
    ) -> Result<Vec<SimInstance>> {
        until(what, LIMIT, || async {
            let living = self.fate().living().await?;
            let seen: Vec<String> =
                living.iter().map(|one| format!("{} {}", one.name, one.state)).collect();
            Ok(if wanted(&living) { Seen::Done(living) } else { Seen::NotYet(seen.join(", ")) })
        })
        .await
    }

    /// Waits until an event about a pod is as wanted, and returns it.
    ///
    /// # Errors
    /// When there is none in three minutes; the error lists those there are.
    pub async fn until_event(
        &self,
        pod: &str,
        what: &str,
        wanted: impl Fn(&Event) -> bool,
    ) -> Result<Event> {
        let api: Api<Event> = Api::default_namespaced(self.stack.client());
        let params = ListParams::default().fields(&format!("involvedObject.name={pod}"));
        until(what, LIMIT, || async {
            let events = api.list(&params).await?.items;
            let text = |event: &Event| {
                format!(
                    "{}: {}",
                    event.reason.as_deref().unwrap_or("-"),
                    event.message.as_deref().unwrap_or("-")
                )
            };
            let seen = events.iter().map(text).collect::<Vec<_>>().join("; ");
            Ok(events
                .into_iter()
                .find(|event| wanted(event))
                .map_or(Seen::NotYet(seen), Seen::Done))
        })
        .await
    }

    /// The condition Ready of the node: its status and its message.
    ///
    /// # Errors
    /// When there is no such node, or no such condition.
    pub async fn node_ready(&self) -> Result<(String, String)> {
        let name = self.stack.node.as_ref().context("finding the node")?.name();
        let nodes = Api::all(self.stack.client());
        crate::node::ready_condition(&nodes.get(name).await?).context("finding the condition Ready")
    }
}

/// Whether the condition Ready holds.
#[must_use]
pub fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Restarts of a pod's only container, as published; `None` before there is a container status.
#[must_use]
pub fn restart_count(pod: &Pod) -> Option<i32> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    statuses.first().map(|status| status.restart_count)
}

/// A pod without probes for the node, with annotations on top of the walkthrough's package.
#[must_use]
pub fn pod(name: &str, app: &str, annotations: &[(&str, &str)]) -> Value {
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": app}, "annotations": {"package": PACKAGE}},
        "spec": pod_spec(),
    });
    for (key, value) in annotations {
        pod["metadata"]["annotations"][*key] = json!(value);
    }
    pod
}

/// A Deployment of such pods; its label is `app=NAME`.
#[must_use]
pub fn deployment(name: &str, replicas: u32) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}, "annotations": {"package": PACKAGE}},
                "spec": pod_spec(),
            },
        },
    })
}

fn pod_spec() -> Value {
    json!({
        "nodeSelector": {"type": "virtual-kubelet"},
        "tolerations": [{"key": "virtual-kubelet.io/provider", "operator": "Exists"}],
        "containers": [{"name": "main", "image": IMAGE, "env": [canary_env()]}],
    })
}

/// The secret, where a pod may have it. Optional: a test may do without.
pub(crate) fn canary_env() -> Value {
    let key = json!({"name": CANARY, "key": CANARY_KEY, "optional": true});
    json!({"name": "CANARY", "valueFrom": {"secretKeyRef": key}})
}

fn describe(pods: &[Pod]) -> String {
    if pods.is_empty() {
        return "no pods".to_owned();
    }
    let one = |pod: &Pod| {
        let name = pod.metadata.name.as_deref().unwrap_or("-");
        let status = pod.status.as_ref();
        let phase = status.and_then(|status| status.phase.as_deref()).unwrap_or("-");
        let ready = if is_ready(pod) { "ready" } else { "not ready" };
        let restarts = restart_count(pod).unwrap_or(0);
        format!("{name} {phase} {ready} {restarts} restarts")
    };
    pods.iter().map(one).collect::<Vec<_>>().join(", ")
}
