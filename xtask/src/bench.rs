//! `cargo xtask bench`: what the node adds to what the cloud takes, and what it costs.

mod batch;
mod burst;
mod cloudapi;
mod heartbeat;
mod lives;
mod memory;
mod numbers;
mod probes;
mod requests;
mod restart;
mod rig;
mod translate;
mod writes;

use anyhow::Result;

use crate::screen::print;

/// Options.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// What to measure; without it everything but `cloudapi`, `probes` and `translate`, one after the other.
    #[arg(value_enum)]
    subject: Vec<Subject>,
    /// The sizes that the goals are about: up to 10 000 pods, which take minutes.
    #[arg(long)]
    full: bool,
    /// Rounds of what is measured against a baseline.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Pods, instead of the subject's own numbers.
    #[arg(long)]
    pods: Option<usize>,
    /// Measure a build without optimization.
    #[arg(long)]
    debug: bool,
    /// Settings of the node, as in `triton.toml`, instead of the subject's own.
    #[arg(long, value_name = "TOML")]
    config: Option<String>,
}

/// What there is to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Subject {
    /// The time from create to Running, less what the cloud took.
    Lives,
    /// Many pods at once, beside a bare writer of statuses.
    Burst,
    /// Requests to CloudAPI, for a pod's life and at rest.
    Requests,
    /// Memory that the node holds.
    Memory,
    /// What a process does that starts on instances which are there already.
    Restart,
    /// What the CloudAPI client costs, and how much the simulator answers.
    Cloudapi,
    /// What probes cost, and how late they are.
    Probes,
    /// How late the Lease is renewed while CloudAPI hangs.
    Heartbeat,
    /// How many pods a core translates and lints.
    Translate,
}

/// What is measured without being named.
const USUAL: [Subject; 6] = [
    Subject::Lives,
    Subject::Burst,
    Subject::Requests,
    Subject::Memory,
    Subject::Restart,
    Subject::Heartbeat,
];

/// Measures each subject and prints its figures, each beside its goal. Nothing here fails because a figure is bad.
pub(crate) async fn run(args: Args) -> Result<()> {
    let subjects = if args.subject.is_empty() { &USUAL[..] } else { &args.subject };
    for subject in subjects {
        print("");
        match subject {
            Subject::Lives => lives::run(&args).await?,
            Subject::Burst => burst::run(&args).await?,
            Subject::Requests => requests::run(&args).await?,
            Subject::Memory => memory::run(&args).await?,
            Subject::Restart => restart::run(&args).await?,
            Subject::Cloudapi => cloudapi::run().await?,
            Subject::Probes => probes::run().await?,
            Subject::Heartbeat => heartbeat::run(&args).await?,
            Subject::Translate => translate::run().await?,
        }
    }
    Ok(())
}
