//! A catalog, pods in YAML, and one way to translate them.

use std::net::{IpAddr, Ipv4Addr};

use k8s_openapi::api::core::v1::Pod;
use serde_json::Value;
use triton_podspec::{
    Catalog, Defaults, Diagnostic, Inputs, InstancePlan, Severity, Sources, Translation, translate,
};

pub(crate) const CLUSTER: &str = "3a4f1c6e-0d4b-4f57-9a39-5b2f1f5f8e11";
pub(crate) const NODE: &str = "vk-triton";
pub(crate) const UID: &str = "6e2b6c2c-41c2-4a38-9c4f-0b1de5c1f3aa";

/// The packages, images and networks of `fixtures/catalog.json`.
pub(crate) fn catalog() -> Catalog {
    let mut lists: Value =
        serde_json::from_str(include_str!("../../fixtures/catalog.json")).unwrap();
    Catalog {
        packages: serde_json::from_value(lists["packages"].take()).unwrap(),
        images: serde_json::from_value(lists["images"].take()).unwrap(),
        networks: serde_json::from_value(lists["networks"].take()).unwrap(),
    }
}

/// A pod `default/web-0` that nothing is wrong with, with `patch` (YAML) merged over it; lists are replaced.
pub(crate) fn pod(patch: &str) -> Pod {
    let mut pod: Value = serde_saphyr::from_str(&format!(
        "{{metadata: {{name: web-0, namespace: default, uid: {UID}, annotations: {{package: g4-highcpu-1G}}}}, \
          spec: {{containers: [{{name: web, image: ubuntu-16.04}}]}}}}"
    ))
    .unwrap();
    if !patch.is_empty() {
        merge(&mut pod, serde_saphyr::from_str(patch).unwrap());
    }
    serde_json::from_value(pod).unwrap()
}

/// The same with fields (YAML) of its container.
pub(crate) fn container(fields: &str) -> Pod {
    pod(&format!("spec: {{containers: [{{name: web, image: ubuntu-16.04, {fields}}}]}}"))
}

fn merge(value: &mut Value, patch: Value) {
    match (value, patch) {
        (Value::Object(object), Value::Object(patch)) => {
            for (key, patch) in patch {
                merge(object.entry(key).or_insert(Value::Null), patch);
            }
        }
        (value, patch) => *value = patch,
    }
}

pub(crate) fn translated(pod: &Pod) -> Translation {
    translated_with(pod, &Sources::default(), &Defaults::default())
}

pub(crate) fn translated_with(pod: &Pod, sources: &Sources, defaults: &Defaults) -> Translation {
    translate(&Inputs {
        pod,
        cluster: CLUSTER,
        node: NODE,
        host_ip: Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7))),
        catalog: &catalog(),
        defaults,
        sources,
    })
}

/// The plan of a pod that nothing at all is found about.
#[track_caller]
pub(crate) fn plan(pod: &Pod) -> InstancePlan {
    let Translation { instance, diagnostics } = translated(pod);
    assert_eq!(diagnostics, []);
    instance.unwrap()
}

/// Checks that the pod has exactly one finding, and returns it.
#[track_caller]
pub(crate) fn finding(pod: &Pod, rule: &str, severity: Severity, path: &str) -> Diagnostic {
    let Translation { instance, diagnostics } = translated(pod);
    assert_eq!(instance.is_some(), severity == Severity::Warning, "{diagnostics:#?}");
    let [diagnostic] =
        <[Diagnostic; 1]>::try_from(diagnostics).unwrap_or_else(|all| panic!("not one: {all:#?}"));
    assert_eq!(
        (diagnostic.rule, diagnostic.severity, diagnostic.path.as_str()),
        (rule, severity, path)
    );
    diagnostic
}
