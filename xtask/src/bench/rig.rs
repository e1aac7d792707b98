//! What a measurement runs on: control plane, simulator, node, nothing else.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use testbed::{Node, NodeOptions, Scratch, SimulatorOptions, Stack, StackOptions};

use super::Args;
use crate::build::binaries;
use crate::screen::print;

/// Settings that let the node do what it can: CloudAPI's own throttle would be all there is to see.
///
/// Creates leave workers, of which there are 32, for statuses. The simulator stores a create before it answers, so one
/// that is in doubt is settled soon.
pub(crate) const UNTHROTTLED: &str = "[limits]\nambiguity_window = \"20s\"\nrequests_per_second = 10000\nburst = 10000\ncreates_in_flight = 24\n";

/// Everything that runs; it ends when this value is dropped.
pub(crate) struct Rig {
    pub(crate) stack: Stack,
    audit_log: PathBuf,
    // Dropped last: the programs write there.
    _scratch: Scratch,
}

/// How fast the simulated cloud is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cloud {
    /// 0.2 s until a create is answered, 2 s more until its instance runs, 1 s for a stop or a delete.
    Realistic,
    /// Everything at once.
    Instant,
}

// === impl Rig ===

impl Rig {
    /// Starts it. `settings` are the node's where the command line says nothing else.
    pub(crate) async fn start(args: &Args, settings: &str) -> Result<Self> {
        let built = binaries(!args.debug).await?;
        let mut scratch = Scratch::create("bench").await?;
        let options = StackOptions {
            // Nothing here connects to an instance.
            simulator: SimulatorOptions {
                throttle: false,
                listens: false,
                ..SimulatorOptions::default()
            },
            node: Some(NodeOptions {
                config: args.config.clone().unwrap_or_else(|| settings.to_owned()),
                log_level: "info".to_owned(),
                ..NodeOptions::default()
            }),
            ..StackOptions::default()
        };
        let stack = Stack::start(scratch.path(), &built, &options, |_part| ()).await;
        if stack.is_err() {
            scratch.keep();
        }
        let stack = stack?;
        let audit_log =
            stack.cluster.as_ref().context("finding the control plane")?.audit_log().to_owned();
        Ok(Self { stack, audit_log, _scratch: scratch })
    }

    /// The node.
    pub(crate) fn node(&self) -> Result<&Node> {
        self.stack.node.as_ref().context("finding the node")
    }

    /// The API server's record of what the node asked of it.
    pub(crate) fn audit_log(&self) -> &Path {
        &self.audit_log
    }

    /// Makes the cloud so fast.
    pub(crate) async fn set_cloud(&self, cloud: Cloud) -> Result<()> {
        let delays = match cloud {
            Cloud::Realistic => {
                json!({"create": 200, "provision": 2000, "stop": 1000, "delete": 1000, "job": 500})
            }
            Cloud::Instant => {
                json!({"create": 0, "provision": 0, "stop": 0, "delete": 0, "job": 0})
            }
        };
        self.stack.simulator.control().set_delays(&delays).await
    }
}

/// Prints what is measured.
pub(crate) fn title(text: &str) {
    print(text);
    print("-".repeat(text.len()));
}

/// A figure beside its goal.
pub(crate) fn figure(what: &str, measured: &str, goal: &str) {
    print(format_args!("  {what:<52} {measured:>14}   {goal}"));
}

/// Milliseconds.
pub(crate) fn ms(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}
