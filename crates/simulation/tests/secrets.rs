//! Everything that a run logs, looked through. A program of its own: `tracing` asks the thread that first comes to a place
//! in the code whether anybody listens, and a thread of another test would say no for all.

use std::time::Duration;

use simulation::plan::Kind;
use simulation::{Deed, Log, Plan, Profile, Run};

#[test]
fn no_secret_is_shown_anywhere() {
    for seed in 0..3 {
        let mut plan = Plan::draw(seed, Profile::All);
        plan.deeds.insert(0, (Duration::ZERO, Deed::Create(Kind::Secret, 2)));
        let log = Log::default();
        let outcome = Run { seed, plan, log: Some(log.clone()), ..Run::default() }.go().unwrap();
        assert_eq!(outcome.violations, [], "seed {seed}");
        assert!(log.text().contains("CreateMachine"), "there are logs to look through");
    }
}
