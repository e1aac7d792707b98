//! ListMachines and its filters.

use std::collections::BTreeSet;

use serde_json::json;

use crate::caller::{Caller, IMAGE};

async fn names(caller: &Caller, query: &str) -> String {
    let reply = caller.get(&format!("/my/machines?{query}")).await;
    assert_eq!(reply.status, 200, "{query}: {}", reply.body);
    let names =
        reply.body.as_array().unwrap().iter().map(|i| i["name"].as_str().unwrap().to_owned());
    names.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
}

async fn crowd() -> Caller {
    let caller = Caller::new();
    caller.create(&json!({ "name": "web-0", "tag.role": "web", "tag.n": 1 })).await;
    caller.create(&json!({ "name": "web-1", "tag.role": "web", "tag.canary": true })).await;
    caller.create(&json!({ "name": "db-0", "tag.role": "db" })).await;
    let dead = caller.create(&json!({ "name": "dead" })).await;
    caller.delete(&format!("/my/machines/{dead}")).await;
    let failed = caller.create(&json!({ "name": "failed" })).await;
    assert!(caller.sim.fail_behind_back(failed.parse().unwrap()));
    let stopped = caller.create(&json!({ "name": "off" })).await;
    caller.post(&format!("/my/machines/{stopped}"), &json!({ "action": "stop" })).await;
    caller
}

#[tokio::test]
async fn filters_choose() {
    let caller = crowd().await;
    for (query, expected) in [
        ("", "db-0 off web-0 web-1"),
        ("name=web", "web-0 web-1"),
        ("name=web-0", "web-0"),
        ("tag.role=web", "web-0 web-1"),
        ("tag.role=web&tag.canary=true", "web-1"),
        ("tag.n=1", "web-0"),
        ("tag.role=*", "db-0 web-0 web-1"),
        ("tag.role=w*", "web-0 web-1"),
        ("tag=role=web", "db-0 off web-0 web-1"),
        ("tags=*&limit=1", "db-0 web-0 web-1"),
        ("state=running", "db-0 web-0 web-1"),
        ("state=stopped", "off"),
        ("state=provisioning", "db-0 off web-0 web-1"),
        ("state=destroyed", "dead"),
        ("tombstone=false", "db-0 dead failed off web-0 web-1"),
        ("memory=1024&type=smartmachine&brand=lx&docker=false", "db-0 off web-0 web-1"),
        ("memory=512", ""),
        ("docker=true", ""),
        (&format!("image={IMAGE}&name=db"), "db-0"),
    ] {
        assert_eq!(names(&caller, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn filters_that_make_no_sense_are_refused() {
    let caller = crowd().await;
    for (query, status, code) in [
        ("limit=0", 409, "ValidationFailed"),
        ("limit=1001", 409, "ValidationFailed"),
        ("limit=x", 409, "ValidationFailed"),
        ("state=failed", 409, "InvalidArgument"),
        ("type=x", 409, "InvalidArgument"),
        ("docker=x", 409, "InvalidArgument"),
        ("tag.role=", 409, "InvalidArgument"),
        ("name=a%2Fb", 409, "ValidationFailed"),
        ("image=0b0b0b0b-0000-4000-8000-000000000000", 404, "ResourceNotFound"),
    ] {
        caller.get(&format!("/my/machines?{query}")).await.expect(status, code);
    }
}

#[tokio::test]
async fn pages_are_in_descending_order_and_count_themselves() {
    let caller = crowd().await;
    let mut ids = Vec::new();
    for offset in [0, 3] {
        let page = caller.get(&format!("/my/machines?limit=3&offset={offset}")).await;
        assert_eq!(page.header("x-query-limit"), Some("3"));
        let items = page.body.as_array().unwrap().clone();
        assert_eq!(page.header("x-resource-count"), Some(items.len().to_string().as_str()));
        ids.extend(items.into_iter().map(|item| item["id"].as_str().unwrap().to_owned()));
    }
    assert_eq!(ids.len(), 4);
    assert!(ids.is_sorted_by(|a, b| a > b), "{ids:?}");
}
