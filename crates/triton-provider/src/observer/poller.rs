//! The task that lists and listens: lists are the truth, the changefeed says when to make one.

use std::collections::HashSet;
use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use triton_cloudapi::InstanceId;
use triton_cloudapi::changefeed::Change;
use triton_cloudapi::client::changefeed::{
    Changefeed, ChangefeedError, ChangefeedItem, ChangefeedOptions, Interruption, ResyncReason,
};
use triton_cloudapi::client::{Client, Error};
use triton_cloudapi::instances::InstanceState;
use virtual_node::Pokes;

use super::listing::{Listing, is_ours, list, pages};
use super::rhythm::{self, Allowance, Facts, Last, Reason};
use super::vanished::Vanished;
use super::wants::Wants;
use super::{Health, Snapshot, chain, describe};
use crate::adopt::gate::FirstProvider;
use crate::decide::Told;
use crate::feed::{Feed, ToldBook, Verdict, Weight, weigh};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::seen::Seen;

/// How long a feed without any change is left alone: a quiet account is no reason to connect again and to list.
const SILENCE_MAX: Duration = Duration::from_secs(900);

/// A feed that misses changes is opened anew at most this often.
const REOPEN_EVERY: Duration = Duration::from_secs(60);

/// How late a list may be for CloudAPI to count as reachable, and how much later for each page.
const LATE_MAX: Duration = Duration::from_secs(30);
const LATE_MAX_PAGE: Duration = Duration::from_secs(5);

/// What the task is made of.
pub(super) struct Poller {
    pub(super) client: Client,
    pub(super) cluster: String,
    pub(super) node: String,
    pub(super) metrics: Metrics,
    pub(super) pokes: Pokes,
    pub(super) limits: Limits,
    pub(super) wants: Arc<Wants>,
    pub(super) told: Arc<Mutex<ToldBook>>,
    pub(super) left: FirstProvider,
    pub(super) snapshot: watch::Sender<Option<Arc<Snapshot>>>,
    pub(super) health: watch::Sender<Health>,
}

/// What it remembers.
struct Running {
    poller: Poller,
    began_at: Instant,
    feed: Feed,
    stream: Option<Changefeed>,
    /// The feed was tried, and there was none.
    feed_down: bool,
    /// When it was last opened anew because it had missed something.
    reopened_at: Option<Instant>,
    /// What was last logged of a feed that is refused.
    refusal: Option<String>,
    last: Option<Last>,
    listing: Option<(Instant, Listing)>,
    hinted_at: Option<Instant>,
    told_at: Option<Instant>,
    served_at: Option<Instant>,
    allowance: Allowance,
    vanished: Vanished,
}

/// What happens next.
enum Event {
    Listed(Instant, Result<Vec<Seen>, Error>),
    Heard(Option<Result<ChangefeedItem, ChangefeedError>>),
    Woken,
}

// === impl Poller ===

impl Poller {
    /// Lists and listens until it is dropped.
    pub(super) async fn run(self) {
        let now = Instant::now();
        let running = Running {
            began_at: now,
            feed: Feed::default(),
            stream: None,
            feed_down: !self.limits.changefeed,
            reopened_at: None,
            refusal: None,
            last: None,
            listing: None,
            hinted_at: None,
            told_at: None,
            served_at: None,
            allowance: Allowance::new(now),
            vanished: Vanished::default(),
            poller: self,
        };
        running.run().await;
    }
}

// === impl Running ===

impl Running {
    async fn run(mut self) {
        loop {
            let wake_at = self.prepare(Instant::now());
            match self.next_event(wake_at).await {
                Event::Listed(asked_at, Ok(seen)) => self.listed(asked_at, seen),
                Event::Listed(asked_at, Err(error)) => self.list_failed(asked_at, &error),
                Event::Heard(Some(Ok(item))) => self.hear(item, Instant::now()),
                Event::Heard(Some(Err(error))) => self.refused(&error),
                Event::Heard(None) => self.stream = None,
                Event::Woken => {}
            }
        }
    }

    async fn next_event(&mut self, wake_at: Option<Instant>) -> Event {
        let Self { listing, stream, poller, .. } = self;
        let listed = async {
            match listing.as_mut() {
                Some((asked_at, listing)) => (*asked_at, listing.await),
                None => pending().await,
            }
        };
        let heard = async {
            match stream.as_mut() {
                Some(stream) => stream.next().await,
                None => pending().await,
            }
        };
        let woken = async {
            match wake_at {
                Some(wake_at) => tokio::time::sleep_until(wake_at).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            (asked_at, result) = listed => Event::Listed(asked_at, result),
            item = heard => Event::Heard(item),
            () = poller.wants.more.notified() => Event::Woken,
            () = woken => Event::Woken,
        }
    }

    /// Does what is due, and says when something is again.
    fn prepare(&mut self, now: Instant) -> Option<Instant> {
        let taken = self.poller.wants.take();
        self.allowance.add(taken.begun);
        let begun_at = (taken.begun > 0).then_some(now);
        if let Some(at) = taken.demanded_at.or(begun_at).filter(|_| self.last.is_some()) {
            self.hinted_at.get_or_insert(at);
        }
        if let Some(at) = taken.awaited_at {
            self.told_at.get_or_insert(at);
        }
        self.judge(now);
        self.follow(now);
        for uid in self.vanished.take_due(now) {
            self.poller.pokes.poke(&uid);
        }
        self.poller.metrics.changefeed(self.feed.is_up(), self.feed.is_trusted(now));
        let next_change =
            [self.feed.next_change(now), self.vanished.next()].into_iter().flatten().min();
        if self.listing.is_some() {
            return next_change;
        }
        let (due, reason) = rhythm::next(&self.facts(now));
        if due <= now {
            self.ask(now, reason);
            return next_change;
        }
        self.poller.stay_fine_until(due, self.last.map_or(1, |last| last.pages));
        [Some(due), next_change, self.feed.try_again_at()].into_iter().flatten().min()
    }

    fn facts(&self, now: Instant) -> Facts<'_> {
        let pages = self.last.map_or(1, |last| last.pages);
        Facts {
            began_at: self.began_at,
            last: self.last,
            feed_up: self.feed.is_up(),
            feed_down: self.feed_down,
            feed_trusted: self.feed.is_trusted(now),
            expecting_since: self.poller.wants.youngest(),
            expecting: self.poller.wants.count(),
            hinted_at: self.hinted_at,
            told_at: self.told_at,
            served_at: self.served_at,
            can_afford: self.allowance.can_afford(pages, self.poller.wants.count(), now),
            limits: &self.poller.limits,
        }
    }

    /// Asks for a list.
    fn ask(&mut self, now: Instant, reason: Reason) {
        tracing::debug!(?reason, "listing instances");
        self.poller.metrics.list(reason);
        if matches!(reason, Reason::Hint | Reason::Expected | Reason::Confirm) {
            self.allowance.spend(self.last.map_or(1, |last| last.pages), now);
        }
        if reason == Reason::Hint {
            self.served_at = Some(now);
        }
        (self.hinted_at, self.told_at) = (None, None);
        self.listing = Some((now, self.poller.list()));
    }

    /// A complete list.
    fn listed(&mut self, asked_at: Instant, seen: Vec<Seen>) {
        let now = Instant::now();
        self.listing = None;
        let poller = &self.poller;
        let earlier = poller.snapshot.borrow().clone();
        let snapshot = Arc::new(Snapshot::new(asked_at, seen, earlier.as_deref()));
        let pages = pages(snapshot.len());
        self.last = Some(Last { asked_at, ended_at: now, ok: true, pages });
        let moved = snapshot.moved_since(earlier.as_deref());
        self.feed.listed(asked_at, earlier.as_ref().map(|earlier| earlier.taken_at), moved, now);
        poller.metrics.instances.set(i64::try_from(snapshot.len()).unwrap_or(i64::MAX));
        let told_alive = {
            let mut book = poller.told.lock().unwrap_or_else(PoisonError::into_inner);
            let told_alive = book.alive();
            book.listed(asked_at);
            told_alive
        };
        poller.snapshot.send_replace(Some(Arc::clone(&snapshot)));
        poller.wants.listed.notify_waiters();
        poller.health.send_replace(Health::Fine { until: now + LATE_MAX });

        let changed = snapshot.changed_since(earlier.as_deref());
        let changed: HashSet<&str> = changed.into_iter().collect();
        poller.wants.renew(changed.iter().copied(), now);
        // Pods that wait for the list itself, or for something to be missing from it, are asked too.
        let mut touched = poller.wants.expecting_but(&changed);
        if earlier.is_none() {
            // They waited for this list; those that wait for more say so again.
            poller.wants.clear();
        }
        touched.extend(changed.into_iter().map(str::to_owned));
        touched.sort_unstable();
        self.vanished.listed(|uid| snapshot.of(uid).is_empty());
        if self.feed.is_trusted(now) {
            let went = |uid: &str| {
                let was_there = earlier.as_ref().is_some_and(|earlier| !earlier.of(uid).is_empty());
                let was_there = was_there || told_alive.contains(uid);
                was_there && snapshot.of(uid).is_empty() && poller.wants.is_expecting(uid)
            };
            touched.iter().filter(|uid| went(uid)).for_each(|uid| self.vanished.wait_for(uid, now));
            touched.retain(|uid| !self.vanished.contains(uid));
        }
        for uid in &touched {
            poller.pokes.poke(uid);
        }
    }

    fn list_failed(&mut self, asked_at: Instant, error: &Error) {
        self.listing = None;
        let pages = self.last.map_or(1, |last| last.pages);
        self.last = Some(Last { asked_at, ended_at: Instant::now(), ok: false, pages });
        tracing::warn!(error = %chain(error), "listing instances failed; what is known stays as it is");
        let message = describe(&self.poller.client, error);
        self.poller.health.send_replace(Health::Failed { message });
    }

    /// Opens the feed if there is none, unless it was refused a short while ago.
    fn follow(&mut self, now: Instant) {
        let is_refused = self.feed.try_again_at().is_some_and(|again| again > now);
        if !self.poller.limits.changefeed || self.stream.is_some() || is_refused {
            return;
        }
        let options = ChangefeedOptions::default().resync_every(None).silence_max(SILENCE_MAX);
        self.feed.interrupted();
        self.stream = Some(self.poller.client.changefeed(options));
    }

    /// What the feed says.
    fn hear(&mut self, item: ChangefeedItem, now: Instant) {
        match item {
            ChangefeedItem::Connected => {
                self.feed.connected(now);
                self.refusal = None;
            }
            // The first list of all is due anyway, and one that is on its way since the feed is there will do.
            ChangefeedItem::Resync {
                reason: ResyncReason::FirstConnect | ResyncReason::Reconnect | ResyncReason::Stall,
            } if self.is_list_under_way() => {}
            ChangefeedItem::Resync { reason } => {
                tracing::debug!(%reason, "the changefeed asks for a list");
                self.hinted_at.get_or_insert(now);
            }
            ChangefeedItem::Change(change) => self.told(&change, now),
            ChangefeedItem::Interrupted { reason, .. } => {
                tracing::debug!(%reason, "the changefeed is interrupted");
                self.feed.interrupted();
                self.feed_down = true;
                // The connection may be gone because CloudAPI is: that is not to wait for a long interval. One that was
                // silent is opened anew at once, and a list follows then.
                if !matches!(reason, Interruption::Stalled) && self.last.is_some() {
                    self.hinted_at.get_or_insert(now);
                }
            }
            _ => {}
        }
    }

    /// Whether a list is on its way, or about to be, that is asked for with the feed connected.
    fn is_list_under_way(&self) -> bool {
        match &self.listing {
            Some((asked_at, _)) => self.feed.connected_at().is_some_and(|since| *asked_at >= since),
            None => self.last.is_none(),
        }
    }

    /// There is no feed for us.
    fn refused(&mut self, error: &ChangefeedError) {
        self.stream = None;
        self.feed_down = true;
        self.feed.refused(Instant::now());
        let refusal = chain(error);
        if self.refusal.as_deref() != Some(&refusal) {
            tracing::warn!(error = %refusal, "there is no changefeed for us; instances are listed more often instead");
            self.refusal = Some(refusal);
        }
    }

    /// The feed tells of a change.
    fn told(&mut self, change: &Change, now: Instant) {
        self.feed.told(change.instance_id, now);
        self.poller.metrics.changefeed_changes.inc();
        if change.is_late {
            return;
        }
        let snapshot = self.poller.snapshot.borrow().clone();
        let listed = |id: InstanceId| snapshot.as_ref()?.iter().find(|seen| seen.id == id).cloned();
        let Some(mut seen) = self.poller.ours(change) else {
            // Of others; or it was ours, and its tags were taken away, or only its id was told.
            if listed(change.instance_id).is_some() {
                self.hinted_at.get_or_insert(now);
            }
            return;
        };
        seen.state = change.state.clone();
        let uid = seen.mark.uid.clone();
        let mut book = self.poller.told.lock().unwrap_or_else(PoisonError::into_inner);
        let known = book.find(&uid, seen.id).cloned();
        let known = known.or_else(|| snapshot.as_ref()?.find(&uid, seen.id).cloned());
        let expected = self.poller.wants.is_expecting(&uid);
        match weigh(known.as_deref(), &seen, expected) {
            Weight::Nothing => return,
            Weight::Evidence => self.told_at.get_or_insert(now),
            Weight::Hint => self.hinted_at.get_or_insert(now),
        };
        let is_end = seen.state == InstanceState::Deleted;
        book.note(Told { at: now, instance: Arc::new(seen) });
        drop(book);
        // What a list shows no more comes to its end: the words before the last one are of no use.
        if is_end || !self.vanished.contains(&uid) {
            self.vanished.told(&uid);
            self.poller.pokes.poke(&uid);
        }
    }

    /// Opens a feed anew that has missed something.
    fn judge(&mut self, now: Instant) {
        if let Verdict::Missed(changes) = self.feed.judge(now) {
            tracing::info!(
                changes,
                "the changefeed did not tell what a list shows; it is opened anew and not relied on for a while"
            );
            let changes = u64::try_from(changes).unwrap_or(u64::MAX);
            self.poller.metrics.changefeed_missed.inc_by(changes);
            if self.reopened_at.is_none_or(|at| at + REOPEN_EVERY <= now) {
                self.reopened_at = Some(now);
                self.stream = None;
            }
        }
    }
}

// === impl Poller ===

impl Poller {
    fn list(&self) -> Listing {
        let left = self.snapshot.borrow().is_none().then(|| self.left.clone());
        list(self.client.clone(), self.cluster.clone(), self.node.clone(), left)
    }

    /// The instance of a change, if it is ours by its tags.
    fn ours(&self, change: &Change) -> Option<Seen> {
        let seen = Seen::of(change.instance.as_deref()?)?;
        is_ours(&seen.mark.node, &self.cluster, &self.node).then_some(seen)
    }

    /// The last list went well; the next one is due then.
    fn stay_fine_until(&self, due: Instant, pages: u32) {
        let until = due + LATE_MAX + LATE_MAX_PAGE * pages;
        self.health.send_if_modified(|health| match health {
            Health::Fine { until: known } if *known != until => {
                *known = until;
                true
            }
            _ => false,
        });
    }
}
