//! One node's life in this process: it stands by, acts for a term, and stands by again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use tokio_util::sync::CancellationToken;
use triton_provider::{KubeCluster, Metrics, Parts, TritonProvider};
use virtual_node::{Election, Fence, Identity, Term, VirtualNode, fenced_client, pokes};

use crate::connect::{self, Cluster};
use crate::exit::{Classify, Failure, Kind, Outcome};
use crate::plan::NodePlan;

/// How long the tasks of a term that was lost may take to end. They are fenced meanwhile, and then dropped.
const TERM_END: Duration = Duration::from_secs(10);

/// Before standing by again after a term that could not begin.
const FAILED_PAUSE: Duration = Duration::from_secs(5);

/// One node of this process.
pub(crate) struct NodeRunner {
    pub(crate) plan: NodePlan,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) me: Identity,
    pub(crate) metrics: Metrics,
    pub(crate) node_metrics: virtual_node::Metrics,
    /// Somebody else wrote the journal of the term before: what that term had noted may not be in it any more.
    pub(crate) journal_was_lost: Arc<AtomicBool>,
}

// === impl NodeRunner ===

impl NodeRunner {
    /// Runs until `shutdown`.
    ///
    /// # Errors
    /// When what the node needs to begin is missing, or by a bug. What fails later is tried again.
    pub(crate) async fn run(self, shutdown: CancellationToken) -> Outcome<()> {
        match shutdown.run_until_cancelled(self.check()).await {
            None => return Ok(()),
            Some(checked) => checked?,
        }

        let client = self.cluster.client("the election")?;
        let election =
            Election::new(client, self.plan.namespace(), &self.plan.lease(), self.me.clone())
                .with_metrics(self.node_metrics.clone());
        let mut has_acted = false;
        loop {
            let elected = election.stand_by(&shutdown).await.or_fail(Kind::Unavailable)?;
            let Some(term) = elected else { return Ok(()) };
            let ended = self.act(&term, &shutdown).await;
            let was_lost = term.lost().is_cancelled();
            term.resign().await;
            match ended {
                _ if shutdown.is_cancelled() => return Ok(()),
                Ok(()) => has_acted = true,
                Err(failure) if was_lost => {
                    has_acted = true;
                    tracing::info!(node = %self.plan.name, error = %failure, "the term ended with the lease");
                }
                Err(failure) if failure.is_bug() || !has_acted => return Err(failure),
                Err(failure) => {
                    tracing::error!(node = %self.plan.name, error = %failure, "could not act for the node; standing by again");
                    let rest = tokio::time::sleep(FAILED_PAUSE);
                    shutdown.run_until_cancelled(rest).await;
                }
            }
        }
    }

    /// Wrong settings and a refused key are told at once, also by a process that stands by.
    async fn check(&self) -> Outcome<()> {
        let cloud = self.plan.cloud_client(&self.metrics, &Fence::closed()).await?;
        connect::check_cloudapi(&cloud).await
    }

    /// Acts for the node until the lease is lost or `shutdown` comes. When this returns nothing of it acts any more.
    async fn act(&self, term: &Term, shutdown: &CancellationToken) -> Outcome<()> {
        let token = shutdown.child_token();
        // However this ends, nothing that was started goes on.
        let _guard = token.clone().drop_guard();
        let losing = async {
            term.lost().cancelled().await;
            token.cancel();
            tokio::time::sleep(TERM_END).await;
        };
        tokio::select! {
            ended = self.build_and_run(term, &token) => ended,
            () = losing => {
                tracing::warn!(node = %self.plan.name, "parts of the lost term did not end in time; they are dropped");
                Ok(())
            }
        }
    }

    /// A term whose journal somebody else has written can create nothing any more. It ends, and the next one, of this
    /// process or another, takes the journal over.
    fn end_with_journal(&self, lost: CancellationToken, token: &CancellationToken) {
        let (name, token) = (self.plan.name.clone(), token.clone());
        let was_lost = Arc::clone(&self.journal_was_lost);
        tokio::spawn(async move {
            if token.run_until_cancelled(lost.cancelled()).await.is_some() {
                was_lost.store(true, Ordering::Relaxed);
                tracing::warn!(node = %name, "somebody else has written the journal of creates; beginning anew");
                token.cancel();
            }
        });
    }

    /// Everything about a term is made for it: a client of an earlier one is fenced for good.
    async fn build_and_run(&self, term: &Term, token: &CancellationToken) -> Outcome<()> {
        let Self { plan, cluster, .. } = self;
        let fence = term.fence();
        let cloud = plan.cloud_client(&self.metrics, fence).await?;
        let fenced = || {
            let client = fenced_client(cluster.config.clone(), fence);
            client.context("setting up the Kubernetes client").or_fail(Kind::Config)
        };
        let (client, heartbeat) = (fenced()?, fenced()?);
        let (pokes, poked) = pokes();
        let parts = Parts {
            client: cloud.clone(),
            cluster: Arc::new(KubeCluster::new(client.clone(), plan.namespace(), &plan.name)),
            settings: plan.settings(cluster),
            pokes,
            metrics: self.metrics.clone(),
            journal_in_doubt: self.journal_was_lost.swap(false, Ordering::Relaxed),
        };
        let starting = TritonProvider::start(parts, token.clone());
        let Some(provider) = token.run_until_cancelled(starting).await else { return Ok(()) };
        let provider = provider.or_fail(Kind::Unavailable)?;
        self.end_with_journal(provider.journal_lost(), token);
        tracing::info!(node = %plan.name, version = env!("CARGO_PKG_VERSION"), "starting");
        let node = VirtualNode::builder(client, Arc::new(provider), poked)
            .heartbeat_client(heartbeat)
            .config(plan.node_config(cluster, &cloud))
            .http(plan.http_config(cluster))
            .metrics(self.node_metrics.clone())
            .build();
        node.run(token.clone()).await.map_err(|error| {
            let kind = match &error {
                virtual_node::StartError::Register { .. } => Kind::Unavailable,
                virtual_node::StartError::Http(_) => Kind::Config,
                _ => Kind::Bug,
            };
            Failure::new(kind, error)
        })
    }
}
