//! Pods that could be restarted and are failed instead, so that their controllers make others.

use std::time::Duration;

use serde_json::{Value, json};

use super::stage::{LONG, SOON, Stage};
use crate::Limits;

/// A pod whose liveness probe asks where nothing listens, so that every answer is a failure.
fn hanging(annotations: Value) -> Value {
    let probe = json!({ "tcpSocket": { "port": 9 }, "periodSeconds": 5, "failureThreshold": 2 });
    json!({
        "metadata": { "annotations": annotations },
        "spec": { "containers": [{ "name": "main", "image": "ubuntu-16.04", "livenessProbe": probe }] },
    })
}

/// Stops the guest each time it runs, until the pod has ended or time is up.
async fn crash(stage: &Stage, uid: &str, limit: Duration) {
    let end = tokio::time::Instant::now() + limit;
    while stage.pod(uid).phase() == "Running" && tokio::time::Instant::now() < end {
        if stage.is_running(uid) {
            stage.sim.stop_behind_back(stage.instance(uid).id);
        }
        stage.wait(Duration::from_millis(500)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_unhealthy_instance_is_removed_and_its_pod_fails_where_it_wants_to_be_replaced() {
    for key in ["liveness-action", "tritondatacenter.com/liveness-action"] {
        let stage = Stage::set().await;
        let uid = stage.add("web", hanging(json!({ key: "replace" })));
        stage.until("the pod fails", LONG, |stage| stage.pod(&uid).phase() == "Failed").await;
        let pod = stage.pod(&uid);
        assert_eq!((pod.reason(), pod.ended()), ("InstanceUnhealthy", Some((137, "Error"))));
        assert_eq!(pod.restarts(), 0);
        stage.until("what is paid for goes", LONG, |stage| stage.alive(&uid).is_empty()).await;
        stage.wait(LONG).await;
        let counts =
            ["RebootMachine", "StartMachine", "CreateMachine"].map(|call| stage.count(call));
        assert_eq!(counts, [0, 0, 1], "{key}");
        assert_eq!(stage.pod(&uid).count_events("InstanceUnhealthy"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_crashes_for_longer_than_it_may_fails_its_pod() {
    let stage = Stage::set().await;
    let annotations = json!({ "crash-loop-window": "5m" });
    let uid = stage.run("web", json!({ "metadata": { "annotations": annotations } })).await;
    let began = stage.sim.now();
    crash(&stage, &uid, Duration::from_secs(900)).await;
    let pod = stage.pod(&uid);
    assert_eq!((pod.phase(), pod.reason()), ("Failed", "CrashLoopWindowExceeded"));
    let took = stage.sim.now().duration_since(began).as_secs();
    assert!((300..=310).contains(&took), "{took} s");
    // At once, and after 10, 20, 40, 80 s; the next would have waited for longer than the window.
    assert_eq!((pod.restarts(), pod.ended()), (5, Some((1, "Error"))));
    let told = pod.events.iter().find(|event| event.reason == "CrashLoopWindowExceeded").unwrap();
    assert!(
        told.message.contains("5 times in a row, for longer than the 300s"),
        "{}",
        told.message
    );
    stage.until("what is paid for goes", LONG, |stage| stage.alive(&uid).is_empty()).await;
    stage.wait(LONG).await;
    assert_eq!((stage.count("CreateMachine"), stage.pod(&uid).phase()), (1, "Failed"));
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_hangs_for_longer_than_it_may_fails_its_pod() {
    let limits = Limits { crash_loop_window: Some(Duration::from_secs(120)), ..Limits::default() };
    let stage = Stage::set_with(limits).await;
    let uid = stage.add("web", hanging(json!({})));
    stage.until("the pod fails", LONG, |stage| stage.pod(&uid).phase() == "Failed").await;
    let pod = stage.pod(&uid);
    assert_eq!((pod.reason(), pod.ended()), ("CrashLoopWindowExceeded", Some((137, "Error"))));
    assert!(pod.restarts() >= 3, "{}", pod.restarts());
}

#[tokio::test(start_paused = true)]
async fn what_the_pod_says_of_its_crash_loop_goes_over_what_the_operator_set() {
    let limits = Limits { crash_loop_window: Some(Duration::from_secs(60)), ..Limits::default() };
    let stage = Stage::set_with(limits).await;
    let annotations = json!({ "tritondatacenter.com/crash-loop-window": "off" });
    let uid = stage.run("web", json!({ "metadata": { "annotations": annotations } })).await;
    crash(&stage, &uid, Duration::from_secs(600)).await;
    assert_eq!((stage.pod(&uid).phase(), stage.alive(&uid).len()), ("Running", 1));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_starts_in_a_crash_loop_does_not_end_it_sooner() {
    let mut stage = Stage::set().await;
    let annotations = json!({ "crash-loop-window": "2m" });
    let uid = stage.run("web", json!({ "metadata": { "annotations": annotations } })).await;
    crash(&stage, &uid, Duration::from_secs(100)).await;
    assert_eq!(stage.pod(&uid).phase(), "Running");
    stage.kill().await;
    stage.start().await;
    // Two minutes are over, but not since the last restart that the new process knows of.
    crash(&stage, &uid, Duration::from_secs(60)).await;
    assert_eq!(stage.pod(&uid).phase(), "Running");
    crash(&stage, &uid, Duration::from_secs(900)).await;
    assert_eq!(stage.pod(&uid).reason(), "CrashLoopWindowExceeded");
    stage.until("what is paid for goes", SOON, |stage| stage.alive(&uid).is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_status_that_was_not_written_is_decided_again() {
    let stage = Stage::set().await;
    let uid = stage.add("web", hanging(json!({ "liveness-action": "replace" })));
    stage.until("the pod runs", SOON, |stage| stage.is_running(&uid)).await;
    stage.pods.refuse_writes(true);
    stage.wait(Duration::from_secs(60)).await;
    assert_eq!((stage.pod(&uid).phase(), stage.alive(&uid).len()), ("Running", 1));
    stage.pods.refuse_writes(false);
    stage.until("the pod fails", LONG, |stage| stage.pod(&uid).phase() == "Failed").await;
    stage.until("what is paid for goes", LONG, |stage| stage.alive(&uid).is_empty()).await;
}

/// Nothing but the way to the instances may be broken, and their disks would go with them.
#[tokio::test(start_paused = true)]
async fn of_many_pods_that_look_broken_at_once_only_some_are_failed_and_the_others_wait() {
    let stage = Stage::set().await;
    let uids: Vec<_> = (0..8)
        .map(|n| stage.add(&format!("web-{n}"), hanging(json!({ "liveness-action": "replace" }))))
        .collect();
    let failed =
        |stage: &Stage| uids.iter().filter(|uid| stage.pod(uid).phase() == "Failed").count();
    stage.until("some fail", LONG, |stage| failed(stage) == 5).await;
    stage.wait(Duration::from_secs(240)).await;
    assert_eq!(failed(&stage), 5);
    let held: Vec<_> =
        uids.iter().filter(|uid| stage.pod(uid).count_events("ReplacementHeld") > 0).collect();
    assert_eq!(held.len(), 3);
    for uid in held {
        assert_eq!(
            (stage.pod(uid).count_events("ReplacementHeld"), stage.alive(uid).len()),
            (1, 1)
        );
    }
    stage.until("the others follow", LONG, |stage| failed(stage) == 8).await;
}
