//! `bench restart`: what a process does that starts on instances which are there already.

use std::time::Duration;

use anyhow::{Context, Result};
use testbed::wait::{Seen, until};
use tokio::time::Instant;

use super::Args;
use super::batch::{Kind, LIMIT, run_batch};
use super::rig::{Cloud, Rig, UNTHROTTLED, figure, ms, title};
use super::writes::Writes;
use crate::screen::print;

/// Pods.
const PODS: usize = 1000;
/// The same with `--full`; the size the goals are about.
const PODS_FULL: usize = 10_000;
/// Pods that are made before the next are.
const STEP: usize = 1000;
/// How long the node is left alone before it is killed, and after it has come back.
const REST: Duration = Duration::from_secs(60);
/// Counts an instance that the process has taken for its pod's.
const ADOPTED: &str = "vk_triton_instance_actions_total{action=\"adopt\"}";
/// Counts lists of instances.
const LISTED: &str = "vk_triton_instance_lists_total";
/// Calls that make or remove something.
const CHANGES: [&str; 7] = [
    "CreateMachine",
    "DeleteMachine",
    "StartMachine",
    "StopMachine",
    "RebootMachine",
    "CreateFirewallRule",
    "DeleteFirewallRule",
];

/// Kills the node, starts it again, and counts what it asks for and writes.
pub(crate) async fn run(args: &Args) -> Result<()> {
    let pods = args.pods.unwrap_or(if args.full { PODS_FULL } else { PODS });
    title(&format!("restart: the node is killed and started again on {pods} instances"));
    let mut rig = Rig::start(args, UNTHROTTLED).await?;
    rig.set_cloud(Cloud::Instant).await?;
    let mut running = 0;
    while running < pods {
        let more = STEP.min(pods - running);
        run_batch(&rig.stack, &format!("r{running}"), more, Kind::Plain).await?;
        running += more;
    }
    tokio::time::sleep(REST).await;

    let control = rig.stack.simulator.control().clone();
    let written = Writes::read(rig.audit_log())?;
    rig.stack.node()?.process().crash()?;
    control.reset_counts().await?;
    let started = Instant::now();
    rig.stack.node()?.process().start_again()?;
    let acting = until_metric(&rig, LISTED, 1, started).await?;
    let adopted = until_metric(&rig, ADOPTED, pods as u64, started).await?;
    let until_adopted: u64 = control.counts().await?.values().sum();
    tokio::time::sleep(REST).await;
    let counts = control.counts().await?;
    let writes = Writes::read(rig.audit_log())?.since(&written);

    let all: u64 = counts.values().sum();
    let changes: u64 = CHANGES.iter().filter_map(|call| counts.get(*call)).sum();
    figure("from start to the first list", &ms(acting), "the Lease of the killed process included");
    figure("from the first list to all instances adopted", &ms(adopted - acting), "goal: <= 5 s");
    figure("CloudAPI requests until then", &until_adopted.to_string(), "goal: <= 20");
    figure(
        "CloudAPI requests until a minute later",
        &all.to_string(),
        "a list of these is 11 pages",
    );
    figure("of these, creates, deletes and the like", &changes.to_string(), "goal: 0");
    figure("writes to pods", &writes.to("pods").to_string(), "goal: 0");
    let counts: Vec<String> =
        counts.iter().map(|(endpoint, count)| format!("{endpoint} {count}")).collect();
    print(format_args!("    {}", counts.join(", ")));
    let metrics = rig.node()?.metrics().await?;
    for line in metrics.lines().filter(|line| line.starts_with(LISTED)) {
        print(format_args!("    {line}"));
    }
    Ok(())
}

/// How long after `started` the node's metric of this name has come to `least`.
async fn until_metric(rig: &Rig, name: &str, least: u64, started: Instant) -> Result<Duration> {
    until(&format!("{name} to be {least}"), LIMIT, || async {
        // It does not answer before it has begun.
        let metrics = rig.node()?.metrics().await.unwrap_or_default();
        let value = sum(&metrics, name)?;
        let seen = format!("{value} after {} s", started.elapsed().as_secs());
        Ok(if value >= least { Seen::Done(started.elapsed()) } else { Seen::NotYet(seen) })
    })
    .await
}

/// The sum of a metric over its labels; `name{label}` counts those only that have this label among theirs.
fn sum(metrics: &str, name: &str) -> Result<u64> {
    let (name, label) = name.trim_end_matches('}').split_once('{').unwrap_or((name, ""));
    let lines = metrics.lines().filter(|line| line.starts_with(name) && line.contains(label));
    let values = lines.map(|line| {
        let value = line.rsplit(' ').next().unwrap_or_default();
        value.parse::<u64>().with_context(|| format!("reading {line:?}"))
    });
    values.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_its_labels() {
        let metrics =
            "# TYPE a counter\na_total{n=\"x\",b=\"1\"} 2\na_total{n=\"x\",b=\"2\"} 3\nc 4\n";
        assert_eq!(sum(metrics, "a_total").unwrap(), 5);
        assert_eq!(sum(metrics, "a_total{b=\"2\"}").unwrap(), 3);
        assert_eq!(sum(metrics, "d").unwrap(), 0);
    }
}
