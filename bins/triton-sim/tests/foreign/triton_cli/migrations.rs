//! `triton instance migration`.

use super::instances::create;
use crate::stage::Stage;

#[test]
fn an_instance_moves_to_another_compute_node() {
    let stage = Stage::start();
    let before = create(&stage, "web0");
    stage.says(&migration(&["begin", "-w", "web0"]));
    let listed = stage.jsons(&migration(&["list", "-j"]));
    assert_eq!((listed.len(), &listed[0]["machine"]), (1, &before["id"]), "{listed:#?}");
    stage.says(&migration(&["sync", "-w", "web0"]));
    stage.says(&migration(&["switch", "-w", "web0"]));
    let seen = stage.json(&migration(&["get", "-j", "web0"]));
    assert_eq!(
        (&seen["phase"], &seen["state"]),
        (&"switch".into(), &"successful".into()),
        "{seen:#?}"
    );
    let after = stage.json(&["instance", "get", "-j", "web0"]);
    assert_ne!(after["compute_node"], before["compute_node"]);
    assert_eq!((&after["id"], &after["state"]), (&before["id"], &"running".into()));
    stage.says(&migration(&["finalize", "web0"]));
}

/// `triton instance migration …`
fn migration<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&["instance", "migration"], args].concat()
}
