//! One node as it is wanted: flags and settings, in the words of the crates that make it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use triton_cloudapi::client::{Client as CloudClient, RateLimit, Throttle};
use triton_provider::{Defaults, Limits, Metrics, Settings};
use virtual_node::config::{NodeConfig, NodeTaint, OutageSigns};
use virtual_node::http::{Auth, ClientCa, HttpConfig, Serving};
use virtual_node::{Capacity, Fence};

use crate::args::Args;
use crate::cloud::CloudSource;
use crate::config::{Config, KubeletAuth, Loaded, NodeEntry};
use crate::connect::Cluster;
use crate::exit::Outcome;

/// The condition that says whether CloudAPI answers.
const OUTAGE_CONDITION: &str = "CloudAPIReachable";

/// The taint that keeps new pods away while it does not.
const OUTAGE_TAINT: &str = "tritondatacenter.com/cloudapi-unreachable";

/// The annotation on the Node by which an operator lets orphans go that are held back.
const ORPHAN_RELEASE: &str = "tritondatacenter.com/allow-orphan-deletion";

/// One node of this process.
#[derive(Clone, Debug)]
pub(crate) struct NodePlan {
    /// Its name.
    pub(crate) name: String,
    /// Where its CloudAPI is.
    cloud: CloudSource,
    /// Port of its kubelet API.
    kubelet_port: u16,
    config: Config,
    args: Args,
    /// Orphans that `--allow-orphan-deletion` still lets go: the first term takes all of it, so that it is good for once.
    released: Arc<AtomicUsize>,
}

// === impl NodePlan ===

impl NodePlan {
    /// All nodes of this process: those of `[[nodes]]`, or else the one that the flags name.
    ///
    /// # Errors
    /// When two have the same name or port.
    pub(crate) fn all(args: &Args, loaded: Loaded) -> anyhow::Result<Vec<Self>> {
        let Loaded { config, nodes } = loaded;
        if nodes.is_empty() {
            let cloud = CloudSource { shared: config.cloudapi.clone(), ..CloudSource::default() };
            let (name, args) = (args.nodename.clone(), args.clone());
            let kubelet_port = args.kubelet_port;
            let released = Arc::new(AtomicUsize::new(args.allow_orphan_deletion));
            return Ok(vec![Self { name, cloud, kubelet_port, config, args, released }]);
        }
        let plans: Vec<Self> = nodes
            .into_iter()
            .map(|NodeEntry { name, kubelet_port, own_cloudapi, config }| Self {
                name,
                cloud: CloudSource { own: own_cloudapi, shared: config.cloudapi.clone() },
                kubelet_port: kubelet_port.unwrap_or(args.kubelet_port),
                config,
                args: args.clone(),
                released: Arc::new(AtomicUsize::new(args.allow_orphan_deletion)),
            })
            .collect();
        for (index, plan) in plans.iter().enumerate() {
            for other in &plans[..index] {
                anyhow::ensure!(
                    other.name != plan.name,
                    "[[nodes]]: two are called `{}`",
                    plan.name
                );
                anyhow::ensure!(
                    other.kubelet_port != plan.kubelet_port,
                    "[[nodes]] {} and {}: both have the kubelet port {}; give each a `kubelet_port` of its own",
                    other.name,
                    plan.name,
                    plan.kubelet_port
                );
            }
        }
        Ok(plans)
    }

    /// The one that `--nodename` names, for a command that is about one node.
    ///
    /// # Errors
    /// When there are several, and none of them is called so.
    pub(crate) fn chosen(args: &Args, loaded: Loaded) -> anyhow::Result<Self> {
        let mut plans = Self::all(args, loaded)?;
        let names: Vec<_> = plans.iter().map(|plan| plan.name.clone()).collect();
        let index = names.iter().position(|name| *name == args.nodename);
        let index = index.with_context(|| {
            format!("--nodename {:?} is none of [[nodes]]: {}", args.nodename, names.join(", "))
        })?;
        Ok(plans.swap_remove(index))
    }

    /// Its settings.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Namespace of the journal and of the Lease that elects the acting process.
    pub(crate) fn namespace(&self) -> &str {
        &self.config.node.namespace
    }

    /// Name of that Lease; the journal's is the same.
    pub(crate) fn lease(&self) -> String {
        format!("vk-triton-{}", self.name)
    }

    /// The rate of requests to which all clients of this node keep together, whichever term they are for.
    pub(crate) fn throttle(&self) -> Arc<Throttle> {
        let limits = &self.config.limits;
        Throttle::new(RateLimit {
            per_second: f64::from(limits.requests_per_second.max(1)),
            burst: limits.burst.max(1),
        })
    }

    /// A client of the node's CloudAPI that changes things only as long as the fence is open.
    ///
    /// # Errors
    /// When the settings lack something, or the key cannot be found.
    pub(crate) async fn cloud_client(
        &self,
        throttle: &Arc<Throttle>,
        metrics: &Metrics,
        fence: &Fence,
    ) -> Outcome<CloudClient> {
        self.cloud.client(Arc::clone(throttle), metrics, fence).await
    }

    pub(crate) fn settings(&self, cluster: &Cluster) -> Settings {
        let Self { config, .. } = self;
        Settings {
            cluster: cluster.uid.clone(),
            node: self.name.clone(),
            node_ips: vec![self.ip(cluster)],
            defaults: Defaults {
                networks: config.defaults.networks.clone(),
                package: config.defaults.package.clone(),
                ..Defaults::default()
            },
            adopt_first_provider: self.args.adopt_first_provider || config.adopt_first_provider,
            capacity: Capacity { total: self.capacity(), ..Capacity::default() },
            limits: Limits {
                ambiguity_window: config.limits.ambiguity_window,
                list_idle: config.limits.list_idle,
                list_idle_feed: config.limits.list_idle_feed,
                list_busy: config.limits.list_busy,
                changefeed: config.cloudapi.changefeed.unwrap_or(true),
                crash_loop_window: Some(config.limits.crash_loop_window)
                    .filter(|window| !window.is_zero()),
                creates_in_flight: config.limits.creates_in_flight.max(1),
                ..Limits::default()
            },
        }
    }

    pub(crate) fn node_config(&self, cluster: &Cluster, cloud: &CloudClient) -> NodeConfig {
        let Self { args, config, .. } = self;
        let mut node = NodeConfig::new(&self.name, &args.provider);
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
        node.provider_id = Some(format!("triton:///{datacenter}/{}", self.name));
        node.capacity = self.capacity();
        node.internal_ips = vec![self.ip(cluster)];
        node.kubelet_port = Some(self.kubelet_port);
        node.system.kubelet_version.clone_from(&cluster.kubelet_version);
        node.system.os_image = "Triton DataCenter".to_owned();
        node.system.container_runtime_version = format!("triton://{}", env!("CARGO_PKG_VERSION"));
        node.workers = args.pod_sync_workers.max(1);
        node.run_daemonsets = config.node.daemonsets;
        node.outage = OutageSigns {
            condition: OUTAGE_CONDITION.to_owned(),
            taint_key: OUTAGE_TAINT.to_owned(),
            taint_effect: config.node.outage_effect.into(),
        };
        node.event_component = "vk-triton".to_owned();
        node.orphans.min_age = config.limits.orphan_age;
        node.orphans.at_most = config.limits.orphans_per_round;
        node.orphans.released_at_start = self.released.swap(0, Ordering::Relaxed);
        node.orphan_release = Some(ORPHAN_RELEASE.to_owned());
        node
    }

    fn capacity(&self) -> BTreeMap<String, String> {
        let node = &self.config.node;
        let capacity = [
            ("cpu", node.cpu.clone()),
            ("memory", node.memory.clone()),
            ("ephemeral-storage", node.ephemeral_storage.clone()),
            ("pods", node.pods.to_string()),
        ];
        capacity.map(|(name, quantity)| (name.to_owned(), quantity)).into()
    }

    pub(crate) fn http_config(&self, cluster: &Cluster) -> HttpConfig {
        let Self { args, config, .. } = self;
        let serving = match (&args.kubelet_cert, &args.kubelet_key) {
            (Some(cert), Some(key)) => {
                Serving::Files { certificate: cert.clone(), key: key.clone() }
            }
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
        let ip = config.kubelet.address.unwrap_or_else(|| self.ip(cluster));
        HttpConfig { address: SocketAddr::new(ip, self.kubelet_port), serving, auth }
    }

    fn ip(&self, cluster: &Cluster) -> IpAddr {
        self.args.node_ip.unwrap_or(cluster.local_ip)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn plans(text: &str) -> Result<Vec<NodePlan>, String> {
        let args = Args::try_parse_from(["vk-triton", "--nodename", "flag"]).unwrap();
        let loaded = Loaded::of_text(text).map_err(|error| format!("{error:#}"))?;
        NodePlan::all(&args, loaded).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn without_nodes_there_is_the_one_that_the_flags_name() {
        let plans = plans("[node]\nnamespace = 'vk'").unwrap();
        assert_eq!(plans.len(), 1);
        assert_eq!((plans[0].name.as_str(), plans[0].namespace()), ("flag", "vk"));
        assert_eq!(plans[0].lease(), "vk-triton-flag");
    }

    #[test]
    fn each_of_several_nodes_has_a_name_and_a_port_of_its_own() {
        let two = |second: &str| plans(&format!("[[nodes]]\nname = 'a'\n[[nodes]]\n{second}"));
        let found = two("name = 'b'\nkubelet_port = 10251").unwrap();
        let names: Vec<_> =
            found.iter().map(|plan| (plan.name.as_str(), plan.kubelet_port)).collect();
        assert_eq!(names, [("a", 10250), ("b", 10251)]);
        assert!(
            two("name = 'a'\nkubelet_port = 10251").unwrap_err().contains("two are called `a`")
        );
        let same_port = two("name = 'b'").unwrap_err();
        assert!(same_port.contains("a and b") && same_port.contains("kubelet_port"), "{same_port}");
    }
}
