//! Disks of bhyve instances.

use std::time::Duration;

use serde_json::{Value, json};
use triton_sim::Delays;

use crate::caller::{Caller, quiet};

const BHYVE_IMAGE: &str = "2f4d2204-6a51-4b6f-9d4d-22040bb7e001";
const FLEXIBLE: &str = "g4-bhyve-flex-8G";

/// A stopped instance with a boot disk of 10 GiB and 190 GiB left, and the path of its disks.
async fn stopped(caller: &Caller) -> (String, String) {
    let body = json!({ "image": BHYVE_IMAGE, "package": FLEXIBLE, "disks": [{}] });
    let id = caller.create(&body).await;
    caller.post(&format!("/my/machines/{id}?action=stop"), &json!({})).await;
    tokio::time::advance(Duration::from_secs(10)).await;
    (format!("/my/machines/{id}"), format!("/my/machines/{id}/disks"))
}

fn slow() -> Caller {
    tokio::time::pause();
    let [job, disk] = [1, 3].map(Duration::from_secs);
    Caller::of(quiet().delays(Delays { job, disk, ..Delays::none() }))
}

fn sizes(disks: &Value) -> Vec<u64> {
    disks.as_array().unwrap().iter().map(|disk| disk["size"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn disks_come_from_the_package() {
    let caller = Caller::new();
    let id = caller.create(&json!({ "image": BHYVE_IMAGE, "package": "g4-bhyve-4G" })).await;
    let shown = caller.get(&format!("/my/machines/{id}")).await.body;
    assert_eq!(
        (sizes(&shown["disks"]), &shown["flexible"]),
        (vec![10_240, 102_400], &json!(false))
    );
    assert_eq!((&shown["disk"], shown.get("free_space")), (&json!(102_400), None));
    let disks = json!([{}, { "size": 512, "block_size": 4096 }]);
    let body = json!({ "image": BHYVE_IMAGE, "package": FLEXIBLE, "disks": disks });
    let id = caller.create(&body).await;
    let shown = caller.get(&format!("/my/machines/{id}")).await.body;
    assert_eq!((sizes(&shown["disks"]), &shown["flexible"]), (vec![10_240, 512], &json!(true)));
    assert_eq!((&shown["disk"], &shown["free_space"]), (&json!(204_800), &json!(194_048)));
    assert_eq!(
        (&shown["disks"][0]["boot"], &shown["disks"][1]["block_size"]),
        (&json!(true), &json!(4096))
    );
    let listed = caller.get(&format!("/my/machines/{id}/disks")).await.body;
    assert_eq!(listed[0]["id"], shown["disks"][0]["id"]);
    assert_eq!((&listed[0]["pci_slot"], &listed[1]["state"]), (&json!("0:4:0"), &json!("running")));
    caller
        .try_create(&json!({ "image": BHYVE_IMAGE, "package": "g4-bhyve-4G", "disks": [{}] }))
        .await
        .expect(409, "InvalidArgument");
}

#[tokio::test]
async fn a_disk_is_made_resized_and_removed() {
    let caller = slow();
    let (instance, path) = stopped(&caller).await;
    let made = caller.post(&path, &json!({ "size": 1024 })).await;
    assert_eq!((made.status, made.body), (202, json!(null)));
    let made = caller.post(&path, &json!({ "size": 2048, "pci_slot": "0:5:0" })).await;
    assert_eq!((made.status, &made.body["state"]), (200, &json!("creating")));
    let disk = made.header("location").unwrap().to_owned();
    let listed = caller.get(&path).await.body;
    assert_eq!(sizes(&listed), [10_240, 2048], "the one without a slot is not shown yet");
    caller.get(&disk).await.expect(404, "ResourceNotFound");
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(caller.get(&path).await.header("x-resource-count"), Some("3"));
    assert_eq!(caller.get(&disk).await.body["state"], "stopped");

    caller.post(&disk, &json!({ "size": 1024 })).await.expect(409, "ValidationFailed");
    let shrink = json!({ "size": 1024, "dangerous_allow_shrink": true });
    assert_eq!(caller.post(&disk, &shrink).await.body["state"], "resizing");
    assert_eq!(caller.get(&disk).await.body["state"], "resizing");
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(caller.get(&disk).await.body["size"], 1024);

    assert_eq!(caller.delete(&disk).await.status, 204);
    assert_eq!(caller.get(&disk).await.body["state"], "deleting");
    tokio::time::advance(Duration::from_secs(5)).await;
    caller.get(&disk).await.expect(404, "ResourceNotFound");
    caller.post(&path, &json!({ "size": "remaining" })).await;
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(caller.get(&instance).await.body["free_space"], 0);
}

#[tokio::test]
async fn what_disks_cannot_be_is_refused() {
    let caller = slow();
    let (_, path) = stopped(&caller).await;
    let boot = caller.get(&path).await.body[0]["id"].as_str().unwrap().to_owned();
    for (body, code) in [
        (json!({}), "MissingParameter"),
        (json!({ "size": "big" }), "InvalidArgument"),
        (json!({ "size": 1, "pci_slot": "slot" }), "InvalidArgument"),
        (json!({ "size": 1, "pci_slot": "0:4:0" }), "ValidationFailed"),
        (json!({ "size": 194_561 }), "InsufficientDiskSpace"),
        (json!({ "size": -1 }), "ValidationFailed"),
    ] {
        caller.post(&path, &body).await.expect(409, code);
    }
    let boot = format!("{path}/{boot}");
    caller.post(&boot, &json!({})).await.expect(409, "MissingParameter");
    caller.post(&boot, &json!({ "size": 300_000 })).await.expect(409, "InsufficientDiskSpace");
    let shrink = json!({ "size": 20_000, "dangerous_allow_shrink": "true" });
    caller.post(&boot, &shrink).await.expect(409, "InvalidArgument");
    caller.delete(&boot).await.expect(409, "ValidationFailed");
    caller.get(&format!("{path}/nothing")).await.expect(404, "ResourceNotFound");
    for index in 1..8 {
        caller.post(&path, &json!({ "size": index, "pci_slot": format!("0:6:{index}") })).await;
        tokio::time::advance(Duration::from_secs(5)).await;
    }
    caller.post(&path, &json!({ "size": 1 })).await.expect(409, "InvalidArgument");
}

#[tokio::test]
async fn only_stopped_flexible_bhyve_instances_have_their_disks_changed() {
    let caller = Caller::new();
    let running = caller.create(&json!({ "image": BHYVE_IMAGE, "package": FLEXIBLE })).await;
    let path = format!("/my/machines/{running}/disks");
    caller.post(&path, &json!({ "size": 1 })).await.expect(409, "InvalidArgument");
    let stiff = caller.create(&json!({ "image": BHYVE_IMAGE, "package": "g4-bhyve-4G" })).await;
    caller.post(&format!("/my/machines/{stiff}?action=stop"), &json!({})).await;
    let path = format!("/my/machines/{stiff}/disks");
    caller.post(&path, &json!({ "size": 1 })).await.expect(409, "VmWithoutFlexibleDiskSize");
    let container = caller.create(&json!({})).await;
    let path = format!("/my/machines/{container}/disks");
    caller.post(&path, &json!({ "size": 1 })).await.expect(409, "InvalidArgument");
    assert_eq!(caller.get(&path).await.body, json!([]));
}
