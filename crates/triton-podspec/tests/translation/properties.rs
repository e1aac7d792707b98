//! What holds for every pod.

use k8s_openapi::api::core::v1::Pod;
use proptest::collection::btree_map;
use proptest::prelude::*;
use serde_json::{Value, json};
use triton_podspec::{Severity, references};

use crate::fixture::translated;

/// Text that has a meaning somewhere, or any text.
fn text() -> impl Strategy<Value = String> {
    let meaningful = prop::sample::select(vec![
        "",
        "true",
        "false",
        "yes",
        "g4-highcpu-1G",
        "k4-bhyve-4G",
        "ubuntu-16.04",
        "debian-12@1.0.0",
        "debian-12@",
        "a0ae9499-b476-4fef-9861-d0c25029378d",
        "sdc_nat,twin",
        "role!=db,instance==~/x/",
        "==",
        "web:80,api:1:weight=2",
        "bhyve",
        "joyent",
        "$(A)$$(B",
        "1e99999",
        "500m",
        "4Gi",
        "-1",
        "Always",
        "TCP",
        "metadata.name",
        "status.podIP",
        "metadata.labels['a']",
        "']",
        "['",
        "limits.cpu",
        "requests.memory",
    ]);
    prop_oneof![3 => meaningful.prop_map(str::to_owned), 1 => any::<String>()]
}

fn key() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "package",
        "networks",
        "fwgroup",
        "fwenabled",
        "affinity",
        "delprotect",
        "brand",
        "user-script",
        "cloud-init",
        "user-data",
        "type",
        "tritondatacenter.com/package",
        "tritondatacenter.com/",
        "metadata.tritondatacenter.com/",
        "metadata.tritondatacenter.com/x",
        "triton.cns.services",
        "triton.cns.disable",
        "triton.",
        "k8s_uid",
        "app",
        "triton.cmon.groups",
        "administrator_pw",
        "credentials",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => any::<String>()]
}

fn from() -> impl Strategy<Value = Value> {
    (0..5, text(), text(), any::<Option<bool>>()).prop_map(|(kind, name, key, optional)| match kind
    {
        0 => json!({"configMapKeyRef": {"name": name, "key": key, "optional": optional}}),
        1 => json!({"secretKeyRef": {"name": name, "key": key, "optional": optional}}),
        2 => json!({"fieldRef": {"fieldPath": name}}),
        3 => json!({"resourceFieldRef": {"resource": name, "divisor": key}}),
        _ => json!({}),
    })
}

prop_compose! {
    fn pods()(
        labels in btree_map(key(), text(), 0..4),
        annotations in btree_map(key(), text(), 0..6),
        (name, namespace, uid) in (text(), text(), text()),
        images in prop::collection::vec(text(), 0..3),
        env in prop::collection::vec((text(), text(), prop::option::of(from())), 0..4),
        ports in prop::collection::vec((any::<i32>(), text()), 0..3),
        requests in btree_map(prop::sample::select(vec!["cpu", "memory", "ephemeral-storage", "x/y"]), text(), 0..3),
        (host_network, restart_policy) in (any::<Option<bool>>(), text()),
    ) -> Pod {
        let env: Vec<Value> = env.iter()
            .map(|(name, value, from)| json!({"name": name, "value": value, "valueFrom": from})).collect();
        let ports: Vec<Value> = ports.iter()
            .map(|(port, protocol)| json!({"containerPort": port, "protocol": protocol})).collect();
        let containers: Vec<Value> = images.iter().map(|image| json!({
            "name": "web", "image": image, "env": env, "ports": ports, "resources": {"requests": requests},
        })).collect();
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": namespace, "uid": uid, "labels": labels, "annotations": annotations},
            "spec": {"containers": containers, "hostNetwork": host_network, "restartPolicy": restart_policy},
        })).unwrap()
    }
}

proptest! {
    #[test]
    fn there_is_an_instance_exactly_when_nothing_found_forbids_it(pod in pods()) {
        let translation = translated(&pod);
        let forbidden = translation.diagnostics.iter().any(|diagnostic| diagnostic.severity > Severity::Warning);
        prop_assert_eq!(translation.instance.is_none(), forbidden, "{:#?}", translation.diagnostics);
        for diagnostic in &translation.diagnostics {
            prop_assert!(!diagnostic.path.is_empty() && !diagnostic.message.is_empty(), "{diagnostic:?}");
        }
        prop_assert!(references(&pod).len() <= 4);
    }

    #[test]
    fn an_instance_has_a_legal_name_and_names_package_and_image(pod in pods()) {
        let Some(plan) = translated(&pod).instance else { return Ok(()) };
        let create = plan.create;
        prop_assert!((1..=63).contains(&create.name.len()), "{}", create.name);
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        prop_assert!(create.name.bytes().all(legal) && !create.name.starts_with('-'), "{}", create.name);
        prop_assert!(!create.package.is_empty() && !create.image.is_empty());
        let user_data: Value = serde_json::from_str(&create.metadata["user-data"]).unwrap();
        prop_assert!(user_data["env_vars"].is_object());
    }

    #[test]
    fn the_same_pod_becomes_the_same(pod in pods()) {
        prop_assert_eq!(translated(&pod), translated(&pod));
    }
}

#[test]
fn an_empty_pod_is_refused_and_nothing_else_happens() {
    let translation = translated(&Pod::default());
    assert_eq!(translation.instance, None);
    assert_eq!(references(&Pod::default()).len(), 0);
}
