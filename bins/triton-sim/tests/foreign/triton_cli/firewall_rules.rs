//! `triton fwrule`.

use serde_json::{Value, json};

use super::instances::create;
use crate::stage::Stage;

#[test]
fn a_rule_lives_and_dies() {
    let stage = Stage::start();
    let web = create(&stage, "web0");
    stage.says(&["instance", "tag", "set", "-w", "web0", "role=web"]);
    let text = "FROM any TO tag role=web ALLOW tcp (PORT 443 AND PORT 80)";
    let created = stage.says(&["fwrule", "create", "-D", "web", text]);
    let id = created.trim().strip_prefix("Created firewall rule ").unwrap().to_owned();

    let rule = stage.json(&["fwrule", "get", "-j", &id]);
    // In the server's own words: quoted and sorted.
    let canonical = "FROM any TO tag \"role\" = \"web\" ALLOW tcp (PORT 80 AND PORT 443)";
    assert_eq!(
        rule,
        json!({"id": id, "rule": canonical, "enabled": true, "log": false, "description": "web"})
    );
    assert_eq!(stage.json(&["fwrule", "get", "-j", &id[..8]])["id"], *id);
    assert_eq!(stage.jsons(&["fwrule", "list", "-j"]), [rule]);
    let ids = |values: Vec<Value>| -> Vec<Value> {
        values.into_iter().map(|value| value["id"].clone()).collect()
    };
    assert_eq!(ids(stage.jsons(&["fwrule", "instances", "-j", &id])), [web["id"].clone()]);
    assert_eq!(ids(stage.jsons(&["instance", "fwrules", "-j", "web0"])), [json!(id)]);

    stage.says(&["fwrule", "disable", &id]);
    assert_eq!(stage.json(&["fwrule", "get", "-j", &id])["enabled"], false);
    stage.says(&["fwrule", "enable", &id]);
    assert_eq!(stage.json(&["fwrule", "get", "-j", &id])["enabled"], true);
    stage.says(&["fwrule", "update", &id, "rule=FROM any TO all vms BLOCK udp PORT 53"]);
    stage.says(&["fwrule", "update", &id, "description=no names", "log=true"]);
    let rule = stage.json(&["fwrule", "get", "-j", &id]);
    assert_eq!(rule["rule"], "FROM any TO all vms BLOCK udp PORT 53");
    assert_eq!((&rule["description"], &rule["log"]), (&json!("no names"), &json!(true)));
    stage.says(&["fwrule", "delete", "-f", &id]);
    stage.fails(3, &["fwrule", "get", &id]);
}

#[test]
fn what_is_no_rule_is_refused() {
    let stage = Stage::start();
    // The manual says InvalidArgument; the code lets FWAPI's 422 through.
    let refused = stage.fails(1, &["fwrule", "create", "FROM any TO anywhere ALLOW tcp PORT 80"]);
    assert!(refused.contains("InvalidParameters"), "{refused}");
    let without = ["cloudapi", "-XPOST", "/my/fwrules", "-d", r#"{"enabled":true}"#];
    let refused = stage.fails(1, &without);
    assert!(refused.contains("(MissingParameter)"), "{refused}");
}
