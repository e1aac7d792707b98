//! One life of the process: what the binary does between its start and its end, over a wire instead of sockets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube_client::Api;
use prometheus_client::registry::Registry;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::Layer as _;
use triton_cloudapi::client::{Client as CloudClient, Config, KeySource, RateLimit, Throttle};
use triton_provider::{
    Defaults, JournalDoubt, KubeCluster, Limits, Metrics, Parts, Settings, TritonProvider,
};
use triton_signature::PrivateKey;
use virtual_node::fence::FenceLayer;
use virtual_node::leader::decide::Life as HolderLife;
use virtual_node::{Election, Fence, Identity, Leader, NodeConfig, Term, VirtualNode};

use crate::history::Side;
use crate::luck::Luck;
use crate::wire::{Line, Wire};

/// The node's name.
pub(crate) const NODE: &str = "vk-triton";
/// The annotation of the Node that lets orphans go which are held back.
pub(crate) const ORPHAN_RELEASE: &str = "tritondatacenter.com/allow-orphan-deletion";

/// The example key of RFC 8410, section 10.3.
pub(crate) const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
    -----END PRIVATE KEY-----\n";

/// Where the journal is.
pub(crate) const NAMESPACE: &str = "kube-system";

/// A running process.
pub(crate) struct Life {
    pub(crate) line: Line,
    shutdown: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
    /// What a scraper of its metrics would read.
    metrics: Arc<Mutex<Registry>>,
}

// === impl Life ===

impl Life {
    /// Starts a process.
    pub(crate) fn begin(wire: Wire, luck: &Luck) -> Self {
        let line = wire.life.clone();
        let shutdown = CancellationToken::new();
        let metrics = Arc::new(Mutex::new(Registry::with_prefix("vk_triton")));
        let task = tokio::spawn(serve(wire, luck.clone(), Arc::clone(&metrics), shutdown.clone()));
        Self { line, shutdown, task, metrics }
    }

    /// Kills it where it is. What it has sent stays on its way.
    pub(crate) fn kill(self) {
        self.line.kill();
        self.task.abort();
        self.shutdown.cancel();
    }

    /// Asks it to stop, as SIGTERM does, and waits for it.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        let _ = tokio::time::timeout(Duration::from_secs(30), self.task).await;
        self.line.kill();
    }

    /// Whether it has ended, by itself or because its wire was cut.
    pub(crate) fn is_over(&self) -> bool {
        self.task.is_finished() || self.line.is_dead()
    }

    /// Its metrics as text.
    pub(crate) fn metrics(&self) -> String {
        let mut text = String::new();
        let registry = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to a string cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
        text
    }
}

/// What the binary does once it knows where everything is.
async fn serve(
    wire: Wire,
    luck: Luck,
    metrics: Arc<Mutex<Registry>>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    // What the process began ends with it, however it ends.
    let _guard = shutdown.clone().drop_guard();
    let (provider_metrics, node_metrics) = {
        let mut registry = metrics.lock().unwrap_or_else(PoisonError::into_inner);
        (Metrics::register(&mut registry), virtual_node::Metrics::register(&mut registry))
    };
    let kube = kube_client::Client::new(wire.cable(Side::Kube), "default");
    let namespaces: Api<Namespace> = Api::all(kube.clone());
    let identity = namespaces.get("kube-system").await.context("reading kube-system")?;
    let cluster = identity.metadata.uid.context("kube-system has no UID")?;
    let me = Identity::named(format!("process-{}", wire.life.id));
    let election = Election::new(kube, NAMESPACE, &format!("vk-triton-{NODE}"), me)
        .with_death_check(Arc::new(|_| HolderLife::Possible))
        .with_metrics(node_metrics.clone());
    let doubt = JournalDoubt::default();
    let throttle = Throttle::new(RateLimit::default());
    let process = Process { wire, luck, cluster, provider_metrics, node_metrics, doubt, throttle };
    Ok(election.lead(&process, &shutdown).await?)
}

/// What stays the same from term to term.
struct Process {
    wire: Wire,
    luck: Luck,
    cluster: String,
    provider_metrics: Metrics,
    node_metrics: virtual_node::Metrics,
    doubt: JournalDoubt,
    throttle: Arc<Throttle>,
}

// === impl Process ===

impl Leader for Process {
    type Error = anyhow::Error;

    async fn lead(&self, term: &Term, token: &CancellationToken) -> anyhow::Result<()> {
        let fence = term.fence();
        let fenced = || {
            let service = FenceLayer::new(fence).layer(self.wire.cable(Side::Kube));
            kube_client::Client::new(service, "default")
        };
        let (client, heartbeat) = (fenced(), fenced());
        let is_first = term.nobody_acted_before(&client, NODE).await;
        let (pokes, poked) = virtual_node::pokes();
        let parts = Parts {
            client: self.cloud_client(fence)?,
            cluster: Arc::new(KubeCluster::new(client.clone(), NAMESPACE, NODE)),
            settings: Settings {
                cluster: self.cluster.clone(),
                node: NODE.to_owned(),
                node_ips: vec![[10, 0, 0, 7].into()],
                defaults: Defaults::default(),
                adopt_first_provider: false,
                capacity: node_config().capacity(),
                // A feed needs a connection, and there is none in a run.
                limits: Limits { changefeed: false, ..Limits::default() },
            },
            pokes,
            metrics: self.provider_metrics.clone(),
            doubt: self.doubt.clone(),
            is_first,
        };
        let starting = TritonProvider::start(parts, token.clone());
        let Some(provider) = token.run_until_cancelled(starting).await else { return Ok(()) };
        let provider = provider?;
        let capacity = provider.capacity();
        let node = VirtualNode::builder(client, Arc::new(provider), poked)
            .capacity(capacity)
            .heartbeat_client(heartbeat)
            .config(node_config())
            .metrics(self.node_metrics.clone())
            .build();
        node.run(token.clone()).await?;
        Ok(())
    }

    fn gives_up(&self, _error: &anyhow::Error, has_led: bool) -> bool {
        !has_led
    }
}

impl Process {
    fn cloud_client(&self, fence: &Fence) -> anyhow::Result<CloudClient> {
        let key = PrivateKey::from_text(KEY, None)?;
        let source = KeySource::Text(KEY.into(), None);
        let config = Config::new("http://simulator".parse()?, crate::cloud::ACCOUNT, source);
        let (sim, skew) = (self.wire.sim.clone(), self.luck.skew());
        // Dated to four minutes (CloudAPI takes five): signatures cost time.
        let dated = move || {
            let second = (sim.now() + skew.get()).as_second();
            Timestamp::from_second(second - second % 240).unwrap_or(Timestamp::UNIX_EPOCH).into()
        };
        let (chance, fence) = (self.luck.clone(), fence.clone());
        let gate = Arc::new(move || fence.check().map_err(Into::into));
        let client = CloudClient::builder(config, key)
            .with_clock(Arc::new(dated))
            .with_gate(gate)
            .with_throttle(Arc::clone(&self.throttle))
            .with_chance(Arc::new(move || chance.chance()))
            .build_with_service(self.wire.cable(Side::Cloud))?;
        Ok(client)
    }
}

fn node_config() -> NodeConfig {
    let mut node = NodeConfig::new(NODE, "triton");
    let capacity = [("cpu", "256"), ("memory", "1Ti"), ("pods", "500")];
    node.capacity =
        BTreeMap::from(capacity.map(|(name, value)| (name.to_owned(), value.to_owned())));
    node.internal_ips = vec![[10, 0, 0, 7].into()];
    node.system.kubelet_version = "v1.37.0-vk-triton-0.1.0".to_owned();
    node.event_component = "vk-triton".to_owned();
    node.orphans.min_age = Duration::from_secs(180);
    node.orphan_release = Some(ORPHAN_RELEASE.to_owned());
    node
}
