//! `valueFrom.fieldRef`: fields of the pod.

use k8s_openapi::api::core::v1::ObjectFieldSelector;

use crate::diagnostic::{Findings, quote};
use crate::inputs::Inputs;
use crate::rules;

/// The field's value; a label or annotation that is not there is empty.
pub(super) fn value(
    inputs: &Inputs<'_>,
    field: &ObjectFieldSelector,
    path: &str,
    findings: &mut Findings,
) -> Option<String> {
    let metadata = &inputs.pod.metadata;
    if let Some(version) =
        field.api_version.as_deref().filter(|version| !matches!(*version, "" | "v1"))
    {
        findings.add(
            &rules::UNSUPPORTED_ENV_SOURCE,
            format!("{path}.apiVersion"),
            format!("{} is no version of a pod's fields; leave it out or write v1", quote(version)),
        );
        return None;
    }
    if let Some((map, key)) = subscript(&field.field_path) {
        let map = match map {
            "metadata.labels" => Some(&metadata.labels),
            "metadata.annotations" => Some(&metadata.annotations),
            _ => None,
        };
        if let Some(map) = map {
            return Some(map.as_ref().and_then(|map| map.get(key)).cloned().unwrap_or_default());
        }
    }
    let spec = inputs.spec();
    match field.field_path.as_str() {
        "metadata.name" => Some(metadata.name.clone().unwrap_or_default()),
        "metadata.namespace" => Some(inputs.namespace().to_owned()),
        "metadata.uid" => Some(metadata.uid.clone().unwrap_or_default()),
        "spec.nodeName" => Some(inputs.node.to_owned()),
        "spec.serviceAccountName" => {
            Some(spec.and_then(|spec| spec.service_account_name.clone()).unwrap_or_default())
        }
        "status.hostIP" | "status.hostIPs" => {
            if inputs.host_ip.is_none() {
                findings.add(
                    &rules::UNKNOWN_NODE_ADDRESS,
                    path,
                    "the node's address is not known yet",
                );
            }
            inputs.host_ip.map(|ip| ip.to_string())
        }
        address @ ("status.podIP" | "status.podIPs") => {
            findings.add(
                &rules::ADDRESS_BEFORE_CREATE,
                format!("{path}.fieldPath"),
                format!(
                    "{address} cannot be known before the instance exists, and its environment is made with it; \
                     let the guest ask for its own address (`mdata-get sdc:nics`)"
                ),
            );
            None
        }
        other => {
            findings.add(
                &rules::UNSUPPORTED_ENV_SOURCE,
                format!("{path}.fieldPath"),
                format!(
                    "{} is no field that a variable can hold; metadata.name, metadata.namespace, metadata.uid, \
                     metadata.labels['KEY'], metadata.annotations['KEY'], spec.nodeName, spec.serviceAccountName and \
                     status.hostIP are",
                    quote(other)
                ),
            );
            None
        }
    }
}

/// `metadata.labels['app']` as `metadata.labels` and `app`.
fn subscript(field_path: &str) -> Option<(&str, &str)> {
    field_path.strip_suffix("']")?.split_once("['")
}
