//! `cargo xtask bench`: what the node adds to what the cloud takes; `cargo xtask bench cloudapi`: what the client costs.

mod cloudapi;
mod lives;
mod numbers;
mod writes;

use std::time::Duration;

use anyhow::{Context, Result};
use testbed::{NodeOptions, Scratch, SimulatorOptions, Stack, StackOptions};

use self::lives::{Batch, delete, run_batch};
use self::numbers::Spread;
use self::writes::Writes;
use crate::build::binaries;
use crate::screen::print;

/// Sizes of the batches whose time is measured.
const BATCHES: [usize; 3] = [1, 20, 200];
/// What the simulated cloud takes for an instance, beside 200 ms for the answer to the create.
const PROVISION_DELAY: Duration = Duration::from_secs(2);

/// Options.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to measure.
    #[arg(value_enum, default_value_t = Subject::Node)]
    subject: Subject,
    /// Pods at which memory is measured.
    #[arg(long, default_value_t = 1000)]
    pods: usize,
    /// Measure a build without optimization.
    #[arg(long)]
    debug: bool,
    /// Settings of the node, as in `triton.toml`.
    #[arg(long, value_name = "TOML", default_value = "")]
    config: String,
}

/// What there is to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Subject {
    /// What the node adds: time, requests, writes, memory.
    Node,
    /// What the CloudAPI client costs, and how much the simulator answers.
    Cloudapi,
}

/// Runs every batch and prints a table.
pub(crate) async fn run(args: Args) -> Result<()> {
    if args.subject == Subject::Cloudapi {
        return cloudapi::run().await;
    }
    let mut scratch = Scratch::create("bench").await?;
    let measured = measure(&args, &scratch).await;
    if measured.is_err() {
        scratch.keep();
    }
    measured
}

async fn measure(args: &Args, scratch: &Scratch) -> Result<()> {
    let built = binaries(!args.debug).await?;
    let options = StackOptions {
        simulator: SimulatorOptions {
            provision_delay: PROVISION_DELAY,
            throttle: false,
            ..SimulatorOptions::default()
        },
        node: Some(NodeOptions { config: args.config.clone(), ..NodeOptions::default() }),
        ..StackOptions::default()
    };
    let stack = Stack::start(scratch.path(), &built, &options, |part| {
        print(format_args!("started {part}"))
    })
    .await?;
    let audit_log =
        stack.cluster.as_ref().context("finding the control plane")?.audit_log().to_owned();
    print(format_args!(
        "\nsimulator: answers a create after 0.2 s, runs the instance after {} s, throttles nobody\n",
        PROVISION_DELAY.as_secs()
    ));
    print(
        "              time added to the cloud's own     CloudAPI requests   API server writes per pod",
    );
    print(
        " pods          median      p95      max          per pod life       pod   event   other",
    );
    for pods in BATCHES {
        let before = Writes::read(&audit_log)?;
        stack.simulator.control().reset_counts().await?;
        let batch = run_batch(&stack, pods).await?;
        delete(&stack, &batch).await?;
        let requests: u64 = stack.simulator.control().counts().await?.values().sum();
        let writes = Writes::read(&audit_log)?.since(&before);
        print_row(&batch, requests, &writes);
    }
    let node = stack.node.as_ref().context("finding the node")?;
    let empty = node.resident_kib()?;
    let batch = run_batch(&stack, args.pods).await?;
    let full = node.resident_kib()?;
    print(format_args!(
        "\nresident memory: {:.1} MiB at {} pods, {:.1} MiB after the batches above were gone",
        mib(full),
        args.pods,
        mib(empty)
    ));
    delete(&stack, &batch).await
}

fn print_row(batch: &Batch, requests: u64, writes: &Writes) {
    let spread = Spread::of(&batch.overheads);
    let per_pod = |number: u64| per(number, batch.pods());
    print(format_args!(
        "{:>5}        {:>6} ms {:>5} ms {:>5} ms {:>16.2} {:>13.2} {:>7.2} {:>7.2}",
        batch.pods(),
        spread.median.as_millis(),
        spread.p95.as_millis(),
        spread.max.as_millis(),
        per_pod(requests),
        per_pod(writes.pods),
        per_pod(writes.events),
        per_pod(writes.other),
    ));
}

fn per(number: u64, pods: usize) -> f64 {
    number as f64 / pods as f64
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
