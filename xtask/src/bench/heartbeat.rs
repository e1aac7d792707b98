//! `bench heartbeat`: how late the node's Lease is renewed with many pods while CloudAPI hangs.

use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube_client::Api;
use kube_client::api::DeleteParams;
use serde_json::json;

use super::Args;
use super::batch::{Kind, run_batch};
use super::rig::{Cloud, Rig, UNTHROTTLED, figure, ms, title};
use crate::screen::print;

/// Pods that run when CloudAPI begins to hang, and are all deleted then.
const PODS: usize = 1000;
/// How long the renewals are watched.
const WATCHED: Duration = Duration::from_secs(150);
/// How often the Lease is looked at; what counts is the time that it says.
const LOOKED: Duration = Duration::from_millis(500);
/// Between two renewals; the node adds up to 4 % of chance, as the kubelet does.
const INTERVAL: Duration = Duration::from_secs(10);
/// The fault: each request is held for two minutes.
const HANGS: &str = "hang";

/// Reads the renewals off the Lease itself.
pub(crate) async fn run(args: &Args) -> Result<()> {
    let pods = args.pods.unwrap_or(PODS);
    title(&format!("heartbeat: the Lease of a node with {pods} pods while CloudAPI hangs"));
    let rig = Rig::start(args, UNTHROTTLED).await?;
    rig.set_cloud(Cloud::Instant).await?;
    run_batch(&rig.stack, "held", pods, Kind::Plain).await?;
    rig.stack.simulator.control().set_fault(HANGS, &json!({})).await?;
    let all: Api<k8s_openapi::api::core::v1::Pod> = Api::default_namespaced(rig.stack.client());
    all.delete_collection(&DeleteParams::default(), &kube_client::api::ListParams::default())
        .await
        .context("deleting all pods")?;

    let renewals = renewals(&rig).await?;
    let pauses: Vec<Duration> = renewals
        .windows(2)
        .map(|pair| Duration::try_from(pair[1].duration_since(pair[0])).unwrap_or_default())
        .collect();
    let longest = pauses.iter().max().copied().context("seeing two renewals")?;
    let left = all.list_metadata(&kube_client::api::ListParams::default()).await?.items.len();
    figure("pods that hang", &left.to_string(), "");
    figure("renewals seen", &renewals.len().to_string(), "goal: one each 10 s");
    figure("the longest pause between two", &ms(longest), "goal: <= 10 400 ms, chance included");
    let late = longest.saturating_sub(INTERVAL.mul_f64(1.04));
    figure("lateness beyond that", &ms(late), "goal: <= 1 000 ms");
    print("    The node controller calls a node lost after 50 s without one.");
    rig.stack.simulator.control().clear_fault(HANGS).await
}

/// The times that the Lease says, as they change.
async fn renewals(rig: &Rig) -> Result<Vec<Timestamp>> {
    let leases: Api<Lease> = Api::namespaced(rig.stack.client(), "kube-node-lease");
    let name = rig.node()?.name();
    let mut seen: Vec<Timestamp> = Vec::new();
    let watching = async {
        loop {
            let lease = leases.get(name).await.context("reading the Lease")?;
            let renewed =
                lease.spec.and_then(|spec| spec.renew_time).context("reading its time")?.0;
            if seen.last() != Some(&renewed) {
                seen.push(renewed);
            }
            tokio::time::sleep(LOOKED).await;
        }
    };
    match tokio::time::timeout(WATCHED, watching).await {
        Ok(failed) => failed,
        Err(_) => Ok(seen),
    }
}
