//! Ports and groups as firewall rules.

use k8s_openapi::api::core::v1::Pod;
use triton_podspec::firewall::{GROUP_TAG, PORTS_TAG};

use crate::fixture::{plan, pod, translated};

fn with(annotations: &str, ports: &str) -> Pod {
    pod(&format!(
        "{{metadata: {{annotations: {annotations}}}, \
          spec: {{containers: [{{name: web, image: ubuntu-16.04, ports: {ports}}}]}}}}"
    ))
}

#[test]
fn ports_are_sorted_and_counted_once() {
    let ports = "[{containerPort: 443}, {containerPort: 53, protocol: UDP}, {containerPort: 22, protocol: TCP}, {containerPort: 443, name: again}]";
    let plan = plan(&with("{fwenabled: 'true'}", ports));
    assert!(plan.create.firewall_enabled);
    assert_eq!(plan.create.tags[PORTS_TAG], "tcp-22.tcp-443.udp-53".into());
    let rules: Vec<&str> = plan.firewall_rules.iter().map(|rule| rule.rule.as_str()).collect();
    assert_eq!(
        rules,
        [
            r#"FROM any TO tag "k8s_fwports" = "tcp-22.tcp-443.udp-53" ALLOW tcp PORT 22"#,
            r#"FROM any TO tag "k8s_fwports" = "tcp-22.tcp-443.udp-53" ALLOW tcp PORT 443"#,
            r#"FROM any TO tag "k8s_fwports" = "tcp-22.tcp-443.udp-53" ALLOW udp PORT 53"#,
        ]
    );
}

#[test]
fn pods_with_the_same_ports_share_their_rules() {
    let rules = |ports: &str| plan(&with("{fwenabled: 'true'}", ports)).firewall_rules;
    assert_eq!(
        rules("[{containerPort: 1}, {containerPort: 2}]"),
        rules("[{containerPort: 2}, {containerPort: 1}]")
    );
    assert_ne!(rules("[{containerPort: 1}]"), rules("[{containerPort: 2}]"));
}

#[test]
fn many_ports_are_named_by_a_hash() {
    let ports: Vec<String> =
        (10_000..10_030).map(|port| format!("{{containerPort: {port}}}")).collect();
    let plan = plan(&with("{fwenabled: 'true'}", &format!("[{}]", ports.join(", "))));
    let tag = plan.create.tags[PORTS_TAG].as_str().unwrap();
    assert_eq!((tag.len(), &tag[..7]), (23, "sha256-"));
    assert_eq!(plan.firewall_rules.len(), 30);
    assert!(plan.firewall_rules.iter().all(|rule| rule.rule.contains(tag)));
}

#[test]
fn without_the_firewall_there_are_no_rules() {
    let plan = plan(&with("{fwenabled: 'false'}", "[{containerPort: 22}]"));
    assert!(!plan.create.firewall_enabled);
    assert_eq!(plan.firewall_rules, []);
    assert!(!plan.create.tags.contains_key(PORTS_TAG));
}

#[test]
fn a_member_without_a_firewall_is_still_let_in_by_the_others() {
    let plan = translated(&with("{fwgroup: web}", "[]")).instance.unwrap();
    assert_eq!(plan.create.tags[GROUP_TAG], "web".into());
    assert_eq!(plan.firewall_rules, []);
}
