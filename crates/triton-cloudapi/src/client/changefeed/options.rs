//! What can be set about a feed.

use std::time::Duration;

use crate::changefeed::Subscription;

/// Shortest time that can be set: less would be asking without pause.
const SHORTEST: Duration = Duration::from_secs(1);

/// Longest time that can be set: as good as never, and a clock can count it.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// How to follow. The defaults fit CloudAPI: they are measured by its proxy and its publisher.
///
/// Times below a second count as a second, and those above a year as a year.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChangefeedOptions {
    /// What to be told of.
    pub subscription: Subscription,
    /// How long opening a connection may take: TCP, TLS, signature, upgrade. 30 s.
    pub open_within: Duration,
    /// How often to ping. 20 s; the proxy closes a connection on which we are silent for 55 s.
    pub ping_every: Duration,
    /// How long an answer to a ping may take. 10 s.
    pub pong_within: Duration,
    /// How long no change at all may come before the feed is opened anew. 5 min: long for a busy account, whose silence
    /// means that the feed is dead, and often enough for a quiet one, where it means nothing.
    pub silence_max: Duration,
    /// How long a change that was announced may take. 30 s; changes are published every 2 s, but a job may wait.
    pub announced_within: Duration,
    /// How often to list in any case, because single changes get lost. 60 s; `None` if the caller does so by itself.
    pub resync_every: Option<Duration>,
    /// Wait before the first attempt to connect again; doubles from there. 1 s.
    pub wait_min: Duration,
    /// Longest wait before an attempt to connect again. 30 s.
    pub wait_max: Duration,
    /// How much of a wait is left to chance, from 0 to 1. Half.
    pub jitter: f64,
    /// Changes that wait for a slow caller. 1024; beyond them all are dropped, and the caller is told to list.
    pub buffer: usize,
}

// === impl ChangefeedOptions ===

impl Default for ChangefeedOptions {
    fn default() -> Self {
        Self {
            subscription: Subscription::default(),
            open_within: Duration::from_secs(30),
            ping_every: Duration::from_secs(20),
            pong_within: Duration::from_secs(10),
            silence_max: Duration::from_secs(300),
            announced_within: Duration::from_secs(30),
            resync_every: Some(Duration::from_secs(60)),
            wait_min: Duration::from_secs(1),
            wait_max: Duration::from_secs(30),
            jitter: 0.5,
            buffer: 1024,
        }
    }
}

impl ChangefeedOptions {
    /// Sets what to be told of.
    #[must_use]
    pub fn subscription(mut self, subscription: Subscription) -> Self {
        self.subscription = subscription;
        self
    }

    /// Sets how often to list in any case.
    #[must_use]
    pub fn resync_every(mut self, interval: Option<Duration>) -> Self {
        self.resync_every = interval;
        self
    }

    /// Sets how long no change at all may come before the feed is opened anew.
    #[must_use]
    pub fn silence_max(mut self, silence: Duration) -> Self {
        self.silence_max = silence;
        self
    }

    /// Sets how long a change that was announced may take.
    #[must_use]
    pub fn announced_within(mut self, within: Duration) -> Self {
        self.announced_within = within;
        self
    }

    /// Sets how many changes wait for a slow caller.
    #[must_use]
    pub fn buffer(mut self, changes: usize) -> Self {
        self.buffer = changes;
        self
    }

    /// The same, with every time one that can be kept.
    pub(super) fn sane(mut self) -> Self {
        for time in [
            &mut self.open_within,
            &mut self.ping_every,
            &mut self.pong_within,
            &mut self.silence_max,
            &mut self.announced_within,
            &mut self.wait_min,
            &mut self.wait_max,
        ]
        .into_iter()
        .chain(&mut self.resync_every)
        {
            *time = (*time).clamp(SHORTEST, LONGEST);
        }
        if !self.jitter.is_finite() {
            self.jitter = 1.0;
        }
        self
    }

    /// How long to wait before the attempt after so many failures in a row. `random` is from 0 to 1.
    pub(super) fn wait(&self, failures: u32, random: f64) -> Duration {
        let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        let part = 1.0 - self.jitter.clamp(0.0, 1.0) * random.clamp(0.0, 1.0);
        self.wait_min.saturating_mul(factor).min(self.wait_max).mul_f64(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pings_come_before_the_proxy_loses_patience() {
        let options = ChangefeedOptions::default();
        assert!(options.ping_every + options.pong_within < Duration::from_secs(55));
    }

    #[track_caller]
    fn check(failures: u32, random: f64, seconds: f64) {
        let wait = ChangefeedOptions::default().wait(failures, random);
        assert_eq!(wait, Duration::from_secs_f64(seconds));
    }

    #[test]
    fn waits_double_up_to_the_longest_and_are_shortened_by_chance() {
        check(1, 0.0, 1.0);
        check(2, 0.0, 2.0);
        check(5, 0.0, 16.0);
        check(6, 0.0, 30.0);
        check(u32::MAX, 0.0, 30.0);
        check(2, 1.0, 1.0);
        check(2, 0.5, 1.5);
    }
}
