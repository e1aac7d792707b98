//! The simulator as a value: shared, and good for everything the control API does.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::builder::SimBuilder;
use crate::clock::{Clock, until};
use crate::delays::Delays;
use crate::faults::{Fault, FaultKind, FaultScope, FaultScript, Faults};
use crate::feed::Feed;
use crate::listen;
use crate::requests::{RequestQuery, RequestRecord, Requests};
use crate::throttle::Throttle;
use crate::world::{ChangeRecord, Instance, InstanceState, Transition, World};

/// A simulated CloudAPI. Cloning gives another hand on the same one.
///
/// ```
/// use http_body_util::BodyExt as _;
/// use tower::ServiceExt as _;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let sim = triton_sim::Sim::builder().account("jill").listen(false).build().expect("one account");
/// let request = http::Request::get("/--ping").body(axum::body::Body::empty()).expect("a request");
/// let response = sim.router().oneshot(request).await.expect("routers never fail");
/// let body = response.into_body().collect().await.expect("a body").to_bytes();
/// assert!(String::from_utf8_lossy(&body).contains("pong"));
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Sim {
    inner: Arc<Inner>,
}

/// An instance as the simulator knows it, whoever owns it and whatever became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InstanceRecord {
    /// Its UUID.
    pub id: Uuid,
    /// Login of the owner.
    pub account: String,
    /// Its name.
    pub name: String,
    /// Where it is in its life.
    pub state: InstanceState,
    /// Tags, typed.
    pub tags: Map<String, Value>,
    /// Package name.
    pub package: String,
    /// Image UUID.
    pub image: Uuid,
    /// Addresses, in the order of the networks that were asked for.
    pub ips: Vec<Ipv4Addr>,
    /// The address of the primary NIC.
    pub primary_ip: Option<Ipv4Addr>,
    /// The compute node, once allocated.
    pub compute_node: Option<Uuid>,
    /// Whether its firewall is on.
    pub firewall_enabled: bool,
    /// Every state it has been in.
    pub transitions: Vec<Transition>,
}

/// Everything that changes.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) faults: Faults,
    pub(crate) throttle: Throttle,
    pub(crate) cmon_throttle: Throttle,
    pub(crate) requests: Requests,
    pub(crate) feed: Feed,
    pub(crate) read_only: Option<ReadOnly>,
}

/// The datacenter is being upgraded: nothing can be changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadOnly {
    /// Shown as Retry-After.
    pub(crate) until: Option<Timestamp>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    state: Mutex<State>,
    clock: Clock,
    changed: Arc<Notify>,
    /// The number of the last change that was told.
    told: watch::Sender<u64>,
    closed: CancellationToken,
    /// Holds the block of addresses, and says how many ports may be open; there only when instances really listen.
    guard: Option<(TcpListener, usize)>,
    is_watched: AtomicBool,
    /// Where the state is saved.
    state_path: Option<PathBuf>,
    has_faults: AtomicBool,
    /// How often faults were set or cleared.
    fault_changes: watch::Sender<u64>,
}

// === impl Sim ===

impl Sim {
    /// Begins to set a simulator up.
    #[must_use]
    pub fn builder() -> SimBuilder {
        SimBuilder::default()
    }

    pub(crate) fn new(
        state: State,
        clock: Clock,
        guard: Option<(TcpListener, usize)>,
        state_path: Option<PathBuf>,
    ) -> Self {
        let inner = Inner {
            state: Mutex::new(state),
            clock,
            changed: Arc::new(Notify::new()),
            told: watch::Sender::new(0),
            closed: CancellationToken::new(),
            guard,
            is_watched: AtomicBool::new(false),
            state_path,
            has_faults: AtomicBool::new(false),
            fault_changes: watch::Sender::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// CloudAPI and the control API as a service, for use in process.
    ///
    /// Within a tokio runtime this also starts the task that opens and closes instances' ports; outside one, and with
    /// `listen(false)`, nothing listens.
    pub fn router(&self) -> axum::Router {
        self.watch();
        crate::control::routes().fallback(crate::answer::answer).with_state(self.clone())
    }

    /// Every request so far, oldest first; at most the last 20 000.
    #[must_use]
    pub fn journal(&self) -> Vec<RequestRecord> {
        self.with(|state, _| state.requests.records())
    }

    /// The requests that are asked for, oldest first.
    #[must_use]
    pub fn requests(&self, query: &RequestQuery) -> Vec<RequestRecord> {
        self.with(|state, _| state.requests.query(query).cloned().collect())
    }

    /// Every change of an instance or another resource after number `since`, oldest first; at most the last 50 000.
    ///
    /// Start with 0, go on with the last [`ChangeRecord::seq`] that was seen.
    #[must_use]
    pub fn changes(&self, since: u64) -> Vec<ChangeRecord> {
        self.with(|state, _| state.world.journal.since(since).cloned().collect())
    }

    /// How many requests each endpoint has had.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.with(|state, _| state.requests.counts())
    }

    /// Counts from zero again.
    pub fn reset_counts(&self) {
        self.with(|state, _| state.requests.reset_counts());
    }

    /// All instances, deleted and failed ones too, oldest first.
    #[must_use]
    pub fn instances(&self) -> Vec<InstanceRecord> {
        self.with(|state, _| {
            let world = &state.world;
            let mut instances: Vec<&Instance> = world.instances.values().collect();
            instances.sort_by_key(|instance| (instance.created, instance.id));
            instances.into_iter().map(|instance| record(world, instance)).collect()
        })
    }

    /// One instance, whatever became of it.
    #[must_use]
    pub fn instance(&self, id: Uuid) -> Option<InstanceRecord> {
        self.with(|state, _| {
            state.world.instances.get(&id).map(|instance| record(&state.world, instance))
        })
    }

    /// The description of a firewall rule, empty if it has none; `None` when there is no such rule.
    #[must_use]
    pub fn firewall_rule(&self, id: Uuid) -> Option<String> {
        self.with(|state, _| {
            let rule = state.world.rules.get(&id)?;
            Some(rule.description.clone().unwrap_or_default())
        })
    }

    /// Sets a fault, in place of one of the same kind for the same endpoint and account.
    pub fn fault(&self, kind: FaultKind, fault: Fault) {
        self.change_faults(|faults, now| faults.set(kind, fault, now));
    }

    /// Takes the faults of a kind away; says whether there were any.
    pub fn clear_fault(&self, kind: FaultKind) -> bool {
        self.change_faults(|faults, _| faults.clear(kind))
    }

    /// Takes the faults of a kind for one endpoint away; says whether there were any.
    pub fn clear_fault_at(&self, kind: FaultKind, endpoint: &str) -> bool {
        self.change_faults(|faults, _| faults.clear_at(kind, endpoint))
    }

    /// Takes all faults away.
    pub fn clear_faults(&self) {
        self.change_faults(|faults, _| faults.clear_all());
    }

    /// Sets exactly these faults, in place of all that are set; their time begins now.
    pub fn set_faults(&self, script: FaultScript) {
        self.change_faults(|faults, now| faults.replace(script.faults, now));
    }

    /// The faults that are set, in the order they were, and how often each has struck.
    #[must_use]
    pub fn faults(&self) -> Vec<(FaultKind, Fault, u32)> {
        self.with(|state, _| state.faults.all())
    }

    /// Begins or ends [`FaultKind::Outage`].
    pub fn outage(&self, on: bool) {
        if on {
            self.fault(FaultKind::Outage, Fault::default());
        } else {
            self.clear_fault(FaultKind::Outage);
        }
    }

    /// Begins read-only mode: whatever would change something is answered 503, with `until` as Retry-After.
    pub fn begin_read_only(&self, until: Option<Timestamp>) {
        self.with(|state, _| state.read_only = Some(ReadOnly { until }));
    }

    /// Ends read-only mode.
    pub fn end_read_only(&self) {
        self.with(|state, _| state.read_only = None);
    }

    /// How long things take.
    #[must_use]
    pub fn delays(&self) -> Delays {
        self.with(|state, _| state.world.delays)
    }

    /// Changes how long things take, for everything that begins from now on.
    pub fn set_delays(&self, delays: Delays) {
        self.with(|state, _| state.world.delays = delays);
    }

    /// The datacenter's time, which is the wall's unless the clock is virtual.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Moves a virtual clock on, and lets everything happen that is due by then; says whether the clock is one.
    ///
    /// In process, `tokio::time::pause` and `advance` do this for any simulator.
    pub fn advance(&self, by: Duration) -> bool {
        let is_virtual = self.inner.clock.advance(by);
        self.with(|_, _| ());
        self.inner.fault_changes.send_modify(|count| *count += 1);
        is_virtual
    }

    /// Whether the datacenter's time moves only by [`Sim::advance`].
    #[must_use]
    pub fn is_clock_virtual(&self) -> bool {
        self.inner.clock.is_virtual()
    }

    /// The time by which callers sign and answers are dated.
    pub(crate) fn wall(&self) -> Timestamp {
        self.inner.clock.wall()
    }

    /// Waits by the datacenter's time.
    pub(crate) fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + use<> {
        let clock = self.inner.clock.clone();
        async move { clock.sleep(duration).await }
    }

    /// Brings the world up to now, and works on it under the one lock there is.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        let mut state = self.inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Under the lock, so that time never runs backwards between two who hold it.
        let now = self.inner.clock.now();
        let before = state.world.changes;
        state.world.advance(now);
        let result = work(&mut state, now);
        state.world.advance(now);
        if state.world.changes != before {
            self.inner.changed.notify_one();
        }
        let last = state.world.journal.last();
        self.inner.told.send_if_modified(|told| std::mem::replace(told, last) != last);
        result
    }

    /// For [`Sim::next_change`]: from now on no change is missed.
    pub(crate) fn told(&self) -> watch::Receiver<u64> {
        self.inner.told.subscribe()
    }

    /// Waits until something changes that nobody has been told of, at the latest until `deadline`.
    pub(crate) async fn next_change(&self, told: &mut watch::Receiver<u64>, deadline: Instant) {
        let due = self.with(|state, now| state.world.next_due().map(|due| until(now, due)));
        let due = due.map_or(deadline, |due| deadline.min(Instant::now() + due));
        // The sender lives as long as we hold the simulator.
        let _ = tokio::time::timeout_at(due, told.changed()).await;
    }

    fn change_faults<T>(&self, change: impl FnOnce(&mut Faults, Timestamp) -> T) -> T {
        let changed = self.with(|state, now| {
            let changed = change(&mut state.faults, now);
            self.inner.has_faults.store(!state.faults.is_empty(), Ordering::Release);
            changed
        });
        self.inner.fault_changes.send_modify(|count| *count += 1);
        changed
    }

    /// Whether any fault is set; costs nothing.
    pub(crate) fn has_faults(&self) -> bool {
        self.inner.has_faults.load(Ordering::Acquire)
    }

    /// For [`Sim::next_fault_change`].
    pub(crate) fn fault_changes(&self) -> watch::Receiver<u64> {
        self.inner.fault_changes.subscribe()
    }

    /// Waits until somebody sets or clears faults, or one that concerns connections begins or wears off.
    pub(crate) fn next_fault_change(
        &self,
        changes: &mut watch::Receiver<u64>,
    ) -> impl Future<Output = ()> + use<> {
        let mut changes = changes.clone();
        // A virtual clock tells when it moves; waiting for it by another would be in vain.
        let has_moments = self.has_faults() && !self.is_clock_virtual();
        let next = has_moments.then(|| {
            self.with(|state, now| {
                let moment = state.faults.next_change(FaultScope::Connection, now);
                moment.map(|moment| until(now, moment))
            })
        });
        let next = next.flatten();
        async move {
            tokio::select! {
                // The sender lives as long as the simulator; without one there is nothing to wait for.
                Ok(()) = changes.changed() => {}
                () = tokio::time::sleep(next.unwrap_or_default()), if next.is_some() => {}
                else => std::future::pending().await,
            }
        }
    }

    pub(crate) fn state_path(&self) -> Option<&Path> {
        self.inner.state_path.as_deref()
    }

    /// Starts the task that keeps instances' ports in step with their states, once, if they have any.
    pub(crate) fn watch(&self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let Some(max) = self.inner.guard.as_ref().map(|(_, max)| *max) else { return };
        if self.inner.is_watched.swap(true, Ordering::Relaxed) {
            return;
        }
        let (changed, closed) = (Arc::clone(&self.inner.changed), self.inner.closed.clone());
        let weak = Arc::downgrade(&self.inner);
        let look = move || {
            let sim = Self { inner: weak.upgrade()? };
            Some(sim.with(|state, now| listen::look(&mut state.world, now)))
        };
        let weak = Arc::downgrade(&self.inner);
        let admits = move |from, to, port| {
            let Some(inner) = weak.upgrade() else { return false };
            Self { inner }.with(|state, _| state.world.admits(from, to, port))
        };
        self.with(|state, _| state.world.watch_doors());
        runtime.spawn(listen::keep_in_step(look, Arc::new(admits), max, changed, closed));
    }
}

// === impl Inner ===

impl Drop for Inner {
    fn drop(&mut self) {
        self.closed.cancel();
    }
}

fn record(world: &World, instance: &Instance) -> InstanceRecord {
    let account = world.accounts.get(&instance.owner).map(|account| account.login.clone());
    InstanceRecord {
        id: instance.id,
        account: account.unwrap_or_default(),
        name: instance.name.clone(),
        state: instance.state,
        tags: instance.tags.clone(),
        package: instance.package_name.clone(),
        image: instance.image,
        ips: instance.nics.iter().map(|nic| nic.ip).collect(),
        primary_ip: instance.primary_ip(),
        compute_node: instance.compute_node,
        firewall_enabled: instance.firewall_enabled,
        transitions: instance.transitions.clone(),
    }
}
