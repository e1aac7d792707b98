//! What an election does next, from what was seen and when: no clock, no I/O.
//!
//! Two promises rest on this file. Nobody takes the Lease from a holder that may still act: it is taken when it is free,
//! when its holder is provably dead, or when it did not change for its whole duration *by our clock, counted from when we
//! saw it*; no two clocks are ever compared. And nobody goes on as holder unless the Lease itself says that nobody else
//! held it meanwhile: every write replaces a version that was read.

use std::time::Duration;

use tokio::time::Instant;

use super::record::Record;

/// The times of an election; the defaults are those of Kubernetes' own components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElectionTimes {
    /// How long a holder is left alone after it was last seen to renew.
    pub lease: Duration,
    /// How long after the start of a renewal that went well its holder may act. What is left until `lease` is over is
    /// for what is already on the wire.
    pub renew_deadline: Duration,
    /// Between two looks or renewals, before jitter.
    pub retry: Duration,
    /// How much longer that may be by chance.
    pub jitter: Duration,
    /// One call to the API server.
    pub call: Duration,
}

/// What this process is in the election.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// It does not hold the Lease.
    Standby,
    /// It wrote the Lease last, as far as it knows.
    Holder {
        /// The version that it wrote.
        version: String,
        /// The change of hands that made it the holder.
        transitions: i32,
    },
}

/// The Lease as it was last read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// What it says; `None` when there is none.
    pub record: Option<Record>,
    /// Since when it says so, by our clock: the moment before the first read that showed it.
    pub since: Instant,
    /// If there is none, what we saw before somebody deleted it: its holder may not know of that yet.
    pub deleted: Option<Record>,
}

/// Whether a holder that is not us can still act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It runs, or may run: everything that is not known for sure.
    Possible,
    /// It is gone for good.
    Over,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Take the Lease, replacing what was seen.
    Acquire,
    /// Write it anew as its holder, replacing this version.
    Renew {
        /// The version to replace.
        version: String,
    },
    /// Leave it to its holder, and do not try before this moment.
    Wait {
        /// When it may be ours.
        until: Instant,
    },
    /// Somebody else held it since we last did: stop acting.
    Lost,
}

// === impl ElectionTimes ===

impl Default for ElectionTimes {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry: Duration::from_secs(2),
            jitter: Duration::from_millis(400),
            call: Duration::from_secs(5),
        }
    }
}

impl ElectionTimes {
    /// The pause before the next look; `spread` is in 0..1.
    #[must_use]
    pub fn pause(&self, spread: f64) -> Duration {
        self.retry + self.jitter.mul_f64(spread.clamp(0.0, 1.0))
    }
}

// === impl Sight ===

impl Sight {
    /// Takes a read in that began at `asked_at`. A record that says what the one before said is as old as that one.
    #[must_use]
    pub fn next(before: Option<&Self>, record: Option<Record>, asked_at: Instant) -> Self {
        let same = before.filter(|before| match (&before.record, &record) {
            (Some(before), Some(now)) => before.says_the_same(now),
            (None, None) => true,
            _ => false,
        });
        let since = same.map_or(asked_at, |before| before.since);
        let deleted = match (&record, before) {
            (None, Some(before)) => before.record.as_ref().or(before.deleted.as_ref()).cloned(),
            _ => None,
        };
        Self { record, since, deleted }
    }
}

/// What `me` does next. `life` is about the holder that was seen.
#[must_use]
pub fn decide(
    role: &Role,
    seen: &Sight,
    me: &str,
    life: Life,
    times: &ElectionTimes,
    now: Instant,
) -> Decision {
    match role {
        Role::Holder { version, transitions } => as_holder(version, *transitions, seen, me),
        Role::Standby => as_standby(seen, me, life, times, now),
    }
}

fn as_standby(seen: &Sight, me: &str, life: Life, times: &ElectionTimes, now: Instant) -> Decision {
    // Who deletes a Lease does not stop its holder, which goes on until its next renewal fails.
    let record = seen.record.as_ref().or(seen.deleted.as_ref());
    let Some(record) = record else { return Decision::Acquire };
    match record.holder.as_deref() {
        None => return Decision::Acquire,
        // A write of ours whose answer was lost. Nobody acts on it.
        Some(holder) if holder == me => return Decision::Acquire,
        Some(_) if life == Life::Over => return Decision::Acquire,
        Some(_) => {}
    }
    // The holder may have been promised more than we would ask for, never less.
    let left_alone = record.duration.map_or(times.lease, |duration| duration.max(times.lease));
    let until = seen.since + left_alone;
    if now >= until { Decision::Acquire } else { Decision::Wait { until } }
}

fn as_holder(version: &str, transitions: i32, seen: &Sight, me: &str) -> Decision {
    let Some(record) = &seen.record else {
        // Deleted. Somebody may have made another one and lost that too; it costs us a new term to be sure.
        return Decision::Lost;
    };
    let is_untouched = record.version == version;
    // Our own write whose answer was lost, or somebody's label on the object: it still is the change of hands that made
    // us the holder, and each counts one up.
    let is_ours = record.holder.as_deref() == Some(me) && record.transitions == transitions;
    if is_untouched || is_ours {
        Decision::Renew { version: record.version.clone() }
    } else {
        Decision::Lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: ElectionTimes = ElectionTimes {
        lease: Duration::from_secs(15),
        renew_deadline: Duration::from_secs(10),
        retry: Duration::from_secs(2),
        jitter: Duration::from_millis(400),
        call: Duration::from_secs(5),
    };

    fn record(version: &str, holder: &str, transitions: i32) -> Record {
        Record {
            version: version.to_owned(),
            holder: Some(holder.to_owned()).filter(|holder| !holder.is_empty()),
            duration: Some(Duration::from_secs(15)),
            renewed: None,
            transitions,
        }
    }

    /// What a standby does `after` seconds from when it first saw this.
    fn standby(record: Option<Record>, life: Life, after: u64) -> Decision {
        let since = Instant::now();
        let now = since + Duration::from_secs(after);
        decide(&Role::Standby, &Sight { record, since, deleted: None }, "me", life, &TIMES, now)
    }

    fn is_wait(decision: &Decision) -> bool {
        matches!(decision, Decision::Wait { .. })
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_is_taken_when_it_is_free_or_ours_or_its_holder_is_dead() {
        assert_eq!(standby(None, Life::Possible, 0), Decision::Acquire);
        assert_eq!(standby(Some(record("1", "", 0)), Life::Possible, 0), Decision::Acquire);
        assert_eq!(standby(Some(record("1", "me", 0)), Life::Possible, 0), Decision::Acquire);
        assert_eq!(standby(Some(record("1", "you", 0)), Life::Over, 0), Decision::Acquire);
    }

    #[tokio::test(start_paused = true)]
    async fn a_holder_that_may_live_is_left_alone_for_the_whole_duration() {
        for after in [0, 10, 14] {
            assert!(is_wait(&standby(Some(record("1", "you", 0)), Life::Possible, after)));
        }
        assert_eq!(standby(Some(record("1", "you", 0)), Life::Possible, 15), Decision::Acquire);
    }

    #[tokio::test(start_paused = true)]
    async fn a_holder_that_was_promised_more_gets_it_and_one_that_asked_for_less_does_not() {
        let long = || Record { duration: Some(Duration::from_secs(60)), ..record("1", "you", 0) };
        assert!(is_wait(&standby(Some(long()), Life::Possible, 59)));
        assert_eq!(standby(Some(long()), Life::Possible, 60), Decision::Acquire);
        let short = Record { duration: Some(Duration::from_secs(1)), ..record("1", "you", 0) };
        assert!(is_wait(&standby(Some(short), Life::Possible, 14)));
        let none = Record { duration: None, ..record("1", "you", 0) };
        assert!(is_wait(&standby(Some(none), Life::Possible, 14)));
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_counts_from_when_we_saw_the_record_change() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let renewed = |second| Record {
            renewed: Some(jiff::Timestamp::from_second(second).unwrap()),
            ..record("1", "you", 0)
        };
        let first = Sight::next(None, Some(renewed(1)), at(0));
        let same = Sight::next(Some(&first), Some(renewed(1)), at(10));
        assert_eq!(same.since, at(0));
        let label = Record { version: "2".to_owned(), ..renewed(1) };
        assert_eq!(Sight::next(Some(&same), Some(label), at(11)).since, at(0));
        // A holder whose clock goes back is alive all the same.
        let next = Sight::next(Some(&same), Some(renewed(-500)), at(12));
        assert_eq!(next.since, at(12));
        assert_eq!(Sight::next(Some(&next), None, at(13)).since, at(13));
    }

    #[tokio::test(start_paused = true)]
    async fn a_holder_whose_lease_was_deleted_is_left_alone_as_long_as_any() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let decide = |seen: &Sight, life, second| {
            decide(&Role::Standby, seen, "me", life, &TIMES, at(second))
        };
        let held = Sight::next(None, Some(record("1", "you", 0)), at(0));
        let deleted = Sight::next(Some(&held), None, at(20));
        let still = Sight::next(Some(&deleted), None, at(30));
        assert!(is_wait(&decide(&deleted, Life::Possible, 20)));
        assert!(is_wait(&decide(&still, Life::Possible, 34)));
        assert_eq!(decide(&still, Life::Possible, 35), Decision::Acquire);
        assert_eq!(decide(&deleted, Life::Over, 20), Decision::Acquire);
        let ours = Sight::next(None, Some(record("1", "me", 0)), at(0));
        assert_eq!(
            decide(&Sight::next(Some(&ours), None, at(1)), Life::Possible, 1),
            Decision::Acquire
        );
        let again = Sight::next(Some(&still), Some(record("7", "", 0)), at(31));
        assert_eq!(decide(&again, Life::Possible, 31), Decision::Acquire);
    }

    #[track_caller]
    fn check_holder(seen: Option<Record>, expected: &Decision) {
        let since = Instant::now();
        let role = Role::Holder { version: "5".to_owned(), transitions: 2 };
        let seen = Sight { record: seen, since, deleted: None };
        // However long it was away: only the Lease says whether somebody else acted.
        for after in [0, 60, 100_000] {
            let now = since + Duration::from_secs(after);
            assert_eq!(&decide(&role, &seen, "me", Life::Possible, &TIMES, now), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_holder_goes_on_only_if_nobody_held_the_lease_meanwhile() {
        let renew = |version: &str| Decision::Renew { version: version.to_owned() };
        check_holder(Some(record("5", "me", 2)), &renew("5"));
        check_holder(Some(record("6", "me", 2)), &renew("6"));
        check_holder(Some(record("6", "you", 3)), &Decision::Lost);
        check_holder(Some(record("6", "", 2)), &Decision::Lost);
        check_holder(Some(record("9", "me", 4)), &Decision::Lost);
        check_holder(None, &Decision::Lost);
    }

    #[test]
    fn a_pause_is_never_shorter_than_the_retry() {
        assert_eq!(TIMES.pause(0.0), Duration::from_secs(2));
        assert_eq!(TIMES.pause(1.0), Duration::from_millis(2400));
        assert_eq!(TIMES.pause(9.0), Duration::from_millis(2400));
    }

    #[test]
    fn what_a_holder_may_still_have_on_the_wire_fits_before_its_lease_is_over() {
        let left = TIMES.lease - TIMES.renew_deadline;
        assert!(left > crate::fence::CONNECT_LIMIT);
        assert_eq!(TIMES, ElectionTimes::default());
    }
}
