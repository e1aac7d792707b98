//! `triton image`, `triton package` and `triton network`: what there is.

use serde_json::Value;

use super::instances::create;
use crate::stage::Stage;

fn names(values: &[Value]) -> Vec<&str> {
    values.iter().map(|value| value["name"].as_str().unwrap()).collect()
}

#[test]
fn images_are_found_by_name_version_and_short_id() {
    let stage = Stage::start();
    let newest = stage.json(&["image", "get", "-j", "ubuntu-16.04"]);
    assert_eq!(newest["version"], "20170403", "the one published last");
    let older = stage.json(&["image", "get", "-j", "ubuntu-16.04@20161213"]);
    assert_eq!(older["id"], "04179d8e-188a-11e7-af03-73c2ca5e9ca8");
    assert_eq!(stage.json(&["image", "get", "-j", "04179d8e"])["id"], older["id"]);
    assert_eq!((&newest["type"], &newest["os"]), (&"lx-dataset".into(), &"linux".into()));
    assert_eq!(newest["state"], "active");
    let listed = stage.jsons(&["image", "list", "-j", "name=~certified", "os=linux"]);
    assert!(listed.iter().all(|image| image["type"] == "zvol") && listed.len() == 3, "{listed:#?}");
    assert_eq!(
        stage.jsons(&["image", "list", "-j", "type=zone-dataset", "version=20.4.0"]).len(),
        1
    );
    stage.fails(3, &["image", "get", "nothing"]);
}

#[test]
fn packages_are_found_by_name_and_filtered() {
    let stage = Stage::start();
    let package = stage.json(&["package", "get", "-j", "g4-highcpu-1G"]);
    assert_eq!((&package["memory"], &package["disk"]), (&1024.into(), &25_600.into()));
    assert_eq!(stage.json(&["package", "get", "-j", "b87c2a29"])["id"], package["id"]);
    let listed = stage.jsons(&["package", "list", "-j", "memory=8192"]);
    assert_eq!(listed.len(), 2, "{listed:#?}");
    assert_eq!(
        names(&stage.jsons(&["package", "list", "-j", "name=g4-bhyve-4G"])),
        ["g4-bhyve-4G"]
    );
    let flexible = stage.json(&["package", "get", "-j", "g4-bhyve-flex-8G"]);
    assert_eq!((&flexible["brand"], &flexible["flexible_disk"]), (&"bhyve".into(), &true.into()));
}

#[test]
fn networks_and_their_addresses_are_shown() {
    let stage = Stage::start();
    let fabric = stage.json(&["network", "get", "-j", "My-Fabric-Network"]);
    assert_eq!((&fabric["fabric"], &fabric["public"]), (&true.into(), &false.into()));
    for field in
        ["gateway", "internet_nat", "provision_start_ip", "provision_end_ip", "resolvers", "subnet"]
    {
        assert!(fabric.get(field).is_some(), "{field} is missing: {fabric:#?}");
    }
    assert_eq!(stage.says(&["network", "list", "-Ho", "shortid"]).lines().count(), 3);
    let listed = stage.jsons(&["network", "list", "-j", "public=true"]);
    assert_eq!(names(&listed), ["external"]);
    assert_eq!(stage.json(&["network", "get-default", "-j"])["id"], fabric["id"]);

    let instance = create(&stage, "web0");
    let nics = stage.jsons(&["instance", "nic", "list", "-j", "web0"]);
    let on_fabric = nics.iter().find(|nic| nic["network"] == fabric["id"]).unwrap();
    let address = on_fabric["ip"].as_str().unwrap();
    let listed = stage.jsons(&["network", "ip", "list", "-j", "My-Fabric-Network"]);
    let shown = listed.iter().find(|shown| shown["ip"] == address).unwrap();
    assert_eq!(shown["belongs_to_uuid"], instance["id"]);
    assert_eq!((&shown["managed"], &shown["reserved"]), (&false.into(), &false.into()));
    let mac = on_fabric["mac"].as_str().unwrap();
    assert_eq!(stage.json(&["instance", "nic", "get", "-j", "web0", mac])["ip"], *address);
}
