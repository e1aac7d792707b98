//! Networks, pools, addresses and fabrics.

use serde_json::{Value, json};

use crate::caller::{Caller, PUBLIC, Reply, quiet};

const FABRIC: &str = "a0ae9499-b476-4fef-9861-d0c25029378d";
const EXTERNAL: &str = "17d7aa50-6ad9-4e56-93b7-12dc868fac2a";
const VLANS: &str = "/my/fabrics/default/vlans";

fn network() -> Value {
    json!({
        "name": "web",
        "subnet": "10.50.1.0/24",
        "provision_start_ip": "10.50.1.10",
        "provision_end_ip": "10.50.1.20",
        "gateway": "10.50.1.1",
        "resolvers": ["8.8.8.8"],
        "routes": { "10.60.0.0/16": "10.50.1.2" },
    })
}

async fn make(caller: &Caller) -> String {
    let made = caller.post(&format!("{VLANS}/2/networks"), &network()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    made.body["id"].as_str().unwrap().to_owned()
}

#[track_caller]
fn invalid(reply: &Reply, part: &str) {
    reply.expect(409, "InvalidArgument");
    let message = reply.body["message"].as_str().unwrap();
    assert!(message.contains(part), "{message}");
}

#[tokio::test]
async fn vlans_come_and_go() {
    let caller = Caller::new();
    assert_eq!(caller.get(VLANS).await.body[0]["vlan_id"], 2);
    let body = json!({ "vlan_id": 100, "name": "db", "description": "for data" });
    let made = caller.post(VLANS, &body).await;
    assert_eq!((made.status, &made.body), (201, &body));
    assert_eq!(caller.get(&format!("{VLANS}/100")).await.body, body);
    let renamed =
        caller.send_json("PUT", &format!("{VLANS}/100"), &json!({ "name": "data" })).await;
    assert_eq!((renamed.status, &renamed.body["name"]), (202, &json!("data")));
    assert_eq!(caller.delete(&format!("{VLANS}/100")).await.status, 204);
    caller.get(&format!("{VLANS}/100")).await.expect(404, "ResourceNotFound");
}

#[tokio::test]
async fn vlans_that_cannot_be_are_refused() {
    let caller = Caller::new();
    for (body, part) in [
        (json!({ "vlan_id": 2, "name": "again" }), "already in use"),
        (json!({ "vlan_id": 1, "name": "one" }), "not 1"),
        (json!({ "vlan_id": 4095, "name": "last" }), "between 0 and 4094"),
        (json!({ "name": "none" }), "property \"vlan_id\": is missing"),
        (json!({ "vlan_id": 7 }), "property \"name\": is missing"),
        (json!({ "vlan_id": 7, "name": "7" }), "property \"name\""),
        (json!({ "vlan_id": 7, "name": "seven", "mtu": 1500 }), "property \"mtu\""),
    ] {
        invalid(&caller.post(VLANS, &body).await, part);
    }
    invalid(&caller.delete(&format!("{VLANS}/2")).await, "In use by network");
}

#[tokio::test]
async fn a_fabric_network_can_be_made_used_changed_and_deleted() {
    let caller = Caller::new();
    let id = make(&caller).await;
    let one = format!("{VLANS}/2/networks/{id}");
    let shown = caller.get(&one).await.body;
    for (field, expected) in network().as_object().unwrap() {
        assert_eq!(shown[field], *expected, "{field}");
    }
    assert_eq!((&shown["fabric"], &shown["internet_nat"]), (&json!(true), &json!(true)));
    assert_eq!(caller.get(&format!("/my/networks/{id}")).await.body, shown);
    let fabrics = caller.get("/my/networks?fabric=true").await.body;
    assert_eq!(fabrics.as_array().unwrap().len(), 2);
    let instance = caller.create(&json!({ "networks": [id] })).await;
    let instance = format!("/my/machines/{instance}");
    let nic = caller.get(&instance).await.body["nics"][0].clone();
    assert_eq!((&nic["ip"], &nic["netmask"]), (&json!("10.50.1.10"), &json!("255.255.255.0")));
    assert_eq!((&nic["gateway"], &nic["network"]), (&json!("10.50.1.1"), &json!(id)));
    invalid(&caller.delete(&one).await, "In use by");
    let change = json!({ "provision_start_ip": "10.50.1.100", "provision_end_ip": "10.50.1.110" });
    let changed = caller.send_json("PUT", &one, &change).await;
    assert_eq!((changed.status, &changed.body["provision_end_ip"]), (200, &json!("10.50.1.110")));
    let second = caller.create(&json!({ "networks": [id] })).await;
    let second = format!("/my/machines/{second}");
    assert_eq!(caller.get(&second).await.body["primaryIp"], "10.50.1.100");
    invalid(&caller.send_json("PUT", &one, &json!({ "subnet": "10.0.0.0/8" })).await, "subnet");
    for instance in [instance, second] {
        assert_eq!(caller.delete(&instance).await.status, 204);
    }
    assert_eq!(caller.delete(&one).await.status, 204);
    caller.get(&one).await.expect(404, "ResourceNotFound");
}

#[tokio::test]
async fn fabric_networks_that_cannot_be_are_refused() {
    let caller = Caller::new();
    for (field, value, part) in [
        ("name", json!("1web"), "property \"name\""),
        ("name", Value::Null, "property \"name\": is missing"),
        ("subnet", json!("10.50.1.0"), "CIDR"),
        ("subnet", json!("192.0.2.0/24"), "outside subnet"),
        ("gateway", json!("10.99.0.1"), "gateway cannot be outside subnet"),
        ("gateway", json!("here"), "must be an IPv4 address"),
        ("provision_end_ip", json!("10.50.1.5"), "must be before"),
        ("resolvers", json!("8.8.8.8"), "property \"resolvers\""),
        (
            "resolvers",
            json!(["1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4", "1.1.1.5"]),
            "maximum of 4",
        ),
        ("routes", json!({ "10.60.0.0/16": "there" }), "invalid route"),
        ("mtu", json!(1500), "property \"mtu\""),
    ] {
        let mut body = network();
        body[field] = value;
        invalid(&caller.post(&format!("{VLANS}/2/networks"), &body).await, part);
    }
    let elsewhere = caller.post(&format!("{VLANS}/3/networks"), &network()).await;
    elsewhere.expect(404, "ResourceNotFound");
    let default = caller.delete(&format!("{VLANS}/2/networks/{FABRIC}")).await;
    invalid(&default, "cannot delete default network");
}

#[tokio::test]
async fn a_fabric_is_the_accounts_own() {
    let jill = Caller::of(quiet().account("bob").key(PUBLIC).operator());
    let id = make(&jill).await;
    let mut bob = Caller { sim: jill.sim.clone(), ..Caller::of(quiet()) };
    bob.key_id.account = "bob".to_owned();
    bob.get(&format!("/my/networks/{id}")).await.expect(404, "ResourceNotFound");
    bob.get(&format!("{VLANS}/2/networks/{FABRIC}")).await.expect(404, "ResourceNotFound");
    bob.try_create(&json!({ "networks": [id] })).await.expect(409, "InvalidArgument");
    let own = bob.get(&format!("{VLANS}/2/networks")).await.body;
    assert_eq!(own.as_array().unwrap().len(), 1);
    assert_eq!(bob.get("/my/config").await.body["default_network"], own[0]["id"]);
    assert_eq!(bob.get(&format!("/jill/networks/{id}")).await.status, 200, "an operator may look");
}

#[tokio::test]
async fn without_fabrics_their_endpoints_are_not_implemented() {
    let caller = Caller::of(quiet().fabrics(false));
    caller.get(VLANS).await.expect(501, "NotImplementedError");
    caller
        .post(&format!("{VLANS}/2/networks"), &network())
        .await
        .expect(501, "NotImplementedError");
    let request = caller.request("GET", VLANS, 0).await.header("accept-version", "7.2.0");
    let old = caller.send(request.body(axum::body::Body::empty()).unwrap()).await;
    old.expect(400, "InvalidVersion");
}

#[tokio::test]
async fn addresses_in_use_are_listed_and_can_be_reserved() {
    let caller = Caller::new();
    let id = make(&caller).await;
    let ips = format!("/my/networks/{id}/ips");
    let gateway = json!({ "ip": "10.50.1.1", "reserved": true, "managed": true });
    assert_eq!(caller.get(&ips).await.body, json!([gateway]));
    let first = format!("{ips}/10.50.1.10");
    let free = json!({ "ip": "10.50.1.10", "reserved": false, "managed": false });
    assert_eq!(caller.get(&first).await.body, free);
    let put = async |target: &str, body: Value| caller.send_json("PUT", target, &body).await;
    assert_eq!(put(&first, json!({ "reserved": true })).await.body["reserved"], true);
    put(&first, json!({})).await.expect(409, "MissingParameter");
    invalid(&put(&first, json!({ "reserved": "maybe" })).await, "true or false");
    invalid(&put(&format!("{ips}/10.50.1.1"), json!({ "reserved": true })).await, "managed");
    put(&format!("{ips}/10.51.1.1"), json!({ "reserved": true }))
        .await
        .expect(404, "ResourceNotFound");
    let instance = caller.create(&json!({ "networks": [id] })).await;
    let listed = caller.get(&format!("{ips}?offset=1&limit=2")).await;
    assert_eq!(listed.header("x-query-limit"), Some("2"));
    assert_eq!(listed.header("x-resource-count"), Some("2"));
    assert_eq!(listed.body[0], json!({ "ip": "10.50.1.10", "reserved": true, "managed": false }));
    let used = &listed.body[1];
    assert_eq!((&used["ip"], &used["belongs_to_uuid"]), (&json!("10.50.1.11"), &json!(instance)));
    invalid(&caller.get(&format!("{ips}?limit=0")).await, "limit");
    let ends = put(&first, json!({ "reserved": "false" })).await;
    assert_eq!(ends.body, free);
}

#[tokio::test]
async fn on_shared_networks_only_own_addresses_show() {
    let jill = Caller::of(quiet().account("bob").key(PUBLIC));
    let mut bob = Caller { sim: jill.sim.clone(), ..Caller::of(quiet()) };
    bob.key_id.account = "bob".to_owned();
    jill.create(&json!({ "networks": [EXTERNAL] })).await;
    let ips = format!("/my/networks/{EXTERNAL}/ips");
    let ip = jill.get(&ips).await.body[0]["ip"].as_str().unwrap().to_owned();
    assert_eq!(bob.get(&ips).await.body, json!([]));
    bob.get(&format!("{ips}/{ip}")).await.expect(404, "ResourceNotFound");
    let one = format!("{ips}/{ip}");
    invalid(&jill.send_json("PUT", &one, &json!({ "reserved": true })).await, "public network");
}

#[tokio::test]
async fn a_pool_hides_its_networks_and_gives_one_of_them() {
    let caller = Caller::of(quiet().network_pool("internet", 2));
    let networks = caller.get("/my/networks").await.body;
    let networks = networks.as_array().unwrap();
    assert_eq!(networks.len(), 4, "{networks:?}");
    let pool = networks.iter().find(|network| network["name"] == "internet").unwrap();
    let id = pool["id"].as_str().unwrap();
    assert_eq!(caller.get(&format!("/my/networks/{id}")).await.body, *pool);
    invalid(&caller.get(&format!("/my/networks/{id}/ips")).await, "network pool");
    let instance = caller.create(&json!({ "networks": [id] })).await;
    let nic = caller.get(&format!("/my/machines/{instance}")).await.body["nics"][0].clone();
    assert_ne!(nic["network"], *id, "the member's, not the pool's");
    let member = nic["network"].as_str().unwrap();
    caller.get(&format!("/my/networks/{member}")).await.expect(404, "ResourceNotFound");
}
