//! Probes that cannot be asked.

use std::time::Duration;

use serde_json::json;
use triton_sim::InstanceState;

use super::stage::Stage;

#[tokio::test(start_paused = true)]
async fn a_pod_whose_probe_has_no_port_is_never_ready_and_never_restarted_and_says_why() {
    let stage = Stage::set().await;
    let probe = |port| json!({"httpGet": {"port": port}, "periodSeconds": 1});
    let container = json!({
        "name": "main", "image": "ubuntu-16.04", "ports": [{"containerPort": 80, "name": "http"}],
        "livenessProbe": probe("htpp"), "readinessProbe": probe("htpp"),
    });
    let uid = stage.add("web", json!({"spec": {"containers": [container]}}));
    stage
        .until("it is said", Duration::from_secs(30), |stage| {
            stage.pod(&uid).count_events("Unhealthy") >= 2
        })
        .await;
    stage.wait(Duration::from_secs(60)).await;
    let pod = stage.pod(&uid);
    let said = r#"Readiness probe errored and resulted in unknown state: no port of the container is named "htpp": name it in ports, or give its number"#;
    assert!(pod.events.iter().any(|event| event.message == said), "{:?}", pod.events);
    let container = pod.container().unwrap();
    assert_eq!((container.ready, container.restart_count), (false, 0));
    assert_eq!(stage.instance(&uid).state, InstanceState::Running);
    stage.check();
}
