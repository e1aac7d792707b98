//! `triton rbac`: sub-users, roles, policies and role tags.

use std::process::Command;

use serde_json::json;

use super::instances::create;
use crate::stage::{Stage, run};

#[test]
fn a_sub_user_may_do_what_a_role_lets_it() {
    let stage = Stage::start();
    let id = create(&stage, "web0")["id"].as_str().unwrap().to_owned();
    // API 9 wants objects for a role's members, and the CLI's `rbac apply` writes names: it stops there.
    let policy = json!({"name": "look", "rules": ["CAN listmachines and getmachine"]});
    let apply = json!({
        "users": [{"login": "bob", "email": "bob@example.com", "roles": ["ops"]}],
        "policies": [policy],
        "roles": [{"name": "ops", "policies": ["look"], "members": ["bob"], "default_members": ["bob"]}],
    });
    let refused =
        stage.fails(1, &["rbac", "apply", "-yf", &stage.write("apply.json", &apply.to_string())]);
    assert!(refused.contains("must be an array of objects"), "{refused}");
    let role = json!({
        "name": "ops",
        "policies": [{"name": "look"}],
        "members": [{"type": "subuser", "login": "bob", "default": true}],
    });
    let look = json!({"name": "other", "rules": ["CAN stopmachine"]});
    stage.says(&["rbac", "policy", "-a", &stage.write("policy.json", &look.to_string())]);
    stage.says(&["rbac", "policy", "-dy", "other"]);
    stage.says(&["rbac", "role", "-a", &stage.write("role.json", &role.to_string())]);
    let shown = stage.json(&["rbac", "role", "-j", "ops"]);
    assert_eq!((&shown["name"], &shown["policies"][0]["name"]), (&json!("ops"), &json!("look")));
    let member = &shown["members"][0];
    assert_eq!(
        (&member["type"], &member["login"], &member["default"]),
        (&json!("subuser"), &json!("bob"), &json!(true))
    );
    assert_eq!(stage.jsons(&["rbac", "users", "-j"])[0]["login"], "bob");
    assert_eq!(stage.jsons(&["rbac", "policies", "-j"])[0]["rules"], policy["rules"]);

    // A key of its own.
    let key = stage.home().join(".ssh/id_bob");
    run(Command::new("ssh-keygen").args(["-q", "-N", "", "-t", "ecdsa", "-f"]).arg(&key));
    let public = key.with_extension("pub");
    stage.says(&["rbac", "key", "-a", "-n", "laptop", "bob", public.to_str().unwrap()]);
    let keys = stage.jsons(&["rbac", "keys", "-j", "bob"]);
    let fingerprint = keys[0]["fingerprint"].as_str().unwrap();
    let as_bob = ["-u", "bob", "-k", fingerprint];
    let bob = |args: &[&str]| stage.triton(&[&as_bob, args].concat());

    let refused = bob(&["instance", "list"]);
    assert!(refused.stderr.contains("(NotAuthorized)"), "nothing is tagged yet: {refused:#?}");
    stage.says(&["rbac", "role-tags", "-ys", "ops", "/jill/machines"]);
    let tagged = stage.says(&["rbac", "role-tags", "/jill/machines"]);
    assert_eq!(tagged.trim(), "ops");
    // The list is a resource of its own, and shows what is not tagged too (sdc-cloudapi, lib/machines.js).
    assert_eq!(bob(&["instance", "list", "-Ho", "name"]).stdout.trim(), "web0");
    let refused = bob(&["instance", "get", &id]);
    assert!(refused.stderr.contains("(NotAuthorized)"), "{refused:#?}");
    stage.says(&["rbac", "instance-role-tags", "-ys", "ops", "web0"]);
    assert_eq!(stage.says(&["rbac", "instance-role-tags", "web0"]).trim(), "ops");
    assert!(bob(&["instance", "get", "-j", &id]).stdout.contains("\"web0\""));
    let refused = bob(&["stop", "web0"]);
    assert!(refused.stderr.contains("do not have permission"), "{refused:#?}");

    stage.says(&["rbac", "key", "-dy", "bob", "laptop"]);
    let refused = bob(&["instance", "list"]);
    assert!(refused.stderr.contains("(InvalidCredentials)"), "{refused:#?}");
    stage.says(&["rbac", "instance-role-tags", "-yD", "web0"]);
    stage.says(&["rbac", "role", "-dy", "ops"]);
    stage.says(&["rbac", "policy", "-dy", "look"]);
    stage.says(&["rbac", "user", "-dy", "bob"]);
    let user = json!({"login": "amy", "email": "amy@example.com", "password": "secret1234"});
    stage.says(&["rbac", "user", "-a", &stage.write("user.json", &user.to_string())]);
    assert_eq!(stage.json(&["rbac", "user", "-j", "amy"])["email"], "amy@example.com");
    stage.says(&["rbac", "user", "-dy", "amy"]);
    assert!(stage.jsons(&["rbac", "users", "-j"]).is_empty());
}
