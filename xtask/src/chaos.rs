//! `cargo xtask chaos`: everything going wrong, for as long as one likes, and what an oracle has to say about it.

use std::time::Duration;

use anyhow::{Result, ensure};
use testbed::chaos::{Chaos, ChaosOptions};
use testbed::oracle;

use crate::build::binaries;
use crate::clock::now;
use crate::screen::print;

/// Options.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// No new block of rounds begins after this many minutes. At least one is run.
    #[arg(long, value_name = "N", default_value_t = 60)]
    minutes: u64,
    /// Decides which troubles come when, and what users do meanwhile; drawn when it is left out.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Rounds of trouble between two rests, at which everything must become as it is wanted.
    #[arg(long, value_name = "N", default_value_t = 7)]
    rounds: u32,
    /// Processes of the node; one acts, the others stand by.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=5))]
    processes: u8,
    /// Build and run with optimization.
    #[arg(long)]
    release: bool,
}

/// Runs until the time is over, and prints what happened. A broken promise is an error.
pub(crate) async fn run(args: Args) -> Result<()> {
    let built = binaries(args.release).await?;
    let seed = args.seed.unwrap_or_else(|| now().as_second().unsigned_abs());
    let options = ChaosOptions {
        seed,
        rounds: args.rounds.max(1),
        length: Duration::from_secs(args.minutes * 60),
        processes: usize::from(args.processes),
    };
    print(format_args!("seed {seed}"));
    let outcome = Chaos::start(&built, &options).await?.run(&options).await?;
    print(format_args!("\n{}", outcome.tally));
    print(oracle::table(&outcome.violations));
    for violation in &outcome.violations {
        print(violation);
    }
    ensure!(
        outcome.violations.is_empty(),
        "{} promises were broken; the same troubles again: cargo xtask chaos --seed {seed} --rounds {} --processes {}",
        outcome.violations.len(),
        options.rounds,
        options.processes,
    );
    print("no promise was broken");
    Ok(())
}
