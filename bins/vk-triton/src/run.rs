//! Args and settings in, a running node out.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use prometheus_client::registry::Registry;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use triton_cloudapi::client::{Client as CloudClient, Config as CloudConfig, RateLimit};
use triton_provider::{Defaults, KubeCluster, Limits, Metrics, Parts, Settings, TritonProvider};
use virtual_node::config::{NodeConfig, NodeTaint};
use virtual_node::http::{Auth, ClientCa, HttpConfig, MetricsServer, Serving};
use virtual_node::{VirtualNode, pokes};

use crate::args::Args;
use crate::config::{CloudApiSection, Config, KubeletAuth};
use crate::connect::{self, Cluster};
use crate::exit::{Classify, Failure, Kind, Outcome};
use crate::logging;

/// Variables that say whether certificates are checked.
const INSECURE: [&str; 6] = [
    "TRITON_INSECURE",
    "SDC_INSECURE",
    "SDC_TLS_INSECURE",
    "TRITON_SKIP_TLS_VERIFY",
    "SDC_SKIP_TLS_VERIFY",
    "SDC_TESTING",
];

/// The annotation on the Node by which an operator lets orphans go that are held back.
const ORPHAN_RELEASE: &str = "tritondatacenter.com/allow-orphan-deletion";

/// Prefix of our metrics' names.
const METRICS_PREFIX: &str = "vk_triton";

/// Runs until SIGTERM or SIGINT. Instances are left alone.
pub(crate) fn run(args: Args) -> Outcome<()> {
    logging::start(&args).or_fail(Kind::Config)?;
    if args.namespace.is_some() {
        tracing::warn!("--namespace is ignored: pods of all namespaces are run");
    }
    let config = Config::load(args.provider_config.as_deref()).or_fail(Kind::Config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("starting the runtime").or_fail(Kind::Bug)?.block_on(serve(args, config))
}

async fn serve(args: Args, config: Config) -> Outcome<()> {
    let shutdown = CancellationToken::new();
    stop_on_signal(shutdown.clone()).or_fail(Kind::Bug)?;

    let mut registry = Registry::with_prefix(METRICS_PREFIX);
    let metrics = Metrics::register(&mut registry);
    let node_metrics = virtual_node::Metrics::register(&mut registry);

    let cloud = cloud_client(&config, &metrics).await?;
    connect::check_cloudapi(&cloud).await?;
    let cluster = connect::cluster(&args).await?;
    let node_ip = args.node_ip.or(cluster.local_ip).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));

    let metrics_server = match metrics_address(&args.metrics_addr).or_fail(Kind::Config)? {
        Some(address) => {
            Some(MetricsServer::bind(address, Arc::new(registry)).await.or_fail(Kind::Config)?)
        }
        None => None,
    };

    let (pokes, poked) = pokes();
    let parts = Parts {
        client: cloud.clone(),
        cluster: Arc::new(KubeCluster::new(
            cluster.client.clone(),
            &config.node.namespace,
            &args.nodename,
        )),
        settings: settings(&args, &config, &cluster, node_ip),
        pokes,
        metrics,
    };
    let provider =
        TritonProvider::start(parts, shutdown.clone()).await.or_fail(Kind::Unavailable)?;
    let node = VirtualNode::builder(cluster.client.clone(), Arc::new(provider), poked)
        .heartbeat_client(cluster.heartbeat.clone())
        .config(node_config(&args, &config, &cluster, &cloud, node_ip))
        .http(http_config(&args, &config, node_ip))
        .metrics(node_metrics)
        .build();

    if let Some(server) = metrics_server {
        tokio::spawn(server.serve(shutdown.clone()));
    }
    tracing::info!(node = %args.nodename, version = env!("CARGO_PKG_VERSION"), "starting");
    node.run(shutdown).await.map_err(|error| {
        let kind = match &error {
            virtual_node::StartError::Register { .. } => Kind::Unavailable,
            virtual_node::StartError::Http(_) => Kind::Config,
            _ => Kind::Bug,
        };
        Failure::new(kind, error)
    })?;
    tracing::info!("stopped; instances run on");
    Ok(())
}

/// SIGTERM and SIGINT stop the node.
fn stop_on_signal(shutdown: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("asked to stop");
        shutdown.cancel();
    });
    Ok(())
}

/// CloudAPI from the environment and the profile, and from the settings file where those say nothing.
pub(crate) async fn cloud_client(settings: &Config, metrics: &Metrics) -> Outcome<CloudClient> {
    let section = &settings.cloudapi;
    let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let lookup = |name: &str| environment(name).or_else(|| from_section(section, name));
    let home = environment("HOME").map(PathBuf::from);
    let config = CloudConfig::load(&lookup, home.as_deref())
        .context("finding CloudAPI")
        .or_fail(Kind::Config)?;
    let signer = config.signer(&lookup, home.as_deref()).await;
    let signer = signer.context("finding the key for CloudAPI").or_fail(Kind::Config)?;
    let rate_limit = RateLimit {
        per_second: f64::from(settings.limits.requests_per_second.max(1)),
        burst: settings.limits.burst.max(1),
    };
    let client = CloudClient::builder(config, signer)
        .with_on_request(metrics.on_request())
        .with_rate_limit(rate_limit)
        .build();
    client.context("setting up the CloudAPI client").or_fail(Kind::Config)
}

/// What the settings file says of a variable. The older prefix is left to the environment, so that `SDC_URL` there
/// wins over the file.
fn from_section(section: &CloudApiSection, name: &str) -> Option<String> {
    let environment =
        |suffix: &str| std::env::var(format!("SDC_{suffix}")).is_ok_and(|value| !value.is_empty());
    let suffix = name.strip_prefix("TRITON_").filter(|suffix| !environment(suffix))?;
    match suffix {
        "URL" => section.url.clone(),
        "ACCOUNT" => section.account.clone(),
        "USER" => section.user.clone(),
        "KEY_ID" => section.key_id.clone(),
        "KEY_MATERIAL" => section.key_file.clone(),
        // Whatever the environment says of it, in any of its spellings, wins.
        "TLS_INSECURE" if !INSECURE.iter().any(|name| std::env::var_os(name).is_some()) => {
            section.insecure.map(|insecure| insecure.to_string())
        }
        _ => None,
    }
}

fn settings(args: &Args, config: &Config, cluster: &Cluster, node_ip: IpAddr) -> Settings {
    Settings {
        cluster: cluster.uid.clone(),
        node: args.nodename.clone(),
        node_ips: vec![node_ip],
        defaults: Defaults {
            networks: config.defaults.networks.clone(),
            package: config.defaults.package.clone(),
        },
        adopt_first_provider: args.adopt_first_provider || config.adopt_first_provider,
        limits: Limits {
            ambiguity_window: config.limits.ambiguity_window,
            list_idle: config.limits.list_idle,
            list_idle_feed: config.limits.list_idle_feed,
            list_busy: config.limits.list_busy,
            changefeed: config.cloudapi.changefeed.unwrap_or(true),
            creates_in_flight: config.limits.creates_in_flight.max(1),
            ..Limits::default()
        },
    }
}

fn node_config(
    args: &Args,
    config: &Config,
    cluster: &Cluster,
    cloud: &CloudClient,
    node_ip: IpAddr,
) -> NodeConfig {
    let mut node = NodeConfig::new(&args.nodename, &args.provider);
    node.labels.extend(config.node.labels.clone());
    node.taints.clear();
    if !args.disable_taint {
        node.taints.push(NodeTaint {
            key: args.taint.clone(),
            value: args.taint_value.clone().unwrap_or_else(|| args.provider.clone()),
            // clap lets through only what this understands.
            effect: args.taint_effect.parse().unwrap_or_default(),
        });
    }
    let datacenter = Some(config.node.datacenter.clone()).filter(|name| !name.is_empty());
    let datacenter =
        datacenter.unwrap_or_else(|| cloud.url().host().unwrap_or("triton").replace(':', "-"));
    node.provider_id = Some(format!("triton:///{datacenter}/{}", args.nodename));
    let capacity = [
        ("cpu", config.node.cpu.clone()),
        ("memory", config.node.memory.clone()),
        ("ephemeral-storage", config.node.ephemeral_storage.clone()),
        ("pods", config.node.pods.to_string()),
    ];
    node.capacity.extend(capacity.map(|(name, quantity)| (name.to_owned(), quantity)));
    node.internal_ips = vec![node_ip];
    node.kubelet_port = Some(args.kubelet_port);
    node.system.kubelet_version.clone_from(&cluster.kubelet_version);
    node.system.os_image = "Triton DataCenter".to_owned();
    node.system.container_runtime_version = format!("triton://{}", env!("CARGO_PKG_VERSION"));
    node.workers = args.pod_sync_workers.max(1);
    node.run_daemonsets = config.node.daemonsets;
    node.event_component = "vk-triton".to_owned();
    node.orphans.min_age = config.limits.orphan_age;
    node.orphans.at_most = config.limits.orphans_per_round;
    node.orphans.released_at_start = args.allow_orphan_deletion;
    node.orphan_release = Some(ORPHAN_RELEASE.to_owned());
    node
}

fn http_config(args: &Args, config: &Config, node_ip: IpAddr) -> HttpConfig {
    let serving = match (&args.kubelet_cert, &args.kubelet_key) {
        (Some(cert), Some(key)) => Serving::Files { certificate: cert.clone(), key: key.clone() },
        _ => Serving::SelfSigned,
    };
    let client_ca = match &args.kubelet_client_ca {
        Some(file) => ClientCa::File(file.clone()),
        None => ClientCa::ConfigMap,
    };
    let auth = match config.kubelet.auth {
        KubeletAuth::Webhook => Auth::Delegated { client_ca },
        KubeletAuth::None => Auth::None,
    };
    let address = SocketAddr::new(config.kubelet.address.unwrap_or(node_ip), args.kubelet_port);
    HttpConfig { address, serving, auth }
}

/// `:10355` means every address, as Go programs have it; `off` means none.
fn metrics_address(text: &str) -> anyhow::Result<Option<SocketAddr>> {
    if matches!(text, "off" | "") {
        return Ok(None);
    }
    let full = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.to_owned() };
    let address = full.parse();
    address.map(Some).map_err(|_not_an_address| {
        anyhow!("--metrics-addr {text:?} is no address: write :10255, 127.0.0.1:10255 or off")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_addresses_are_as_go_programs_have_them() {
        assert_eq!(metrics_address(":10355").unwrap(), Some("0.0.0.0:10355".parse().unwrap()));
        assert_eq!(metrics_address("127.0.0.1:1").unwrap(), Some("127.0.0.1:1".parse().unwrap()));
        assert_eq!(metrics_address("off").unwrap(), None);
        assert!(
            metrics_address("here").unwrap_err().to_string().contains("--metrics-addr \"here\"")
        );
    }
}
