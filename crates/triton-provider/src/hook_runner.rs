//! Runs lifecycle hooks beside the passes: a hook may take a whole grace period, and no pass waits for it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use probe_engine::{Ask, Delivered, DeliveryError, Handler, NetworkProber};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use virtual_node::{PodEvent, Pokes};

use crate::decide::{Hook, HookStand, Hooks};
use crate::hooks::Deed;
use crate::opinions::{Opinions, cut};

/// What a postStart hook may take. The kubelet has no limit; one that takes an hour does not end.
pub(crate) const POST_START_MAX: Duration = Duration::from_secs(3600);

/// Between two tries of a postStart hook that found nobody listening.
const AGAIN: Duration = Duration::from_secs(1);

/// Runs hooks; cheap to clone.
#[derive(Clone)]
pub(crate) struct HookRunner(Arc<Inner>);

struct Inner {
    prober: NetworkProber,
    opinions: Opinions,
    pokes: Pokes,
    term: CancellationToken,
    /// How long a guest that has just been started may take to listen.
    patience: Duration,
    pods: Mutex<HashMap<Box<str>, Entry>>,
}

/// The hooks of one pod, in one life of its instance.
struct Entry {
    life: String,
    post_start: Option<Begun>,
    pre_stop: Option<Begun>,
}

/// A hook that was begun.
struct Begun {
    since: Instant,
    end: Option<Result<(), String>>,
    /// Gives it up when dropped.
    _stop: DropGuard,
}

/// A hook to be run.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) uid: String,
    /// The life it belongs to.
    pub(crate) life: String,
    pub(crate) container: String,
    pub(crate) hook: Hook,
    pub(crate) deed: Deed,
    pub(crate) address: Option<IpAddr>,
    pub(crate) limit: Duration,
}

// === impl HookRunner ===

impl HookRunner {
    pub(crate) fn new(
        prober: NetworkProber,
        opinions: Opinions,
        pokes: Pokes,
        term: CancellationToken,
        patience: Duration,
    ) -> Self {
        let pods = Mutex::default();
        Self(Arc::new(Inner { prober, opinions, pokes, term, patience, pods }))
    }

    /// How the hooks of this life stand. Those of another life are given up.
    pub(crate) fn stands(&self, uid: &str, life: &str, restarts: i32) -> Hooks {
        let mut pods = self.lock();
        let Some(entry) = pods.get(uid) else { return Hooks { restarts, ..Hooks::default() } };
        if entry.life != life {
            pods.remove(uid);
            return Hooks { restarts, ..Hooks::default() };
        }
        Hooks {
            restarts,
            post_start: stand(entry.post_start.as_ref()),
            pre_stop: stand(entry.pre_stop.as_ref()),
        }
    }

    /// Why the postStart hook of this life failed, if it did.
    pub(crate) fn failure(&self, uid: &str, life: &str) -> Option<String> {
        let pods = self.lock();
        let entry = pods.get(uid).filter(|entry| entry.life == life)?;
        entry.post_start.as_ref()?.end.as_ref()?.as_ref().err().cloned()
    }

    /// Begins a hook. Its end is told by a poke.
    pub(crate) fn begin(&self, order: Order) {
        let since = Instant::now();
        let stop = self.0.term.child_token();
        let begun = Begun { since, end: None, _stop: stop.clone().drop_guard() };
        {
            let mut pods = self.lock();
            let entry = pods.entry(order.uid.as_str().into()).or_insert_with(|| Entry::of(&order));
            if entry.life != order.life {
                *entry = Entry::of(&order);
            }
            *entry.hook(order.hook) = Some(begun);
        }
        let runner = self.clone();
        tokio::spawn(async move {
            let run = AssertUnwindSafe(runner.run(&order, since)).catch_unwind();
            let Some(end) = stop.run_until_cancelled(run).await else { return };
            let end = end.unwrap_or_else(|_| Err("the hook panicked".to_owned()));
            runner.end(&order, since, end);
        });
    }

    /// Gives a postStart hook up that has not ended: its pod goes.
    pub(crate) fn give_up_start(&self, uid: &str) {
        if let Some(entry) = self.lock().get_mut(uid) {
            entry.post_start = entry.post_start.take().filter(|begun| begun.end.is_some());
        }
    }

    /// Forgets a pod.
    pub(crate) fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    async fn run(&self, order: &Order, since: Instant) -> Result<(), String> {
        let work = async {
            match &order.deed {
                Deed::Sleep(time) => {
                    sleep(*time).await;
                    Ok(())
                }
                Deed::Deliver(handler) => self.deliver(order, handler, since).await,
                Deed::Invalid(why) => Err((*why).to_owned()),
            }
        };
        match (timeout(order.limit, work).await, order.hook) {
            (Ok(end), _) => end,
            // To the kubelet too that is no failure: the guest is told to shut down, whatever the hook was about to do.
            (Err(_), Hook::PreStop) => {
                tracing::warn!(uid = order.uid, limit = ?order.limit, "a preStop hook took all of its grace period");
                Ok(())
            }
            (Err(_), Hook::PostStart) => Err(DeliveryError::Late(order.limit).to_string()),
        }
    }

    /// Delivers it. A guest runs for its hypervisor long before anybody in it listens: a postStart hook that reaches
    /// nobody is tried again for a while.
    async fn deliver(
        &self,
        order: &Order,
        handler: &Handler,
        since: Instant,
    ) -> Result<(), String> {
        let unspecified = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
        let address = match order.address {
            None if order.deed.needs_address() => {
                return Err("the instance has no address".to_owned());
            }
            address => address.unwrap_or(unspecified),
        };
        loop {
            let ask = Ask { target: &order.uid, handler, address, timeout: order.limit };
            match self.0.prober.deliver(ask).await {
                Ok(Delivered::AsAsked) => return Ok(()),
                Ok(Delivered::InPlain) => {
                    let message = "request to HTTPS lifecycle hook got HTTP response, retry with HTTP succeeded";
                    self.tell(order, PodEvent::warning("LifecycleHTTPFallback", message));
                    return Ok(());
                }
                Err(DeliveryError::Unreachable(_))
                    if order.hook == Hook::PostStart && since.elapsed() < self.0.patience =>
                {
                    sleep(AGAIN).await;
                }
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// Notes how a hook ended, unless nobody waits for it any more.
    fn end(&self, order: &Order, since: Instant, end: Result<(), String>) {
        {
            let mut pods = self.lock();
            let entry = pods.get_mut(order.uid.as_str()).filter(|entry| entry.life == order.life);
            let begun = entry.and_then(|entry| entry.hook(order.hook).as_mut());
            let Some(begun) = begun.filter(|begun| begun.since == since) else { return };
            begun.end = Some(end.clone());
        }
        if let Err(why) = end {
            let (reason, words) = match order.hook {
                Hook::PostStart => ("FailedPostStartHook", "PostStartHook failed"),
                Hook::PreStop => ("FailedPreStopHook", "PreStopHook failed"),
            };
            self.tell(order, PodEvent::warning(reason, cut(format!("{words}: {why}"))));
        }
        self.0.pokes.poke(&order.uid);
    }

    fn tell(&self, order: &Order, event: PodEvent) {
        let event = event.in_container(order.container.as_str());
        self.0.opinions.keep_events(&order.uid, vec![event]);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Entry>> {
        self.0.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stand(begun: Option<&Begun>) -> HookStand {
    match begun {
        None => HookStand::Unbegun,
        Some(Begun { since, end: None, .. }) => HookStand::Runs { since: *since },
        Some(Begun { end: Some(Ok(())), .. }) => HookStand::Ended,
        Some(Begun { end: Some(Err(_)), .. }) => HookStand::Failed,
    }
}

// === impl Entry ===

impl Entry {
    fn of(order: &Order) -> Self {
        Self { life: order.life.clone(), post_start: None, pre_stop: None }
    }

    fn hook(&mut self, hook: Hook) -> &mut Option<Begun> {
        match hook {
            Hook::PostStart => &mut self.post_start,
            Hook::PreStop => &mut self.pre_stop,
        }
    }
}

#[cfg(test)]
mod tests;
