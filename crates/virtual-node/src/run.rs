//! The whole node, put together.

use std::sync::{Arc, RwLock};

use kube_client::Client;
use prometheus_client::registry::Registry;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::CallError;
use crate::config::NodeConfig;
use crate::events::recorder;
use crate::http::{HttpError, KubeletServer};
use crate::metrics::Metrics;
use crate::node::NodeKeeper;
use crate::node::lease::Renewal;
use crate::orphans::Search;
use crate::pods::store::Store;
use crate::pods::{Dispatcher, Passes};
use crate::pokes::Poked;
use crate::provider::Provider;
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
    metrics: Arc<Metrics>,
    http: Option<crate::http::HttpConfig>,
    probe_metrics: Option<Arc<Registry>>,
}

/// Puts a node together.
pub struct Builder<P> {
    client: Client,
    heartbeat_client: Option<Client>,
    provider: Arc<P>,
    poked: Poked,
    config: Option<NodeConfig>,
    metrics: Metrics,
    http: Option<crate::http::HttpConfig>,
    probe_metrics: Option<Arc<Registry>>,
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

impl<P: Provider> VirtualNode<P> {
    /// Starts from what a node cannot do without. `poked` is the receiving half of the pokes that the provider holds.
    #[must_use]
    pub fn builder(client: Client, provider: Arc<P>, poked: Poked) -> Builder<P> {
        Builder {
            client,
            heartbeat_client: None,
            provider,
            poked,
            config: None,
            metrics: Metrics::default(),
            http: None,
            probe_metrics: None,
        }
    }

    /// Registers and runs until `shutdown` is cancelled. The Node object stays then, and so do the pods.
    ///
    /// # Errors
    /// When the node cannot start, or when a part of it ends by a bug.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), StartError> {
        // Whatever ends this function also ends the tasks.
        let shutdown = shutdown.child_token();
        let _guard = shutdown.clone().drop_guard();
        let Self {
            client,
            heartbeat_client,
            provider,
            poked,
            config,
            metrics,
            http,
            probe_metrics,
        } = self;
        let store = Arc::new(RwLock::new(Store::default()));
        let mut parts: JoinSet<&'static str> = JoinSet::new();

        // Served first: a Node that names a port should answer on it.
        if let Some(http) = http {
            let store = Arc::clone(&store);
            let server =
                KubeletServer::bind(http, client.clone(), &config, store, probe_metrics).await;
            let server = server.map_err(StartError::Http)?;
            let shutdown = shutdown.clone();
            parts.spawn(async move {
                server.serve(shutdown).await;
                "HTTPS server"
            });
        }

        let (events, writer) =
            recorder(client.clone(), &config.event_component, &config.name, Arc::clone(&metrics));
        let keeper = NodeKeeper::new(
            heartbeat_client.clone(),
            Arc::clone(&config),
            Arc::clone(&provider),
            events.clone(),
            Arc::clone(&metrics),
        );
        let conditions = keeper.extra.clone();
        let registered = keeper.register_patiently(&shutdown).await;
        let registered = registered
            .map_err(|source| StartError::Register { name: config.name.clone(), source })?;
        let Some(registered) = registered else { return Ok(()) };

        let renewal =
            Renewal::new(heartbeat_client, &config.name, config.heartbeat, Arc::clone(&metrics));
        let renewing = renewal.run(keeper.uid.subscribe(), shutdown.clone());
        parts.spawn(async move {
            renewing.await;
            "lease"
        });
        let keeping = keeper.run(registered, shutdown.clone());
        parts.spawn(async move {
            keeping.await;
            "heartbeat"
        });

        let writing = writer.run(shutdown.clone());
        parts.spawn(async move {
            writing.await;
            "event writer"
        });

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
        let searching = search.run(shutdown.clone());
        parts.spawn(async move {
            searching.await;
            "orphan search"
        });

        let publisher = Publisher::new(client.clone(), Arc::clone(&config), Arc::clone(&metrics));
        let passes = Passes {
            provider,
            publisher,
            events,
            config: Arc::clone(&config),
            metrics: Arc::clone(&metrics),
        };
        let dispatcher = Dispatcher::new(store, Arc::new(passes), config.workers, metrics);
        let node = config.name.clone();
        let token = shutdown.clone();
        parts.spawn(async move {
            dispatcher.run(client, &node, poked, orphans, token).await;
            "pod loop"
        });

        while let Some(part) = parts.join_next().await {
            if !shutdown.is_cancelled() {
                return Err(StartError::Ended { part: part.unwrap_or("task") });
            }
        }
        Ok(())
    }
}

// === impl Builder ===

impl<P: Provider> Builder<P> {
    /// What the node says about itself; without it a node called `virtual-kubelet`.
    #[must_use]
    pub fn config(mut self, config: NodeConfig) -> Self {
        self.config = Some(config);
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
        let config =
            self.config.unwrap_or_else(|| NodeConfig::new("virtual-kubelet", "virtual-node"));
        VirtualNode {
            heartbeat_client: self.heartbeat_client.unwrap_or_else(|| self.client.clone()),
            client: self.client,
            provider: self.provider,
            poked: self.poked,
            config: Arc::new(config),
            metrics: Arc::new(self.metrics),
            http: self.http,
            probe_metrics: self.probe_metrics,
        }
    }
}
