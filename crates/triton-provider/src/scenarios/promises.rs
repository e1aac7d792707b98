//! What every controller may count on of a kubelet, row by row: deadlines, restarts and their pauses, ends and their
//! times.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use super::stage::{LONG, SOON, Stage};
use super::wire::Call;

const MINUTE: Duration = Duration::from_secs(60);

fn spec(spec: Value) -> Value {
    json!({ "spec": spec })
}

/// When the present run of the pod's container began.
fn started_at(stage: &Stage, uid: &str) -> Option<Time> {
    stage.pod(uid).container()?.state.as_ref()?.running.as_ref()?.started_at.clone()
}

/// When the container ended for good, and when that run began.
fn ended_at(stage: &Stage, uid: &str) -> (Option<Time>, Option<Time>) {
    let pod = stage.pod(uid);
    let ended = pod.container().unwrap().state.as_ref().unwrap().terminated.as_ref().unwrap();
    (ended.started_at.clone(), ended.finished_at.clone())
}

/// When instances were started.
fn starts(stage: &Stage) -> Vec<i64> {
    let journal = stage.sim.journal();
    let starts = journal.into_iter().filter(|record| record.endpoint == "StartMachine");
    let times: Vec<_> = starts.map(|record| record.at).collect();
    times.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs()).collect()
}

/// Stops the guest as soon as it runs, until it has been restarted so often.
async fn crash(stage: &Stage, uid: &str, restarts: i32) {
    while stage.pod(uid).restarts() < restarts {
        if stage.is_running(uid) {
            stage.sim.stop_behind_back(stage.instance(uid).id);
        }
        stage.wait(Duration::from_millis(500)).await;
    }
    stage.until("it runs again", SOON, |stage| stage.is_running(uid)).await;
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_active_for_longer_than_it_may_fails_and_its_instance_goes() {
    for policy in ["Always", "OnFailure", "Never"] {
        let stage = Stage::set().await;
        let uid = stage
            .run("job", spec(json!({ "activeDeadlineSeconds": 60, "restartPolicy": policy })))
            .await;
        let start = stage.pod(&uid).pod.status.as_ref().unwrap().start_time.clone().unwrap().0;
        stage.until("the pod fails", LONG, |stage| stage.pod(&uid).phase() == "Failed").await;
        let late = crate::clock::now().duration_since(start).as_secs() - 60;
        assert!((0..=10).contains(&late), "{late} s");
        let pod = stage.pod(&uid);
        let message = pod.pod.status.as_ref().unwrap().message.clone().unwrap();
        assert_eq!(message, "Pod was active on the node longer than the specified deadline");
        assert_eq!((pod.reason(), pod.count_events("DeadlineExceeded")), ("DeadlineExceeded", 1));
        assert_eq!(pod.ended(), Some((137, "DeadlineExceeded")));
        stage.until("what is paid for goes", LONG, |stage| stage.alive(&uid).is_empty()).await;
        assert_eq!((stage.count("CreateMachine"), stage.count("StartMachine")), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_counts_from_the_pods_start_whoever_runs_it_and_may_be_lowered() {
    let mut stage = Stage::set().await;
    let uid = stage.run("job", spec(json!({ "activeDeadlineSeconds": 3600 }))).await;
    stage.wait(MINUTE).await;
    stage.kill().await;
    stage.start().await;
    stage.wait(MINUTE).await;
    assert!(stage.is_running(&uid));
    stage.pods.change(&uid, |pod| {
        pod.spec.as_mut().unwrap().active_deadline_seconds = Some(90);
    });
    stage
        .until("it is over at once", Duration::from_secs(10), |stage| {
            stage.pod(&uid).reason() == "DeadlineExceeded"
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_what_never_got_an_instance() {
    let stage = Stage::set().await;
    stage.wire.answer(Call::Create, u32::MAX, 409, "QuotaExceeded");
    let uid = stage.add("job", spec(json!({ "activeDeadlineSeconds": 45 })));
    stage.until("the pod fails", LONG, |stage| stage.pod(&uid).phase() == "Failed").await;
    assert_eq!(stage.pod(&uid).reason(), "DeadlineExceeded");
    stage.wire.clear();
    stage.wait(LONG).await;
    assert_eq!(stage.made_for(&uid).len(), 0, "nothing is made for a pod that is over");
}

#[tokio::test(start_paused = true)]
async fn restarts_wait_up_to_five_minutes_and_begin_anew_after_ten_quiet_ones() {
    let stage = Stage::set().await;
    let uid = stage.run("web", json!({})).await;
    crash(&stage, &uid, 8).await;
    assert_eq!(starts(&stage), [10, 20, 40, 80, 160, 300, 300]);
    stage.wait(11 * MINUTE).await;
    stage.sim.stop_behind_back(stage.instance(&uid).id);
    stage.until("it restarts at once", SOON, |stage| stage.pod(&uid).restarts() == 9).await;
    let waited = *starts(&stage).last().unwrap();
    assert!((650..700).contains(&waited), "{waited} s");
    crash(&stage, &uid, 10).await;
    assert_eq!(starts(&stage).last(), Some(&10), "the back-off begins anew");
}

#[tokio::test(start_paused = true)]
async fn a_back_off_goes_on_in_the_next_process() {
    let mut stage = Stage::set().await;
    let uid = stage.run("web", json!({})).await;
    crash(&stage, &uid, 3).await;
    stage.sim.stop_behind_back(stage.instance(&uid).id);
    stage.wait(Duration::from_secs(3)).await;
    stage.kill().await;
    stage.start().await;
    crash(&stage, &uid, 4).await;
    let waited = *starts(&stage).last().unwrap();
    assert!((36..=42).contains(&waited), "{waited} s instead of 40");
}

#[tokio::test(start_paused = true)]
async fn the_start_of_a_run_never_moves_and_the_end_of_a_job_neither() {
    let mut stage = Stage::set().await;
    let uid = stage.run("job", spec(json!({ "restartPolicy": "OnFailure" }))).await;
    let started = started_at(&stage, &uid);
    assert!(started.is_some());
    stage.wait(2 * MINUTE).await;
    stage.kill().await;
    stage.start().await;
    stage.wait(2 * MINUTE).await;
    assert_eq!(started_at(&stage, &uid), started);
    stage.sim.stop_behind_back(stage.instance(&uid).id);
    stage.until("it is done", LONG, |stage| stage.pod(&uid).phase() == "Succeeded").await;
    let ended = ended_at(&stage, &uid);
    assert_eq!(ended.0, started);
    assert!(ended.1 > started);
    stage.kill().await;
    stage.start().await;
    stage.wait(LONG).await;
    assert_eq!((ended_at(&stage, &uid), stage.pod(&uid).phase()), (ended, "Succeeded"));
    assert_eq!(stage.count("CreateMachine"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unhealthy_instance_that_must_not_restart_ends_its_pod() {
    let stage = Stage::set().await;
    let probe = json!({ "tcpSocket": { "port": 9 }, "periodSeconds": 5, "failureThreshold": 2 });
    let uid = stage.add(
        "job",
        spec(json!({
            "restartPolicy": "Never",
            "containers": [{ "name": "main", "image": "ubuntu-16.04", "livenessProbe": probe }],
        })),
    );
    stage.until("the pod fails", LONG, |stage| stage.pod(&uid).phase() == "Failed").await;
    assert_eq!(stage.pod(&uid).ended(), Some((137, "Error")));
    stage.until("what is paid for goes", LONG, |stage| stage.alive(&uid).is_empty()).await;
    assert_eq!((stage.count("RebootMachine"), stage.count("StartMachine")), (0, 0));
}
