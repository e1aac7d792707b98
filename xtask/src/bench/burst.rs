//! `bench burst`: many pods at once, beside a bare writer of statuses.
//!
//! The bare writer is what no node can beat: it makes the same pods, bound to a node that nobody runs, and writes to
//! each, as soon as it is made, the status that vk-triton writes, as the node's user, whose every write the API server
//! records. Both are measured from the first create until a watch has shown the last pod Running, in turns, because the
//! machine is not the same from one minute to the next.

use std::time::Duration;

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Pod;
use kube_client::Api;
use kube_client::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Args;
use super::batch::{
    CREATES, Kind, LIMIT, create, delete, remove, run_batch, version, watch_until_running,
};
use super::numbers::{median, per};
use super::rig::{Cloud, Rig, UNTHROTTLED, figure, title};
use super::writes::Writes;
use crate::screen::print;

/// Pods in a round.
const PODS: usize = 300;
/// The same with `--full`.
const PODS_FULL: usize = 1000;
/// Statuses that the bare writer has under way at once, as many as vk-triton has workers.
const STATUSES: usize = 32;

/// One round.
struct Round {
    bare: Duration,
    ours: Duration,
    writes: Writes,
}

/// Measures in turns.
pub(crate) async fn run(args: &Args) -> Result<()> {
    let pods = args.pods.unwrap_or(if args.full { PODS_FULL } else { PODS });
    title(&format!("burst: {pods} pods at once, instant cloud, in turns with a bare writer"));
    let rig = Rig::start(args, UNTHROTTLED).await?;
    rig.set_cloud(Cloud::Instant).await?;
    let status = a_status(&rig).await?;
    let mut rounds = Vec::new();
    for number in 0..args.rounds.max(1) {
        let before = rig.stack.cpu_times()?;
        let bare = bare(&rig, number, pods, &status).await?;
        let bare_cpu = since(&before, rig.stack.cpu_times()?);
        remove(&Api::default_namespaced(rig.stack.client())).await?;
        let (before, cpu) = (Writes::read(rig.audit_log())?, rig.stack.cpu_times()?);
        let batch = run_batch(&rig.stack, &format!("ours-{number}"), pods, Kind::Plain).await?;
        let our_cpu = since(&cpu, rig.stack.cpu_times()?);
        let writes = Writes::read(rig.audit_log())?.since(&before);
        delete(&rig.stack).await?;
        let round = Round { bare, ours: batch.took, writes };
        print(format_args!(
            "  round {}: bare writer {:>6.0} pods/s, vk-triton {:>6.0} pods/s; {:.2} writes a pod",
            number + 1,
            rate(pods, round.bare),
            rate(pods, round.ours),
            per(round.writes.total(), pods),
        ));
        for (whose, cpu) in [("bare writer", bare_cpu), ("vk-triton", our_cpu)] {
            print(format_args!("    processor, ms a pod, {whose}: {}", shares(&cpu, pods)));
        }
        let writes: Vec<String> =
            round.writes.iter().map(|(what, count)| format!("{what} {count}")).collect();
        print(format_args!("    {}", writes.join(", ")));
        rounds.push(round);
    }
    let ratios = rounds.iter().map(|round| round.bare.as_secs_f64() / round.ours.as_secs_f64());
    let writes = rounds.iter().map(|round| per(round.writes.total(), pods));
    let ratio = format!("{:.0} %", 100.0 * median(ratios.collect()));
    figure("share of the bare writer's pods/s (median)", &ratio, "goal: >= 85 %");
    let writes = format!("{:.2}", median(writes.collect()));
    figure("API writes a pod until Running (median)", &writes, "goal: <= 1.1");
    Ok(())
}

/// The status that vk-triton writes to a pod that runs.
async fn a_status(rig: &Rig) -> Result<Value> {
    run_batch(&rig.stack, "sample", 1, Kind::Plain).await?;
    let api: Api<Pod> = Api::default_namespaced(rig.stack.client());
    let status = api.get("bench-sample-0").await.context("reading a pod")?.status;
    delete(&rig.stack).await?;
    serde_json::to_value(status.context("reading a pod's status")?).context("reading a status")
}

/// The bare writer's round: how long it took.
async fn bare(rig: &Rig, round: usize, pods: usize, status: &Value) -> Result<Duration> {
    let api: Api<Pod> = Api::default_namespaced(rig.stack.client());
    let as_node: Api<Pod> = Api::default_namespaced(rig.stack.node_client().await?);
    let version = version(&api).await?;
    let name = format!("bare-{round}");
    // Another each time: pods of a node that is not there are failed 40 s after the first of them was seen.
    let nobody = format!("nobody-{round}");
    let (made, mut to_write) = mpsc::unbounded_channel();
    let started = Instant::now();
    let creating = async {
        let made = made;
        stream::iter(0..pods)
            .map(|number| create(&api, &nobody, &name, number, Kind::Plain))
            .buffer_unordered(CREATES)
            .try_for_each(|pod| {
                // The writers end only after the last pod was made.
                let _ = made.send(pod);
                async { Ok(()) }
            })
            .await
    };
    let to_write = stream::poll_fn(move |context| to_write.poll_recv(context));
    let writing = to_write
        .map(Ok)
        .try_for_each_concurrent(STATUSES, |pod| write(&as_node, pod.name, pod.uid, status));
    let watching = watch_until_running(&api, &version, pods);
    let all = async { tokio::try_join!(creating, writing, watching) };
    tokio::time::timeout(LIMIT, all).await.context("waiting for the bare writer")??;
    Ok(started.elapsed())
}

/// Processor time of each program since then.
fn since(before: &[(String, Duration)], now: Vec<(String, Duration)>) -> Vec<(String, Duration)> {
    let used = |(name, time): (String, Duration)| {
        let before = before.iter().find(|(of, _)| *of == name).map(|(_, time)| *time);
        (name, time.saturating_sub(before.unwrap_or_default()))
    };
    now.into_iter().map(used).collect()
}

/// What each program used for a pod, and all of them.
fn shares(times: &[(String, Duration)], pods: usize) -> String {
    let per_pod = |time: Duration| 1000.0 * time.as_secs_f64() / pods as f64;
    let each = times.iter().map(|(name, time)| format!("{name} {:.2}", per_pod(*time)));
    let all = per_pod(times.iter().map(|(_, time)| *time).sum());
    format!("{}; all {all:.2}", each.collect::<Vec<_>>().join(", "))
}

async fn write(api: &Api<Pod>, name: String, uid: String, status: &Value) -> Result<()> {
    let patch = Patch::Strategic(json!({"metadata": {"uid": uid}, "status": status}));
    api.patch_status(&name, &PatchParams::default(), &patch).await.context("writing a status")?;
    Ok(())
}

fn rate(pods: usize, took: Duration) -> f64 {
    pods as f64 / took.as_secs_f64()
}
