//! Pods made at once, watched until they run, and deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube_client::Api;
use kube_client::api::{DeleteParams, ListParams, PostParams, WatchEvent, WatchParams};
use serde_json::{Value, json};
use testbed::wait::{Seen, until};
use testbed::{SimInstance, Stack};
use tokio::time::{Instant, timeout};

use crate::clock::now;

/// Longest a batch may take to run, or to be gone.
pub(crate) const LIMIT: Duration = Duration::from_secs(900);
/// Creates of pods under way at once.
pub(crate) const CREATES: usize = 16;
/// Label of every pod that is made here.
const LABEL: &str = "bench=vk-triton";
/// The package they ask for.
const PACKAGE: &str = "b87c2a29-6b6a-6d19-ea65-aa81e680002c";
/// The image they run.
const IMAGE: &str = "7b5981c4-1889-11e7-b4c5-3f3bdfc9b88b";

/// Pods that have come to run.
#[derive(Debug)]
pub(crate) struct Batch {
    /// For each pod: from our create to our seeing it run, less what the cloud took.
    pub(crate) overheads: Vec<Duration>,
    /// From the first create until the last pod was seen to run.
    pub(crate) took: Duration,
}

/// What the pods are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As small as can be.
    Plain,
    /// With what pods usually have: labels, environment, ports, resources, tolerations, some 5 KiB of JSON.
    Usual,
}

/// A pod that was made.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) name: String,
    pub(crate) uid: String,
    /// When our create was sent.
    asked: Timestamp,
}

/// One pod's marks.
#[derive(Clone, Copy, Debug)]
struct Marks {
    /// Our create was sent.
    asked: Timestamp,
    /// The watch showed it Running.
    seen_running: Timestamp,
}

/// Makes pods, each bound to the node (so that no scheduler is measured), and waits until all run.
pub(crate) async fn run_batch(stack: &Stack, name: &str, pods: usize, kind: Kind) -> Result<Batch> {
    let node = stack.node.as_ref().context("finding the node")?.name();
    let api: Api<Pod> = Api::default_namespaced(stack.client());
    let version = version(&api).await?;
    let started = Instant::now();
    let watching = watch_until_running(&api, &version, pods);
    let creating = stream::iter(0..pods)
        .map(|number| create(&api, node, name, number, kind))
        .buffer_unordered(CREATES)
        .try_collect::<Vec<Made>>();
    let (made, seen) = timeout(LIMIT, async { tokio::try_join!(creating, watching) })
        .await
        .with_context(|| format!("waiting for {pods} pods to run"))??;
    let took = started.elapsed();
    let mut marks = BTreeMap::new();
    for Made { uid, asked, .. } in made {
        let seen_running = *seen.get(&uid).context("finding when a pod ran")?;
        marks.insert(uid, Marks { asked, seen_running });
    }
    let instances = stack.simulator.control().instances().await?;
    Ok(Batch { overheads: overheads(&marks, &instances)?, took })
}

/// Deletes every pod of ours and waits until pods and instances are gone.
pub(crate) async fn delete(stack: &Stack) -> Result<()> {
    let api: Api<Pod> = Api::default_namespaced(stack.client());
    let ours = ListParams::default().labels(LABEL);
    api.delete_collection(&DeleteParams::default(), &ours).await.context("deleting the pods")?;
    until("pods and instances to be gone", LIMIT, || async {
        let pods = api.list_metadata(&ours).await?.items.len();
        let instances = stack.simulator.control().living().await?.len();
        let seen = format!("{pods} pods, {instances} instances");
        Ok(if pods + instances == 0 { Seen::Done(()) } else { Seen::NotYet(seen) })
    })
    .await
}

/// Removes every pod of ours at once, where no node would.
pub(crate) async fn remove(api: &Api<Pod>) -> Result<()> {
    let ours = ListParams::default().labels(LABEL);
    let at_once = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    api.delete_collection(&at_once, &ours).await.context("removing the pods")?;
    Ok(())
}

/// Where to watch from.
pub(crate) async fn version(api: &Api<Pod>) -> Result<String> {
    let list = api.list(&ListParams::default().labels(LABEL).limit(1)).await?;
    list.metadata.resource_version.context("reading where to watch from")
}

/// Makes one pod.
pub(crate) async fn create(
    api: &Api<Pod>,
    node: &str,
    batch: &str,
    number: usize,
    kind: Kind,
) -> Result<Made> {
    let name = format!("bench-{batch}-{number}");
    let pod: Pod = serde_json::from_value(pod(&name, node, kind))?;
    let asked = now();
    let created = api.create(&PostParams::default(), &pod).await.context("creating a pod")?;
    Ok(Made { name, uid: created.metadata.uid.context("reading a pod's uid")?, asked })
}

fn pod(name: &str, node: &str, kind: Kind) -> Value {
    let mut pod = json!({
        "metadata": {
            "name": name, "labels": {"bench": "vk-triton"}, "annotations": {"package": PACKAGE},
        },
        "spec": {
            "nodeName": node,
            "automountServiceAccountToken": false,
            "containers": [{"name": "bench", "image": IMAGE}],
        },
    });
    if kind == Kind::Usual {
        let labels = &mut pod["metadata"]["labels"];
        labels["app.kubernetes.io/name"] = json!("bench");
        labels["app.kubernetes.io/instance"] = json!(name);
        labels["app.kubernetes.io/version"] = json!("1.2.3");
        let env = (0..24).map(|n| {
            json!({"name": format!("SETTING_{n}"), "value": format!("https://service-{n}.example.com/{name}")})
        });
        let container = &mut pod["spec"]["containers"][0];
        container["env"] = env.collect();
        container["ports"] = json!([{"name": "http", "containerPort": 8080}, {"name": "metrics", "containerPort": 9090}]);
        container["resources"] = json!({"requests": {"cpu": "100m", "memory": "128Mi"}});
        pod["spec"]["tolerations"] = json!([
            {"key": "virtual-kubelet.io/provider", "operator": "Exists"},
            {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"},
            {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"},
        ]);
    }
    pod
}

/// When each pod was first seen Running, by uid; ends when `pods` were.
pub(crate) async fn watch_until_running(
    api: &Api<Pod>,
    version: &str,
    pods: usize,
) -> Result<BTreeMap<String, Timestamp>> {
    let mut seen = BTreeMap::new();
    let mut rejected = BTreeSet::new();
    let params = WatchParams::default().labels(LABEL).timeout(290);
    let mut from = version.to_owned();
    while seen.len() < pods {
        let mut events = api.watch(&params, &from).await.context("watching the pods")?.boxed();
        while let Some(event) = events.try_next().await.context("watching the pods")? {
            let (WatchEvent::Added(pod) | WatchEvent::Modified(pod)) = event else { continue };
            let at = now();
            from = pod.metadata.resource_version.unwrap_or(from);
            let uid = pod.metadata.uid.unwrap_or_default();
            let status = pod.status.unwrap_or_default();
            match status.phase.as_deref() {
                Some("Running") => drop(seen.entry(uid).or_insert(at)),
                Some("Failed") if rejected.insert(uid) => {
                    bail!("a pod failed: {}", status.message.unwrap_or_default());
                }
                _ => {}
            }
            if seen.len() == pods {
                break;
            }
        }
    }
    Ok(seen)
}

/// Our share of each pod's way: until the cloud had the request, and from when its instance ran.
fn overheads(marks: &BTreeMap<String, Marks>, instances: &[SimInstance]) -> Result<Vec<Duration>> {
    let mut overheads = Vec::new();
    for (uid, marks) in marks {
        let instance = instances.iter().find(|instance| instance.tag("k8s_uid") == Some(uid));
        let instance = instance.with_context(|| format!("finding the instance of pod {uid}"))?;
        let (began, ran) = (instance.first("provisioning")?, instance.first("running")?);
        let ours = marks.seen_running.duration_since(marks.asked).as_nanos()
            - ran.duration_since(began).as_nanos();
        overheads.push(Duration::from_nanos(u64::try_from(ours).unwrap_or(0)));
    }
    Ok(overheads)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: &str) -> Timestamp {
        format!("2026-01-01T00:00:{second}Z").parse().unwrap()
    }

    fn instance(uid: &str) -> SimInstance {
        serde_json::from_value(json!({
            "id": "a", "name": "a", "state": "running", "tags": {"k8s_uid": uid}, "firewall_enabled": false,
            "transitions": [{"to": "provisioning", "at": at("01.5")}, {"to": "running", "at": at("03.5")}],
        }))
        .unwrap()
    }

    #[test]
    fn what_the_cloud_took_is_not_ours() {
        let marks = Marks { asked: at("01.4"), seen_running: at("03.53") };
        let marks = BTreeMap::from([("u".to_owned(), marks)]);
        assert_eq!(overheads(&marks, &[instance("u")]).unwrap(), [Duration::from_millis(130)]);
    }

    #[test]
    fn a_pod_without_an_instance_is_an_error() {
        let marks =
            BTreeMap::from([("u".to_owned(), Marks { asked: at("01"), seen_running: at("02") })]);
        assert!(overheads(&marks, &[instance("other")]).is_err());
    }
}
