//! The node against a real control plane, under the role it documents.

mod scripted;
mod world;

use std::sync::atomic::Ordering;
use std::time::Duration;

use http::StatusCode;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Event, Node, Pod};
use kube_client::Api;
use kube_client::api::{DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;
use testbed::wait::{Seen, seen_if, until};
use virtual_node::PodKey;

use world::{LIMIT, NODE, World, condition};

/// One control plane for all: each starts in ten seconds and holds half a GiB.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_node_keeps_its_promises_on_a_real_cluster() {
    let world = World::start().await;
    the_node_is_ready_and_carries_labels_taint_and_lease(&world).await;
    a_pod_becomes_ready_with_one_write(&world).await;
    what_others_write_into_our_status_is_written_back(&world).await;
    a_deleted_pod_goes_only_after_the_provider_let_go(&world).await;
    a_force_deleted_pod_is_stopped(&world).await;
    a_finalizer_of_others_is_waited_for(&world).await;
    an_invalid_pod_fails_with_a_reason_and_an_event(&world).await;
    a_busy_pod_waits_and_then_runs(&world).await;
    a_completed_pod_stays_but_holds_nothing(&world).await;
    a_daemonset_is_rejected(&world).await;
    an_orphan_is_stopped_but_many_are_not(&world).await;
    strangers_do_not_get_in(&world).await;
    the_node_is_not_ready_while_the_provider_is_away(&world).await;
    a_deleted_node_is_registered_again(&world).await;
    nothing_was_forbidden(&world).await;
    world.stop().await;
}

async fn the_node_is_ready_and_carries_labels_taint_and_lease(world: &World) {
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

async fn a_pod_becomes_ready_with_one_write(world: &World) {
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

async fn what_others_write_into_our_status_is_written_back(world: &World) {
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

async fn a_deleted_pod_goes_only_after_the_provider_let_go(world: &World) {
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

async fn a_force_deleted_pod_is_stopped(world: &World) {
    let pod = world.create_pod("forced", "run").await;
    let pod = world.wait_for_pod(&pod, |pod| condition(pod, "Ready") == Some("True")).await;
    let now = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
    world.pods().delete("forced", &now).await.unwrap();
    world.wait_until_not_held(&pod).await;
}

async fn a_finalizer_of_others_is_waited_for(world: &World) {
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

async fn an_invalid_pod_fails_with_a_reason_and_an_event(world: &World) {
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

async fn a_busy_pod_waits_and_then_runs(world: &World) {
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

async fn a_completed_pod_stays_but_holds_nothing(world: &World) {
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

async fn a_daemonset_is_rejected(world: &World) {
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

async fn an_orphan_is_stopped_but_many_are_not(world: &World) {
    let key = |name: &str, uid: &str| PodKey {
        namespace: "default".into(),
        name: name.into(),
        uid: uid.into(),
    };
    // Of the same name as a live pod, but another UID.
    world.provider.hold(key("runs", "orphan-1"));
    until("the orphan to go", LIMIT, || async {
        seen_if(!world.provider.holds("orphan-1"), "still held")
    })
    .await
    .unwrap();
    let runs = world.pods().get("runs").await.unwrap().metadata.uid.unwrap();
    assert!(world.provider.holds(&runs), "the live one is untouched");

    for n in 0..20 {
        world.provider.hold(key(&format!("old-{n}"), &format!("many-{n}")));
    }
    let events: Api<Event> = Api::namespaced(world.admin(), "default");
    let about = ListParams::default().fields("reason=TooManyOrphans");
    until("a brake", LIMIT, || async {
        let found = events.list(&about).await?.items;
        seen_if(
            found.iter().any(|event| event.involved_object.name.as_deref() == Some(NODE)),
            found.len(),
        )
    })
    .await
    .unwrap();
    for n in 0..20 {
        assert!(world.provider.holds(&format!("many-{n}")));
    }
    world.provider.held.lock().unwrap().retain(|uid, _| !uid.starts_with("many-"));
}

async fn strangers_do_not_get_in(world: &World) {
    let kubelet_client = world
        .cluster
        .pki()
        .client("kubelet-client", "kube-apiserver", &["system:masters"])
        .unwrap();
    let master = world.kubelet(Some(&kubelet_client));
    let stranger = world.kubelet(None);
    let nobody = world.kubelet(Some(&world.cluster.pki().client("nobody", "nobody", &[]).unwrap()));

    assert_eq!(world::status(&stranger, "/healthz").await, StatusCode::OK);
    for path in ["/pods", "/runningpods/", "/exec/a/b/c", "/metrics", "/nonsense", "/"] {
        assert_eq!(world::status(&stranger, path).await, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(world::status(&nobody, path).await, StatusCode::FORBIDDEN, "{path}");
    }
    let pods = world::text(&master, "/pods").await;
    let pods: k8s_openapi::List<Pod> = serde_json::from_str(&pods).unwrap();
    assert!(pods.items.iter().any(|pod| pod.metadata.name.as_deref() == Some("runs")));
    assert!(pods.items.iter().all(|pod| pod.metadata.managed_fields.is_none()));
    for path in [
        "/exec/a/b/c",
        "/attach/a/b/c",
        "/portForward/a/b",
        "/run/a/b/c",
        "/containerLogs/a/b/c",
        "/metrics/resource",
    ] {
        assert_eq!(world::status(&master, path).await, StatusCode::NOT_IMPLEMENTED, "{path}");
    }
    assert_eq!(world::status(&master, "/nonsense").await, StatusCode::NOT_FOUND);

    // Tokens: one that nobody gave out, and one of a service account that may read metrics.
    assert_eq!(
        world::status(&world.kubelet_with_token("made-up"), "/pods").await,
        StatusCode::UNAUTHORIZED
    );
    let kubectl = world.cluster.kubectl();
    for args in [
        vec!["create", "serviceaccount", "reader"],
        vec!["create", "clusterrole", "reader", "--verb=get", "--resource=nodes/metrics"],
        vec![
            "create",
            "clusterrolebinding",
            "reader",
            "--clusterrole=reader",
            "--serviceaccount=default:reader",
        ],
    ] {
        kubectl.run(&args).await.unwrap();
    }
    let token = kubectl.run(&["create", "token", "reader"]).await.unwrap();
    let reader = world.kubelet_with_token(token.trim());
    assert_eq!(world::status(&reader, "/metrics/resource").await, StatusCode::NOT_IMPLEMENTED);
    assert_eq!(world::status(&reader, "/pods").await, StatusCode::FORBIDDEN);
}

async fn the_node_is_not_ready_while_the_provider_is_away(world: &World) {
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

async fn a_deleted_node_is_registered_again(world: &World) {
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
async fn nothing_was_forbidden(world: &World) {
    let log = std::fs::read_to_string(world.cluster.audit_log()).unwrap();
    let forbidden: Vec<&str> = log.lines().filter(|line| line.contains("\"code\":403")).collect();
    assert!(log.lines().count() > 10, "the audit log sees us");
    assert!(forbidden.is_empty(), "{forbidden:#?}");
}
