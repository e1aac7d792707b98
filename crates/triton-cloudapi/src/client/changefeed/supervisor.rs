//! What to do next: all that a feed decides, without clock, chance or socket.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::error::ChangefeedError;
use super::item::{ChangefeedItem, Interruption, ResyncReason};
use super::options::ChangefeedOptions;
use crate::changefeed::{Change, Novelty, Recent};
use crate::client::error::Error;
use crate::ids::InstanceId;

/// A connection that has held this long was a good one: the next wait is the shortest again.
const STABLE_AFTER: Duration = Duration::from_secs(30);

/// Frames that cannot be read ask for at most one list in this time.
const BOGUS_RESYNC_EVERY: Duration = Duration::from_secs(10);

/// Frames in a row that cannot be read, until the connection is given up.
const BOGUS_IN_A_ROW_MAX: u32 = 10;

/// Changes that may be announced at a time; what is more is not waited for.
const AWAITED_MAX: usize = 1024;

/// Something that happened.
#[derive(Debug)]
pub(super) enum Event<'a> {
    /// The connection that was asked for is there.
    Opened,
    /// It is not.
    NotOpened(ChangefeedError),
    /// A text frame came.
    Text(&'a str),
    /// A ping was answered.
    Pong,
    /// Something else came: the server is alive.
    Traffic,
    /// The connection is gone.
    Gone(Interruption),
    /// The caller says that this instance is about to change.
    Announced(InstanceId),
    /// The time that [`Supervisor::wake_at`] named has come.
    Tick,
}

/// Something to do.
#[derive(Debug)]
pub(super) enum Step {
    /// Connect.
    Open,
    /// Send the subscription.
    Subscribe,
    /// Send a ping.
    Ping,
    /// Drop the connection, or the attempt to make one.
    Close,
    /// Tell the caller.
    Tell(ChangefeedItem),
    /// Tell the caller, and end.
    Fail(ChangefeedError),
}

/// Keeps one feed alive.
#[derive(Debug)]
pub(super) struct Supervisor {
    options: ChangefeedOptions,
    phase: Phase,
    /// Attempts and short connections in a row that came to nothing.
    failures: u32,
    /// Why to list once the feed is open.
    resync_reason: ResyncReason,
    resynced_at: Instant,
    /// When the caller is to list because of a frame that could not be read.
    bogus_resync_at: Option<Instant>,
    bogus_in_a_row: u32,
    recent: Recent,
    awaited: BTreeMap<InstanceId, Awaited>,
}

#[derive(Debug)]
enum Phase {
    /// Not connected until then.
    Waiting { until: Instant },
    /// Connecting, until then at most.
    Opening { until: Instant },
    /// Connected. Changes count from [`Open::is_subscribed`] on.
    Open(Open),
}

#[derive(Debug)]
struct Open {
    opened_at: Instant,
    /// The server has answered the ping behind the subscription, so it has read the subscription.
    is_subscribed: bool,
    pinged_at: Instant,
    /// The ping is not answered yet.
    is_pong_due: bool,
    changed_at: Instant,
}

/// A change that was announced.
#[derive(Clone, Copy, Debug)]
struct Awaited {
    since: Instant,
    by: Instant,
}

// === impl Supervisor ===

impl Supervisor {
    /// A feed that connects at the first tick, which is now.
    pub(super) fn new(options: ChangefeedOptions, now: Instant) -> Self {
        Self {
            options: options.sane(),
            phase: Phase::Waiting { until: now },
            failures: 0,
            resync_reason: ResyncReason::FirstConnect,
            resynced_at: now,
            bogus_resync_at: None,
            bogus_in_a_row: 0,
            recent: Recent::default(),
            awaited: BTreeMap::new(),
        }
    }

    /// When to come back with [`Event::Tick`] if nothing happens before.
    pub(super) fn wake_at(&self) -> Instant {
        let phase = match &self.phase {
            Phase::Waiting { until } | Phase::Opening { until } => *until,
            Phase::Open(open) => {
                open.ping_due(&self.options).min(open.changed_at + self.options.silence_max)
            }
        };
        let awaited = self.awaited.values().map(|awaited| awaited.by);
        let resync = self.options.resync_every.map(|interval| self.resynced_at + interval);
        awaited.chain(resync).chain(self.bogus_resync_at).fold(phase, Instant::min)
    }

    /// Takes in what happened. `random` is from 0 to 1.
    pub(super) fn step(&mut self, event: Event<'_>, now: Instant, random: f64) -> Vec<Step> {
        match event {
            Event::Opened => self.opened(now),
            Event::NotOpened(error) if self.may_pass(&error) => {
                self.interrupt(Interruption::NotOpened(Arc::new(error)), now, random)
            }
            Event::NotOpened(error) => vec![Step::Fail(error)],
            Event::Text(text) => self.text(text, now, random),
            Event::Pong | Event::Traffic => {
                let is_pong = matches!(event, Event::Pong);
                let Phase::Open(open) = &mut self.phase else { return Vec::new() };
                open.is_pong_due = false;
                if is_pong { self.subscribed(now) } else { Vec::new() }
            }
            Event::Gone(reason) => self.interrupt(reason, now, random),
            Event::Announced(id) => {
                self.announced(id, now);
                Vec::new()
            }
            Event::Tick => self.tick(now, random),
        }
    }

    fn may_pass(&self, error: &ChangefeedError) -> bool {
        // A feed that was open once is configured well, so whatever is wrong with the connection now is not that.
        let was_open = self.resync_reason != ResyncReason::FirstConnect;
        error.is_passing() || was_open && matches!(error.call(), Some(Error::Transport { .. }))
    }

    fn opened(&mut self, now: Instant) -> Vec<Step> {
        self.bogus_in_a_row = 0;
        self.phase = Phase::Open(Open {
            opened_at: now,
            is_subscribed: false,
            pinged_at: now,
            is_pong_due: true,
            changed_at: now,
        });
        // The server confirms no subscription. But it reads frame after frame: once it answers the ping, it has read
        // what came before. A list made earlier could miss a change that is not yet told to us.
        vec![Step::Subscribe, Step::Ping]
    }

    fn subscribed(&mut self, now: Instant) -> Vec<Step> {
        let Phase::Open(open) = &mut self.phase else { return Vec::new() };
        if open.is_subscribed {
            return Vec::new();
        }
        open.is_subscribed = true;
        let reason = std::mem::replace(&mut self.resync_reason, ResyncReason::Reconnect);
        vec![Step::Tell(ChangefeedItem::Connected), self.resync(reason, now)]
    }

    fn text(&mut self, text: &str, now: Instant, random: f64) -> Vec<Step> {
        let Phase::Open(open) = &mut self.phase else { return Vec::new() };
        open.is_pong_due = false;
        let Ok(mut change) = Change::from_frame(text) else {
            return self.bogus(now, random);
        };
        open.changed_at = now;
        self.bogus_in_a_row = 0;
        self.awaited.remove(&change.instance_id);
        // Who gets changes is subscribed.
        let mut steps = self.subscribed(now);
        match self.recent.observe(&change) {
            Novelty::Duplicate => return steps,
            Novelty::Late => change.is_late = true,
            Novelty::New => {}
        }
        steps.push(Step::Tell(ChangefeedItem::Change(change)));
        steps
    }

    fn bogus(&mut self, now: Instant, random: f64) -> Vec<Step> {
        self.bogus_in_a_row += 1;
        if self.bogus_in_a_row >= BOGUS_IN_A_ROW_MAX {
            self.resync_reason = ResyncReason::BogusFrame;
            return self.interrupt(Interruption::BogusFrames, now, random);
        }
        let at = now.max(self.resynced_at + BOGUS_RESYNC_EVERY);
        self.bogus_resync_at.get_or_insert(at);
        self.resync_if_due(now).into_iter().collect()
    }

    fn announced(&mut self, id: InstanceId, now: Instant) {
        // Without a connection a list is due anyway.
        if matches!(self.phase, Phase::Open(_)) && self.awaited.len() < AWAITED_MAX {
            let by = now + self.options.announced_within;
            self.awaited.insert(id, Awaited { since: now, by });
        }
    }

    fn tick(&mut self, now: Instant, random: f64) -> Vec<Step> {
        let options = &self.options;
        let mut steps = match &mut self.phase {
            Phase::Waiting { until } if now >= *until => {
                self.phase = Phase::Opening { until: now + options.open_within };
                vec![Step::Open]
            }
            Phase::Opening { until } if now >= *until => {
                self.interrupt(Interruption::OpenTimeout, now, random)
            }
            Phase::Open(open) if now >= open.ping_due(options) => {
                if open.is_pong_due || !open.is_subscribed {
                    self.interrupt(Interruption::NoPong, now, random)
                } else {
                    (open.pinged_at, open.is_pong_due) = (now, true);
                    vec![Step::Ping]
                }
            }
            Phase::Open(open) if now >= open.changed_at + options.silence_max => self.stalled(now),
            _ => Vec::new(),
        };
        steps.extend(self.missed(now));
        steps.extend(self.resync_if_due(now));
        steps
    }

    /// Looks for changes that were announced and did not come.
    fn missed(&mut self, now: Instant) -> Vec<Step> {
        let missed = self.awaited.values().filter(|awaited| now >= awaited.by);
        let Some(since) = missed.map(|awaited| awaited.since).max() else { return Vec::new() };
        self.awaited.retain(|_, awaited| now < awaited.by);
        let Phase::Open(open) = &self.phase else { return Vec::new() };
        if open.changed_at > since {
            // Others came, so the feed lives; single changes do get lost.
            return vec![self.resync(ResyncReason::ChangeLost, now)];
        }
        self.stalled(now)
    }

    /// Gives up a connection that is silent, and makes another at once.
    fn stalled(&mut self, now: Instant) -> Vec<Step> {
        self.awaited.clear();
        self.resync_reason = ResyncReason::Stall;
        self.phase = Phase::Waiting { until: now };
        let (reason, again_in) = (Interruption::Stalled, Duration::ZERO);
        vec![Step::Close, Step::Tell(ChangefeedItem::Interrupted { reason, again_in })]
    }

    fn interrupt(&mut self, reason: Interruption, now: Instant, random: f64) -> Vec<Step> {
        if matches!(&self.phase, Phase::Open(open) if now >= open.opened_at + STABLE_AFTER) {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        self.awaited.clear();
        let again_in = self.options.wait(self.failures, random);
        self.phase = Phase::Waiting { until: now + again_in };
        vec![Step::Close, Step::Tell(ChangefeedItem::Interrupted { reason, again_in })]
    }

    fn resync_if_due(&mut self, now: Instant) -> Option<Step> {
        let interval = self.options.resync_every.map(|interval| self.resynced_at + interval);
        if self.bogus_resync_at.is_some_and(|at| now >= at) {
            Some(self.resync(ResyncReason::BogusFrame, now))
        } else if interval.is_some_and(|at| now >= at) {
            Some(self.resync(ResyncReason::Interval, now))
        } else {
            None
        }
    }

    fn resync(&mut self, reason: ResyncReason, now: Instant) -> Step {
        self.resynced_at = now;
        self.bogus_resync_at = None;
        Step::Tell(ChangefeedItem::Resync { reason })
    }
}

// === impl Open ===

impl Open {
    /// When the ping must be answered, or else when to ping again.
    fn ping_due(&self, options: &ChangefeedOptions) -> Instant {
        let is_waiting = self.is_pong_due || !self.is_subscribed;
        self.pinged_at + if is_waiting { options.pong_within } else { options.ping_every }
    }
}

#[cfg(test)]
mod tests;
