//! What the user typed: the flags that the first virtual kubelets had, and a few more.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Registers a node with Kubernetes; every pod bound to it becomes exactly one Triton instance.
///
/// CloudAPI is found through TRITON_URL, TRITON_ACCOUNT, TRITON_USER, TRITON_KEY_ID (SDC_* work too), with the key in
/// ssh-agent, in ~/.ssh or in TRITON_KEY_MATERIAL; or through the profile that the triton CLI uses.
///
/// Without a command the node runs until it is told to stop.
///
/// Exit codes: 0 stopped as asked, 64 usage, 69 Kubernetes refuses us (it is waited for while it cannot be reached), 70 a bug, 78 the configuration is wrong.
/// Those of a command: 0 nothing to do, or done; 1 something is left to do; the others as above, and 69 when either side cannot be reached.
#[derive(Clone, Debug, Parser)]
#[command(name = "vk-triton", version, max_term_width = 110)]
pub(crate) struct Args {
    /// What an operator wants done instead of running the node.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Kubeconfig file [default: $KUBECONFIG, else ~/.kube/config, else the pod's own service account].
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// Name of the node.
    #[arg(
        long,
        value_name = "NAME",
        env = "DEFAULT_NODE_NAME",
        default_value = "virtual-kubelet",
        global = true
    )]
    pub(crate) nodename: String,

    /// What runs the pods; also the value of the node's taint.
    #[arg(long, value_name = "NAME", default_value = "triton", value_parser = ["triton"])]
    pub(crate) provider: String,

    /// Settings file (docs/configuration.md); an empty one is fine.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) provider_config: Option<PathBuf>,

    /// Where Prometheus metrics are served, as HOST:PORT or :PORT; `off` serves none.
    #[arg(long, value_name = "ADDR", default_value = ":10255")]
    pub(crate) metrics_addr: String,

    /// How much to log: error, warn, info, debug or trace (RUST_LOG wins).
    #[arg(long, value_name = "LEVEL", default_value = "info", global = true)]
    pub(crate) log_level: String,

    /// How to log.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text, global = true)]
    pub(crate) log_format: LogFormat,

    /// Operating system that pods find here; instances of every brand count as linux to Kubernetes.
    #[arg(long, value_name = "OS", default_value = "Linux", value_parser = parse_os)]
    pub(crate) os: String,

    /// Register the node without its taint: every pod may then be scheduled here.
    #[arg(long)]
    pub(crate) disable_taint: bool,

    /// Key of the node's taint.
    #[arg(long, value_name = "KEY", env = "VKUBELET_TAINT_KEY", default_value = virtual_node::config::TAINT_KEY)]
    pub(crate) taint: String,

    /// Value of the node's taint [default: the provider's name].
    #[arg(long, value_name = "VALUE", env = "VKUBELET_TAINT_VALUE")]
    pub(crate) taint_value: Option<String>,

    /// Effect of the node's taint.
    #[arg(long, value_name = "EFFECT", env = "VKUBELET_TAINT_EFFECT", default_value = "NoSchedule",
        value_parser = ["NoSchedule", "NoExecute", "PreferNoSchedule"])]
    pub(crate) taint_effect: String,

    /// Pods that are worked on at once.
    #[arg(long, value_name = "N", default_value_t = virtual_node::config::WORKERS)]
    pub(crate) pod_sync_workers: usize,

    /// Port of the kubelet's HTTPS API.
    #[arg(long, value_name = "PORT", env = "KUBELET_PORT", default_value_t = 10250)]
    pub(crate) kubelet_port: u16,

    /// Address of this node, where the API server reaches its kubelet port [default: the one that faces the API
    /// server].
    #[arg(long, value_name = "IP", env = "VKUBELET_POD_IP")]
    pub(crate) node_ip: Option<std::net::IpAddr>,

    /// Certificate of the kubelet port, PEM [default: self-signed].
    #[arg(long, value_name = "FILE", env = "APISERVER_CERT_LOCATION", requires = "kubelet_key")]
    pub(crate) kubelet_cert: Option<PathBuf>,

    /// Key of that certificate, PEM.
    #[arg(long, value_name = "FILE", env = "APISERVER_KEY_LOCATION", requires = "kubelet_cert")]
    pub(crate) kubelet_key: Option<PathBuf>,

    /// CA whose client certificates the kubelet port accepts [default: the cluster's, from kube-system].
    #[arg(long, value_name = "FILE", env = "APISERVER_CA_CERT_LOCATION")]
    pub(crate) kubelet_client_ca: Option<PathBuf>,

    /// Adopt instances that the first Triton provider made for pods that still live; without it such pods wait, and an
    /// event says so.
    #[arg(long)]
    pub(crate) adopt_first_provider: bool,

    /// Let at most N instances go, once, that belong to no pod and are held back because they are many.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) allow_orphan_deletion: usize,

    /// Ignored: pods of all namespaces are run.
    #[arg(long, value_name = "NAMESPACE", hide = true)]
    pub(crate) namespace: Option<String>,

    /// Ignored: a lease is always used.
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "true")]
    pub(crate) enable_node_lease: Option<bool>,
}

/// What an operator wants done.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum Command {
    /// Lists the instances of this node in this cluster, and removes those that belong to no pod.
    Orphans(OrphansArgs),
    /// Lists the instances that the first Triton provider left on this node, and adopts those that a live pod is waiting
    /// for.
    Adopt(AdoptArgs),
}

/// Arguments of `vk-triton orphans`.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub(crate) struct OrphansArgs {
    /// Show only those that something is to be done about.
    #[arg(long)]
    pub(crate) only_orphans: bool,

    /// Remove the orphans, each after one more look at its pod and its tags.
    #[arg(long)]
    pub(crate) delete: bool,

    /// Do not ask before anything is removed.
    #[arg(long, requires = "delete")]
    pub(crate) yes: bool,

    /// Remove at most N; if there are more, none is removed [default: 5, or 5 % of the node's instances].
    #[arg(long, value_name = "N", requires = "delete")]
    pub(crate) at_most: Option<usize>,

    /// How to print.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

/// Arguments of `vk-triton adopt`.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub(crate) struct AdoptArgs {
    /// Give the instances that match a live pod the tags that make them the pod's.
    #[arg(long)]
    pub(crate) act: bool,

    /// How to print.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Output::Table)]
    pub(crate) output: Output,
}

/// How a command prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// For machines: one JSON object.
    Json,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

fn parse_os(text: &str) -> Result<String, String> {
    if text.eq_ignore_ascii_case("linux") {
        Ok("linux".to_owned())
    } else {
        Err("only Linux: the node's label kubernetes.io/os is what pods select by".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walkthroughs_command_line_is_understood() {
        let args = Args::try_parse_from([
            "vk-triton",
            "--log-level",
            "debug",
            "--provider",
            "triton",
            "--provider-config",
            "./triton.toml",
            "--nodename",
            "vk-triton",
            "--metrics-addr",
            ":10355",
        ])
        .unwrap();
        assert_eq!(args.nodename, "vk-triton");
        assert_eq!(args.metrics_addr, ":10355");
        assert_eq!(args.provider_config, Some(PathBuf::from("./triton.toml")));
    }

    #[test]
    fn a_command_takes_the_nodes_flags_before_or_after_it() {
        for words in [
            ["vk-triton", "--nodename", "vk", "orphans", "--output", "json"],
            ["vk-triton", "orphans", "--output", "json", "--nodename", "vk"],
        ] {
            let args = Args::try_parse_from(words).unwrap();
            assert_eq!(args.nodename, "vk");
            let Some(Command::Orphans(orphans)) = args.command else {
                panic!("{:?}", args.command)
            };
            assert_eq!((orphans.output, orphans.delete), (Output::Json, false));
        }
        let args = Args::try_parse_from(["vk-triton", "adopt", "--act"]).unwrap();
        assert!(matches!(args.command, Some(Command::Adopt(AdoptArgs { act: true, .. }))));
    }

    #[test]
    fn without_a_command_the_node_runs() {
        assert_eq!(Args::try_parse_from(["vk-triton", "--nodename", "vk"]).unwrap().command, None);
    }

    #[test]
    fn a_consent_to_nothing_is_a_mistake() {
        for wrong in [
            ["orphans", "--yes"],
            ["orphans", "--act"],
            ["adopt", "--delete"],
            ["orphan", "--delete"],
        ] {
            let words = ["vk-triton"].into_iter().chain(wrong);
            assert!(Args::try_parse_from(words).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn another_provider_or_effect_is_refused() {
        for wrong in [["--provider", "aws"], ["--taint-effect", "NoGo"], ["--os", "windows"]] {
            let words = ["vk-triton"].into_iter().chain(wrong);
            assert!(Args::try_parse_from(words).is_err(), "{wrong:?}");
        }
    }
}
