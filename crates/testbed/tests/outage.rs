//! A cloud that does not answer keeps new pods away, and costs no pod and no instance.
#![cfg(feature = "cluster")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use kube_client::Api;
use kube_client::api::ListParams;
use serde_json::json;
use testbed::wait::{Seen, seen_if, until};
use testbed::{Scene, StackOptions, deployment, pod};

const LIMIT: Duration = Duration::from_secs(120);
const CONDITION: &str = "CloudAPIReachable";
const TAINT: &str = "tritondatacenter.com/cloudapi-unreachable";

/// Status and message of a condition, and whether the taint is there.
fn seen(node: &Node, type_: &str) -> Option<(String, String)> {
    let conditions = node.status.as_ref()?.conditions.as_ref()?;
    let found = conditions.iter().find(|condition| condition.type_ == type_)?;
    Some((found.status.clone(), found.message.clone().unwrap_or_default()))
}

fn is_tainted(node: &Node) -> bool {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    taints.iter().any(|taint| taint.key == TAINT && taint.effect == "NoSchedule")
}

async fn node(scene: &Scene) -> Node {
    Api::all(scene.stack.client()).get("vk-triton").await.unwrap()
}

async fn until_reachable(scene: &Scene, wanted: &str) -> Node {
    until(&format!("{CONDITION}={wanted}"), LIMIT, || async {
        let node = node(scene).await;
        let condition = seen(&node, CONDITION);
        let holds = condition.as_ref().is_some_and(|(status, _)| status == wanted);
        Ok(if holds { Seen::Done(node) } else { Seen::NotYet(format!("{condition:?}")) })
    })
    .await
    .unwrap()
}

fn uids(pods: &[Pod]) -> Vec<Option<String>> {
    let mut uids: Vec<_> = pods.iter().map(|pod| pod.metadata.uid.clone()).collect();
    uids.sort();
    uids
}

#[tokio::test]
async fn an_outage_of_the_cloud_costs_no_pod_and_no_instance() {
    let scene = Scene::start("outage", &StackOptions::default()).await.unwrap();
    // Pods that would be evicted at once from a node that is not Ready.
    let mut web = deployment("web", 3);
    let impatient = json!({"key": "node.kubernetes.io/not-ready", "operator": "Exists",
        "effect": "NoExecute", "tolerationSeconds": 0});
    let tolerations = &mut web["spec"]["template"]["spec"]["tolerations"];
    tolerations.as_array_mut().unwrap().push(impatient);
    scene.apply(&web.to_string()).await.unwrap();
    let before = scene.until_ready("app=web", 3).await.unwrap();
    let reachable = until_reachable(&scene, "True").await;
    assert!(!is_tainted(&reachable), "{:?}", reachable.spec);

    scene.fate().set_fault("outage", &json!({})).await.unwrap();
    let during = until_reachable(&scene, "False").await;
    assert!(is_tainted(&during), "{:?}", during.spec);
    assert!(!seen(&during, CONDITION).unwrap().1.is_empty(), "the condition says why");
    scene.apply(&pod("late", "late", &[]).to_string()).await.unwrap();

    // For two heartbeats and more.
    let leases: Api<Lease> = Api::namespaced(scene.stack.client(), "kube-node-lease");
    let renewed = async || leases.get("vk-triton").await.unwrap().spec.unwrap().renew_time;
    for _ in 0..3 {
        let last = renewed().await;
        until("a heartbeat", LIMIT, || async { seen_if(renewed().await > last, "not renewed") })
            .await
            .unwrap();
        assert_eq!(seen(&node(&scene).await, "Ready").unwrap().0, "True");
    }
    let late = scene.pods_api().get("late").await.unwrap();
    assert_eq!(late.spec.unwrap().node_name, None, "no new pod comes to a node that cannot run it");

    scene.fate().clear_fault("outage").await.unwrap();
    assert!(!is_tainted(&until_reachable(&scene, "True").await));
    scene.until_ready("app=late", 1).await.unwrap();
    let after = scene.until_ready("app=web", 3).await.unwrap();
    assert_eq!(uids(&after), uids(&before));
    assert_eq!(
        scene.fate().instances().await.unwrap().len(),
        4,
        "nothing was made twice or destroyed"
    );

    let events: Api<Event> = Api::default_namespaced(scene.stack.client());
    let about = ListParams::default().fields("involvedObject.name=vk-triton");
    until("an event each way", LIMIT, || async {
        let events = events.list(&about).await?.items;
        let reasons: Vec<_> = events.into_iter().filter_map(|event| event.reason).collect();
        let told = |reason: &str| reasons.iter().any(|found| found == reason);
        seen_if(told("ProviderUnavailable") && told("ProviderAvailable"), format!("{reasons:?}"))
    })
    .await
    .unwrap();
    scene.no_secret_got_out().await.unwrap();
}
