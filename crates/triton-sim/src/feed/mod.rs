//! The changefeed: what VMAPI's queue holds goes to whoever subscribed, every two seconds.
//!
//! [`Feed`] decides who gets what; [`converse`] is one client's connection.

mod converse;
mod subscription;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::faults::{FaultKind, Faults, Trouble};
use crate::sim::Sim;
use crate::world::Item;

pub(crate) use converse::converse;
use subscription::Subscription;

/// VMAPI's publisher looks into its queue this often.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// A client that lets more than this pile up is dropped.
const PENDING_MAX: usize = 65_536;

/// What goes to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outgoing {
    /// A text frame.
    Text(String),
    /// The end.
    Close,
}

/// Who follows.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    followers: BTreeMap<u64, Follower>,
    last: u64,
    is_publishing: bool,
}

/// One connection.
#[derive(Debug)]
struct Follower {
    account: Uuid,
    login: String,
    subscription: Option<Subscription>,
    /// Went quiet, by a fault.
    has_stalled: bool,
    /// The last subscription is not served, by a fault.
    is_deaf: bool,
    pending: mpsc::Sender<Outgoing>,
}

// === impl Feed ===

impl Feed {
    /// Adds a connection.
    fn open(&mut self, account: Uuid, login: String) -> (u64, mpsc::Receiver<Outgoing>) {
        let (pending, receiver) = mpsc::channel(PENDING_MAX);
        let follower = Follower {
            account,
            login,
            subscription: None,
            has_stalled: false,
            is_deaf: false,
            pending,
        };
        self.last += 1;
        self.followers.insert(self.last, follower);
        (self.last, receiver)
    }

    fn close(&mut self, id: u64) {
        self.followers.remove(&id);
    }

    /// Takes a client's text frame in; what is no subscription is ignored.
    fn subscribe(&mut self, id: u64, text: &[u8], faults: &mut Faults, now: Timestamp) {
        let Some(follower) = self.followers.get_mut(&id) else { return };
        let Some(subscription) = Subscription::read(text) else { return };
        follower.subscription = Some(subscription);
        follower.is_deaf = follower.strikes(faults, FaultKind::FeedDeaf, now);
    }

    /// Gives everybody what is theirs of a batch.
    fn publish(&mut self, items: &VecDeque<Item>, faults: &mut Faults, now: Timestamp) {
        let texts = texts(items, now);
        // Who does not read, or is gone, is dropped: its receiver ends.
        self.followers.retain(|_, follower| {
            let batch = follower.batch(items, &texts, faults, now);
            batch.into_iter().all(|outgoing| follower.pending.try_send(outgoing).is_ok())
        });
    }
}

// === impl Follower ===

impl Follower {
    /// What this one gets of a batch, with what faults make of it.
    fn batch(
        &mut self,
        items: &VecDeque<Item>,
        texts: &[String],
        faults: &mut Faults,
        now: Timestamp,
    ) -> Vec<Outgoing> {
        let mut batch = Vec::new();
        for (item, text) in items.iter().zip(texts) {
            if self.has_stalled || self.is_deaf || !self.wants(item) {
                continue;
            }
            let mut strikes = |kind| self.strikes(faults, kind, now);
            if strikes(FaultKind::FeedCloses) {
                batch.push(Outgoing::Close);
                return batch;
            }
            if strikes(FaultKind::FeedStalls) {
                self.has_stalled = true;
                continue;
            }
            if strikes(FaultKind::FeedLoses) {
                continue;
            }
            if strikes(FaultKind::FeedBogusFrame) {
                let half = text.chars().take(text.len() / 2).collect();
                batch.push(Outgoing::Text(half));
            }
            if strikes(FaultKind::FeedDuplicates) {
                batch.push(Outgoing::Text(text.clone()));
            }
            batch.push(Outgoing::Text(text.clone()));
        }
        if batch.len() > 1 && self.strikes(faults, FaultKind::FeedReorders, now) {
            batch.reverse();
        }
        batch
    }

    fn wants(&self, item: &Item) -> bool {
        item.owner == self.account
            && self.subscription.as_ref().is_some_and(|s| s.wants(item.id, &item.sub_resources))
    }

    fn strikes(&self, faults: &mut Faults, kind: FaultKind, now: Timestamp) -> bool {
        let account = Some(self.login.clone());
        let mut trouble = Trouble { endpoint: "changefeed", account, ..Trouble::default() };
        faults.strikes(kind, &mut trouble, now).is_some()
    }
}

/// The events of a batch as they are sent.
///
/// CloudAPI takes two events of one instance at one moment for a duplicate, so those that do arrive differ in it.
fn texts(items: &VecDeque<Item>, now: Timestamp) -> Vec<String> {
    let mut before: BTreeMap<Uuid, i64> = BTreeMap::new();
    let text = |item: &Item| {
        let nth = before.entry(item.id).and_modify(|nth| *nth += 1).or_insert(0);
        event(item, now.as_millisecond() + *nth).to_string()
    };
    items.iter().map(text).collect()
}

fn event(item: &Item, published: i64) -> Value {
    json!({
        "changeKind": { "resource": "vm", "subResources": item.sub_resources },
        "changedResourceId": item.id,
        "published": published.to_string(),
        "resourceState": item.state,
        "resourceObject": item.object,
    })
}

// === impl Sim ===

impl Sim {
    /// Adds a connection to the changefeed, and sees to it that somebody publishes.
    fn open_feed(&self, account: Uuid, login: String) -> (u64, mpsc::Receiver<Outgoing>) {
        let (opened, must_publish) = self.with(|state, _| {
            state.world.journal.follow(true);
            let must_publish = !std::mem::replace(&mut state.feed.is_publishing, true);
            (state.feed.open(account, login), must_publish)
        });
        if must_publish {
            tokio::spawn(publish(self.clone()));
        }
        opened
    }

    fn close_feed(&self, id: u64) {
        self.with(|state, _| state.feed.close(id));
    }

    fn subscribe_feed(&self, id: u64, text: &[u8]) {
        self.with(|state, now| state.feed.subscribe(id, text, &mut state.faults, now));
    }
}

/// Publishes until nobody follows any more.
async fn publish(sim: Sim) {
    loop {
        sim.sleep(until_poll(sim.now())).await;
        let is_over = sim.with(|state, now| {
            let items = state.world.journal.take_queue();
            state.feed.publish(&items, &mut state.faults, now);
            if state.feed.followers.is_empty() {
                state.feed.is_publishing = false;
                state.world.journal.follow(false);
            }
            !state.feed.is_publishing
        });
        if is_over {
            break;
        }
    }
}

/// The publisher has run since before anybody connected: its polls are at even seconds.
fn until_poll(now: Timestamp) -> Duration {
    let interval = i64::try_from(POLL_INTERVAL.as_millis()).unwrap_or(i64::MAX);
    let since = now.as_millisecond().rem_euclid(interval);
    Duration::from_millis((interval - since).unsigned_abs())
}

#[cfg(test)]
mod tests;
