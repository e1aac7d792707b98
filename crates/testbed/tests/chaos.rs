//! A few minutes of everything going wrong at once: no promise is broken, and in the end nothing is left.
#![cfg(feature = "cluster")]

use std::time::Duration;

use testbed::chaos::{Chaos, ChaosOptions};
use testbed::{Binaries, oracle, say};

#[tokio::test(flavor = "multi_thread")]
async fn no_promise_is_broken_whatever_goes_wrong() {
    let options = ChaosOptions { seed: 1, rounds: 7, length: Duration::ZERO, processes: 2 };
    let chaos = Chaos::start(&Binaries::find().unwrap(), &options).await.unwrap();
    let outcome = chaos.run(&options).await.unwrap();
    say(&outcome.tally);
    say(oracle::table(&outcome.violations));
    assert_eq!(outcome.violations, []);
}
