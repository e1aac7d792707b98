//! What people ask of pods that run, and must be answered although the node does nothing about it.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, PodCondition};
use kube_client::api::{DeleteParams, PostParams};
use serde_json::json;

use crate::world::{LIMIT, World, condition};

/// Longest that kubectl may wait for a container that has ended.
const DEBUG_LIMIT: Duration = Duration::from_secs(30);

pub(crate) async fn kubectl_debug_ends(world: &World) {
    let pod = started(world, "debugged").await;
    let kubectl = world.cluster.kubectl();
    // It waits for the container, attaches, and fails: with whatever words, it must come back.
    let args =
        ["debug", "debugged", "--image=busybox", "--container=look", "--attach", "--", "true"];
    let ended = tokio::time::timeout(DEBUG_LIMIT, kubectl.run(&args)).await;
    assert!(ended.is_ok(), "kubectl debug waits for ever");
    let pod = world
        .wait_for_pod(&pod, |pod| {
            let status = pod.status.as_ref().unwrap();
            let ended = status.ephemeral_container_statuses.iter().flatten().next();
            let state = ended.and_then(|ended| ended.state.as_ref()?.terminated.as_ref());
            state.is_some_and(|state| {
                state.reason.as_deref() == Some("EphemeralContainersNotSupported")
            })
        })
        .await;
    assert_eq!(condition(&pod, "Ready"), Some("True"), "the pod runs on");
    let event = world.wait_for_event(&pod, "EphemeralContainersNotSupported").await;
    let about = event.involved_object.field_path;
    assert_eq!(about.as_deref(), Some("spec.containers{look}"));
}

pub(crate) async fn a_resize_is_answered_and_can_be_taken_back(world: &World) {
    let pod = started(world, "resized").await;
    let kubectl = world.cluster.kubectl();
    let resize = async |cpu: &str| {
        let container = json!({ "name": "c", "resources": { "requests": { "cpu": cpu } } });
        let patch = json!({ "spec": { "containers": [container] } }).to_string();
        let args = ["patch", "pod", "resized", "--subresource=resize", "--patch", &patch];
        kubectl.run(&args).await.unwrap();
    };
    resize("2").await;
    let pod = world.wait_for_pod(&pod, |pod| answer(pod).is_some()).await;
    let told = answer(&pod).unwrap();
    assert_eq!((told.status.as_str(), told.reason.as_deref()), ("True", Some("Infeasible")));
    assert_eq!(told.observed_generation, pod.metadata.generation);
    assert_eq!(pod.status.as_ref().unwrap().observed_generation, pod.metadata.generation);
    world.wait_for_event(&pod, "ResizeInfeasible").await;

    resize("1").await;
    let pod = world.wait_for_pod(&pod, |pod| answer(pod).is_none()).await;
    assert_eq!(condition(&pod, "Ready"), Some("True"));
}

/// The same name is another pod: what ran for the first is stopped, what runs for the second is not.
pub(crate) async fn a_pod_that_is_replaced_under_its_name_is_two_pods(world: &World) {
    let first = started(world, "again").await;
    let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    world.pods().delete("again", &now).await.unwrap();
    let second = started(world, "again").await;
    assert_ne!(first.metadata.uid, second.metadata.uid);
    world.wait_until_not_held(&first).await;
    assert!(world.provider.holds(second.metadata.uid.as_deref().unwrap()));
    let stops = world.provider.stops.lock().unwrap();
    assert!(stops.iter().all(|(uid, _)| Some(uid) != second.metadata.uid.as_ref()), "{stops:?}");
}

async fn started(world: &World, name: &str) -> Pod {
    let pod = serde_json::from_value(json!({
        "metadata": { "name": name, "labels": { "behave": "run" } },
        "spec": {
            "containers": [{ "name": "c", "image": "x", "resources": {
                "requests": { "cpu": "1" }, "limits": { "cpu": "4" },
            } }],
            "nodeSelector": { "type": "virtual-kubelet" },
            "tolerations": [{ "key": "virtual-kubelet.io/provider", "operator": "Exists" }],
        },
    }))
    .unwrap();
    let pod = world.pods().create(&PostParams::default(), &pod).await.unwrap();
    let ready = world.wait_for_pod(&pod, |now| {
        now.metadata.uid == pod.metadata.uid && condition(now, "Ready") == Some("True")
    });
    tokio::time::timeout(LIMIT, ready).await.unwrap()
}

fn answer(pod: &Pod) -> Option<PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == "PodResizePending").cloned()
}
