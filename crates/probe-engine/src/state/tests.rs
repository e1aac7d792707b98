//! Rows of the kubelet's `worker_test.go` and of the order in `worker.go`, without a clock.

use std::net::Ipv4Addr;

use super::*;

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

fn thresholds(success: u32, failure: u32) -> Thresholds {
    Thresholds { success, failure }
}

fn running(incarnation: &str) -> Facts {
    Facts {
        incarnation: incarnation.into(),
        address: Some(ADDRESS),
        running_for: Some(Duration::ZERO),
        terminating: false,
        was_ready: false,
    }
}

fn down(incarnation: &str) -> Facts {
    Facts { running_for: None, ..running(incarnation) }
}

fn met(kind: Kind, facts: &Facts) -> State {
    let mut state = State::new(kind);
    assert_eq!(state.meet(facts), None);
    state
}

/// Answers: `.` success, `w` warning, `x` failure, `?` unknown; `!` a new incarnation.
fn feed(state: &mut State, answers: &str, thresholds: Thresholds) -> String {
    let mut lives = 1;
    let mut told = String::new();
    for answer in answers.chars() {
        let changed = match answer {
            '.' => state.observe(&Outcome::Success(String::new()), thresholds),
            'w' => state.observe(&Outcome::Warning(String::new()), thresholds),
            'x' => state.observe(&Outcome::Failure(String::new()), thresholds),
            '?' => state.observe(&Outcome::Unknown(String::new()), thresholds),
            '!' => {
                lives += 1;
                state.meet(&running(&lives.to_string()))
            }
            other => panic!("no such answer: {other}"),
        };
        told.push(match changed {
            None => '-',
            Some(Verdict::Success) => 'H',
            Some(Verdict::Failure) => 'U',
            Some(Verdict::Unknown) => '?',
        });
    }
    told
}

mod observing {
    use super::*;

    /// Told: `H` now success, `U` now failure, `?` now unknown, `-` no change.
    #[track_caller]
    fn check(kind: Kind, thresholds: Thresholds, answers: &str, told: &str) {
        let mut state = met(kind, &running("1"));
        assert_eq!(feed(&mut state, answers, thresholds), told);
    }

    #[test]
    fn failures_must_come_in_a_row() {
        check(Kind::Readiness, thresholds(1, 3), ".xx.xxx", "H-----U");
        check(Kind::Readiness, thresholds(1, 3), "...xx.xx", "H-------");
        check(Kind::Readiness, thresholds(1, 3), ".xxx.xxx", "H--UH--U");
    }

    #[test]
    fn successes_must_come_in_a_row() {
        check(Kind::Readiness, thresholds(3, 1), "..x...x", "-----HU");
        check(Kind::Readiness, thresholds(3, 1), "..", "--");
    }

    #[test]
    fn staying_the_same_is_no_news() {
        check(Kind::Readiness, thresholds(1, 1), "xx..xx", "--H-U-");
        check(Kind::Liveness, thresholds(1, 3), "...xx", "-----");
    }

    #[test]
    fn a_warning_is_a_success() {
        check(Kind::Readiness, thresholds(1, 3), "wxxwxxx", "H-----U");
    }

    #[test]
    fn an_unknown_answer_neither_counts_nor_breaks_a_run() {
        check(Kind::Readiness, thresholds(1, 3), ".xx?x", "H---U");
        check(Kind::Liveness, thresholds(1, 1), "???", "---");
    }

    #[test]
    fn liveness_fails_at_its_threshold() {
        check(Kind::Liveness, thresholds(1, 3), ".xxx", "---U");
    }

    #[test]
    fn startup_is_unknown_until_it_succeeds_or_fails() {
        check(Kind::Startup, thresholds(1, 3), ".", "H");
        check(Kind::Startup, thresholds(1, 3), "xx", "--");
        check(Kind::Startup, thresholds(1, 3), "xxx", "--U");
        check(Kind::Startup, thresholds(1, 2), "x.", "-H");
    }

    #[test]
    fn a_new_incarnation_begins_from_the_initial_value() {
        check(Kind::Readiness, thresholds(1, 3), ".!.", "HUH");
        check(Kind::Liveness, thresholds(1, 1), "x!.", "UH-");
        check(Kind::Startup, thresholds(1, 1), "x!.", "U?H");
        check(Kind::Startup, thresholds(1, 1), ".!x", "H?U");
    }

    #[test]
    fn the_run_outlives_an_incarnation() {
        // As in worker.go: only the hold zeroes it.
        check(Kind::Liveness, thresholds(1, 3), "xx!x", "---U");
    }

    #[test]
    fn a_threshold_of_nought_is_a_threshold_of_one() {
        check(Kind::Readiness, thresholds(0, 0), ".x", "HU");
    }
}

mod holding {
    use super::*;

    /// Of each answer: the run after it, and `h` if then on hold.
    #[track_caller]
    fn check(kind: Kind, thresholds: Thresholds, answers: &str, runs: &str) {
        let mut state = met(kind, &running("1"));
        let mut found = Vec::new();
        for answer in answers.chars() {
            feed(&mut state, &answer.to_string(), thresholds);
            found.push(format!("{}{}", state.run(), if state.is_on_hold() { "h" } else { "" }));
        }
        assert_eq!(found.join(" "), runs);
    }

    #[test]
    fn startup_is_held_by_any_verdict() {
        check(Kind::Startup, thresholds(1, 3), ".", "0h");
        check(Kind::Startup, thresholds(1, 3), "xxx", "1 2 0h");
    }

    #[test]
    fn liveness_is_held_by_failure() {
        check(Kind::Liveness, thresholds(1, 3), ".xxx", "1 1 2 0h");
        check(Kind::Liveness, thresholds(1, 1), "x", "0h");
    }

    #[test]
    fn readiness_is_never_held() {
        check(Kind::Readiness, thresholds(1, 2), "xxx.", "1 2 3 1");
    }

    #[test]
    fn what_is_held_is_not_asked_until_the_next_incarnation() {
        for kind in [Kind::Startup, Kind::Liveness] {
            let mut state = met(kind, &running("1"));
            let started = kind == Kind::Liveness;
            let decide = |state: &State, incarnation: &str| {
                state.decide(&running(incarnation), Duration::ZERO, started, Duration::ZERO)
            };
            assert_eq!(decide(&state, "1"), Decision::Ask(ADDRESS));
            feed(&mut state, "x", thresholds(1, 1));
            assert_eq!(decide(&state, "1"), Decision::Skip);
            assert_eq!(state.meet(&running("1")), None);
            assert_eq!(state.verdict(), Verdict::Failure);
            state.meet(&running("2"));
            assert_eq!(decide(&state, "2"), Decision::Ask(ADDRESS));
        }
    }
}

mod meeting {
    use super::*;

    #[track_caller]
    fn check(kind: Kind, facts: &Facts, verdict: Verdict) {
        let mut state = State::new(kind);
        state.meet(facts);
        assert_eq!(state.verdict(), verdict);
    }

    #[test]
    fn initial_values_are_the_kubelets() {
        check(Kind::Readiness, &running("1"), Verdict::Failure);
        check(Kind::Liveness, &running("1"), Verdict::Success);
        check(Kind::Startup, &running("1"), Verdict::Unknown);
    }

    #[test]
    fn what_was_ready_before_the_engine_began_stays_ready_and_started() {
        let ready = Facts { was_ready: true, ..running("1") };
        check(Kind::Readiness, &ready, Verdict::Success);
        check(Kind::Startup, &ready, Verdict::Success);
        check(Kind::Liveness, &ready, Verdict::Success);
    }

    #[test]
    fn what_was_ready_but_does_not_run_is_not() {
        check(Kind::Readiness, &Facts { was_ready: true, ..down("1") }, Verdict::Failure);
        check(Kind::Startup, &Facts { was_ready: true, ..down("1") }, Verdict::Unknown);
    }

    #[test]
    fn being_ready_before_is_inherited_by_the_first_incarnation_only() {
        let mut state = State::new(Kind::Readiness);
        let ready = |incarnation| Facts { was_ready: true, ..running(incarnation) };
        assert_eq!(state.meet(&ready("1")), Some(Verdict::Success));
        assert_eq!(state.meet(&ready("1")), None);
        assert_eq!(state.meet(&ready("2")), Some(Verdict::Failure));
    }

    #[test]
    fn an_incarnation_not_known_yet_changes_nothing() {
        let mut state = met(Kind::Readiness, &running("1"));
        feed(&mut state, ".", thresholds(1, 1));
        let life = state.life();
        assert_eq!(state.meet(&running("")), None);
        assert_eq!((state.verdict(), state.life()), (Verdict::Success, life));
    }

    #[test]
    fn running_again_under_the_same_name_is_a_new_life() {
        let mut state = met(Kind::Liveness, &running("1"));
        feed(&mut state, "x", thresholds(1, 1));
        let life = state.life();
        assert_eq!(state.meet(&down("1")), None);
        assert!(state.is_on_hold());
        assert_eq!(state.meet(&running("1")), Some(Verdict::Success));
        assert!(!state.is_on_hold());
        assert_ne!(state.life(), life);
    }
}

mod deciding {
    use super::*;

    const NO_DELAY: Duration = Duration::ZERO;
    const ALL: [Kind; 3] = Kind::ALL;
    const ASK: Decision = Decision::Ask(ADDRESS);

    /// `started` is as the kind needs it to be asked.
    #[track_caller]
    fn check(kinds: &[Kind], facts: &Facts, delay: Duration, expected: Decision) {
        for &kind in kinds {
            let mut state = State::new(kind);
            state.meet(facts);
            let started = kind != Kind::Startup;
            assert_eq!(state.decide(facts, Duration::ZERO, started, delay), expected, "{kind}");
        }
    }

    fn running_for(millis: u64) -> Facts {
        Facts { running_for: Some(Duration::from_millis(millis)), ..running("1") }
    }

    #[test]
    fn what_runs_is_asked() {
        check(&ALL, &running("1"), NO_DELAY, ASK);
    }

    #[test]
    fn without_an_incarnation_nothing_is_done() {
        check(&ALL, &running(""), NO_DELAY, Decision::Skip);
        check(&ALL, &down(""), NO_DELAY, Decision::Skip);
    }

    #[test]
    fn what_does_not_run_fails_unasked() {
        check(&ALL, &down("1"), NO_DELAY, Decision::Set(Verdict::Failure));
    }

    #[test]
    fn termination_ends_startup_and_liveness_and_readiness_goes_on() {
        let facts = Facts { terminating: true, ..running("1") };
        check(&[Kind::Startup, Kind::Liveness], &facts, NO_DELAY, Decision::Exit(Verdict::Success));
        check(&[Kind::Readiness], &facts, NO_DELAY, ASK);
    }

    #[test]
    fn what_terminates_but_does_not_run_has_failed_first() {
        let facts = Facts { terminating: true, ..down("1") };
        check(&ALL, &facts, NO_DELAY, Decision::Set(Verdict::Failure));
    }

    #[test]
    fn the_initial_delay_counts_in_whole_seconds() {
        let ten = Duration::from_secs(10);
        check(&ALL, &running_for(0), ten, Decision::Skip);
        check(&ALL, &running_for(9_990), ten, Decision::Skip);
        check(&ALL, &running_for(10_000), ten, ASK);
        check(&ALL, &running_for(100_000), ten, ASK);
        check(&ALL, &running_for(500), Duration::from_millis(900), ASK);
    }

    #[test]
    fn time_since_the_observation_counts_for_the_delay() {
        let state = met(Kind::Readiness, &running_for(4_000));
        let decide = |since| {
            let delay = Duration::from_secs(10);
            state.decide(&running_for(4_000), Duration::from_millis(since), true, delay)
        };
        assert_eq!(decide(5_999), Decision::Skip);
        assert_eq!(decide(6_000), ASK);
    }

    #[test]
    fn startup_comes_first_and_only_once() {
        #[track_caller]
        fn check(kind: Kind, started: bool, expected: Decision) {
            let facts = running("1");
            let decision = met(kind, &facts).decide(&facts, Duration::ZERO, started, NO_DELAY);
            assert_eq!(decision, expected, "{kind}");
        }
        check(Kind::Startup, false, ASK);
        check(Kind::Startup, true, Decision::Skip);
        check(Kind::Liveness, false, Decision::Skip);
        check(Kind::Liveness, true, ASK);
        check(Kind::Readiness, false, Decision::Skip);
        check(Kind::Readiness, true, ASK);
    }

    #[test]
    fn what_has_no_address_yet_is_not_asked() {
        check(&ALL, &Facts { address: None, ..running("1") }, NO_DELAY, Decision::Skip);
    }

    #[test]
    fn the_hold_comes_before_everything_that_could_change_belief() {
        let mut state = met(Kind::Liveness, &running("1"));
        feed(&mut state, "x", thresholds(1, 1));
        for facts in [down("1"), Facts { terminating: true, ..running("1") }] {
            let decision = state.decide(&facts, Duration::ZERO, true, NO_DELAY);
            assert_eq!(decision, Decision::Skip);
        }
    }
}
