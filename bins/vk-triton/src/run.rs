//! Args and settings in, running nodes out.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use prometheus_client::registry::Registry;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use triton_provider::{JournalDoubt, Metrics};
use uuid::Uuid;
use virtual_node::Identity;
use virtual_node::http::MetricsServer;
use virtual_node::leader::holder;

use crate::args::Args;
use crate::config::Loaded;
use crate::connect;
use crate::exit::{Classify, Failure, Kind, Outcome};
use crate::logging;
use crate::plan::NodePlan;
use crate::term::NodeRunner;

/// Prefix of our metrics' names.
const METRICS_PREFIX: &str = "vk_triton";

/// Runs until SIGTERM or SIGINT. Instances are left alone.
pub(crate) fn run(args: Args) -> Outcome<()> {
    logging::start(&args).or_fail(Kind::Config)?;
    if args.namespace.is_some() {
        tracing::warn!("--namespace is ignored: pods of all namespaces are run");
    }
    let settings = Loaded::load(args.provider_config.as_deref()).or_fail(Kind::Config)?;
    let plans = NodePlan::all(&args, settings).or_fail(Kind::Config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("starting the runtime").or_fail(Kind::Bug)?.block_on(serve(args, plans))
}

async fn serve(args: Args, plans: Vec<NodePlan>) -> Outcome<()> {
    let shutdown = CancellationToken::new();
    stop_on_signal(shutdown.clone()).or_fail(Kind::Bug)?;
    let reaching = shutdown.run_until_cancelled(connect::cluster_patiently(&args));
    let Some(cluster) = reaching.await else { return Ok(()) };
    let cluster = Arc::new(cluster?);
    let me = identity();

    let mut registry = Registry::with_prefix(METRICS_PREFIX);
    let runners: Vec<NodeRunner> = plans
        .into_iter()
        .map(|plan| {
            let label = (Cow::Borrowed("node"), Cow::Owned(plan.name.clone()));
            let registry = registry.sub_registry_with_label(label);
            NodeRunner {
                metrics: Metrics::register(registry),
                node_metrics: virtual_node::Metrics::register(registry),
                cluster: Arc::clone(&cluster),
                me: me.clone(),
                doubt: JournalDoubt::default(),
                throttle: plan.throttle(),
                plan,
            }
        })
        .collect();
    if let Some(address) = metrics_address(&args.metrics_addr).or_fail(Kind::Config)? {
        let server =
            MetricsServer::bind(address, Arc::new(registry)).await.or_fail(Kind::Config)?;
        tokio::spawn(server.serve(shutdown.clone()));
    }
    run_all(runners, &shutdown).await?;
    tracing::info!("stopped; instances run on");
    Ok(())
}

/// Runs all nodes. One that cannot begin leaves the others alone; if none is left, its failure is the process's, and so
/// is a bug: a process that looks well while one of its nodes is dead helps nobody.
async fn run_all(runners: Vec<NodeRunner>, shutdown: &CancellationToken) -> Outcome<()> {
    let several = runners.len() > 1;
    let mut running = JoinSet::new();
    for runner in runners {
        let (name, shutdown) = (runner.plan.name.clone(), shutdown.clone());
        running.spawn(async move {
            let ended = runner.run(shutdown).await;
            ended.map_err(|failure| if several { failure.about(&name) } else { failure })
        });
    }
    let mut first: Option<Failure> = None;
    let mut all_failed = true;
    while let Some(ended) = running.join_next().await {
        match ended.context("running a node").or_fail(Kind::Bug).and_then(|ended| ended) {
            Ok(()) => all_failed = false,
            Err(failure) if failure.is_bug() => {
                shutdown.cancel();
                while running.join_next().await.is_some() {}
                return Err(failure);
            }
            Err(failure) => {
                if !running.is_empty() {
                    tracing::error!(error = %failure, "a node does not run; the others go on");
                }
                first.get_or_insert(failure);
            }
        }
    }
    first.filter(|_| all_failed).map_or(Ok(()), Err)
}

/// What tells this process from every other one in an election.
fn identity() -> Identity {
    match holder::this_process() {
        Some(process) => Identity::from(&process),
        None => Identity::named(format!("vk-triton_{}", Uuid::new_v4())),
    }
}

/// SIGTERM and SIGINT stop the nodes.
fn stop_on_signal(shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("asked to stop");
        shutdown.cancel();
    });
    Ok(())
}

/// `:10355` means every address, as Go programs have it; `off` means none.
fn metrics_address(text: &str) -> anyhow::Result<Option<SocketAddr>> {
    if matches!(text, "off" | "") {
        return Ok(None);
    }
    let full = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.to_owned() };
    let address = full.parse();
    address.map(Some).map_err(|_not_an_address| {
        anyhow!("--metrics-addr {text:?} is no address: write :10255, 127.0.0.1:10255 or off")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_addresses_are_as_go_programs_have_them() {
        assert_eq!(metrics_address(":10355").unwrap(), Some("0.0.0.0:10355".parse().unwrap()));
        assert_eq!(metrics_address("127.0.0.1:1").unwrap(), Some("127.0.0.1:1".parse().unwrap()));
        assert_eq!(metrics_address("off").unwrap(), None);
        assert!(
            metrics_address("here").unwrap_err().to_string().contains("--metrics-addr \"here\"")
        );
    }
}
