//! What happens to an instance and is neither its end nor its pod's: told, and nothing else.

use std::time::Duration;

use serde_json::json;
use triton_sim::{Condition, ShownState};

use super::stage::{LONG, SOON, Stage};

/// Nothing was made, started, stopped or deleted since the pod's create.
#[track_caller]
fn check_untouched(stage: &Stage, uid: &str, id: uuid::Uuid) {
    let calls = ["CreateMachine", "DeleteMachine", "StartMachine", "StopMachine", "RebootMachine"];
    assert_eq!(calls.map(|call| stage.count(call)), [1, 0, 0, 0, 0]);
    assert_eq!((stage.instance(uid).id, stage.pod(uid).restarts()), (id, 0));
}

#[tokio::test(start_paused = true)]
async fn an_instance_on_a_compute_node_that_is_down_is_waited_for() {
    for (shown, policy) in [
        (ShownState::Offline, "Always"),
        (ShownState::Unknown, "Always"),
        (ShownState::Offline, "Never"),
    ] {
        let stage = Stage::set().await;
        let uid = stage.run("web", json!({ "spec": { "restartPolicy": policy } })).await;
        let (id, node) = (stage.instance(&uid).id, stage.instance(&uid).compute_node.unwrap());
        stage.sim.set_compute_node(node, Condition::Down { instances_show: Some(shown) });
        stage.until("it is told", LONG, |stage| !stage.pod(&uid).is_ready()).await;
        stage.wait(LONG).await;
        let pod = stage.pod(&uid);
        assert_eq!((pod.phase(), pod.reason()), ("Running", "InstanceUnreachable"));
        assert_eq!(pod.count_events("InstanceUnreachable"), 1);
        stage.sim.set_compute_node(node, Condition::Up);
        stage.until("it is ready again", LONG, |stage| stage.is_running(&uid)).await;
        let pod = stage.pod(&uid);
        assert_eq!((pod.reason(), pod.count_events("InstanceReachable")), ("", 1), "{shown:?}");
        check_untouched(&stage, &uid, id);
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_moved_to_another_compute_node_is_the_pods_as_before() {
    for policy in ["Always", "Never"] {
        let stage = Stage::set().await;
        let uid = stage.run("web", json!({ "spec": { "restartPolicy": policy } })).await;
        let (id, node) = (stage.instance(&uid).id, stage.instance(&uid).compute_node);
        stage.sim.migrate_behind_back(id);
        stage.wait(LONG).await;
        assert_ne!(stage.instance(&uid).compute_node, node);
        assert!(stage.is_running(&uid));
        assert_eq!(stage.pod(&uid).count_events("InstanceMoved"), 1, "{policy}");
        check_untouched(&stage, &uid, id);
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_renamed_is_the_pods_as_before() {
    let mut stage = Stage::set().await;
    let uid = stage.run("web", json!({})).await;
    let id = stage.instance(&uid).id;
    stage.sim.rename_behind_back(id, "by-hand");
    stage.wait(LONG).await;
    let pod = stage.pod(&uid);
    let told = pod.events.iter().find(|event| event.reason == "InstanceRenamed").unwrap();
    assert!(told.message.contains("by-hand"), "{}", told.message);
    // Nobody knows it by its name, the next process neither.
    stage.kill().await;
    stage.start().await;
    stage.wait(LONG).await;
    assert!(stage.is_running(&uid));
    check_untouched(&stage, &uid, id);
    stage.remove(&uid, 0);
    stage.until("the pod goes", SOON, |stage| stage.is_removed(&uid)).await;
    assert_eq!(stage.alive(&uid).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_instance_whose_other_tags_are_gone_is_the_pods_as_before_and_gets_them_again() {
    let stage = Stage::set().await;
    let labels = json!({ "metadata": { "labels": { "role": "db" } } });
    let uid = stage.run("web", labels).await;
    let id = stage.instance(&uid).id;
    let mut tags = stage.instance(&uid).tags.clone();
    tags.retain(|name, _| name.starts_with("k8s_") && name != "k8s_labels");
    stage.sim.retag_behind_back(id, tags.into_iter().collect());
    stage
        .until("the tags are back", LONG, |stage| {
            let tags = stage.instance(&uid).tags;
            tags.contains_key("role") && tags.contains_key("k8s_labels")
        })
        .await;
    stage.wait(Duration::from_secs(60)).await;
    assert!(stage.is_running(&uid));
    check_untouched(&stage, &uid, id);
}
