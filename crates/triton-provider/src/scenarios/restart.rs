//! A process that starts on thousands of instances makes nothing, deletes nothing, writes nothing and asks for little.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::stage::{self, CLUSTER, NODE, SOON, Stage};
use super::wire::{At, Call};
use crate::Limits;

/// Instances: more than two pages.
const INSTANCES: u32 = 2000;

/// The state of a datacenter in which so many pods have their instances.
fn datacenter(pods: &[Pod]) -> Value {
    let instances: Vec<Value> = pods
        .iter()
        .map(|pod| {
            let (name, uid) = (&pod.metadata.name, &pod.metadata.uid);
            json!({
                "account": "acme", "name": name, "package": "g4-highcpu-1G", "image": "ubuntu-16.04",
                "tags": {
                    "k8s_cluster": CLUSTER, "k8s_nodename": NODE, "k8s_namespace": "default",
                    "k8s_podname": name, "k8s_uid": uid,
                },
            })
        })
        .collect();
    json!({ "version": 1, "add": { "instances": instances } })
}

/// A stage on which so many pods run.
pub(super) async fn running(instances: u32, limits: Limits) -> Stage {
    let pods: Vec<_> =
        (1..=instances).map(|n| super::pods::pod(n, &format!("web-{n}"), json!({}))).collect();
    let sim = stage::datacenter_of(&datacenter(&pods));
    let mut stage = Stage::empty(sim, limits);
    let uids: Vec<String> = pods.into_iter().map(|pod| stage.pods.add(pod)).collect();
    stage.start().await;
    stage.until("all run", SOON, |stage| uids.iter().all(|uid| stage.is_running(uid))).await;
    stage
}

/// What a second life with so many pods asks for within a minute: by endpoint, and all together.
async fn second_life(instances: u32) -> u64 {
    let mut stage = running(instances, Limits::default()).await;
    stage.wait(SOON).await;
    stage.kill().await;
    let written: usize = stage.pods.all().iter().map(|hosted| hosted.written.len()).sum();
    let changes = stage.changes();
    stage.sim.reset_counts();
    let feeds = stage.wire.met(Call::Feed);
    stage.start().await;
    stage.wait(Duration::from_secs(60)).await;
    let counts = stage.sim.counts();
    let asked: u64 = counts.values().sum();
    println!("a minute after a restart with {instances} instances: {asked} requests, {counts:?}");
    assert_eq!(stage.changes(), changes, "nothing is made, nothing is deleted");
    let now: usize = stage.pods.all().iter().map(|hosted| hosted.written.len()).sum();
    assert_eq!(now, written, "nothing has changed, so nothing is written");
    assert_eq!(stage.wire.met(Call::Feed), feeds + 1);
    asked
}

#[tokio::test(start_paused = true)]
async fn a_restart_with_thousands_of_instances_costs_their_pages_and_hardly_more() {
    let asked = second_life(INSTANCES).await;
    // Three pages, the feed, the firewall rules.
    assert!(asked <= 6, "{asked} requests");
}

#[tokio::test(start_paused = true)]
async fn pods_that_wait_for_the_first_list_are_asked_as_soon_as_it_is_there() {
    let mut stage = Stage::set().await;
    let uid = stage.run("web", json!({})).await;
    stage.kill().await;
    stage.sim.stop_behind_back(stage.instance(&uid).id);
    let mut first = stage.wire.hold(Call::List, At::Request);
    stage.start().await;
    first.has_caught(1).await;
    stage.wait(Duration::from_secs(7)).await;
    first.release();
    let at_once = Duration::from_secs(2);
    stage.until("it is restarted", at_once, |stage| stage.pod(&uid).restarts() == 1).await;
}
