//! Annotations as metadata.

use std::collections::BTreeMap;

use triton_cloudapi::request::BODY_BYTES_MAX;
use triton_podspec::Severity;

use crate::fixture::{container, finding, plan, pod};

#[track_caller]
fn check(annotations: &str, expected: &[(&str, &str)]) {
    let mut metadata =
        plan(&pod(&format!("metadata: {{annotations: {annotations}}}"))).create.metadata;
    assert_eq!(metadata.remove("user-data").as_deref(), Some(r#"{"env_vars":{}}"#));
    let expected: BTreeMap<String, String> =
        expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    assert_eq!(metadata, expected, "{annotations}");
}

#[test]
fn annotations_without_a_domain_become_metadata() {
    check("{role: db, owner.name: 'a b'}", &[("role", "db"), ("owner.name", "a b")]);
    check("{metadata.tritondatacenter.com/role: db}", &[("role", "db")]);
    check("{role: web, metadata.tritondatacenter.com/role: db}", &[("role", "db")]);
    check(
        "{administrator_pw: x, triton.cns.status: down}",
        &[("administrator_pw", "x"), ("triton.cns.status", "down")],
    );
}

#[test]
fn annotations_of_other_programs_are_not_copied() {
    check("{kubectl.kubernetes.io/last-applied-configuration: '{}', example.com/x: other}", &[]);
}

#[test]
fn annotations_that_steer_are_not_copied_but_under_the_metadata_prefix() {
    check(
        "{networks: sdc_nat, affinity: 'a.b==c', fwenabled: 'false', delprotect: 'true', triton.cns.disable: 'true'}",
        &[],
    );
    check("{metadata.tritondatacenter.com/networks: mine}", &[("networks", "mine")]);
}

#[test]
fn scripts_and_cloud_init_have_their_keys() {
    check(
        "{user-script: '#!/bin/sh', cloud-init: '#cloud-config'}",
        &[("user-script", "#!/bin/sh"), ("cloud-init:user-data", "#cloud-config")],
    );
    check("{tritondatacenter.com/user-script: new, user-script: old}", &[("user-script", "new")]);
}

#[test]
fn deletion_protection_is_switched_on_later_and_not_in_the_request() {
    let plan = plan(&pod("metadata: {annotations: {delprotect: 'true'}}"));
    assert!(plan.deletion_protection);
    assert!(!plan.create.deletion_protection);
}

#[test]
fn a_request_that_cloudapi_would_not_read_is_refused_without_showing_its_content() {
    let secret = "s3cret".repeat(BODY_BYTES_MAX / 6);
    let pod = container(&format!("env: [{{name: a, value: {secret}}}]"));
    let found = finding(&pod, "request-too-large", Severity::Reject, "metadata.annotations");
    assert!(found.message.contains("metadata.user-data ("), "{}", found.message);
    assert!(!found.message.contains("s3cret"));
    plan(&container(&format!("env: [{{name: a, value: {}}}]", "x".repeat(BODY_BYTES_MAX - 2000))));
}

#[test]
fn a_plan_in_a_log_does_not_show_the_environment() {
    let plan = plan(&container("env: [{name: PASSWORD, value: s3cret}]"));
    assert!(plan.create.metadata["user-data"].contains("s3cret"));
    assert!(!format!("{plan:?}").contains("s3cret"));
}
