//! When to list next, decided without clock or I/O.

use std::time::Duration;

use tokio::time::Instant;

use crate::limits::Limits;

/// A list is not asked for sooner than this after the last one was, whatever happens.
const APART_MIN: Duration = Duration::from_millis(100);

/// The longest wait for the next list after one that failed.
const FAILED_WAIT: Duration = Duration::from_secs(5);

/// How long the first list waits for the changefeed, so that one list serves both.
const FEED_FIRST: Duration = Duration::from_secs(2);

/// A pod whose change has been awaited for so long is looked for at a tenth of that time.
const PATIENCE: u32 = 10;

/// Lists for what is expected, and because of hints, are so much closer together where they cost little: one page, and
/// few pods expect something or a trusted feed bounds their number. What a pod waits for its status is half of it.
const QUICKER: u32 = 2;

/// With a trusted feed, between lists for what is expected when [`Allowance`] is used up.
const FRUGAL: Duration = Duration::from_secs(10);

/// With a trusted feed, between lists because of hints when [`Allowance`] is used up.
const FRUGAL_HINTS: Duration = Duration::from_secs(5);

/// A list that is this long or longer in pages counts for the idle interval as one of this many.
const PAGES_COUNTED_MAX: u32 = 2;

/// Pods that expect something at a time and are few: lists for them are paid from what time brings.
const FEW: usize = 8;

/// Pages that time brings at most, and how often it brings one.
const BY_TIME_MAX: f64 = 80.0;
const BY_TIME_EVERY: Duration = Duration::from_secs(10);

/// What a pod brings when it begins to expect something, which it does twice in a life. A list that is faster than the
/// feed is not free: what it shows to be missing is read, so a life in a crowd costs up to a tenth of a request.
const BY_POD: f64 = 0.02;

/// Pages that pods bring at most before they are spent.
const BY_POD_MAX: f64 = 500.0;

/// Everything the decision rests on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// When the process began to observe.
    pub began_at: Instant,
    /// The last list.
    pub last: Option<Last>,
    /// The changefeed is connected.
    pub feed_up: bool,
    /// It was refused, or could not be connected: there is no use in waiting for it.
    pub feed_down: bool,
    /// It is believed.
    pub feed_trusted: bool,
    /// Since when the youngest expectation lasts.
    pub expecting_since: Option<Instant>,
    /// How many pods expect something.
    pub expecting: usize,
    /// Something happened that only a list explains, first at.
    pub hinted_at: Option<Instant>,
    /// Something was told that a list is to confirm, first at.
    pub told_at: Option<Instant>,
    /// When a list was last made for a hint.
    pub served_at: Option<Instant>,
    /// Whether lists beside the regular ones can be afforded.
    pub can_afford: bool,
    /// Waits and bounds.
    pub limits: &'a Limits,
}

/// The last list.
#[derive(Clone, Copy, Debug)]
pub struct Last {
    /// When it was asked for.
    pub asked_at: Instant,
    /// When it was there, or had failed.
    pub ended_at: Instant,
    /// Whether it was complete.
    pub ok: bool,
    /// How many pages it had.
    pub pages: u32,
}

/// Why a list is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It is the first.
    First,
    /// The last one failed.
    Failed,
    /// Something happened that only a list explains.
    Hint,
    /// Something is expected to change.
    Expected,
    /// The changefeed told something that a list is to confirm.
    Confirm,
    /// It is time.
    Interval,
}

/// The pages that lists beside the regular ones may cost while the feed is trusted: a pod that is alone is followed
/// closely, and in a crowd each costs a twenty-fifth of a page in its life.
#[derive(Clone, Debug)]
pub struct Allowance {
    by_time: f64,
    filled_at: Instant,
    by_pod: f64,
}

/// When to list next, and why.
#[must_use]
pub fn next(facts: &Facts<'_>) -> (Instant, Reason) {
    let Some(last) = facts.last else {
        let patience = if facts.feed_up || facts.feed_down { Duration::ZERO } else { FEED_FIRST };
        return (facts.began_at + patience, Reason::First);
    };
    let limits = facts.limits;
    if !last.ok {
        let wait = limits.list_idle.min(FAILED_WAIT);
        return ((last.asked_at + wait).max(last.ended_at + limits.list_busy), Reason::Failed);
    }
    let soonest = last.asked_at + APART_MIN;
    let hint = facts.hinted_at.map(|at| {
        let apart = if is_frugal(facts) { FRUGAL_HINTS } else { busy(facts, last.pages) };
        let served = facts.served_at.map_or(at, |served| served + apart);
        (served.max(at).max(soonest), Reason::Hint)
    });
    let expected = facts.expecting_since.map(|since| {
        let wait = pace(last.asked_at.saturating_duration_since(since), facts, last.pages);
        ((last.asked_at + wait).max(soonest), Reason::Expected)
    });
    let confirm = facts.told_at.map(|at| ((at + limits.list_idle).max(soonest), Reason::Confirm));
    let regular =
        (last.asked_at + interval(facts.feed_trusted, last.pages, limits), Reason::Interval);
    [hint, expected, confirm]
        .into_iter()
        .flatten()
        .fold(regular, |earliest, reason| if reason.0 < earliest.0 { reason } else { earliest })
}

/// Between two lists while nothing happens.
#[must_use]
pub fn interval(feed_trusted: bool, pages: u32, limits: &Limits) -> Duration {
    if feed_trusted {
        let pages = pages.clamp(1, PAGES_COUNTED_MAX);
        limits.list_idle_feed.saturating_mul(pages).max(limits.list_idle)
    } else {
        limits.list_idle
    }
}

/// Between two lists while something is expected: what has been awaited for long may hang for ever.
fn pace(awaited: Duration, facts: &Facts<'_>, pages: u32) -> Duration {
    let limits = facts.limits;
    let least = if is_frugal(facts) { FRUGAL.max(limits.list_busy) } else { busy(facts, pages) };
    (awaited / PATIENCE).min(limits.list_idle).max(least)
}

/// Between two lists while something is expected that has not been for long.
fn busy(facts: &Facts<'_>, pages: u32) -> Duration {
    let is_cheap = pages <= 1 && (facts.feed_trusted || facts.expecting <= FEW);
    if is_cheap { facts.limits.list_busy / QUICKER } else { facts.limits.list_busy }
}

/// Whether the allowance is used up.
fn is_frugal(facts: &Facts<'_>) -> bool {
    facts.feed_trusted && !facts.can_afford
}

// === impl Allowance ===

impl Allowance {
    /// That of a process which has rested.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { by_time: BY_TIME_MAX, filled_at: now, by_pod: 0.0 }
    }

    /// So many pods more expect something.
    pub fn add(&mut self, pods: usize) {
        // No node has so many pods that a float could not count them.
        let pods = u32::try_from(pods).map_or(f64::MAX, f64::from);
        self.by_pod = (self.by_pod + pods * BY_POD).min(BY_POD_MAX);
    }

    /// A list beside the regular ones costs so many pages, which pods pay as far as they can.
    pub fn spend(&mut self, pages: u32, now: Instant) {
        let by_pod = self.by_pod.min(f64::from(pages));
        self.by_pod -= by_pod;
        self.by_time = (self.by_time(now) - f64::from(pages) + by_pod).max(0.0);
        self.filled_at = now;
    }

    /// Whether a list of so many pages can be afforded while so many pods expect something.
    #[must_use]
    pub fn can_afford(&self, pages: u32, pods: usize, now: Instant) -> bool {
        let by_time = if pods <= FEW { self.by_time(now) } else { 0.0 };
        self.by_pod + by_time >= f64::from(pages.max(1))
    }

    fn by_time(&self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        (self.by_time + passed / BY_TIME_EVERY.as_secs_f64()).min(BY_TIME_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    /// A case whose process began an hour ago and whose last list, of one page, was asked for a second ago.
    struct Case {
        now: Instant,
        limits: Limits,
    }

    impl Case {
        async fn new() -> Self {
            Self { now: Instant::now() + seconds(3600), limits: Limits::default() }
        }

        fn facts(&self) -> Facts<'_> {
            let asked_at = self.now - seconds(1);
            Facts {
                began_at: self.now - seconds(3600),
                last: Some(Last { asked_at, ended_at: asked_at, ok: true, pages: 1 }),
                feed_up: false,
                feed_down: true,
                feed_trusted: false,
                expecting_since: None,
                expecting: FEW + 1,
                hinted_at: None,
                told_at: None,
                served_at: None,
                can_afford: true,
                limits: &self.limits,
            }
        }

        fn trusted(&self) -> Facts<'_> {
            Facts { feed_up: true, feed_down: false, feed_trusted: true, ..self.facts() }
        }

        /// The next list comes so long after now, in milliseconds; less than nothing: it is overdue.
        #[track_caller]
        fn check(&self, facts: Facts<'_>, millis: i64, reason: Reason) {
            let (at, found) = next(&facts);
            let ahead = at.saturating_duration_since(self.now).as_millis();
            let behind = self.now.saturating_duration_since(at).as_millis();
            let after = i64::try_from(ahead).unwrap() - i64::try_from(behind).unwrap();
            assert_eq!((after, found), (millis, reason), "{facts:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_list_waits_a_moment_for_the_feed() {
        let case = Case::new().await;
        let first = Facts { began_at: case.now, last: None, ..case.facts() };
        case.check(first, 0, Reason::First);
        case.check(Facts { feed_down: false, ..first }, 2000, Reason::First);
        case.check(Facts { feed_up: true, feed_down: false, ..first }, 0, Reason::First);
    }

    #[tokio::test(start_paused = true)]
    async fn while_nothing_happens_lists_are_rare_and_rarer_with_a_feed_that_has_proven_itself() {
        let case = Case::new().await;
        case.check(case.facts(), 11_000, Reason::Interval);
        case.check(Facts { feed_up: true, ..case.facts() }, 11_000, Reason::Interval);
        case.check(case.trusted(), 37_000, Reason::Interval);
        let last = Last { pages: 12, ..case.facts().last.unwrap() };
        case.check(Facts { last: Some(last), ..case.trusted() }, 75_000, Reason::Interval);
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_failed_is_repeated_soon_whatever_else_is() {
        let case = Case::new().await;
        let failed = Last { ok: false, ..case.facts().last.unwrap() };
        let facts = Facts { last: Some(failed), hinted_at: Some(case.now), ..case.trusted() };
        case.check(facts, 4000, Reason::Failed);
        let slow = Last { ended_at: case.now + seconds(30), ..failed };
        case.check(Facts { last: Some(slow), ..facts }, 31_000, Reason::Failed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_hint_is_served_at_once_and_those_after_it_together() {
        let case = Case::new().await;
        let hint = Facts { hinted_at: Some(case.now), ..case.trusted() };
        case.check(hint, 0, Reason::Hint);
        let served_at = Some(case.now - Duration::from_millis(300));
        let last = Last { asked_at: case.now - Duration::from_millis(300), ..hint.last.unwrap() };
        let second = Facts { served_at, last: Some(last), ..hint };
        case.check(second, 200, Reason::Hint);
        case.check(Facts { can_afford: false, ..second }, 4700, Reason::Hint);
        case.check(Facts { can_afford: false, feed_trusted: false, ..second }, 700, Reason::Hint);
        let just_now = Last { asked_at: case.now - Duration::from_millis(40), ..last };
        case.check(Facts { last: Some(just_now), served_at: None, ..hint }, 60, Reason::Hint);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_expected_is_looked_for_every_second_and_ever_more_rarely_when_it_hangs() {
        let case = Case::new().await;
        let expecting =
            |ago| Facts { expecting_since: Some(case.now - seconds(ago)), ..case.facts() };
        case.check(expecting(1), 0, Reason::Expected);
        case.check(expecting(9), 0, Reason::Expected);
        case.check(expecting(61), 5000, Reason::Expected);
        case.check(expecting(3601), 11_000, Reason::Interval);
        let hangs = Facts { feed_trusted: true, ..expecting(3601) };
        case.check(hangs, 11_000, Reason::Expected);
        case.check(Facts { can_afford: false, ..expecting(1) }, 0, Reason::Expected);
        case.check(
            Facts { can_afford: false, feed_trusted: true, ..expecting(1) },
            9000,
            Reason::Expected,
        );
    }

    #[tokio::test(start_paused = true)]
    async fn lists_are_closer_together_where_they_cost_little() {
        let case = Case::new().await;
        let asked_at = case.now;
        let last = Last { asked_at, ended_at: asked_at, ok: true, pages: 1 };
        let crowd = Facts { expecting_since: Some(case.now), last: Some(last), ..case.facts() };
        case.check(crowd, 1000, Reason::Expected);
        case.check(Facts { expecting: FEW, ..crowd }, 500, Reason::Expected);
        let trusted = Facts { feed_trusted: true, ..crowd };
        case.check(trusted, 500, Reason::Expected);
        case.check(Facts { can_afford: false, ..trusted }, 10_000, Reason::Expected);
        let long = Last { pages: 2, ..last };
        case.check(Facts { last: Some(long), ..trusted }, 1000, Reason::Expected);
        let awaited = Some(case.now - seconds(9));
        case.check(Facts { expecting_since: awaited, ..trusted }, 900, Reason::Expected);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_told_is_confirmed_within_the_interval_of_those_without_a_feed() {
        let case = Case::new().await;
        let told = Facts { told_at: Some(case.now - seconds(2)), ..case.trusted() };
        case.check(told, 10_000, Reason::Confirm);
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_pods_live_on_what_time_brings_and_a_crowd_on_what_each_of_it_brings() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        assert!(allowance.can_afford(80, FEW, start) && !allowance.can_afford(1, FEW + 1, start));
        allowance.add(1000);
        assert!(allowance.can_afford(20, 400, start) && !allowance.can_afford(21, 400, start));
        allowance.spend(20, start);
        assert!(!allowance.can_afford(1, 400, start));
        allowance.spend(80, start);
        assert!(!allowance.can_afford(1, 1, start + seconds(9)));
        assert!(allowance.can_afford(1, 1, start + seconds(11)));
        let later = start + seconds(1_000_000);
        assert!(allowance.can_afford(80, 1, later) && !allowance.can_afford(81, 1, later));
    }
}
