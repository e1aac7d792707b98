//! What is left over: by the first provider, by a node of another life, by a pod object that vanished.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use triton_cloudapi::InstanceId;
use triton_cloudapi::instances::CreateInstance;
use triton_cloudapi::tags::Tags;
use triton_sim::InstanceState;
use uuid::Uuid;
use virtual_node::{PodKey, Provider as _, Stop, StopRequest};

use super::behind::tags_of;
use super::stage::{LONG, NODE, SOON, Stage};
use super::wire::{At, Call};

/// Makes an instance as the first provider did: named after its pod, without a cluster.
pub(super) async fn make_first(stage: &Stage, name: &str, uid: &str) -> Uuid {
    let pod = json!({ "metadata": { "name": name, "uid": uid }, "spec": {} }).to_string();
    let tags: Tags = [
        ("k8s_nodename", NODE),
        ("k8s_namespace", "default"),
        ("k8s_uid", uid),
        ("k8s_pod", pod.as_str()),
    ]
    .map(|(tag, value)| (tag.to_owned(), value.into()))
    .into();
    let request = CreateInstance {
        name: name.to_owned(),
        package: "g4-highcpu-1G".to_owned(),
        image: "7b5981c4-1889-11e7-b4c5-3f3bdfc9b88b".to_owned(),
        metadata: BTreeMap::new(),
        tags,
        ..CreateInstance::default()
    };
    stage.admin.create_instance(&request).await.unwrap().id.0
}

/// A pod that the first provider ran, as it left the object, and its UID.
fn first_pod(stage: &Stage) -> (Pod, String) {
    let status = json!({
        "phase": "Running",
        "containerStatuses": [{
            "name": "main", "image": "", "imageID": "", "ready": true, "restartCount": 0,
            "state": { "running": {} },
        }],
    });
    let pod = stage.draft("web", json!({ "status": status }));
    let uid = pod.metadata.uid.clone().unwrap();
    (pod, uid)
}

/// A stage on which the first provider ran one pod and ours has taken over; its pod's UID, and its instance.
pub(super) async fn taken_over(adopts: bool) -> (Stage, String, Uuid) {
    let mut stage = Stage::set().await;
    stage.kill().await;
    let (pod, uid) = first_pod(&stage);
    let id = make_first(&stage, "web", &uid).await;
    stage.wait(Duration::from_secs(10)).await;
    stage.pods.add(pod);
    stage.adopts = adopts;
    stage.start().await;
    (stage, uid, id)
}

#[tokio::test(start_paused = true)]
async fn a_pod_of_the_first_provider_waits_and_gets_no_second_instance() {
    let (stage, uid, id) = taken_over(false).await;
    stage.wait(LONG).await;
    let pod = stage.pod(&uid);
    assert_eq!(
        (stage.count("CreateMachine"), stage.changes()),
        (1, 1),
        "the one of the first provider"
    );
    assert!(pod.count_events("FirstProviderInstance") >= 1);
    assert_eq!(pod.written.len(), 0, "what is published stays: {:#?}", pod.written);
    // What `vk-triton adopt --act` does.
    stage.admin.add_instance_tags(InstanceId(id), &tags_of("web", &uid)).await.unwrap();
    stage
        .until("it is the pod's", SOON, |stage| {
            stage.is_running(&uid) && stage.pod(&uid).pod.status.as_ref().unwrap().pod_ip.is_some()
        })
        .await;
    assert_eq!((stage.instance(&uid).id, stage.sim.instances().len()), (id, 1));
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_may_have_an_instance_of_the_first_provider_waits() {
    let mut stage = Stage::set().await;
    stage.kill().await;
    let id = make_first(&stage, "web", "of which nothing is known").await;
    let mut tags = stage.sim.instance(id).unwrap().tags;
    tags.remove("k8s_uid");
    tags.remove("k8s_pod");
    assert!(stage.sim.retag_behind_back(id, tags));
    stage.adopts = true;
    stage.start().await;
    let uid = stage.add("web", json!({}));
    stage.wait(LONG).await;
    assert_eq!((stage.count("CreateMachine"), stage.changes()), (1, 1), "that of the first");
    assert!(stage.pod(&uid).count_events("FirstProviderInstance") >= 1);
    stage.sim.destroy_behind_back(id);
    stage.until("then it has none", LONG, |stage| stage.is_running(&uid)).await;
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_has_become_somebody_elses_is_not_adopted() {
    let mut stage = Stage::set().await;
    stage.kill().await;
    let (pod, uid) = first_pod(&stage);
    let id = make_first(&stage, "web", &uid).await;
    stage.adopts = true;
    stage.start().await;
    stage.wait(Duration::from_secs(10)).await;
    let mut tags = stage.sim.instance(id).unwrap().tags;
    tags.insert("k8s_cluster".to_owned(), json!("another"));
    tags.insert("k8s_podname".to_owned(), json!("web"));
    assert!(stage.sim.retag_behind_back(id, tags.clone()));
    stage.pods.add(pod);
    stage.wait(LONG).await;
    assert_eq!((stage.count("AddMachineTags"), stage.sim.instance(id).unwrap().tags), (0, tags));
}

#[tokio::test(start_paused = true)]
async fn an_instance_of_the_first_provider_that_was_not_found_once_is_still_there() {
    let mut stage = Stage::set().await;
    stage.kill().await;
    let (pod, uid) = first_pod(&stage);
    let id = make_first(&stage, "web", &uid).await;
    stage.pods.add(pod);
    stage.wire.answer(Call::Read, 1, 404, "ResourceNotFound");
    stage.start().await;
    stage.wait(LONG).await;
    assert_eq!((stage.count("CreateMachine"), stage.sim.instances().len()), (1, 1));
    // Twice is enough.
    stage.sim.destroy_behind_back(id);
    stage.wire.answer(Call::Read, 2, 404, "ResourceNotFound");
    stage.until("the pod gets another", LONG, |stage| stage.count("CreateMachine") == 2).await;
}

#[tokio::test(start_paused = true)]
async fn with_the_flag_the_instance_of_the_first_provider_becomes_the_pods() {
    let (stage, uid, id) = taken_over(true).await;
    let published =
        |stage: &Stage| stage.pod(&uid).container().and_then(|status| status.container_id.clone());
    stage
        .until("it is adopted", SOON, |stage| published(stage) == Some(format!("triton://{id}")))
        .await;
    stage.wait(LONG).await;
    assert_eq!((stage.instance(&uid).id, stage.sim.instances().len()), (id, 1));
    assert_eq!((stage.pod(&uid).restarts(), stage.count("AddMachineTags")), (0, 1));
    stage.remove(&uid, 0);
    stage.until("it goes with its pod", LONG, |stage| stage.is_removed(&uid)).await;
    assert_eq!(stage.alive(&uid).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_adoption_whose_answer_is_lost_makes_nothing_twice() {
    let mut stage = Stage::set().await;
    stage.kill().await;
    let (pod, uid) = first_pod(&stage);
    let id = make_first(&stage, "web", &uid).await;
    stage.pods.add(pod);
    stage.adopts = true;
    stage.wire.reset(Call::Other, At::Answer, 1);
    stage.start().await;
    stage
        .until("it is the pod's", LONG, |stage| {
            !stage.alive(&uid).is_empty() && stage.is_running(&uid)
        })
        .await;
    stage.wait(LONG).await;
    assert_eq!((stage.instance(&uid).id, stage.sim.instances().len()), (id, 1));
}

#[tokio::test(start_paused = true)]
async fn a_later_pod_of_the_name_gets_an_instance_of_its_own_and_the_old_one_is_left_alone() {
    let mut stage = Stage::set().await;
    stage.kill().await;
    let old = make_first(&stage, "web", "6e2b6c2c-41c2-4a38-9c4f-0b1de5c1f3aa").await;
    stage.adopts = true;
    stage.start().await;
    let uid = stage.run("web", json!({})).await;
    stage.wait(LONG).await;
    assert_ne!(stage.instance(&uid).id, old);
    assert_eq!(stage.pod(&uid).count_events("FirstProviderInstanceLeft"), 1);
    assert_eq!(stage.sim.instance(old).unwrap().state, InstanceState::Running);
    stage.remove(&uid, 0);
    stage.until("the pod goes", LONG, |stage| stage.is_removed(&uid)).await;
    assert_eq!(stage.sim.instance(old).unwrap().state, InstanceState::Running);
    assert_eq!(stage.count("AddMachineTags"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_pod_of_the_first_provider_stays_until_its_instance_is_ours_or_gone() {
    let (stage, uid, id) = taken_over(false).await;
    stage.remove(&uid, 0);
    stage.wait(LONG).await;
    assert!(!stage.is_removed(&uid), "its instance would be left without a pod, and cost money");
    assert_eq!(stage.count("DeleteMachine"), 0);
    stage.sim.destroy_behind_back(id);
    stage.until("the pod goes", LONG, |stage| stage.is_removed(&uid)).await;

    let (stage, uid, id) = taken_over(true).await;
    stage.remove(&uid, 0);
    stage.until("the pod goes", LONG, |stage| stage.is_removed(&uid)).await;
    assert_eq!(stage.sim.instance(id).unwrap().state, InstanceState::Deleted);
}

#[tokio::test(start_paused = true)]
async fn of_two_instances_of_the_first_provider_one_is_adopted_and_the_other_left_alone() {
    let mut stage = Stage::set().await;
    stage.kill().await;
    let (pod, uid) = first_pod(&stage);
    let older = make_first(&stage, "web", &uid).await;
    stage.wait(Duration::from_secs(10)).await;
    let younger = make_first(&stage, "web-again", &uid).await;
    stage.pods.add(pod);
    stage.adopts = true;
    stage.start().await;
    stage.until("one is adopted", LONG, |stage| !stage.alive_of_cluster(&uid).is_empty()).await;
    stage.wait(LONG).await;
    let adopted: Vec<Uuid> = stage.alive_of_cluster(&uid).iter().map(|one| one.id).collect();
    assert_eq!(adopted, [older]);
    assert_eq!(stage.sim.instance(younger).unwrap().state, InstanceState::Running);
    assert_eq!((stage.sim.instances().len(), stage.count("DeleteMachine")), (2, 0));
    assert_eq!(stage.pod(&uid).count_events("DuplicateInstance"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_first_provider_left_is_looked_for_once() {
    let mut stage = Stage::set().await;
    let uids: Vec<String> = (0..10).map(|n| stage.add(&format!("web-{n}"), json!({}))).collect();
    stage.until("all run", SOON, |stage| uids.iter().all(|uid| stage.is_running(uid))).await;
    stage.wait(LONG).await;
    let wide = |stage: &Stage| {
        let lists =
            stage.sim.journal().into_iter().filter(|record| record.endpoint == "ListMachines");
        lists
            .filter(|record| !record.query.as_deref().unwrap_or_default().contains("k8s_cluster"))
            .count()
    };
    assert_eq!(wide(&stage), 1, "for ten pods in one life of the process");
    stage.kill().await;
    stage.start().await;
    stage.wait(LONG).await;
    assert_eq!(wide(&stage), 2, "and one for the next");
}

/// Stops what an earlier life of the node left, as the search for orphans orders it; whether it is gone in time.
async fn stop_orphan(stage: &Stage, name: &str, uid: &str, passes: u32) -> bool {
    let key =
        PodKey { namespace: "default".to_owned(), name: name.to_owned(), uid: uid.to_owned() };
    for _ in 0..passes {
        let request = StopRequest { key: key.clone(), pod: None, grace_left: Duration::ZERO };
        if matches!(stage.provider().stop(request).await, Ok(Stop::Gone(_))) {
            return true;
        }
        stage.wait(Duration::from_secs(2)).await;
    }
    false
}

/// A pod that asks for protection or not runs; the process dies, and while it is dead the pod object vanishes.
pub(super) async fn vanished(annotations: serde_json::Value) -> (Stage, String, Uuid) {
    let mut stage = Stage::set().await;
    let uid = stage.run("web", json!({ "metadata": { "annotations": annotations } })).await;
    stage.wait(Duration::from_secs(20)).await;
    let id = stage.instance(&uid).id;
    stage.kill().await;
    stage.pods.remove(&uid);
    // The next process does not hear of it.
    let _ = stage.pods.changed().await;
    stage.start().await;
    stage.wait(Duration::from_secs(10)).await;
    (stage, uid, id)
}

#[tokio::test(start_paused = true)]
async fn an_orphan_whose_pod_had_asked_for_protection_goes() {
    let (stage, uid, id) = vanished(json!({ "delprotect": "true" })).await;
    assert!(stage.read(id).await.deletion_protection);
    assert!(stop_orphan(&stage, "web", &uid, 60).await);
    assert_eq!(stage.alive(&uid).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_the_node_holds_is_told_from_a_list_that_was_asked_for_after_the_question() {
    let (stage, _, _) = vanished(json!({})).await;
    for _ in 0..3 {
        let before = stage.count("ListMachines");
        assert_eq!(stage.provider().list().await.unwrap().len(), 1);
        assert!(stage.count("ListMachines") > before);
    }
}

#[tokio::test(start_paused = true)]
async fn an_orphan_that_somebody_else_protects_stays() {
    let (stage, uid, id) = vanished(json!({})).await;
    stage.admin.enable_deletion_protection(InstanceId(id)).await.unwrap();
    // The changefeed does not tell of it; the next list does.
    stage.wait(Duration::from_secs(40)).await;
    assert!(!stop_orphan(&stage, "web", &uid, 60).await);
    assert_eq!(stage.alive(&uid).len(), 1);
    assert!(stage.read(id).await.deletion_protection, "not ours to lift");
}

#[tokio::test(start_paused = true)]
async fn an_orphan_whose_tags_have_changed_since_the_list_is_left_alone() {
    let (stage, uid, id) = vanished(json!({})).await;
    let mut tags = stage.sim.instance(id).unwrap().tags;
    tags.insert("k8s_cluster".to_owned(), json!("another"));
    assert!(stage.sim.retag_behind_back(id, tags));
    let _ = stop_orphan(&stage, "web", &uid, 20).await;
    let instance = stage.sim.instance(id).unwrap();
    assert_eq!((instance.state, stage.count("DeleteMachine")), (InstanceState::Running, 0));
}
