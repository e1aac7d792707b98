//! [`virtual_node::Provider`] with Triton behind it.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use probe_engine::{Engine, NetworkProber, NetworkProberError};
use prometheus_client::registry::Registry;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use triton_cloudapi::client::Client;
use virtual_node::{
    Capacity, Held, PodKey, Pokes, Provider, ProviderError, ProviderErrorKind, Report, Stop,
    StopRequest,
};

use crate::adopt::gate::{FirstProvider, Gate};
use crate::capacity;
use crate::catalog::CatalogKeeper;
use crate::cluster::Cluster;
use crate::create_gate::CreateGate;
use crate::doubt::JournalDoubt;
use crate::firewall::Firewall;
use crate::give_ups::GiveUps;
use crate::hook_runner::HookRunner;
use crate::journal::{Journal, JournalError};
use crate::metrics::Metrics;
use crate::observer::{Health, Observer, is_stale};
use crate::opinions::Opinions;
use crate::probe_metrics::{Names, ProbeCollector};
use crate::settings::Settings;
use crate::shared::{Memories, Shared};
use crate::sweeper::Sweeper;
use crate::{clock, passes, pod as read};

/// How long [`Provider::list`] waits for a fresh list: longer than lists are apart.
const FRESH_LIST_WAIT: Duration = Duration::from_secs(110);

/// So many instances of unknown pods are few.
const STRANGERS_FEW: usize = 10;

/// Runs pods as Triton instances.
pub struct TritonProvider<C> {
    shared: Arc<Shared<C>>,
    capacity: watch::Receiver<Capacity>,
}

/// What a provider is made of.
pub struct Parts<C> {
    /// CloudAPI.
    pub client: Client,
    /// The cluster's configuration objects and the journal.
    pub cluster: Arc<C>,
    /// What the operator set.
    pub settings: Settings,
    /// The way to ask the node for another pass.
    pub pokes: Pokes,
    /// Counters, already registered.
    pub metrics: Metrics,
    /// What the process knows of the journal from earlier terms.
    pub doubt: JournalDoubt,
    /// [Nobody acted for the node before](virtual_node::Term::nobody_acted_before).
    pub is_first: bool,
}

/// Why a provider could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The journal of creates in flight could not be taken over.
    #[error("opening the journal of creates in flight")]
    Journal(#[from] JournalError),
    /// The prober could not be set up.
    #[error("setting up the prober")]
    Prober(#[from] NetworkProberError),
}

// === impl TritonProvider ===

impl<C: Cluster> TritonProvider<C> {
    /// Takes over the journal and begins to watch the cloud until `shutdown`. Instances are left alone by a shutdown.
    ///
    /// When somebody else writes the journal this provider can create nothing any more: it cancels `shutdown` itself, and
    /// whoever holds the Lease starts another one.
    ///
    /// # Errors
    /// When the journal cannot be read or written.
    pub async fn start(parts: Parts<C>, shutdown: CancellationToken) -> Result<Self, StartError> {
        Self::start_with(parts, NetworkProber::new()?, shutdown).await
    }

    /// The same with this prober. If it [runs commands](NetworkProber::with_commands), probes and hooks of pods may be
    /// commands: the target that it is given is the pod's UID.
    ///
    /// # Errors
    /// As [`TritonProvider::start`].
    pub async fn start_with(
        parts: Parts<C>,
        prober: NetworkProber,
        shutdown: CancellationToken,
    ) -> Result<Self, StartError> {
        let Parts { client, cluster, mut settings, pokes, metrics, doubt, is_first } = parts;
        settings.defaults.commands = prober.runs_commands();
        let _ = clock::process_start();
        let window = settings.limits.ambiguity_window;
        let company = settings.limits.creates_in_flight.max(1);
        let (before, holder) = (doubt.before(is_first), clock::identity());
        let opening = Journal::open(Arc::clone(&cluster), holder, window, company, before);
        let (journal, left) = opening.await?;
        doubt.end_with(journal.lost().clone(), shutdown.clone());
        if !left.uids.is_empty() || left.in_doubt {
            tracing::info!(
                creates = left.uids.len(),
                in_doubt = left.in_doubt,
                "an earlier process left creates unresolved; looking for their instances"
            );
        }
        let limits = settings.limits.clone();
        let first_provider = FirstProvider::default();
        let observer = Observer::start(
            client.clone(),
            &settings,
            first_provider.clone(),
            metrics.clone(),
            pokes.clone(),
            shutdown.clone(),
        );
        let firewall = Arc::new(Firewall::new(client.clone(), &settings.cluster, &settings.node));
        let sweeper = Sweeper::start(
            Arc::clone(&firewall),
            observer.clone(),
            limits.clone(),
            shutdown.clone(),
        );
        let capacity = capacity::follow(
            client.clone(),
            observer.clone(),
            settings.capacity.clone(),
            shutdown.clone(),
        );
        let (said, heard) = mpsc::unbounded_channel();
        let opinions = Opinions::listen(heard, pokes.clone(), shutdown.clone());
        let shared = Shared {
            catalog: CatalogKeeper::new(client.clone(), limits.clone()),
            creates: CreateGate::new(limits.creates_in_flight, pokes.clone()),
            edits: Semaphore::new(limits.edits_in_flight),
            probes: Engine::new(prober.clone(), said),
            probe_names: Names::default(),
            hooks: HookRunner::new(
                prober,
                opinions.clone(),
                pokes,
                shutdown,
                limits.post_start_patience,
            ),
            memories: Memories::with_left(left, Instant::now() + window),
            give_ups: GiveUps::default(),
            first_provider,
            client,
            cluster,
            observer,
            journal,
            opinions,
            firewall,
            sweeper,
            settings,
            metrics,
        };
        Ok(Self { shared: Arc::new(shared), capacity })
    }

    /// What the node can hold, as the limits of the account change.
    #[must_use]
    pub fn capacity(&self) -> watch::Receiver<Capacity> {
        self.capacity.clone()
    }

    /// The kubelet's metrics of its prober, as they are when they are read: `prober_probe_total`,
    /// `prober_probe_duration_seconds` and `process_start_time_seconds`, for the node's
    /// [`/metrics/probes`](virtual_node::Builder::probe_metrics). The series of a probe go with it.
    #[must_use]
    pub fn probe_metrics(&self) -> Registry {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(ProbeCollector(Arc::downgrade(&self.shared))));
        registry
    }
}

impl<C: Cluster> Provider for TritonProvider<C> {
    async fn sync(&self, pod: Arc<Pod>) -> Result<Report, ProviderError> {
        let Some(key) = PodKey::of(&pod) else {
            return Err(ProviderError::new(
                ProviderErrorKind::Invalid,
                "InvalidPod",
                "the pod lacks a namespace, name or uid",
            ));
        };
        let news = match self.shared.enter(&key, Some(&pod)).await? {
            Gate::Open(news) => news,
            Gate::Wait(events, again) => {
                return Ok(Report { status: None, events, again: Some(again) });
            }
        };
        let container = read::container_name(&pod).to_owned();
        let result = passes::sync::run(&self.shared, pod, key.clone()).await;
        self.shared.memories.rest(&key.uid);
        let mut report = self.with_probe_events(&key.uid, &container, result)?;
        report.events.extend(news);
        Ok(report)
    }

    async fn stop(&self, request: StopRequest) -> Result<Stop, ProviderError> {
        match self.shared.enter(&request.key, request.pod.as_deref()).await? {
            // Only tags tell whose an orphan is: those of a list are not enough.
            Gate::Open(_)
                if request.pod.is_none() && !self.shared.is_still_ours(&request.key).await? =>
            {
                let again = Some(self.shared.settings.limits.list_busy);
                Ok(Stop::Going(Report { again, ..Report::default() }))
            }
            Gate::Open(_) => passes::stop::run(&self.shared, &request).await,
            Gate::Wait(events, again) => {
                Ok(Stop::Going(Report { status: None, events, again: Some(again) }))
            }
        }
    }

    async fn list(&self) -> Result<Vec<Held>, ProviderError> {
        let (observer, memories) = (&self.shared.observer, &self.shared.memories);
        // A list that is made anyway will do, unless there is something that no pod was asked about: it may be an
        // orphan. If that is most of what there is, pods are still being asked.
        let strangers = observer.snapshot().is_some_and(|snapshot| {
            let strangers = snapshot.iter().filter(|one| !memories.knows(&one.mark.uid)).count();
            (1..=STRANGERS_FEW.max(snapshot.len() / 2)).contains(&strangers)
        });
        let now = Instant::now();
        let fresh = async {
            if strangers { observer.newer_than(now).await } else { observer.next_after(now).await }
        };
        let fresh = tokio::time::timeout(FRESH_LIST_WAIT, fresh).await;
        let Ok(Some(snapshot)) = fresh else {
            return Err(unreachable(&self.shared.observer.health()));
        };
        let mut held = Vec::with_capacity(snapshot.len());
        for instance in snapshot.iter() {
            held.push(Held {
                key: instance.pod_key(),
                since: instance.created,
                describe: format!("instance {} ({})", instance.name, instance.id),
            });
        }
        Ok(held)
    }

    async fn ping(&self) -> Result<(), ProviderError> {
        let health = self.shared.observer.health();
        let stale = is_stale(&health, Instant::now());
        if stale { Err(unreachable(&health)) } else { Ok(()) }
    }
}

impl<C> TritonProvider<C> {
    /// Adds what probes said since the last pass; an error keeps it for the next one.
    fn with_probe_events(
        &self,
        uid: &str,
        container: &str,
        result: Result<Report, ProviderError>,
    ) -> Result<Report, ProviderError> {
        let mut report = result?;
        report.events.extend(self.shared.opinions.take_events(uid, container));
        Ok(report)
    }
}

/// What the node's condition says while CloudAPI does not answer.
fn unreachable(health: &Health) -> ProviderError {
    let message = match health {
        Health::NotSeen => "CloudAPI has not answered yet".to_owned(),
        Health::Fine { .. } => "CloudAPI has not answered for a while".to_owned(),
        Health::Failed { message } => message.clone(),
    };
    ProviderError::new(ProviderErrorKind::Unavailable, "CloudApiUnavailable", message)
}
