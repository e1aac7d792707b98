use super::*;
use crate::tags::TagValue;

const IMAGE: &str = "00000000-0000-4000-8000-0000000000aa";
const NETWORK: &str = "00000000-0000-4000-8000-0000000000b1";
const OTHER: &str = "00000000-0000-4000-8000-0000000000c1";

fn usual() -> CreateInstance {
    CreateInstance {
        name: "web-0".to_owned(),
        package: "g4".to_owned(),
        image: IMAGE.to_owned(),
        ..CreateInstance::default()
    }
}

#[test]
fn every_parameter_has_its_place_in_the_body() {
    let create = CreateInstance {
        networks: Some(vec![NETWORK.parse::<crate::NetworkId>().unwrap().into()]),
        affinity: vec!["role!=db".to_owned()],
        metadata: BTreeMap::from([("user-script".to_owned(), "#!/bin/sh\n".to_owned())]),
        credentials: BTreeMap::from([("root".to_owned(), "s3cret".into())]),
        administrator_pw: Some("pa55".into()),
        tags: Tags::from([("n".to_owned(), TagValue::from(3)), ("yes".to_owned(), true.into())]),
        brand: Some(Brand::Bhyve),
        bootrom: Some("uefi".to_owned()),
        disks: vec![CreateDisk::default(), CreateDisk::sized(DiskSize::Remaining)],
        volumes: vec![VolumeMount::new("home", "/home")],
        default_networks: vec![DefaultNetwork::External, DefaultNetwork::Internal],
        delegate_dataset: true,
        encrypted: true,
        firewall_enabled: true,
        deletion_protection: true,
        ..usual()
    };
    create.check().unwrap();
    let expected = json!({
        "name": "web-0", "package": "g4", "image": IMAGE, "networks": [NETWORK], "affinity": ["role!=db"],
        "metadata.user-script": "#!/bin/sh\n", "metadata.credentials": {"root": "s3cret"},
        "administrator_pw": "pa55", "tag.n": 3, "tag.yes": true, "brand": "bhyve", "bootrom": "uefi",
        "disks": [{}, {"size": "remaining"}],
        "volumes": [{"name": "home", "type": "tritonnfs", "mode": "rw", "mountpoint": "/home"}],
        "default_networks": ["external", "internal"], "delegate_dataset": true, "encrypted": true,
        "firewall_enabled": true, "deletion_protection": true, "allow_shared_images": true,
    });
    assert_eq!(create.to_body().unwrap(), expected);
}

#[test]
fn what_is_not_asked_for_is_not_sent() {
    let expected = json!({
        "name": "web-0", "package": "g4", "image": IMAGE,
        "firewall_enabled": false, "deletion_protection": false, "allow_shared_images": true,
    });
    assert_eq!(usual().to_body().unwrap(), expected);
    assert_eq!(CreateInstance::default().to_body().unwrap().get("name"), None);
}

#[test]
fn locality_names_only_what_it_holds() {
    let near = Locality { near: vec![OTHER.parse().unwrap()], ..Locality::default() };
    let create = CreateInstance { locality: Some(near), ..usual() };
    assert_eq!(create.to_body().unwrap()["locality"], json!({"strict": false, "near": [OTHER]}));
    let both = CreateInstance { affinity: vec!["a.b==c".to_owned()], ..create };
    assert!(matches!(both.check(), Err(RequestError::Exclusive { .. })));
}

#[track_caller]
fn check(name: &str, expected: bool) {
    let create = CreateInstance { name: name.to_owned(), ..usual() };
    assert_eq!(create.check().is_ok(), expected, "{name}");
}

#[test]
fn names_are_what_the_server_takes() {
    for name in ["", "a", "9", "web-0.example_x", "k8s-{{shortId}}"] {
        check(name, true);
    }
    for name in ["-a", ".a", "_a", "a b", "ä", "a/b", "{{uuid}}"] {
        check(name, false);
    }
    check(&"a".repeat(NAME_CHARS_MAX), true);
    check(&"a".repeat(NAME_CHARS_MAX + 1), false);
}

#[test]
fn a_refusal_names_the_parameter_its_value_and_what_would_be_right() {
    let create = CreateInstance { name: "a b".to_owned(), ..usual() };
    assert_eq!(
        create.check().unwrap_err().to_string(),
        "the instance's name cannot be \"a b\": it is 1 to 189 letters, digits, - _ and ., the first a letter or digit"
    );
}

#[track_caller]
fn check_disks(disks: &[CreateDisk], expected: bool) {
    let create = CreateInstance { disks: disks.to_vec(), ..usual() };
    assert_eq!(create.check().is_ok(), expected, "{disks:?}");
}

#[test]
fn disks_are_what_the_server_takes() {
    let boot = CreateDisk::default;
    let sized = |mib| CreateDisk::sized(DiskSize::Mib(mib));
    let blocks = |block_size| CreateDisk { block_size: Some(block_size), ..sized(1) };
    let remaining = || CreateDisk::sized(DiskSize::Remaining);
    check_disks(&[boot()], true);
    check_disks(&[sized(10_240), sized(1), remaining()], true);
    check_disks(&[boot(), blocks(512), blocks(131_072)], true);
    check_disks(&vec![sized(1); DISKS_MAX], true);
    check_disks(&vec![sized(1); DISKS_MAX + 1], false);
    check_disks(&[boot(), boot()], false);
    check_disks(&[boot(), remaining(), remaining()], false);
    check_disks(&[boot(), sized(0)], false);
    check_disks(&[blocks(512)], false);
    for block_size in [0, 256, 1000, 262_144] {
        check_disks(&[boot(), blocks(block_size)], false);
    }
    check_disks(&[boot(), CreateDisk { image: Some(Uuid::nil()), ..blocks(512) }], false);
}

#[test]
fn volumes_that_would_make_the_server_hang_are_refused() {
    let check = |volume| CreateInstance { volumes: vec![volume], ..usual() }.check().is_ok();
    assert!(check(VolumeMount::new("home", "/home")));
    for (name, mountpoint) in
        [("home", "/"), ("home", "home"), ("home", ""), ("", "/x"), ("a b", "/x")]
    {
        assert!(!check(VolumeMount::new(name, mountpoint)), "{name} {mountpoint}");
    }
    let read_only = VolumeMount { mode: MountMode::ReadOnly, ..VolumeMount::new("home", "/x") };
    assert_eq!(read_only.to_json()["mode"], "ro");
}

#[test]
fn zones_have_the_brand_of_their_image() {
    for (brand, expected) in [(Brand::Bhyve, true), (Brand::Kvm, true), (Brand::Lx, false)] {
        let create = CreateInstance { brand: Some(brand.clone()), ..usual() };
        assert_eq!(create.check().is_ok(), expected, "{brand}");
    }
}
