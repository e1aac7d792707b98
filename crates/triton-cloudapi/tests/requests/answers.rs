//! Answers in which success is not simply 200 with the thing in it.

use http::{HeaderMap, HeaderName, StatusCode};
use triton_cloudapi::disks::{self, AddDisk};
use triton_cloudapi::fabrics::{self, UpdateFabricVlan};
use triton_cloudapi::instances::{DiskSize, NetworkRequest};
use triton_cloudapi::migrations::{self, MigrationPhase, MigrationState};
use triton_cloudapi::nics::{self, AddedNic, NicState};
use triton_cloudapi::packages::{self, ListPackages};
use triton_cloudapi::request::AnswerError;
use triton_cloudapi::{
    Answer, NetworkId, Request, RequestError, ServerVersion, account, config, datacenters,
    firewall_rules, images, instances, keys, limits, networks, ping, role_tags, services,
    snapshots, users, volumes,
};

use super::{ID, OTHER};

type Headers = [(&'static str, &'static str)];

fn read<T>(
    request: Result<Request<T>, RequestError>,
    status: u16,
    headers: &Headers,
    body: &str,
) -> Result<T, AnswerError> {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
        .collect();
    let status = StatusCode::from_u16(status).unwrap();
    request.unwrap().read(&Answer { status, headers: &headers, body: body.as_bytes() })
}

#[test]
fn a_nic_that_is_there_already_is_an_answer_and_not_a_redirect() {
    let network = NetworkRequest::from(OTHER.parse::<NetworkId>().unwrap());
    let add = || nics::add(ID.parse().unwrap(), &network, false);
    let location = [("location", "/acme/machines/ID/nics/90b8d0000001")];
    let exists = |mac: Option<&str>| AddedNic::Exists { mac: mac.map(str::to_owned) };
    assert_eq!(read(add(), 302, &location, "").unwrap(), exists(Some("90b8d0000001")));
    assert_eq!(read(add(), 302, &[], "{}").unwrap(), exists(None));
    let body = r#"{"mac":"90:b8:d0:00:00:01","primary":false,"state":"provisioning"}"#;
    let AddedNic::Added(nic) = read(add(), 201, &location, body).unwrap() else { panic!() };
    assert_eq!((nic.mac.as_str(), nic.state), ("90:b8:d0:00:00:01", NicState::Provisioning));
    for status in [301, 307, 409, 500] {
        assert!(read(add(), status, &location, "{}").is_err(), "{status}");
    }
}

#[test]
fn a_datacenter_is_where_the_server_points() {
    let get = || datacenters::get("us-east-1");
    let location = [("location", "https://us-east-1.example.com")];
    let moved = r#"{"code":"ResourceMoved","message":"see there"}"#;
    assert_eq!(read(get(), 302, &location, moved).unwrap(), "https://us-east-1.example.com");
    assert!(read(get(), 302, &[], moved).is_err());
    assert!(read(get(), 404, &[], "{}").is_err());
    assert!(read(get(), 200, &location, "{}").is_err());
}

#[test]
fn where_the_server_may_say_nothing_nothing_is_an_answer() {
    let (id, disk) = (ID.parse().unwrap(), OTHER.parse().unwrap());
    let add = || disks::create(id, &AddDisk::new(DiskSize::Mib(10)));
    assert_eq!(read(add(), 202, &[], "").unwrap(), None);
    let body = format!(r#"{{"id":"{OTHER}","size":10,"pci_slot":"0:4:1","state":"creating"}}"#);
    assert_eq!(read(add(), 200, &[], &body).unwrap().unwrap().id, Some(disk));
    assert!(read(add(), 200, &[], "{").is_err());
    let rename = || volumes::rename(OTHER.parse().unwrap(), "new");
    assert!(read(rename(), 204, &[], "").unwrap().is_none());
    let body = format!(r#"{{"id":"{OTHER}","name":"new"}}"#);
    assert_eq!(read(rename(), 200, &[], &body).unwrap().unwrap().name, "new");
    let update = || fabrics::update_vlan(4, &UpdateFabricVlan::default());
    assert_eq!(read(update(), 202, &[], " ").unwrap(), None);
    assert_eq!(read(update(), 202, &[], r#"{"vlan_id":4}"#).unwrap().unwrap().vlan_id, 4);
    for (status, body) in [(202, ""), (200, "{}")] {
        read(instances::stop(id), status, &[], body).unwrap();
        read(disks::resize(id, disk, 10), status, &[], body).unwrap();
    }
}

#[test]
fn what_is_gone_is_deleted() {
    let id = ID.parse().unwrap();
    for status in [204, 404, 410] {
        read(keys::delete("k"), status, &[], "").unwrap();
        read(images::delete(ID.parse().unwrap()), status, &[], "{}").unwrap();
        read(snapshots::delete(id, "s"), status, &[], "").unwrap();
        read(users::delete("bob"), status, &[], "\"x\"").unwrap();
        read(firewall_rules::delete(ID.parse().unwrap()), status, &[], "").unwrap();
    }
    for status in [302, 401, 403, 409, 503] {
        assert!(read(keys::delete("k"), status, &[], "").is_err(), "{status}");
        assert!(read(snapshots::delete(id, "s"), status, &[], "").is_err(), "{status}");
    }
}

#[test]
fn the_ping_tells_names_and_versions() {
    let headers = [("server", "cloudapi/9.20.0"), ("triton-datacenter-name", "us-east-1")];
    let body = r#"{"ping":"pong","cloudapi":{"versions":["7.0.0","9.0.0"]}}"#;
    let pong = read(ping::ping(), 200, &headers, body).unwrap();
    assert_eq!((pong.ping.as_str(), pong.cloudapi.versions.len()), ("pong", 2));
    assert_eq!(pong.datacenter.as_deref(), Some("us-east-1"));
    assert_eq!(pong.server, Some(ServerVersion::new(9, 20, 0)));
    let bare = read(ping::ping(), 200, &[], r#"{"ping":"pong","cloudapi":null}"#).unwrap();
    assert_eq!((bare.cloudapi.versions.len(), bare.datacenter, bare.server), (0, None, None));
}

#[test]
fn a_migration_is_watched_line_by_line() {
    let lines = "{\"type\":\"progress\",\"phase\":\"sync\",\"state\":\"running\",\"current_progress\":5}\n\
         not json\n{\"type\":\"end\",\"phase\":\"sync\",\"state\":\"paused\"}\n";
    let page = read(migrations::watch(ID.parse().unwrap()), 200, &[], lines).unwrap();
    assert_eq!((page.items.len(), page.odd.len()), (2, 1));
    assert_eq!(
        (&page.items[0].phase, page.items[0].current_progress),
        (&MigrationPhase::Sync, Some(5))
    );
    assert_eq!(
        (page.items[1].kind.as_str(), &page.items[1].state),
        ("end", &MigrationState::Paused)
    );
    assert!(read(migrations::watch(ID.parse().unwrap()), 409, &[], "{}").is_err());
}

#[test]
fn no_cpus_are_none() {
    let list = |vcpus: &str| {
        let body = format!(
            r#"[{{"id":"{ID}","name":"g4","memory":1024,"disk":25600,"swap":null,"vcpus":{vcpus}}}]"#
        );
        read(packages::list(&ListPackages::default()), 200, &[], &body).unwrap().items[0].vcpus
    };
    assert_eq!((list("0"), list("null"), list("4"), list("\"4\"")), (None, None, Some(4), None));
}

#[test]
fn fields_of_another_type_are_empty_and_the_thing_is_still_there() {
    let account = r#"{"id":"ID","login":"acme","email":null,"companyName":5,"phone":"1","triton_cns_enabled":"true","created":5}"#;
    let account = read(account::get(), 200, &[], &account.replace("ID", ID)).unwrap();
    assert_eq!((account.email, account.contact.company_name, account.created), (None, None, None));
    assert_eq!(account.contact.phone.as_deref(), Some("1"));
    assert!(account.triton_cns_enabled);
    let network = r#"{"id":"ID","name":"n","public":"true","routes":null,"resolvers":"x","vlan_id":"2","internet_nat":null}"#;
    let get = networks::get(ID.parse().unwrap());
    let network = read(get, 200, &[], &network.replace("ID", ID)).unwrap();
    assert!(network.public && network.routes.is_empty() && network.resolvers.is_empty());
    assert_eq!((network.vlan_id, network.internet_nat), (None, None));
    let image = r#"{"id":"ID","name":"i","version":null,"files":{},"acl":["x"],"tags":[],"requirements":null,"error":null,"published_at":"never"}"#;
    let image = read(images::get(ID.parse().unwrap()), 200, &[], &image.replace("ID", ID)).unwrap();
    assert!(image.version.is_empty() && image.files.is_empty() && image.acl.is_empty());
    assert_eq!((image.error, image.published_at), (None, None));
    let rule = r#"{"id":"ID","rule":"x","enabled":null,"log":0,"description":null}"#;
    let get = firewall_rules::get(ID.parse().unwrap());
    let rule = read(get, 200, &[], &rule.replace("ID", ID)).unwrap();
    assert!(!rule.enabled && !rule.log && !rule.global);
    let config = read(config::get(), 200, &[], r#"{"default_network":""}"#).unwrap();
    assert_eq!(config.default_network, None);
    let limits = read(limits::get(), 200, &[], r#"[{"by":"x","value":"5","os":""},{}]"#).unwrap();
    assert_eq!((limits.items.len(), limits.odd.len()), (1, 1));
    assert_eq!((limits.items[0].by.as_str(), limits.items[0].value), ("x", None));
    let tags = r#"{"name":"/acme/machines","role-tag":["ops",null]}"#;
    let set = role_tags::set(&role_tags::Taggable::Account, &[]);
    assert_eq!(read(set, 200, &[], tags).unwrap().role_tags, ["ops"]);
    let names = r#"{"cmon":"https://x","docker":null,"manta":{}}"#;
    assert_eq!(read(services::list(), 200, &[], names).unwrap().len(), 1);
    assert_eq!(read(datacenters::list(), 200, &[], names).unwrap()["cmon"], "https://x");
}

#[test]
fn success_that_cannot_be_read_is_told_apart_from_a_refusal() {
    for body in ["", "<html>", "{\"id\":", "[]", "null"] {
        let error = read(account::get(), 200, &[], body).unwrap_err();
        assert!(matches!(error, AnswerError::Decode { .. }), "{body}");
    }
    for status in [302, 400, 401, 403, 404, 409, 429, 500, 503] {
        let error = read(account::get(), status, &[], "<html>").unwrap_err();
        assert!(matches!(error, AnswerError::Api(_)), "{status}");
    }
}
