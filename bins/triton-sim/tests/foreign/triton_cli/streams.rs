//! `triton changefeed` and `triton instance vnc`: what stays open.

use std::io::Read as _;
use std::net::TcpStream;

use serde_json::Value;

use super::instances::create;
use crate::stage::Stage;

#[test]
fn changes_are_told_while_they_happen() {
    let stage = Stage::start();
    let mut feed = stage.follow(&["changefeed", "-j"]);
    // Nothing says that the subscription holds: change something until it is told.
    create(&stage, "first");
    let instance = std::thread::scope(|scope| {
        let changes = scope.spawn(|| {
            stage.says(&["stop", "-w", "first"]);
            stage.says(&["start", "-w", "first"]);
            create(&stage, "second")
        });
        changes.join().unwrap()
    });
    let mut told = || serde_json::from_str::<Value>(&feed.line()).unwrap();
    let change = std::iter::repeat_with(&mut told)
        .find(|change| {
            change["changedResourceId"] == instance["id"] && change["resourceState"] == "running"
        })
        .unwrap();
    assert_eq!(change["changeKind"]["resource"], "vm");
    assert!(change["changeKind"]["subResources"].is_array());
    let published = change["published"].as_str().expect("text, not a number");
    assert!(published.parse::<u64>().is_ok(), "{published}");
    let object = &change["resourceObject"];
    assert_eq!((&object["id"], &object["name"]), (&instance["id"], &"second".into()));
    assert_eq!(object["package"], "", "the feed does not know it");
    assert!(object.get("dns_names").is_none());
}

#[test]
fn the_screen_of_a_hardware_vm_is_shown() {
    let stage = Stage::start();
    stage.says(&["create", "-w", "-n", "vm0", "ubuntu-certified-22.04", "g4-bhyve-4G"]);
    let mut screen = stage.follow(&["instance", "vnc", "vm0"]);
    let line = screen.line();
    let address = line.strip_prefix("Listening on vnc://").unwrap();
    let mut viewer = TcpStream::connect(address).unwrap();
    let mut greeting = [0; 12];
    viewer.read_exact(&mut greeting).unwrap();
    // RFC 6143, section 7.1.1.
    assert_eq!(&greeting, b"RFB 003.008\n");
}
