//! A killed node comes back to one instance for each pod, never two.
#![cfg(feature = "cluster")]

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;
use testbed::{Scene, StackOptions, deployment, restart_count};

#[tokio::test]
async fn a_crash_while_scaling_up_leaves_one_instance_for_each_pod() {
    let mut scene = Scene::start("crash", &StackOptions::default()).await.unwrap();

    // A restart before the crash: its count must survive.
    scene.apply(&deployment("web", 1).to_string()).await.unwrap();
    scene.until_ready("app=web", 1).await.unwrap();
    let instances =
        scene.until_instances("one instance", |living| living.len() == 1).await.unwrap();
    scene.fate().behind_our_back(&instances[0].id, "stop").await.unwrap();
    let restarted = |pods: &[Pod]| {
        pods.len() == 1 && testbed::is_ready(&pods[0]) && restart_count(&pods[0]) == Some(1)
    };
    let pods = scene.until_pods("app=web", "one restart", restarted).await.unwrap();
    let oldest = pods[0].metadata.uid.clone().unwrap();

    scene.kubectl().run(&["scale", "--replicas=20", "deployment", "web"]).await.unwrap();
    let some = |living: &[testbed::SimInstance]| living.len() >= 5;
    let before = scene.until_instances("five instances", some).await.unwrap();
    scene.stack.node().unwrap().process().crash().unwrap();
    scene.stack.node().unwrap().process().start_again().unwrap();
    assert!(before.len() < 20, "the crash came too late to mean anything");

    let pods = scene.until_ready("app=web", 20).await.unwrap();
    let living =
        scene.until_instances("twenty instances", |living| living.len() == 20).await.unwrap();
    let wanted: BTreeSet<&str> =
        pods.iter().map(|pod| pod.metadata.uid.as_deref().unwrap()).collect();
    let held: BTreeSet<&str> =
        living.iter().map(|instance| instance.tag("k8s_uid").unwrap()).collect();
    assert_eq!(held, wanted);
    let all = scene.fate().instances().await.unwrap();
    assert_eq!(all.len(), 20, "an instance was made twice and destroyed again");
    let same = pods.iter().find(|pod| pod.metadata.uid.as_ref() == Some(&oldest)).unwrap();
    assert_eq!(restart_count(same), Some(1));
    let carried = scene.canary().carried(&scene.stack).await.unwrap();
    assert_eq!(carried, 20, "what the search looks for is where it belongs");
    scene.no_secret_got_out().await.unwrap();
}
