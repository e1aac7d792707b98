//! What is read serializes to what was sent: CloudAPI's own shape, but for secrets.
//!
//! The fixtures belong to the workspace, so this test is not in the package.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its tables too")]

use std::fs;
use std::path::Path;

use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};
use triton_cloudapi::instances::{self, Instance};
use triton_cloudapi::{
    Answer, Page, Request, RequestError, access_keys, disks, fabrics, firewall_rules, images, keys,
    limits, migrations, network_ips, networks, nics, packages, policies, roles, snapshots, users,
    volumes,
};

const ID: &str = "00000000-0000-4000-8000-000000000001";

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/cloudapi").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn read<T>(request: &Request<T>, body: &[u8]) -> T {
    let headers = HeaderMap::new();
    request.read(&Answer { status: StatusCode::OK, headers: &headers, body }).unwrap()
}

/// Whether the list serializes to the fixture, after `adapt` has made the fixture into what is expected.
#[track_caller]
fn check_but<T: Serialize>(
    name: &str,
    request: Result<Request<Page<T>>, RequestError>,
    adapt: impl Fn(&mut Value),
) {
    let sent = fixture(&format!("lists/{name}.json"));
    let page = read(&request.unwrap(), &sent);
    assert_eq!(page.odd, []);
    let mut expected: Vec<Value> = serde_json::from_slice(&sent).unwrap();
    expected.iter_mut().for_each(adapt);
    let written: Vec<Value> =
        page.items.iter().map(|item| serde_json::to_value(item).unwrap()).collect();
    assert_eq!(Value::from(written), Value::from(expected), "{name}");
}

#[track_caller]
fn check<T: Serialize>(name: &str, request: Result<Request<Page<T>>, RequestError>) {
    check_but(name, request, |_| {});
}

fn set_default(value: &mut Value, key: &str, default: impl Into<Value>) {
    if value.get(key).is_none() {
        value[key] = default.into();
    }
}

#[test]
fn lists_are_written_as_they_were_read() {
    let id = ID.parse().unwrap();
    check("audit", instances::audit(id));
    check("disks", disks::list(id));
    check("fwrules", firewall_rules::list());
    check("ips", network_ips::list(ID.parse().unwrap(), &Default::default()));
    check("keys", keys::list());
    check("limits", limits::get());
    check("migrations", migrations::list());
    check("nics", nics::list(id));
    check("roles-9", roles::list());
    check("snapshots", snapshots::list(id));
    check("users", users::list());
    check("vlans", fabrics::list_vlans());
    check_but("networks", networks::list(&Default::default()), |network| {
        set_default(network, "fabric", false);
    });
    check_but("images", images::list(&Default::default()), |image| {
        for (key, default) in [("public", json!(false)), ("state", json!(""))] {
            set_default(image, key, default);
        }
        // Times have milliseconds, as they do everywhere else.
        if let Some(time) = image.get("published_at").and_then(Value::as_str) {
            image["published_at"] = time.replace("00Z", "00.000Z").into();
        }
    });
    check_but("packages", packages::list(&Default::default()), |package| {
        for (key, default) in
            [("group", json!("")), ("description", json!("")), ("flexible_disk", json!(false))]
        {
            set_default(package, key, default);
        }
    });
    check_but("policies", policies::list(), |policy| {
        if let Value::String(rule) = &policy["rules"] {
            policy["rules"] = json!([rule]);
        }
    });
    check_but("volumes", volumes::list(&Default::default()), |volume| {
        set_default(volume, "refs", json!([]));
    });
}

#[test]
fn the_secret_of_an_access_key_is_read_and_not_written() {
    check_but("accesskeys", access_keys::list(), |key| {
        key["accesskeysecret"] = "<redacted>".into();
    });
    let page = read(&access_keys::list().unwrap(), &fixture("lists/accesskeys.json"));
    let secret = page.items[0].secret.clone().unwrap();
    assert_eq!(secret.expose(), "tdc_not-a-real-secret");
    assert!(!format!("{page:?}").contains("tdc_"), "{page:?}");
}

#[test]
fn both_forms_of_roles_are_written_as_the_newer_one() {
    let read = |name: &str| read(&roles::list().unwrap(), &fixture(name)).items;
    let (old, new) = (read("lists/roles-8.json"), read("lists/roles-9.json"));
    assert_eq!(old[0].members[0].login, new[0].members[0].login);
    assert!(old[0].members[0].default && new[0].members[0].default);
    assert_eq!(old[0].policies[0].name, new[0].policies[0].name);
}

#[test]
fn an_instance_is_written_as_it_was_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/cloudapi/machines");
    let mut count = 0;
    for file in fs::read_dir(folder).unwrap() {
        let sent = fs::read(file.unwrap().path()).unwrap();
        let instance: Instance = serde_json::from_slice(&sent).unwrap();
        let mut expected: Value = serde_json::from_slice(&sent).unwrap();
        // Null and absent are the same to CloudAPI's clients.
        expected.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        for key in ["tags", "metadata"] {
            set_default(&mut expected, key, json!({}));
        }
        for disk in expected.get_mut("disks").and_then(Value::as_array_mut).into_iter().flatten() {
            set_default(disk, "boot", false);
        }
        assert_eq!(instance.to_exposed_json().unwrap(), expected);
        for value in expected["metadata"].as_object_mut().unwrap().values_mut() {
            *value = "<redacted>".into();
        }
        assert_eq!(serde_json::to_value(&instance).unwrap(), expected);
        count += 1;
    }
    assert!(count > 5, "{count}");
}
