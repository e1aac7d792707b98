//! The Node object: what is created, and what is changed on one that exists.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    DaemonEndpoint, Node, NodeAddress, NodeCondition, NodeDaemonEndpoints, NodeSpec, NodeStatus,
    NodeSystemInfo, Taint,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use super::health::Verdict;
use crate::config::{Capacity, NodeConfig};

/// The Node to create when there is none. Pods are kept away until its provider has answered once.
#[must_use]
pub fn new_node(config: &NodeConfig, capacity: &Capacity, conditions: Vec<NodeCondition>) -> Node {
    Node {
        metadata: ObjectMeta {
            name: Some(config.name.clone()),
            labels: Some(config.labels.clone()),
            annotations: (!config.annotations.is_empty()).then(|| config.annotations.clone()),
            ..ObjectMeta::default()
        },
        spec: Some(NodeSpec {
            provider_id: config.provider_id.clone(),
            taints: Some(config.taints.iter().map(taint).chain([outage_taint(config)]).collect()),
            ..NodeSpec::default()
        }),
        status: Some(status(config, capacity, conditions)),
    }
}

/// The strategic merge patch that makes an existing Node ours; `None` if it already is.
///
/// Labels, annotations and taints of others stay. The list of taints has no merge key, so the patch carries the whole
/// list and the resource version it was read at.
#[must_use]
pub fn adoption(config: &NodeConfig, existing: &Node) -> Option<Value> {
    let mut metadata = json!({});
    for (field, ours, theirs) in [
        ("labels", &config.labels, &existing.metadata.labels),
        ("annotations", &config.annotations, &existing.metadata.annotations),
    ] {
        let empty = BTreeMap::new();
        let theirs = theirs.as_ref().unwrap_or(&empty);
        let missing: BTreeMap<_, _> =
            ours.iter().filter(|&(key, value)| theirs.get(key) != Some(value)).collect();
        if !missing.is_empty() {
            metadata[field] = json!(missing);
        }
    }
    let mut spec = json!({});
    let spec_now = existing.spec.clone().unwrap_or_default();
    let taints_now = spec_now.taints.unwrap_or_default();
    let taints = merged_taints(config, &taints_now);
    if taints != taints_now {
        spec["taints"] = json!(taints);
        metadata["resourceVersion"] = json!(existing.metadata.resource_version);
    }
    if let (None, Some(ours)) = (&spec_now.provider_id, &config.provider_id) {
        spec["providerID"] = json!(ours);
    }

    let mut patch = json!({});
    for (field, value) in [("metadata", metadata), ("spec", spec)] {
        if value.as_object().is_some_and(|fields| !fields.is_empty()) {
            patch[field] = value;
        }
    }
    patch.as_object().is_some_and(|fields| !fields.is_empty()).then_some(patch)
}

/// The strategic merge patch that puts the taint of an outage on the Node or takes it off; `None` if there is nothing to
/// change, or nothing known.
#[must_use]
pub fn outage_patch(config: &NodeConfig, verdict: &Verdict, existing: &Node) -> Option<Value> {
    let theirs = existing.spec.as_ref().and_then(|spec| spec.taints.clone()).unwrap_or_default();
    let ours = outage_taint(config);
    let mut taints = theirs.clone();
    taints.retain(|taint| taint.key != ours.key);
    match verdict {
        Verdict::NotYet => return None,
        Verdict::Reachable => {}
        Verdict::Unreachable { .. } => {
            // One that is there stays as it is: Kubernetes adds to it when it was added.
            let same = |taint: &&Taint| taint.key == ours.key && taint.effect == ours.effect;
            taints.push(theirs.iter().find(same).cloned().unwrap_or(ours));
        }
    }
    let changed =
        taints.len() != theirs.len() || taints.iter().any(|taint| !theirs.contains(taint));
    changed.then(|| {
        json!({
            "metadata": { "resourceVersion": existing.metadata.resource_version },
            "spec": { "taints": taints },
        })
    })
}

/// The strategic merge patch for the `status` subresource.
///
/// Addresses merge by `type`, which cannot hold two of one type, so the list is replaced whole.
#[must_use]
pub fn status_patch(
    config: &NodeConfig,
    capacity: &Capacity,
    conditions: Vec<NodeCondition>,
) -> Value {
    let mut patch = json!({ "status": status(config, capacity, conditions) });
    if let Some(addresses) = patch["status"]["addresses"].as_array_mut() {
        addresses.insert(0, json!({ "$patch": "replace" }));
    }
    patch
}

fn status(config: &NodeConfig, capacity: &Capacity, conditions: Vec<NodeCondition>) -> NodeStatus {
    let Capacity { total, allocatable } = capacity;
    let allocatable = if allocatable.is_empty() { total } else { allocatable };
    let label = |key: &str, default: &str| {
        config.labels.get(key).cloned().unwrap_or_else(|| default.to_owned())
    };
    NodeStatus {
        addresses: Some(addresses(config)),
        allocatable: Some(quantities(allocatable)),
        capacity: Some(quantities(total)),
        conditions: Some(conditions),
        declared_features: (!config.declared_features.is_empty())
            .then(|| config.declared_features.clone()),
        daemon_endpoints: config.kubelet_port.map(|port| NodeDaemonEndpoints {
            kubelet_endpoint: Some(DaemonEndpoint { port: i32::from(port) }),
        }),
        node_info: Some(NodeSystemInfo {
            architecture: label("kubernetes.io/arch", "amd64"),
            operating_system: label("kubernetes.io/os", "linux"),
            kubelet_version: config.system.kubelet_version.clone(),
            os_image: config.system.os_image.clone(),
            kernel_version: config.system.kernel_version.clone(),
            container_runtime_version: config.system.container_runtime_version.clone(),
            ..NodeSystemInfo::default()
        }),
        ..NodeStatus::default()
    }
}

fn addresses(config: &NodeConfig) -> Vec<NodeAddress> {
    let ips = config.internal_ips.iter().map(|ip| ("InternalIP", ip.to_string()));
    ips.chain([("Hostname", config.hostname.clone())])
        .map(|(type_, address)| NodeAddress { type_: type_.to_owned(), address })
        .collect()
}

fn quantities(amounts: &BTreeMap<String, String>) -> BTreeMap<String, Quantity> {
    amounts.iter().map(|(resource, amount)| (resource.clone(), Quantity(amount.clone()))).collect()
}

fn taint(taint: &crate::config::NodeTaint) -> Taint {
    Taint {
        key: taint.key.clone(),
        value: (!taint.value.is_empty()).then(|| taint.value.clone()),
        effect: taint.effect.as_str().to_owned(),
        time_added: None,
    }
}

fn outage_taint(config: &NodeConfig) -> Taint {
    Taint {
        key: config.outage.taint_key.clone(),
        value: None,
        effect: config.outage.taint_effect.as_str().to_owned(),
        time_added: None,
    }
}

/// Theirs in their order with ours replaced in place, then those of ours that were missing.
fn merged_taints(config: &NodeConfig, theirs: &[Taint]) -> Vec<Taint> {
    let mut merged = theirs.to_vec();
    for ours in config.taints.iter().map(taint) {
        match merged.iter_mut().find(|taint| taint.key == ours.key && taint.effect == ours.effect) {
            Some(same) if same.value == ours.value => {}
            Some(same) => *same = ours,
            None => merged.push(ours),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> NodeConfig {
        let mut config = NodeConfig::new("vk", "triton");
        config.provider_id = Some("triton:///sim/vk".to_owned());
        config.internal_ips = vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
        config
    }

    #[test]
    fn a_node_we_made_needs_no_adoption() {
        assert_eq!(
            adoption(&config(), &new_node(&config(), &Capacity::default(), Vec::new())),
            None
        );
    }

    #[test]
    fn what_others_put_on_the_node_stays() {
        let mut node = new_node(&config(), &Capacity::default(), Vec::new());
        node.metadata.resource_version = Some("7".to_owned());
        let labels = node.metadata.labels.as_mut().unwrap();
        labels.insert("team".to_owned(), "red".to_owned());
        labels.insert("type".to_owned(), "other".to_owned());
        let cordon = Taint {
            key: "node.kubernetes.io/unschedulable".to_owned(),
            effect: "NoSchedule".to_owned(),
            ..Taint::default()
        };
        let spec = node.spec.as_mut().unwrap();
        spec.provider_id = Some("other://1".to_owned());
        spec.taints = Some(vec![cordon.clone()]);

        let patch = adoption(&config(), &node).unwrap();
        assert_eq!(
            patch,
            json!({
                "metadata": { "labels": { "type": "virtual-kubelet" }, "resourceVersion": "7" },
                "spec": { "taints": [
                    cordon,
                    { "key": "virtual-kubelet.io/provider", "value": "triton", "effect": "NoSchedule" },
                ]},
            })
        );
    }

    #[test]
    fn a_taint_of_ours_with_another_value_is_replaced() {
        let mut node = new_node(&config(), &Capacity::default(), Vec::new());
        node.spec.as_mut().unwrap().taints.as_mut().unwrap()[0].value = Some("mock".to_owned());
        let patch = adoption(&config(), &node).unwrap();
        assert_eq!(patch["spec"]["taints"].as_array().unwrap().len(), 2);
        assert_eq!(patch["spec"]["taints"][0]["value"], "triton");
    }

    #[test]
    fn the_taint_of_an_outage_comes_and_goes_and_leaves_the_others_alone() {
        let unreachable = Verdict::Unreachable { message: "no route".to_owned() };
        let mut node = new_node(&config(), &Capacity::default(), Vec::new());
        node.metadata.resource_version = Some("7".to_owned());
        let keys = |patch: &Value| {
            let taints = patch["spec"]["taints"].as_array().unwrap();
            taints.iter().map(|taint| taint["key"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let [usual, outage] =
            ["virtual-kubelet.io/provider", "virtual-kubelet.io/provider-unreachable"];

        assert_eq!(outage_patch(&config(), &Verdict::NotYet, &node), None, "a new node keeps it");
        assert_eq!(outage_patch(&config(), &unreachable, &node), None);
        let patch = outage_patch(&config(), &Verdict::Reachable, &node).unwrap();
        assert_eq!(patch["metadata"]["resourceVersion"], "7");
        assert_eq!(keys(&patch), [usual]);

        node.spec.as_mut().unwrap().taints.as_mut().unwrap().pop();
        assert_eq!(outage_patch(&config(), &Verdict::Reachable, &node), None);
        assert_eq!(outage_patch(&config(), &Verdict::NotYet, &node), None);
        let patch = outage_patch(&config(), &unreachable, &node).unwrap();
        assert_eq!(keys(&patch), [usual, outage]);
        assert_eq!(patch["spec"]["taints"][1]["effect"], "NoSchedule");
    }

    #[test]
    fn two_addresses_of_one_type_survive_a_status_patch() {
        let patch = status_patch(&config(), &Capacity::default(), Vec::new());
        assert_eq!(
            patch["status"]["addresses"],
            json!([
                { "$patch": "replace" },
                { "type": "InternalIP", "address": "192.0.2.1" },
                { "type": "InternalIP", "address": "2001:db8::1" },
                { "type": "Hostname", "address": "vk" },
            ])
        );
    }
}
