//! `bench lives`: the time from a pod's create to Running, less what the cloud took.

use anyhow::Result;

use super::Args;
use super::batch::{Kind, delete, run_batch};
use super::numbers::Spread;
use super::rig::{Cloud, Rig, UNTHROTTLED, figure, ms, title};

/// Pods that come one at a time.
const SINGLES: usize = 10;
/// Pods that come together.
const TOGETHER: usize = 200;

/// Measures with either cloud.
pub(crate) async fn run(args: &Args) -> Result<()> {
    title("lives: from create to Running, less the cloud's own time");
    let rig = Rig::start(args, UNTHROTTLED).await?;
    let together = args.pods.unwrap_or(if args.full { 1000 } else { TOGETHER });
    for (cloud, name, goal) in [
        (Cloud::Realistic, "realistic cloud (2.2 s)", "goal: median <= 600 ms"),
        (Cloud::Instant, "instant cloud", "goal: p99 <= 50 ms"),
    ] {
        rig.set_cloud(cloud).await?;
        let mut singles = Vec::new();
        for number in 0..SINGLES {
            let batch = run_batch(&rig.stack, &format!("one-{number}"), 1, Kind::Plain).await?;
            singles.extend(batch.overheads);
            delete(&rig.stack).await?;
        }
        print_row(&format!("{name}, one pod at a time"), &Spread::of(&singles), goal);
        let batch = run_batch(&rig.stack, "many", together, Kind::Plain).await?;
        delete(&rig.stack).await?;
        print_row(&format!("{name}, {together} at once"), &Spread::of(&batch.overheads), "");
    }
    Ok(())
}

fn print_row(what: &str, spread: &Spread, goal: &str) {
    figure(&format!("{what}: median"), &ms(spread.median), goal);
    figure("  p95", &ms(spread.p95), "");
    figure("  p99", &ms(spread.p99), "");
    figure("  most", &ms(spread.max), "");
}
