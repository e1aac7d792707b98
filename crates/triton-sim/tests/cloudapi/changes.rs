//! The journal of changes, as the control API shows it.

use std::time::Duration;

use http::Request;
use serde_json::json;
use triton_sim::Delays;

use crate::caller::{Caller, quiet};

async fn changes(caller: &Caller, query: &str) -> Vec<serde_json::Value> {
    let request = Request::get(format!("/--sim/changes?{query}")).body(axum::body::Body::empty());
    let reply = caller.send(request.unwrap()).await;
    assert_eq!(reply.status, 200);
    reply.body.as_array().unwrap().clone()
}

#[tokio::test]
async fn a_test_can_count_and_order_changes() {
    let caller = Caller::new();
    let id = caller.create(&json!({ "name": "web" })).await;
    let other = caller.create(&json!({ "name": "db" })).await;
    let all = changes(&caller, "").await;
    let of_one = changes(&caller, &format!("instance={id}")).await;
    assert!(of_one.len() >= 3 && of_one.len() < all.len());
    assert_eq!(of_one[0]["state"], "provisioning");
    assert_eq!(of_one[0]["by"]["type"], "request");
    let last = all.last().unwrap()["seq"].as_u64().unwrap();
    assert!(changes(&caller, &format!("since={last}")).await.is_empty());
    caller.delete(&format!("/my/machines/{other}")).await;
    let later = changes(&caller, &format!("since={last}")).await;
    assert_eq!(later.last().unwrap()["state"], "destroyed");
    assert_eq!(later.last().unwrap()["seq"].as_u64().unwrap(), last + later.len() as u64);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_change_is_told_when_it_comes() {
    let delays = Delays { provision: Duration::from_secs(20), ..Delays::none() };
    let caller = Caller::of(quiet().delays(delays));
    caller.create(&json!({ "name": "web" })).await;
    let last = caller.sim.changes(0).last().unwrap().seq;
    let before = caller.sim.now();
    let told = changes(&caller, &format!("since={last}&wait_ms=60000")).await;
    assert_eq!(told[0]["state"], "running");
    assert_eq!(caller.sim.now().duration_since(before).as_secs(), 20);
    let last = caller.sim.changes(0).last().unwrap().seq;
    assert!(changes(&caller, &format!("since={last}&wait_ms=5000")).await.is_empty());
    assert_eq!(caller.sim.now().duration_since(before).as_secs(), 25);
}

#[tokio::test]
async fn requests_can_be_asked_for_by_what_they_were() {
    let caller = Caller::new();
    caller.get("/my/machines").await;
    caller.get("/my/machines/x").await;
    let request = Request::get("/--sim/requests?endpoint=getmachine&status=409");
    let reply = caller.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(reply.body.as_array().unwrap().len(), 1, "{:?}", reply.body);
    assert_eq!(reply.body[0]["seq"], 2);
}
