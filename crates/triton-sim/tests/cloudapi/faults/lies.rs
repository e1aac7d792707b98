//! Reads that do not show what is there, and answers that do not say what was done.

use std::time::Duration;

use serde_json::{Value, json};
use triton_sim::{Fault, FaultKind, FaultScope};

use super::{caller_with, check_struck, kinds};
use crate::caller::Caller;

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

/// Six instances, the second page of three as it is with the fault, next to all as they are.
async fn second_page(kind: FaultKind) -> (Value, Value) {
    let caller = Caller::new();
    for _ in 0..6 {
        caller.create(&json!({})).await;
    }
    tokio::time::advance(Duration::from_secs(3600)).await;
    let all = caller.get("/my/machines").await.body;
    caller.sim.fault(kind, Fault::default());
    assert_eq!(caller.get("/my/machines?limit=3").await.status, 200);
    let page = caller.get("/my/machines?limit=3&offset=3").await;
    check_struck(&caller, kind);
    let length = page.body.as_array().unwrap().len().to_string();
    assert_eq!(page.header("x-resource-count"), Some(length.as_str()));
    (page.body, all)
}

#[tokio::test(start_paused = true)]
async fn each_kind_of_read_lies_in_its_way() {
    for kind in kinds(FaultScope::Read) {
        if kind == FaultKind::AuditMissing {
            let caller = caller_with(kind, Fault::default());
            let id = caller.create(&json!({})).await;
            assert_eq!(caller.get(&format!("/my/machines/{id}/audit")).await.body, json!([]));
            check_struck(&caller, kind);
            continue;
        }
        let (page, all) = second_page(kind).await;
        let states: Vec<Value> =
            page.as_array().unwrap().iter().map(|item| item["state"].clone()).collect();
        let (page, all) = (ids(&page), ids(&all));
        let expected: &[&str] = match kind {
            FaultKind::ListShort => &[all[3], all[5]],
            FaultKind::ListEmpty | FaultKind::ListLosesPage => &[],
            // All of them are old enough, and were there.
            FaultKind::ListHidesNew | FaultKind::StaleReads => &all[3..],
            FaultKind::StatesUnknown => {
                assert!(states.iter().all(|state| *state == "unknown"), "{states:?}");
                &all[3..]
            }
            FaultKind::ListSkipsOne => &all[4..],
            FaultKind::ListRepeatsOne => &all[2..5],
            FaultKind::ListShuffled => {
                let mut sorted = page.clone();
                sorted.sort_unstable();
                sorted.reverse();
                assert_eq!(sorted, &all[3..], "{kind}");
                continue;
            }
            other => panic!("{other} has no row"),
        };
        assert_eq!(page, expected, "{kind}");
    }
}

#[tokio::test]
async fn an_instance_of_unknown_state_is_still_there() {
    let caller = caller_with(FaultKind::StatesUnknown, Fault::default());
    let id = caller.create(&json!({})).await;
    let shown = caller.get(&format!("/my/machines/{id}")).await;
    assert_eq!((shown.status, &shown.body["state"]), (200, &json!("unknown")));
}

#[tokio::test]
async fn a_shuffled_list_is_in_another_order_each_time() {
    let caller = Caller::new();
    for _ in 0..12 {
        caller.create(&json!({})).await;
    }
    caller.sim.fault(FaultKind::ListShuffled, Fault::default());
    let (first, second) =
        (caller.get("/my/machines").await.body, caller.get("/my/machines").await.body);
    assert_ne!(ids(&first), ids(&second));
}

#[tokio::test(start_paused = true)]
async fn stale_reads_lag_behind_creates_and_deletes() {
    let lag = Duration::from_secs(10);
    let caller = caller_with(FaultKind::StaleReads, Fault::default().delay(lag));
    let id = caller.create(&json!({})).await;
    let target = format!("/my/machines/{id}");
    let count = async || caller.get("/my/machines").await.body.as_array().unwrap().len();
    caller.get(&target).await.expect(404, "ResourceNotFound");
    assert_eq!(count().await, 0);
    tokio::time::advance(lag).await;
    assert_eq!(caller.get(&target).await.body["state"], "running");
    assert_eq!(count().await, 1);
    caller.post(&target, &json!({ "action": "stop" })).await;
    assert_eq!(caller.get(&target).await.body["state"], "running");
    tokio::time::advance(lag).await;
    assert_eq!(caller.get(&target).await.body["state"], "stopped");
    caller.delete(&target).await;
    assert_eq!(count().await, 1);
    tokio::time::advance(lag).await;
    assert_eq!(count().await, 0);
}

#[tokio::test(start_paused = true)]
async fn each_kind_hides_what_was_carried_out() {
    for kind in kinds(FaultScope::Commit) {
        let caller = caller_with(kind, Fault::default().endpoint("CreateFirewallRule"));
        let rule = json!({ "rule": "FROM any TO all vms ALLOW tcp PORT 80" });
        let request = caller
            .request("POST", "/my/fwrules", 0)
            .await
            .header("content-type", "application/json");
        let started = tokio::time::Instant::now();
        let reply = caller.try_send(request.body(rule.to_string().into()).unwrap()).await;
        check_struck(&caller, kind);
        assert_eq!(started.elapsed(), kind.entry().delay.unwrap_or_default(), "{kind}");
        let expected = match kind {
            FaultKind::AnswerLostAfterCommit => None,
            FaultKind::Error500AfterCommit => Some((500, "InternalError")),
            FaultKind::HangAfterCommit => Some((503, "ServiceUnavailable")),
            FaultKind::SlowAfterCommit => Some((201, "")),
            other => panic!("{other} has no row"),
        };
        let told = reply.map(|reply| {
            (reply.status, reply.body["code"].as_str().unwrap_or_default().to_owned())
        });
        assert_eq!(told, expected.map(|(status, code)| (status, code.to_owned())), "{kind}");
        let rules = caller.get("/my/fwrules").await.body;
        assert_eq!(rules.as_array().unwrap().len(), 1, "{kind}");
    }
}

#[tokio::test]
async fn a_refusal_hides_nothing() {
    let caller = caller_with(FaultKind::AnswerLostAfterCommit, Fault::default().times(1));
    caller
        .get("/my/images/0b0b0b0b-0000-4000-8000-000000000000")
        .await
        .expect(404, "ResourceNotFound");
    assert!(caller.try_get("/my").await.is_none());
    assert_eq!(caller.sim.journal()[1].status, 200, "the status it would have had");
}
