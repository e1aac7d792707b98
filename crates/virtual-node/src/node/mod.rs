//! The Node object: registered, kept alive, kept true.
//!
//! Its task shares no lock, queue or limiter with the work on pods: a thousand pods that start do not make a
//! heartbeat late.

pub mod conditions;
pub(crate) mod extra;
pub mod health;
pub mod lease;
mod register;
pub mod spec;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use kube_client::Client;
use kube_client::api::{Api, Patch, PatchParams};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::api::{CallError, call, chain};
use crate::config::NodeConfig;
use crate::metrics::{KubeWrite, Metrics};
use crate::provider::Provider;
use extra::ExtraConditions;
use health::Health;

/// Keeps the Node object.
pub(crate) struct NodeKeeper<P> {
    pub(crate) nodes: Api<Node>,
    pub(crate) config: Arc<NodeConfig>,
    pub(crate) provider: Arc<P>,
    pub(crate) metrics: Arc<Metrics>,
    /// Tells the lease whose it is.
    pub(crate) uid: watch::Sender<Option<String>>,
    /// What other parts say of the node.
    pub(crate) extra: ExtraConditions,
}

// === impl NodeKeeper ===

impl<P: Provider> NodeKeeper<P> {
    pub(crate) fn new(
        client: Client,
        config: Arc<NodeConfig>,
        provider: Arc<P>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            nodes: Api::all(client),
            config,
            provider,
            metrics,
            uid: watch::Sender::new(None),
            extra: ExtraConditions::default(),
        }
    }

    /// Pings and writes the status until told to stop. The Node object stays: its pods keep running.
    pub(crate) async fn run(self, registered: Node, shutdown: CancellationToken) {
        let mut health = Health::default();
        let mut published = registered;
        let mut written: Option<Instant> = None;
        let mut ticks =
            tokio::time::interval(self.config.heartbeat.ping.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
            let round = self.round(&mut health, &published, &mut written);
            match shutdown.run_until_cancelled(round).await {
                None => return,
                Some(Ok(node)) => published = node,
                Some(Err(error)) => tracing::warn!(
                    error = chain(&error),
                    "could not keep the Node object up to date"
                ),
            }
        }
    }

    async fn round(
        &self,
        health: &mut Health,
        published: &Node,
        written: &mut Option<Instant>,
    ) -> Result<Node, CallError> {
        if health.observe(self.ping().await) {
            match health.trouble() {
                Some(message) => {
                    tracing::warn!(message, "the node is not ready: the provider is unavailable")
                }
                None => tracing::info!("the node is ready: the provider answers"),
            }
        }
        self.metrics.node_ready(health.trouble().is_none());

        let node = match call("reading the Node", self.nodes.get_opt(&self.config.name)).await? {
            Some(node) if node.metadata.uid == published.metadata.uid => node,
            Some(other) => {
                tracing::warn!("the Node object was replaced; adopting the new one");
                self.adopt(other).await?
            }
            None => {
                tracing::warn!("the Node object was deleted; registering it again");
                *written = None;
                self.register().await?
            }
        };
        self.uid.send_if_modified(|uid| {
            let changed = *uid != node.metadata.uid;
            uid.clone_from(&node.metadata.uid);
            changed
        });

        let theirs = node
            .status
            .as_ref()
            .and_then(|status| status.conditions.as_deref())
            .unwrap_or_default();
        let now = crate::clock::now();
        let mut ours = conditions::conditions(theirs, health.trouble(), now);
        ours.extend(self.extra.all(theirs, now));
        let due = written.is_none_or(|at| at.elapsed() >= self.config.heartbeat.status);
        if !due && !conditions::are_contradicted(theirs, &ours) {
            return Ok(node);
        }
        self.metrics.kube_write(KubeWrite::NodeStatus);
        let patch = Patch::Strategic(spec::status_patch(&self.config, ours));
        let params = PatchParams::default();
        let patching = self.nodes.patch_status(&self.config.name, &params, &patch);
        let node = call("writing the Node's status", patching).await?;
        *written = Some(Instant::now());
        Ok(node)
    }

    async fn ping(&self) -> Result<(), String> {
        let limit = self.config.heartbeat.ping_timeout;
        match tokio::time::timeout(limit, self.provider.ping()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                tracing::debug!(error = chain(&error), "the provider's ping failed");
                Err(error.message)
            }
            Err(_) => Err(format!("the provider gave no answer within {} s", limit.as_secs_f32())),
        }
    }
}
