//! Instances and all that belongs to them.

use std::collections::BTreeMap;

use triton_cloudapi::disks::{self, AddDisk};
use triton_cloudapi::images::{self, CreateImage, ListImages, UpdateImage};
use triton_cloudapi::instances::{self, CreateInstance, DiskSize, ListInstances, NetworkRequest};
use triton_cloudapi::migrations::{self, MigrationAction};
use triton_cloudapi::packages::{self, ListPackages};
use triton_cloudapi::tags::Tags;
use triton_cloudapi::volumes::{self, CreateVolume, ListVolumes, VolumeState};
use triton_cloudapi::{ImageId, InstanceId, NetworkId, nics, snapshots};

use super::{ID, OTHER, Rows};
use triton_cloudapi::request::Idempotency::Read;

pub(crate) fn rows(rows: &mut Rows) {
    image_calls(rows);
    package_calls(rows);
    instance_calls(rows);
    tag_calls(rows);
    snapshot_calls(rows);
    nic_calls(rows);
    disk_calls(rows);
    migration_calls(rows);
    volume_calls(rows);
}

fn id() -> InstanceId {
    ID.parse().unwrap()
}

fn image_calls(rows: &mut Rows) {
    let id: ImageId = OTHER.parse().unwrap();
    rows.read("/images", images::list(&ListImages::default()));
    let filter = ListImages {
        name: Some("ubuntu 24".to_owned()),
        version: Some("~1".to_owned()),
        os: Some("linux".to_owned()),
        public: Some(false),
        owner: Some(ID.parse().unwrap()),
        state: Some("all".to_owned()),
        kind: Some("!docker".to_owned()),
    };
    rows.read(
        "/images?name=ubuntu%2024&version=~1&os=linux&public=false&owner=ID&state=all&type=%21docker",
        images::list(&filter),
    );
    rows.read("/images/OTHER", images::get(id));
    rows.set("DELETE /images/OTHER", images::delete(id));
    let create = CreateImage::new(self::id(), "base", "1.0");
    rows.once(
        r#"POST /images {"machine":"ID","name":"base","version":"1.0"}"#,
        images::create(&create),
    );
    rows.set(
        "POST /images?action=import-from-datacenter&datacenter=us-east-1&id=OTHER",
        images::import("us-east-1", id),
    );
    let update = UpdateImage {
        description: Some("d".to_owned()),
        acl: Some(vec![ID.parse().unwrap()]),
        ..UpdateImage::default()
    };
    rows.set(
        r#"POST /images/OTHER?action=update {"description":"d","acl":["ID"]}"#,
        images::update(id, &update),
    );
    rows.once(
        r#"POST /images/OTHER?action=export {"manta_path":"/acme/stor"}"#,
        images::export(id, "/acme/stor"),
    );
    rows.once("POST /images/OTHER?action=clone", images::clone(id));
    assert!(images::create(&CreateImage::new(self::id(), "", "1")).is_err());
}

fn package_calls(rows: &mut Rows) {
    rows.read("/packages", packages::list(&ListPackages::default()));
    let filter = ListPackages {
        name: Some("g4-*".to_owned()),
        memory_mib: Some(1024),
        disk_mib: Some(2048),
        swap_mib: Some(4096),
        lwps: Some(4000),
        vcpus: Some(0),
        version: Some("1.0.0".to_owned()),
        group: Some("g".to_owned()),
        brand: Some("bhyve".to_owned()),
        flexible_disk: Some(true),
    };
    rows.read(
        "/packages?name=g4-%2A&memory=1024&disk=2048&swap=4096&lwps=4000&vcpus=0&version=1.0.0&group=g&brand=bhyve\
         &flexible_disk=true",
        packages::list(&filter),
    );
    rows.read("/packages/a%2Fb", packages::get("a/b"));
    assert!(packages::get("").is_err());
}

fn instance_calls(rows: &mut Rows) {
    rows.read("/machines", instances::list(&ListInstances::default()));
    rows.read("/machines/ID", instances::find(id()));
    rows.read("/machines/ID?credentials=true", instances::find_with_credentials(id()));
    rows.read("/machines/ID/vnc", instances::connect_vnc(id()));
    rows.read("/machines/ID/audit", instances::audit(id()));
    rows.once(
        r#"POST /machines {"package":"","image":"","firewall_enabled":false,"deletion_protection":false,"allow_shared_images":true}"#,
        instances::create(&CreateInstance::default()),
    );
    rows.set("DELETE /machines/ID", instances::delete(id()));
    rows.once("POST /machines/ID?action=start", instances::start(id()));
    rows.once("POST /machines/ID?action=stop", instances::stop(id()));
    rows.once("POST /machines/ID?action=reboot", instances::reboot(id()));
    rows.set("POST /machines/ID?action=resize&package=g4%201", instances::resize(id(), "g4 1"));
    rows.set("POST /machines/ID?action=rename&name=a.b", instances::rename(id(), "a.b"));
    rows.set("POST /machines/ID?action=enable_firewall", instances::enable_firewall(id()));
    rows.set("POST /machines/ID?action=disable_firewall", instances::disable_firewall(id()));
    rows.set(
        "POST /machines/ID?action=enable_deletion_protection",
        instances::enable_deletion_protection(id()),
    );
    rows.set(
        "POST /machines/ID?action=disable_deletion_protection",
        instances::disable_deletion_protection(id()),
    );
    assert!(instances::resize(id(), "").is_err());
    assert!(instances::rename(id(), "").is_err() && instances::rename(id(), "a&b").is_err());
}

fn tag_calls(rows: &mut Rows) {
    let tags = Tags::from([("a".to_owned(), "b".into()), ("n".to_owned(), 3.into())]);
    rows.read("/machines/ID/tags", instances::list_tags(id()));
    rows.set(r#"POST /machines/ID/tags {"a":"b","n":3}"#, instances::add_tags(id(), &tags));
    rows.set(r#"PUT /machines/ID/tags {"a":"b","n":3}"#, instances::replace_tags(id(), &tags));
    rows.set("DELETE /machines/ID/tags", instances::delete_all_tags(id()));
    rows.read("/machines/ID/tags/a%2Fb", instances::get_tag(id(), "a/b"));
    rows.set("DELETE /machines/ID/tags/a%2Fb", instances::delete_tag(id(), "a/b"));
    let metadata = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
    rows.read("/machines/ID/metadata", instances::list_metadata(id()));
    rows.read(
        "/machines/ID/metadata?credentials=true",
        instances::list_metadata_with_credentials(id()),
    );
    rows.set(r#"POST /machines/ID/metadata {"a":"b"}"#, instances::add_metadata(id(), &metadata));
    rows.set("DELETE /machines/ID/metadata", instances::delete_all_metadata(id()));
    rows.read("/machines/ID/metadata/a%3Ab", instances::get_metadata(id(), "a:b"));
    rows.set("DELETE /machines/ID/metadata/a%3Ab", instances::delete_metadata(id(), "a:b"));
    let plain = instances::get_metadata(id(), "a").unwrap();
    assert_eq!(plain.http.headers()["accept"], "text/plain");
}

fn snapshot_calls(rows: &mut Rows) {
    rows.read("/machines/ID/snapshots", snapshots::list(id()));
    rows.once(r#"POST /machines/ID/snapshots {"name":"s"}"#, snapshots::create(id(), Some("s")));
    rows.once("POST /machines/ID/snapshots {}", snapshots::create(id(), None));
    rows.read("/machines/ID/snapshots/s%201", snapshots::get(id(), "s 1"));
    rows.once("POST /machines/ID/snapshots/s", snapshots::start_from(id(), "s"));
    rows.set("DELETE /machines/ID/snapshots/s", snapshots::delete(id(), "s"));
    assert!(snapshots::start_from(id(), "").is_err() && snapshots::create(id(), Some("")).is_err());
}

fn nic_calls(rows: &mut Rows) {
    let network = NetworkRequest::from(OTHER.parse::<NetworkId>().unwrap());
    rows.read("/machines/ID/nics", nics::list(id()));
    rows.once(r#"POST /machines/ID/nics {"network":"OTHER"}"#, nics::add(id(), &network, false));
    rows.once(
        r#"POST /machines/ID/nics {"network":{"ipv4_uuid":"OTHER","ipv4_ips":["10.0.0.5"]},"primary":true}"#,
        nics::add(id(), &network.with_ip([10, 0, 0, 5].into()), true),
    );
    rows.read("/machines/ID/nics/90b8d0aabbcc", nics::get(id(), "90:b8:d0:AA:bb:cc"));
    rows.set("DELETE /machines/ID/nics/90b8d0aabbcc", nics::remove(id(), "90b8d0aabbcc"));
    for bad in ["", "90:b8", "90:b8:d0:aa:bb:cg", "90b8d0aabbcc/../x"] {
        assert!(nics::remove(id(), bad).is_err(), "{bad}");
    }
}

fn disk_calls(rows: &mut Rows) {
    let disk = OTHER.parse().unwrap();
    rows.read("/machines/ID/disks", disks::list(id()));
    rows.once(
        r#"POST /machines/ID/disks {"size":"remaining"}"#,
        disks::create(id(), &AddDisk::new(DiskSize::Remaining)),
    );
    let slotted = AddDisk {
        pci_slot: Some("0:4:1".to_owned()),
        block_size: Some(512),
        ..AddDisk::new(DiskSize::Mib(10))
    };
    rows.once(
        r#"POST /machines/ID/disks {"size":10,"pci_slot":"0:4:1","block_size":512}"#,
        disks::create(id(), &slotted),
    );
    rows.read("/machines/ID/disks/OTHER", disks::get(id(), disk));
    rows.set(r#"POST /machines/ID/disks/OTHER {"size":10}"#, disks::resize(id(), disk, 10));
    rows.set(
        r#"POST /machines/ID/disks/OTHER {"size":10,"dangerous_allow_shrink":true}"#,
        disks::shrink(id(), disk, 10),
    );
    rows.set("DELETE /machines/ID/disks/OTHER", disks::delete(id(), disk));
    assert!(disks::resize(id(), disk, 0).is_err());
    assert!(disks::create(id(), &AddDisk { block_size: Some(3), ..slotted }).is_err());
}

fn migration_calls(rows: &mut Rows) {
    rows.read("/machines/ID/migrate", migrations::estimate(id()));
    rows.once(
        r#"POST /machines/ID/migrate {"action":"automatic"}"#,
        migrations::migrate(id(), MigrationAction::Automatic),
    );
    rows.check(r#"POST /machines/ID/migrate {"action":"watch"}"#, Read, migrations::watch(id()));
    rows.read("/migrations", migrations::list());
    rows.read("/migrations/ID", migrations::get(id()));
}

fn volume_calls(rows: &mut Rows) {
    let id = OTHER.parse().unwrap();
    rows.read("/volumes", volumes::list(&ListVolumes::default()));
    let filter = ListVolumes {
        name: Some("home*".to_owned()),
        size_mib: Some(10_240),
        state: Some(VolumeState::Failed),
        predicate: Some(serde_json::json!({"eq": ["name", "x"]})),
    };
    rows.read(
        "/volumes?name=home%2A&size=10240&state=failed&predicate=%7B%22eq%22%3A%5B%22name%22%2C%22x%22%5D%7D",
        volumes::list(&filter),
    );
    rows.once(r#"POST /volumes {"type":"tritonnfs"}"#, volumes::create(&CreateVolume::default()));
    let create = CreateVolume {
        name: Some("home".to_owned()),
        size_mib: Some(20_480),
        networks: vec![OTHER.parse().unwrap()],
        affinity: vec!["a.b==c".to_owned()],
        tags: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
    };
    rows.once(
        r#"POST /volumes {"type":"tritonnfs","name":"home","size":20480,"networks":["OTHER"],"affinity":["a.b==c"],"tags":{"a":"b"}}"#,
        volumes::create(&create),
    );
    rows.read("/volumes/OTHER", volumes::get(id));
    rows.set(r#"POST /volumes/OTHER {"name":"new"}"#, volumes::rename(id, "new"));
    rows.set("DELETE /volumes/OTHER", volumes::delete(id));
    rows.read("/volumesizes", volumes::list_sizes());
    for bad in ["", "x", "-x", "a b", &"a".repeat(257)] {
        assert!(volumes::rename(id, bad).is_err(), "{bad}");
    }
    assert!(volumes::create(&CreateVolume { size_mib: Some(0), ..create }).is_err());
}
