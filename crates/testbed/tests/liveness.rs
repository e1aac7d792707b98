//! An instance that stops, or fails its liveness probe, is restarted in place.
#![cfg(feature = "cluster")]

use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use testbed::{Scene, StackOptions, pod, restart_count};

#[tokio::test]
async fn what_stops_or_fails_its_liveness_probe_is_restarted_in_place() {
    let scene = Scene::start("liveness", &StackOptions::default()).await.unwrap();
    let once = |pods: &[Pod]| {
        pods.len() == 1 && restart_count(&pods[0]) == Some(1) && testbed::is_ready(&pods[0])
    };

    scene.apply(&pod("stops", "stops", &[]).to_string()).await.unwrap();
    scene.until_ready("app=stops", 1).await.unwrap();
    let before = scene.until_instances("one instance", |living| living.len() == 1).await.unwrap();
    scene.fate().behind_our_back(&before[0].id, "stop").await.unwrap();
    scene.until_pods("app=stops", "one restart", once).await.unwrap();
    let after =
        scene.until_instances("it to run", |living| living[0].state == "running").await.unwrap();
    assert_eq!(after[0].id, before[0].id, "it is the same instance");
    assert_eq!(after.len(), 1);

    // Nobody listens on port 2: the probe never succeeds. One failure is enough, and the next attempt is far away.
    let mut hopeless = pod("hopeless", "hopeless", &[]);
    hopeless["spec"]["containers"][0]["livenessProbe"] = json!({"tcpSocket": {"port": 2}, "initialDelaySeconds": 2, "periodSeconds": 1, "failureThreshold": 1});
    scene.apply(&hopeless.to_string()).await.unwrap();
    let restarted =
        |pods: &[Pod]| pods.len() == 1 && restart_count(&pods[0]).is_some_and(|count| count >= 1);
    scene.until_pods("app=hopeless", "a restart", restarted).await.unwrap();
    let unhealthy = |event: &k8s_openapi::api::core::v1::Event| {
        event.reason.as_deref() == Some("Unhealthy")
            && event
                .message
                .as_deref()
                .is_some_and(|message| message.starts_with("Liveness probe failed"))
    };
    scene.until_event("hopeless", "the event Unhealthy", unhealthy).await.unwrap();
    assert_eq!(scene.fate().instances().await.unwrap().len(), 2, "a restart makes no instance");
    scene.no_secret_got_out().await.unwrap();
}
