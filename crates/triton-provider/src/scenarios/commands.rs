//! The operator's commands beside a node that runs.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use triton_cloudapi::InstanceId;
use triton_sim::InstanceState;

use super::left::{make_first, taken_over, vanished};
use super::pods::Pods;
use super::stage::{CLUSTER, LONG, NODE, SOON, Stage};
use crate::LivePods;
use crate::adopt::command::{Adoption, Outcome as Adopted, Standing as FirstStanding};
use crate::cluster::ClusterError;
use crate::leftovers::{Leftovers, Outcome, Standing};

/// The pods of a stage, as an API server shows them.
struct Live(Arc<Pods>);

impl LivePods for Live {
    async fn of_node(&self, _: &str) -> Result<Vec<Pod>, ClusterError> {
        let live = self.0.all().into_iter().filter(|hosted| !hosted.removed);
        Ok(live.map(|hosted| Pod::clone(&hosted.pod)).collect())
    }

    async fn find(&self, namespace: &str, name: &str) -> Result<Option<Pod>, ClusterError> {
        let is_it = |pod: &Pod| {
            pod.metadata.namespace.as_deref() == Some(namespace)
                && pod.metadata.name.as_deref() == Some(name)
        };
        Ok(self.of_node(NODE).await?.into_iter().find(is_it))
    }
}

fn adoption(stage: &Stage) -> Adoption<Live> {
    Adoption {
        client: stage.admin.clone(),
        pods: Live(Arc::clone(&stage.pods)),
        cluster: CLUSTER.to_owned(),
        node: NODE.to_owned(),
    }
}

fn leftovers(stage: &Stage) -> Leftovers<Live> {
    let Adoption { client, pods, cluster, node } = adoption(stage);
    Leftovers { client, pods, cluster, node, min_age: Duration::from_secs(1) }
}

#[tokio::test(start_paused = true)]
async fn what_an_operator_adopts_is_the_pods_and_nothing_else_is_touched() {
    let (stage, uid, id) = taken_over(false).await;
    let twin = make_first(&stage, "web-again", &uid).await;
    let other = make_first(&stage, "lonely", "6e2b6c2c-41c2-4a38-9c4f-0b1de5c1f3aa").await;
    stage.wait(Duration::from_secs(10)).await;
    let command = adoption(&stage);
    let rows = command.look().await.unwrap();
    let standing = |id| rows.iter().find(|row| row.id.0 == id).map(|row| row.standing);
    assert_eq!(standing(id), Some(FirstStanding::Matches));
    assert_eq!(standing(twin), Some(FirstStanding::Duplicate));
    assert_eq!(standing(other), Some(FirstStanding::NoPod));
    let row = rows.iter().find(|row| row.id.0 == id).unwrap();
    assert_eq!(command.adopt(row).await.unwrap(), Adopted::Adopted);
    assert_eq!(command.adopt(row).await.unwrap(), Adopted::Changed, "its pod has one now");
    for row in rows.iter().filter(|row| row.id.0 != id) {
        assert_eq!(command.adopt(row).await.unwrap(), Adopted::Changed, "{row:?}");
    }
    stage
        .until("the pod has it", SOON, |stage| {
            stage
                .pod(&uid)
                .container()
                .is_some_and(|status| status.container_id == Some(format!("triton://{id}")))
        })
        .await;
    stage.wait(LONG).await;
    let standing = command.look().await.unwrap().into_iter().map(|row| (row.id.0, row.standing));
    let standing: Vec<_> = standing.filter(|(id, _)| *id == twin).collect();
    assert_eq!(standing, [(twin, FirstStanding::Duplicate)]);
    assert_eq!((stage.sim.instances().len(), stage.count("DeleteMachine")), (3, 0));
}

/// What changes between the look and the act that an operator decides on.
#[tokio::test(start_paused = true)]
async fn what_an_operator_adopts_is_looked_at_once_more() {
    let (stage, uid, id) = taken_over(false).await;
    let twin = make_first(&stage, "web-again", &uid).await;
    stage.wait(Duration::from_secs(10)).await;
    let command = adoption(&stage);
    let rows = command.look().await.unwrap();
    let row = rows.iter().find(|row| row.id.0 == id).unwrap();
    assert_eq!(row.standing, FirstStanding::Matches);
    let (tags, of_twin) = (stage.sim.instance(id).unwrap().tags, stage.sim.instance(twin));
    let with = |mut tags: serde_json::Map<_, _>, cluster: &str| {
        tags.insert("k8s_cluster".to_owned(), json!(cluster));
        tags.insert("k8s_podname".to_owned(), json!("web"));
        tags
    };
    assert!(stage.sim.retag_behind_back(id, with(tags.clone(), "another")));
    assert_eq!(command.adopt(row).await.unwrap(), Adopted::Changed, "another cluster's by now");
    assert!(stage.sim.retag_behind_back(id, tags));
    assert!(stage.sim.retag_behind_back(twin, with(of_twin.unwrap().tags, CLUSTER)));
    assert_eq!(command.adopt(row).await.unwrap(), Adopted::Changed, "its pod has one by now");
    assert_eq!(stage.count("AddMachineTags"), 0);
}

#[tokio::test(start_paused = true)]
async fn an_orphan_that_somebody_protects_after_the_look_is_left_alone() {
    let (stage, uid, id) = vanished(json!({})).await;
    let command = leftovers(&stage);
    let rows = command.look(stage.sim.now()).await.unwrap();
    assert_eq!((rows[0].uid.as_str(), rows[0].standing), (uid.as_str(), Standing::Orphan));
    stage.admin.enable_deletion_protection(InstanceId(id)).await.unwrap();
    stage.wait(Duration::from_secs(10)).await;
    assert_eq!(command.remove(&rows[0]).await.unwrap(), Outcome::Protected);
    assert!(stage.read(id).await.deletion_protection);
    assert_eq!(stage.count("DeleteMachine"), 0);
}

/// Pods, and how often the cloud had been listed when they were.
struct Late<'a>(&'a Stage, Live, Mutex<Vec<u64>>);

impl LivePods for Late<'_> {
    async fn of_node(&self, node: &str) -> Result<Vec<Pod>, ClusterError> {
        self.2.lock().unwrap().push(self.0.count("ListMachines"));
        self.1.of_node(node).await
    }

    async fn find(&self, namespace: &str, name: &str) -> Result<Option<Pod>, ClusterError> {
        self.1.find(namespace, name).await
    }
}

/// Else a pod that comes in between, and its instance, would look like an orphan.
#[tokio::test(start_paused = true)]
async fn the_commands_ask_the_cloud_before_they_ask_for_pods() {
    let mut stage = Stage::set().await;
    stage.kill().await;
    let before = stage.count("ListMachines");
    let Leftovers { client, pods, cluster, node, min_age } = leftovers(&stage);
    let late = || Late(&stage, Live(Arc::clone(&pods.0)), Mutex::default());
    let (cluster, node) = (|| cluster.clone(), || node.clone());
    let orphans = Leftovers {
        client: client.clone(),
        pods: late(),
        cluster: cluster(),
        node: node(),
        min_age,
    };
    orphans.look(stage.sim.now()).await.unwrap();
    assert_eq!(*orphans.pods.2.lock().unwrap(), [before + 1]);
    let first = Adoption { client, pods: late(), cluster: cluster(), node: node() };
    first.look().await.unwrap();
    assert_eq!(*first.pods.2.lock().unwrap(), [before + 2]);
}

#[tokio::test(start_paused = true)]
async fn an_orphan_is_removed_by_hand_only_while_it_is_one() {
    let (stage, uid, id) = vanished(json!({ "delprotect": "true" })).await;
    let lives = stage.run("lives", json!({})).await;
    stage.wait(Duration::from_secs(10)).await;
    let command = leftovers(&stage);
    let rows = command.look(stage.sim.now()).await.unwrap();
    let standing: Vec<_> = rows.iter().map(|row| (row.uid.as_str(), row.standing)).collect();
    assert_eq!(standing, [(lives.as_str(), Standing::Wanted), (uid.as_str(), Standing::Orphan)]);
    assert_eq!(command.remove(&rows[0]).await.unwrap(), Outcome::HasPod);

    let tags = stage.sim.instance(id).unwrap().tags;
    let mut others = tags.clone();
    others.insert("k8s_cluster".to_owned(), json!("another"));
    assert!(stage.sim.retag_behind_back(id, others));
    assert_eq!(command.remove(&rows[1]).await.unwrap(), Outcome::NotOurs);
    assert!(stage.sim.retag_behind_back(id, tags));
    assert_eq!(command.remove(&rows[1]).await.unwrap(), Outcome::Removed);
    assert_eq!(stage.sim.instance(id).unwrap().state, InstanceState::Deleted);
    assert_eq!(command.remove(&rows[1]).await.unwrap(), Outcome::Removed, "twice is once");
    stage.wait(LONG).await;
    assert!(stage.is_running(&lives));
}
