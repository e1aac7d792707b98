//! `/metrics/resource`, in the Prometheus text format: the kubelet's resource metrics (KEP-727).

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::abilities::{NodeUsage, Sample};

/// One family of samples.
struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    lines: String,
}

/// The text.
///
/// Every sample carries the time of its measurement: the metrics server computes rates from it. A pod is the second
/// label of a container's samples, where other readers than Prometheus look for it.
pub(super) fn text(usage: &NodeUsage) -> String {
    let mut node_cpu = Family::new(
        "node_cpu_usage_seconds_total",
        "counter",
        "Cumulative cpu time consumed by the node in core-seconds",
    );
    let mut node_memory = Family::new(
        "node_memory_working_set_bytes",
        "gauge",
        "Current working set of the node in bytes",
    );
    let mut container_cpu = Family::new(
        "container_cpu_usage_seconds_total",
        "counter",
        "Cumulative cpu time consumed by the container in core-seconds",
    );
    let mut container_memory = Family::new(
        "container_memory_working_set_bytes",
        "gauge",
        "Current working set of the container in bytes",
    );
    let mut container_start = Family::new(
        "container_start_time_seconds",
        "gauge",
        "Start time of the container since unix epoch in seconds",
    );
    let mut pod_cpu = Family::new(
        "pod_cpu_usage_seconds_total",
        "counter",
        "Cumulative cpu time consumed by the pod in core-seconds",
    );
    let mut pod_memory = Family::new(
        "pod_memory_working_set_bytes",
        "gauge",
        "Current working set of the pod in bytes",
    );
    if let Some(sample) = usage.sum() {
        node_cpu.cpu("", sample);
        node_memory.memory("", sample);
    }
    for pod in &usage.pods {
        let (namespace, name) = (&pod.key.namespace, &pod.key.name);
        for container in &pod.containers {
            let labels = format!(
                "{{container=\"{}\",pod=\"{name}\",namespace=\"{namespace}\"}}",
                container.name
            );
            container_cpu.cpu(&labels, container.sample);
            container_memory.memory(&labels, container.sample);
            if let Some(started) = container.started {
                container_start.start(&labels, started);
            }
        }
        if let Some(sample) = pod.sum() {
            let labels = format!("{{namespace=\"{namespace}\",pod=\"{name}\"}}");
            pod_cpu.cpu(&labels, sample);
            pod_memory.memory(&labels, sample);
        }
    }
    let mut error = Family::new(
        "resource_scrape_error",
        "gauge",
        "1 if there was an error while getting container metrics, 0 otherwise",
    );
    error.lines.push_str("resource_scrape_error 0\n");
    [
        container_cpu,
        container_memory,
        container_start,
        node_cpu,
        node_memory,
        pod_cpu,
        pod_memory,
        error,
    ]
    .iter()
    .map(Family::text)
    .collect()
}

// === impl Family ===

impl Family {
    fn new(name: &'static str, kind: &'static str, help: &'static str) -> Self {
        Self { name, kind, help, lines: String::new() }
    }

    fn cpu(&mut self, labels: &str, sample: Sample) {
        let (value, at) = (sample.cpu.as_secs_f64(), sample.at.as_millisecond());
        // Writing to a String cannot fail.
        let _ = writeln!(self.lines, "{}{labels} {value} {at}", self.name);
    }

    fn memory(&mut self, labels: &str, sample: Sample) {
        let (value, at) = (sample.memory, sample.at.as_millisecond());
        let _ = writeln!(self.lines, "{}{labels} {value} {at}", self.name);
    }

    fn start(&mut self, labels: &str, started: Timestamp) {
        let seconds = started.as_duration().as_secs_f64();
        let _ = writeln!(self.lines, "{}{labels} {seconds}", self.name);
    }

    /// Empty for a family without samples.
    fn text(&self) -> String {
        let Self { name, kind, help, lines } = self;
        if lines.is_empty() {
            return String::new();
        }
        format!("# HELP {name} [STABLE] {help}\n# TYPE {name} {kind}\n{lines}")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::abilities::{ContainerUsage, PodUsage};
    use crate::provider::PodKey;

    #[test]
    fn samples_carry_their_time_and_the_pod_comes_second() {
        let sample = Sample {
            at: Timestamp::from_millisecond(1_700_000_000_500).unwrap(),
            cpu: Duration::from_millis(1250),
            cpu_rate: None,
            memory: 4096,
        };
        let container = |name: &str| ContainerUsage {
            name: name.to_owned(),
            started: Some(Timestamp::from_millisecond(1_600_000_000_250).unwrap()),
            sample,
        };
        let key =
            PodKey { namespace: "shop".to_owned(), name: "web".to_owned(), uid: "u".to_owned() };
        let pods = vec![PodUsage {
            key,
            started: None,
            total: None,
            containers: vec![container("a"), container("b")],
        }];
        let text = text(&NodeUsage { pods, ..NodeUsage::default() });
        for line in [
            "# TYPE container_cpu_usage_seconds_total counter",
            r#"container_cpu_usage_seconds_total{container="a",pod="web",namespace="shop"} 1.25 1700000000500"#,
            r#"container_memory_working_set_bytes{container="b",pod="web",namespace="shop"} 4096 1700000000500"#,
            r#"container_start_time_seconds{container="b",pod="web",namespace="shop"} 1600000000.25"#,
            r#"pod_cpu_usage_seconds_total{namespace="shop",pod="web"} 2.5 1700000000500"#,
            "node_memory_working_set_bytes 8192 1700000000500",
            "resource_scrape_error 0",
        ] {
            assert!(text.lines().any(|told| told == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        let text = text(&NodeUsage::default());
        assert!(!text.contains("node_cpu_usage_seconds_total"), "{text}");
        assert!(text.ends_with("resource_scrape_error 0\n"));
    }
}
