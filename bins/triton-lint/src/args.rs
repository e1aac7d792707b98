//! What can be said on the command line.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::output::Format;
use crate::plan::Form;

/// Checks what Kubernetes manifests will become on Triton, before they are applied.
///
/// Reads YAML and JSON: files, folders (every .yaml, .yml and .json in them) and standard input (-). Looks into Pods,
/// Deployments, StatefulSets, DaemonSets, ReplicaSets, Jobs and CronJobs; everything else is left alone, but ConfigMaps
/// and Secrets, which pods may refer to.
///
///   triton-lint manifests/
///   helm template . | triton-lint --catalog catalog.json -
///   triton-lint --plan --catalog catalog.json web.yaml
///   triton-lint --explain container-count
///
/// Works offline. With a catalog it also knows whether packages, images and networks exist and fit:
/// `triton-lint catalog -o catalog.json` asks CloudAPI once.
///
/// Levels come from an annotation of the manifest (lint.tritondatacenter.com/allow: RULE, RULE), else from -A, -W and -D, else
/// from triton-lint.toml, else from the rule. Exit codes: 0 nothing is denied, 1 a finding is, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(
    version,
    verbatim_doc_comment,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Files, folders, or - for standard input.
    #[arg(value_name = "FILE", required_unless_present = "explain")]
    pub(crate) files: Vec<PathBuf>,

    /// How to tell findings.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,

    /// Whether text has colours.
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) color: Color,

    /// Show the page of a rule: what it is about, why, and what to do instead.
    #[arg(long, value_name = "RULE")]
    pub(crate) explain: Option<String>,

    /// Print what each pod becomes: the create request as the node sends it, firewall rules, choices. Findings go to
    /// standard error.
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "yaml", value_name = "FORM")]
    pub(crate) plan: Option<Form>,

    /// Print how the plans of FILE... differ from those of this file or folder: what is changed in place, and what needs
    /// another instance.
    #[arg(long, value_name = "BEFORE", conflicts_with = "plan")]
    pub(crate) diff: Option<PathBuf>,

    /// Do not tell findings of this rule; `warnings` are all that only warn. May be repeated.
    #[arg(short = 'A', long, value_name = "RULE")]
    pub(crate) allow: Vec<String>,

    /// Tell findings of this rule without failing. May be repeated.
    #[arg(short = 'W', long, value_name = "RULE")]
    pub(crate) warn: Vec<String>,

    /// Fail on findings of this rule; `warnings` are all that only warn. May be repeated.
    #[arg(short = 'D', long, value_name = "RULE")]
    pub(crate) deny: Vec<String>,

    /// Settings [default: triton-lint.toml, if it is there].
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Packages, images and networks of the account, saved by `triton-lint catalog`.
    #[arg(long, value_name = "FILE")]
    pub(crate) catalog: Option<PathBuf>,

    /// Name of the node, for plans [default: vk-triton].
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,

    /// Address of the node, for plans with status.hostIP [default: 192.0.2.1].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) node_ip: Option<IpAddr>,

    /// UID of the namespace kube-system, for plans [default: zeros].
    #[arg(long, value_name = "UID")]
    pub(crate) cluster: Option<String>,

    /// Namespace of objects that name none [default: default].
    #[arg(short, long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
}

/// Other things to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask CloudAPI for packages, images and networks, and save them for --catalog.
    ///
    /// Finds CloudAPI as the triton command does: TRITON_URL, TRITON_ACCOUNT, TRITON_KEY_ID (or SDC_), or the current
    /// profile.
    Catalog {
        /// Where to write them; standard output without it.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Print what becomes of every field of a pod, as Markdown.
    Fields,
    /// Print all rules with their levels.
    Rules,
}

/// Whether text has colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Yes.
    Always,
    /// No.
    Never,
}

// === impl Color ===

impl Color {
    pub(crate) fn is_styled(self, terminal: bool) -> bool {
        match self {
            Self::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty()),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn files_are_needed_unless_there_is_something_else_to_do() {
        let parse = |args: &[&str]| Args::try_parse_from([&["triton-lint"], args].concat()).is_ok();
        assert!(!parse(&[]));
        assert!(parse(&["-"]) && parse(&["a", "b"]));
        assert!(parse(&["--explain", "volume"]));
        assert!(parse(&["catalog"]) && parse(&["fields"]) && parse(&["rules"]));
        assert!(parse(&["--plan", "a"]) && parse(&["--plan=json", "a"]));
        assert!(!parse(&["--plan", "--diff", "a", "b"]));
    }
}
