//! `triton instance`: a whole life.

use serde_json::{Value, json};

use crate::stage::Stage;

/// The newest of its name in the catalog.
const UBUNTU: &str = "9c7b2205-22f1-4c2b-8f2f-5d0b6b3f2205";

#[test]
fn an_instance_lives_and_dies() {
    let stage = Stage::start();
    let create = ["create", "-wj", "-n", "web0", "ubuntu-22.04", "g4-highcpu-1G"];
    let told = stage.jsons(&create);
    let [accepted, running] = told.as_slice() else { panic!("{told:#?}") };
    assert_eq!(accepted["state"], "provisioning");
    assert_eq!(running["state"], "running");
    assert_eq!(accepted["id"], running["id"]);
    // Manual, CreateMachine: what an instance is.
    assert_eq!(running["name"], "web0");
    assert_eq!(running["brand"], "lx");
    assert_eq!(running["type"], "smartmachine");
    assert_eq!(running["image"], UBUNTU);
    assert_eq!(running["package"], "g4-highcpu-1G", "the name, not the UUID");
    assert_eq!(running["memory"], 1024);
    assert_eq!(running["disk"], 25_600);
    assert_eq!(running["deletion_protection"], false);
    assert_eq!(running["firewall_enabled"], false);
    assert_eq!(running["primaryIp"], running["ips"][0]);
    assert_eq!(
        running["nics"].as_array().unwrap().len(),
        2,
        "one external, one internal by default"
    );
    assert!(running.get("docker").is_none(), "only shown when true");
    let id = running["id"].as_str().unwrap();

    for name in ["web0", id, &id[..8]] {
        assert_eq!(stage.json(&["instance", "get", "-j", name])["id"], id);
    }
    assert_eq!(stage.says(&["ip", "web0"]).trim(), running["primaryIp"]);

    assert!(stage.says(&["stop", "-w", "web0"]).starts_with("Stop instance web0"));
    assert_eq!(state(&stage, "web0"), "stopped");
    assert!(stage.says(&["start", "-w", "web0"]).starts_with("Start instance web0"));
    assert_eq!(state(&stage, "web0"), "running");
    assert!(stage.says(&["reboot", "-w", "web0"]).contains("Rebooted instance web0"));
    stage.says(&["instance", "resize", "-w", "web0", "g4-highcpu-2G"]);
    assert_eq!(stage.json(&["instance", "get", "-j", "web0"])["memory"], 2048);
    stage.says(&["instance", "rename", "-w", "web0", "web1"]);
    assert_eq!(stage.json(&["instance", "get", "-j", "web1"])["id"], id);

    stage.says(&["instance", "enable-deletion-protection", "-w", "web1"]);
    let refused = stage.fails(1, &["delete", "-f", "web1"]);
    // The CLI looks before it asks.
    assert!(refused.contains("web1 has \"deletion_protection\" enabled"), "{refused}");
    let refused = stage.fails(1, &["cloudapi", "-XDELETE", &format!("/my/machines/{id}")]);
    assert!(
        refused.contains("(CannotDestroyMachineError)"),
        "the manual leaves Error out: {refused}"
    );
    stage.says(&["instance", "disable-deletion-protection", "-w", "web1"]);
    stage.says(&["instance", "enable-firewall", "-w", "web1"]);
    assert_eq!(stage.json(&["instance", "get", "-j", "web1"])["firewall_enabled"], true);
    stage.says(&["instance", "disable-firewall", "-w", "web1"]);

    let audit = stage.jsons(&["instance", "audit", "-j", "web1"]);
    let actions: Vec<&str> = audit.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    // Newest first, as the server tells it; only the CLI's table is sorted. The server's audit has no word for the
    // firewall's jobs (lib/audit.js), though the CLI waits for them by other means.
    assert_eq!(
        actions,
        [
            "unknown",
            "unknown",
            "disable_deletion_protection",
            "enable_deletion_protection",
            "rename",
            "resize",
            "reboot",
            "start",
            "stop",
            "provision",
        ]
    );
    assert!(audit.iter().all(|entry| entry["success"] == "yes"), "{audit:#?}");

    stage.says(&["delete", "-wf", "web1"]);
    // Exit code 3: deleted. The instance is printed all the same, from the body of the 410.
    let gone = stage.triton(&["instance", "get", id]);
    assert_eq!(gone.code, Some(3), "{gone:#?}");
    assert!(gone.stderr.contains("InstanceDeleted"), "{gone:#?}");
    let gone: Value = serde_json::from_str(&gone.stdout).unwrap();
    assert_eq!(gone["state"], "deleted");
    assert!(stage.jsons(&["instance", "list", "-j"]).is_empty());
}

#[test]
fn the_wrong_state_is_told_by_the_audit_alone() {
    let stage = Stage::start();
    create(&stage, "web0");
    // 202, although it runs.
    stage.says(&["start", "web0"]);
    let audit = || stage.jsons(&["instance", "audit", "-j", "web0"]);
    let ended = std::iter::repeat_with(audit).take(20).find(|audit| audit.len() == 2).unwrap();
    assert_eq!((&ended[0]["action"], &ended[0]["success"]), (&json!("start"), &json!("no")));
}

#[test]
fn what_create_is_told_is_what_get_shows() {
    let stage = Stage::start();
    let script = stage.write("start.sh", "#!/bin/sh\necho hello\n");
    let told = stage.jsons(&[
        "create",
        "-wj",
        "-n",
        "db{{shortId}}",
        "-N",
        "My-Fabric-Network",
        "--firewall",
        "--deletion-protection",
        "--script",
        &script,
        "-m",
        "answer=42",
        "-t",
        "role=db",
        "-t",
        "replica=3",
        "-t",
        "canary=true",
        "base-64-lts@20.4.0",
        "g4-highcpu-128M",
    ]);
    let instance = told.last().unwrap();
    let id = instance["id"].as_str().unwrap();
    assert_eq!(instance["name"], format!("db{}", &id[..8]));
    assert_eq!(instance["brand"], "joyent");
    assert_eq!(instance["firewall_enabled"], true);
    assert_eq!(instance["deletion_protection"], true);
    assert_eq!(instance["tags"], json!({"role": "db", "replica": 3, "canary": true}));
    assert_eq!(instance["metadata"]["user-script"], "#!/bin/sh\necho hello\n");
    let keys = instance["metadata"]["root_authorized_keys"].as_str().unwrap();
    assert!(keys.starts_with("ecdsa-sha2-nistp256 "), "{keys}");
    let nics = instance["nics"].as_array().unwrap();
    assert_eq!((nics.len(), &nics[0]["primary"]), (1, &json!(true)));
}

#[test]
fn a_hardware_vm_says_so() {
    let stage = Stage::start();
    let told = stage.jsons(&[
        "create",
        "-wj",
        "-n",
        "vm0",
        "--brand=bhyve",
        "ubuntu-certified-22.04",
        "g4-bhyve-flex-8G",
    ]);
    let instance = told.last().unwrap();
    assert_eq!(
        (&instance["brand"], &instance["type"]),
        (&json!("bhyve"), &json!("virtualmachine"))
    );
}

#[test]
fn lists_are_filtered_as_the_server_filters() {
    let stage = Stage::start();
    for (name, tag) in [("web0", "role=web"), ("web1", "role=web"), ("db0", "role=db")] {
        let wait = if name == "db0" { "-wj" } else { "-j" };
        stage.says(&["create", wait, "-n", name, "-t", tag, "ubuntu-22.04", "g4-highcpu-128M"]);
    }
    stage.says(&["instance", "wait", "web0", "web1"]);
    stage.says(&["stop", "-w", "db0"]);
    let names = |filter: &str| {
        let listed = stage.says(&["ls", "-Ho", "name", "-s", "name", filter]);
        listed.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names("tag.role=web"), ["web0", "web1"]);
    assert_eq!(names("state=stopped"), ["db0"]);
    assert_eq!(names("name=web1"), ["web1"]);
    assert_eq!(names("name=web"), ["web0", "web1"], "a prefix, whatever the manual says");
    assert_eq!(names("brand=lx"), ["db0", "web0", "web1"]);
    assert_eq!(names("brand=bhyve"), Vec::<String>::new());
    assert_eq!(names("memory=128"), ["db0", "web0", "web1"]);
    assert_eq!(names("type=virtualmachine"), Vec::<String>::new());
    assert_eq!(names("docker=true"), Vec::<String>::new());
    assert_eq!(names(&format!("image={UBUNTU}")).len(), 3);
    let refused = stage.fails(1, &["ls", "state=failed"]);
    assert!(refused.contains("InvalidArgument"), "{refused}");
}

#[test]
fn a_name_can_be_taken_once() {
    let stage = Stage::start();
    create(&stage, "web0");
    let refused = stage.fails(1, &["create", "-n", "web0", "ubuntu-22.04", "g4-highcpu-128M"]);
    assert!(refused.contains("alias: Duplicate: Already exists for this owner_uuid"), "{refused}");
    stage.says(&["delete", "-wf", "web0"]);
    create(&stage, "web0");
}

/// Creates a small instance that runs.
pub(crate) fn create(stage: &Stage, name: &str) -> Value {
    let told = stage.jsons(&["create", "-wj", "-n", name, "ubuntu-22.04", "g4-highcpu-128M"]);
    told.into_iter().next_back().unwrap()
}

fn state(stage: &Stage, name: &str) -> String {
    stage.json(&["instance", "get", "-j", name])["state"].as_str().unwrap().to_owned()
}
