//! The calls: all that the node asks of an API server, in the ways that it can go well or not.

use http::Method;
use serde_json::{Value, json};

use crate::calls::Step;

const PODS: &str = "/api/v1/namespaces/default/pods";
const MAPS: &str = "/api/v1/namespaces/kube-system/configmaps";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
const NODES: &str = "/api/v1/nodes";
const EVENTS: &str = "/api/v1/namespaces/default/events";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const MERGE: &str = "application/merge-patch+json";

/// All of them, in order.
pub(crate) fn steps() -> Vec<Step> {
    [
        a_pod_is_made(),
        its_status_is_written(),
        it_is_deleted(),
        pods_that_go_at_once(),
        pods_are_listed_in_pages(),
        pods_are_watched(),
        the_journal(),
        leases(),
        the_node(),
        events(),
    ]
    .concat()
}

// === What a call is ===

fn step(method: Method, target: impl Into<String>, body: &Value) -> Step {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (patch, is_metadata, events) = (None, false, 0);
    Step { method, target: target.into(), patch, is_metadata, body, events }
}

fn get(target: impl Into<String>) -> Step {
    step(Method::GET, target, &Value::Null)
}

fn metadata(target: impl Into<String>) -> Step {
    Step { is_metadata: true, ..get(target) }
}

fn post(target: &str, body: &Value) -> Step {
    step(Method::POST, target, body)
}

fn put(target: impl Into<String>, body: &Value) -> Step {
    step(Method::PUT, target, body)
}

fn patch(kind: &'static str, target: impl Into<String>, body: &Value) -> Step {
    Step { patch: Some(kind), ..step(Method::PATCH, target, body) }
}

fn delete(target: impl Into<String>, options: &Value) -> Step {
    step(Method::DELETE, target, options)
}

fn watch(target: impl Into<String>, events: usize) -> Step {
    Step { events, ..get(target) }
}

// === Pods ===

fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": name, "labels": { "app": "sim" }, "annotations": { "package": "small" } },
        "spec": {
            "nodeName": "vk-triton", "restartPolicy": "Always", "terminationGracePeriodSeconds": 10,
            "dnsPolicy": "ClusterFirst", "enableServiceLinks": true, "serviceAccountName": "default",
            "schedulerName": "default-scheduler", "automountServiceAccountToken": false,
            "tolerations": [{ "operator": "Exists" }],
            "containers": [{
                "name": "main", "image": "ubuntu-16.04", "imagePullPolicy": "IfNotPresent", "resources": {},
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            }],
        },
    })
}

fn status(name: &str, body: &Value) -> Step {
    patch(STRATEGIC, format!("{PODS}/{name}/status"), body)
}

fn a_pod_is_made() -> Vec<Step> {
    vec![
        post(PODS, &pod("a")),
        post(PODS, &pod("a")),
        post(PODS, &json!({ "metadata": {}, "spec": pod("a")["spec"] })),
        post("/api/v1/namespaces/nowhere/pods", &pod("a")),
        get(format!("{PODS}/a")),
        get(format!("{PODS}/nobody")),
        metadata(format!("{PODS}/a")),
        metadata(format!("{PODS}/nobody")),
        get("/api/v1/namespaces/default/puds/a"),
    ]
}

fn its_status_is_written() -> Vec<Step> {
    let condition = |kind: &str, status: &str| json!({ "type": kind, "status": status });
    let running = json!({ "metadata": { "uid": "{a.uid}" }, "status": {
        "phase": "Running", "podIP": "10.0.0.1", "podIPs": [{ "ip": "10.0.0.1" }],
        "conditions": [condition("Ready", "True"), condition("Initialized", "True")],
        "containerStatuses": [{ "name": "main", "image": "ubuntu-16.04", "imageID": "", "ready": true,
            "restartCount": 0, "started": true, "containerID": "triton://one",
            "state": { "running": { "startedAt": "2026-01-01T00:00:00Z" } } }],
    }});
    let other = json!({ "metadata": { "uid": "another" }, "status": { "phase": "Failed" } });
    let stale =
        json!({ "metadata": { "resourceVersion": "{a.first}" }, "status": { "reason": "x" } });
    let fresh =
        json!({ "metadata": { "resourceVersion": "{a.version}" }, "status": { "reason": "x" } });
    vec![
        status("a", &running),
        status("a", &running),
        // Conditions are merged by their type, in the order in which they came.
        status("a", &json!({ "status": { "conditions": [condition("Ready", "False")] } })),
        status("a", &json!({ "status": { "conditions": [condition("PodScheduled", "True")] } })),
        status(
            "a",
            &json!({ "status": { "conditions": [{ "$patch": "delete", "type": "Initialized" }] } }),
        ),
        status(
            "a",
            &json!({ "status": { "podIP": "10.0.0.2", "podIPs": [{ "ip": "10.0.0.2" }, { "$patch": "replace" }] } }),
        ),
        // Containers are not.
        status(
            "a",
            &json!({ "status": { "containerStatuses": [{ "name": "main", "image": "ubuntu-16.04", "imageID": "",
            "ready": false, "restartCount": 1, "state": { "waiting": { "reason": "Restarting" } } }] } }),
        ),
        status("a", &json!({ "status": { "reason": "Because", "message": "of that" } })),
        status("a", &json!({ "status": { "reason": null, "message": null } })),
        status("a", &other),
        status("a", &stale),
        status("a", &fresh),
        status("nobody", &fresh),
        // Through the status nothing else is written, and through the rest no status.
        status("a", &json!({ "spec": { "restartPolicy": "Never" } })),
        patch(
            MERGE,
            format!("{PODS}/a"),
            &json!({ "metadata": { "annotations": { "seen": "yes" } }, "status": { "phase": "Failed" } }),
        ),
        patch(
            MERGE,
            format!("{PODS}/a"),
            &json!({ "metadata": { "annotations": { "seen": null } } }),
        ),
        patch(
            STRATEGIC,
            format!("{PODS}/a"),
            &json!({ "metadata": { "uid": "another", "labels": { "x": "y" } } }),
        ),
        patch("application/nothing", format!("{PODS}/a"), &json!({})),
        get(format!("{PODS}/a")),
    ]
}

fn options(grace: Option<i64>, uid: Option<&str>) -> Value {
    let mut options = json!({ "apiVersion": "v1", "kind": "DeleteOptions" });
    if let Some(grace) = grace {
        options["gracePeriodSeconds"] = json!(grace);
    }
    if let Some(uid) = uid {
        options["preconditions"] = json!({ "uid": uid });
    }
    options
}

fn it_is_deleted() -> Vec<Step> {
    let a = || format!("{PODS}/a");
    vec![
        delete(a(), &options(None, Some("another"))),
        delete(a(), &json!({ "preconditions": { "resourceVersion": "{a.first}" } })),
        // Marked for as long as it asks itself.
        delete(a(), &Value::Null),
        delete(a(), &options(None, None)),
        // Never later, and sooner when asked.
        delete(a(), &options(Some(30), None)),
        delete(a(), &options(Some(2), None)),
        get(a()),
        status("a", &json!({ "status": { "phase": "Succeeded" } })),
        delete(a(), &options(Some(0), Some("another"))),
        delete(a(), &options(Some(0), Some("{a.uid}"))),
        get(a()),
        delete(a(), &options(Some(0), Some("{a.uid}"))),
        status("a", &json!({ "metadata": { "uid": "{a.uid}" }, "status": { "phase": "Failed" } })),
        // Another of the same name is not meant.
        post(PODS, &pod("a")),
        status(
            "a",
            &json!({ "metadata": { "resourceVersion": "{a.first}" }, "status": { "phase": "Failed" } }),
        ),
        delete(a(), &options(Some(0), None)),
    ]
}

fn pods_that_go_at_once() -> Vec<Step> {
    let mut unbound = pod("unbound");
    unbound["spec"]["schedulerName"] = json!("nobody");
    if let Some(spec) = unbound["spec"].as_object_mut() {
        spec.remove("nodeName");
    }
    vec![
        post(PODS, &unbound),
        delete(format!("{PODS}/unbound"), &options(Some(20), None)),
        get(format!("{PODS}/unbound")),
        post(PODS, &pod("over")),
        status("over", &json!({ "status": { "phase": "Succeeded" } })),
        delete(format!("{PODS}/over"), &options(Some(20), None)),
        get(format!("{PODS}/over")),
    ]
}

fn pods_are_listed_in_pages() -> Vec<Step> {
    let of_node = "fieldSelector=spec.nodeName%3Dvk-triton";
    let mut steps: Vec<Step> =
        ["l1", "l2", "l3", "l4", "l5"].iter().map(|name| post(PODS, &pod(name))).collect();
    steps.extend([
        get(format!("/api/v1/pods?{of_node}&limit=2")),
        get(format!("/api/v1/pods?{of_node}&limit=2&continue={{list.next}}")),
        get(format!("/api/v1/pods?{of_node}&limit=2&continue={{list.next}}")),
        metadata(format!("/api/v1/pods?{of_node}&limit=500")),
        get("/api/v1/pods?fieldSelector=spec.nodeName%3Dnobody"),
        get(format!("{PODS}?{of_node}&limit=500")),
        get(format!("/api/v1/pods?{of_node}&resourceVersion=0")),
    ]);
    steps
}

/// After the list of the pages: what happens then is told in order, and of a version that is too old an event says so.
fn pods_are_watched() -> Vec<Step> {
    let target = |version: &str| {
        format!(
            "/api/v1/pods?watch=true&timeoutSeconds=20&allowWatchBookmarks=false\
             &fieldSelector=spec.nodeName%3Dvk-triton&resourceVersion={version}"
        )
    };
    let l1 = || format!("{PODS}/l1");
    vec![
        get("/api/v1/pods?fieldSelector=spec.nodeName%3Dvk-triton"),
        post(PODS, &pod("w")),
        status("w", &json!({ "status": { "phase": "Running" } })),
        delete(l1(), &options(Some(5), None)),
        delete(l1(), &options(Some(0), None)),
        delete(format!("{PODS}/w"), &options(Some(0), None)),
        watch(target("{list.version}"), 6),
        watch(target("{l1.version}"), 2),
    ]
}

// === What else the node has ===

fn the_journal() -> Vec<Step> {
    let map = |version: Option<&str>, text: &str| {
        let mut map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "j",
            "labels": { "app.kubernetes.io/managed-by": "vk-triton" } }, "data": { "intents.json": text } });
        if let Some(version) = version {
            map["metadata"]["resourceVersion"] = json!(version);
        }
        map
    };
    let j = || format!("{MAPS}/j");
    vec![
        get(j()),
        put(j(), &map(Some("1"), "none")),
        post(MAPS, &map(None, "one")),
        post(MAPS, &map(None, "one")),
        put(j(), &map(Some("{j.version}"), "two")),
        put(j(), &map(Some("{j.version}"), "two")),
        put(j(), &map(Some("{j.first}"), "three")),
        put(j(), &map(None, "four")),
        put(j(), &json!({ "metadata": { "name": "j", "uid": "another" }, "data": {} })),
        patch(MERGE, j(), &json!({ "data": { "intents.json": "five" } })),
        get(j()),
        delete(j(), &json!({ "preconditions": { "resourceVersion": "{j.first}" } })),
        delete(j(), &Value::Null),
        delete(j(), &Value::Null),
        put(j(), &map(Some("{j.version}"), "six")),
    ]
}

fn leases() -> Vec<Step> {
    let lease = |version: Option<&str>, renewed: &str| {
        let mut lease = json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": { "name": "vk" },
            "spec": { "holderIdentity": "one", "leaseDurationSeconds": 40, "renewTime": renewed } });
        if let Some(version) = version {
            lease["metadata"]["resourceVersion"] = json!(version);
        }
        lease
    };
    let vk = || format!("{LEASES}/vk");
    vec![
        get(vk()),
        post(LEASES, &lease(None, "2026-01-01T00:00:00.000000Z")),
        post(LEASES, &lease(None, "2026-01-01T00:00:00.000000Z")),
        put(vk(), &lease(Some("{vk.version}"), "2026-01-01T00:00:10.123456Z")),
        put(vk(), &lease(Some("{vk.first}"), "2026-01-01T00:00:20.000000Z")),
        get(vk()),
        delete(vk(), &Value::Null),
        get(vk()),
        // Of a version that was: it is made anew.
        put(vk(), &lease(Some("{vk.version}"), "2026-01-01T00:00:30.000000Z")),
        put(vk(), &lease(Some("{vk.first}"), "2026-01-01T00:00:40.000000Z")),
    ]
}

fn the_node() -> Vec<Step> {
    let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "n", "labels": { "type": "virtual-kubelet" } },
        "spec": { "taints": [{ "key": "virtual", "value": "yes", "effect": "PreferNoSchedule" }] } });
    let ready = |status: &str| {
        json!({ "status": { "conditions": [{ "type": "Ready", "status": status, "reason": "r", "message": "m" }],
            "addresses": [{ "type": "InternalIP", "address": "10.0.0.7" }], "capacity": { "cpu": "4", "pods": "500" },
            "allocatable": { "cpu": "4", "pods": "500" } } })
    };
    let n = || format!("{NODES}/n");
    vec![
        get(n()),
        patch(STRATEGIC, format!("{NODES}/n/status"), &ready("True")),
        post(NODES, &node),
        post(NODES, &node),
        patch(STRATEGIC, format!("{NODES}/n/status"), &ready("True")),
        patch(STRATEGIC, n(), &json!({ "metadata": { "annotations": { "a": "b" } } })),
        delete(n(), &Value::Null),
        get(n()),
    ]
}

fn events() -> Vec<Step> {
    let event = json!({ "apiVersion": "v1", "kind": "Event", "metadata": { "name": "e.1", "namespace": "default" },
        "involvedObject": { "apiVersion": "v1", "kind": "Pod", "namespace": "default", "name": "l2" },
        "reason": "Created", "message": "made", "type": "Normal", "count": 1,
        "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:00:00Z",
        "source": { "component": "vk-triton", "host": "n" } });
    let again = json!({ "count": 2, "lastTimestamp": "2026-01-01T00:01:00Z" });
    let e = format!("{EVENTS}/e.1");
    vec![
        patch(MERGE, e.clone(), &again),
        post(EVENTS, &event),
        post(EVENTS, &event),
        patch(MERGE, e, &again),
    ]
}
