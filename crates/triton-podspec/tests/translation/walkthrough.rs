//! The first provider's walkthrough, word for word, and what it becomes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use triton_cloudapi::tags::TagValue;
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
    let create = plan(&walkthrough()).create;
    assert_eq!(create.name, "ubuntu-6d8f7c9b54-x2x7p-6e2b6c2c41c2");
    assert_eq!(create.package, "b87c2a29-6b6a-6d19-ea65-aa81e680002c");
    assert_eq!(create.image, "7b5981c4-1889-11e7-b4c5-3f3bdfc9b88b");
    let networks: Vec<String> = create.networks.iter().flatten().map(ToString::to_string).collect();
    assert_eq!(
        networks,
        ["17d7aa50-6ad9-4e56-93b7-12dc868fac2a", "a0ae9499-b476-4fef-9861-d0c25029378d"]
    );
    let metadata: BTreeMap<&str, &str> =
        create.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(
        metadata,
        BTreeMap::from([("user-data", r#"{"env_vars":{"bar":"baz","foo":"bar"}}"#)])
    );
    let tags: BTreeMap<&str, &TagValue> =
        create.tags.iter().map(|(key, value)| (key.as_str(), value)).collect();
    assert_eq!(
        tags,
        BTreeMap::from([
            ("app", &"ubuntu".into()),
            ("k8s_cluster", &CLUSTER.into()),
            ("k8s_fwgroup", &"ubuntu".into()),
            ("k8s_fwports", &"tcp-22".into()),
            ("k8s_namespace", &"default".into()),
            ("k8s_nodename", &NODE.into()),
            ("k8s_podname", &"ubuntu-6d8f7c9b54-x2x7p".into()),
            ("k8s_uid", &UID.into()),
            ("pod-template-hash", &"6d8f7c9b54".into()),
            ("triton.cns.services", &"ubuntu".into()),
        ])
    );
    assert_eq!(create.affinity, Vec::<String>::new());
    assert_eq!(create.brand, None);
    assert!(create.firewall_enabled);
    assert!(!create.deletion_protection);
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
