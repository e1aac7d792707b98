//! The environment, by the kubelet's rules.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use triton_podspec::{
    Defaults, Inputs, Reference, Severity, SourceKind, Sources, Translation, references,
};

use crate::fixture::{container, pod, translated_with};

/// ConfigMap `c` (`k`, `n-1`, `ref`), Secret `s` (`k`, `bin`); ConfigMap and Secret `none` do not exist.
fn sources() -> Sources {
    let some = |entries: &[(&str, &[u8])]| {
        Some(entries.iter().map(|(key, value)| ((*key).to_owned(), value.to_vec())).collect())
    };
    let reference = |kind, name: &str| Reference { kind, name: name.to_owned() };
    Sources(BTreeMap::from([
        (
            reference(SourceKind::ConfigMap, "c"),
            some(&[("k", b"config"), ("n-1", b"dash"), ("ref", b"$(A)")]),
        ),
        (reference(SourceKind::Secret, "s"), some(&[("k", b"secret"), ("bin", b"\xff")])),
        (reference(SourceKind::ConfigMap, "odd"), some(&[("a=b", b"x"), ("ok", b"y")])),
        (reference(SourceKind::ConfigMap, "none"), None),
        (reference(SourceKind::Secret, "none"), None),
    ]))
}

fn translate(fields: &str) -> Translation {
    translated_with(&container(fields), &sources(), &Defaults::default())
}

fn variables(translation: &Translation) -> BTreeMap<String, String> {
    let user_data = &translation.instance.as_ref().unwrap().create.metadata["user-data"];
    let mut user_data: Value = serde_json::from_str(user_data).unwrap();
    serde_json::from_value(user_data["env_vars"].take()).unwrap()
}

#[track_caller]
fn check(fields: &str, expected: &[(&str, &str)]) {
    let translation = translate(fields);
    assert_eq!(translation.diagnostics, [], "{fields}");
    let expected: BTreeMap<String, String> =
        expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    assert_eq!(variables(&translation), expected, "{fields}");
}

#[test]
fn later_variables_win_and_see_earlier_ones() {
    check("env: [{name: A, value: '1'}, {name: A, value: '2'}]", &[("A", "2")]);
    check("env: [{name: A, value: '1'}, {name: B, value: x$(A)}]", &[("A", "1"), ("B", "x1")]);
    check("env: [{name: B, value: x$(A)}, {name: A, value: '1'}]", &[("A", "1"), ("B", "x$(A)")]);
    check("env: [{name: A, value: '1'}, {name: A, value: $(A)2}]", &[("A", "12")]);
    check("env: [{name: A}]", &[("A", "")]);
    check(
        "envFrom: [{configMapRef: {name: c}}], env: [{name: k, value: mine}]",
        &[("k", "mine"), ("n-1", "dash"), ("ref", "$(A)")],
    );
}

#[test]
fn values_of_config_maps_and_secrets_are_not_expanded() {
    check(
        "env: [{name: A, value: '1'}, {name: R, valueFrom: {configMapKeyRef: {name: c, key: ref}}}, {name: B, value: $(R)}]",
        &[("A", "1"), ("B", "$(A)"), ("R", "$(A)")],
    );
}

#[test]
fn whole_objects_come_in_order_with_their_prefix() {
    check(
        "envFrom: [{prefix: C_, configMapRef: {name: c}}]",
        &[("C_k", "config"), ("C_n-1", "dash"), ("C_ref", "$(A)")],
    );
    let expected = [("k", "config"), ("n-1", "dash"), ("ref", "$(A)")];
    check("envFrom: [{configMapRef: {name: c}}]", &expected);
}

#[test]
fn keys_of_config_maps_and_secrets() {
    check("env: [{name: A, valueFrom: {configMapKeyRef: {name: c, key: k}}}]", &[("A", "config")]);
    check("env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]", &[("A", "secret")]);
    // A value wins over its source, as with the kubelet.
    check(
        "env: [{name: A, value: x, valueFrom: {secretKeyRef: {name: none, key: k}}}]",
        &[("A", "x")],
    );
}

#[test]
fn fields_of_the_pod() {
    let from = |field_path: &str| {
        format!("env: [{{name: A, valueFrom: {{fieldRef: {{fieldPath: \"{field_path}\"}}}}}}]")
    };
    for (field_path, expected) in [
        ("metadata.name", "web-0"),
        ("metadata.namespace", "default"),
        ("metadata.uid", crate::fixture::UID),
        ("metadata.labels['app']", ""),
        ("metadata.annotations['package']", "g4-highcpu-1G"),
        ("spec.nodeName", crate::fixture::NODE),
        ("spec.serviceAccountName", ""),
        ("status.hostIP", "10.0.0.7"),
        ("status.hostIPs", "10.0.0.7"),
    ] {
        check(&from(field_path), &[("A", expected)]);
    }
}

#[test]
fn labels_are_read_by_key() {
    let pod = pod(
        "{metadata: {labels: {app.kubernetes.io/name: web}}, spec: {serviceAccountName: sa, containers: [{name: web, image: ubuntu-16.04, env: [\
         {name: A, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['app.kubernetes.io/name']\"}}}, \
         {name: B, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: spec.serviceAccountName}}}]}]}}",
    );
    let variables = variables(&translated_with(&pod, &sources(), &Defaults::default()));
    assert_eq!((variables["A"].as_str(), variables["B"].as_str()), ("web", "sa"));
}

#[test]
fn amounts_are_divided_and_rounded_up_and_the_package_is_the_limit() {
    let resources = "resources: {requests: {cpu: 250m}, limits: {cpu: 1500m, memory: 64Mi}}";
    for (resource, divisor, expected) in [
        ("limits.cpu", "'0'", "2"),
        ("limits.cpu", "1m", "1500"),
        ("requests.cpu", "1m", "250"),
        ("requests.cpu", "'1'", "1"),
        ("limits.memory", "1Mi", "64"),
        // Requests that are not set are the limits, and limits that are not set are what the package has.
        ("requests.memory", "1Mi", "64"),
        ("limits.ephemeral-storage", "1Mi", "25600"),
        ("requests.ephemeral-storage", "1Mi", "0"),
        ("limits.hugepages-2Mi", "'1'", "0"),
    ] {
        let from = format!("{{resource: {resource}, divisor: {divisor}}}");
        check(
            &format!("{resources}, env: [{{name: A, valueFrom: {{resourceFieldRef: {from}}}}}]"),
            &[("A", expected)],
        );
    }
    check(
        "env: [{name: A, valueFrom: {resourceFieldRef: {containerName: web, resource: limits.memory}}}]",
        &[("A", "1073741824")],
    );
}

#[track_caller]
fn check_finding(fields: &str, rule: &str, message: &str) {
    let Translation { instance, diagnostics } = translate(fields);
    let found: Vec<(&str, &str)> = diagnostics
        .iter()
        .map(|diagnostic| (diagnostic.rule, diagnostic.message.as_str()))
        .collect();
    assert_eq!(found, [(rule, message)], "{fields}");
    assert_eq!(instance.is_none(), matches!(rule, "config-error" | "unread-source"), "{fields}");
}

#[test]
fn what_is_missing_is_waited_for_in_the_kubelets_words() {
    let rule = "config-error";
    check_finding("envFrom: [{configMapRef: {name: none}}]", rule, r#"configmap "none" not found"#);
    check_finding("envFrom: [{secretRef: {name: none}}]", rule, r#"secret "none" not found"#);
    check_finding(
        "env: [{name: A, valueFrom: {secretKeyRef: {name: none, key: k}}}]",
        rule,
        r#"secret "none" not found"#,
    );
    check_finding(
        "env: [{name: A, valueFrom: {configMapKeyRef: {name: c, key: nokey}}}]",
        rule,
        "couldn't find key nokey in ConfigMap default/c",
    );
    check_finding(
        "env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: nokey}}}]",
        rule,
        "couldn't find key nokey in Secret default/s",
    );
    check_finding(
        "env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: bin}}}]",
        rule,
        r#"key "bin" in Secret default/s is not UTF-8 text; encode it, as base64 for example"#,
    );
}

#[test]
fn what_was_not_read_is_not_taken_for_missing() {
    for optional in [true, false] {
        check_finding(
            &format!("envFrom: [{{secretRef: {{name: unread, optional: {optional}}}}}]"),
            "unread-source",
            r#"secret "unread" has not been read yet"#,
        );
    }
}

#[test]
fn what_is_optional_may_be_missing() {
    for (fields, rule, message) in [
        (
            "envFrom: [{configMapRef: {name: none, optional: true}}]",
            "optional-config-map-not-found",
            r#"configmap "none" not found; what it would set is not set"#,
        ),
        (
            "env: [{name: A, valueFrom: {secretKeyRef: {name: none, key: k, optional: true}}}]",
            "optional-secret-not-found",
            r#"secret "none" not found; what it would set is not set"#,
        ),
        (
            "env: [{name: A, valueFrom: {configMapKeyRef: {name: c, key: nokey, optional: true}}}]",
            "optional-config-map-key-not-found",
            r#"couldn't find key nokey in ConfigMap default/c; "A" is not set"#,
        ),
        (
            "env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: nokey, optional: true}}}]",
            "optional-secret-key-not-found",
            r#"couldn't find key nokey in Secret default/s; "A" is not set"#,
        ),
    ] {
        check_finding(fields, rule, message);
        assert_eq!(variables(&translate(fields)), BTreeMap::new(), "{fields}");
    }
}

#[test]
fn keys_that_cannot_be_names_are_left_out() {
    let fields = "envFrom: [{configMapRef: {name: odd}}]";
    check_finding(
        fields,
        "invalid-environment-variable-names",
        "Keys [a=b] from the EnvFrom configMap default/odd were skipped since they are considered invalid environment \
         variable names.",
    );
    assert_eq!(variables(&translate(fields)).into_keys().collect::<Vec<_>>(), ["ok"]);
}

#[test]
fn references_are_what_the_environment_reads() {
    let pod = container(
        "envFrom: [{configMapRef: {name: a}}, {secretRef: {name: b, optional: true}}], env: [\
         {name: A, valueFrom: {configMapKeyRef: {name: c, key: k}}}, {name: B, valueFrom: {secretKeyRef: {name: b, key: k}}}, \
         {name: C, value: x, valueFrom: {secretKeyRef: {name: unused, key: k}}}, {name: D, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]",
    );
    let reference = |kind, name: &str| Reference { kind, name: name.to_owned() };
    assert_eq!(
        references(&pod),
        BTreeSet::from([
            reference(SourceKind::ConfigMap, "a"),
            reference(SourceKind::ConfigMap, "c"),
            reference(SourceKind::Secret, "b"),
        ])
    );
}

#[test]
fn messages_never_show_values() {
    for fields in [
        "envFrom: [{secretRef: {name: s}}]",
        "env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: bin}}}]",
    ] {
        let shown = format!("{:?}{:?}", translate(fields).diagnostics, sources());
        assert!(!shown.contains("secret\""), "{shown}");
    }
}

#[test]
fn the_nodes_address_is_waited_for() {
    let pod = container("env: [{name: A, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}]");
    let translation = triton_podspec::translate(&Inputs {
        pod: &pod,
        cluster: crate::fixture::CLUSTER,
        node: crate::fixture::NODE,
        host_ip: None,
        catalog: &crate::fixture::catalog(),
        defaults: &Defaults::default(),
        sources: &Sources::default(),
    });
    let refusal = translation.refusal().unwrap();
    assert_eq!((refusal.severity, refusal.reason), (Severity::Wait, "CreateContainerConfigError"));
    assert_eq!(refusal.message, "the node's address is not known yet");
}
