//! The faults of other systems of this kind, each by its name.

use std::time::Duration;

use serde_json::json;
use triton_sim::{Fault, FaultKind};

use super::stage::{LONG, Stage};
use super::wire::{At, Call};

/// virtual-kubelet: an error of GetPod was ignored, and the pod was created once more.
#[tokio::test(start_paused = true)]
async fn an_error_of_a_read_is_not_taken_for_leave_to_create() {
    for (status, code) in
        [(500, "InternalError"), (429, "RequestThrottled"), (403, "NotAuthorized")]
    {
        let mut stage = Stage::set().await;
        let uid = stage.run("web", json!({})).await;
        stage.kill().await;
        stage.sim.fault(FaultKind::ListEmpty, Fault::default());
        stage.wire.answer(Call::Read, u32::MAX, status, code);
        stage.start().await;
        stage.wait(LONG).await;
        assert_eq!(
            (stage.count("CreateMachine"), stage.pod(&uid).phase()),
            (1, "Running"),
            "{status}"
        );
        stage.wire.clear();
        stage.sim.clear_faults();
        stage.until("it is seen again", LONG, |stage| stage.is_running(&uid)).await;
        assert_eq!(stage.sim.instances().len(), 1, "{status}");
    }
}

/// interLink: the pod was forgotten before its remote delete had succeeded.
#[tokio::test(start_paused = true)]
async fn a_pod_is_not_forgotten_before_its_delete_has_succeeded() {
    let mut stage = Stage::set().await;
    let uid = stage.run("web", json!({})).await;
    stage.wire.reset(Call::Delete, At::Request, u32::MAX);
    stage.remove(&uid, 0);
    stage.wait(Duration::from_secs(120)).await;
    assert_eq!((stage.is_removed(&uid), stage.alive(&uid).len()), (false, 1));
    stage.kill().await;
    stage.wire.clear();
    stage.start().await;
    stage.until("the pod goes", LONG, |stage| stage.is_removed(&uid)).await;
    assert_eq!(stage.alive(&uid).len(), 0);
}

/// aws-virtual-kubelet: a crash between RunInstances and the record of its answer left the machine without a pod.
#[tokio::test(start_paused = true)]
async fn a_crash_between_the_create_and_its_record_leaks_nothing() {
    let mut stage = Stage::set().await;
    let mut trap = stage.wire.hold(Call::Create, At::Answer);
    let uid = stage.add("web", json!({}));
    trap.has_caught(1).await;
    stage.kill().await;
    stage.wire.clear();
    // The pod is deleted while nobody runs.
    stage.remove(&uid, 0);
    stage.start().await;
    stage.until("the pod goes", Duration::from_secs(600), |stage| stage.is_removed(&uid)).await;
    assert_eq!((stage.made_for(&uid).len(), stage.alive(&uid).len()), (1, 0));
}

/// The changefeed holds news back behind a repeated message, and loses some: the list tells them all the same.
#[tokio::test(start_paused = true)]
async fn news_that_no_feed_tells_are_seen_in_the_list() {
    let stage = Stage::set().await;
    let uid = stage.run("web", json!({})).await;
    stage.wait(Duration::from_secs(120)).await;
    stage.sim.stop_behind_back(stage.instance(&uid).id);
    stage
        .until("the restart", LONG, |stage| {
            stage.pod(&uid).restarts() == 1 && stage.is_running(&uid)
        })
        .await;
}
