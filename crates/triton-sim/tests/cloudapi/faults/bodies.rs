//! Bodies that are not what they should be.

use axum::body::Body;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use triton_sim::{Fault, FaultKind, FaultScope, RequestQuery};

use super::{caller_with, check_struck, kinds};

#[tokio::test(start_paused = true)]
async fn each_kind_spoils_a_list_in_its_way() {
    for kind in kinds(FaultScope::Body).filter(|kind| *kind != FaultKind::EndlessBody) {
        let fault = Fault::default().size(200).endpoint("ListMachines");
        let caller = caller_with(kind, fault);
        for _ in 0..2 {
            caller.create(&json!({ "tag.n": 1 })).await;
        }
        let reply = caller.get("/my/machines").await;
        check_struck(&caller, kind);
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
        let length = reply.bytes.len().to_string();
        assert_eq!(reply.header("content-length"), Some(length.as_str()), "{kind}");
        let text = String::from_utf8_lossy(&reply.bytes).into_owned();
        let first = &reply.body[0];
        let is_spoiled = match kind {
            FaultKind::TruncatedJson => text.starts_with("[{") && reply.body.is_null(),
            FaultKind::GarbageBody => std::str::from_utf8(&reply.bytes).is_err(),
            FaultKind::EmptyBody => text.is_empty(),
            FaultKind::WrongTypes => {
                first["name"].is_number() && first["memory"].is_string() && first["tags"].is_array()
            }
            FaultKind::NullFields => first["name"].is_null() && first.get("name").is_some(),
            FaultKind::MissingFields => first.get("name").is_none(),
            FaultKind::UnknownState => first["state"] == "hibernating",
            FaultKind::OddInstance => first["memory"].is_null() && first["ips"] == json!(["dhcp"]),
            FaultKind::ExtraFields => {
                reply.body[1].get("sim_unheard_of").is_some()
                    && first["tags"].get("sim_unheard_of").is_some()
            }
            FaultKind::DuplicateKeys => text.contains(r#""name":null,"name":""#),
            FaultKind::DeepNesting => text.contains(&"[".repeat(200)) && reply.body.is_null(),
            FaultKind::LargeBody => text.ends_with(&format!("]{}", " ".repeat(200))),
            other => panic!("{other} has no row"),
        };
        assert!(is_spoiled, "{kind}: {text}");
        let keeps_ids = !matches!(
            kind,
            FaultKind::TruncatedJson
                | FaultKind::GarbageBody
                | FaultKind::EmptyBody
                | FaultKind::DeepNesting
        );
        assert_eq!(first["id"].is_string(), keeps_ids, "{kind}");
        assert_eq!(
            reply.body[1]["state"] == json!("running"),
            keeps_ids,
            "{kind}: the second is fine"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_endless_body_begins_and_goes_on() {
    let caller = caller_with(FaultKind::EndlessBody, Fault::default());
    let request = caller.request("GET", "/my/machines", 0).await.body(Body::empty()).unwrap();
    let response = caller.sim.router().oneshot(request).await.unwrap();
    check_struck(&caller, FaultKind::EndlessBody);
    assert!(response.headers().get("content-length").is_none());
    let (mut body, mut length) = (response.into_body(), 0);
    while length < 10_000_000 {
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(frame.starts_with(b"["), length == 0);
        length += frame.len();
    }
}

#[tokio::test]
async fn refusals_are_spoiled_too_and_answers_without_a_body_are_not() {
    let caller = caller_with(FaultKind::TruncatedJson, Fault::default());
    let refused = caller.get("/my/images/0b0b0b0b-0000-4000-8000-000000000000").await;
    assert_eq!((refused.status, &refused.body), (404, &Value::Null));
    caller.sim.clear_faults();
    let id = caller.create(&json!({})).await;
    caller.sim.fault(FaultKind::TruncatedJson, Fault::default().times(1));
    assert_eq!(caller.delete(&format!("/my/machines/{id}")).await.status, 204);
    assert!(caller.sim.journal().last().unwrap().struck.is_empty());
}

/// Whatever is set, a request ends; and when it is cleared, nothing of it is left.
#[tokio::test(start_paused = true)]
async fn any_two_faults_of_answers_compose() {
    let scopes = [FaultScope::Read, FaultScope::Commit, FaultScope::Body, FaultScope::Wire];
    let all: Vec<FaultKind> =
        scopes.into_iter().flat_map(kinds).filter(|kind| *kind != FaultKind::EndlessBody).collect();
    let caller = caller_with(FaultKind::Slow, Fault::default().times(0));
    caller.create(&json!({})).await;
    let mut seq = 1;
    for (index, first) in all.iter().enumerate() {
        for second in &all[index + 1..] {
            for kind in [first, second] {
                caller.sim.fault(*kind, Fault::default().size(300));
            }
            caller.try_get("/my/machines?limit=1").await;
            let last = RequestQuery { since: seq, ..RequestQuery::default() };
            let record = caller.sim.requests(&last).pop().unwrap();
            let struck = record.struck;
            seq = record.seq;
            assert!(struck.iter().all(|kind| kind == first || kind == second), "{first} {second}");
            caller.sim.clear_faults();
        }
    }
    let reply = caller.get("/my/machines").await;
    assert_eq!((reply.status, reply.body.as_array().unwrap().len()), (200, 1));
}

#[tokio::test]
async fn several_faults_of_a_body_compose() {
    let caller = caller_with(FaultKind::ExtraFields, Fault::default());
    caller.sim.fault(FaultKind::UnknownState, Fault::default());
    caller.sim.fault(FaultKind::ListShort, Fault::default());
    caller.sim.fault(FaultKind::NoDate, Fault::default());
    for _ in 0..3 {
        caller.create(&json!({})).await;
    }
    let reply = caller.get("/my/machines").await;
    let struck =
        [FaultKind::ListShort, FaultKind::UnknownState, FaultKind::ExtraFields, FaultKind::NoDate];
    assert_eq!(caller.sim.journal().last().unwrap().struck, struck);
    assert_eq!(reply.body.as_array().unwrap().len(), 2);
    assert_eq!(reply.body[0]["state"], "hibernating");
    assert!(reply.body[1].get("sim_unheard_of").is_some() && reply.header("date").is_none());
}
