//! `bench requests`: requests to CloudAPI, for a pod's life and at rest, with the changefeed and without.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::Args;
use super::batch::{Kind, delete, run_batch};
use super::numbers::per;
use super::rig::{Cloud, Rig, UNTHROTTLED, figure, title};
use crate::screen::print;

/// Pods that are born and die.
const PODS: usize = 200;
/// The same with `--full`; the size the goal at rest is about.
const PODS_FULL: usize = 1000;
/// How long the node is left alone after pods came, before it counts as resting.
const SETTLING: Duration = Duration::from_secs(15);
/// How long its rest is watched.
const REST: Duration = Duration::from_secs(120);
/// The fault that keeps the changefeed from saying anything.
const NO_FEED: &str = "feed-closes";

/// Counts by the simulator's own counters.
pub(crate) async fn run(args: &Args) -> Result<()> {
    let pods = args.pods.unwrap_or(if args.full { PODS_FULL } else { PODS });
    title(&format!("requests: CloudAPI requests with {pods} pods"));
    let rig = Rig::start(args, UNTHROTTLED).await?;
    rig.set_cloud(Cloud::Realistic).await?;
    let control = rig.stack.simulator.control();

    // The first of all reads the catalog, which belongs to no pod.
    run_batch(&rig.stack, "first", 1, Kind::Plain).await?;
    delete(&rig.stack).await?;
    control.reset_counts().await?;
    run_batch(&rig.stack, "life", pods, Kind::Plain).await?;
    let born = control.counts().await?;
    tokio::time::sleep(SETTLING).await;
    control.reset_counts().await?;
    tokio::time::sleep(REST).await;
    let with_feed = control.counts().await?;

    control.set_fault(NO_FEED, &json!({})).await?;
    tokio::time::sleep(SETTLING).await;
    control.reset_counts().await?;
    tokio::time::sleep(REST).await;
    let without_feed = control.counts().await?;
    control.clear_fault(NO_FEED).await?;
    tokio::time::sleep(SETTLING).await;

    control.reset_counts().await?;
    delete(&rig.stack).await?;
    let died = control.counts().await?;

    let life = total(&born) + total(&died);
    figure("a pod's life", &format!("{:.2}", per(life, pods)), "goal: <= 2.1");
    print_counts(&born);
    print_counts(&died);
    let minute = |counts: &BTreeMap<String, u64>| {
        format!("{:.1}", total(counts) as f64 * 60.0 / REST.as_secs_f64())
    };
    figure("a minute at rest, with the changefeed", &minute(&with_feed), "goal: <= 2");
    print_counts(&with_feed);
    figure("a minute at rest, without", &minute(&without_feed), "goal: <= 12");
    print_counts(&without_feed);
    Ok(())
}

fn total(counts: &BTreeMap<String, u64>) -> u64 {
    counts.values().sum()
}

fn print_counts(counts: &BTreeMap<String, u64>) {
    let counts: Vec<String> =
        counts.iter().map(|(endpoint, count)| format!("{endpoint} {count}")).collect();
    print(format_args!("    {}", counts.join(", ")));
}
