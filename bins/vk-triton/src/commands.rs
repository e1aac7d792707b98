//! What an operator does by hand, with the node's own credentials and rights.

mod adopt;
mod listing;
mod orphans;

use std::io::Write;

use anyhow::Context;
use jiff::Timestamp;
use serde::Serialize;
use triton_cloudapi::client::Client as CloudClient;
use virtual_node::Fence;

use crate::args::{Args, Command, Output};
use crate::config::Loaded;
use crate::connect::{self, Cluster};
use crate::exit::{Classify, Kind, Left, Outcome};
use crate::logging;
use crate::plan::NodePlan;
use crate::table::table;

/// Both sides, reached.
struct Sides {
    cloud: CloudClient,
    cluster: Cluster,
}

/// Runs a command to its end.
pub(crate) fn run(args: &Args, command: Command) -> Outcome<Left> {
    logging::start(args).or_fail(Kind::Config)?;
    let settings = Loaded::load(args.provider_config.as_deref()).or_fail(Kind::Config)?;
    let plan = NodePlan::chosen(args, settings).or_fail(Kind::Config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("starting the runtime").or_fail(Kind::Bug)?;
    runtime.block_on(async {
        let sides = reach(args, &plan).await?;
        match command {
            Command::Orphans(orphans) => orphans::run(args, plan.config(), &orphans, sides).await,
            Command::Adopt(adopt) => adopt::run(args, &adopt, sides).await,
        }
    })
}

async fn reach(args: &Args, plan: &NodePlan) -> Outcome<Sides> {
    let metrics =
        triton_provider::Metrics::register(&mut prometheus_client::registry::Registry::default());
    // Each deed of a command is guarded by itself, and needs no Lease.
    let cloud = plan.cloud_client(&plan.throttle(), &metrics, &Fence::open_for_ever()).await?;
    connect::check_cloudapi(&cloud).await?;
    let cluster = connect::cluster(args).await?;
    Ok(Sides { cloud, cluster })
}

/// Prints rows: as a table, or as one JSON object with everything there is.
fn print<T: Serialize, const N: usize>(
    output: Output,
    whole: &T,
    heads: [&str; N],
    rows: &[[String; N]],
) -> Outcome<()> {
    let text = match output {
        Output::Table if rows.is_empty() => "nothing\n".to_owned(),
        Output::Table => table(heads, rows),
        Output::Json => {
            let mut text = serde_json::to_string_pretty(whole)
                .context("printing as JSON")
                .or_fail(Kind::Bug)?;
            text.push('\n');
            text
        }
    };
    say(&text);
    Ok(())
}

/// Says something on stdout.
fn say(text: &str) {
    // Nobody is left to tell when the pipe is closed.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// How old something is, as kubectl says it.
fn age(created: Option<Timestamp>, now: Timestamp) -> String {
    let Some(created) = created else { return "?".to_owned() };
    let seconds = now.duration_since(created).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_as_kubectl_says_them() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        for (seconds, expected) in
            [(0, "0s"), (119, "119s"), (120, "2m"), (7200, "2h"), (172_800, "2d"), (-5, "0s")]
        {
            assert_eq!(age(Some(now - jiff::SignedDuration::from_secs(seconds)), now), expected);
        }
        assert_eq!(age(None, now), "?");
    }
}
