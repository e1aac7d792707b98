//! What pods at rest take in memory, counted by the allocator and not by the clock or the kernel.

use std::alloc::System;

use kube_runtime::watcher::Event;
use serde_json::{Value, json};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use virtual_node::pods::raw::RawPod;
use virtual_node::pods::store::Store;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Enough that what they share does not count.
const PODS: usize = 1000;

/// What one pod may take in the store, all included; a typed pod takes 44 KB.
const BYTES_A_POD: usize = 1024;

/// As the API server sends it: some 6 KB, a third of it `managedFields`. Ten Deployments.
fn pod(number: usize, phase: &str) -> Value {
    let app = number % 10;
    let env = (0..24).map(|n| json!({"name": format!("SETTING_{n}"), "value": format!("https://service-{n}.app-{app}.example.com/path")}));
    let fields =
        (0..30).map(|n| (format!("f:field{n}"), json!({"k:{\"name\":\"app\"}": {"f:value": {}}})));
    let at = format!("2026-01-01T{:02}:{:02}:00Z", number / 600 % 24, number / 10 % 60);
    let conditions =
        ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"]
            .map(|type_| json!({"type": type_, "status": "True", "lastTransitionTime": at}));
    let running = json!({
        "phase": phase, "hostIP": "192.0.2.1", "podIP": format!("10.{}.{}.7", number / 250, number % 250),
        "startTime": at, "conditions": conditions,
        "containerStatuses": [{"name": "app", "image": format!("app-{app}@1.2.3"), "imageID": "", "ready": true, "restartCount": 0,
            "containerID": format!("triton://{number:08x}-0000-4000-8000-{:012x}", number * 7919), "started": true}],
    });
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "namespace": format!("team-{app}"), "name": format!("app-{app}-7d9c6b8f5d-{number:05}"),
            "uid": format!("{:08x}-aaaa-4bbb-8ccc-{number:012x}", number * 104_729),
            "resourceVersion": (1_000_000 + number).to_string(),
            "labels": {"app": format!("app-{app}"), "pod-template-hash": "7d9c6b8f5d"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("app-{app}-7d9c6b8f5d"),
                "uid": format!("rs-{app}"), "controller": true}],
            "managedFields": [{"manager": "kube-controller-manager", "fieldsV1": Value::Object(fields.collect())}],
        },
        "spec": {"nodeName": "triton", "containers": [{"name": "app", "image": format!("app-{app}@1.2.3"), "env": env.collect::<Value>()}]},
        "status": if phase == "Pending" { json!({"phase": phase}) } else { running },
    })
}

#[test]
fn a_pod_at_rest_takes_less_than_a_kibibyte() {
    let before = Region::new(ALLOCATOR);
    let mut store = Store::default();
    for number in 0..PODS {
        let raw: RawPod = serde_json::from_value(pod(number, "Pending")).unwrap();
        store.observe(Event::Apply(raw));
    }
    let pending = held(&before) / PODS;
    for number in 0..PODS {
        let mut running = pod(number, "Running");
        running["metadata"]["resourceVersion"] = json!((2_000_000 + number).to_string());
        store.refresh(&serde_json::from_value(running).unwrap());
    }
    let running = held(&before) / PODS;
    assert!(store.phases()["Running"] == PODS);
    assert!(
        pending < BYTES_A_POD && running < BYTES_A_POD,
        "{pending} bytes a pod while they are pending, {running} when they run"
    );
}

fn held(since: &Region<'_, System>) -> usize {
    let change = since.change();
    change.bytes_allocated.saturating_sub(change.bytes_deallocated)
}
