//! What a simulator leaves behind is what the next one begins with.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use triton_sim::{Delays, SeedError, Sim, SimBuilder, StateError};

use crate::caller::{Caller, PUBLIC, quiet};

fn with(path: &Path) -> SimBuilder {
    quiet().state_file(path)
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The state file's world, without what each saving draws.
fn world(path: &Path) -> Value {
    let mut world = read(path)["world"].clone();
    world["luck"] = Value::Null;
    world
}

#[tokio::test]
async fn everything_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let people = with(&path)
        .sub_user("alice")
        .policy("read", ["CAN listmachines"])
        .role("readers", ["read"])
        .member("alice")
        .role_tag("/machines", ["readers"]);
    let caller = Caller::of(people);
    let tagged = json!({ "name": "web", "tag.role": "web", "tag.canary": true });
    let id = caller.create(&tagged).await;
    caller.post("/my/fwrules", &json!({ "rule": "FROM any TO tag role ALLOW tcp PORT 80" })).await;
    caller.post("/my/volumes", &json!({ "name": "data", "size": 10240 })).await;
    caller.post(&format!("/my/machines/{id}/snapshots"), &json!({ "name": "before" })).await;
    caller.sim.save_state().unwrap();

    let again = Caller::of(with(&path));
    assert_eq!(again.sim.instances(), caller.sim.instances());
    for target in
        ["/my/machines", "/my/fwrules", "/my/volumes", "/my/networks", "/my/users", "/my/roles"]
    {
        assert_eq!(again.get(target).await.body, caller.get(target).await.body, "{target}");
    }
    let audit = format!("/my/machines/{id}/audit");
    assert_eq!(again.get(&audit).await.body, caller.get(&audit).await.body);
    assert!(again.sim.changes(0).is_empty(), "what is known is no news");
    let before = world(&path);
    again.sim.save_state().unwrap();
    assert_eq!(world(&path), before, "and nothing is lost by another round");
    assert_eq!(again.try_create(&json!({ "name": "web" })).await.status, 409, "names are held");
    let other = again.create(&json!({ "name": "db" })).await;
    assert_ne!(other, id);
    let ips: Vec<_> = again.sim.instances().into_iter().flat_map(|one| one.ips).collect();
    let distinct: std::collections::BTreeSet<_> = ips.iter().collect();
    assert_eq!(distinct.len(), ips.len(), "addresses are held: {ips:?}");
}

#[tokio::test(start_paused = true)]
async fn jobs_that_are_due_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let delays = Delays { provision: Duration::from_secs(60), ..Delays::none() };
    let caller = Caller::of(with(&path).delays(delays));
    let id = caller.create(&json!({ "name": "web" })).await;
    caller.sim.save_state().unwrap();
    let left_at = caller.sim.now();

    let again = Caller::of(with(&path).delays(delays).started_at(left_at));
    let state = || again.sim.instance(id.parse().unwrap()).unwrap().state.as_str();
    assert_eq!(state(), "provisioning");
    tokio::time::advance(Duration::from_secs(61)).await;
    assert_eq!(state(), "running");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let check = |text: &str, expected: &str| {
        let path = folder.path().join("state.json");
        fs::write(&path, text).unwrap();
        let Err(SeedError::State(error)) = with(&path).build() else { panic!("{text}") };
        let source = std::error::Error::source(&error).map(ToString::to_string);
        let message = format!("{error}: {}", source.unwrap_or_default());
        assert!(message.contains(expected), "{message}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    };
    check("{\"version\": 1, \"world\": {\"acc", "is damaged or was not written for this");
    check("", "state.json");
    check("{\"version\": 7}", "it is of version 7, and this program knows version 1");
    check("{\"version\": 1, \"instances\": []}", "unknown field `instances`");
    let nowhere = with(folder.path()).build();
    assert!(matches!(nowhere, Err(SeedError::State(StateError::Read { .. }))));
}

#[tokio::test]
async fn saving_replaces_the_file_at_once_and_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let caller = Caller::of(with(&path));
    assert_eq!(caller.post("/--sim/save", &json!({})).await.status, 204);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    assert_eq!(Caller::new().post("/--sim/save", &json!({})).await.status, 409, "no file");
    fs::remove_dir_all(folder.path()).unwrap();
    assert!(matches!(caller.sim.save_state(), Err(StateError::Write { .. })));
}

#[tokio::test]
async fn a_person_writes_down_what_to_begin_with() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seeds.json");
    let seeds = json!({
        "version": 1,
        "add": {
            "accounts": [{ "login": "jill", "keys": [PUBLIC] }],
            "packages": [{ "name": "tiny", "memory_mib": 64, "disk_mib": 1024 }],
            "images": [{ "name": "app", "version": "2.0", "ports": [8080] }],
            "networks": [{ "name": "storage" }],
            "instances": [
                { "account": "jill", "name": "web0", "package": "tiny", "image": "app@2.0",
                  "networks": ["storage"], "tags": { "role": "web" } },
                { "account": "jill", "name": "old", "package": "g4-highcpu-1G",
                  "image": "ubuntu-22.04", "state": "stopped" },
            ],
            "firewall_rules": [
                { "account": "jill", "rule": "FROM any TO tag role ALLOW tcp PORT 80", "enabled": true },
            ],
        },
    });
    fs::write(&path, seeds.to_string()).unwrap();
    let bare = Sim::builder().delays(Delays::none()).throttle(None).listen(false);
    let caller = Caller::of(bare.state_file(&path));
    let listed = caller.get("/my/machines").await.body;
    let find =
        |name: &str| listed.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
    assert_eq!(find("web0")["state"], "running");
    assert_eq!(find("web0")["package"], "tiny");
    assert_eq!(find("web0")["ips"].as_array().unwrap().len(), 1);
    assert_eq!(find("old")["state"], "stopped");
    assert_eq!(caller.get("/my/fwrules").await.body.as_array().unwrap().len(), 1);
    caller.sim.save_state().unwrap();
    assert!(read(&path).get("add").is_none(), "what was added is in the world now");
    assert_eq!(Caller::of(with(&path)).sim.instances().len(), 2);
}

#[tokio::test]
async fn what_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seeds.json");
    let web =
        json!({ "account": "jill", "name": "web", "package": "huge", "image": "ubuntu-22.04" });
    fs::write(&path, json!({ "version": 1, "add": { "instances": [web] } }).to_string()).unwrap();
    let error = with(&path).build().unwrap_err();
    assert!(error.to_string().contains("adding instance web: package huge"), "{error}");
}
