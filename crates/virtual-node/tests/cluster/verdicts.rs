//! Pods that cannot run, cannot run yet, or are over.

use kube_client::api::DeleteParams;
use kube_client::api::ListParams;
use serde_json::json;
use testbed::wait::seen_if;
use testbed::wait::until;

use crate::world::LIMIT;
use crate::world::World;
use crate::world::condition;

pub(crate) async fn an_invalid_pod_fails_with_a_reason_and_an_event(world: &World) {
    let pod = world.create_pod("bad", "invalid").await;
    let pod = world
        .wait_for_pod(&pod, |pod| pod.status.as_ref().unwrap().phase.as_deref() == Some("Failed"))
        .await;
    let status = pod.status.as_ref().unwrap();
    assert_eq!(status.reason.as_deref(), Some("TooManyContainers"));
    assert_eq!(status.message.as_deref(), Some("Pod was rejected: invalid it is"));
    let event = world.wait_for_event(&pod, "TooManyContainers").await;
    assert_eq!(event.type_.as_deref(), Some("Warning"));
    assert_eq!(event.count, Some(1));
}

pub(crate) async fn a_busy_pod_waits_and_then_runs(world: &World) {
    let pod = world.create_pod("waits", "busy").await;
    let pod = world
        .wait_for_pod(&pod, |pod| {
            let statuses = pod
                .status
                .as_ref()
                .and_then(|status| status.container_statuses.as_deref())
                .unwrap_or_default();
            let waiting =
                statuses.first().and_then(|status| status.state.as_ref()?.waiting.as_ref());
            waiting.is_some_and(|waiting| waiting.reason.as_deref() == Some("QuotaExceeded"))
        })
        .await;
    assert_eq!(pod.status.as_ref().unwrap().phase.as_deref(), Some("Pending"));
    assert_eq!(condition(&pod, "Ready"), Some("False"));
    world.wait_for_event(&pod, "QuotaExceeded").await;
    world.provider.release("waits");
    world.wait_for_pod(&pod, |pod| condition(pod, "Ready") == Some("True")).await;
}

pub(crate) async fn a_completed_pod_stays_but_holds_nothing(world: &World) {
    let pod = world.create_pod("completes", "complete").await;
    let pod = world
        .wait_for_pod(&pod, |pod| {
            pod.status.as_ref().unwrap().phase.as_deref() == Some("Succeeded")
        })
        .await;
    world.wait_until_not_held(&pod).await;
    assert_eq!(world.pods().get("completes").await.unwrap().metadata.deletion_timestamp, None);
    world.pods().delete("completes", &DeleteParams::default()).await.unwrap();
    world.wait_until_gone("completes").await;
}

pub(crate) async fn a_daemonset_is_rejected(world: &World) {
    let labels = json!({ "app": "agent" });
    let daemonset = json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": "agent" },
        "spec": { "selector": { "matchLabels": labels }, "template": {
            "metadata": { "labels": labels },
            "spec": { "tolerations": [{ "operator": "Exists" }], "containers": [{ "name": "c", "image": "x" }] },
        } },
    });
    let kubectl = world.cluster.kubectl();
    kubectl.run_with(&["apply", "-f", "-"], &daemonset.to_string()).await.unwrap();
    let ours = ListParams::default().labels("app=agent");
    until("a rejected pod", LIMIT, || async {
        let pods = world.pods().list(&ours).await?;
        let reasons: Vec<_> = pods
            .iter()
            .map(|pod| pod.status.as_ref().and_then(|status| status.reason.clone()))
            .collect();
        seen_if(
            reasons.iter().flatten().any(|reason| reason == "DaemonSetNotSupported"),
            format!("{reasons:?}"),
        )
    })
    .await
    .unwrap();
    kubectl.run(&["delete", "daemonset", "agent", "--wait=false"]).await.unwrap();
}
