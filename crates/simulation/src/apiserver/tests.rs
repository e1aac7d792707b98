//! What Kubernetes does to objects, as the API conventions have it.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::StreamExt as _;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use serde_json::json;

use super::*;

fn server() -> ApiServer {
    let at = Timestamp::from_second(1_000_000).unwrap();
    ApiServer::new(1, Arc::new(move || at), Tickets::default())
}

fn pod(name: &str) -> Value {
    json!({ "metadata": { "name": name }, "spec": { "nodeName": "vk" } })
}

async fn ask(server: &ApiServer, method: &str, target: &str, body: &Value) -> Response<Body> {
    let kind = "application/strategic-merge-patch+json";
    let request = Request::builder().method(method).uri(target).header("content-type", kind);
    let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    server.answer(request.body(body).unwrap()).await.unwrap()
}

async fn read(response: Response<Body>) -> Value {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

const A: &str = "/api/v1/namespaces/default/pods/a";

#[tokio::test(start_paused = true)]
async fn a_bound_pod_is_marked_first_and_removed_by_its_node() {
    let server = server();
    server.create(Resource::Pods, "default", pod("a")).unwrap();
    server.delete(Resource::Pods, "default", "a", None).unwrap();
    let marked = server.get(Resource::Pods, "default", "a").unwrap();
    assert_eq!(marked.pointer("/metadata/deletionGracePeriodSeconds"), Some(&json!(30)));
    server.delete(Resource::Pods, "default", "a", Some(60)).unwrap();
    let same = server.get(Resource::Pods, "default", "a").unwrap();
    assert_eq!(same, marked, "grace is only shortened");
    server.delete(Resource::Pods, "default", "a", Some(0)).unwrap();
    assert!(server.get(Resource::Pods, "default", "a").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_has_ended_or_is_not_bound_goes_at_once() {
    let server = server();
    server.create(Resource::Pods, "default", json!({ "metadata": { "name": "free" } })).unwrap();
    server.delete(Resource::Pods, "default", "free", None).unwrap();
    server.create(Resource::Pods, "default", pod("a")).unwrap();
    ask(&server, "PATCH", &format!("{A}/status"), &json!({ "status": { "phase": "Failed" } }))
        .await;
    server.delete(Resource::Pods, "default", "a", None).unwrap();
    assert_eq!(server.list(Resource::Pods).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn preconditions_protect_a_successor() {
    let server = server();
    let old = text(&server.create(Resource::Pods, "default", pod("a")).unwrap(), "/metadata/uid");
    server.delete(Resource::Pods, "default", "a", Some(0)).unwrap();
    let new = text(&server.create(Resource::Pods, "default", pod("a")).unwrap(), "/metadata/uid");
    assert_ne!(old, new);
    let order = json!({ "gracePeriodSeconds": 0, "preconditions": { "uid": old } });
    assert_eq!(ask(&server, "DELETE", A, &order).await.status(), 409);
    let patch = json!({ "metadata": { "uid": old }, "status": { "phase": "Running" } });
    assert_eq!(ask(&server, "PATCH", &format!("{A}/status"), &patch).await.status(), 422);
    let order = json!({ "gracePeriodSeconds": 0, "preconditions": { "uid": new } });
    assert_eq!(ask(&server, "DELETE", A, &order).await.status(), 200);
    assert_eq!(ask(&server, "DELETE", A, &order).await.status(), 404);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_knows_an_old_version_is_refused() {
    let server = server();
    let made =
        server.create(Resource::Leases, "x", json!({ "metadata": { "name": "l" } })).unwrap();
    let target = "/apis/coordination.k8s.io/v1/namespaces/x/leases/l";
    let mut next = Value::clone(&made);
    next["spec"] = json!({ "holderIdentity": "me" });
    let replaced = ask(&server, "PUT", target, &next).await;
    assert_eq!(replaced.status(), 200);
    assert_ne!(
        read(replaced).await["metadata"]["resourceVersion"],
        made["metadata"]["resourceVersion"]
    );
    assert_eq!(ask(&server, "PUT", target, &next).await.status(), 409);
}

#[tokio::test(start_paused = true)]
async fn a_status_is_written_through_its_subresource_only() {
    let server = server();
    server.create(Resource::Pods, "default", pod("a")).unwrap();
    ask(
        &server,
        "PATCH",
        A,
        &json!({ "status": { "phase": "Failed" }, "metadata": { "labels": { "x": "y" } } }),
    )
    .await;
    ask(
        &server,
        "PATCH",
        &format!("{A}/status"),
        &json!({ "status": { "podIP": "10.0.0.1" }, "spec": { "nodeName": "z" } }),
    )
    .await;
    let pod = server.get(Resource::Pods, "default", "a").unwrap();
    let seen = ["/status/phase", "/metadata/labels/x", "/status/podIP", "/spec/nodeName"]
        .map(|path| text(&pod, path));
    assert_eq!(seen, ["Pending", "y", "10.0.0.1", "vk"]);
}

#[tokio::test(start_paused = true)]
async fn lists_come_in_pages_of_one_moment() {
    let server = server();
    for name in ["a", "b", "c"] {
        server.create(Resource::Pods, "default", pod(name)).unwrap();
    }
    let first = read(
        ask(&server, "GET", "/api/v1/pods?limit=2&fieldSelector=spec.nodeName%3Dvk", &Value::Null)
            .await,
    )
    .await;
    let token = text(&first, "/metadata/continue");
    server.delete(Resource::Pods, "default", "c", Some(0)).unwrap();
    let target = format!("/api/v1/pods?limit=2&fieldSelector=spec.nodeName%3Dvk&continue={token}");
    let second = read(ask(&server, "GET", &target, &Value::Null).await).await;
    let names = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|item| text(item, "/metadata/name")).collect()
    };
    assert_eq!((names(&first), names(&second)), (vec!["a".into(), "b".into()], vec!["c".into()]));
    let none = read(
        ask(&server, "GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Dother", &Value::Null).await,
    )
    .await;
    assert_eq!(names(&none), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_watch_tells_what_happens_after_its_version_and_no_older_than_is_kept() {
    let server = server();
    let first = server.create(Resource::Pods, "default", pod("a")).unwrap();
    let version = text(&first, "/metadata/resourceVersion");
    server.create(Resource::Pods, "default", pod("b")).unwrap();
    let target = format!("/api/v1/pods?watch=true&resourceVersion={version}");
    let mut lines = ask(&server, "GET", &target, &Value::Null).await.into_body().into_data_stream();
    let line = String::from_utf8(lines.next().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(line.contains("ADDED") && line.contains("\"b\"") && !line.contains("\"a\""), "{line}");
    let waiting = tokio::spawn(async move { lines.next().await.unwrap().unwrap() });
    tokio::time::sleep(Duration::from_secs(1)).await;
    server.delete(Resource::Pods, "default", "a", Some(0)).unwrap();
    let line = String::from_utf8(waiting.await.unwrap().to_vec()).unwrap();
    assert!(line.contains("DELETED"), "{line}");

    server.fault(KubeFault::Compaction, 0.0, Duration::ZERO);
    let answer = ask(&server, "GET", &target, &Value::Null).await;
    assert_eq!(answer.status(), 200, "it is told in the watch");
    let mut lines = answer.into_body().into_data_stream();
    let line: Value = serde_json::from_slice(&lines.next().await.unwrap().unwrap()).unwrap();
    assert_eq!((&line["type"], &line["object"]["code"]), (&json!("ERROR"), &json!(410)));
    assert!(lines.next().await.is_none(), "and then the watch is over");
}

#[tokio::test(start_paused = true)]
async fn each_fault_strikes_what_it_concerns() {
    for kind in KubeFault::ALL {
        let server = server();
        for name in ["a", "b"] {
            server.create(Resource::Pods, "default", pod(name)).unwrap();
        }
        server.fault(kind, 1.0, Duration::from_secs(3600));
        server.create(Resource::Pods, "default", pod("c")).unwrap();
        for (method, target, body) in [
            ("GET", "/api/v1/pods?limit=1&continue=3:default/a", Value::Null),
            (
                "PATCH",
                "/api/v1/namespaces/default/pods/a/status",
                json!({ "status": { "reason": "x" } }),
            ),
            ("GET", "/api/v1/pods?watch=true&resourceVersion=2", Value::Null),
        ] {
            let kind = "application/strategic-merge-patch+json";
            let request =
                Request::builder().method(method).uri(target).header("content-type", kind);
            let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
            if let Ok(answer) = server.answer(request.body(body).unwrap()).await
                && target.contains("watch")
            {
                let _ = tokio::time::timeout(Duration::from_secs(1), answer.into_body().collect())
                    .await;
            }
        }
        assert!(server.struck().contains_key(&kind), "{} never struck", kind.as_str());
    }
}
