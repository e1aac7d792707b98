//! The account itself, its configuration, and what the datacenter says of itself.

use axum::body::Body;
use http::Request;
use serde_json::json;

use crate::caller::{Caller, PUBLIC, quiet};

const FABRIC: &str = "a0ae9499-b476-4fef-9861-d0c25029378d";
const EXTERNAL: &str = "17d7aa50-6ad9-4e56-93b7-12dc868fac2a";

#[tokio::test]
async fn an_account_changes_its_contact_fields_and_cns() {
    let caller = Caller::new();
    let body = json!({ "companyName": "Acme", "postalCode": "1234", "triton_cns_enabled": "true", "login": "eve" });
    let changed = caller.post("/my", &body).await;
    assert_eq!(changed.status, 200);
    assert_eq!(caller.get("/my").await.body, changed.body);
    assert_eq!(changed.body["triton_cns_enabled"], true);
    assert_eq!(
        (&changed.body["companyName"], &changed.body["login"]),
        (&json!("Acme"), &json!("jill"))
    );
    let maybe = caller.post("/my", &json!({ "triton_cns_enabled": "maybe" })).await;
    maybe.expect(409, "InvalidArgument");
}

#[tokio::test]
async fn the_default_network_is_a_fabric_network_of_the_account() {
    let caller = Caller::new();
    assert_eq!(caller.get("/my/config").await.body, json!({ "default_network": FABRIC }));
    let put = async |body| caller.send_json("PUT", "/my/config", &body).await;
    put(json!({})).await.expect(409, "InvalidArgument");
    put(json!({ "default_network": "home" })).await.expect(409, "InvalidArgument");
    put(json!({ "default_network": EXTERNAL })).await.expect(409, "InvalidArgument");
    put(json!({ "default_network": FABRIC, "other": 1 })).await.expect(409, "InvalidArgument");
    assert_eq!(put(json!({ "default_network": FABRIC })).await.status, 200);
}

#[tokio::test]
async fn services_and_datacenters_are_what_the_operator_says() {
    let builder = quiet().service("manta", "https://manta.example.com");
    let caller = Caller::of(builder.datacenter("eu-1", "https://eu-1.example.com"));
    let services = caller.get("/my/services").await.body;
    assert_eq!(services["manta"], "https://manta.example.com");
    assert!(services["cloudapi"].is_string());
    let datacenters = caller.get("/my/datacenters").await;
    assert_eq!(datacenters.header("triton-datacenter-name"), Some("sim-1"));
    assert_eq!(datacenters.body["eu-1"], "https://eu-1.example.com");
    let moved = caller.get("/my/datacenters/eu-1").await;
    moved.expect(302, "ResourceMoved");
    assert_eq!(moved.header("location"), Some("https://eu-1.example.com"));
    caller.get("/my/datacenters/mars").await.expect(404, "ResourceNotFound");
    caller.get("/my/foreigndatacenters").await.expect(403, "Forbidden");
}

#[tokio::test]
async fn operators_see_that_there_are_no_foreign_datacenters() {
    let operator = Caller::of(quiet().operator());
    assert_eq!(operator.get("/my/foreigndatacenters").await.body, json!([]));
}

#[tokio::test]
async fn the_manual_is_elsewhere() {
    let caller = Caller::new();
    for target in ["/", "/docs", "/docs/index.html", "/favicon.ico"] {
        let reply = caller.send(Request::get(target).body(Body::empty()).unwrap()).await;
        assert_eq!(reply.status, 302, "{target}");
        assert!(reply.header("location").unwrap().starts_with("http://apidocs."));
    }
    let ping = caller.send(Request::get("/--ping").body(Body::empty()).unwrap()).await;
    assert_eq!(ping.header("triton-datacenter-name"), Some("sim-1"));
    let versions = json!(["7.0.0", "7.1.0", "7.2.0", "7.3.0", "8.0.0", "9.0.0"]);
    assert_eq!(ping.body, json!({ "ping": "pong", "cloudapi": { "versions": versions } }));
}

#[tokio::test]
async fn the_administrator_is_never_throttled() {
    let builder = triton_sim::Sim::builder().account("admin").key(PUBLIC).listen(false);
    let mut admin = Caller::of(builder);
    admin.key_id.account = "admin".to_owned();
    for _ in 0..40 {
        assert_eq!(admin.get("/my").await.status, 200);
    }
}
