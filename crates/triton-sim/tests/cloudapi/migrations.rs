//! Migrations, by hand and by themselves.

use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use triton_sim::{Delays, Features};

use crate::caller::{Caller, quiet};

fn slow() -> Caller {
    tokio::time::pause();
    let [job, migrate] = [1, 4].map(Duration::from_secs);
    Caller::of(quiet().delays(Delays { job, migrate, ..Delays::none() }))
}

async fn act(caller: &Caller, path: &str, action: &str) -> Value {
    let reply = caller.post(path, &json!({ "action": action })).await;
    assert_eq!(reply.status, 201, "{action}: {}", reply.body);
    tokio::time::advance(Duration::from_secs(6)).await;
    reply.body
}

async fn status(caller: &Caller, id: &str) -> (String, String) {
    let migration = caller.get(&format!("/my/migrations/{id}")).await.body;
    let text = |field: &str| migration[field].as_str().unwrap_or_default().to_owned();
    (text("phase"), text("state"))
}

fn is(phase: &str, state: &str) -> (String, String) {
    (phase.to_owned(), state.to_owned())
}

#[tokio::test]
async fn a_migration_goes_through_its_phases_to_another_compute_node() {
    let caller = slow();
    let id = caller.create(&json!({})).await;
    let path = format!("/my/machines/{id}/migrate");
    let before = caller.get(&format!("/my/machines/{id}")).await.body;
    assert_eq!(caller.get(&path).await.body["size"], 25_600_u64 * 1024 * 1024);
    let begun = act(&caller, &path, "begin").await;
    assert_eq!((&begun["phase"], &begun["state"]), (&json!("begin"), &json!("running")));
    assert_eq!((&begun["machine"], &begun["automatic"]), (&json!(id), &json!(false)));
    assert_eq!(status(&caller, &id).await, is("begin", "paused"));
    let refused = caller.post(&path, &json!({ "action": "switch" })).await;
    refused.expect(412, "PreconditionFailed");
    act(&caller, &path, "sync").await;
    assert_eq!(status(&caller, &id).await, is("sync", "paused"));
    caller.post(&path, &json!({ "action": "switch" })).await;
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(caller.get(&format!("/my/machines/{id}")).await.body["state"], "stopping");
    tokio::time::advance(Duration::from_secs(4)).await;
    assert_eq!(status(&caller, &id).await, is("switch", "successful"));
    let after = caller.get(&format!("/my/machines/{id}")).await.body;
    assert_eq!(after["state"], "running");
    assert_ne!(after["compute_node"], before["compute_node"]);
    assert_eq!(after["ips"], before["ips"]);
    let list = caller.get("/my/migrations").await.body;
    assert_eq!(list[0]["progress_history"].as_array().unwrap().len(), 3);
    assert!(list[0]["finished_timestamp"].is_string());
    caller.post(&path, &json!({ "action": "abort" })).await.expect(412, "PreconditionFailed");
    caller.post(&path, &json!({ "action": "begin" })).await.expect(412, "PreconditionFailed");
    let done = caller.post(&path, &json!({ "action": "finalize" })).await;
    assert_eq!((done.status, done.body), (200, Value::Null));
    assert_eq!(caller.get("/my/migrations").await.body, json!([]));
    caller.get(&format!("/my/migrations/{id}")).await.expect(404, "ResourceNotFound");
}

#[tokio::test]
async fn an_automatic_migration_needs_nobody() {
    let caller = slow();
    let id = caller.create(&json!({})).await;
    let path = format!("/my/machines/{id}/migrate");
    let begun = act(&caller, &path, "automatic").await;
    assert_eq!((&begun["automatic"], &begun["phase"]), (&json!(true), &json!("begin")));
    tokio::time::advance(Duration::from_secs(20)).await;
    assert_eq!(status(&caller, &id).await, is("switch", "successful"));
    let audit = caller.get(&format!("/my/machines/{id}/audit")).await.body;
    let actions: Vec<_> = audit.as_array().unwrap().iter().map(|e| e["action"].clone()).collect();
    assert_eq!(actions, ["migrate-switch", "migrate-sync", "migrate-begin", "provision"]);
}

#[tokio::test]
async fn a_migration_can_be_paused_and_aborted() {
    let caller = slow();
    let id = caller.create(&json!({})).await;
    let path = format!("/my/machines/{id}/migrate");
    for action in ["sync", "abort", "pause", "finalize"] {
        let refused = caller.post(&path, &json!({ "action": action })).await;
        refused.expect(404, "ResourceNotFound");
    }
    act(&caller, &path, "begin").await;
    caller.post(&path, &json!({ "action": "pause" })).await.expect(412, "PreconditionFailed");
    caller.post(&path, &json!({ "action": "sync" })).await;
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(caller.post(&path, &json!({ "action": "pause" })).await.status, 201);
    assert_eq!(status(&caller, &id).await, is("sync", "paused"));
    act(&caller, &path, "abort").await;
    caller.get(&format!("/my/migrations/{id}")).await.expect(404, "ResourceNotFound");
    act(&caller, &path, "begin").await;
}

#[tokio::test]
async fn without_another_compute_node_a_migration_fails() {
    tokio::time::pause();
    let caller = Caller::of(quiet().compute_nodes(1));
    let id = caller.create(&json!({})).await;
    let path = format!("/my/machines/{id}/migrate");
    act(&caller, &path, "begin").await;
    let migration = caller.get(&format!("/my/migrations/{id}")).await.body;
    assert_eq!((&migration["state"], &migration["phase"]), (&json!("failed"), &json!("begin")));
    assert!(migration["error"].as_str().unwrap().contains("No compute resources"));
    act(&caller, &path, "begin").await;
    caller.post(&path, &json!({})).await.expect(409, "MissingParameter");
    caller.post(&path, &json!({ "action": "fly" })).await.expect(409, "InvalidArgument");
    let mut features = Features::default();
    features.migrations = false;
    caller.sim.set_features(features);
    caller.post(&path, &json!({ "action": "begin" })).await.expect(412, "PreconditionFailed");
}

#[tokio::test]
async fn who_watches_sees_steps_as_they_happen_and_the_end() {
    let caller = slow();
    let id = caller.create(&json!({})).await;
    let path = format!("/my/machines/{id}/migrate");
    caller.post(&path, &json!({ "action": "begin" })).await;
    let target = format!("{path}?action=watch");
    let request = caller.request("POST", &target, 0).await.body(Body::empty()).unwrap();
    let response = caller.sim.router().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/x-json-stream");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let lines: Vec<Value> = String::from_utf8_lossy(&body)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let states: Vec<_> = lines.iter().map(|line| (&line["type"], &line["state"])).collect();
    let [progress, end] = ["progress", "end"].map(|kind| json!(kind));
    let [running, successful, paused] = ["running", "successful", "paused"].map(|s| json!(s));
    let expected = [(&progress, &running), (&progress, &successful), (&end, &paused)];
    assert_eq!(states, expected, "{lines:?}");
    assert_eq!(lines[0]["message"], "reserving instance");
}
