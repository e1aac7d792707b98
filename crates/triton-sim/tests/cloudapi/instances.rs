//! The life of an instance over HTTP.

use std::time::Duration;

use axum::body::Body;
use serde_json::{Value, json};
use triton_sim::Delays;

use crate::caller::{Caller, quiet};

#[tokio::test]
async fn flat_tags_and_metadata_are_read_and_nested_ones_are_not() {
    let caller = Caller::new();
    let id = caller
        .create(&json!({
            "name": "web-0", "tag.role": "web", "tag.n": 3, "tag.canary": true, "metadata.user-script": "#!/bin/sh",
            "metadata.root_pw": "secret", "tags": { "nested": "x" }, "metadata": { "nested": "x" },
        }))
        .await;
    let shown = caller.get(&format!("/my/machines/{id}")).await.body;
    assert_eq!(shown["tags"], json!({ "role": "web", "n": 3, "canary": true }));
    assert_eq!(shown["metadata"]["user-script"], "#!/bin/sh");
    assert!(
        shown["metadata"]["root_authorized_keys"].as_str().unwrap().starts_with("ssh-ed25519 ")
    );
    assert_eq!(shown["metadata"].as_object().unwrap().len(), 2);
    assert_eq!(shown["package"], "g4-highcpu-1G");
    assert_eq!(shown["primaryIp"], shown["ips"][0]);
}

#[tokio::test]
async fn booleans_that_must_be_json_true_are_not_their_text() {
    let caller = Caller::new();
    let id =
        caller.create(&json!({ "deletion_protection": "true", "firewall_enabled": "true" })).await;
    let shown = caller.get(&format!("/my/machines/{id}")).await.body;
    assert_eq!(
        (&shown["deletion_protection"], &shown["firewall_enabled"]),
        (&json!(false), &json!(true))
    );
}

#[tokio::test]
async fn deleting_is_204_until_it_is_done_and_410_then() {
    let delays = Delays { delete: Duration::from_secs(10), ..Delays::none() };
    tokio::time::pause();
    let caller = Caller::of(quiet().delays(delays));
    let id = caller.create(&json!({})).await;
    let path = format!("/my/machines/{id}");
    assert_eq!(caller.delete(&path).await.status, 204);
    assert_eq!(caller.delete(&path).await.status, 204);
    assert_eq!(caller.get(&path).await.body["state"], "stopping");
    tokio::time::advance(Duration::from_secs(11)).await;
    let gone = caller.get(&path).await;
    assert_eq!(
        (gone.status, &gone.body["state"], &gone.body["id"]),
        (410, &json!("deleted"), &json!(id))
    );
    let gone = caller.delete(&path).await;
    assert_eq!((gone.status, gone.body), (410, json!(id)));
    caller
        .get("/my/machines/0b0b0b0b-0000-4000-8000-000000000000")
        .await
        .expect(404, "ResourceNotFound");
    caller.get("/my/machines/web").await.expect(409, "ValidationFailed");
}

#[tokio::test]
async fn deletion_protection_protects() {
    let caller = Caller::new();
    let id = caller.create(&json!({ "deletion_protection": true })).await;
    let path = format!("/my/machines/{id}");
    caller.delete(&path).await.expect(409, "CannotDestroyMachineError");
    assert_eq!(
        caller.post(&format!("{path}?action=disable_deletion_protection"), &json!({})).await.status,
        202
    );
    assert_eq!(caller.delete(&path).await.status, 204);
    assert_eq!(caller.get(&path).await.status, 410);
}

#[tokio::test]
async fn actions_are_refused_while_provisioning_and_fail_silently_in_the_wrong_state() {
    tokio::time::pause();
    let caller =
        Caller::of(quiet().delays(Delays { provision: Duration::from_secs(10), ..Delays::none() }));
    let id = caller.create(&json!({})).await;
    let path = format!("/my/machines/{id}");
    caller.post(&path, &json!({ "action": "stop" })).await.expect(409, "UnallocatedVM");
    assert_eq!(caller.post(&format!("{path}/tags"), &json!({ "a": "b" })).await.status, 200);
    tokio::time::advance(Duration::from_secs(10)).await;
    let reply = caller.post(&path, &json!({ "action": "start" })).await;
    assert_eq!((reply.status, reply.body), (202, Value::Null));
    let audit = caller.get(&format!("{path}/audit")).await.body;
    let audit: Vec<_> = audit
        .as_array()
        .unwrap()
        .iter()
        .map(|e| format!("{} {}", e["action"], e["success"]))
        .collect();
    assert_eq!(audit, [r#""start" "no""#, r#""provision" "yes""#, r#""set_tags" "yes""#]);
    caller.post(&path, &json!({})).await.expect(409, "MissingParameter");
    caller.post(&path, &json!({ "action": "dance" })).await.expect(409, "InvalidArgument");
}

#[tokio::test]
async fn a_body_key_changes_the_target_of_a_call() {
    let caller = Caller::new();
    let (a, b) = (caller.create(&json!({})).await, caller.create(&json!({})).await);
    let reply =
        caller.post(&format!("/my/machines/{a}"), &json!({ "action": "stop", "machine": b })).await;
    assert_eq!(reply.status, 202);
    assert_eq!(caller.get(&format!("/my/machines/{a}")).await.body["state"], "running");
    assert_eq!(caller.get(&format!("/my/machines/{b}")).await.body["state"], "stopped");
}

#[tokio::test]
async fn tag_changes_answer_with_a_prediction_and_show_later() {
    tokio::time::pause();
    let caller =
        Caller::of(quiet().delays(Delays { job: Duration::from_secs(2), ..Delays::none() }));
    let id = caller.create(&json!({ "tag.role": "web" })).await;
    let path = format!("/my/machines/{id}/tags");
    let reply = caller.post(&path, &json!({ "n": 3 })).await;
    assert_eq!(reply.body, json!({ "role": "web", "n": 3 }));
    assert!(reply.header("x-job-uuid").is_some());
    assert_eq!(caller.get(&path).await.body, json!({ "role": "web" }));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(caller.get(&path).await.body, json!({ "role": "web", "n": 3 }));
    assert_eq!(caller.get(&format!("{path}/n")).await.body, json!(""));
    caller.post(&path, &json!({})).await.expect(409, "ValidationFailed");
    caller.post(&path, &json!({ "triton.kubelet": "x" })).await.expect(409, "ValidationFailed");
}

#[tokio::test]
async fn bodies_have_a_limit_and_a_digest() {
    let caller = Caller::new();
    caller
        .try_create(&json!({ "metadata.user-data": "x".repeat(100_000) }))
        .await
        .expect(413, "PayloadTooLargeError");
    let request =
        caller.request("POST", "/my/machines", 0).await.header("content-type", "application/json");
    caller.send(request.body(Body::from("{")).unwrap()).await.expect(400, "InvalidContent");
    let request = caller.request("POST", "/my/machines", 0).await.header("content-md5", "AAAA");
    caller.send(request.body(Body::from("{}")).unwrap()).await.expect(400, "BadDigest");
    let request =
        caller.request("POST", "/my/machines", 0).await.header("content-type", "text/plain");
    caller.send(request.body(Body::from("{}")).unwrap()).await.expect(409, "MissingParameter");
}

#[tokio::test]
async fn a_record_exists_before_the_answer() {
    tokio::time::pause();
    let caller =
        Caller::of(quiet().delays(Delays { create: Duration::from_secs(30), ..Delays::none() }));
    let sim = caller.sim.clone();
    let creating = tokio::spawn(async move { caller.try_create(&json!({ "name": "web" })).await });
    while sim.instances().is_empty() {
        tokio::task::yield_now().await;
    }
    // The caller hangs up; the instance comes to life all the same.
    creating.abort();
    tokio::time::advance(Duration::from_secs(31)).await;
    assert_eq!(sim.instances()[0].state.as_str(), "running");
}
