//! A stage: a simulated datacenter, a cluster in memory and a node, one life of the process after the other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use prometheus_client::registry::Registry;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use triton_cloudapi::Client;
use triton_cloudapi::client::{BoxError, Config, Gate, KeySource};
use triton_cloudapi::firewall_rules::FirewallRule;
use triton_cloudapi::instances::{Instance, Presence};
use triton_cloudapi::{InstanceId, client::HttpRequest};
use triton_podspec::Defaults;
use triton_signature::PrivateKey;
use triton_sim::{Delays, InstanceRecord, InstanceState, Sim, SimBuilder};
use uuid::Uuid;
use virtual_node::fence::Until;
use virtual_node::{Capacity, Fence};

use super::node::Node;
use super::pods::{self, Hosted, Pods};
use super::wire::{Call, Wire};
use crate::testing::MemoryCluster;
use crate::{JournalDoubt, Limits, Metrics, Parts, Settings, TritonProvider};

pub(crate) const CLUSTER: &str = "3a4f1c6e-0d4b-4f57-9a39-5b2f1f5f8e11";
pub(crate) const NODE: &str = "vk-triton";

/// The example key of RFC 8410, section 10.3.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
    -----END PRIVATE KEY-----\n";

/// How often a condition that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Enough for anything that nothing hinders.
pub(crate) const SOON: Duration = Duration::from_secs(30);
/// Enough for a whole ambiguity window, and what follows it.
pub(crate) const LONG: Duration = Duration::from_secs(400);

/// Everything a scenario needs.
pub(crate) struct Stage {
    pub(crate) sim: Sim,
    pub(crate) wire: Wire,
    pub(crate) cluster: Arc<MemoryCluster>,
    pub(crate) pods: Arc<Pods>,
    /// Somebody else with the account's key, whom nothing is done to on the way.
    pub(crate) admin: Client,
    limits: Limits,
    /// Whether processes that start from now on adopt instances of the first provider.
    pub(crate) adopts: bool,
    numbers: AtomicU32,
    has_started: bool,
    process: Option<Process>,
}

/// One life of vk-triton.
struct Process {
    provider: Arc<TritonProvider<MemoryCluster>>,
    shutdown: CancellationToken,
    fence: Fence,
    node: JoinHandle<()>,
}

/// The fence of a term that lasts this long.
fn term_of(time: Duration) -> Fence {
    let fence = Fence::closed();
    // Time does not go by on the wall clock while it is paused.
    let wall = Timestamp::MAX;
    fence.open_until(Until { monotonic: Instant::now() + time, wall });
    fence
}

/// A simulated datacenter that answers at once and takes a little time for its work.
fn datacenter() -> Sim {
    builder().build().unwrap()
}

/// The same, with what a state file says.
pub(crate) fn datacenter_of(state: &Value) -> Sim {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), state.to_string()).unwrap();
    builder().state_file(file.path()).build().unwrap()
}

pub(crate) fn builder() -> SimBuilder {
    let key = PrivateKey::from_text(KEY, None).unwrap().public_key().to_openssh();
    let millis = Duration::from_millis;
    let delays = Delays {
        create: millis(200),
        provision: millis(2000),
        start: millis(1000),
        stop: millis(1000),
        reboot: millis(1000),
        delete: millis(1000),
        job: millis(300),
        ..Delays::none()
    };
    Sim::builder().account("acme").key(key).delays(delays).throttle(None).listen(false)
}

pub(crate) fn client<S, B>(sim: &Sim, service: S, fence: &Fence) -> Client
where
    S: tower::Service<HttpRequest, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: axum::body::HttpBody<Data = axum::body::Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let key = PrivateKey::from_text(KEY, None).unwrap();
    let config =
        Config::new("http://simulator".parse().unwrap(), "acme", KeySource::Text(KEY.into(), None));
    let clock = sim.clone();
    // Dated to the minute, so that a request that is made again costs no signature: they are slow in a debug build.
    let minute = move || {
        let second = clock.now().as_second();
        Timestamp::from_second(second - second % 60).unwrap().into()
    };
    let fence = fence.clone();
    let gate: Gate = Arc::new(move || fence.check().map_err(BoxError::from));
    let builder = Client::builder(config, key).with_clock(Arc::new(minute)).with_gate(gate);
    builder.build_with_service(service).unwrap()
}

// === impl Stage ===

impl Stage {
    /// A stage on which the process runs and has seen the cloud.
    pub(crate) async fn set() -> Self {
        Self::set_with(Limits::default()).await
    }

    pub(crate) async fn set_with(limits: Limits) -> Self {
        let mut stage = Self::empty(datacenter(), limits);
        stage.start().await;
        stage
    }

    /// A stage in whose CloudAPI nobody can follow the changefeed.
    pub(crate) async fn set_refusing_feed(limits: Limits, status: u16, code: &'static str) -> Self {
        let mut stage = Self::empty(datacenter(), limits);
        stage.wire.answer(Call::Feed, u32::MAX, status, code);
        stage.start().await;
        stage
    }

    /// A stage on which no process runs yet.
    pub(crate) fn empty(sim: Sim, limits: Limits) -> Self {
        Self {
            wire: Wire::to(sim.router()),
            cluster: Arc::default(),
            pods: Arc::default(),
            admin: client(&sim, sim.router(), &Fence::open_for_ever()),
            sim,
            limits,
            adopts: false,
            numbers: AtomicU32::new(1),
            has_started: false,
            process: None,
        }
    }

    /// Starts a process on what the one before it left.
    pub(crate) async fn start(&mut self) {
        assert!(self.process.is_none(), "one process at a time");
        let is_first = !std::mem::replace(&mut self.has_started, true);
        let shutdown = CancellationToken::new();
        let (pokes, poked) = virtual_node::pokes();
        let fence = term_of(Duration::from_secs(1_000_000));
        let settings = Settings {
            cluster: CLUSTER.to_owned(),
            node: NODE.to_owned(),
            node_ips: vec!["10.0.0.7".parse().unwrap()],
            defaults: Defaults::default(),
            adopt_first_provider: self.adopts,
            capacity: Capacity {
                total: [("pods".to_owned(), "5000".to_owned())].into(),
                ..Capacity::default()
            },
            limits: self.limits.clone(),
        };
        let parts = Parts {
            client: client(&self.sim, self.wire.clone(), &fence),
            cluster: Arc::clone(&self.cluster),
            settings,
            pokes,
            metrics: Metrics::register(&mut Registry::default()),
            doubt: JournalDoubt::default(),
            is_first,
        };
        let provider = Arc::new(TritonProvider::start(parts, shutdown.clone()).await.unwrap());
        let node = Node {
            pods: Arc::clone(&self.pods),
            provider: Arc::clone(&provider),
            sim: self.sim.clone(),
        };
        let node = tokio::spawn(node.run(poked));
        self.process = Some(Process { provider, shutdown, fence, node });
    }

    /// Kills the process: everything in it stops where it is. What it has sent stays on its way.
    pub(crate) async fn kill(&mut self) {
        let Process { provider, shutdown, fence: _, node } = self.process.take().unwrap();
        node.abort();
        shutdown.cancel();
        drop(provider);
        assert!(node.await.unwrap_err().is_cancelled(), "the node ended by itself");
    }

    /// Starts another process while the old one still lives, and returns what is left of the old one.
    pub(crate) async fn usurp(&mut self) -> Arc<TritonProvider<MemoryCluster>> {
        let Process { provider, shutdown: _, fence: _, node } = self.process.take().unwrap();
        node.abort();
        self.start().await;
        provider
    }

    pub(crate) fn provider(&self) -> &TritonProvider<MemoryCluster> {
        &self.process.as_ref().unwrap().provider
    }

    /// The fence of the process's term.
    pub(crate) fn fence(&self) -> &Fence {
        &self.process.as_ref().unwrap().fence
    }

    /// Makes a pod object that nothing is wrong with, with `patch` merged over it.
    pub(crate) fn draft(&self, name: &str, patch: Value) -> Pod {
        pods::pod(self.numbers.fetch_add(1, Ordering::Relaxed), name, patch)
    }

    /// Binds a new pod to the node and returns its UID.
    pub(crate) fn add(&self, name: &str, patch: Value) -> String {
        self.pods.add(self.draft(name, patch))
    }

    /// Binds a new pod and waits until it runs.
    pub(crate) async fn run(&self, name: &str, patch: Value) -> String {
        let uid = self.add(name, patch);
        self.until("the pod runs", SOON, |stage| stage.is_running(&uid)).await;
        uid
    }

    /// Orders a pod's removal.
    pub(crate) fn remove(&self, uid: &str, grace_seconds: u64) {
        self.pods.order_removal(uid, Duration::from_secs(grace_seconds), self.sim.now());
    }

    pub(crate) fn pod(&self, uid: &str) -> Hosted {
        self.pods.get(uid)
    }

    pub(crate) fn is_running(&self, uid: &str) -> bool {
        let hosted = self.pod(uid);
        hosted.phase() == "Running" && hosted.is_ready()
    }

    pub(crate) fn is_removed(&self, uid: &str) -> bool {
        self.pod(uid).removed
    }

    /// All instances that were ever made for a pod.
    pub(crate) fn made_for(&self, uid: &str) -> Vec<InstanceRecord> {
        let is_its =
            |instance: &InstanceRecord| instance.tags.get("k8s_uid").is_some_and(|tag| tag == uid);
        self.sim.instances().into_iter().filter(is_its).collect()
    }

    /// The instances of a pod that are neither deleted nor failed.
    pub(crate) fn alive(&self, uid: &str) -> Vec<InstanceRecord> {
        self.made_for(uid).into_iter().filter(is_alive).collect()
    }

    /// The same, of those that carry the tag of our cluster.
    pub(crate) fn alive_of_cluster(&self, uid: &str) -> Vec<InstanceRecord> {
        let is_ours = |instance: &InstanceRecord| {
            instance.tags.get("k8s_cluster").is_some_and(|tag| tag == CLUSTER)
        };
        self.alive(uid).into_iter().filter(is_ours).collect()
    }

    /// The one instance of a pod.
    #[track_caller]
    pub(crate) fn instance(&self, uid: &str) -> InstanceRecord {
        let mut alive = self.alive(uid);
        assert_eq!(alive.len(), 1, "living instances of {uid}: {alive:#?}");
        alive.remove(0)
    }

    /// An instance as CloudAPI shows it.
    pub(crate) async fn read(&self, id: Uuid) -> Instance {
        match self.admin.find_instance(InstanceId(id)).await.unwrap() {
            Presence::Present(instance) => *instance,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn rules(&self) -> Vec<FirewallRule> {
        self.admin.list_firewall_rules().await.unwrap().items
    }

    /// How often an endpoint was asked.
    pub(crate) fn count(&self, endpoint: &str) -> u64 {
        self.sim.counts().get(endpoint).copied().unwrap_or_default()
    }

    /// How many requests were made that change something.
    pub(crate) fn changes(&self) -> usize {
        self.sim.journal().iter().filter(|record| record.method != "GET").count()
    }

    /// Waits for a condition; fails when it takes longer than `limit`, or when anything went wrong meanwhile.
    pub(crate) async fn until(&self, what: &str, limit: Duration, holds: impl Fn(&Self) -> bool) {
        let end = Instant::now() + limit;
        while !holds(self) {
            assert!(Instant::now() < end, "not within {limit:?}: {what}\n{}", self.describe());
            tokio::time::sleep(LOOK).await;
        }
        self.check();
    }

    /// Lets time go by; fails when anything went wrong meanwhile.
    pub(crate) async fn wait(&self, time: Duration) {
        tokio::time::sleep(time).await;
        self.check();
    }

    /// What must be true at any time, judged by what the simulator and the API server know.
    pub(crate) fn check(&self) {
        assert_eq!(self.pods.broken(), Vec::<String>::new(), "{}", self.describe());
        for record in self.sim.journal().iter().filter(|record| record.endpoint == "DeleteMachine")
        {
            let id: Uuid = record.path.rsplit('/').next().unwrap().parse().unwrap();
            let instance = self.sim.instance(id).unwrap();
            let is =
                |tag: &str, value: &str| instance.tags.get(tag).is_some_and(|found| found == value);
            assert!(
                is("k8s_cluster", CLUSTER) && is("k8s_nodename", NODE),
                "deleted what is not ours: {instance:#?}"
            );
            let uids: BTreeSet<_> = self
                .pods
                .all()
                .into_iter()
                .filter_map(|hosted| hosted.pod.metadata.uid.clone())
                .collect();
            let owner = instance.tags["k8s_uid"].as_str().unwrap();
            assert!(uids.contains(owner), "deleted an instance of nobody's pod: {instance:#?}");
        }
    }

    /// All there is, for a message.
    fn describe(&self) -> String {
        let pods = self.pods.all().into_iter().map(|hosted| {
            let events: Vec<_> = hosted
                .events
                .iter()
                .map(|event| format!("    {}: {}", event.reason, event.message))
                .collect();
            format!(
                "  {:?} removed={} phase={} reason={} {:?}\n{}",
                hosted.pod.metadata.name,
                hosted.removed,
                hosted.phase(),
                hosted.reason(),
                hosted.container(),
                events.join("\n")
            )
        });
        let instances = self.sim.instances().into_iter().map(|instance| {
            format!(
                "  {} {} {:?} {:?}",
                instance.id, instance.name, instance.state, instance.transitions
            )
        });
        let pods: Vec<_> = pods.collect();
        let instances: Vec<_> = instances.collect();
        format!("pods:\n{}\ninstances:\n{}", pods.join("\n"), instances.join("\n"))
    }
}

pub(crate) fn is_alive(instance: &InstanceRecord) -> bool {
    !matches!(instance.state, InstanceState::Deleted | InstanceState::Failed)
}
