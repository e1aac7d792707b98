//! A pod goes, and its instance before it.

use std::time::Duration;

use serde_json::json;
use triton_cloudapi::InstanceId;
use triton_sim::{Delays, Fault, FaultKind, InstanceState};

use super::behind::{make_stranger, make_twin};
use super::stage::{LONG, SOON, Stage};
use super::wire::{At, Call};
use crate::Limits;

fn states(stage: &Stage, uid: &str) -> Vec<InstanceState> {
    let made = stage.made_for(uid);
    assert_eq!(made.len(), 1, "{made:#?}");
    made[0].transitions.iter().map(|change| change.to).collect()
}

#[tokio::test(start_paused = true)]
async fn a_guest_is_shut_down_before_its_instance_goes() {
    use InstanceState::{Deleted, Provisioning, Running, Stopped, Stopping};
    // Without a changefeed, whose word would do.
    let stage = Stage::set_with(Limits { changefeed: false, ..Limits::default() }).await;
    let uid = stage.run("web", json!({})).await;
    let id = stage.instance(&uid).id;
    stage.remove(&uid, 30);
    stage.until("the pod goes", SOON, |stage| stage.is_removed(&uid)).await;
    assert_eq!(states(&stage, &uid), [Provisioning, Running, Stopping, Stopped, Deleted]);
    assert_eq!((stage.count("StopMachine"), stage.count("DeleteMachine")), (1, 1));
    let is_confirmed = |record: &triton_sim::RequestRecord| {
        record.endpoint == "GetMachine"
            && record.path.ends_with(&id.to_string())
            && record.status == 410
    };
    assert!(stage.sim.journal().iter().any(is_confirmed));
    let pod = stage.pod(&uid);
    assert_eq!((pod.count_events("Killing"), pod.ended()), (1, Some((143, "Error"))));
}

#[tokio::test(start_paused = true)]
async fn without_grace_the_instance_goes_at_once() {
    let stage = Stage::set().await;
    let uid = stage.run("web", json!({})).await;
    stage.remove(&uid, 0);
    stage.until("the pod goes", SOON, |stage| stage.is_removed(&uid)).await;
    assert_eq!((stage.count("StopMachine"), stage.count("DeleteMachine")), (0, 1));
    assert!(!states(&stage, &uid).contains(&InstanceState::Stopped));
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_does_not_shut_down_is_deleted_when_its_time_is_over() {
    let stage = Stage::set().await;
    let uid = stage.run("web", json!({})).await;
    stage.sim.set_delays(Delays { stop: Duration::from_secs(60), ..stage.sim.delays() });
    let ordered = stage.sim.now();
    stage.remove(&uid, 30);
    stage.until("the pod goes", Duration::from_secs(120), |stage| stage.is_removed(&uid)).await;
    let journal = stage.sim.journal();
    let deleted = journal.iter().find(|record| record.endpoint == "DeleteMachine").unwrap();
    let after = deleted.at.duration_since(ordered).as_secs();
    assert!((29..=35).contains(&after), "deleted after {after} s");
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_goes_while_its_instance_is_provisioned_leaves_nothing() {
    let stage = Stage::set().await;
    stage.sim.set_delays(Delays { provision: Duration::from_secs(60), ..stage.sim.delays() });
    let uid = stage.add("web", json!({}));
    stage
        .until("it is made", SOON, |stage| {
            stage.pod(&uid).container().is_some_and(|c| c.container_id.is_some())
        })
        .await;
    stage.remove(&uid, 30);
    stage.until("the pod goes", LONG, |stage| stage.is_removed(&uid)).await;
    assert_eq!(states(&stage, &uid), [InstanceState::Provisioning, InstanceState::Failed]);
}

#[tokio::test(start_paused = true)]
async fn what_an_unanswered_create_made_is_removed_with_its_pod() {
    let stage = Stage::set().await;
    stage.sim.fault(FaultKind::CreateAnswerLostAfterCommit, Fault::default().times(1));
    let uid = stage.add("web", json!({}));
    stage.until("it is made", SOON, |stage| !stage.made_for(&uid).is_empty()).await;
    stage.remove(&uid, 0);
    stage.until("the pod goes", Duration::from_secs(60), |stage| stage.is_removed(&uid)).await;
    stage.wait(LONG).await;
    assert_eq!((stage.made_for(&uid).len(), stage.alive(&uid).len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_an_unanswered_create_makes_late_is_removed_on_sight() {
    let stage = Stage::set().await;
    let mut trap = stage.wire.hold(Call::Create, At::Request);
    let uid = stage.add("web", json!({}));
    trap.has_caught(1).await;
    stage.remove(&uid, 0);
    stage.wait(Duration::from_secs(200)).await;
    assert!(!stage.is_removed(&uid), "the create may still come true");
    trap.release();
    stage.until("the pod goes", Duration::from_secs(120), |stage| stage.is_removed(&uid)).await;
    stage.wait(LONG).await;
    assert_eq!((stage.made_for(&uid).len(), stage.alive(&uid).len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_pod_whose_create_was_lost_goes_when_it_cannot_come_true_any_more() {
    let stage = Stage::set().await;
    stage.wire.reset(Call::Create, At::Request, 1);
    let uid = stage.add("web", json!({}));
    stage
        .until("it is unresolved", SOON, |stage| {
            stage.pod(&uid).count_events("CreateUnresolved") == 1
        })
        .await;
    stage.remove(&uid, 0);
    stage.wait(Duration::from_secs(170)).await;
    assert!(!stage.is_removed(&uid));
    stage.until("the pod goes", SOON, |stage| stage.is_removed(&uid)).await;
    assert_eq!(stage.made_for(&uid).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_never_goes_keeps_its_pod() {
    let stage = Stage::set().await;
    let uid = stage.run("web", json!({})).await;
    let id = stage.instance(&uid).id;
    stage.sim.fault(FaultKind::DeleteNeverCompletes, Fault::default());
    stage.remove(&uid, 0);
    stage.wait(Duration::from_secs(900)).await;
    assert!(!stage.is_removed(&uid));
    assert!(stage.count("DeleteMachine") >= 2, "asked only once");
    stage.sim.destroy_behind_back(id);
    stage.until("the pod goes", SOON, |stage| stage.is_removed(&uid)).await;
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_is_refused_is_tried_again() {
    for (status, code) in
        [(500, "InternalError"), (409, "UnallocatedVM"), (503, "ServiceUnavailableError")]
    {
        let stage = Stage::set().await;
        let uid = stage.run("web", json!({})).await;
        stage.wire.answer(Call::Delete, 5, status, code);
        stage.remove(&uid, 0);
        stage.until("the pod goes", LONG, |stage| stage.is_removed(&uid)).await;
        assert_eq!((stage.alive(&uid).len(), stage.count("DeleteMachine")), (0, 1), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_does_not_go_while_the_cloud_is_out_of_reach() {
    let stage = Stage::set().await;
    let running = stage.run("web", json!({})).await;
    // This one has nothing, but that must be seen too.
    let waiting = stage
        .add("none", json!({ "metadata": { "annotations": { "package": "no-such-package" } } }));
    stage.until("it waits", SOON, |stage| stage.pod(&waiting).waiting().is_some()).await;
    stage.sim.outage(true);
    stage.remove(&running, 0);
    stage.remove(&waiting, 0);
    stage.wait(Duration::from_secs(600)).await;
    assert!(!stage.is_removed(&running) && !stage.is_removed(&waiting));
    stage.sim.outage(false);
    stage
        .until("both go", LONG, |stage| stage.is_removed(&running) && stage.is_removed(&waiting))
        .await;
}

#[tokio::test(start_paused = true)]
async fn deletion_protection_that_the_pod_asked_for_is_lifted() {
    let stage = Stage::set().await;
    let uid =
        stage.run("web", json!({ "metadata": { "annotations": { "delprotect": "true" } } })).await;
    stage.wait(Duration::from_secs(20)).await;
    let id = stage.instance(&uid).id;
    assert!(stage.read(id).await.deletion_protection);
    stage.remove(&uid, 5);
    stage.until("the pod goes", Duration::from_secs(60), |stage| stage.is_removed(&uid)).await;
    assert_eq!(stage.alive(&uid).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn deletion_protection_of_somebody_else_is_respected() {
    let stage = Stage::set().await;
    let uid = stage.run("web", json!({})).await;
    let id = stage.instance(&uid).id;
    stage.admin.enable_deletion_protection(InstanceId(id)).await.unwrap();
    // The changefeed does not tell of it; the next list does.
    stage.wait(Duration::from_secs(40)).await;
    stage.remove(&uid, 5);
    stage.wait(Duration::from_secs(600)).await;
    assert!(!stage.is_removed(&uid));
    assert!(stage.pod(&uid).count_events("DeletionProtected") >= 1);
    assert_eq!((stage.count("DeleteMachine"), stage.count("StopMachine")), (0, 0));
    assert_eq!(stage.instance(&uid).state, InstanceState::Running);
    stage.admin.disable_deletion_protection(InstanceId(id)).await.unwrap();
    stage.until("the pod goes", Duration::from_secs(120), |stage| stage.is_removed(&uid)).await;
}

#[tokio::test(start_paused = true)]
async fn a_second_instance_that_appears_on_the_way_out_goes_too() {
    let stage = Stage::set().await;
    let stranger = make_stranger(&stage).await;
    let uid = stage.run("web", json!({})).await;
    stage.sim.set_delays(Delays { delete: Duration::from_secs(10), ..stage.sim.delays() });
    stage.remove(&uid, 0);
    stage.until("it is deleted", SOON, |stage| stage.count("DeleteMachine") == 1).await;
    make_twin(&stage, stranger, "web", &uid).await;
    stage.until("the pod goes", Duration::from_secs(60), |stage| stage.is_removed(&uid)).await;
    assert_eq!((stage.made_for(&uid).len(), stage.alive(&uid).len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_pod_whose_object_vanished_leaves_no_instance() {
    let stage = Stage::set().await;
    let uid = stage.run("web", json!({})).await;
    stage.pods.remove(&uid);
    stage.until("the instance goes", SOON, |stage| stage.alive(&uid).is_empty()).await;
}
