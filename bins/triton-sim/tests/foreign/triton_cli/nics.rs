//! `triton instance nic`.

use serde_json::json;

use crate::stage::Stage;

#[test]
fn a_nic_comes_and_goes_and_the_instance_restarts() {
    let stage = Stage::start();
    stage.says(&[
        "create",
        "-w",
        "-n",
        "web0",
        "-N",
        "My-Fabric-Network",
        "ubuntu-22.04",
        "g4-highcpu-128M",
    ]);
    let told = stage.jsons(&nic(&["create", "-wj", "web0", "sdc_nat"]));
    let added = told.last().unwrap();
    assert_eq!((&added["state"], &added["primary"]), (&json!("running"), &json!(false)));
    let network = stage.json(&["network", "get", "-j", "sdc_nat"]);
    assert_eq!(added["network"], network["id"]);
    let mac = added["mac"].as_str().unwrap();
    assert_eq!(stage.json(&nic(&["get", "-j", "web0", mac]))["ip"], added["ip"]);
    assert_eq!(stage.jsons(&nic(&["list", "-j", "web0"])).len(), 2);
    // 302 to the one that is there; the CLI is silent about it.
    let again = stage.triton(&nic(&["create", "-j", "web0", "sdc_nat"]));
    assert_eq!(stage.jsons(&nic(&["list", "-j", "web0"])).len(), 2, "{again:#?}");
    stage.says(&nic(&["delete", "-f", "web0", mac]));
    let nics = || stage.jsons(&nic(&["list", "-j", "web0"])).len();
    assert!(std::iter::repeat_with(nics).take(30).any(|count| count == 1));
}

/// `triton instance nic …`
fn nic<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&["instance", "nic"], args].concat()
}
