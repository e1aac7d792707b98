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
use kube_client::api::{Api, Patch, PatchParams};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::api::{CallError, call, chain};
use crate::config::{Capacity, NodeConfig};
use crate::events::{Recorder, Subject};
use crate::metrics::{KubeWrite, Metrics};
use crate::provider::{PodEvent, Pulse};
use extra::ExtraConditions;
use health::{Health, Verdict};

/// An event about the same outage is written once in this long.
const QUIET: Duration = Duration::from_secs(5 * 60);

/// Keeps the Node object.
pub(crate) struct NodeKeeper<P> {
    pub(crate) nodes: Api<Node>,
    pub(crate) config: Arc<NodeConfig>,
    pub(crate) capacity: watch::Receiver<Capacity>,
    pub(crate) provider: Arc<P>,
    pub(crate) events: Recorder,
    pub(crate) metrics: Arc<Metrics>,
    /// Tells the lease whose it is.
    pub(crate) uid: watch::Sender<Option<String>>,
    /// What other parts say of the node.
    pub(crate) extra: ExtraConditions,
}

/// What is known of the Node between two rounds.
struct Kept {
    health: Health,
    published: Node,
    /// When the object was last read and found to be as it should.
    read_at: Option<Instant>,
    /// When the whole status was last written.
    written_at: Option<Instant>,
    /// What the node could hold when that was written.
    capacity: Capacity,
}

// === impl NodeKeeper ===

impl<P: Pulse> NodeKeeper<P> {
    /// Pings and writes the status until told to stop. The Node object stays: its pods keep running.
    pub(crate) async fn run(self, registered: Node, shutdown: CancellationToken) {
        let mut kept = Kept {
            health: Health::default(),
            published: registered,
            read_at: None,
            written_at: None,
            capacity: Capacity::default(),
        };
        let beat = self.config.heartbeat;
        loop {
            match shutdown.run_until_cancelled(self.round(&mut kept)).await {
                None => return,
                Some(Ok(())) => self.metrics.node_ready(true),
                Some(Err(error)) => {
                    kept.read_at = None;
                    tracing::warn!(
                        error = chain(&error),
                        "could not keep the Node object up to date"
                    );
                }
            }
            let is_known_to_answer = *kept.health.verdict() == Verdict::Reachable;
            let rest = if is_known_to_answer { beat.ping } else { beat.ping_trouble };
            let rest = tokio::time::sleep(rest.max(Duration::from_millis(1)));
            if shutdown.run_until_cancelled(rest).await.is_none() {
                return;
            }
        }
    }

    /// Asks the provider; looks at the object if that changed anything, or if it is time to.
    async fn round(&self, kept: &mut Kept) -> Result<(), CallError> {
        let before = kept.health.verdict().clone();
        let outcome = self.ping().await;
        let changed = kept.health.observe(outcome);
        if changed {
            self.tell(&before, kept.health.verdict());
            kept.read_at = None;
        }
        if *self.capacity.borrow() != kept.capacity {
            kept.read_at = None;
        }
        let reads = self.config.heartbeat.ping;
        if kept.read_at.is_some_and(|at| at.elapsed() < reads) {
            return Ok(());
        }
        let asked_at = Instant::now();
        let node = self.object(kept).await?;
        let node = self.tainted(node, kept.health.verdict()).await?;
        kept.published = self.status(node, kept).await?;
        kept.read_at = Some(asked_at);
        Ok(())
    }

    /// The Node as it is now; registered again if it is gone, adopted if it is another.
    async fn object(&self, kept: &mut Kept) -> Result<Node, CallError> {
        let node = match call("reading the Node", self.nodes.get_opt(&self.config.name)).await? {
            Some(node) if node.metadata.uid == kept.published.metadata.uid => node,
            Some(other) => {
                tracing::warn!("the Node object was replaced; adopting the new one");
                self.adopt(other).await?
            }
            None => {
                tracing::warn!("the Node object was deleted; registering it again");
                kept.written_at = None;
                self.register().await?
            }
        };
        self.uid.send_if_modified(|uid| {
            let changed = *uid != node.metadata.uid;
            uid.clone_from(&node.metadata.uid);
            changed
        });
        Ok(node)
    }

    /// Puts the taint of an outage on or takes it off.
    async fn tainted(&self, node: Node, verdict: &Verdict) -> Result<Node, CallError> {
        let Some(patch) = spec::outage_patch(&self.config, verdict, &node) else { return Ok(node) };
        self.metrics.kube_write(KubeWrite::Node);
        let params = PatchParams::default();
        let patch = Patch::Strategic(patch);
        match call("tainting the Node", self.nodes.patch(&self.config.name, &params, &patch)).await
        {
            // As for adoption: a node's own identity may not change its taints (NodeRestriction). The condition tells.
            Err(error) if error.code() == Some(403) => {
                tracing::warn!(error = chain(&error), "the Node's taints could not be changed");
                Ok(node)
            }
            outcome => outcome,
        }
    }

    /// Writes the status if it is due, or if the published one says something else.
    async fn status(&self, node: Node, kept: &mut Kept) -> Result<Node, CallError> {
        let theirs = node
            .status
            .as_ref()
            .and_then(|status| status.conditions.as_deref())
            .unwrap_or_default();
        let now = crate::clock::now();
        let (signs, verdict) = (&self.config.outage, kept.health.verdict());
        let mut ours = conditions::conditions(theirs, signs, verdict, now);
        ours.extend(self.extra.all(theirs, now));
        let due = kept.written_at.is_none_or(|at| at.elapsed() >= self.config.heartbeat.status);
        let capacity = self.capacity.borrow().clone();
        let due = due || capacity != kept.capacity;
        if !due && !conditions::are_contradicted(theirs, &ours) {
            return Ok(node);
        }
        self.metrics.kube_write(KubeWrite::NodeStatus);
        let patch = Patch::Strategic(spec::status_patch(&self.config, &capacity, ours));
        let params = PatchParams::default();
        let patching = self.nodes.patch_status(&self.config.name, &params, &patch);
        let node = call("writing the Node's status", patching).await?;
        kept.written_at = Some(Instant::now());
        kept.capacity = capacity;
        Ok(node)
    }

    /// Tells logs, metrics and `kubectl describe node` what is believed now.
    fn tell(&self, before: &Verdict, verdict: &Verdict) {
        let subject = Subject::Node(self.config.name.clone());
        self.metrics.provider_reachable(*verdict == Verdict::Reachable);
        match verdict {
            Verdict::Unreachable { message } => {
                tracing::warn!(
                    message,
                    "the provider cannot be reached; no new pods are taken until it can"
                );
                let event = PodEvent::warning(conditions::UNAVAILABLE, message);
                self.events.tell(subject, event, QUIET);
            }
            Verdict::Reachable => {
                tracing::info!("the provider answers");
                if matches!(before, Verdict::Unreachable { .. }) {
                    let message = "The provider answers again; new pods are taken";
                    let event = PodEvent::normal(conditions::AVAILABLE, message);
                    self.events.tell(subject, event, QUIET);
                }
            }
            Verdict::NotYet => {}
        }
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
