//! Unknown is not absent: what the cloud does not say, or says wrongly for a while, changes nothing.

use std::time::Duration;

use serde_json::json;
use triton_sim::{Fault, FaultKind};
use virtual_node::Provider as _;

use super::stage::{SOON, Stage};

/// Five pods run, trouble comes and goes. `is_noticed`: whether the node can know of it.
async fn check(kind: FaultKind, fault: Fault, is_noticed: bool) {
    let stage = Stage::set().await;
    let uids = five(&stage).await;
    let written = written(&stage, &uids);
    let changes = stage.changes();
    stage.sim.fault(kind, fault);
    stage.wait(Duration::from_secs(300)).await;
    assert_eq!(stage.provider().ping().await.is_err(), is_noticed, "{kind:?}");
    stage.sim.clear_faults();
    stage.wait(Duration::from_secs(180)).await;
    assert!(stage.provider().ping().await.is_ok(), "{kind:?}");
    assert_eq!(stage.changes(), changes, "{kind:?}: requests that change something");
    assert_eq!(self::written(&stage, &uids), written, "{kind:?}: statuses that were written");
    assert!(uids.iter().all(|uid| stage.is_running(uid)));
    assert_eq!(stage.sim.instances().len(), 5);
}

async fn five(stage: &Stage) -> Vec<String> {
    let spec = json!({
        "metadata": { "annotations": { "fwenabled": "true" } },
        "spec": { "containers": [{ "name": "main", "image": "ubuntu-16.04", "ports": [{ "containerPort": 80 }] }] },
    });
    let uids: Vec<String> = (0..5).map(|n| stage.add(&format!("web-{n}"), spec.clone())).collect();
    stage.until("all run", SOON, |stage| uids.iter().all(|uid| stage.is_running(uid))).await;
    stage.wait(Duration::from_secs(90)).await;
    uids
}

fn written(stage: &Stage, uids: &[String]) -> Vec<usize> {
    uids.iter().map(|uid| stage.pod(uid).written.len()).collect()
}

#[tokio::test(start_paused = true)]
async fn an_outage_changes_nothing() {
    check(FaultKind::Outage, Fault::default(), true).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_tags_does_not_say_whose_an_instance_is() {
    let stage = Stage::set().await;
    let uids = five(&stage).await;
    let (written, changes) = (written(&stage, &uids), stage.changes());
    // No list shows them, so each is read.
    stage.sim.fault(FaultKind::ListEmpty, Fault::default());
    stage.sim.fault(FaultKind::MissingFields, Fault::default().endpoint("GetMachine"));
    stage.wait(Duration::from_secs(120)).await;
    assert!(stage.count("GetMachine") >= 5, "they were read");
    stage.sim.clear_faults();
    stage.wait(Duration::from_secs(180)).await;
    assert_eq!(stage.changes(), changes, "requests that change something");
    assert_eq!(self::written(&stage, &uids), written, "statuses that were written");
    assert!(uids.iter().all(|uid| stage.is_running(uid)));
}

#[tokio::test(start_paused = true)]
async fn errors_change_nothing() {
    check(FaultKind::InternalError, Fault::default(), true).await;
}

#[tokio::test(start_paused = true)]
async fn throttling_changes_nothing() {
    check(FaultKind::TooManyRequests, Fault::default(), true).await;
}

#[tokio::test(start_paused = true)]
async fn a_list_that_hangs_changes_nothing() {
    check(FaultKind::Hang, Fault::default().endpoint("ListMachines"), true).await;
}

#[tokio::test(start_paused = true)]
async fn a_short_list_changes_nothing() {
    check(FaultKind::ListShort, Fault::default(), false).await;
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_changes_nothing() {
    check(FaultKind::ListEmpty, Fault::default(), false).await;
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_while_reads_fail_changes_nothing() {
    let stage = Stage::set().await;
    let uids = five(&stage).await;
    let (written, changes) = (written(&stage, &uids), stage.changes());
    stage.sim.fault(FaultKind::ListEmpty, Fault::default());
    stage.sim.fault(FaultKind::InternalError, Fault::default().endpoint("GetMachine"));
    stage.wait(Duration::from_secs(300)).await;
    stage.sim.clear_faults();
    stage
        .until("all run", Duration::from_secs(300), |stage| {
            uids.iter().all(|uid| stage.is_running(uid))
        })
        .await;
    assert_eq!((self::written(&stage, &uids), stage.changes()), (written, changes));
}

/// The process starts into the trouble: it has seen nothing yet, and the pods' statuses are all it has.
async fn check_start(kind: FaultKind) {
    let mut stage = Stage::set().await;
    let uids = five(&stage).await;
    let (written, changes, rules) = (written(&stage, &uids), stage.changes(), stage.rules().await);
    stage.kill().await;
    stage.sim.fault(kind, Fault::default().endpoint("ListMachines"));
    stage.start().await;
    stage.wait(Duration::from_secs(300)).await;
    stage.sim.clear_faults();
    stage.wait(Duration::from_secs(300)).await;
    assert_eq!(stage.changes(), changes, "{kind:?}: requests that change something");
    assert_eq!(self::written(&stage, &uids), written, "{kind:?}: statuses that were written");
    assert_eq!(stage.rules().await.len(), rules.len());
    assert!(uids.iter().all(|uid| stage.is_running(uid)));
}

#[tokio::test(start_paused = true)]
async fn a_start_into_errors_changes_nothing() {
    check_start(FaultKind::InternalError).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_into_a_short_list_changes_nothing() {
    check_start(FaultKind::ListShort).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_into_an_empty_list_changes_nothing() {
    check_start(FaultKind::ListEmpty).await;
}

#[tokio::test(start_paused = true)]
async fn a_new_pod_is_not_made_before_the_cloud_was_seen() {
    let mut stage = Stage::set().await;
    stage.kill().await;
    stage.sim.fault(FaultKind::InternalError, Fault::default().endpoint("ListMachines"));
    stage.start().await;
    let uid = stage.add("web", json!({}));
    stage.wait(Duration::from_secs(120)).await;
    assert_eq!((stage.changes(), stage.pod(&uid).written.len()), (0, 0));
    stage.sim.clear_faults();
    stage.until("the pod runs", SOON, |stage| stage.is_running(&uid)).await;
}
