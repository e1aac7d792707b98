//! A pod becomes an instance.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use triton_podspec::SourceKind;

use super::stage::{CLUSTER, LONG, NODE, SOON, Stage};
use super::wire::{At, Call};
use crate::Limits;

#[tokio::test(start_paused = true)]
async fn events_tell_what_took_its_time_on_the_way_to_running() {
    let limits = Limits { creates_in_flight: 1, ..Limits::default() };
    let stage = Stage::set_with(limits).await;
    let mut trap = stage.wire.hold(Call::Create, At::Request);
    let uids = ["first", "second"].map(|name| stage.add(name, json!({})));
    trap.has_caught(1).await;
    stage.wait(Duration::from_secs(3)).await;
    stage.wire.clear();
    trap.release();
    for uid in &uids {
        stage.until("it runs", SOON, |stage| stage.is_running(uid)).await;
    }
    let told = |uid: &String, reason: &str| {
        let pod = stage.pod(uid);
        pod.events.iter().find(|event| event.reason == reason).unwrap().message.clone()
    };
    let created: Vec<_> = uids.iter().map(|uid| told(uid, "Created")).collect();
    assert!(created.iter().any(|message| message.contains(": created 3.")), "{created:?}");
    assert!(created.iter().any(|message| message.contains(": queued 3.")), "{created:?}");
    let started = told(&uids[0], "Started");
    assert!(started.ends_with(" s after it was created"), "{started}");
    assert_eq!(stage.pod(&uids[0]).count_events("Ready"), 0, "there was no probe to wait for");
}

#[tokio::test(start_paused = true)]
async fn one_pod_becomes_one_instance_that_tells_whose_it_is() {
    let stage = Stage::set().await;
    let spec = json!({
        "metadata": { "labels": { "role": "web" }, "annotations": { "fwenabled": "true" } },
        "spec": { "containers": [{
            "name": "main", "image": "ubuntu-16.04", "ports": [{ "containerPort": 22 }],
            "env": [{ "name": "GREETING", "value": "hello" }],
        }] },
    });
    let uid = stage.run("web", spec).await;
    let instance = stage.instance(&uid);
    let tags = [
        ("k8s_cluster", CLUSTER),
        ("k8s_nodename", NODE),
        ("k8s_namespace", "default"),
        ("k8s_podname", "web"),
        ("k8s_uid", &uid),
        ("role", "web"),
    ];
    for (tag, value) in tags {
        assert_eq!(instance.tags[tag], value, "{tag}");
    }
    assert!(instance.firewall_enabled);
    assert!(instance.name.starts_with("web-"), "{}", instance.name);
    let shown = stage.read(instance.id).await;
    let user_data: Value =
        serde_json::from_str(shown.metadata["user-data"].as_str().unwrap()).unwrap();
    assert_eq!(user_data["env_vars"]["GREETING"], "hello");
    let rules = stage.rules().await;
    let ours: Vec<_> = rules.iter().filter(|rule| rule.description.is_some()).collect();
    assert_eq!(ours.len(), 1);
    assert!(ours[0].enabled && ours[0].rule.contains("ALLOW tcp PORT 22"), "{}", ours[0].rule);
    let pod = stage.pod(&uid);
    assert_eq!(pod.container().unwrap().container_id, Some(format!("triton://{}", instance.id)));
    assert_eq!(
        pod.pod.status.as_ref().unwrap().pod_ip,
        instance.primary_ip.map(|ip| ip.to_string())
    );
    assert_eq!((pod.count_events("Created"), pod.count_events("Started")), (1, 1));
    assert_eq!(stage.count("CreateMachine"), 1);
}

#[tokio::test(start_paused = true)]
async fn twenty_pods_become_twenty_instances() {
    let stage = Stage::set().await;
    let uids: Vec<String> = (0..20).map(|n| stage.add(&format!("web-{n}"), json!({}))).collect();
    stage
        .until("all run", Duration::from_secs(120), |stage| {
            uids.iter().all(|uid| stage.is_running(uid))
        })
        .await;
    let ids: BTreeSet<_> = uids.iter().map(|uid| stage.instance(uid).id).collect();
    assert_eq!(
        (ids.len(), stage.sim.instances().len(), stage.count("CreateMachine")),
        (20, 20, 20)
    );
    stage.wait(Duration::from_secs(300)).await;
    assert_eq!(stage.sim.instances().len(), 20);
    assert_eq!(stage.cluster.noted(), Vec::<String>::new(), "notes of creates that are over");
}

#[tokio::test(start_paused = true)]
async fn pods_that_begin_together_make_a_rule_they_share_once() {
    let stage = Stage::set().await;
    let spec = json!({
        "metadata": { "annotations": { "fwenabled": "true", "fwgroup": "red" } },
        "spec": { "containers": [{ "name": "main", "image": "ubuntu-16.04", "ports": [{ "containerPort": 80 }] }] },
    });
    let uids: Vec<String> = (0..5).map(|n| stage.add(&format!("web-{n}"), spec.clone())).collect();
    stage.until("all run", SOON, |stage| uids.iter().all(|uid| stage.is_running(uid))).await;
    // Port 80, and tcp and udp within the group.
    assert_eq!(stage.count("CreateFirewallRule"), 3);
    stage.wait(Duration::from_secs(300)).await;
    let texts: BTreeSet<_> =
        stage.rules().await.into_iter().filter(|rule| !rule.global).map(|rule| rule.rule).collect();
    assert_eq!((texts.len(), stage.count("DeleteFirewallRule")), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_can_never_run_makes_nothing() {
    let stage = Stage::set().await;
    let containers =
        json!([{ "name": "a", "image": "ubuntu-16.04" }, { "name": "b", "image": "ubuntu-16.04" }]);
    let uid = stage.add("two", json!({
        "metadata": { "annotations": { "fwenabled": "true" } }, "spec": { "containers": containers },
    }));
    stage.until("the pod is rejected", SOON, |stage| stage.pod(&uid).phase() == "Failed").await;
    stage.wait(Duration::from_secs(120)).await;
    assert_eq!(stage.pod(&uid).reason(), "UnsupportedContainerCount");
    assert_eq!(stage.changes(), 0, "requests that change something");
    assert_eq!(stage.cluster.noted(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_pod_waits_for_its_config_map_and_then_runs() {
    let stage = Stage::set().await;
    let env = json!([{ "name": "COLOR", "valueFrom": { "configMapKeyRef": { "name": "paint", "key": "color" } } }]);
    let uid = stage.add(
        "web",
        json!({
            "spec": { "containers": [{ "name": "main", "image": "ubuntu-16.04", "env": env }] },
        }),
    );
    let reason = |stage: &Stage| stage.pod(&uid).waiting().map(|(reason, _)| reason.to_owned());
    stage
        .until("the pod waits", SOON, |stage| {
            reason(stage).as_deref() == Some("CreateContainerConfigError")
        })
        .await;
    stage.wait(Duration::from_secs(120)).await;
    assert_eq!(stage.changes(), 0);
    assert_eq!(stage.pod(&uid).phase(), "Pending");
    stage.cluster.put(SourceKind::ConfigMap, "paint", &[("color", "red")]);
    // However long it was missing, it is not long until it is seen.
    stage.until("the pod runs", Duration::from_secs(30), |stage| stage.is_running(&uid)).await;
    let shown = stage.read(stage.instance(&uid).id).await;
    assert!(shown.metadata["user-data"].as_str().unwrap().contains("red"));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_package_is_answered_with_the_nearest() {
    let stage = Stage::set().await;
    let uid =
        stage.add("web", json!({ "metadata": { "annotations": { "package": "g4-highcpu-1GB" } } }));
    stage
        .until("the pod waits", SOON, |stage| {
            stage.pod(&uid).waiting().is_some_and(|(reason, _)| reason == "UnknownPackage")
        })
        .await;
    let pod = stage.pod(&uid);
    let (_, message) = pod.waiting().unwrap();
    assert!(message.contains("did you mean") && message.contains("\"g4-highcpu-1G\""), "{message}");
    assert_eq!((pod.phase(), stage.changes()), ("Pending", 0));
}

#[tokio::test(start_paused = true)]
async fn while_the_journal_cannot_be_written_nothing_is_made() {
    let stage = Stage::set().await;
    stage.cluster.fail_journal(true);
    let uid = stage.add("web", json!({}));
    stage.wait(Duration::from_secs(60)).await;
    assert_eq!(stage.count("CreateMachine"), 0);
    stage.cluster.fail_journal(false);
    stage.until("it runs", LONG, |stage| stage.is_running(&uid)).await;
}

#[tokio::test(start_paused = true)]
async fn while_the_journal_is_full_of_creates_in_doubt_no_other_is_sent() {
    let stage = Stage::set().await;
    stage.wire.reset(Call::Create, At::Request, 64);
    let uids: Vec<String> = (0..66).map(|n| stage.add(&format!("web-{n}"), json!({}))).collect();
    stage.wait(Duration::from_secs(60)).await;
    assert_eq!((stage.wire.met(Call::Create), stage.count("CreateMachine")), (64, 0));
    stage
        .until("all of them run", LONG, |stage| uids.iter().all(|uid| stage.is_running(uid)))
        .await;
}
