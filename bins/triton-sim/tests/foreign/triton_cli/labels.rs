//! `triton instance tag` and `triton instance metadata`.

use serde_json::{Value, json};

use super::instances::create;
use crate::stage::Stage;

#[test]
fn tags_keep_their_types() {
    let stage = Stage::start();
    create(&stage, "web0");
    let tags = |args: &[&str]| stage.json(&[&["instance", "tag"], args].concat());
    assert_eq!(tags(&["list", "-j", "web0"]), json!({}));
    let all = json!({"role": "web", "replica": 3, "canary": true, "a.b/c d": "é"});
    let set = ["set", "-wj", "web0", "role=web", "replica=3", "canary=true", "a.b/c d=é"];
    assert_eq!(tags(&set), all);
    assert_eq!(tags(&["list", "-j", "web0"]), all);
    assert_eq!(tags(&["get", "-j", "web0", "role"]), json!("web"));
    // GetMachineTag of what is no string is an empty string; the CLI therefore reads the whole map instead.
    assert_eq!(tags(&["get", "-j", "web0", "replica"]), json!(3));
    assert_eq!(stage.request("GET", &path(&stage, "tags/replica"), None).body, json!(""));
    assert_eq!(stage.request("GET", &path(&stage, "tags/role"), None).body, json!("web"));
    assert_eq!(stage.request("GET", &path(&stage, "tags/a.b%2Fc%20d"), None).body, json!("é"));

    stage.says(&["instance", "tag", "delete", "-w", "web0", "canary"]);
    assert_eq!(tags(&["list", "-j", "web0"]), json!({"role": "web", "replica": 3, "a.b/c d": "é"}));
    let replace = ["replace-all", "-wj", "web0", "only=this"];
    assert_eq!(tags(&replace), json!({"only": "this"}));
    assert_eq!(tags(&["list", "-j", "web0"]), json!({"only": "this"}));
    stage.says(&["instance", "tag", "delete", "-wa", "web0"]);
    assert_eq!(tags(&["list", "-j", "web0"]), json!({}));
    stage.fails(3, &["instance", "tag", "get", "web0", "nothing"]);
}

#[test]
fn tags_of_triton_are_a_closed_set() {
    let stage = Stage::start();
    create(&stage, "web0");
    stage.says(&["instance", "tag", "set", "-w", "web0", "triton.cns.services=web:8080,api"]);
    let refused = stage.fails(1, &["instance", "tag", "set", "web0", "triton.kubelet=1"]);
    assert!(refused.contains("Unrecognized special triton tag"), "{refused}");
    let refused = stage.fails(1, &["instance", "tag", "set", "web0", "triton.cns.disable=perhaps"]);
    assert!(refused.contains("ValidationFailed"), "{refused}");
}

#[test]
fn metadata_is_text() {
    let stage = Stage::start();
    create(&stage, "web0");
    let metadata = |args: &[&str]| stage.says(&[&["instance", "metadata"], args].concat());
    let shown = |text: String| serde_json::from_str::<Value>(&text).unwrap();
    let merged = shown(metadata(&["set", "-wj", "web0", "color=blue", "user-data=a: b"]));
    assert_eq!((&merged["color"], &merged["user-data"]), (&json!("blue"), &json!("a: b")));
    assert_eq!(metadata(&["get", "web0", "color"]).trim(), "blue");
    assert_eq!(shown(metadata(&["list", "-j", "web0"]))["color"], "blue");
    metadata(&["delete", "-wf", "web0", "color"]);
    // The CLI's manual promises exit code 3 for ResourceNotFound; this command forgets.
    let gone = stage.fails(1, &["instance", "metadata", "get", "web0", "color"]);
    assert!(gone.contains("(ResourceNotFound)"), "{gone}");
    metadata(&["delete", "-waf", "web0"]);
    let left = shown(metadata(&["list", "-j", "web0"]));
    let left: Vec<&String> = left.as_object().unwrap().keys().collect();
    assert_eq!(left, ["root_authorized_keys"], "which only the server takes away");
    let keys = path(&stage, "metadata/root_authorized_keys");
    let refused = stage.fails(1, &["cloudapi", "-XDELETE", &keys]);
    assert!(refused.contains("(InvalidArgument)"), "{refused}");
}

/// The path of something of `web0`.
fn path(stage: &Stage, rest: &str) -> String {
    let id = stage.json(&["instance", "get", "-j", "web0"])["id"].as_str().unwrap().to_owned();
    format!("/my/machines/{id}/{rest}")
}
