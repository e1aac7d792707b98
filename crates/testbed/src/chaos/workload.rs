//! What users do meanwhile: Deployments, StatefulSets and Jobs that come, grow, roll, shrink and go.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube_client::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube_client::{Api, Client};
use serde_json::{Value, json};

use crate::luck::Luck;
use crate::oracle::PodFact;
use crate::scene::{IMAGE, PACKAGE, canary_env};

/// Longest one act may take: the API server may be gone.
const ACT_LIMIT: Duration = Duration::from_secs(8);
/// Seconds a guest has to shut down.
const GRACE: u32 = 4;
/// Label of everything that is part of the workload.
const LABEL: &str = "chaos=workload";

/// A Deployment with the most pods it may have.
const DEPLOYMENTS: [(&str, u64); 3] = [("web", 8), ("walled", 3), ("kept", 2)];
const STATEFUL: (&str, u64) = ("db", 3);

/// What one act was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// A number of replicas.
    Scale(&'static str, u64),
    /// A new revision.
    Roll(&'static str),
    /// `kubectl delete pod`.
    Delete,
    /// `kubectl delete pod --force --grace-period=0`.
    ForceDelete,
    /// A Job begins.
    Job,
    /// A Job is deleted.
    EndJob,
}

/// The workload of one run.
#[derive(Clone)]
pub struct Workload {
    client: Client,
    node: String,
    acts: u64,
    jobs: u64,
}

// === impl Act ===

impl Act {
    fn drawn(luck: Luck) -> Self {
        let deployment = luck.named("deployment").pick(&DEPLOYMENTS).unwrap_or(&DEPLOYMENTS[0]);
        match luck.named("act").below(20) {
            0..=6 => Self::Scale(deployment.0, luck.named("replicas").between(0, deployment.1)),
            7..=9 => Self::Scale(STATEFUL.0, luck.named("replicas").between(0, STATEFUL.1)),
            10 | 11 => Self::Roll(deployment.0),
            12..=15 => Self::Delete,
            16 => Self::ForceDelete,
            17 | 18 => Self::Job,
            _ => Self::EndJob,
        }
    }
}

// === impl Workload ===

impl Workload {
    /// Makes Deployments and StatefulSet, with a few pods.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn begin(client: Client, node: &str) -> Result<Self> {
        let post = PostParams::default();
        let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
        for (name, _) in DEPLOYMENTS {
            let made = serde_json::from_value(scaled(name, "Deployment"))?;
            deployments
                .create(&post, &made)
                .await
                .with_context(|| format!("making the Deployment {name}"))?;
        }
        let stateful: Api<StatefulSet> = Api::default_namespaced(client.clone());
        let made = serde_json::from_value(scaled(STATEFUL.0, "StatefulSet"))?;
        stateful.create(&post, &made).await.context("making the StatefulSet")?;
        Ok(Self { client, node: node.to_owned(), acts: 0, jobs: 0 })
    }

    /// Does one thing that users do, drawn by luck. That it fails while the API server is away is no error of ours.
    ///
    /// # Errors
    /// When it could not be done, or nobody knows whether it was.
    pub async fn act(&mut self, luck: Luck) -> Result<Act> {
        self.acts += 1;
        let act = Act::drawn(luck.of(self.acts));
        let done = tokio::time::timeout(ACT_LIMIT, self.carry_out(&act, luck.of(self.acts))).await;
        done.with_context(|| format!("waiting for {act:?}"))?.map(|()| act)
    }

    async fn carry_out(&mut self, act: &Act, luck: Luck) -> Result<()> {
        match act {
            Act::Scale(name, replicas) if *name == STATEFUL.0 => {
                let api: Api<StatefulSet> = Api::default_namespaced(self.client.clone());
                patch(&api, name, &json!({"spec": {"replicas": replicas}})).await
            }
            Act::Scale(name, replicas) => {
                patch(&self.deployments(), name, &json!({"spec": {"replicas": replicas}})).await
            }
            Act::Roll(name) => {
                let annotations = json!({"chaos.example.com/roll": self.acts.to_string()});
                let template = json!({"metadata": {"annotations": annotations}});
                patch(&self.deployments(), name, &json!({"spec": {"template": template}})).await
            }
            Act::Delete => self.delete_one(luck, &DeleteParams::default()).await,
            Act::ForceDelete => {
                self.delete_one(luck, &DeleteParams::default().grace_period(0)).await
            }
            Act::Job => {
                self.jobs += 1;
                let job = serde_json::from_value(job(&format!("once-{}", self.jobs)))?;
                let made = self.job_api().create(&PostParams::default(), &job).await;
                made.map(drop).context("making a Job")
            }
            Act::EndJob => {
                let jobs = self.job_api().list_metadata(&mine()).await.context("listing Jobs")?;
                let names: Vec<_> =
                    jobs.items.into_iter().filter_map(|job| job.metadata.name).collect();
                match luck.named("job").pick(&names) {
                    Some(name) => {
                        let deleted =
                            self.job_api().delete(name, &DeleteParams::background()).await;
                        deleted.map(drop).context("deleting a Job")
                    }
                    None => Ok(()),
                }
            }
        }
    }

    async fn delete_one(&self, luck: Luck, params: &DeleteParams) -> Result<()> {
        let pods: Vec<PodFact> = self.pods().await?;
        let bound = pods.iter().filter(|pod| pod.node.as_ref() == Some(&self.node));
        let bound: Vec<&PodFact> = bound.collect();
        let Some(pod) = luck.named("pod").pick(&bound) else { return Ok(()) };
        let name = pod.name.rsplit('/').next().unwrap_or_default();
        let api: Api<Pod> = Api::default_namespaced(self.client.clone());
        match api.delete(name, params).await {
            Err(kube_client::Error::Api(status)) if status.code == 404 => Ok(()),
            deleted => deleted.map(drop).context("deleting a pod"),
        }
    }

    /// The workload's pods.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn pods(&self) -> Result<Vec<PodFact>> {
        let api: Api<Pod> = Api::default_namespaced(self.client.clone());
        let pods = api.list(&mine()).await.context("listing the workload's pods")?;
        Ok(pods.items.iter().map(PodFact::from).collect())
    }

    /// How many pods should run, by app: what was asked for and answered by nobody may have been done all the same.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn wanted(&self) -> Result<BTreeMap<String, usize>> {
        let mut wanted = BTreeMap::new();
        let count = |replicas: Option<i32>| usize::try_from(replicas.unwrap_or(1)).unwrap_or(0);
        for one in self.deployments().list(&mine()).await.context("listing Deployments")? {
            wanted.insert(one.metadata.name.unwrap_or_default(), count(one.spec.replicas));
        }
        let stateful: Api<StatefulSet> = Api::default_namespaced(self.client.clone());
        for one in stateful.list(&mine()).await.context("listing StatefulSets")? {
            wanted.insert(one.metadata.name.unwrap_or_default(), count(one.spec.replicas));
        }
        Ok(wanted)
    }

    /// Ends all Jobs: their pods wait for guests that nobody shuts down any more.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn end_jobs(&self) -> Result<()> {
        let background = DeleteParams::background();
        let ended = self.job_api().delete_collection(&background, &mine()).await;
        ended.map(drop).context("deleting Jobs")
    }

    /// Ends everything.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn end(&self) -> Result<()> {
        self.end_jobs().await?;
        let background = DeleteParams::background();
        let ended = self.deployments().delete_collection(&background, &mine()).await;
        ended.context("deleting Deployments")?;
        let stateful: Api<StatefulSet> = Api::default_namespaced(self.client.clone());
        let ended = stateful.delete_collection(&background, &mine()).await;
        ended.map(drop).context("deleting StatefulSets")
    }

    fn deployments(&self) -> Api<Deployment> {
        Api::default_namespaced(self.client.clone())
    }

    fn job_api(&self) -> Api<Job> {
        Api::default_namespaced(self.client.clone())
    }
}

async fn patch<K>(api: &Api<K>, name: &str, change: &Value) -> Result<()>
where
    K: kube_client::Resource + Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    let patched = api.patch(name, &PatchParams::default(), &Patch::Merge(change)).await;
    patched.map(drop).with_context(|| format!("changing {name}"))
}

fn mine() -> ListParams {
    ListParams::default().labels(LABEL)
}

fn labels(app: &str) -> Value {
    json!({"app": app, "chaos": "workload"})
}

/// A Deployment or a StatefulSet of two pods.
fn scaled(name: &str, kind: &str) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "labels": labels(name)},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": template(name, "Always"),
        },
    });
    if kind == "StatefulSet" {
        object["spec"]["serviceName"] = name.into();
        object["spec"]["podManagementPolicy"] = "Parallel".into();
    }
    object
}

/// A Job whose pod runs until its guest shuts down.
fn job(name: &str) -> Value {
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels("once")},
        "spec": {"backoffLimit": 3, "template": template("once", "Never")},
    })
}

fn template(app: &str, restart_policy: &str) -> Value {
    let mut annotations = json!({"package": PACKAGE});
    let mut container = json!({"name": "main", "image": IMAGE, "env": [canary_env()]});
    match app {
        "walled" => {
            annotations["fwenabled"] = "true".into();
            annotations["fwgroup"] = "walled".into();
            container["ports"] = json!([{"containerPort": 22}, {"containerPort": 8080}]);
            container["readinessProbe"] = json!({"tcpSocket": {"port": 22}, "periodSeconds": 2});
        }
        "kept" => annotations["delprotect"] = "true".into(),
        _ => {}
    }
    json!({
        "metadata": {"labels": labels(app), "annotations": annotations},
        "spec": {
            "restartPolicy": restart_policy,
            "terminationGracePeriodSeconds": GRACE,
            "nodeSelector": {"type": "virtual-kubelet"},
            "tolerations": [
                {"key": "virtual-kubelet.io/provider", "operator": "Exists"},
                // An outage that lasts must not end in an eviction: that would be Kubernetes' doing, not the node's.
                {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"},
                {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"},
            ],
            "containers": [container],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_what_kubernetes_reads() {
        for (name, _) in DEPLOYMENTS {
            let made: Deployment = serde_json::from_value(scaled(name, "Deployment")).unwrap();
            assert_eq!(made.metadata.name.as_deref(), Some(name));
        }
        serde_json::from_value::<StatefulSet>(scaled("db", "StatefulSet")).unwrap();
        let job: Job = serde_json::from_value(job("once-1")).unwrap();
        let policy = job.spec.unwrap().template.spec.unwrap().restart_policy;
        assert_eq!(policy.as_deref(), Some("Never"));
    }

    #[test]
    fn in_time_everything_is_done() {
        let acts: Vec<Act> = (0..500).map(|act| Act::drawn(Luck::new(1).of(act))).collect();
        for act in [Act::Delete, Act::ForceDelete, Act::Job, Act::EndJob, Act::Scale("web", 0)] {
            assert!(acts.contains(&act), "{act:?}");
        }
        assert!(acts.iter().any(|act| matches!(act, Act::Roll("kept"))));
        assert!(acts.iter().any(|act| matches!(act, Act::Scale("db", _))));
    }
}
