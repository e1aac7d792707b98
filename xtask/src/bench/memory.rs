//! `bench memory`: memory that the node holds, with pods as people write them.

use std::time::Duration;

use anyhow::Result;

use super::Args;
use super::batch::{Kind, run_batch};
use super::rig::{Cloud, Rig, UNTHROTTLED, figure, title};

/// Pods.
const PODS: usize = 1000;
/// The same with `--full`; the size the goal is about.
const PODS_FULL: usize = 10_000;
/// Pods that are made before the next are: so many at once are a burst, and no more is measured here.
const STEP: usize = 1000;
/// How long the node is left alone before its memory is read: connections that a burst has opened close after 90 s.
const SETTLING: Duration = Duration::from_secs(120);

/// Reads what the kernel says of the process.
pub(crate) async fn run(args: &Args) -> Result<()> {
    let pods = args.pods.unwrap_or(if args.full { PODS_FULL } else { PODS });
    title("memory: resident, and the most there ever was");
    let rig = Rig::start(args, UNTHROTTLED).await?;
    rig.set_cloud(Cloud::Instant).await?;
    print_row(&rig, 0, "goal: <= 12 MiB").await?;
    let mut running = 0;
    while running < pods {
        let more = STEP.min(pods - running);
        run_batch(&rig.stack, &format!("m{running}"), more, Kind::Usual).await?;
        running += more;
        if running == STEP || running == pods {
            let goal = if running == PODS_FULL { "goal: <= 40 MiB" } else { "" };
            print_row(&rig, running, goal).await?;
        }
    }
    Ok(())
}

async fn print_row(rig: &Rig, pods: usize, goal: &str) -> Result<()> {
    tokio::time::sleep(SETTLING).await;
    let node = rig.node()?;
    let measured = format!("{:.1} MiB", mib(node.resident_kib()?));
    let (most, program) = (mib(node.peak_kib()?), mib(node.program_kib()?));
    figure(&format!("at {pods} pods"), &measured, goal);
    figure(
        "  the program itself, and the most there ever was",
        &format!("{program:.1}, {most:.1} MiB"),
        "",
    );
    Ok(())
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
