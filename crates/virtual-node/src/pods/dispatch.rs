//! The loop that puts everything that happens to pods into one order.
//!
//! `select!` only collects an [`Event`]; a method handles it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt};
use kube_client::Client;
use kube_client::api::Api;
use kube_runtime::{WatchStreamExt, watcher};
use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::backoff;
use super::pass::{Next, Outcome, Passes};
use super::queue::Queue;
use super::raw::{RawPod, is_over};
use super::store::Store;
use crate::api::chain;
use crate::metrics::{Metrics, PassResult};
use crate::pokes::Poked;
use crate::provider::{Held, Provider};

/// How long running passes may take to end when the node stops; they can be cut short at any point.
const LAST_PASSES: Duration = Duration::from_secs(5);

/// Before pods are listed and watched anew, as the stream's own pauses begin anew with it.
const WATCH_ANEW: Duration = Duration::from_secs(1);

/// How often the gauges are set.
const GAUGES: Duration = Duration::from_secs(5);

/// Watches, queues, runs passes.
pub(crate) struct Dispatcher<P> {
    store: Arc<RwLock<Store>>,
    queue: Queue,
    failures: HashMap<Arc<str>, u32>,
    passes: Arc<Passes<P>>,
    running: JoinSet<Outcome>,
    uids: HashMap<Id, Arc<str>>,
    metrics: Arc<Metrics>,
}

/// Something happened.
enum Event {
    Watched(watcher::Result<watcher::Event<RawPod>>),
    WatchEnded,
    Poked(String),
    Orphan(Held),
    Passed(Result<(Id, Outcome), JoinError>),
    Due,
    Gauges,
}

// === impl Dispatcher ===

impl<P: Provider> Dispatcher<P> {
    pub(crate) fn new(
        store: Arc<RwLock<Store>>,
        passes: Arc<Passes<P>>,
        workers: usize,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            store,
            queue: Queue::new(workers),
            failures: HashMap::new(),
            passes,
            running: JoinSet::new(),
            uids: HashMap::new(),
            metrics,
        }
    }

    pub(crate) async fn run(
        mut self,
        client: Client,
        node: &str,
        mut poked: Poked,
        mut orphans: mpsc::Receiver<Held>,
        shutdown: CancellationToken,
    ) {
        let mut watch = watch(client.clone(), node, Duration::ZERO);
        let mut gauges = tokio::time::interval(GAUGES);
        gauges.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            self.start_due();
            let due = self.queue.next_at();
            // In this order, so that a run can be repeated; nothing starves, because each of these runs dry.
            let event = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(passed) = self.running.join_next_with_id() => Event::Passed(passed),
                Some(orphan) = orphans.recv() => Event::Orphan(orphan),
                event = watch.next() => event.map_or(Event::WatchEnded, Event::Watched),
                Some(uid) = poked.next() => Event::Poked(uid),
                () = until(due), if due.is_some() => Event::Due,
                _ = gauges.tick() => Event::Gauges,
            };
            if watch_is_over(&event) {
                tracing::warn!("the watch of pods is over; listing and watching anew");
                watch = self::watch(client.clone(), node, WATCH_ANEW);
            }
            self.handle(event);
        }
        self.finish().await;
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Watched(Ok(event)) => {
                let changed = self.store().observe(event);
                for uid in changed {
                    self.queue.add(&uid, Instant::now());
                }
            }
            // The stream backs off and relists by itself.
            Event::Watched(Err(error)) => {
                tracing::warn!(error = chain(&error), "the watch of pods was interrupted")
            }
            Event::Poked(uid) => {
                let mut store = self.store();
                if store.get(&uid).is_none() {
                    return;
                }
                // The provider has seen something of a pod of which nothing was left: it is stopped once more, or what
                // a lagging read hid would run on for as long as the ended pod exists.
                if let Some(memory) = store.memory_mut(&uid) {
                    memory.gone = false;
                }
                drop(store);
                self.queue.add(&uid, Instant::now());
            }
            Event::Orphan(orphan) => {
                let uid = orphan.key.uid.clone();
                if self.store().add_orphan(&orphan.key) {
                    self.queue.add(&uid, Instant::now());
                }
            }
            Event::Passed(Ok((id, outcome))) => self.passed(id, outcome),
            Event::Passed(Err(error)) => {
                // Cancelled passes only exist when the loop is over.
                tracing::error!(error = %error, "a pass panicked; its pod is tried again");
                self.metrics.pass("unknown", PassResult::Panicked, Duration::ZERO);
                self.passed(error.id(), Outcome { next: Next::Retry, ..Outcome::rest() });
            }
            Event::Gauges => {
                self.metrics.pods(&self.store().phases());
                self.metrics.queue(self.queue.overdue(Instant::now()), self.queue.running());
            }
            Event::Due | Event::WatchEnded => {}
        }
    }

    fn passed(&mut self, id: Id, outcome: Outcome) {
        let Some(uid) = self.uids.remove(&id) else { return };
        let now = Instant::now();
        let ended_now = self.remember(&uid, &outcome);
        // It was asked to go while a pass that did not know of it wrote: the watch may bring nothing newer than the
        // answer to that write.
        let going_now = matches!(outcome.next, Next::Rest | Next::Again(_))
            && outcome.pod.as_ref().is_some_and(RawPod::is_going);
        if outcome.next != Next::Retry {
            self.failures.remove(&uid);
        }
        match outcome.next {
            Next::Rest => {}
            Next::Again(after) => self.queue.add(&uid, now + after),
            Next::Retry => {
                let failures = self.failures.entry(Arc::clone(&uid)).or_default();
                *failures = failures.saturating_add(1);
                self.queue.add(&uid, now + backoff::pause(*failures, crate::chance::chance()));
            }
            Next::Forget if self.store().forget(&uid) => self.queue.forget(&uid),
            // It came back while it was being stopped.
            Next::Forget => self.queue.add(&uid, now),
        }
        if ended_now || going_now {
            self.queue.add(&uid, now);
        }
        self.queue.done(&uid);
    }

    /// Takes a pass's findings in; true if the pod has just become terminal, so that it must be stopped now.
    fn remember(&self, uid: &str, outcome: &Outcome) -> bool {
        let mut store = self.store();
        let ended = outcome.pod.as_ref().is_some_and(|pod| is_over(pod.phase()));
        if let Some(pod) = &outcome.pod {
            store.refresh(pod);
        }
        let Some(memory) = store.memory_mut(uid) else { return false };
        memory.gone |= outcome.gone;
        memory.seen_live |= outcome.pod.is_some();
        memory.held = outcome.held;
        ended && !memory.gone && memory.stopping_since.is_none()
    }

    fn start_due(&mut self) {
        while let Some(uid) = self.queue.take(Instant::now()) {
            let Some(record) = self.store().begin(&uid, crate::clock::now()) else {
                self.queue.done(&uid);
                continue;
            };
            let passes = Arc::clone(&self.passes);
            let handle = self.running.spawn(async move { passes.run(record).await });
            self.uids.insert(handle.id(), uid);
        }
    }

    async fn finish(&mut self) {
        let ended = async { while self.running.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_PASSES, ended).await.is_err() {
            tracing::info!(
                passes = self.running.len(),
                "cut passes short; the next start takes them up"
            );
            self.running.shutdown().await;
        }
    }

    /// No pass and no await holds this lock.
    fn store(&self) -> RwLockWriteGuard<'_, Store> {
        self.store.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The node's pods, without what only servers need.
fn watch(
    client: Client,
    node: &str,
    pause: Duration,
) -> BoxStream<'static, watcher::Result<watcher::Event<RawPod>>> {
    let config = watcher::Config::default().fields(&format!("spec.nodeName={node}"));
    let watched = watcher(Api::all(client), config).default_backoff();
    tokio::time::sleep(pause).map(|()| watched).flatten_stream().boxed()
}

/// Whether nothing more comes of a watch. A version that is too old is mostly told by an event of the watch, and then
/// the stream lists anew; told by the answer's status, it would ask for the same version for ever.
fn watch_is_over(event: &Event) -> bool {
    use kube_client::Error::Api;
    match event {
        Event::WatchEnded => true,
        Event::Watched(Err(watcher::Error::WatchStartFailed(Api(status)))) => status.code == 410,
        _ => false,
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
