//! What CreateMachine accepts, and how it refuses the rest.

use super::super::{AccountKey, seed};
use super::*;
use crate::delays::Delays;

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDyl31AhWOj4nZFNi9lD2Mh9NtFTzBoZOdzHElG4T1nv jill@example";

pub(in crate::world) fn key() -> AccountKey {
    AccountKey::from_openssh(KEY, Some("laptop")).unwrap()
}

fn world() -> (World, Uuid) {
    let mut world = World::new(Delays::none(), 1, 0, 3);
    let account = world.add_account("jill", Timestamp::UNIX_EPOCH);
    world.account_mut(account).unwrap().keys.add(key()).unwrap();
    (world, account)
}

fn params() -> CreateParams {
    CreateParams {
        name: Some("web".to_owned()),
        package: Some("g4-highcpu-1G".to_owned()),
        image: Some("7b5981c4-1889-11e7-b4c5-3f3bdfc9b88b".to_owned()),
        ..CreateParams::default()
    }
}

fn create(change: impl FnOnce(&mut CreateParams)) -> Result<Instance, Refusal> {
    let (mut world, account) = world();
    let mut params = params();
    change(&mut params);
    let id = world.create(account, params, Timestamp::UNIX_EPOCH)?;
    world.advance(Timestamp::UNIX_EPOCH);
    Ok(world.instances[&id].clone())
}

#[track_caller]
fn check_refused(change: impl FnOnce(&mut CreateParams), status: u16, code: &str) {
    let refusal = create(change).unwrap_err();
    assert_eq!((refusal.status, refusal.code), (status, code), "{}", refusal.message);
}

fn on(network: Uuid) -> NetworkRequest {
    NetworkRequest { network, ip: None }
}

#[test]
fn what_is_missing_or_unknown_is_refused() {
    check_refused(|p| p.package = None, 409, "MissingParameter");
    check_refused(|p| p.package = Some("nothing".to_owned()), 404, "ResourceNotFound");
    check_refused(|p| p.image = None, 409, "MissingParameter");
    check_refused(|p| p.image = Some(Uuid::nil().to_string()), 404, "ResourceNotFound");
    check_refused(
        |p| p.image = Some("d0b1c3f4-0000-4d15-ab1e-000000001404".to_owned()),
        409,
        "InvalidArgument",
    );
    check_refused(|p| p.name = Some("-web".to_owned()), 409, "ValidationFailed");
    check_refused(|p| p.brand = Some("lx".to_owned()), 409, "InvalidArgument");
    check_refused(|p| p.networks = Some(vec![on(Uuid::nil())]), 409, "InvalidArgument");
    check_refused(|p| p.affinity = vec!["nonsense".to_owned()], 409, "InvalidArgument");
    check_refused(
        |p| p.affinity = vec!["instance==nobody".to_owned()],
        409,
        "NoAllocatableServersError",
    );
    check_refused(
        |p| p.tags = [("triton.kubelet".to_owned(), json!("x"))].into_iter().collect(),
        409,
        "ValidationFailed",
    );
}

#[test]
fn an_account_without_keys_cannot_create() {
    let (mut world, account) = world();
    world.account_mut(account).unwrap().keys = Default::default();
    let refusal = world.create(account, params(), Timestamp::UNIX_EPOCH).unwrap_err();
    assert_eq!((refusal.status, refusal.code), (409, "KeyRequired"));
}

#[test]
fn the_primary_nic_is_the_public_one() {
    let networks = vec![on(seed::FABRIC_NETWORK), on(seed::EXTERNAL_NETWORK)];
    let instance = create(|p| p.networks = Some(networks)).unwrap();
    let primaries: Vec<bool> = instance.nics.iter().map(|nic| nic.primary).collect();
    assert_eq!(primaries, [false, true]);
    assert_eq!(instance.primary_ip(), Some(instance.nics[1].ip));
}

#[test]
fn no_networks_means_external_and_fabric_and_an_empty_list_means_none() {
    let networks: Vec<Uuid> = create(|_| ()).unwrap().nics.iter().map(|nic| nic.network).collect();
    assert_eq!(networks, [seed::EXTERNAL_NETWORK, seed::FABRIC_NETWORK]);
    assert!(create(|p| p.networks = Some(Vec::new())).unwrap().nics.is_empty());
}

#[test]
fn a_taken_address_is_422_and_takes_nothing() {
    let (mut world, account) = world();
    let ip = world.addresses.subnet(seed::FABRIC_NETWORK).first();
    let asking = |name: &str| CreateParams {
        name: Some(name.to_owned()),
        networks: Some(vec![NetworkRequest { network: seed::FABRIC_NETWORK, ip: Some(ip) }]),
        ..params()
    };
    world.create(account, asking("a"), Timestamp::UNIX_EPOCH).unwrap();
    let refusal = world.create(account, asking("b"), Timestamp::UNIX_EPOCH).unwrap_err();
    assert_eq!(
        (refusal.status, refusal.code, refusal.errors[0].code),
        (422, "InvalidParameters", "UsedBy")
    );
    assert_eq!(world.instances.len(), 1);
}

#[test]
fn passwords_are_dropped_and_keys_are_injected() {
    let metadata = json!({ "user-script": "#!/bin/sh", "root_pw": "secret" });
    let instance = create(|p| p.metadata = metadata.as_object().unwrap().clone()).unwrap();
    assert_eq!(instance.metadata["user-script"], "#!/bin/sh");
    assert_eq!(instance.metadata["root_authorized_keys"], format!("{KEY}\n"));
    assert!(!instance.metadata.contains_key("root_pw"));
}

#[test]
fn a_second_instance_of_a_name_is_a_duplicate() {
    let (mut world, account) = world();
    world.create(account, params(), Timestamp::UNIX_EPOCH).unwrap();
    let refusal = world.create(account, params(), Timestamp::UNIX_EPOCH).unwrap_err();
    assert_eq!(refusal.code, "ValidationFailed");
    assert_eq!((refusal.errors[0].field.as_str(), refusal.errors[0].code), ("alias", "Duplicate"));
}

#[test]
fn the_name_defaults_to_and_may_hold_the_short_id() {
    let instance = create(|p| p.name = None).unwrap();
    assert_eq!(instance.name, instance.id.to_string()[..8]);
    let instance = create(|p| p.name = Some("web-{{shortId}}".to_owned())).unwrap();
    assert_eq!(instance.name, format!("web-{}", &instance.id.to_string()[..8]));
}
