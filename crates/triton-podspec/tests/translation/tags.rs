//! Labels as tags.

use triton_cloudapi::tags::TagValue;

use crate::fixture::{plan, pod, translated};

#[track_caller]
fn check(metadata: &str, tag: &str, expected: impl Into<TagValue>) {
    let tags = plan(&pod(&format!("metadata: {metadata}"))).create.tags;
    assert_eq!(tags.get(tag), Some(&expected.into()), "{metadata}");
}

#[test]
fn labels_become_tags_as_they_are() {
    check("{labels: {app: web}}", "app", "web");
    check("{labels: {app.kubernetes.io/name: web}}", "app.kubernetes.io/name", "web");
    check("{labels: {canary: 'true'}}", "canary", "true");
    check("{labels: {empty: ''}}", "empty", "");
}

#[test]
fn tags_of_triton_have_the_type_that_triton_wants() {
    check("{labels: {triton.cns.services: web}}", "triton.cns.services", "web");
    check("{labels: {triton.cns.disable: 'true'}}", "triton.cns.disable", true);
    check(
        "{labels: {triton.placement.exclude_virtual_servers: 'false'}}",
        "triton.placement.exclude_virtual_servers",
        false,
    );
    check(
        "{labels: {triton.cns.reverse_ptr: web.example.com}}",
        "triton.cns.reverse_ptr",
        "web.example.com",
    );
    check("{labels: {triton.cmon.groups: web}}", "triton.cmon.groups", "web");
    check(
        "{labels: {triton._test.number: '1.5'}}",
        "triton._test.number",
        TagValue::Number(serde_json::Number::from_f64(1.5).unwrap()),
    );
}

#[test]
fn what_a_label_cannot_hold_an_annotation_can() {
    let services = "web:8080,api:9000:weight=5";
    check(
        &format!("{{annotations: {{triton.cns.services: '{services}'}}}}"),
        "triton.cns.services",
        services,
    );
    check(
        &format!(
            "{{labels: {{triton.cns.services: web}}, annotations: {{tritondatacenter.com/triton.cns.services: '{services}'}}}}"
        ),
        "triton.cns.services",
        services,
    );
    check("{annotations: {triton.cmon.groups: 'a,b'}}", "triton.cmon.groups", "a,b");
}

#[test]
fn malformed_tags_of_triton_are_refused() {
    for (key, value) in [
        ("triton.cns.services", "web,"),
        ("triton.cns.services", "web:99999"),
        ("triton.cns.disable", "1"),
        ("triton.cns.reverse_ptr", "-x.example.com"),
        ("triton.cmon.groups", "a,a"),
        ("triton.cmon.groups", "a b"),
        ("triton._test.number", "one"),
    ] {
        let translation =
            translated(&pod(&format!("metadata: {{annotations: {{{key}: '{value}'}}}}")));
        let rules: Vec<&str> =
            translation.diagnostics.iter().map(|diagnostic| diagnostic.rule).collect();
        assert_eq!(rules, ["malformed-triton-tag"], "{key} {value}");
    }
}

#[test]
fn a_label_cannot_forge_ownership() {
    for label in ["k8s_cluster", "k8s_uid", "k8s_fwgroup", "k8s_fwports", "k8s_anything"] {
        let translation = translated(&pod(&format!("metadata: {{labels: {{{label}: x}}}}")));
        assert_eq!(translation.instance, None, "{label}");
    }
}
