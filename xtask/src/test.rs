//! `cargo xtask test`: everything that can be tested on one machine.

use std::ffi::OsString;

use anyhow::Result;
use testbed::assets::version::{CHOICE, Release};
use tokio::time::Instant;

use crate::build::{binaries, cargo};
use crate::foreign;
use crate::screen::print;

/// Options.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave out the tests against a real control plane.
    #[arg(long)]
    without_cluster: bool,
    /// Leave out the tests with clients that others wrote.
    #[arg(long)]
    without_foreign: bool,
    /// Nothing but the tests with clients that others wrote.
    #[arg(long, conflicts_with_all = ["without_cluster", "without_foreign"])]
    foreign: bool,
    /// Only cluster tests, or with --foreign only those tests, whose name contains this.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// The Kubernetes that cluster tests run on, as 1.35; built on first use. Without it the newest.
    #[arg(long, value_name = "VERSION")]
    kubernetes: Option<String>,
}

/// Builds the programs, then runs the workspace's tests, then the foreign and the cluster tests, one after another.
pub(crate) async fn run(args: Args) -> Result<()> {
    if args.foreign {
        return foreign::test(args.only.as_deref()).await;
    }
    // A name that is none is told before minutes of building.
    let kubernetes = args.kubernetes.as_deref().map(Release::named).transpose()?;
    let mut took = Vec::new();
    let mut timed = |part: &'static str, begun: Instant| took.push((part, begun.elapsed()));

    let begun = Instant::now();
    let built = binaries(false).await?;
    timed("build vk-triton and triton-sim", begun);

    if args.only.is_none() {
        let begun = Instant::now();
        cargo(&["test", "--workspace"], &[]).await?;
        timed("unit, doc and scenario tests", begun);
    }
    if args.only.is_none() && !args.without_foreign {
        let begun = Instant::now();
        foreign::test(None).await?;
        timed("clients that others wrote", begun);
    }
    if !args.without_cluster {
        let begun = Instant::now();
        let mut env: Vec<(&str, OsString)> = vec![
            ("VK_TRITON_BIN", built.vk_triton.into()),
            ("TRITON_SIM_BIN", built.triton_sim.into()),
        ];
        if let Some(release) = kubernetes {
            env.push((CHOICE, release.version.to_string().into()));
        }
        // One at a time: each has a control plane of its own, and they would only slow each other down.
        let features = "testbed/cluster,virtual-node/cluster,simulation/cluster,xtask/cluster";
        let mut line = vec![
            "test",
            "-p",
            "testbed",
            "-p",
            "virtual-node",
            "-p",
            "simulation",
            "-p",
            "xtask",
            "--features",
            features,
            "--test",
            "*",
            "--",
        ];
        line.extend(args.only.as_deref());
        line.extend(["--test-threads=1", "--nocapture"]);
        cargo(&line, &env).await?;
        timed("cluster tests", begun);
    }
    print("");
    for (part, time) in took {
        print(format_args!("{:>7.1} s  {part}", time.as_secs_f64()));
    }
    Ok(())
}
