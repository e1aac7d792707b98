//! The live web page and what feeds it; a real browser looks at it in the foreign tests.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use triton_sim::{Fault, FaultKind};

use crate::caller::{Caller, Reply};

async fn view(caller: &Caller, query: &str) -> Value {
    get(caller, &format!("/--sim/view{query}")).await.body
}

async fn get(caller: &Caller, target: &str) -> Reply {
    caller.send(Request::get(target).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn the_page_lets_nothing_but_itself_run() {
    let caller = Caller::new();
    let page = get(&caller, "/--sim/").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert_eq!(get(&caller, "/--sim").await.header("location"), Some("/--sim/"));
}

#[tokio::test]
async fn the_view_shows_everything_once_and_then_what_is_new() {
    let caller = Caller::new();
    let id = caller.create(&json!({ "name": "web", "tag.role": "<b>web" })).await;
    caller.sim.fault(FaultKind::Outage, Fault::default().times(3));
    let first = view(&caller, "").await;
    assert_eq!(first["instances"][0]["id"], id);
    assert_eq!(first["instances"][0]["tags"]["role"], "<b>web");
    assert_eq!(first["requests"][0]["endpoint"], "CreateMachine");
    assert_eq!(first["changes"][0]["name"], "web");
    assert_eq!(first["rate"].as_array().unwrap().iter().filter_map(Value::as_u64).sum::<u64>(), 1);
    let outage = first["faults"].as_array().unwrap().iter().find(|f| f["fault"] == "outage");
    assert_eq!(outage.unwrap()["set"][0]["times"], 3);
    let seen = &first["seen"];
    let second = view(&caller, &format!("?seen={seen}")).await;
    assert!(second.get("instances").is_none(), "nothing has changed");
    assert!(second["networks"].is_array());
    caller.sim.stop_behind_back(id.parse().unwrap());
    let third = view(&caller, &format!("?seen={seen}")).await;
    assert_eq!(third["instances"][0]["state"], "stopped");
}

#[tokio::test]
async fn pages_from_elsewhere_cannot_use_the_control_api() {
    let caller = Caller::new();
    for (origin, status) in [("http://evil.example", 403), ("null", 403), ("http://sim:1", 204)] {
        let request = Request::delete("/--sim/faults").header("host", "sim:1");
        let request = request.header("origin", origin).body(Body::empty()).unwrap();
        assert_eq!(caller.send(request).await.status, status, "{origin}");
    }
}
