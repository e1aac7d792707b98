//! The walkthrough of the first Triton provider: apply, scale, lose an instance, delete.
#![cfg(feature = "cluster")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ContainerStatus, Node, Pod};
use kube_client::Api;
use testbed::wait::{Seen, until};
use testbed::{Scene, StackOptions, WALKTHROUGH};

const LABEL: &str = "app=ubuntu";

fn container_status(pod: &Pod) -> &ContainerStatus {
    let statuses = pod.status.as_ref().unwrap().container_statuses.as_ref().unwrap();
    assert_eq!(statuses.len(), 1);
    &statuses[0]
}

fn started_at(pod: &Pod) -> String {
    let running = container_status(pod).state.as_ref().unwrap().running.as_ref().unwrap();
    serde_json::to_string(running.started_at.as_ref().unwrap()).unwrap()
}

#[tokio::test]
async fn the_walkthrough_holds_word_for_word() {
    let scene = Scene::start("walkthrough", &StackOptions::default()).await.unwrap();
    the_node_looks_as_manifests_expect(&scene).await;

    scene.apply(WALKTHROUGH).await.unwrap();
    let pods = scene.until_ready(LABEL, 1).await.unwrap();
    let first = &pods[0];
    let (name, uid) = (first.metadata.name.clone().unwrap(), first.metadata.uid.clone().unwrap());
    let instances =
        scene.until_instances("one instance", |living| living.len() == 1).await.unwrap();
    let instance = &instances[0];
    assert_eq!(instance.state, "running");
    assert_eq!(instance.tag("k8s_uid"), Some(uid.as_str()));
    assert_eq!(instance.tag("k8s_podname"), Some(name.as_str()));
    assert_eq!(instance.tag("app"), Some("ubuntu"));
    assert_eq!(instance.tag("triton.cns.services"), Some("ubuntu"));
    assert!(instance.firewall_enabled);
    assert!(!scene.stack.cloud().firewall_rules().await.unwrap().is_empty());

    let status = first.status.as_ref().unwrap();
    let container = container_status(first);
    assert_eq!(status.phase.as_deref(), Some("Running"));
    assert_eq!(status.pod_ip, instance.primary_ip);
    assert!(status.start_time.is_some());
    assert_eq!(container.name, "ubuntu");
    assert_eq!(
        container.container_id.as_deref(),
        Some(format!("triton://{}", instance.id).as_str())
    );
    assert_eq!((container.ready, container.restart_count), (true, 0));
    let started = started_at(first);
    let ours = |event: &k8s_openapi::api::core::v1::Event| {
        event.source.as_ref().is_some_and(|source| source.component.as_deref() == Some("vk-triton"))
            || event.reporting_component.as_deref() == Some("vk-triton")
    };
    scene.until_event(&name, "an event of vk-triton's", ours).await.unwrap();

    scene.kubectl().run(&["scale", "--replicas=3", "deployment", "ubuntu"]).await.unwrap();
    let pods = scene.until_ready(LABEL, 3).await.unwrap();
    let same = pods.iter().find(|pod| pod.metadata.uid.as_ref() == Some(&uid)).unwrap();
    assert_eq!(started_at(same), started, "the start of a running container never moves");
    let described = scene.kubectl().run(&["describe", "deployment", "ubuntu"]).await.unwrap();
    assert!(described.contains("3 available"), "{described}");

    let running =
        scene.until_instances("three instances", |living| living.len() == 3).await.unwrap();
    let victim = &running[0].id;
    scene.fate().behind_our_back(victim, "destroy").await.unwrap();
    let replaced = |living: &[testbed::SimInstance]| {
        living.len() == 3 && living.iter().all(|one| one.id != *victim && one.state == "running")
    };
    scene.until_instances("the destroyed instance to be replaced", replaced).await.unwrap();
    let ready = |pods: &[Pod]| pods.iter().filter(|pod| testbed::is_ready(pod)).count() == 3;
    scene.until_pods(LABEL, "three ready pods again", ready).await.unwrap();

    scene.kubectl().run(&["delete", "deployment", "ubuntu"]).await.unwrap();
    scene.until_pods(LABEL, "no pods", |pods| pods.is_empty()).await.unwrap();
    scene.until_instances("no instances", |living| living.is_empty()).await.unwrap();
    until("no firewall rules", std::time::Duration::from_secs(60), || async {
        let rules = scene.stack.cloud().firewall_rules().await?;
        Ok(if rules.is_empty() { Seen::Done(()) } else { Seen::NotYet(format!("{rules:?}")) })
    })
    .await
    .unwrap();
    scene.no_secret_got_out().await.unwrap();
}

async fn the_node_looks_as_manifests_expect(scene: &Scene) {
    let nodes: Api<Node> = Api::all(scene.stack.client());
    let node = nodes.get("vk-triton").await.unwrap();
    let labels = node.metadata.labels.as_ref().unwrap();
    for (key, value) in [
        ("type", "virtual-kubelet"),
        ("kubernetes.io/role", "agent"),
        ("kubernetes.io/os", "linux"),
        ("beta.kubernetes.io/os", "linux"),
        ("kubernetes.io/hostname", "vk-triton"),
    ] {
        assert_eq!(labels.get(key).map(String::as_str), Some(value), "label {key}");
    }
    let taints = node.spec.as_ref().unwrap().taints.as_ref().unwrap();
    let taint = taints.iter().find(|taint| taint.key == "virtual-kubelet.io/provider").unwrap();
    assert_eq!((taint.value.as_deref(), taint.effect.as_str()), (Some("triton"), "NoSchedule"));

    let leases: Api<Lease> = Api::namespaced(scene.stack.client(), "kube-node-lease");
    let lease = until("the node's lease", std::time::Duration::from_secs(30), || async {
        Ok(match leases.get_opt("vk-triton").await? {
            Some(lease) => Seen::Done(lease),
            None => Seen::NotYet("no lease".to_owned()),
        })
    });
    let lease = lease.await.unwrap();
    let spec = lease.spec.unwrap();
    assert_eq!(spec.holder_identity.as_deref(), Some("vk-triton"));
    assert_eq!(spec.lease_duration_seconds, Some(40));
    assert_eq!(lease.metadata.owner_references.unwrap()[0].uid, node.metadata.uid.unwrap());
}
