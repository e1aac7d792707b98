//! Snapshots: made, used and removed.

use std::time::Duration;

use serde_json::json;
use triton_sim::{Delays, Features};

use crate::caller::{Caller, quiet};

fn slow() -> Caller {
    tokio::time::pause();
    let [job, disk] = [1, 3].map(Duration::from_secs);
    Caller::of(quiet().delays(Delays { job, disk, ..Delays::none() }))
}

#[tokio::test]
async fn a_snapshot_is_made_rolled_back_and_removed() {
    let caller = slow();
    let id = caller.create(&json!({})).await;
    let path = format!("/my/machines/{id}/snapshots");
    let made = caller.post(&path, &json!({ "name": "before" })).await;
    assert_eq!((made.status, made.body), (201, json!({ "name": "before", "state": "queued" })));
    let snapshot = format!("{path}/before");
    assert_eq!(caller.get(&snapshot).await.body["state"], "deleted", "it is not there yet");
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(caller.get(&snapshot).await.body["state"], "running");
    tokio::time::advance(Duration::from_secs(3)).await;
    let shown = caller.get(&snapshot).await.body;
    assert_eq!((&shown["state"], &shown["name"]), (&json!("created"), &json!("before")));
    assert_eq!(caller.get(&path).await.body, json!([shown]));

    assert_eq!(caller.post(&snapshot, &json!({})).await.status, 202);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(caller.get(&format!("/my/machines/{id}")).await.body["state"], "stopping");
    tokio::time::advance(Duration::from_secs(3)).await;
    assert_eq!(caller.get(&format!("/my/machines/{id}")).await.body["state"], "running");

    assert_eq!(caller.delete(&snapshot).await.status, 204);
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(caller.get(&path).await.body, json!([]));
    assert_eq!(caller.get(&snapshot).await.body["state"], "deleted");
    caller.delete(&snapshot).await.expect(404, "ResourceNotFound");
    caller.get(&format!("{path}/never")).await.expect(404, "ResourceNotFound");
    let audit = caller.get(&format!("/my/machines/{id}/audit")).await.body;
    let actions: Vec<_> = audit.as_array().unwrap().iter().map(|e| e["action"].clone()).collect();
    let expected = ["delete_snapshot", "rollback_snapshot", "create_snapshot", "provision"];
    assert_eq!(actions, expected);
}

#[tokio::test]
async fn a_rollback_to_nothing_fails_where_only_the_audit_tells() {
    let caller = Caller::new();
    let id = caller.create(&json!({})).await;
    let path = format!("/my/machines/{id}/snapshots/never");
    assert_eq!(caller.post(&path, &json!({})).await.status, 202);
    let audit = caller.get(&format!("/my/machines/{id}/audit")).await.body;
    assert_eq!(
        (&audit[0]["action"], &audit[0]["success"]),
        (&json!("rollback_snapshot"), &json!("no"))
    );
}

#[tokio::test]
async fn a_nameless_snapshot_is_called_by_its_second() {
    let caller = Caller::of(quiet().started_at("2026-01-02T03:04:05.678Z".parse().unwrap()));
    let id = caller.create(&json!({})).await;
    let made = caller.post(&format!("/my/machines/{id}/snapshots"), &json!({})).await;
    assert!(made.body["name"].as_str().unwrap().starts_with("20260102T0304"), "{}", made.body);
}

#[tokio::test]
async fn only_containers_have_snapshots() {
    let hvm =
        |brand: &str| json!({ "image": "ac99517a-72ac-44c0-90e6-c7ce3d944a0a", "brand": brand });
    let caller = Caller::new();
    let kvm = caller.create(&hvm("kvm")).await;
    let path = format!("/my/machines/{kvm}/snapshots");
    caller.post(&path, &json!({})).await.expect(409, "BrandNotSupported");
    let bhyve = caller.create(&hvm("bhyve")).await;
    let path = format!("/my/machines/{bhyve}/snapshots");
    caller.post(&path, &json!({})).await.expect(409, "InvalidArgument");
    let mut features = Features::default();
    features.bhyve_snapshots = true;
    caller.sim.set_features(features);
    assert_eq!(caller.post(&path, &json!({})).await.status, 201);
}
