//! The same seed makes the same run.

use simulation::{Plan, Profile, Run};

/// Of each profile. Others than those of `seeds`, which run for what they show.
const SEEDS: std::ops::Range<u64> = 100..104;

/// Profiles in which things fail, so that what waits for the same thing is let go together.
const PROFILES: [Profile; 5] =
    [Profile::All, Profile::Kube, Profile::Cloud, Profile::Crash, Profile::Twins];

#[test]
fn a_seed_makes_the_same_run_twice() {
    let mut lines = 0;
    for (profile, seed) in PROFILES.into_iter().flat_map(|of| SEEDS.map(move |seed| (of, seed))) {
        let run =
            move || Run { seed, plan: Plan::draw(seed, profile), ..Run::default() }.go().unwrap();
        // In another thread, whose hash maps are seeded otherwise.
        let (one, other) = (run(), std::thread::spawn(run).join().unwrap());
        assert_eq!(one.differs_from(&other), None, "seed {seed} of {profile:?}");
        lines += one.lines().len();
    }
    assert!(lines > 10_000, "hardly anything happened");
}

#[test]
fn another_seed_makes_another_run() {
    let run =
        |seed| Run { seed, plan: Plan::draw(seed, Profile::Calm), ..Run::default() }.go().unwrap();
    assert_ne!(run(1).fingerprint, run(2).fingerprint);
}
