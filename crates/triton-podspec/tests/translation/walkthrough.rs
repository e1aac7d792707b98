//! The first provider's walkthrough, word for word, and what it becomes.

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use triton_podspec::{FirewallRulePlan, ownership, references};

use crate::fixture::{CLUSTER, NODE, UID, plan};

/// A pod as the ReplicaSet of the walkthrough's Deployment makes it.
fn walkthrough() -> Pod {
    let mut deployment: Value =
        serde_saphyr::from_str(include_str!("../../fixtures/walkthrough.yaml")).unwrap();
    let mut pod = deployment["spec"]["template"].take();
    pod["metadata"]["name"] = json!("ubuntu-6d8f7c9b54-x2x7p");
    pod["metadata"]["namespace"] = json!("default");
    pod["metadata"]["uid"] = json!(UID);
    pod["metadata"]["labels"]["pod-template-hash"] = json!("6d8f7c9b54");
    // What the API server and its admission add to every pod.
    pod["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] =
        json!("2026-01-01T00:00:00Z");
    pod["spec"]["dnsPolicy"] = json!("ClusterFirst");
    pod["spec"]["securityContext"] = json!({});
    pod["spec"]["schedulerName"] = json!("default-scheduler");
    pod["spec"]["enableServiceLinks"] = json!(true);
    pod["spec"]["priority"] = json!(0);
    pod["spec"]["serviceAccountName"] = json!("default");
    pod["spec"]["nodeName"] = json!(NODE);
    pod["spec"]["containers"][0]["imagePullPolicy"] = json!("IfNotPresent");
    pod["spec"]["containers"][0]["resources"] = json!({});
    pod["spec"]["containers"][0]["terminationMessagePath"] = json!("/dev/termination-log");
    pod["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "kube-api-access-7vxwz", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true}]);
    pod["spec"]["volumes"] = json!([{"name": "kube-api-access-7vxwz", "projected": {"defaultMode": 420, "sources": [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}}
    ]}}]);
    serde_json::from_value(pod).unwrap()
}

#[test]
fn the_walkthrough_becomes_exactly_this_request() {
    let golden: Value =
        serde_json::from_str(include_str!("../../fixtures/walkthrough-create.json")).unwrap();
    assert_eq!(plan(&walkthrough()).create.to_body().unwrap(), golden);
}

#[test]
fn the_walkthrough_needs_a_rule_for_its_port_and_two_for_its_group() {
    let plan = plan(&walkthrough());
    let rule = |rule: &str, purpose: &str, tag: (&str, &str)| FirewallRulePlan {
        rule: rule.to_owned(),
        purpose: purpose.to_owned(),
        tag: (tag.0.to_owned(), tag.1.to_owned()),
    };
    assert_eq!(
        plan.firewall_rules,
        [
            rule(
                r#"FROM tag "k8s_fwgroup" = "ubuntu" TO tag "k8s_fwgroup" = "ubuntu" ALLOW tcp PORT ALL"#,
                "tcp within ubuntu",
                ("k8s_fwgroup", "ubuntu")
            ),
            rule(
                r#"FROM tag "k8s_fwgroup" = "ubuntu" TO tag "k8s_fwgroup" = "ubuntu" ALLOW udp PORT ALL"#,
                "udp within ubuntu",
                ("k8s_fwgroup", "ubuntu")
            ),
            rule(
                r#"FROM any TO tag "k8s_fwports" = "tcp-22" ALLOW tcp PORT 22"#,
                "tcp 22 from anywhere",
                ("k8s_fwports", "tcp-22")
            ),
        ]
    );
    assert!(!plan.deletion_protection);
}

#[test]
fn the_walkthrough_refers_to_nothing_and_is_found_again_by_its_tags() {
    let pod = walkthrough();
    assert!(references(&pod).is_empty());
    let owner = ownership::owner_of(&plan(&pod).create.tags).unwrap();
    assert_eq!(owner, ownership::Owner::of(&pod, CLUSTER, NODE));
}
