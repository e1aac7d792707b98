//! The Node object and its Lease.

use std::sync::atomic::Ordering;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Event, Node};
use kube_client::Api;
use kube_client::api::{DeleteParams, ListParams};
use testbed::wait::Seen;
use testbed::wait::seen_if;
use testbed::wait::until;

use crate::world::LIMIT;
use crate::world::NODE;
use crate::world::World;

pub(crate) async fn the_node_is_ready_and_carries_labels_taint_and_lease(world: &World) {
    world.wait_for_ready("True").await;
    let node = world.nodes().get(NODE).await.unwrap();
    assert_eq!(node.metadata.labels.as_ref().unwrap()["type"], "virtual-kubelet");
    let taints = node.spec.as_ref().unwrap().taints.clone().unwrap();
    assert!(taints.iter().any(|taint| taint.key == "virtual-kubelet.io/provider" && taint.effect == "NoSchedule"));
    let status = node.status.unwrap();
    assert_eq!(status.addresses.unwrap().len(), 3, "two internal addresses and a hostname");
    for type_ in ["MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"] {
        let condition = status
            .conditions
            .as_ref()
            .unwrap()
            .iter()
            .find(|condition| condition.type_ == type_)
            .unwrap();
        assert_eq!(condition.status, "False", "{type_}");
    }
    let leases: Api<Lease> = Api::namespaced(world.admin(), "kube-node-lease");
    until("the lease to be renewed twice", LIMIT, || async {
        let lease = leases.get_opt(NODE).await?;
        let transitions = lease.as_ref().and_then(|lease| lease.metadata.resource_version.clone());
        let first = world
            .first_lease
            .lock()
            .unwrap()
            .get_or_insert(transitions.clone().unwrap_or_default())
            .clone();
        seen_if(transitions.is_some_and(|version| !first.is_empty() && version != first), "not yet")
    })
    .await
    .unwrap();
    let lease = leases.get(NODE).await.unwrap();
    assert_eq!(lease.metadata.owner_references.unwrap()[0].uid, node.metadata.uid.unwrap());
}

pub(crate) async fn an_outage_of_the_provider_keeps_new_pods_away_and_the_node_ready(
    world: &World,
) {
    wait_for_provider(world, "True").await;
    world.provider.down.store(true, Ordering::SeqCst);
    let node = wait_for_provider(world, "False").await;
    assert!(is_tainted(&node), "{:?}", node.spec);
    let conditions = node.status.unwrap().conditions.unwrap();
    let find = |type_| conditions.iter().find(|condition| condition.type_ == type_).unwrap();
    let provider = find("ProviderReachable");
    assert_eq!(provider.reason.as_deref(), Some("ProviderUnavailable"));
    assert_eq!(provider.message.as_deref(), Some("the cloud is away"));
    assert_eq!(find("Ready").status, "True");

    let leases: Api<Lease> = Api::namespaced(world.admin(), "kube-node-lease");
    let renewed = async || leases.get(NODE).await.unwrap().spec.unwrap().renew_time;
    let before = renewed().await;
    until("a renewal meanwhile", LIMIT, || async {
        seen_if(renewed().await > before, "not renewed")
    })
    .await
    .unwrap();

    world.provider.down.store(false, Ordering::SeqCst);
    let node = wait_for_provider(world, "True").await;
    assert!(!is_tainted(&node), "{:?}", node.spec);
    let events: Api<Event> = Api::namespaced(world.admin(), "default");
    let about = ListParams::default().fields(&format!("involvedObject.name={NODE}"));
    until("an event each way", LIMIT, || async {
        let events = events.list(&about).await?.items;
        let reasons: Vec<_> = events.into_iter().filter_map(|event| event.reason).collect();
        let told = |reason: &str| reasons.iter().any(|found| found == reason);
        seen_if(told("ProviderUnavailable") && told("ProviderAvailable"), format!("{reasons:?}"))
    })
    .await
    .unwrap();
}

/// Waits until the Node says this of its provider, taint and all.
async fn wait_for_provider(world: &World, status: &str) -> Node {
    until(&format!("ProviderReachable={status}"), LIMIT, || async {
        let node = world.nodes().get(NODE).await?;
        let conditions = node.status.as_ref().and_then(|status| status.conditions.as_deref());
        let said = conditions
            .unwrap_or_default()
            .iter()
            .find(|condition| condition.type_ == "ProviderReachable")
            .map(|condition| condition.status.clone());
        let holds = said.as_deref() == Some(status);
        Ok(if holds { Seen::Done(node) } else { Seen::NotYet(format!("{said:?}")) })
    })
    .await
    .unwrap()
}

fn is_tainted(node: &Node) -> bool {
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    taints.iter().any(|taint| taint.key == "virtual-kubelet.io/provider-unreachable")
}

pub(crate) async fn a_deleted_node_is_registered_again(world: &World) {
    let old = world.nodes().get(NODE).await.unwrap().metadata.uid.unwrap();
    world.nodes().delete(NODE, &DeleteParams::default()).await.unwrap();
    let leases: Api<Lease> = Api::namespaced(world.admin(), "kube-node-lease");
    until("another Node, and a lease that belongs to it", LIMIT, || async {
        let Some(node) = world.nodes().get_opt(NODE).await? else {
            return Ok(Seen::NotYet("no node".to_owned()));
        };
        let owner =
            leases.get_opt(NODE).await?.and_then(|lease| lease.metadata.owner_references?.pop());
        let uid = node.metadata.uid.unwrap_or_default();
        seen_if(uid != old && owner.is_some_and(|owner| owner.uid == uid), "the old one")
    })
    .await
    .unwrap();
    let _: Node = world.wait_for_ready("True").await;
}

/// Every request was allowed by the role in `rbac.yaml`.
pub(crate) async fn nothing_was_forbidden(world: &World) {
    let log = std::fs::read_to_string(world.cluster.audit_log()).unwrap();
    let forbidden: Vec<&str> = log.lines().filter(|line| line.contains("\"code\":403")).collect();
    assert!(log.lines().count() > 10, "the audit log sees us");
    assert!(forbidden.is_empty(), "{forbidden:#?}");
}
