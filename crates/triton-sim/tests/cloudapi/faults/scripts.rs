//! Faults by the control API, by file and by catalog.

use std::time::Duration;

use serde_json::json;
use triton_sim::{FaultKind, FaultScope, FaultScript};

use crate::caller::{Caller, control};

#[tokio::test(start_paused = true)]
async fn a_chaos_script_replays_in_time() {
    let caller = Caller::new();
    let script = r#"[
        { "fault": "outage", "at_ms": 2000, "duration_ms": 2000 },
        { "fault": "500", "at_ms": 3000, "duration_ms": 2000 },
        { "fault": "outage", "at_ms": 6000, "times": 1 }
    ]"#;
    assert_eq!(control(&caller, "PUT", "faults", script).await.0, 200);
    let mut statuses = Vec::new();
    for _ in 0..9 {
        statuses.push(caller.get("/my").await.status);
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(statuses, [200, 200, 503, 503, 500, 200, 503, 200, 200]);
    let (_, shown) = control(&caller, "GET", "faults", "").await;
    assert_eq!((&shown[0]["struck"], &shown[2]["struck"]), (&json!(2), &json!(1)));
    assert_eq!(control(&caller, "PUT", "faults", &shown.to_string()).await.0, 200);
    assert_eq!(caller.sim.faults().len(), 3);
}

#[tokio::test]
async fn a_script_with_a_mistake_changes_nothing_and_says_which() {
    let caller = Caller::new();
    control(&caller, "PUT", "faults/outage", "").await;
    let script = r#"{"faults": [{ "fault": "slow" }, { "fault": "outrage" }]}"#;
    let (status, told) = control(&caller, "PUT", "faults", script).await;
    assert_eq!(status, 400);
    let message = r#"reading faults[1]: "outrage" is not a fault; did you mean "outage"?"#;
    assert_eq!(told["message"], message);
    assert_eq!(caller.sim.faults()[0].0, FaultKind::Outage);
    let (status, told) =
        control(&caller, "PUT", "faults/slow", r#"{"endpoint":"ListMachine"}"#).await;
    assert_eq!(status, 400);
    let message = r#"endpoint "ListMachine" is none; did you mean "ListMachines"?"#;
    assert_eq!(told["message"], message);
}

#[tokio::test]
async fn faults_of_one_kind_live_side_by_side() {
    let caller = Caller::new();
    for endpoint in ["ListMachines", "GetAccount"] {
        let body = json!({ "endpoint": endpoint, "times": 1 }).to_string();
        assert_eq!(control(&caller, "PUT", "faults/500", &body).await.0, 200);
    }
    assert_eq!(control(&caller, "GET", "faults/500", "").await.1.as_array().unwrap().len(), 2);
    assert_eq!(control(&caller, "DELETE", "faults/500?endpoint=listmachines", "").await.0, 204);
    assert_eq!(caller.get("/my/machines").await.status, 200);
    assert_eq!(caller.get("/my").await.status, 500);
}

#[tokio::test]
async fn the_journal_tells_which_requests_a_fault_struck() {
    let caller = Caller::new();
    control(&caller, "PUT", "faults/500", r#"{"after_calls": 1, "times": 1}"#).await;
    for _ in 0..3 {
        caller.get("/my").await;
    }
    let (_, struck) = control(&caller, "GET", "requests?struck=500", "").await;
    assert_eq!(struck.as_array().unwrap().len(), 1);
    assert_eq!((&struck[0]["seq"], &struck[0]["struck"]), (&json!(2), &json!(["500"])));
}

#[tokio::test]
async fn the_catalog_can_be_asked_for() {
    let (status, kinds) = control(&Caller::new(), "GET", "fault-kinds", "").await;
    assert_eq!((status, kinds.as_array().unwrap().len()), (200, FaultKind::ALL.len()));
    let slow = kinds.as_array().unwrap().iter().find(|kind| kind["fault"] == "slow").unwrap();
    assert_eq!((&slow["delay_ms"], &slow["scope"]), (&json!(5000), &json!("request")));
}

/// The README's tables, as the catalog has them.
fn tables() -> String {
    let mut text = String::new();
    for scope in FaultScope::ALL {
        text.push_str(&format!("| {} | |\n|---|---|\n", scope.title()));
        for entry in FaultKind::ALL.map(FaultKind::entry).into_iter().filter(|e| e.scope == scope) {
            text.push_str(&format!("| `{}` | {} |\n", entry.kind, entry.description()));
        }
        text.push('\n');
    }
    text
}

#[test]
fn the_readme_lists_the_catalog() {
    let readme = include_str!("../../../README.md");
    let tables = tables();
    assert!(readme.contains(tables.trim_end()), "the README should hold:\n\n{tables}");
}

#[test]
fn a_script_can_be_written_by_hand_in_any_format_that_becomes_a_value() {
    let value = json!({ "faults": [{ "fault": "429", "endpoint": "CreateMachine", "times": 3 }] });
    let script = FaultScript::from_value(&value).unwrap();
    assert_eq!(script.faults[0].0, FaultKind::TooManyRequests);
}
