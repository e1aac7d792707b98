//! `triton vlan`, `triton network` and `triton network ip`.

use serde_json::json;

use crate::stage::Stage;

#[test]
fn a_vlan_and_its_network_live_and_die() {
    let stage = Stage::start();
    let vlan = stage.json(&["vlan", "create", "-j", "-n", "web", "-D", "for the web", "44"]);
    assert_eq!(vlan, json!({"vlan_id": 44, "name": "web", "description": "for the web"}));
    assert_eq!(stage.jsons(&["vlan", "list", "-j"]).len(), 2, "the default VLAN is there");
    // `triton vlan update` calls a function that the CLI does not have.
    let broken = stage.triton(&["vlan", "update", "44", "name=web2"]);
    assert!(broken.stderr.contains("updateFabricVlan is not a function"), "{broken:#?}");
    let update = json!({"name": "web2"});
    let updated = stage.request("PUT", "/my/fabrics/default/vlans/44", Some(&update));
    assert_eq!(updated.status, 202);
    assert_eq!(stage.json(&["vlan", "get", "-j", "44"])["name"], "web2");

    let network = stage.json(&[
        "network",
        "create",
        "-j",
        "--name=net1",
        "--subnet=10.50.1.0/24",
        "--start-ip=10.50.1.10",
        "--end-ip=10.50.1.240",
        "--gateway=10.50.1.1",
        "--resolver=8.8.8.8",
        "--resolver=8.8.4.4",
        "--route=10.1.1.0/24=10.50.1.50",
        "44",
    ]);
    let id = network["id"].as_str().unwrap();
    assert_eq!(
        network,
        json!({
            "id": id,
            "name": "net1",
            "public": false,
            "fabric": true,
            "vlan_id": 44,
            "subnet": "10.50.1.0/24",
            "provision_start_ip": "10.50.1.10",
            "provision_end_ip": "10.50.1.240",
            "gateway": "10.50.1.1",
            "resolvers": ["8.8.8.8", "8.8.4.4"],
            "routes": {"10.1.1.0/24": "10.50.1.50"},
            "internet_nat": true,
        })
    );
    assert_eq!(stage.jsons(&["vlan", "networks", "-j", "44"]), [network.clone()]);
    assert_eq!(stage.json(&["network", "get", "-j", "net1"]), network);
    let refused = stage.fails(1, &["vlan", "delete", "44"]);
    assert!(refused.contains("In use by network"), "{refused}");
    let vlan = ["cloudapi", "-XDELETE", "/my/fabrics/default/vlans/44"];
    let refused = stage.fails(1, &vlan);
    assert!(refused.contains("(InvalidArgument)"), "the manual says InUseError: {refused}");

    stage.says(&["network", "set-default", "net1"]);
    assert_eq!(stage.json(&["network", "get-default", "-j"])["id"], id);
    let refused = stage.fails(1, &["network", "delete", "net1"]);
    assert!(refused.contains("default network"), "{refused}");
    stage.says(&["network", "set-default", "My-Fabric-Network"]);

    let ip = |rest: &[&str]| stage.json(&[&["network", "ip"], rest].concat());
    let reserved = ip(&["update", "-j", id, "10.50.1.20", "reserved=true"]);
    assert_eq!((&reserved["ip"], &reserved["reserved"]), (&json!("10.50.1.20"), &json!(true)));
    assert_eq!(ip(&["get", "-j", id, "10.50.1.20"])["reserved"], true);
    // The gateway is the system's.
    let gateway = ip(&["get", "-j", id, "10.50.1.1"]);
    assert_eq!((&gateway["managed"], &gateway["reserved"]), (&json!(true), &json!(true)));
    let refused = stage.fails(1, &["network", "ip", "update", id, "10.50.1.1", "reserved=false"]);
    assert!(refused.contains("(InvalidArgument)"), "{refused}");

    let told = stage.jsons(&[
        "create",
        "-wj",
        "-n",
        "web0",
        &format!("--nic=ipv4_uuid={id},ipv4_ips=10.50.1.77"),
        "ubuntu-22.04",
        "g4-highcpu-128M",
    ]);
    assert_eq!(told.last().unwrap()["ips"], json!(["10.50.1.77"]));
    stage.says(&["delete", "-wf", "web0"]);
    stage.says(&["network", "delete", "net1"]);
    stage.says(&["vlan", "delete", "44"]);
    assert_eq!(stage.jsons(&["vlan", "list", "-j"]).len(), 1);
}
