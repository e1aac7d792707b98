//! Every request in a row: method, path and query as the manual has them, and whether it may be sent twice.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its tables too")]

use std::collections::BTreeMap;

use http::Method;
use triton_cloudapi::firewall_rules::{self, CreateFirewallRule, UpdateFirewallRule};
use triton_cloudapi::images::{self, ListImages};
use triton_cloudapi::instances::{self, CreateInstance, ListInstances};
use triton_cloudapi::request::{Group, Idempotency};
use triton_cloudapi::tags::Tags;
use triton_cloudapi::{Request, RequestError, account, networks, packages};

const ID: &str = "00000000-0000-4000-8000-000000000001";

#[track_caller]
fn check<T>(
    request: Result<Request<T>, RequestError>,
    method: Method,
    target: &str,
    idempotency: Idempotency,
) {
    let request = request.unwrap();
    let target = target.replace("ID", ID);
    let sent = request.http.uri().path_and_query().unwrap().as_str();
    assert_eq!((request.http.method(), sent), (&method, target.as_str()));
    assert_eq!(request.endpoint.idempotency, idempotency);
    assert_eq!(
        request.http.headers().contains_key("content-type"),
        !request.http.body().is_empty()
    );
}

#[track_caller]
fn read<T>(target: &str, request: Result<Request<T>, RequestError>) {
    check(request, Method::GET, target, Idempotency::Read);
}

#[test]
fn reads_are_where_the_manual_says() {
    read("/", account::get());
    read("/keys", account::list_keys());
    read("/datacenters", account::list_datacenters());
    read("/--ping", account::ping());
    read("/machines", instances::list(&ListInstances::default()));
    read("/machines/ID", instances::find(ID.parse().unwrap()));
    read("/machines/ID/audit", instances::audit(ID.parse().unwrap()));
    read("/machines/ID/tags", instances::list_tags(ID.parse().unwrap()));
    read("/machines/ID/metadata", instances::list_metadata(ID.parse().unwrap()));
    read("/machines/ID/fwrules", firewall_rules::list_of_instance(ID.parse().unwrap()));
    read("/images", images::list(&ListImages::default()));
    let ubuntu = ListImages {
        name: Some("ubuntu 24".to_owned()),
        kind: Some("!docker".to_owned()),
        ..ListImages::default()
    };
    read("/images?name=ubuntu%2024&type=%21docker", images::list(&ubuntu));
    read("/images/ID", images::get(ID.parse().unwrap()));
    read("/packages", packages::list());
    read("/packages/a%2Fb", packages::get("a/b"));
    read("/networks", networks::list());
    read("/networks/ID", networks::get(ID.parse().unwrap()));
    read("/fwrules", firewall_rules::list());
    read("/fwrules/ID", firewall_rules::get(ID.parse().unwrap()));
    read("/fwrules/ID/machines", firewall_rules::list_instances(ID.parse().unwrap()));
    assert!(packages::get("").is_err());
}

#[test]
fn changes_are_where_the_manual_says_and_know_whether_they_may_be_repeated() {
    use Idempotency::{Idempotent, Never};
    let id = ID.parse().unwrap();
    check(instances::create(&CreateInstance::default()), Method::POST, "/machines", Never);
    check(instances::delete(id), Method::DELETE, "/machines/ID", Idempotent);
    check(instances::start(id), Method::POST, "/machines/ID?action=start", Never);
    check(instances::stop(id), Method::POST, "/machines/ID?action=stop", Never);
    check(instances::reboot(id), Method::POST, "/machines/ID?action=reboot", Never);
    check(
        instances::rename(id, "a&b"),
        Method::POST,
        "/machines/ID?action=rename&name=a%26b",
        Idempotent,
    );
    check(
        instances::enable_firewall(id),
        Method::POST,
        "/machines/ID?action=enable_firewall",
        Idempotent,
    );
    check(
        instances::disable_firewall(id),
        Method::POST,
        "/machines/ID?action=disable_firewall",
        Idempotent,
    );
    check(
        instances::enable_deletion_protection(id),
        Method::POST,
        "/machines/ID?action=enable_deletion_protection",
        Idempotent,
    );
    check(
        instances::disable_deletion_protection(id),
        Method::POST,
        "/machines/ID?action=disable_deletion_protection",
        Idempotent,
    );
    let tags = Tags::from([("a".to_owned(), "b".into())]);
    check(instances::add_tags(id, &tags), Method::POST, "/machines/ID/tags", Idempotent);
    check(instances::replace_tags(id, &tags), Method::PUT, "/machines/ID/tags", Idempotent);
    check(instances::delete_tag(id, "a/b"), Method::DELETE, "/machines/ID/tags/a%2Fb", Idempotent);
    let metadata = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
    check(
        instances::add_metadata(id, &metadata),
        Method::POST,
        "/machines/ID/metadata",
        Idempotent,
    );
    check(
        instances::delete_metadata(id, "a:b"),
        Method::DELETE,
        "/machines/ID/metadata/a%3Ab",
        Idempotent,
    );
    let id = ID.parse().unwrap();
    check(firewall_rules::create(&CreateFirewallRule::default()), Method::POST, "/fwrules", Never);
    check(
        firewall_rules::update(id, &UpdateFirewallRule::default()),
        Method::POST,
        "/fwrules/ID",
        Idempotent,
    );
    check(firewall_rules::enable(id), Method::POST, "/fwrules/ID/enable", Idempotent);
    check(firewall_rules::disable(id), Method::POST, "/fwrules/ID/disable", Idempotent);
    check(firewall_rules::delete(id), Method::DELETE, "/fwrules/ID", Idempotent);
}

#[test]
fn firewall_rules_count_as_instances_for_the_rate_limit() {
    assert_eq!(firewall_rules::list().unwrap().endpoint.group, Group::Machines);
    assert_eq!(images::list(&ListImages::default()).unwrap().endpoint.group, Group::Images);
    assert_eq!(account::ping().unwrap().endpoint.group, Group::Unlimited);
}

#[test]
fn a_firewall_rule_says_only_what_changes() {
    let update = UpdateFirewallRule { enabled: Some(false), ..UpdateFirewallRule::default() };
    let request = firewall_rules::update(ID.parse().unwrap(), &update).unwrap();
    assert_eq!(request.http.body(), br#"{"enabled":false}"#);
}
