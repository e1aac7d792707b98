//! The Node object and its Lease.

use std::sync::atomic::Ordering;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use kube_client::Api;
use kube_client::api::DeleteParams;
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

pub(crate) async fn the_node_is_not_ready_while_the_provider_is_away(world: &World) {
    world.provider.down.store(true, Ordering::SeqCst);
    let node = world.wait_for_ready("False").await;
    let conditions = node.status.unwrap().conditions.unwrap();
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready").unwrap();
    assert_eq!(ready.reason.as_deref(), Some("ProviderUnavailable"));
    assert_eq!(ready.message.as_deref(), Some("the cloud is away"));

    let leases: Api<Lease> = Api::namespaced(world.admin(), "kube-node-lease");
    let renewed = async || leases.get(NODE).await.unwrap().spec.unwrap().renew_time;
    let before = renewed().await;
    until("a renewal meanwhile", LIMIT, || async {
        seen_if(renewed().await > before, "not renewed")
    })
    .await
    .unwrap();

    world.provider.down.store(false, Ordering::SeqCst);
    world.wait_for_ready("True").await;
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
