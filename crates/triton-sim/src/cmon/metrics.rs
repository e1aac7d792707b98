//! What an instance's metrics are: made up, but following what it is, how long it has been up and what it is told to do.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::world::{Instance, InstanceState, text_of};

/// The metadata key that sets how busy the instance is, in percent of one CPU.
const CPU_KEY: &str = "sim.cpu-percent";
/// The metadata key that sets how much memory it uses, in MiB.
const MEMORY_KEY: &str = "sim.memory-mib";
/// cmon-agent reads kernel statistics at most this often, in seconds.
const KSTAT_SECONDS: i64 = 10;
/// And asks ZFS at most this often.
const ZFS_SECONDS: i64 = 300;
const MIB: f64 = 1_048_576.0;
const NANOS: f64 = 1e9;

/// One metric with its samples.
struct Metric {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    samples: Vec<(String, f64)>,
}

/// Prometheus text, as cmon-agent writes it.
pub(super) fn text(instance: &Instance, now: Timestamp) -> String {
    let mut text = String::new();
    for Metric { name, kind, help, samples } in metrics(instance, now) {
        // Writing to a string does not fail.
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        for (labels, value) in samples {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
    }
    text
}

fn metrics(instance: &Instance, now: Timestamp) -> Vec<Metric> {
    let uptime = uptime(instance, floor(now, KSTAT_SECONDS));
    let busy = cpu_percent(instance) / 100.0;
    let memory = instance.memory_mib as f64;
    let used_mib = memory_mib(instance).min(memory);
    let disk_used =
        0.02 * instance.disk_mib as f64 * MIB + 1e3 * uptime_at(instance, now, ZFS_SECONDS);
    let counter = |name, help, value: f64| one(name, "counter", help, value.floor());
    let gauge = |name, help, value: f64| one(name, "gauge", help, value);
    let mut metrics = vec![
        counter(
            "cpu_user_usage",
            "User CPU utilization in nanoseconds",
            0.8 * busy * uptime * NANOS,
        ),
        counter("cpu_sys_usage", "System CPU usage in nanoseconds", 0.2 * busy * uptime * NANOS),
        counter("cpu_wait_time", "CPU wait time in nanoseconds", 0.01 * busy * uptime * NANOS),
        gauge("load_average", "Load average", busy),
        gauge("mem_agg_usage", "Aggregate memory usage in bytes", (used_mib * MIB).floor()),
        counter("mem_anon_alloc_fail", "Anonymous allocation failure count", 0.0),
        gauge("mem_limit", "Memory limit in bytes", memory * MIB),
        gauge("mem_swap", "Swap in bytes", (used_mib * MIB * 0.9).floor()),
        gauge("mem_swap_limit", "Swap limit in bytes", memory * MIB * 4.0),
    ];
    metrics.extend(net(instance, uptime, busy));
    metrics.extend([
        counter("tcp_active_open_count", "TCP active open connections", uptime * 0.05),
        counter("tcp_passive_open_count", "TCP passive open connections", uptime * busy),
        gauge(
            "tcp_current_established_connections_total",
            "TCP total established connections",
            (1.0 + 20.0 * busy).floor(),
        ),
        counter("tcp_retransmitted_segment_count", "Retransmitted TCP segments", uptime * 0.001),
        gauge(
            "zfs_available",
            "zfs space available in bytes",
            (instance.disk_mib as f64 * MIB - disk_used).max(0.0).floor(),
        ),
        gauge("zfs_used", "zfs space used in bytes", disk_used.floor()),
        counter("time_of_day", "System time in seconds since epoch", now.as_millisecond() as f64),
    ]);
    metrics
}

fn one(name: &'static str, kind: &'static str, help: &'static str, value: f64) -> Metric {
    Metric { name, kind, help, samples: vec![(String::new(), value)] }
}

fn net(instance: &Instance, uptime: f64, busy: f64) -> [Metric; 4] {
    let metric = |name, help, per_second: f64| {
        let sample = |(index, nic): (usize, &crate::world::Nic)| {
            let tag = if nic.primary { "external" } else { "sdc_overlay" };
            let labels = format!(
                "{{interface=\"vnic{index}\",nic_tag=\"{tag}\",network_uuid=\"{}\"}}",
                nic.network
            );
            (labels, (uptime * per_second).floor())
        };
        let samples = instance.nics.iter().enumerate().map(sample).collect();
        Metric { name, kind: "counter", help, samples }
    };
    let packets = 5.0 + 500.0 * busy;
    [
        metric("net_agg_packets_in", "Aggregate inbound packets", packets),
        metric("net_agg_bytes_out", "Aggregate outbound bytes", packets * 900.0),
        metric("net_agg_packets_out", "Aggregate outbound packets", packets * 0.9),
        metric("net_agg_bytes_in", "Aggregate inbound bytes", packets * 300.0),
    ]
}

/// Between 1 and 30 percent, the same for an instance at each reading, if it is not told.
fn cpu_percent(instance: &Instance) -> f64 {
    setting(instance, CPU_KEY).unwrap_or_else(|| 1.0 + f64::from(instance.id.as_bytes()[0] % 30))
}

/// Between 20 and 60 percent of what there is, if it is not told.
fn memory_mib(instance: &Instance) -> f64 {
    let share = 0.2 + 0.4 * f64::from(instance.id.as_bytes()[1]) / 255.0;
    setting(instance, MEMORY_KEY).unwrap_or(share * instance.memory_mib as f64)
}

fn setting(instance: &Instance, key: &str) -> Option<f64> {
    let text = text_of(instance.metadata.get(key)?);
    text.trim().parse().ok().filter(|value: &f64| value.is_finite() && *value >= 0.0)
}

fn uptime_at(instance: &Instance, now: Timestamp, ttl_seconds: i64) -> f64 {
    uptime(instance, floor(now, ttl_seconds))
}

/// Seconds since it last began to run.
fn uptime(instance: &Instance, now: Timestamp) -> f64 {
    let mut began = instance.transitions.iter().rev();
    let began = began.find(|transition| transition.to == InstanceState::Running);
    began.map_or(0.0, |began| now.duration_since(began.at).as_secs_f64().max(0.0))
}

/// The moment at which what is shown now was read.
fn floor(now: Timestamp, seconds: i64) -> Timestamp {
    let second = now.as_second();
    Timestamp::from_second(second - second.rem_euclid(seconds)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::world::Transition;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn instance() -> Instance {
        let mut instance = Instance::sample("web");
        instance.transitions = vec![Transition { at: at(1000), to: InstanceState::Running }];
        instance
    }

    fn value(instance: &Instance, now: i64, name: &str) -> f64 {
        let text = text(instance, at(now));
        let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    #[test]
    fn counters_grow_with_the_time_it_has_been_up() {
        let instance = instance();
        assert_eq!(value(&instance, 1000, "cpu_user_usage"), 0.0);
        let (early, late) =
            (value(&instance, 1100, "cpu_user_usage"), value(&instance, 1200, "cpu_user_usage"));
        assert!(0.0 < early && early < late);
        assert_eq!(early, value(&instance, 1109, "cpu_user_usage"), "read every ten seconds");
        assert_eq!(value(&instance, 1109, "time_of_day"), 1_109_000.0, "but not the clock");
    }

    #[test]
    fn metadata_says_how_busy_it_is() {
        let mut instance = instance();
        let metadata = json!({ "sim.cpu-percent": "50", "sim.memory-mib": "256" });
        instance.metadata = metadata.as_object().unwrap().clone();
        let used = |name| value(&instance, 1100, name);
        assert_eq!(used("cpu_user_usage") + used("cpu_sys_usage"), 50.0 * NANOS);
        assert_eq!(used("mem_agg_usage"), 256.0 * MIB);
        assert_eq!(used("mem_limit"), 1024.0 * MIB);
    }

    #[test]
    fn every_metric_says_what_it_is() {
        let text = text(&instance(), at(1100));
        let names = |prefix: &str| text.lines().filter(|line| line.starts_with(prefix)).count();
        assert_eq!(names("# HELP "), names("# TYPE "));
        assert!(text.contains("# TYPE mem_limit gauge\nmem_limit 1073741824\n"), "{text}");
    }
}
