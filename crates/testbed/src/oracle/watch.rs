//! The oracle's eyes: both APIs, watched directly.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube_client::api::ListParams;
use kube_client::{Api, Client};
use kube_runtime::watcher::{self, Event, watcher};
use tokio::task::JoinSet;

use super::facts::{InstanceFact, PodFact, RequestFact};
use super::judge::Oracle;
use super::rest::AtRest;
use crate::clock::now;
use crate::cloud::Cloud;
use crate::control::SimControl;

/// Between two looks at everything.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Longest a look may take; then what it has not seen stays unknown.
const LOOK_LIMIT: Duration = Duration::from_secs(20);

/// An oracle with its eyes open, until this value is dropped.
pub struct Watch {
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

struct Shared {
    oracle: Mutex<Oracle>,
    history: Mutex<File>,
    client: Client,
    control: SimControl,
    cloud: Cloud,
    cluster: String,
    node: String,
    /// Number of the last request that was seen.
    last_request: Mutex<u64>,
}

// === impl Watch ===

impl Watch {
    /// Begins to watch. What is seen is also written to `oracle.history` in `dir`, to be read when something is wrong.
    ///
    /// # Errors
    /// When that file cannot be written.
    pub fn start(
        dir: &Path,
        oracle: Oracle,
        (cluster, node): (&str, &str),
        (client, control, cloud): (Client, SimControl, Cloud),
    ) -> Result<Self> {
        let history =
            File::create(dir.join("oracle.history")).context("writing the oracle's history")?;
        let shared = Arc::new(Shared {
            oracle: Mutex::new(oracle),
            history: Mutex::new(history),
            client,
            control,
            cloud,
            cluster: cluster.to_owned(),
            node: node.to_owned(),
            last_request: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&shared).watch_pods());
        tasks.spawn(Arc::clone(&shared).watch_lease());
        tasks.spawn(Arc::clone(&shared).look_again_and_again());
        Ok(Self { shared, _tasks: tasks })
    }

    /// The oracle, to tell or to ask it something.
    pub fn oracle(&self) -> MutexGuard<'_, Oracle> {
        self.shared.oracle()
    }

    /// One line for the history.
    pub fn note(&self, line: &str) {
        self.shared.note(line);
    }

    /// Looks at everything now.
    ///
    /// # Errors
    /// When one of the two does not answer.
    pub async fn look(&self) -> Result<()> {
        self.shared.look().await
    }

    /// The simulator was started anew, and counts its requests from the beginning.
    pub fn simulator_started_anew(&self) {
        *lock(&self.shared.last_request) = 0;
    }

    /// Both worlds now, to be compared with how many pods are wanted of each app.
    ///
    /// # Errors
    /// When one of the two does not answer.
    pub async fn at_rest(&self, wanted: &BTreeMap<String, usize>) -> Result<AtRest> {
        let shared = &self.shared;
        Ok(AtRest {
            cluster: shared.cluster.clone(),
            node: shared.node.clone(),
            instances: shared.instances().await?,
            rules: shared.cloud.rules().await?,
            pods: shared.pods().await?,
            wanted: wanted.clone(),
            foreign: self.oracle().foreign().clone(),
        })
    }
}

// === impl Shared ===

impl Shared {
    fn oracle(&self) -> MutexGuard<'_, Oracle> {
        lock(&self.oracle)
    }

    fn note(&self, line: &str) {
        // A full disk does not change what is right.
        let _ = writeln!(lock(&self.history), "{:.3} {line}", now());
    }

    async fn watch_pods(self: Arc<Self>) {
        let api: Api<Pod> = Api::all(self.client.clone());
        let config = watcher::Config::default().fields(&format!("spec.nodeName={}", self.node));
        let mut events = std::pin::pin!(watcher(api, config));
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Apply(pod) | Event::InitApply(pod)) => {
                    let fact = PodFact::from(&pod);
                    self.note(&format!("pod {fact:?}"));
                    self.oracle().see_pod(now(), &fact);
                }
                Ok(Event::Delete(pod)) => {
                    let fact = PodFact::from(&pod);
                    self.note(&format!("gone {} {}", fact.name, fact.uid));
                    let mut oracle = self.oracle();
                    oracle.see_pod(now(), &fact);
                    oracle.see_pod_gone(now(), &fact.uid);
                }
                Ok(Event::Init | Event::InitDone) => {}
                // It watches again by itself, and the next look is a list.
                Err(error) => self.note(&format!("the watch ended: {error}")),
            }
        }
    }

    /// The election's Lease, if there is an election. A holder is written as `HOST/BOOT/NAMESPACE/PID/START`.
    async fn watch_lease(self: Arc<Self>) {
        let api: Api<Lease> = Api::namespaced(self.client.clone(), "kube-system");
        let name = format!("metadata.name=vk-triton-{}", self.node);
        let mut events = std::pin::pin!(watcher(api, watcher::Config::default().fields(&name)));
        while let Some(event) = events.next().await {
            let Ok(Event::Apply(lease) | Event::InitApply(lease)) = event else { continue };
            let Some(spec) = lease.spec else { continue };
            let holder = spec.holder_identity.unwrap_or_default();
            let pid = holder.split('/').nth(3).unwrap_or_default();
            // Whoever lets go leaves the time of its own term.
            let acquired = if pid.is_empty() { None } else { spec.acquire_time };
            let acquired = acquired.map_or_else(now, |time| time.0);
            self.oracle().terms().see_holder(acquired, pid);
        }
    }

    async fn look_again_and_again(self: Arc<Self>) {
        loop {
            if let Err(error) = self.look().await {
                self.note(&format!("could not look: {error:#}"));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn look(&self) -> Result<()> {
        tokio::time::timeout(LOOK_LIMIT, self.look_at_all()).await.context("looking at all")?
    }

    /// What is asked for first is known up to then at least; so both worlds are, when this has ended.
    async fn look_at_all(&self) -> Result<()> {
        let begun = now();
        // Requests before instances: what a request has made is there then.
        self.look_at_requests().await?;
        let instances = self.instances().await?;
        let pods = self.pods().await?;
        let renewed = self.last_heartbeat().await?;
        let mut oracle = self.oracle();
        oracle.see_instances(instances);
        oracle.see_pods(now(), &pods);
        oracle.see_heartbeat(renewed);
        oracle.settle(begun);
        Ok(())
    }

    async fn look_at_requests(&self) -> Result<()> {
        let last = *lock(&self.last_request);
        let requests = self.control.requests_since(last).await?;
        for request in &requests {
            if request.method != "GET" {
                self.note(&format!("request {request:?}"));
            }
            self.oracle().see_request(&RequestFact::from(request));
        }
        if let Some(request) = requests.last() {
            *lock(&self.last_request) = request.seq;
        }
        Ok(())
    }

    async fn instances(&self) -> Result<Vec<InstanceFact>> {
        Ok(self.control.instances().await?.iter().map(InstanceFact::from).collect())
    }

    async fn pods(&self) -> Result<Vec<PodFact>> {
        let api: Api<Pod> = Api::all(self.client.clone());
        let params = ListParams::default().fields(&format!("spec.nodeName={}", self.node));
        let pods = api.list(&params).await.context("listing the node's pods")?;
        Ok(pods.items.iter().map(PodFact::from).collect())
    }

    async fn last_heartbeat(&self) -> Result<Option<Timestamp>> {
        let api: Api<Lease> = Api::namespaced(self.client.clone(), "kube-node-lease");
        let lease = api.get_opt(&self.node).await.context("reading the node's Lease")?;
        Ok(lease.and_then(|lease| lease.spec?.renew_time).map(|time| time.0))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
