//! What somebody else does to an instance behind our back.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use triton_cloudapi::InstanceId;
use triton_cloudapi::instances::CreateInstance;
use triton_cloudapi::tags::Tags;
use triton_sim::{Fault, FaultKind, InstanceState};
use uuid::Uuid;

use super::stage::{CLUSTER, LONG, NODE, SOON, Stage};
use super::wire::Call;
use crate::Limits;

/// An instance that somebody makes by hand.
async fn make(stage: &Stage, name: &str, tags: Tags) -> Uuid {
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

/// The tags of a pod's instance.
pub(super) fn tags_of(name: &str, uid: &str) -> Tags {
    [
        ("k8s_cluster", CLUSTER),
        ("k8s_nodename", NODE),
        ("k8s_namespace", "default"),
        ("k8s_podname", name),
        ("k8s_uid", uid),
    ]
    .map(|(tag, value)| (tag.to_owned(), value.into()))
    .into()
}

/// An instance that is older than the pod and does not say yet that it is the pod's.
pub(super) async fn make_stranger(stage: &Stage) -> Uuid {
    let id = make(stage, "stranger", Tags::new()).await;
    stage.wait(Duration::from_secs(10)).await;
    id
}

/// Makes a stranger the pod's second instance.
pub(super) async fn make_twin(stage: &Stage, stranger: Uuid, name: &str, uid: &str) {
    stage.admin.add_instance_tags(InstanceId(stranger), &tags_of(name, uid)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_destroyed_instance_fails_its_pod_and_is_not_made_again() {
    let stage = Stage::set().await;
    let uid = stage.run("web", json!({})).await;
    stage.sim.destroy_behind_back(stage.instance(&uid).id);
    stage.until("the pod fails", SOON, |stage| stage.pod(&uid).phase() == "Failed").await;
    stage.wait(LONG).await;
    let pod = stage.pod(&uid);
    assert_eq!((pod.reason(), pod.restarts(), stage.made_for(&uid).len()), ("InstanceGone", 0, 1));
    assert_eq!(pod.count_events("InstanceGone"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_destroyed_while_no_list_shows_it_fails_its_pod() {
    let stage = Stage::set_with(Limits { changefeed: false, ..Limits::default() }).await;
    let uid = stage.run("web", json!({})).await;
    stage.sim.fault(FaultKind::ListEmpty, Fault::default());
    stage.wait(Duration::from_secs(30)).await;
    assert!(stage.is_running(&uid), "it was read, and is there");
    stage.sim.destroy_behind_back(stage.instance(&uid).id);
    // The lists from now on say the same as those before.
    stage.until("the pod fails", SOON, |stage| stage.pod(&uid).phase() == "Failed").await;
    stage.sim.clear_faults();
    stage.wait(LONG).await;
    assert_eq!((stage.pod(&uid).reason(), stage.made_for(&uid).len()), ("InstanceGone", 1));
}

#[tokio::test(start_paused = true)]
async fn one_answer_that_it_does_not_exist_is_not_believed() {
    let stage = Stage::set().await;
    let uid = stage.run("web", json!({})).await;
    let written = stage.pod(&uid).written.len();
    stage.wire.answer(Call::Read, 1, 404, "ResourceNotFound");
    stage.sim.fault(FaultKind::ListEmpty, Fault::default().times(1));
    stage.wait(Duration::from_secs(60)).await;
    assert!(stage.is_running(&uid));
    assert_eq!(stage.pod(&uid).written.len(), written);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_instance_is_started_again_for_always() {
    let stage = Stage::set().await;
    let uid = stage.run("web", json!({})).await;
    let id = stage.instance(&uid).id;
    stage.sim.stop_behind_back(id);
    stage
        .until("it restarts", SOON, |stage| {
            stage.pod(&uid).restarts() == 1 && stage.is_running(&uid)
        })
        .await;
    stage.wait(Duration::from_secs(60)).await;
    let pod = stage.pod(&uid);
    assert_eq!((stage.instance(&uid).id, pod.restarts(), stage.count("StartMachine")), (id, 1, 1));
    let last = pod.container().unwrap().last_state.as_ref().unwrap().terminated.as_ref().unwrap();
    assert_eq!((last.exit_code, last.reason.as_deref()), (0, Some("Completed")));
}

#[tokio::test(start_paused = true)]
async fn restarts_come_more_slowly_each_time() {
    let stage = Stage::set().await;
    let uid = stage.run("web", json!({})).await;
    let id = stage.instance(&uid).id;
    for restarts in 1..=3 {
        stage.sim.stop_behind_back(id);
        stage
            .until("it restarts", Duration::from_secs(60), |stage| {
                stage.pod(&uid).restarts() == restarts && stage.is_running(&uid)
            })
            .await;
    }
    assert!(
        stage
            .pod(&uid)
            .written
            .iter()
            .any(|status| format!("{status:?}").contains("CrashLoopBackOff"))
    );
    let starts: Vec<_> = stage
        .sim
        .journal()
        .into_iter()
        .filter(|record| record.endpoint == "StartMachine")
        .collect();
    let waits: Vec<i64> =
        starts.windows(2).map(|pair| pair[1].at.duration_since(pair[0].at).as_secs()).collect();
    assert_eq!(waits, [10, 20]);
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_shuts_down_completes_a_pod_that_is_not_restarted_but_only_when_it_is_certain()
{
    for policy in ["Never", "OnFailure"] {
        let stage = Stage::set().await;
        let uid = stage.run("job", json!({ "spec": { "restartPolicy": policy } })).await;
        stage.sim.stop_behind_back(stage.instance(&uid).id);
        stage.wait(Duration::from_secs(14)).await;
        assert_eq!(stage.pod(&uid).phase(), "Running", "{policy}: believed too soon");
        stage
            .until("the pod completes", SOON, |stage| stage.pod(&uid).phase() == "Succeeded")
            .await;
        assert_eq!(stage.pod(&uid).ended(), Some((0, "Completed")));
        stage.until("what is paid for goes", LONG, |stage| stage.alive(&uid).is_empty()).await;
        stage.wait(LONG).await;
        assert_eq!(
            (stage.pod(&uid).phase(), stage.count("StartMachine"), stage.count("CreateMachine")),
            ("Succeeded", 0, 1)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_reboot_by_somebody_else_does_not_complete_a_pod() {
    let stage = Stage::set().await;
    let uid = stage.run("job", json!({ "spec": { "restartPolicy": "Never" } })).await;
    let id = stage.instance(&uid).id;
    stage.admin.reboot_instance(InstanceId(id)).await.unwrap();
    stage.wait(Duration::from_secs(60)).await;
    assert!(stage.is_running(&uid));
    // Off and on again by hand: seen stopped for ten seconds.
    stage.sim.stop_behind_back(id);
    stage.wait(Duration::from_secs(10)).await;
    stage.sim.start_behind_back(id);
    stage.wait(Duration::from_secs(60)).await;
    assert!(stage.is_running(&uid));
    assert_eq!((stage.pod(&uid).restarts(), stage.instance(&uid).id), (0, id));
}

#[tokio::test(start_paused = true)]
async fn a_provisioning_that_fails_is_cleaned_up_and_tried_again_with_back_off() {
    let stage = Stage::set().await;
    stage.sim.fault(FaultKind::CreateAcceptedThenFailed, Fault::default().times(2));
    let uid = stage.add("web", json!({}));
    stage.until("the pod runs", Duration::from_secs(120), |stage| stage.is_running(&uid)).await;
    let made = stage.made_for(&uid);
    assert_eq!(
        (
            made.len(),
            stage.count("DeleteMachine"),
            stage.pod(&uid).count_events("ProvisioningFailed")
        ),
        (3, 2, 2)
    );
    let began: Vec<_> = made.iter().map(|instance| instance.transitions[0].at).collect();
    let waits: Vec<i64> =
        began.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs()).collect();
    assert!(waits[0] >= 10 && waits[1] >= 20, "{waits:?}");
    assert_eq!(stage.pod(&uid).restarts(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_fails_after_it_ran_fails_its_pod() {
    let stage = Stage::set().await;
    let uid = stage.run("web", json!({})).await;
    stage.sim.fail_behind_back(stage.instance(&uid).id);
    stage.until("the pod fails", SOON, |stage| stage.pod(&uid).phase() == "Failed").await;
    assert_eq!(stage.pod(&uid).reason(), "InstanceFailed");
    stage.wait(LONG).await;
    assert_eq!(stage.count("CreateMachine"), 1);
}

#[tokio::test(start_paused = true)]
async fn of_two_instances_the_published_one_stays_even_if_it_is_younger() {
    for restarted in [false, true] {
        let mut stage = Stage::set().await;
        let stranger = make_stranger(&stage).await;
        let uid = stage.run("web", json!({})).await;
        let id = stage.instance(&uid).id;
        if restarted {
            stage.kill().await;
        }
        make_twin(&stage, stranger, "web", &uid).await;
        if restarted {
            // The first list of the new process shows both.
            stage.wait(Duration::from_secs(2)).await;
            stage.start().await;
        }
        stage
            .until("the other one goes", SOON, |stage| {
                stage.sim.instance(stranger).unwrap().state == InstanceState::Deleted
            })
            .await;
        stage.wait(LONG).await;
        assert_eq!(stage.instance(&uid).id, id);
        assert!(stage.is_running(&uid));
        assert_eq!(
            (stage.pod(&uid).restarts(), stage.pod(&uid).count_events("DuplicateInstance")),
            (0, 1)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_there_already_is_adopted_and_not_made_again() {
    let stage = Stage::set().await;
    let draft = stage.draft("web", json!({}));
    let id =
        make(&stage, "made-by-hand", tags_of("web", draft.metadata.uid.as_ref().unwrap())).await;
    stage.wait(Duration::from_secs(10)).await;
    let uid = stage.pods.add(draft);
    stage.until("the pod runs", SOON, |stage| stage.is_running(&uid)).await;
    assert_eq!((stage.instance(&uid).id, stage.count("CreateMachine")), (id, 1));
}

#[tokio::test(start_paused = true)]
async fn an_instance_whose_tags_were_edited_is_left_alone() {
    for tag in ["k8s_cluster", "k8s_uid"] {
        let stage = Stage::set().await;
        let uid = stage.run("web", json!({})).await;
        let id = stage.instance(&uid).id;
        stage.admin.delete_instance_tag(InstanceId(id), tag).await.unwrap();
        stage.until("the pod fails", SOON, |stage| stage.pod(&uid).phase() == "Failed").await;
        assert_eq!(stage.pod(&uid).count_events("InstanceNotOurs"), 1);
        stage.remove(&uid, 0);
        stage.until("the pod goes", SOON, |stage| stage.is_removed(&uid)).await;
        stage.wait(LONG).await;
        assert_eq!(stage.sim.instance(id).unwrap().state, InstanceState::Running, "{tag}");
        assert_eq!((stage.count("StopMachine"), stage.count("DeleteMachine")), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_liveness_probe_that_fails_reboots_the_instance() {
    let stage = Stage::set().await;
    // Nothing listens there, so every answer is a failure, be it a refusal or a timeout.
    let probe = json!({ "tcpSocket": { "port": 9 }, "periodSeconds": 5, "failureThreshold": 2 });
    let uid = stage.add("web", json!({
        "spec": { "containers": [{ "name": "main", "image": "ubuntu-16.04", "livenessProbe": probe }] },
    }));
    stage
        .until("it is rebooted", Duration::from_secs(60), |stage| {
            // The restart is published first.
            stage.pod(&uid).restarts() == 1 && stage.count("RebootMachine") == 1
        })
        .await;
    let id = stage.instance(&uid).id;
    let pod = stage.pod(&uid);
    let last = pod.container().unwrap().last_state.as_ref().unwrap().terminated.as_ref().unwrap();
    assert_eq!((last.exit_code, stage.count("RebootMachine")), (137, 1));
    stage
        .until("it runs again", SOON, |stage| {
            let states: Vec<_> = stage
                .sim
                .instance(id)
                .unwrap()
                .transitions
                .iter()
                .map(|change| change.to)
                .collect();
            states.ends_with(&[
                InstanceState::Stopping,
                InstanceState::Ready,
                InstanceState::Running,
            ])
        })
        .await;
}
