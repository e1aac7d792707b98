//! The datacenter behind CloudAPI: room, limits, compute nodes that go down, names, and deeds nobody asked for.

use std::time::Duration;

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use triton_sim::{Condition, Delays, LimitBy, ProvisionLimit, ShownState};
use uuid::Uuid;

use crate::caller::{Caller, PACKAGE, quiet};

async fn operate(
    caller: &Caller,
    method: &str,
    target: &str,
    body: &Value,
) -> crate::caller::Reply {
    let request = Request::builder().method(method).uri(target);
    caller.send(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn a_full_datacenter_takes_no_more() {
    let caller = Caller::of(quiet().compute_nodes(2).compute_node_memory_mib(1024));
    let first = caller.create(&json!({})).await;
    caller.create(&json!({})).await;
    caller.try_create(&json!({})).await.expect(409, "NoAllocatableServersError");
    caller.delete(&format!("/my/machines/{first}")).await;
    caller.create(&json!({})).await;
}

#[tokio::test]
async fn limits_are_shown_and_kept() {
    let limit = ProvisionLimit::new(LimitBy::Ram, 2048);
    let caller = Caller::of(quiet().limit(limit).limit(ProvisionLimit::new(LimitBy::Machines, 3)));
    let id = caller.create(&json!({})).await;
    let limits = caller.get("/my/limits").await.body;
    assert_eq!(limits[0], json!({ "by": "ram", "value": 2048, "used": 1024 }));
    assert_eq!(limits[1], json!({ "by": "machines", "value": 3, "used": 1 }));
    let refused = caller.try_create(&json!({ "package": "g4-highcpu-2G" })).await;
    refused.expect(403, "NotAuthorized");
    assert!(refused.body["message"].as_str().unwrap().starts_with("Quota exceeded"));
    let resize = format!("/my/machines/{id}?action=resize");
    assert_eq!(caller.post(&resize, &json!({ "package": "g4-highcpu-2G" })).await.status, 202);
    caller.post(&resize, &json!({ "package": "g4-general-4G" })).await.expect(403, "NotAuthorized");
    let lifted = operate(&caller, "PUT", "/--sim/accounts/jill/limits", &json!([])).await;
    assert_eq!(lifted.status, 204);
    assert_eq!(caller.get("/my/limits").await.body, json!([]));
}

#[tokio::test]
async fn a_compute_node_that_is_down_does_nothing() {
    tokio::time::pause();
    let delays = Delays { job: Duration::from_secs(1), ..Delays::none() };
    let caller = Caller::of(quiet().compute_nodes(2).delays(delays));
    let id = caller.create(&json!({})).await;
    let path = format!("/my/machines/{id}");
    let home: Uuid =
        caller.get(&path).await.body["compute_node"].as_str().unwrap().parse().unwrap();
    let down = json!({ "condition": "down", "instances_show": "unknown" });
    let nodes = operate(&caller, "PUT", &format!("/--sim/compute-nodes/{home}"), &down).await;
    assert_eq!(nodes.status, 200, "{}", nodes.body);
    assert_eq!(caller.get(&path).await.body["state"], "unknown");
    caller.post(&format!("{path}?action=stop"), &json!({})).await;
    tokio::time::advance(Duration::from_secs(60)).await;
    assert!(
        caller
            .sim
            .set_compute_node(home, Condition::Down { instances_show: Some(ShownState::Offline) })
    );
    assert_eq!(caller.get(&path).await.body["state"], "offline");
    for _ in 0..3 {
        let other = caller.create(&json!({})).await;
        let other = caller.get(&format!("/my/machines/{other}")).await.body;
        assert_ne!(other["compute_node"], json!(home));
    }
    assert!(caller.sim.set_compute_node(home, Condition::Up));
    assert_eq!(caller.get(&path).await.body["state"], "stopped", "the job went on");
    assert_eq!(caller.sim.compute_nodes()[0].condition, Condition::Up);
}

#[tokio::test]
async fn names_of_instances_and_services_resolve() {
    let caller = Caller::of(quiet().cns());
    let id = caller.create(&json!({ "name": "web-0", "tag.triton.cns.services": "web:80" })).await;
    let shown = caller.get(&format!("/my/machines/{id}")).await.body;
    let names: Vec<&str> =
        shown["dns_names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let service = names.iter().find(|name| name.starts_with("web.svc.")).unwrap();
    let resolved = operate(&caller, "GET", &format!("/--sim/cns/{service}"), &json!({})).await.body;
    assert_eq!(resolved["addresses"], shown["ips"]);
    assert_eq!(resolved["services"][0][1], 80);
    let unknown = operate(&caller, "GET", "/--sim/cns/nobody.example.com", &json!({})).await;
    assert_eq!(unknown.status, 404);
    caller
        .post(&format!("/my/machines/{id}/metadata"), &json!({ "triton.cns.status": "down" }))
        .await;
    let drained = caller.sim.resolve(service).unwrap();
    assert_eq!((drained.addresses.len(), drained.texts), (0, vec![format!("verifying:{id}")]));
    assert_eq!(caller.get("/my/machines").await.body[0].get("dns_names"), None);
    let networks = caller.get("/my/networks").await.body;
    let suffix = networks[0]["suffixes"][0].as_str().unwrap();
    assert!(service.ends_with(suffix), "{service} does not end in {suffix}");
}

#[tokio::test]
async fn deeds_behind_ones_back_need_no_job() {
    let caller = Caller::new();
    let id = caller.create(&json!({ "name": "web", "tag.role": "web" })).await;
    let before = caller.get(&format!("/my/machines/{id}")).await.body;
    for (deed, body) in [
        ("rename", json!({ "name": "other" })),
        ("retag", json!({ "tags": { "role": "db" } })),
        ("readdress", json!({})),
        ("migrate", json!({})),
    ] {
        let reply = operate(&caller, "POST", &format!("/--sim/instances/{id}/{deed}"), &body).await;
        assert_eq!(reply.status, 200, "{deed}: {}", reply.body);
    }
    let after = caller.get(&format!("/my/machines/{id}")).await.body;
    assert_eq!((&after["name"], &after["tags"]), (&json!("other"), &json!({ "role": "db" })));
    assert_ne!(after["primaryIp"], before["primaryIp"]);
    assert_ne!(after["compute_node"], before["compute_node"]);
    assert_eq!(caller.get("/my/machines?name=other&tag.role=db").await.body[0]["id"], json!(id));
    let audit = caller.get(&format!("/my/machines/{id}/audit")).await.body;
    assert_eq!(audit.as_array().unwrap().len(), 1, "only the provisioning");
    let bad = operate(&caller, "POST", &format!("/--sim/instances/{id}/rename"), &json!({})).await;
    assert_eq!(bad.status, 400);
}

#[tokio::test]
async fn the_dead_are_forgotten_some_day() {
    tokio::time::pause();
    let caller = Caller::of(quiet().history(Duration::from_secs(3600)));
    let id = caller.create(&json!({})).await;
    let path = format!("/my/machines/{id}");
    caller.delete(&path).await;
    tokio::time::advance(Duration::from_secs(3500)).await;
    assert_eq!(caller.get(&path).await.status, 410);
    tokio::time::advance(Duration::from_secs(200)).await;
    caller.get(&path).await.expect(404, "ResourceNotFound");
    assert!(caller.sim.instances().is_empty());
}

#[tokio::test]
async fn some_packages_stay_off_fabric_networks() {
    let caller = Caller::of(quiet().fabric_package_prefix("g4-general"));
    let fabric = json!({ "networks": ["a0ae9499-b476-4fef-9861-d0c25029378d"] });
    caller.try_create(&fabric).await.expect(409, "InvalidFabricPackage");
    let mut allowed = fabric;
    allowed["package"] = json!("g4-general-4G");
    caller.create(&allowed).await;
    let id = caller.create(&json!({})).await;
    let shown = caller.get(&format!("/my/machines/{id}")).await.body;
    assert_eq!(shown["networks"].as_array().unwrap().len(), 1, "the default fabric is left out");
}

#[tokio::test]
async fn what_an_instance_cannot_be_is_refused() {
    let caller = Caller::of(quiet().cns());
    let fabric = "a0ae9499-b476-4fef-9861-d0c25029378d";
    for (body, status, code) in [
        (json!({ "name": "a".repeat(64) }), 409, "InvalidArgument"),
        (json!({ "name": 7 }), 500, "InternalError"),
        (json!({ "delegate_dataset": true }), 409, "InvalidArgument"),
        (json!({ "bootrom": "uefi" }), 409, "InvalidArgument"),
        (json!({ "affinity": ["a==b"], "locality": {} }), 409, "InvalidArgument"),
        (json!({ "locality": { "near": "x" } }), 409, "ValidationFailed"),
        (json!({ "networks": [fabric, { "ipv4_uuid": fabric }] }), 409, "InvalidArgument"),
        (
            json!({ "networks": [{ "ipv4_uuid": fabric, "ipv4_ips": ["1.2.3.4"] }] }),
            409,
            "InvalidArgument",
        ),
        (json!({ "networks": [7] }), 409, "InvalidArgument"),
        (json!({ "dataset": crate::caller::IMAGE }), 409, "InvalidArgument"),
    ] {
        caller.try_create(&body).await.expect(status, code);
    }
    let reply = caller.post("/my/machines", &json!({ "package": PACKAGE })).await;
    reply.expect(409, "MissingParameter");
    let id = caller
        .create(&json!({ "delegate_dataset": "true", "disks": [{}], "encrypted": true }))
        .await;
    let shown = caller.get(&format!("/my/machines/{id}")).await.body;
    assert_eq!((shown.get("delegate_dataset"), &shown["encrypted"]), (None, &json!(true)));
    let only = caller.create(&json!({ "default_networks": ["internal"] })).await;
    let shown = caller.get(&format!("/my/machines/{only}")).await.body;
    assert_eq!(shown["networks"], json!([fabric]));
}
