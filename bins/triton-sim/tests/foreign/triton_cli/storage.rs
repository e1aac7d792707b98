//! `triton instance snapshot`, `triton instance disk` and `triton volume`.

use serde_json::json;

use super::instances::create;
use crate::stage::Stage;

#[test]
fn a_snapshot_lives_and_dies() {
    let stage = Stage::start();
    create(&stage, "web0");
    stage.says(&snapshot(&["create", "-w", "-n", "before", "web0"]));
    let taken = stage.json(&snapshot(&["get", "-j", "web0", "before"]));
    assert_eq!((&taken["name"], &taken["state"]), (&json!("before"), &json!("created")));
    assert!(taken["created"].as_str().unwrap().ends_with('Z'), "{taken:#?}");
    assert_eq!(stage.jsons(&snapshot(&["list", "-j", "web0"])), [taken]);
    stage.says(&["instance", "rename", "-w", "web0", "web1"]);
    stage.says(&["instance", "start", "-w", "--snapshot=before", "web1"]);
    // The CLI waits for a state that is there until the job begins.
    stage.says(&["instance", "wait", "-s", "running", "web1"]);
    stage.says(&snapshot(&["delete", "-wf", "web1", "before"]));
    assert!(stage.jsons(&snapshot(&["list", "-j", "web1"])).is_empty());
    // As long as its job is remembered (sdc-cloudapi, lib/snapshots.js).
    let deleted = stage.json(&snapshot(&["get", "-j", "web1", "before"]));
    assert_eq!(deleted, json!({"name": "before", "state": "deleted"}));
    let gone = stage.triton(&snapshot(&["get", "web1", "never"]));
    assert!(gone.stderr.contains("(ResourceNotFound)"), "{gone:#?}");
}

#[test]
fn disks_are_added_grown_and_taken_away_while_the_instance_is_stopped() {
    let stage = Stage::start();
    let told = stage.jsons(&[
        "create",
        "-wj",
        "-n",
        "vm0",
        "--brand=bhyve",
        "--disk={}",
        "--disk={\"size\":20480}",
        "ubuntu-certified-22.04",
        "g4-bhyve-flex-8G",
    ]);
    let disks = told.last().unwrap()["disks"].as_array().unwrap().clone();
    assert_eq!((disks.len(), &disks[1]["size"]), (2, &json!(20_480)));
    let refused = stage.fails(1, &disk(&["add", "vm0", "10240"]));
    assert!(refused.contains("stopped"), "{refused}");
    stage.says(&["stop", "-w", "vm0"]);
    stage.says(&disk(&["add", "-w", "vm0", "10240"]));
    let listed = stage.jsons(&disk(&["list", "-j", "vm0"]));
    let boot = listed.iter().filter(|disk| disk["boot"] == true).count();
    assert_eq!((listed.len(), boot), (3, 1), "{listed:#?}");
    let added = listed.iter().find(|disk| disk["size"] == 10_240 && disk["boot"] != true).unwrap();
    let id = added["id"].as_str().unwrap();
    assert_eq!(stage.json(&disk(&["get", "vm0", id]))["size"], 10_240);
    stage.says(&disk(&["resize", "-w", "vm0", id, "12288"]));
    assert_eq!(stage.json(&disk(&["get", "vm0", id]))["size"], 12_288);
    stage.says(&disk(&["delete", "-w", "vm0", id]));
    assert_eq!(stage.jsons(&disk(&["list", "-j", "vm0"])).len(), 2);
    stage.says(&["start", "-w", "vm0"]);
}

#[test]
fn a_volume_lives_and_dies() {
    let stage = Stage::start();
    let sizes = stage.jsons(&["volume", "sizes", "-j"]);
    assert!(sizes.iter().any(|size| size["size"] == 10_240), "{sizes:#?}");
    let told =
        stage.jsons(&["volume", "create", "-wj", "-n", "data", "-s", "10G", "--tag=role=db"]);
    let volume = told.last().unwrap();
    assert_eq!((&volume["state"], &volume["size"]), (&json!("ready"), &json!(10_240)));
    assert_eq!((&volume["type"], &volume["tags"]), (&json!("tritonnfs"), &json!({"role": "db"})));
    let path = volume["filesystem_path"].as_str().unwrap();
    assert!(path.contains(":/"), "an address and a path: {path}");
    assert_eq!(stage.json(&["volume", "get", "-j", "data"])["id"], volume["id"]);

    let mounted = stage.jsons(&[
        "create",
        "-wj",
        "-n",
        "web0",
        "-N",
        "My-Fabric-Network",
        "-v",
        "data:/data:ro",
        "ubuntu-22.04",
        "g4-highcpu-128M",
    ]);
    let user = &mounted.last().unwrap()["id"];
    assert_eq!(stage.json(&["volume", "get", "-j", "data"])["refs"], json!([user]));
    let refused = stage.fails(1, &["volume", "delete", "-y", "data"]);
    assert!(refused.contains("VolumeInUse"), "{refused}");
    stage.says(&["delete", "-wf", "web0"]);
    assert_eq!(stage.jsons(&["volume", "list", "-j", "name=data"]).len(), 1);
    stage.says(&["volume", "delete", "-wy", "data"]);
    assert!(stage.jsons(&["volume", "list", "-j"]).is_empty());
}

/// `triton instance snapshot …`
fn snapshot<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&["instance", "snapshot"], args].concat()
}

/// `triton instance disk …`
fn disk<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&["instance", "disk"], args].concat()
}
