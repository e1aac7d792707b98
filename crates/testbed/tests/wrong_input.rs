//! What cannot become an instance is told to its owner, and holds up nobody else.
#![cfg(feature = "cluster")]

use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use testbed::{Scene, StackOptions, pod};

#[tokio::test]
async fn wrong_input_is_told_and_holds_up_nobody_else() {
    let scene = Scene::start("wrong-input", &StackOptions::default()).await.unwrap();
    let mut two_containers = pod("two-containers", "wrong", &[]);
    let sidecar = json!({"name": "sidecar", "image": testbed::IMAGE});
    two_containers["spec"]["containers"].as_array_mut().unwrap().push(sidecar);
    // Each with a word its owner must find in the event.
    let wrong = [
        (
            "unknown-package",
            "no-such-package",
            pod("unknown-package", "wrong", &[("package", "no-such-package")]),
        ),
        (
            "unknown-network",
            "no-such-network",
            pod("unknown-network", "wrong", &[("networks", "no-such-network")]),
        ),
        ("two-containers", "container", two_containers),
        (
            "bad-annotation",
            "affinity",
            pod("bad-annotation", "wrong", &[("affinity", "role is not db")]),
        ),
    ];
    for (_, _, manifest) in &wrong {
        scene.apply(&manifest.to_string()).await.unwrap();
    }
    scene.apply(&pod("right", "right", &[]).to_string()).await.unwrap();
    scene.until_ready("app=right", 1).await.unwrap();

    for (name, word, _) in &wrong {
        let told = |event: &k8s_openapi::api::core::v1::Event| {
            event.type_.as_deref() == Some("Warning")
                && event.message.as_deref().is_some_and(|message| message.contains(word))
        };
        scene.until_event(name, &format!("a warning about {word}"), told).await.unwrap();
    }
    let none_runs = |pods: &[Pod]| {
        let phase = |pod: &Pod| pod.status.as_ref().and_then(|status| status.phase.clone());
        pods.len() == wrong.len() && pods.iter().all(|pod| phase(pod).as_deref() != Some("Running"))
    };
    scene.until_pods("app=wrong", "no wrong pod to run", none_runs).await.unwrap();
    let all = scene.fate().instances().await.unwrap();
    let names: Vec<_> = all.iter().filter_map(|instance| instance.tag("k8s_podname")).collect();
    assert_eq!(names, ["right"]);

    // They can all be deleted, too.
    scene.kubectl().run(&["delete", "pods", "--all", "--timeout=120s"]).await.unwrap();
    scene.until_instances("no instances", |living| living.is_empty()).await.unwrap();
    scene.no_secret_got_out().await.unwrap();
}
