//! triton-go (1.8.5): the Go client that terraform's provider uses. It signs `date` alone with RSA and SHA-1, writes the
//! date's zone as UTC, and asks for API 8.

use std::fs;
use std::process::Command;

use crate::stage::{Stage, run};

/// Leads one kind of thing through its life; the program in `../go` says what does not hold.
fn live(life: &str) {
    let Some(program) = std::env::var_os("VK_TRITON_GO") else {
        panic!("VK_TRITON_GO is not set: run this with cargo xtask test --foreign");
    };
    // triton-go reads PKCS#1 alone.
    let stage = Stage::with(&["-t", "rsa", "-b", "2048", "-m", "PEM"], &[]);
    // A second key, for the life that adds one.
    let second = stage.home().join(".ssh/id_triton2");
    run(Command::new("ssh-keygen").args(["-q", "-N", "", "-t", "ecdsa", "-f"]).arg(&second));
    assert!(fs::exists(second.with_extension("pub")).unwrap());
    let told = run(stage.command(program).env("TRITON_KEY_FILE", stage.key_file()).arg(life));
    assert_eq!(told, format!("ok {life}\n"));
}

#[test]
fn the_account_and_its_keys() {
    live("account");
}

#[test]
fn a_firewall_rule() {
    live("firewall-rule");
}

#[test]
fn an_instance() {
    live("instance");
}

#[test]
fn tags_and_metadata() {
    live("labels");
}

#[test]
fn images_packages_networks_datacenters_and_services() {
    live("lookups");
}

#[test]
fn a_fabric_vlan_and_network() {
    live("fabric");
}

#[test]
fn an_image() {
    live("image");
}

#[test]
fn sub_users_roles_and_policies() {
    live("rbac");
}

#[test]
fn a_nic() {
    live("nic");
}

#[test]
fn a_snapshot() {
    live("snapshot");
}

#[test]
fn a_volume() {
    live("volume");
}
