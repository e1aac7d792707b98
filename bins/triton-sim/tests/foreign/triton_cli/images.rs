//! `triton image`: images of one's own.

use serde_json::json;

use super::instances::create;
use crate::stage::Stage;

#[test]
fn an_image_of_an_instance_lives_and_dies() {
    let stage = Stage::start();
    create(&stage, "origin");
    stage.says(&["stop", "-w", "origin"]);
    let told = stage.jsons(&[
        "image",
        "create",
        "-wj",
        "-d",
        "of origin",
        "-t",
        "a=b",
        "origin",
        "mine",
        "1.0.0",
    ]);
    let [creating, active] = told.as_slice() else { panic!("{told:#?}") };
    assert_eq!((&creating["state"], &active["state"]), (&json!("creating"), &json!("active")));
    assert_eq!(creating["id"], active["id"]);
    assert_eq!((&active["name"], &active["version"]), (&json!("mine"), &json!("1.0.0")));
    assert_eq!((&active["public"], &active["os"]), (&json!(false), &json!("linux")));
    assert_eq!((&active["description"], &active["tags"]["a"]), (&json!("of origin"), &json!("b")));
    let account = stage.json(&["account", "get", "-j"]);
    assert_eq!(active["owner"], account["id"]);

    assert!(stage.says(&["image", "wait", "mine"]).contains("already active"));
    stage.says(&["image", "update", "mine", "version=1.0.1", "homepage=https://example.com"]);
    let updated = stage.json(&["image", "get", "-j", "mine@1.0.1"]);
    assert_eq!(updated["homepage"], "https://example.com");
    stage.says(&["image", "tag", "mine", "x=y"]);
    assert_eq!(stage.json(&["image", "get", "-j", "mine"])["tags"]["x"], "y");
    let other = "00000000-0000-4000-8000-00000000000a";
    stage.says(&["image", "share", "mine", other]);
    assert_eq!(stage.json(&["image", "get", "-j", "mine"])["acl"], json!([other]));
    stage.says(&["image", "unshare", "mine", other]);
    let unshared = stage.json(&["image", "get", "-j", "mine"]);
    assert!(unshared.get("acl").is_none_or(|acl| *acl == json!([])), "{unshared:#?}");
    // One's own image is not shared with oneself.
    let refused = stage.fails(1, &["image", "clone", "mine"]);
    assert!(refused.contains("is not shared with account"), "{refused}");

    let second = stage.jsons(&["create", "-wj", "-n", "second", "mine", "g4-highcpu-128M"]);
    assert_eq!(second.last().unwrap()["image"], active["id"]);
    stage.says(&["delete", "-wf", "second"]);
    stage.says(&["image", "delete", "-f", "mine"]);
    stage.fails(3, &["image", "get", "mine"]);
}

#[test]
fn what_is_not_ours_is_not_ours_to_change() {
    let stage = Stage::start();
    let refused = stage.fails(1, &["image", "delete", "-f", "ubuntu-24.04"]);
    assert!(refused.contains("NotImageOwner") || refused.contains("ResourceNotFound"), "{refused}");
    create(&stage, "running");
    let refused = stage.fails(1, &["image", "create", "running", "mine", "1.0.0"]);
    assert!(refused.contains("is not stopped"), "{refused}");
}
