//! The same seed makes the same run.

use simulation::{Plan, Profile, Run};

#[test]
fn a_seed_makes_the_same_run_twice() {
    // Seeds in which no two requests wait for one signature: docs/reliability/simulation.md says why it matters.
    for (seed, profile) in [(4, Profile::Kube), (5, Profile::Twins)] {
        let run =
            move || Run { seed, plan: Plan::draw(seed, profile), ..Run::default() }.go().unwrap();
        // In another thread, whose hash maps are seeded otherwise.
        let (one, other) = (run(), std::thread::spawn(run).join().unwrap());
        let differs = one.lines().into_iter().zip(other.lines()).find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed} of {profile:?}");
        assert_eq!(one.fingerprint, other.fingerprint, "seed {seed} of {profile:?}");
        assert!(one.lines().len() > 100, "hardly anything happened");
    }
}

#[test]
fn another_seed_makes_another_run() {
    let run =
        |seed| Run { seed, plan: Plan::draw(seed, Profile::Calm), ..Run::default() }.go().unwrap();
    assert_ne!(run(1).fingerprint, run(2).fingerprint);
}
