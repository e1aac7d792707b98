//! What a manifest becomes is what the node sends.

use serde_json::Value;
use triton_cloudapi::instances;
use triton_podspec::manifest::{Context, lint, lint_all};

use crate::with_catalog;

/// A pod as the API server has it, from the walkthrough's Deployment.
fn pod() -> String {
    let mut deployment: Value =
        serde_saphyr::from_str(include_str!("../../fixtures/walkthrough.yaml")).unwrap();
    let mut pod = deployment["spec"]["template"].take();
    pod["apiVersion"] = "v1".into();
    pod["kind"] = "Pod".into();
    pod["metadata"]["name"] = "ubuntu-6d8f7c9b54-x2x7p".into();
    pod["metadata"]["namespace"] = "default".into();
    pod["metadata"]["uid"] = "6e2b6c2c-41c2-4a38-9c4f-0b1de5c1f3aa".into();
    pod["metadata"]["labels"]["pod-template-hash"] = "6d8f7c9b54".into();
    pod.to_string()
}

#[test]
fn the_plan_of_a_pod_is_the_request_byte_for_byte() {
    let context =
        Context { cluster: "3a4f1c6e-0d4b-4f57-9a39-5b2f1f5f8e11".to_owned(), ..with_catalog() };
    let report = lint(&pod(), &context);
    assert_eq!(report.findings, []);
    let plan = report.plans[0].instance.as_ref().unwrap();
    let golden: Value =
        serde_json::from_str(include_str!("../../fixtures/walkthrough-create.json")).unwrap();
    let request = instances::create(&plan.create).unwrap();
    assert_eq!(String::from_utf8(request.http.body().clone()).unwrap(), golden.to_string());
}

#[test]
fn the_walkthrough_itself_is_clean() {
    let text = include_str!("../../fixtures/walkthrough.yaml");
    for context in [Context::default(), with_catalog()] {
        assert_eq!(lint(text, &context).findings, []);
    }
}

#[test]
fn without_a_catalog_there_is_no_plan_and_the_reason_is_told() {
    let report = lint(&pod(), &Context::default());
    assert!(report.plans[0].instance.is_none());
    assert!(report.plans[0].why_not[0].contains("--catalog"), "{:?}", report.plans[0].why_not);
}

#[test]
fn pods_find_config_maps_of_other_files_and_of_their_own_namespace() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, annotations: {package: g4-highcpu-1G}}\nspec:\n  containers:\n  - name: \
               web\n    image: ubuntu-16.04\n    env: [{name: MODE, valueFrom: {secretKeyRef: {name: s, key: mode}}}]\n";
    let secret = |namespace: &str, key: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: s, namespace: {namespace}}}\ndata: {{{key}: ZmFzdA==}}\n"
        )
    };
    let env = |secret: &str| {
        let report = lint_all(&[pod, secret], &with_catalog());
        let create = report.plans[0].instance.clone().map(|plan| plan.create);
        (create.map(|create| create.metadata["user-data"].clone()), report.findings.len())
    };
    assert_eq!(
        env(&secret("default", "mode")),
        (Some(r#"{"env_vars":{"MODE":"fast"}}"#.to_owned()), 0)
    );
    assert_eq!(env(&secret("default", "other")), (None, 1));
    assert_eq!(env(&secret("elsewhere", "mode")), (None, 0), "it may be in the cluster");
}
