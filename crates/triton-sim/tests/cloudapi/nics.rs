//! Adding and removing NICs.

use std::time::Duration;

use serde_json::json;
use triton_sim::Delays;

use crate::caller::{Caller, quiet};

const EXTERNAL: &str = "17d7aa50-6ad9-4e56-93b7-12dc868fac2a";
const FABRIC: &str = "a0ae9499-b476-4fef-9861-d0c25029378d";
const NAT: &str = "5983940e-58a5-4543-b732-c689b1fe4c08";

fn slow() -> Caller {
    tokio::time::pause();
    let [job, reboot] = [1, 5].map(Duration::from_secs);
    Caller::of(quiet().delays(Delays { job, reboot, ..Delays::none() }))
}

#[tokio::test]
async fn a_nic_is_provisioning_until_the_instance_has_rebooted() {
    let caller = slow();
    let id = caller.create(&json!({ "networks": [EXTERNAL] })).await;
    let path = format!("/my/machines/{id}/nics");
    let added = caller.post(&path, &json!({ "network": FABRIC })).await;
    assert_eq!((added.status, &added.body["state"]), (201, &json!("provisioning")));
    let location = added.header("location").unwrap().to_owned();
    let mac = added.body["mac"].as_str().unwrap().replace(':', "");
    assert_eq!(location, format!("/jill/machines/{id}/nics/{mac}"));
    assert_eq!(caller.get(&location).await.body["state"], "provisioning");
    assert_eq!(caller.get(&path).await.header("x-resource-count"), Some("2"));
    let shown = caller.get(&format!("/my/machines/{id}")).await.body;
    assert_eq!(shown["networks"], json!([EXTERNAL]), "the instance does not know it yet");
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(caller.get(&format!("/my/machines/{id}")).await.body["state"], "stopping");
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(caller.get(&location).await.body["state"], "running");
    let shown = caller.get(&format!("/my/machines/{id}")).await.body;
    assert_eq!(shown["networks"], json!([EXTERNAL, FABRIC]));
    assert_eq!(shown["primaryIp"], shown["ips"][0]);
    let audit = caller.get(&format!("/my/machines/{id}/audit")).await.body;
    assert_eq!((&audit[0]["action"], &audit[0]["success"]), (&json!("add_nics"), &json!("yes")));

    assert_eq!(caller.delete(&location).await.status, 204);
    assert_eq!(caller.get(&location).await.status, 200, "the job has not begun");
    tokio::time::advance(Duration::from_secs(7)).await;
    caller.get(&location).await.expect(404, "ResourceNotFound");
    let ip = added.body["ip"].as_str().unwrap();
    let again = json!({ "network": { "ipv4_uuid": FABRIC, "ipv4_ips": [ip] } });
    assert_eq!(caller.post(&path, &again).await.body["ip"], ip, "the address is free again");
}

#[tokio::test]
async fn one_network_has_one_nic() {
    let caller = Caller::new();
    let id = caller.create(&json!({ "networks": [EXTERNAL] })).await;
    let path = format!("/my/machines/{id}/nics");
    let first = caller.get(&path).await.body[0]["mac"].as_str().unwrap().replace(':', "");
    let reply = caller.post(&path, &json!({ "network": EXTERNAL })).await;
    assert_eq!((reply.status, reply.body), (302, json!(null)));
    let location = reply.headers["location"].to_str().unwrap();
    assert_eq!(location, format!("/jill/machines/{id}/nics/{first}"));
}

#[tokio::test]
async fn a_new_primary_takes_the_place_of_the_old() {
    let caller = Caller::new();
    let id = caller.create(&json!({ "networks": [EXTERNAL] })).await;
    let path = format!("/my/machines/{id}/nics");
    caller.post(&path, &json!({ "network": NAT, "primary": true })).await;
    let shown = caller.get(&format!("/my/machines/{id}")).await.body;
    assert_eq!(shown["primaryIp"], shown["ips"][1]);
    let mac = shown["nics"][1]["mac"].as_str().unwrap().replace(':', "");
    caller.delete(&format!("{path}/{mac}")).await;
    let shown = caller.get(&format!("/my/machines/{id}")).await.body;
    assert_eq!(
        (&shown["primaryIp"], shown["nics"].as_array().unwrap().len()),
        (&shown["ips"][0], 1)
    );
}

#[tokio::test]
async fn what_makes_no_nic_is_refused() {
    let caller = slow();
    let id = caller.create(&json!({ "networks": [EXTERNAL] })).await;
    let path = format!("/my/machines/{id}/nics");
    let unknown = "0b0b0b0b-0000-4000-8000-000000000000";
    for (network, status, code) in [
        (json!(null), 409, "MissingParameter"),
        (json!("external"), 409, "InvalidArgument"),
        (json!(7), 409, "InvalidArgument"),
        (json!(unknown), 409, "InvalidArgument"),
        (json!({}), 409, "MissingParameter"),
        (json!({ "ipv4_uuid": 7 }), 409, "InvalidArgument"),
        (json!({ "ipv4_uuid": FABRIC, "ipv4_count": 2 }), 409, "InvalidArgument"),
        (json!({ "ipv4_uuid": FABRIC, "ipv4_ips": [] }), 409, "InvalidArgument"),
        (json!({ "ipv4_uuid": EXTERNAL, "ipv4_ips": ["127.64.0.9"] }), 409, "InvalidArgument"),
        (json!({ "ipv4_uuid": unknown, "ipv4_ips": ["127.64.0.9"] }), 404, "ResourceNotFound"),
        (json!({ "ipv4_uuid": FABRIC, "ipv4_ips": ["10.0.0.1"] }), 409, "InvalidArgument"),
    ] {
        caller.post(&path, &json!({ "network": network })).await.expect(status, code);
    }
    caller.get(&format!("{path}/zz")).await.expect(409, "InvalidArgument");
    caller.get(&format!("{path}/90b8d0000000")).await.expect(404, "ResourceNotFound");
}
