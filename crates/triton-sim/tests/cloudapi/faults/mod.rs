//! Scripted trouble, the journal and the control API.

mod before;
mod bodies;
mod connections;
mod instances;
mod jobs;
mod lies;
mod refusals;
mod scripts;
mod wire;

use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt as _;
use serde_json::json;
use tower::ServiceExt as _;
use triton_sim::{Delays, Fault, FaultKind, FaultScope};

use crate::caller::{Caller, control, quiet};

/// The kinds of a scope. A test that goes through them has a row for each, or panics.
fn kinds(scope: FaultScope) -> impl Iterator<Item = FaultKind> {
    FaultKind::ALL.into_iter().filter(move |kind| kind.entry().scope == scope)
}

/// A simulator on which one fault is set.
fn caller_with(kind: FaultKind, fault: Fault) -> Caller {
    let caller = Caller::new();
    caller.sim.fault(kind, fault);
    caller
}

/// The journal says that this fault, and nothing else, struck the last request.
#[track_caller]
fn check_struck(caller: &Caller, kind: FaultKind) {
    assert_eq!(caller.sim.journal().last().unwrap().struck, [kind]);
}

#[tokio::test]
async fn an_outage_is_haproxys() {
    let caller = Caller::new();
    caller.sim.outage(true);
    let reply = caller.get("/my/machines").await;
    reply.expect(503, "ServiceUnavailable");
    assert_eq!((reply.header("server"), reply.header("connection")), (None, Some("close")));
    caller.sim.outage(false);
    assert_eq!(caller.get("/my/machines").await.status, 200);
}

#[tokio::test]
async fn a_lost_answer_is_a_create_that_happened() {
    let caller = Caller::new();
    caller.sim.fault(FaultKind::CreateAnswerLostAfterCommit, Fault::default().times(1));
    let request =
        caller.request("POST", "/my/machines", 0).await.header("content-type", "application/json");
    let body = json!({ "package": "g4-highcpu-1G", "image": crate::caller::IMAGE }).to_string();
    let response =
        caller.sim.router().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
    assert!(response.into_body().collect().await.is_err());
    assert_eq!(caller.sim.instances().len(), 1);
    assert_eq!(caller.try_create(&json!({})).await.status, 201);
}

#[tokio::test]
async fn faults_of_create_are_told_apart_by_what_remains() {
    let caller = Caller::new();
    caller.sim.fault(FaultKind::Create500AfterCommit, Fault::default().times(1));
    caller.try_create(&json!({ "name": "a" })).await.expect(500, "InternalError");
    caller.sim.fault(FaultKind::InternalError, Fault::default().times(1).endpoint("CreateMachine"));
    caller.try_create(&json!({ "name": "b" })).await.expect(500, "InternalError");
    caller.sim.fault(FaultKind::CreateAcceptedThenFailed, Fault::default().times(1));
    caller.try_create(&json!({ "name": "a" })).await.expect(409, "ValidationFailed");
    let failed = caller.create(&json!({ "name": "c" })).await;
    caller.sim.fault(FaultKind::StuckProvisioning, Fault::default().times(1));
    let stuck = caller.create(&json!({ "name": "d" })).await;
    let state =
        async |id: &str| caller.get(&format!("/my/machines/{id}")).await.body["state"].clone();
    assert_eq!(state(&failed).await, "failed");
    assert_eq!(state(&stuck).await, "provisioning");
    let mut names: Vec<String> =
        caller.sim.instances().into_iter().map(|instance| instance.name).collect();
    names.sort();
    assert_eq!(names, ["a", "c", "d"]);
}

#[tokio::test(start_paused = true)]
async fn lists_can_lie() {
    let caller = Caller::new();
    for _ in 0..4 {
        caller.create(&json!({})).await;
    }
    let count = async || caller.get("/my/machines").await.body.as_array().unwrap().len();
    for (kind, expected) in
        [(FaultKind::ListShort, 2), (FaultKind::ListEmpty, 0), (FaultKind::ListHidesNew, 0)]
    {
        caller.sim.fault(kind, Fault::default());
        assert_eq!(count().await, expected, "{kind:?}");
        caller.sim.clear_faults();
    }
    caller.sim.fault(FaultKind::ListHidesNew, Fault::default().delay(Duration::from_secs(3)));
    tokio::time::advance(Duration::from_secs(3)).await;
    assert_eq!(count().await, 4);
}

#[tokio::test(start_paused = true)]
async fn hanging_ends_after_120_seconds_and_slow_is_carried_out() {
    let caller = Caller::new();
    let started = caller.sim.now();
    caller.sim.fault(FaultKind::Hang, Fault::default().times(1));
    caller.try_create(&json!({})).await.expect(503, "ServiceUnavailable");
    assert_eq!(caller.sim.now().duration_since(started).as_secs(), 120);
    assert!(caller.sim.instances().is_empty());
    caller.sim.fault(FaultKind::Slow, Fault::default().delay(Duration::from_secs(7)));
    assert_eq!(caller.try_create(&json!({})).await.status, 201);
    assert_eq!(caller.sim.now().duration_since(started).as_secs(), 127);
}

#[tokio::test(start_paused = true)]
async fn a_delete_may_never_end() {
    let caller = Caller::new();
    let id = caller.create(&json!({})).await;
    caller.sim.fault(FaultKind::DeleteNeverCompletes, Fault::default());
    assert_eq!(caller.delete(&format!("/my/machines/{id}")).await.status, 204);
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_eq!(caller.get(&format!("/my/machines/{id}")).await.body["state"], "stopping");
    assert!(caller.sim.destroy_behind_back(id.parse().unwrap()));
    assert_eq!(caller.get(&format!("/my/machines/{id}")).await.status, 410);
}

#[tokio::test]
async fn read_only_mode_says_until_when() {
    let caller = Caller::new();
    caller.sim.begin_read_only(Some("2030-01-02T03:04:05Z".parse().unwrap()));
    let refused = caller.try_create(&json!({})).await;
    refused.expect(503, "ServiceUnavailableError");
    assert_eq!(refused.header("retry-after"), Some("Wed, 02 Jan 2030 03:04:05 GMT"));
    assert_eq!(caller.get("/my/machines").await.status, 200);
    caller.sim.end_read_only();
    assert_eq!(caller.try_create(&json!({})).await.status, 201);
}

#[tokio::test]
async fn the_control_api_does_what_the_library_does() {
    let caller = Caller::of(quiet().delays(Delays::none()));
    let id = caller.create(&json!({ "name": "web" })).await;
    caller.get("/my/nothing").await;
    let (_, requests) = control(&caller, "GET", "requests", "").await;
    assert_eq!(
        (&requests[0]["endpoint"], &requests[0]["status"]),
        (&json!("CreateMachine"), &json!(201))
    );
    assert_eq!((&requests[0]["account"], &requests[1]["endpoint"]), (&json!("jill"), &json!("")));
    assert_eq!(control(&caller, "GET", "counts", "").await.1["CreateMachine"], 1);
    assert_eq!(control(&caller, "POST", "counts/reset", "").await.0, 204);
    assert_eq!(control(&caller, "GET", "counts", "").await.1, json!({}));
    let (_, stopped) = control(&caller, "POST", &format!("instances/{id}/stop"), "").await;
    assert_eq!(
        (&stopped["state"], &stopped["transitions"][1]["to"]),
        (&json!("stopped"), &json!("running"))
    );
    assert_eq!(control(&caller, "POST", &format!("instances/{id}/dance"), "").await.0, 404);
    assert_eq!(control(&caller, "PUT", "faults/list-empty", r#"{"times":1}"#).await.0, 200);
    assert_eq!(control(&caller, "GET", "faults", "").await.1[0]["times"], 1);
    assert_eq!(caller.get("/my/machines").await.body, json!([]));
    assert_eq!(caller.get("/my/machines").await.body.as_array().unwrap().len(), 1);
    assert_eq!(control(&caller, "DELETE", "faults/list-empty", "").await.0, 204);
    assert_eq!(control(&caller, "GET", "faults", "").await.1, json!([]));
    assert_eq!(control(&caller, "PUT", "faults/nonsense", "").await.0, 404);
    assert_eq!(control(&caller, "PUT", "faults/outage", r#"{"tines":1}"#).await.0, 400);
    assert_eq!(
        control(&caller, "PUT", "delays", r#"{"provision":1500}"#).await.1["provision"],
        1500
    );
}
