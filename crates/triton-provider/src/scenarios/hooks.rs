//! Lifecycle hooks: what waits for them, what their failure does, and what a crash in the midst of one leaves.

use std::time::Duration;

use serde_json::{Value, json};
use triton_sim::{Delays, InstanceState};

use super::stage::{SOON, Stage};

/// A container with hooks, and whatever else.
fn hooked(lifecycle: Value, more: Value) -> Value {
    let mut container = json!({"name": "main", "image": "ubuntu-16.04", "lifecycle": lifecycle});
    for (name, value) in more.as_object().unwrap() {
        container[name] = value.clone();
    }
    json!({"spec": {"containers": [container]}})
}

fn sleep(seconds: u64) -> Value {
    json!({"sleep": {"seconds": seconds}})
}

/// What the API takes and no kubelet runs.
fn broken() -> Value {
    json!({"tcpSocket": {"port": 80}})
}

fn is_waiting(stage: &Stage, uid: &str, reason: &str) -> bool {
    stage.pod(uid).waiting().is_some_and(|(found, _)| found == reason)
}

fn condition(stage: &Stage, uid: &str, type_: &str) -> Option<String> {
    let pod = stage.pod(uid).pod;
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let found = conditions.iter().find(|condition| condition.type_ == type_)?;
    Some(found.status.clone())
}

/// Waits until the instance runs and the pod says whose it is.
async fn up(stage: &Stage, uid: &str) {
    let up = |stage: &Stage| {
        stage.alive(uid).iter().any(|instance| instance.state == InstanceState::Running)
            && condition(stage, uid, "PodReadyToStartContainers").as_deref() == Some("True")
    };
    stage.until("the instance is up", SOON, up).await;
}

#[tokio::test(start_paused = true)]
async fn a_container_starts_when_its_post_start_hook_has_ended() {
    let stage = Stage::set().await;
    let probe = json!({"tcpSocket": {"port": 9}, "periodSeconds": 1});
    let pod = hooked(json!({"postStart": sleep(40)}), json!({"readinessProbe": probe}));
    let uid = stage.add("web", pod);
    up(&stage, &uid).await;
    stage.wait(Duration::from_secs(30)).await;
    let hosted = stage.pod(&uid);
    assert_eq!((hosted.phase(), is_waiting(&stage, &uid, "ContainerCreating")), ("Pending", true));
    assert!(hosted.container().unwrap().container_id.is_some(), "its instance is known to all");
    assert_eq!(hosted.count_events("Unhealthy"), 0, "nothing is probed before");
    stage.wait(Duration::from_secs(15)).await;
    let hosted = stage.pod(&uid);
    assert_eq!((hosted.phase(), hosted.restarts()), ("Running", 0));
    assert!(hosted.container().unwrap().started == Some(true) && !hosted.is_ready());
    stage.wait(Duration::from_secs(10)).await;
    assert!(stage.pod(&uid).count_events("Unhealthy") > 0);
    assert_eq!((stage.made_for(&uid).len(), stage.count("RebootMachine")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_post_start_hook_that_fails_has_its_instance_rebooted_with_back_off() {
    let stage = Stage::set().await;
    let uid = stage.add("web", hooked(json!({"postStart": broken()}), json!({})));
    stage
        .until("it is rebooted", Duration::from_secs(60), |stage| stage.pod(&uid).restarts() == 1)
        .await;
    stage
        .until("it fails again", Duration::from_secs(60), |stage| {
            is_waiting(stage, &uid, "PostStartHookError")
        })
        .await;
    let pod = stage.pod(&uid);
    let (_, message) = pod.waiting().unwrap();
    assert_eq!(message, "invalid handler");
    let last = pod.container().unwrap().last_state.as_ref().unwrap().terminated.as_ref().unwrap();
    assert_eq!((last.exit_code, pod.is_ready()), (137, false));
    assert!(pod.count_events("FailedPostStartHook") >= 2 && pod.count_events("Killing") == 1);
    stage.wait(Duration::from_secs(120)).await;
    let (reboots, made) = (stage.count("RebootMachine"), stage.made_for(&uid).len());
    assert!((3..=5).contains(&reboots), "{reboots} reboots in about two minutes");
    assert_eq!((made, stage.pod(&uid).restarts()), (1, i32::try_from(reboots).unwrap()));
}

#[tokio::test(start_paused = true)]
async fn a_post_start_hook_that_fails_ends_a_pod_that_is_not_to_be_restarted() {
    let stage = Stage::set().await;
    let mut pod = hooked(json!({"postStart": broken()}), json!({}));
    pod["spec"]["restartPolicy"] = "Never".into();
    let uid = stage.add("web", pod);
    stage.until("it is over", SOON, |stage| stage.pod(&uid).phase() == "Failed").await;
    stage.until("its instance goes", SOON, |stage| stage.alive(&uid).is_empty()).await;
    let pod = stage.pod(&uid);
    assert_eq!((pod.ended(), stage.made_for(&uid).len()), (Some((137, "Error")), 1));
}

#[tokio::test(start_paused = true)]
async fn a_pre_stop_hook_ends_before_the_guest_is_shut_down() {
    let stage = Stage::set().await;
    let uid = stage.run("web", hooked(json!({"preStop": sleep(12)}), json!({}))).await;
    let ordered = stage.sim.now();
    stage.remove(&uid, 30);
    stage.until("the pod goes", Duration::from_secs(60), |stage| stage.is_removed(&uid)).await;
    let journal = stage.sim.journal();
    let stop = journal.iter().find(|record| record.endpoint == "StopMachine").unwrap();
    let after = stop.at.duration_since(ordered).as_secs();
    assert!((12..=15).contains(&after), "shut down after {after} s");
    assert_eq!((stage.count("StopMachine"), stage.count("DeleteMachine")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_pre_stop_hook_takes_no_more_than_the_grace_period_and_its_failure_stops_nothing() {
    for (hook, failed, at) in [(sleep(300), 0, 10..=13), (broken(), 1, 0..=3)] {
        let stage = Stage::set().await;
        let uid = stage.run("web", hooked(json!({"preStop": hook}), json!({}))).await;
        let ordered = stage.sim.now();
        stage.remove(&uid, 10);
        stage.until("the pod goes", Duration::from_secs(60), |stage| stage.is_removed(&uid)).await;
        assert_eq!(stage.pod(&uid).count_events("FailedPreStopHook"), failed);
        let journal = stage.sim.journal();
        let stop = journal.iter().find(|record| record.endpoint == "StopMachine").unwrap();
        let after = stop.at.duration_since(ordered).as_secs();
        assert!(at.contains(&after), "shut down after {after} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_goes_while_its_post_start_hook_runs_leaves_nothing() {
    let stage = Stage::set().await;
    let uid = stage.add("web", hooked(json!({"postStart": sleep(300)}), json!({})));
    up(&stage, &uid).await;
    stage.remove(&uid, 30);
    stage.until("the pod goes", SOON, |stage| stage.is_removed(&uid)).await;
    assert_eq!((stage.made_for(&uid).len(), stage.alive(&uid).len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn killed_in_the_midst_of_a_post_start_hook_it_runs_the_hook_again_and_nothing_else() {
    let mut stage = Stage::set().await;
    let uid = stage.add("web", hooked(json!({"postStart": sleep(20)}), json!({})));
    up(&stage, &uid).await;
    stage.wait(Duration::from_secs(15)).await;
    stage.kill().await;
    stage.start().await;
    stage.wait(Duration::from_secs(15)).await;
    assert_eq!(stage.pod(&uid).phase(), "Pending", "the hook is run from its beginning");
    stage.until("the pod runs", SOON, |stage| stage.is_running(&uid)).await;
    // Once it was published as running, no process runs the hook again.
    stage.kill().await;
    stage.start().await;
    stage.wait(Duration::from_secs(60)).await;
    assert!(stage.is_running(&uid));
    let always = stage
        .pod(&uid)
        .written
        .iter()
        .filter(|status| {
            status.phase.as_deref() == Some("Running")
                && status.container_statuses.iter().flatten().any(|status| !status.ready)
        })
        .count();
    assert_eq!((always, stage.pod(&uid).restarts()), (0, 0));
    assert_eq!((stage.made_for(&uid).len(), stage.changes()), (1, 1), "one create, nothing else");
}

#[tokio::test(start_paused = true)]
async fn killed_in_the_midst_of_a_pre_stop_hook_it_shuts_down_once() {
    let mut stage = Stage::set().await;
    let uid = stage.run("web", hooked(json!({"preStop": sleep(10)}), json!({}))).await;
    stage.remove(&uid, 30);
    stage.wait(Duration::from_secs(5)).await;
    stage.kill().await;
    stage.start().await;
    stage.until("the pod goes", Duration::from_secs(60), |stage| stage.is_removed(&uid)).await;
    assert_eq!((stage.count("StopMachine"), stage.count("DeleteMachine")), (1, 1));
    assert_eq!((stage.made_for(&uid).len(), stage.alive(&uid).len()), (1, 0));
}

/// A container whose liveness fails, with a grace period of the probe's own.
fn sick(lifecycle: Value, restart_policy: &str) -> Value {
    let probe = json!({
        "tcpSocket": {"port": 9}, "periodSeconds": 5, "failureThreshold": 2, "terminationGracePeriodSeconds": 5,
    });
    let mut pod = hooked(lifecycle, json!({"livenessProbe": probe}));
    pod["spec"]["restartPolicy"] = restart_policy.into();
    pod["spec"]["terminationGracePeriodSeconds"] = 60.into();
    pod
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_over_for_a_probe_has_the_grace_period_of_the_probe() {
    let stage = Stage::set().await;
    stage.sim.set_delays(Delays { stop: Duration::from_secs(300), ..stage.sim.delays() });
    let uid = stage.add("web", sick(json!({}), "Never"));
    stage
        .until("it is over", Duration::from_secs(60), |stage| stage.pod(&uid).phase() == "Failed")
        .await;
    let over = stage.sim.now();
    stage.until("it is deleted", SOON, |stage| stage.count("DeleteMachine") == 1).await;
    let journal = stage.sim.journal();
    let deleted = journal.iter().find(|record| record.endpoint == "DeleteMachine").unwrap();
    let after = deleted.at.duration_since(over).as_secs();
    assert!((4..=8).contains(&after), "deleted after {after} s");
    let ended = stage.pod(&uid);
    let ended = ended.container().unwrap().state.as_ref().unwrap().terminated.as_ref().unwrap();
    let message = "Liveness probe failed and the pod is not to be restarted";
    assert_eq!(ended.message.as_deref(), Some(message));
}

#[tokio::test(start_paused = true)]
async fn a_sick_pod_that_is_deleted_has_its_own_grace_period() {
    let stage = Stage::set().await;
    stage.sim.set_delays(Delays { stop: Duration::from_secs(300), ..stage.sim.delays() });
    let uid = stage.run("web", sick(json!({}), "Always")).await;
    let ordered = stage.sim.now();
    stage.remove(&uid, 60);
    let long = Duration::from_secs(120);
    stage.until("it is deleted", long, |stage| stage.count("DeleteMachine") == 1).await;
    let journal = stage.sim.journal();
    let deleted = journal.iter().find(|record| record.endpoint == "DeleteMachine").unwrap();
    assert!(deleted.at.duration_since(ordered).as_secs() >= 59);
}

#[tokio::test(start_paused = true)]
async fn a_pre_stop_hook_delays_a_reboot_by_the_grace_period_of_the_probe_at_most() {
    let stage = Stage::set().await;
    let uid = stage.add("web", sick(json!({"preStop": sleep(50)}), "Always"));
    stage
        .until("it is sick", Duration::from_secs(60), |stage| {
            stage.pod(&uid).count_events("Unhealthy") >= 2
        })
        .await;
    let sick = stage.sim.now();
    stage.until("it is rebooted", SOON, |stage| stage.count("RebootMachine") == 1).await;
    let journal = stage.sim.journal();
    let reboot = journal.iter().find(|record| record.endpoint == "RebootMachine").unwrap();
    let after = reboot.at.duration_since(sick).as_secs();
    assert!((4..=9).contains(&after), "rebooted after {after} s");
}

#[tokio::test(start_paused = true)]
async fn probe_metrics_are_the_kubelets_and_go_with_the_pod() {
    let stage = Stage::set().await;
    let read = |stage: &Stage| {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &stage.provider().probe_metrics())
            .unwrap();
        text
    };
    let uid = stage.add("web", sick(json!({}), "Always"));
    stage
        .until("it is sick", Duration::from_secs(60), |stage| {
            stage.pod(&uid).count_events("Unhealthy") >= 1
        })
        .await;
    let text = read(&stage);
    let failed = format!(
        r#"prober_probe_total{{probe_type="Liveness",result="failed",container="main",pod="web",namespace="default",pod_uid="{uid}"}} "#
    );
    assert!(text.contains(&failed), "{text}");
    assert!(text.contains("# TYPE prober_probe_duration_seconds histogram"), "{text}");
    assert!(text.contains("process_start_time_seconds "), "{text}");
    assert!(!text.contains("result=\"successful\""), "{text}");
    stage.remove(&uid, 0);
    stage.until("the pod goes", SOON, |stage| stage.is_removed(&uid)).await;
    assert!(!read(&stage).contains("web"), "its series are gone");
}
