//! The whole node, put together.

use std::sync::{Arc, RwLock};

use kube_client::{Api, Client};
use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::abilities::{Abilities, WEBSOCKETS};
use crate::api::CallError;
use crate::config::{Capacity, NodeConfig};
use crate::events::{Recorder, recorder};
use crate::http::{HttpError, KubeletServer};
use crate::metrics::Metrics;
use crate::node::NodeKeeper;
use crate::node::extra::ExtraConditions;
use crate::node::lease::Renewal;
use crate::orphans::Search;
use crate::pods::store::Store;
use crate::pods::{Dispatcher, Passes};
use crate::pokes::Poked;
use crate::provider::{Provider, Pulse};
use crate::status::Publisher;

/// Orphans that may wait for the queue to take them.
const ORPHANS_WAITING: usize = 64;

/// A node that is ready to run.
pub struct VirtualNode<P> {
    client: Client,
    heartbeat_client: Client,
    provider: Arc<P>,
    poked: Poked,
    config: Arc<NodeConfig>,
    capacity: watch::Receiver<Capacity>,
    metrics: Arc<Metrics>,
    http: Option<crate::http::HttpConfig>,
    abilities: Abilities,
    probe_metrics: Option<Arc<Registry>>,
}

/// Puts a node together.
pub struct Builder<P> {
    client: Client,
    heartbeat_client: Option<Client>,
    provider: Arc<P>,
    poked: Poked,
    config: Option<NodeConfig>,
    capacity: Option<watch::Receiver<Capacity>>,
    metrics: Metrics,
    http: Option<crate::http::HttpConfig>,
    abilities: Abilities,
    probe_metrics: Option<Arc<Registry>>,
}

/// The tasks of a node.
struct Running {
    parts: JoinSet<&'static str>,
    shutdown: CancellationToken,
    _guard: DropGuard,
}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The API server will not accept the Node object as it is configured.
    #[error("registering the node `{name}`")]
    Register {
        /// The node.
        name: String,
        /// What the API server said.
        #[source]
        source: CallError,
    },
    /// The kubelet's HTTPS API could not be served.
    #[error("serving the kubelet's HTTPS API")]
    Http(#[source] HttpError),
    /// A part of the node ended by itself: a bug.
    #[error("the node's {part} ended unexpectedly")]
    Ended {
        /// Which.
        part: &'static str,
    },
}

// === impl VirtualNode ===

impl<P: Pulse> VirtualNode<P> {
    /// Starts from what a node cannot do without. `poked` is the receiving half of the pokes that the provider holds.
    #[must_use]
    pub fn builder(client: Client, provider: Arc<P>, poked: Poked) -> Builder<P> {
        Builder {
            client,
            heartbeat_client: None,
            provider,
            poked,
            config: None,
            capacity: None,
            metrics: Metrics::default(),
            http: None,
            abilities: Abilities::default(),
            probe_metrics: None,
        }
    }

    /// Registers the Node and keeps it and its Lease until `shutdown` is cancelled, and leaves its pods to somebody else.
    /// Nothing but a [`Pulse`] is needed for that.
    ///
    /// # Errors
    /// As [`VirtualNode::run`].
    pub async fn run_node_only(self, shutdown: CancellationToken) -> Result<(), StartError> {
        let mut running = Running::new(&shutdown);
        let events = running.events(&self.client, &self.config, &self.metrics);
        let conditions = ExtraConditions::default();
        if self.start_node(&mut running, events, conditions).await? {
            running.until_ended().await?;
        }
        Ok(())
    }

    /// Registers, then starts what keeps the Node; false when it was told to stop before that.
    async fn start_node(
        &self,
        running: &mut Running,
        events: Recorder,
        conditions: ExtraConditions,
    ) -> Result<bool, StartError> {
        let (client, config) = (self.heartbeat_client.clone(), Arc::clone(&self.config));
        let keeper = NodeKeeper {
            nodes: Api::all(client.clone()),
            config: Arc::clone(&config),
            capacity: self.capacity.clone(),
            provider: Arc::clone(&self.provider),
            events,
            metrics: Arc::clone(&self.metrics),
            uid: watch::Sender::new(None),
            extra: conditions,
        };
        let registered = keeper.register_patiently(&running.shutdown).await;
        let registered = registered
            .map_err(|source| StartError::Register { name: config.name.clone(), source })?;
        let Some(registered) = registered else { return Ok(false) };
        let renewal =
            Renewal::new(client, &config.name, config.heartbeat, Arc::clone(&self.metrics));
        let renewing = renewal.run(keeper.uid.subscribe(), running.shutdown.clone());
        running.spawn("lease", renewing);
        running.spawn("heartbeat", keeper.run(registered, running.shutdown.clone()));
        Ok(true)
    }
}

impl<P: Provider> VirtualNode<P> {
    /// Registers and runs until `shutdown` is cancelled. The Node object stays then, and so do the pods.
    ///
    /// # Errors
    /// When the node cannot start, or when a part of it ends by a bug.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), StartError> {
        let mut running = Running::new(&shutdown);
        let store = Arc::new(RwLock::new(Store::default()));
        // Served first: a Node that names a port should answer on it.
        self.start_server(&mut running, &store).await?;
        let events = running.events(&self.client, &self.config, &self.metrics);
        let conditions = ExtraConditions::default();
        if self.start_node(&mut running, events.clone(), conditions.clone()).await? {
            self.start_pods(&mut running, store, events, conditions);
            running.until_ended().await?;
        }
        Ok(())
    }

    /// Runs the pods of a Node that somebody else keeps, and serves the kubelet's API if that was asked for, until
    /// `shutdown` is cancelled.
    ///
    /// # Errors
    /// As [`VirtualNode::run`].
    pub async fn run_pods_only(self, shutdown: CancellationToken) -> Result<(), StartError> {
        let mut running = Running::new(&shutdown);
        let store = Arc::new(RwLock::new(Store::default()));
        self.start_server(&mut running, &store).await?;
        let events = running.events(&self.client, &self.config, &self.metrics);
        self.start_pods(&mut running, store, events, ExtraConditions::default());
        running.until_ended().await
    }

    async fn start_server(
        &self,
        running: &mut Running,
        store: &Arc<RwLock<Store>>,
    ) -> Result<(), StartError> {
        let Some(http) = self.http.clone() else { return Ok(()) };
        let (client, store) = (self.client.clone(), Arc::clone(store));
        let (abilities, probes) = (self.abilities.clone(), self.probe_metrics.clone());
        let server =
            KubeletServer::bind(http, client, &self.config, store, abilities, probes).await;
        let serving = server.map_err(StartError::Http)?.serve(running.shutdown.clone());
        running.spawn("HTTPS server", serving);
        Ok(())
    }

    fn start_pods(
        self,
        running: &mut Running,
        store: Arc<RwLock<Store>>,
        events: Recorder,
        conditions: ExtraConditions,
    ) {
        let Self { client, provider, poked, config, metrics, .. } = self;
        let (found, orphans) = mpsc::channel(ORPHANS_WAITING);
        let search = Search {
            client: client.clone(),
            config: Arc::clone(&config),
            provider: Arc::clone(&provider),
            store: Arc::clone(&store),
            found,
            events: events.clone(),
            metrics: Arc::clone(&metrics),
            conditions,
        };
        running.spawn("orphan search", search.run(running.shutdown.clone()));

        let publisher = Publisher::new(client.clone(), Arc::clone(&config), Arc::clone(&metrics));
        let passes = Passes {
            provider,
            publisher,
            events,
            config: Arc::clone(&config),
            metrics: Arc::clone(&metrics),
        };
        let dispatcher = Dispatcher::new(store, Arc::new(passes), config.workers, metrics);
        let token = running.shutdown.clone();
        running.spawn("pod loop", async move {
            dispatcher.run(client, &config.name, poked, orphans, token).await;
        });
    }
}

// === impl Running ===

impl Running {
    fn new(shutdown: &CancellationToken) -> Self {
        // Whatever drops this value also ends the tasks.
        let shutdown = shutdown.child_token();
        Self { parts: JoinSet::new(), _guard: shutdown.clone().drop_guard(), shutdown }
    }

    fn spawn(&mut self, part: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.parts.spawn(async move {
            task.await;
            part
        });
    }

    fn events(&mut self, client: &Client, config: &NodeConfig, metrics: &Arc<Metrics>) -> Recorder {
        let (events, writer) =
            recorder(client.clone(), &config.event_component, &config.name, Arc::clone(metrics));
        self.spawn("event writer", writer.run(self.shutdown.clone()));
        events
    }

    /// Waits until all parts have ended because they were told to.
    async fn until_ended(&mut self) -> Result<(), StartError> {
        while let Some(part) = self.parts.join_next().await {
            if !self.shutdown.is_cancelled() {
                return Err(StartError::Ended { part: part.unwrap_or("task") });
            }
        }
        Ok(())
    }
}

// === impl Builder ===

impl<P: Pulse> Builder<P> {
    /// What the node says about itself; without it a node called `virtual-kubelet`.
    #[must_use]
    pub fn config(mut self, config: NodeConfig) -> Self {
        self.config = Some(config);
        self
    }

    /// What the node can hold, as it changes: the Node object follows within a ping's interval. Without it, what the
    /// configuration says, for ever.
    #[must_use]
    pub fn capacity(mut self, capacity: watch::Receiver<Capacity>) -> Self {
        self.capacity = Some(capacity);
        self
    }

    /// A client of their own for the heartbeats, so that no queue of requests about pods can delay them. Without it
    /// they share the other one's connections.
    #[must_use]
    pub fn heartbeat_client(mut self, client: Client) -> Self {
        self.heartbeat_client = Some(client);
        self
    }

    /// Metrics that someone reads.
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// Serves the kubelet's HTTPS API.
    #[must_use]
    pub fn http(mut self, http: crate::http::HttpConfig) -> Self {
        self.http = Some(http);
        self
    }

    /// What the provider can do beside running pods, for those who ask at the kubelet's HTTPS API.
    #[must_use]
    pub fn abilities(mut self, abilities: Abilities) -> Self {
        self.abilities = abilities;
        self
    }

    /// What `/metrics/probes` of the kubelet's API shows: the kubelet's `prober_probe_total` and
    /// `prober_probe_duration_seconds`, if the provider runs probes. Default: nothing, and 501.
    #[must_use]
    pub fn probe_metrics(mut self, registry: Registry) -> Self {
        self.probe_metrics = Some(Arc::new(registry));
        self
    }

    /// The node, ready to run.
    #[must_use]
    pub fn build(self) -> VirtualNode<P> {
        let mut config =
            self.config.unwrap_or_else(|| NodeConfig::new("virtual-kubelet", "virtual-node"));
        let websockets = self.http.is_some() && self.abilities.exec.is_some();
        if websockets && !config.declared_features.iter().any(|feature| feature == WEBSOCKETS) {
            config.declared_features.push(WEBSOCKETS.to_owned());
            config.declared_features.sort();
        }
        // A sender that is gone leaves its last value.
        let capacity =
            self.capacity.unwrap_or_else(|| watch::Sender::new(config.capacity()).subscribe());
        VirtualNode {
            capacity,
            heartbeat_client: self.heartbeat_client.unwrap_or_else(|| self.client.clone()),
            client: self.client,
            provider: self.provider,
            poked: self.poked,
            config: Arc::new(config),
            metrics: Arc::new(self.metrics),
            http: self.http,
            abilities: self.abilities,
            probe_metrics: self.probe_metrics,
        }
    }
}

#[cfg(test)]
mod tests;
