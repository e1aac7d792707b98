//! NFS volumes, and instances that mount them.

use std::time::Duration;

use serde_json::{Value, json};
use triton_sim::{Delays, Features};

use crate::caller::{Caller, quiet};

const FABRIC: &str = "a0ae9499-b476-4fef-9861-d0c25029378d";
const EXTERNAL: &str = "17d7aa50-6ad9-4e56-93b7-12dc868fac2a";

async fn create(caller: &Caller, name: &str, more: &Value) -> Value {
    let mut body = json!({ "type": "tritonnfs", "name": name });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let reply = caller.post("/my/volumes", &body).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.body
}

#[tokio::test]
async fn a_volume_is_made_renamed_and_removed() {
    tokio::time::pause();
    let [volume, delete] = [4, 2].map(Duration::from_secs);
    let caller = Caller::of(quiet().delays(Delays { volume, delete, ..Delays::none() }));
    let made = create(&caller, "data", &json!({ "tags": { "a": "b" } })).await;
    assert_eq!((&made["state"], &made["size"]), (&json!("creating"), &json!(10_240)));
    assert_eq!((&made["networks"], &made["tags"]), (&json!([FABRIC]), &json!({ "a": "b" })));
    assert_eq!(made.get("filesystem_path"), None);
    let path = format!("/my/volumes/{}", made["id"].as_str().unwrap());
    tokio::time::advance(Duration::from_secs(5)).await;
    let ready = caller.get(&path).await.body;
    assert_eq!(ready["state"], "ready");
    assert!(ready["filesystem_path"].as_str().unwrap().ends_with(":/exports/data"));
    let renamed = caller.post(&path, &json!({ "name": "stuff" })).await;
    assert_eq!((renamed.status, &renamed.body["name"]), (200, &json!("stuff")));
    assert_eq!(caller.delete(&path).await.status, 204);
    assert_eq!(caller.get(&path).await.body["state"], "deleting");
    assert_eq!(caller.delete(&path).await.status, 204);
    tokio::time::advance(Duration::from_secs(3)).await;
    caller.get(&path).await.expect(404, "VolumeNotFound");
    caller.delete(&path).await.expect(404, "VolumeNotFound");
}

#[tokio::test]
async fn what_is_no_volume_is_refused() {
    let caller = Caller::new();
    create(&caller, "data", &json!({})).await;
    for (body, code) in [
        (json!({}), "InvalidArgument"),
        (json!({ "type": "zfs" }), "InvalidArgument"),
        (json!({ "type": "tritonnfs", "name": "-a" }), "InvalidArgument"),
        (json!({ "type": "tritonnfs", "size": "10240" }), "InvalidArgument"),
        (json!({ "type": "tritonnfs", "size": 7 }), "VolumeSizeNotAvailable"),
        (json!({ "type": "tritonnfs", "networks": "all" }), "InvalidArgument"),
        (json!({ "type": "tritonnfs", "networks": [EXTERNAL] }), "InvalidArgument"),
        (json!({ "type": "tritonnfs", "tags": { "a": 1 } }), "InvalidArgument"),
        (json!({ "type": "tritonnfs", "affinity": "a==b" }), "InvalidArgument"),
        (json!({ "type": "tritonnfs", "affinity": ["a"] }), "InvalidArgument"),
        (json!({ "type": "tritonnfs", "name": "data" }), "VolumeAlreadyExists"),
    ] {
        caller.post("/my/volumes", &body).await.expect(409, code);
    }
    caller.get("/my/volumes/data").await.expect(409, "InvalidArgument");
    caller.get("/my/volumes?limit=1").await.expect(409, "InvalidArgument");
    caller.get("/my/volumesizes?type=x").await.expect(409, "InvalidArgument");
    let all = caller.post("/my/volumes", &json!({ "type": "x", "name": "-" })).await;
    assert!(all.body["message"].as_str().unwrap().contains("name"), "{}", all.body);
    assert!(all.body["message"].as_str().unwrap().contains("type"), "all of it at once");
}

#[tokio::test]
async fn volumes_are_found_by_their_parts() {
    let caller = Caller::new();
    for (name, size) in [("data-1", 10_240), ("data-2", 20_480), ("logs", 10_240)] {
        create(&caller, name, &json!({ "size": size })).await;
    }
    let broken = create(&caller, "broken", &json!({})).await;
    let broken = broken["id"].as_str().unwrap().parse().unwrap();
    assert!(caller.sim.fail_volume_behind_back(broken));
    for (query, expected) in [
        ("", "data-1 data-2 logs"),
        ("?name=data*", "data-1 data-2"),
        ("?name=*1", "data-1"),
        ("?size=10240", "data-1 logs"),
        ("?state=ready&name=logs", "logs"),
        ("?state=failed", "broken"),
        ("?type=tritonnfs", "data-1 data-2 logs"),
        ("?predicate=%7B%22eq%22:%5B%22name%22,%22logs%22%5D%7D", "logs"),
        ("?predicate=%7B%22gt%22:%5B%22size%22,10240%5D%7D", "data-2"),
    ] {
        let reply = caller.get(&format!("/my/volumes{query}")).await;
        let list = reply.body.as_array().unwrap().iter();
        let mut names: Vec<_> = list.map(|v| v["name"].as_str().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names.join(" "), expected, "{query}");
    }
    let both = "/my/volumes?name=logs&predicate=%7B%22eq%22:%5B%22name%22,%22logs%22%5D%7D";
    caller.get(both).await.expect(409, "InvalidArgument");
    let sizes = caller.get("/my/volumesizes").await.body;
    assert_eq!(sizes[0], json!({ "size": 10_240, "type": "tritonnfs" }));
}

fn mount(name: &str) -> Value {
    json!({ "volumes": [{ "name": name, "mountpoint": "/data" }] })
}

#[tokio::test]
async fn a_volume_in_use_stays() {
    let caller = Caller::new();
    let volume = create(&caller, "data", &json!({})).await;
    let path = format!("/my/volumes/{}", volume["id"].as_str().unwrap());
    let instance = caller.create(&mount("data")).await;
    assert_eq!(caller.get(&path).await.body["refs"], json!([instance]));
    caller.delete(&path).await.expect(409, "VolumeInUse");
    caller.post(&path, &json!({ "name": "other" })).await.expect(409, "VolumeInUse");
    caller.post(&format!("/my/machines/{instance}?action=stop"), &json!({})).await;
    caller.delete(&path).await.expect(409, "VolumeInUse");
    caller.delete(&format!("/my/machines/{instance}")).await;
    assert_eq!(caller.delete(&path).await.status, 204);
    let other = caller.create(&mount("fresh")).await;
    let made = caller.get("/my/volumes?name=fresh").await.body;
    assert_eq!(made[0]["refs"], json!([other]), "a volume that is not there is made");
}

#[tokio::test]
async fn instances_mount_what_they_can() {
    let caller = Caller::new();
    create(&caller, "data", &json!({})).await;
    let mut body = mount("data");
    body["networks"] = json!([EXTERNAL]);
    caller.try_create(&body).await.expect(409, "VolumesNotReachableError");
    let mut body = mount("data");
    body["image"] = json!("ac99517a-72ac-44c0-90e6-c7ce3d944a0a");
    caller.try_create(&body).await.expect(409, "InvalidArgument");
    caller.try_create(&json!({ "volumes": ["data"] })).await.expect(500, "InternalError");
    let mut features = Features::default();
    features.volumes_at_create = false;
    caller.sim.set_features(features);
    caller.try_create(&mount("data")).await.expect(409, "InvalidArgument");
    features.volumes = false;
    caller.sim.set_features(features);
    caller.get("/my/volumes").await.expect(404, "ResourceNotFound");
}

#[tokio::test]
async fn a_mount_that_cannot_be_is_never_answered() {
    tokio::time::pause();
    let caller = Caller::new();
    let begun = tokio::time::Instant::now();
    let body = json!({ "volumes": [{ "name": "data", "mountpoint": "/" }] });
    caller.try_create(&body).await.expect(503, "ServiceUnavailable");
    assert!(begun.elapsed() >= Duration::from_secs(120), "{:?}", begun.elapsed());
    assert!(caller.sim.instances().is_empty());
}
