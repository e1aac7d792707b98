//! Requests that CloudAPI refuses.

use std::time::{Duration, SystemTime};

use serde_json::json;
use triton_sim::{Fault, FaultKind, FaultScope};

use super::{caller_with, check_struck, kinds};

fn expected(kind: FaultKind) -> (u16, Option<&'static str>) {
    match kind {
        FaultKind::ClockSkew => (400, Some("InvalidHeader")),
        FaultKind::KeyRevoked => (401, Some("InvalidCredentials")),
        FaultKind::InvalidVersion => (400, Some("InvalidVersion")),
        FaultKind::NotAuthorized => (403, Some("NotAuthorized")),
        FaultKind::NotFound => (404, Some("ResourceNotFound")),
        FaultKind::ReadOnly | FaultKind::WorkflowDown => (503, Some("ServiceUnavailableError")),
        FaultKind::TooManyRequests => (429, Some("TooManyRequestsError")),
        FaultKind::InternalError => (500, Some("InternalError")),
        FaultKind::NoCode500 => (500, None),
        FaultKind::UnallocatedVm => (409, Some("UnallocatedVM")),
        other => panic!("{other} has no row"),
    }
}

#[tokio::test]
async fn each_kind_has_its_code_and_nothing_is_carried_out() {
    for kind in kinds(FaultScope::Refusal) {
        let caller = caller_with(kind, Fault::default());
        let delay = kind.entry().delay;
        caller.sim.clear_faults();
        let id = caller.create(&json!({})).await;
        caller.sim.fault(kind, Fault::default());
        let target = format!("/my/machines/{id}");
        let reply = caller.post(&target, &json!({ "action": "stop" })).await;
        let (status, code) = expected(kind);
        assert_eq!((reply.status, reply.body["code"].as_str()), (status, code), "{kind}");
        assert!(reply.body["message"].is_string(), "{kind}");
        assert_eq!(reply.header("server"), Some("cloudapi/9.20.0"), "{kind}");
        check_struck(&caller, kind);
        let retry_after =
            reply.header("retry-after").map(|date| httpdate::parse_http_date(date).unwrap());
        let later = (kind == FaultKind::ReadOnly)
            .then(|| SystemTime::from(caller.sim.now()) + delay.unwrap());
        assert_eq!(retry_after.is_some(), later.is_some(), "{kind}");
        assert!(retry_after <= later, "{kind}");
        caller.sim.clear_faults();
        assert_eq!(caller.get(&target).await.body["state"], "running", "{kind}");
    }
}

#[tokio::test]
async fn reads_go_on_where_only_changes_are_refused() {
    for kind in [FaultKind::ReadOnly, FaultKind::WorkflowDown, FaultKind::UnallocatedVm] {
        let caller = caller_with(kind, Fault::default().times(1));
        assert_eq!(caller.get("/my/machines").await.status, 200, "{kind}");
        assert!(caller.sim.journal()[0].struck.is_empty(), "{kind}");
    }
    let caller = caller_with(FaultKind::UnallocatedVm, Fault::default());
    let id = caller.create(&json!({})).await;
    let tags = caller.post(&format!("/my/machines/{id}/tags"), &json!({ "a": "b" })).await;
    assert_eq!(tags.status, 200, "tags need no compute node");
}

#[tokio::test]
async fn who_goes_by_the_servers_date_is_let_in_although_it_is_wrong() {
    let skew = Duration::from_secs(900);
    let caller = caller_with(FaultKind::ClockSkew, Fault::default().delay(skew));
    let refused = caller.get("/my").await;
    refused.expect(400, "InvalidHeader");
    let date = httpdate::parse_http_date(refused.header("date").unwrap()).unwrap();
    let ahead = date.duration_since(SystemTime::from(caller.sim.now())).unwrap();
    assert!(ahead.as_secs() >= 898, "{ahead:?}");
    let request = caller.request("GET", "/my", 900).await;
    assert_eq!(caller.send(request.body("".into()).unwrap()).await.status, 200);
}

#[tokio::test]
async fn one_endpoint_can_be_forbidden_and_another_slow() {
    let caller = caller_with(FaultKind::NotAuthorized, Fault::default().endpoint("ListImages"));
    caller.sim.fault(FaultKind::NotAuthorized, Fault::default().endpoint("GetAccount").times(1));
    caller.get("/my/images").await.expect(403, "NotAuthorized");
    caller.get("/my").await.expect(403, "NotAuthorized");
    assert_eq!(caller.get("/my").await.status, 200);
    assert_eq!(caller.get("/my/packages").await.status, 200);
}

#[tokio::test]
async fn what_is_refused_before_uses_up_no_fault() {
    let caller = caller_with(FaultKind::InternalError, Fault::default().times(1));
    caller
        .get("/my/machines/0b0b0b0b-0000-4000-8000-000000000000")
        .await
        .expect(404, "ResourceNotFound");
    caller.get("/my").await.expect(500, "InternalError");
}
