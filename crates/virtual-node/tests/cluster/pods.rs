//! Pods that run, and pods that go.

use std::sync::atomic::Ordering;
use std::time::Duration;

use kube_client::api::DeleteParams;
use kube_client::api::Patch;
use kube_client::api::PatchParams;
use serde_json::json;
use testbed::wait::seen_if;
use testbed::wait::until;

use crate::world::LIMIT;
use crate::world::NODE;
use crate::world::World;
use crate::world::condition;

pub(crate) async fn a_pod_becomes_ready_with_one_write(world: &World) {
    let pod = world.create_pod("runs", "run").await;
    let pod = world.wait_for_pod(&pod, |pod| condition(pod, "Ready") == Some("True")).await;
    let status = pod.status.as_ref().unwrap();
    assert_eq!(status.phase.as_deref(), Some("Running"));
    assert_eq!(status.pod_ip.as_deref(), Some("192.0.2.10"));
    assert_eq!(status.pod_ips.as_ref().unwrap().len(), 2);
    assert_eq!(status.host_ip.as_deref(), Some("127.0.0.1"));
    assert_eq!(condition(&pod, "PodScheduled"), Some("True"));
    assert!(status.start_time.is_some());
    assert_eq!(status.qos_class.as_deref(), Some("BestEffort"), "the API server's own fields stay");
    assert_eq!(status.observed_generation, pod.metadata.generation);

    // A pass over a pod that is as it should be writes nothing.
    let version = pod.metadata.resource_version.clone();
    let syncs = world.provider.syncs.load(Ordering::SeqCst);
    world.pokes.poke(&pod.metadata.uid.clone().unwrap());
    until("another pass", LIMIT, || async {
        seen_if(world.provider.syncs.load(Ordering::SeqCst) > syncs, "no pass")
    })
    .await
    .unwrap();
    // The next pod's write comes later than any that this pass could have made.
    let marker = world.create_pod("marker", "run").await;
    world.wait_for_pod(&marker, |pod| condition(pod, "Ready") == Some("True")).await;
    assert_eq!(world.pods().get("runs").await.unwrap().metadata.resource_version, version);

    let event = world.wait_for_event(&pod, "Started").await;
    assert_eq!(event.involved_object.field_path.as_deref(), Some("spec.containers{c}"));
    assert_eq!(event.source.unwrap().host.as_deref(), Some(NODE));
}

pub(crate) async fn what_others_write_into_our_status_is_written_back(world: &World) {
    let theirs = json!({ "status": { "conditions": [
        { "type": "Ready", "status": "False", "reason": "NodeNotReady" },
        { "type": "example.com/gate", "status": "True" },
    ] } });
    let patch = Patch::Strategic(theirs);
    let pod = world.pods().patch_status("runs", &PatchParams::default(), &patch).await.unwrap();
    assert_eq!(condition(&pod, "Ready"), Some("False"));
    let pod = world.wait_for_pod(&pod, |pod| condition(pod, "Ready") == Some("True")).await;
    assert_eq!(condition(&pod, "example.com/gate"), Some("True"), "others' conditions stay");
}

pub(crate) async fn a_deleted_pod_goes_only_after_the_provider_let_go(world: &World) {
    let pod = world.create_pod("lingers", "linger").await;
    world.wait_for_pod(&pod, |pod| condition(pod, "Ready") == Some("True")).await;
    world.pods().delete("lingers", &DeleteParams::default()).await.unwrap();
    let uid = pod.metadata.uid.clone().unwrap();
    let asked = || {
        world.provider.stops.lock().unwrap().iter().filter(|(stopped, _)| *stopped == uid).count()
    };
    until("five looks", LIMIT, || async { seen_if(asked() >= 5, asked()) }).await.unwrap();
    let still = world.pods().get("lingers").await.unwrap();
    assert!(still.metadata.deletion_timestamp.is_some());
    let grace =
        world.provider.stops.lock().unwrap().iter().find(|(stopped, _)| *stopped == uid).unwrap().1;
    assert!(grace > Duration::from_secs(20) && grace <= Duration::from_secs(30), "{grace:?}");

    world.provider.release("lingers");
    world.wait_until_gone("lingers").await;
    assert!(!world.provider.holds(&uid));
}

pub(crate) async fn a_force_deleted_pod_is_stopped(world: &World) {
    let pod = world.create_pod("forced", "run").await;
    let pod = world.wait_for_pod(&pod, |pod| condition(pod, "Ready") == Some("True")).await;
    let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    world.pods().delete("forced", &now).await.unwrap();
    world.wait_until_not_held(&pod).await;
}

pub(crate) async fn a_finalizer_of_others_is_waited_for(world: &World) {
    let pod = world.create_pod("finalized", "run").await;
    world.wait_for_pod(&pod, |pod| condition(pod, "Ready") == Some("True")).await;
    let finalizers =
        |list: serde_json::Value| Patch::Merge(json!({ "metadata": { "finalizers": list } }));
    world
        .pods()
        .patch("finalized", &PatchParams::default(), &finalizers(json!(["example.com/hold"])))
        .await
        .unwrap();
    world.pods().delete("finalized", &DeleteParams::default()).await.unwrap();
    let pod =
        world.wait_for_pod(&pod, |pod| pod.metadata.deletion_grace_period_seconds == Some(0)).await;
    assert_eq!(
        pod.status.as_ref().unwrap().phase.as_deref(),
        Some("Failed"),
        "the last status was published before"
    );
    assert_eq!(condition(&pod, "Ready"), Some("False"));
    world
        .pods()
        .patch("finalized", &PatchParams::default(), &finalizers(json!(null)))
        .await
        .unwrap();
    world.wait_until_gone("finalized").await;
}
