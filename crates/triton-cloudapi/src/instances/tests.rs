use super::*;
use crate::page::Page;

const LIST: &str = include_str!("../../fixtures/instances/list.json");

fn page() -> Page<Instance> {
    Page::from_values(serde_json::from_str(LIST).unwrap())
}

#[test]
fn a_usual_instance_is_read_whole() {
    let instance = &page().items[0];
    assert_eq!(instance.name, "web-0");
    assert_eq!((&instance.brand, &instance.state), (&Brand::Lx, &InstanceState::Running));
    assert_eq!(instance.image.unwrap().to_string(), "00000000-0000-4000-8000-0000000000aa");
    assert_eq!(instance.ips, ["10.77.0.5", "203.0.113.9"]);
    assert_eq!(instance.primary_ip.as_deref(), Some("203.0.113.9"));
    assert_eq!((instance.memory_mib, instance.disk_mib), (Some(1024), Some(25600)));
    assert_eq!(instance.tags["replica"], TagValue::Number(3.into()));
    assert_eq!(instance.tags["canary"], TagValue::Bool(true));
    assert_eq!(instance.tags["k8s.pod"].as_str(), Some("web-0"));
    assert_eq!(instance.created.unwrap().to_string(), "2026-01-02T03:04:05.678Z");
    assert_eq!(instance.networks.len(), 2);
    assert_eq!(instance.nics[0].gateway.as_deref(), Some("10.77.0.1"));
    assert_eq!(instance.nics[0].network, Some(instance.networks[0]));
    assert!(instance.firewall_enabled && !instance.deletion_protection);
    assert_eq!(instance.package, "g4-highcpu-1G");
    assert!(instance.compute_node.is_some());
    assert_eq!(instance.dns_names, ["a.example.com"]);
}

#[test]
fn whatever_servers_have_been_seen_to_send_is_read_too() {
    let instance = &page().items[1];
    assert_eq!(instance.name, "odd-but-readable");
    assert_eq!(instance.state, InstanceState::Unknown("hibernating".to_owned()));
    assert_eq!(instance.ips, ["dhcp"]);
    assert_eq!((instance.memory_mib, instance.disk_mib), (None, Some(0)));
    assert_eq!((instance.image, instance.compute_node), (None, None));
    assert_eq!((instance.created, instance.updated), (None, None));
    assert!(instance.networks.is_empty());
    assert_eq!(instance.nics.len(), 1);
    assert_eq!(instance.nics[0].gateway, None);
    assert_eq!(instance.nics[0].network, None);
    assert!(instance.firewall_enabled && instance.nics[0].primary);
    assert!(instance.metadata["credentials"].is_object());
}

#[test]
fn whose_an_instance_is_must_be_readable() {
    let page = page();
    assert_eq!(page.items.len(), 3);
    assert!(page.items[2].tags.is_empty());
    let odd: Vec<_> = page.odd.iter().map(|odd| (odd.index, odd.reason.as_str())).collect();
    assert_eq!(odd[0], (3, "the instance's tags are no object"));
    assert_eq!(odd[1], (4, "the instance's id is no UUID"));
    assert_eq!(odd[2].0, 5);
    assert_eq!(page.odd[0].id.as_deref(), Some("00000000-0000-4000-8000-000000000004"));
}

#[test]
fn tags_that_are_null_or_left_out_are_not_known_to_be_none() {
    let id = r#""id": "00000000-0000-4000-8000-000000000001""#;
    for tags in [r#", "tags": null"#, r#", "tags": []"#, ""] {
        let text = format!("{{{id}{tags}}}");
        assert!(serde_json::from_str::<Instance>(&text).is_err(), "{text}");
    }
    assert!(serde_json::from_str::<Instance>(&format!(r#"{{{id}, "tags": {{}}}}"#)).is_ok());
}

#[test]
fn broken_numbers_are_absent() {
    for (memory, expected) in [("1024.0", Some(1024)), ("-1", None), ("\"1\"", None), ("{}", None)]
    {
        let text = format!(
            r#"{{"id": "00000000-0000-4000-8000-000000000001", "tags": {{}}, "memory": {memory}}}"#
        );
        assert_eq!(
            serde_json::from_str::<Instance>(&text).unwrap().memory_mib,
            expected,
            "{memory}"
        );
    }
}
