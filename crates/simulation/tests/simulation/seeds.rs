//! Seeds of each profile: whatever happens in them, no promise is broken.

use simulation::{Plan, Profile, Run};

/// Of each profile. Few, because this is a debug build.
const SEEDS: u64 = 12;

#[track_caller]
fn check(profile: Profile) {
    let mut lives = 0;
    for seed in 0..SEEDS {
        let outcome = Run { seed, plan: Plan::draw(seed, profile), ..Run::default() }.go().unwrap();
        let found: Vec<String> = outcome.violations.iter().map(ToString::to_string).collect();
        assert!(
            found.is_empty(),
            "--replay {seed} --profile {profile:?}:\n{}\n{}",
            found.join("\n"),
            outcome.lines().join("\n")
        );
        lives += outcome.lives;
    }
    assert!(lives as u64 > SEEDS, "hardly any pods: {lives}");
}

#[test]
fn everything_at_once_breaks_no_promise() {
    check(Profile::All);
}

#[test]
fn a_calm_world_breaks_no_promise() {
    check(Profile::Calm);
}

#[test]
fn a_failing_api_server_breaks_no_promise() {
    check(Profile::Kube);
}

#[test]
fn a_failing_cloudapi_breaks_no_promise() {
    check(Profile::Cloud);
}

#[test]
fn dying_processes_break_no_promise() {
    check(Profile::Crash);
}

#[test]
fn what_makes_twins_breaks_no_promise() {
    check(Profile::Twins);
}

#[test]
fn guests_break_no_promise() {
    check(Profile::Guests);
}
