//! One node's life in this process: it stands by, acts for a term, and stands by again.

use std::sync::Arc;

use anyhow::Context;
use tokio_util::sync::CancellationToken;
use triton_cloudapi::client::Throttle;
use triton_provider::{JournalDoubt, KubeCluster, Metrics, Parts, TritonProvider};
use virtual_node::{
    Election, Fence, Identity, LeadError, Leader, Term, VirtualNode, fenced_client, pokes,
};

use crate::connect::{self, Cluster};
use crate::exit::{Classify, Failure, Kind, Outcome};
use crate::plan::NodePlan;

/// One node of this process.
pub(crate) struct NodeRunner {
    pub(crate) plan: NodePlan,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) me: Identity,
    pub(crate) metrics: Metrics,
    pub(crate) node_metrics: virtual_node::Metrics,
    pub(crate) doubt: JournalDoubt,
    pub(crate) throttle: Arc<Throttle>,
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
        election.lead(&self, &shutdown).await.map_err(|error| match error {
            LeadError::Leader(failure) => failure,
            error => Failure::new(Kind::Unavailable, error),
        })
    }

    /// Wrong settings and a refused key are told at once, also by a process that stands by.
    async fn check(&self) -> Outcome<()> {
        let cloud = self.plan.cloud_client(&self.throttle, &self.metrics, &Fence::closed()).await?;
        connect::check_cloudapi(&cloud).await
    }
}

impl Leader for NodeRunner {
    type Error = Failure;

    /// Everything about a term is made for it: a client of an earlier one is fenced for good.
    async fn lead(&self, term: &Term, token: &CancellationToken) -> Outcome<()> {
        let fence = term.fence();
        let Self { plan, cluster, .. } = self;
        let cloud = plan.cloud_client(&self.throttle, &self.metrics, fence).await?;
        let fenced = || {
            let client = fenced_client(cluster.config.clone(), fence);
            client.context("setting up the Kubernetes client").or_fail(Kind::Config)
        };
        let (client, heartbeat) = (fenced()?, fenced()?);
        let is_first = term.nobody_acted_before(&client, &plan.name).await;
        let (pokes, poked) = pokes();
        let parts = Parts {
            client: cloud.clone(),
            cluster: Arc::new(KubeCluster::new(client.clone(), plan.namespace(), &plan.name)),
            settings: plan.settings(cluster),
            pokes,
            metrics: self.metrics.clone(),
            doubt: self.doubt.clone(),
            is_first,
        };
        let starting = TritonProvider::start(parts, token.clone());
        let Some(provider) = token.run_until_cancelled(starting).await else { return Ok(()) };
        let provider = provider.or_fail(Kind::Unavailable)?;
        tracing::info!(node = %plan.name, version = env!("CARGO_PKG_VERSION"), "starting");
        let probe_metrics = provider.probe_metrics();
        let capacity = provider.capacity();
        let node = VirtualNode::builder(client, Arc::new(provider), poked)
            .capacity(capacity)
            .heartbeat_client(heartbeat)
            .config(plan.node_config(cluster, &cloud))
            .http(plan.http_config(cluster))
            .probe_metrics(probe_metrics)
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

    /// A process that has acted once, and is none of the faulty ones, tries for ever.
    fn gives_up(&self, failure: &Failure, has_led: bool) -> bool {
        failure.is_bug() || !has_led
    }
}
