//! Requests that nobody looks at.

use std::time::Duration;

use serde_json::json;
use triton_sim::{Fault, FaultKind, FaultScope};

use super::{caller_with, check_struck, kinds};

/// Status, media type (empty: none), and what the body holds.
fn expected(kind: FaultKind) -> (u16, &'static str, &'static str) {
    match kind {
        FaultKind::Outage | FaultKind::Hang => {
            (503, "application/json", r#""code":"ServiceUnavailable""#)
        }
        FaultKind::Proxy500 => (500, "application/json", r#""code":"InternalServerError""#),
        FaultKind::Proxy400 => (400, "application/json", r#"{"BadHTTPRequest":"#),
        FaultKind::Proxy408 => (408, "application/json", r#"{"IdleClientError":"#),
        FaultKind::Html502 => (502, "text/html", "<h1>502"),
        FaultKind::Html503 => (503, "text/html", "<h1>503"),
        FaultKind::Html504 => (504, "text/html", "<h1>504"),
        FaultKind::Empty500 => (500, "", ""),
        FaultKind::Empty502 => (502, "", ""),
        FaultKind::Empty503 => (503, "", ""),
        FaultKind::Empty504 => (504, "", ""),
        FaultKind::LoginPage => (200, "text/html", "guest network"),
        FaultKind::Redirect => (302, "", ""),
        // These two have no answer, and the first has its own.
        FaultKind::ResetBeforeBody | FaultKind::ResetBeforeCommit => (0, "", ""),
        FaultKind::Slow => (201, "application/json", r#""state""#),
        other => panic!("{other} has no row"),
    }
}

#[tokio::test(start_paused = true)]
async fn each_kind_answers_in_cloudapis_place() {
    for kind in kinds(FaultScope::Request) {
        let caller = caller_with(kind, Fault::default());
        let body = json!({ "package": crate::caller::PACKAGE, "image": crate::caller::IMAGE });
        let request = caller
            .request("POST", "/my/machines", 0)
            .await
            .header("content-type", "application/json");
        let started = tokio::time::Instant::now();
        let reply = caller.try_send(request.body(body.to_string().into()).unwrap()).await;
        check_struck(&caller, kind);
        assert_eq!(started.elapsed(), kind.entry().delay.unwrap_or(Duration::ZERO), "{kind}");
        let made = usize::from(kind == FaultKind::Slow);
        assert_eq!(caller.sim.instances().len(), made, "{kind}");
        let (status, media_type, text) = expected(kind);
        assert_eq!(caller.sim.journal().last().unwrap().status, status, "{kind}");
        let Some(reply) = reply else {
            assert_eq!(status, 0, "{kind}");
            continue;
        };
        let held = String::from_utf8_lossy(&reply.bytes);
        assert_eq!(
            (reply.status, reply.header("content-type").unwrap_or("")),
            (status, media_type)
        );
        assert!(held.contains(text) && held.is_empty() == text.is_empty(), "{kind}: {held}");
        if kind == FaultKind::Slow {
            continue;
        }
        // None of these is CloudAPI: no header says that it is, and the connection ends.
        assert_eq!(reply.header("connection"), Some("close"), "{kind}");
        assert!(["server", "date", "api-version"].iter().all(|name| reply.header(name).is_none()));
        let location = reply.header("location");
        assert_eq!(
            location,
            (kind == FaultKind::Redirect).then_some("https://elsewhere.invalid/my/machines")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_adds_up_and_the_first_end_is_the_end() {
    let caller = caller_with(FaultKind::Slow, Fault::default().delay(Duration::from_secs(3)));
    caller.sim.fault(FaultKind::Hang, Fault::default().delay(Duration::from_secs(60)));
    caller.sim.fault(FaultKind::Html502, Fault::default());
    let started = tokio::time::Instant::now();
    caller.get("/my").await.expect(503, "ServiceUnavailable");
    assert_eq!(started.elapsed(), Duration::from_secs(63));
    assert_eq!(caller.sim.journal()[0].struck, [FaultKind::Slow, FaultKind::Hang]);
}

#[tokio::test]
async fn a_fault_is_for_whoever_says_to_be_that_account() {
    let caller = caller_with(FaultKind::Outage, Fault::default().account("jack"));
    assert_eq!(caller.get("/my").await.status, 200);
    caller.sim.fault(FaultKind::Outage, Fault::default().account("jill"));
    assert_eq!(caller.get("/my").await.status, 503);
}

#[tokio::test]
async fn an_action_is_known_before_its_body_only_from_the_query() {
    let fault = Fault::default().endpoint("StopMachine");
    let caller = caller_with(FaultKind::ResetBeforeBody, fault);
    let id = caller.create(&json!({})).await;
    let target = format!("/my/machines/{id}");
    assert_eq!(caller.post(&target, &json!({ "action": "stop" })).await.status, 202);
    let request = caller.request("POST", &format!("{target}?action=stop"), 0).await;
    assert!(caller.try_send(request.body("".into()).unwrap()).await.is_none());
}
