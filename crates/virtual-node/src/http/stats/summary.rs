//! `/stats/summary` (`k8s.io/kubelet/pkg/apis/stats/v1alpha1`).

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::abilities::{ContainerUsage, NodeUsage, PodUsage, Sample};

/// The whole answer.
pub(super) fn json(node: &str, usage: &NodeUsage) -> Value {
    let mut about = Map::from_iter([("nodeName".to_owned(), json!(node))]);
    times(&mut about, usage.started, usage.sum());
    let pods: Vec<Value> = usage.pods.iter().map(pod).collect();
    json!({ "node": about, "pods": pods })
}

fn pod(pod: &PodUsage) -> Value {
    let key = &pod.key;
    let containers: Vec<Value> = pod.containers.iter().map(container).collect();
    let mut fields = Map::from_iter([
        (
            "podRef".to_owned(),
            json!({ "name": key.name, "namespace": key.namespace, "uid": key.uid }),
        ),
        ("containers".to_owned(), json!(containers)),
    ]);
    times(&mut fields, pod.started, pod.sum());
    Value::Object(fields)
}

fn container(container: &ContainerUsage) -> Value {
    let mut fields = Map::from_iter([("name".to_owned(), json!(container.name))]);
    times(&mut fields, container.started, Some(container.sample));
    Value::Object(fields)
}

/// `startTime`, a required field whose absence reads as the year 1, `cpu` and `memory`.
fn times(fields: &mut Map<String, Value>, started: Option<Timestamp>, sample: Option<Sample>) {
    fields.insert("startTime".to_owned(), json!(started));
    let Some(Sample { at, cpu, cpu_rate, memory }) = sample else { return };
    let total = u64::try_from(cpu.as_nanos()).unwrap_or(u64::MAX);
    let mut used = json!({ "time": at, "usageCoreNanoSeconds": total });
    if let Some(rate) = cpu_rate {
        used["usageNanoCores"] = json!(rate);
    }
    fields.insert("cpu".to_owned(), used);
    fields.insert("memory".to_owned(), json!({ "time": at, "workingSetBytes": memory }));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::provider::PodKey;

    #[test]
    fn a_pod_is_told_with_its_containers_and_their_sum() {
        let at = Timestamp::from_second(1_700_000_000).unwrap();
        let sample = Sample { at, cpu: Duration::from_secs(2), cpu_rate: Some(7), memory: 10 };
        let container =
            |name: &str| ContainerUsage { name: name.to_owned(), started: Some(at), sample };
        let key =
            PodKey { namespace: "shop".to_owned(), name: "web".to_owned(), uid: "u1".to_owned() };
        let containers = vec![container("a"), container("b")];
        let pods = vec![PodUsage { key, started: Some(at), total: None, containers }];
        let summary = json("vk", &NodeUsage { pods, ..NodeUsage::default() });
        let when = "2023-11-14T22:13:20Z";
        assert_eq!(
            summary["node"],
            json!({
                "nodeName": "vk", "startTime": null,
                "cpu": { "time": when, "usageCoreNanoSeconds": 4_000_000_000_u64, "usageNanoCores": 14 },
                "memory": { "time": when, "workingSetBytes": 20 },
            })
        );
        let pod = &summary["pods"][0];
        assert_eq!(pod["podRef"], json!({ "name": "web", "namespace": "shop", "uid": "u1" }));
        assert_eq!(pod["cpu"]["usageNanoCores"], 14);
        assert_eq!(
            pod["containers"][1],
            json!({
                "name": "b", "startTime": when,
                "cpu": { "time": when, "usageCoreNanoSeconds": 2_000_000_000_u64, "usageNanoCores": 7 },
                "memory": { "time": when, "workingSetBytes": 10 },
            })
        );
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        let summary = json("vk", &NodeUsage::default());
        assert_eq!(summary, json!({ "node": { "nodeName": "vk", "startTime": null }, "pods": [] }));
    }
}
