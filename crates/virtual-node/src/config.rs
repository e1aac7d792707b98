//! What a node says about itself, and its limits.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::orphans::OrphanLimits;

/// The default key of the taint that keeps ordinary pods away.
pub const TAINT_KEY: &str = "virtual-kubelet.io/provider";

/// The default number of passes that may run at once.
pub const WORKERS: usize = 32;

/// Everything the node is told by its caller. Plain values: any combination is allowed.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// `metadata.name`, also the name and holder of the node's Lease.
    pub name: String,
    /// Labels to set. Labels of others on an existing Node are left alone. Defaults: see [`NodeConfig::new`].
    pub labels: BTreeMap<String, String>,
    /// Annotations to set, in the same manner.
    pub annotations: BTreeMap<String, String>,
    /// Taints to set; a taint of the same key and effect is replaced, taints of others stay.
    pub taints: Vec<NodeTaint>,
    /// `spec.providerID`. Kubernetes never lets it change, so an existing value wins.
    pub provider_id: Option<String>,
    /// `status.capacity` by resource name (`cpu`, `memory`, `pods`, `ephemeral-storage`, …), as quantities.
    pub capacity: BTreeMap<String, String>,
    /// `status.allocatable`; empty means the same as `capacity`.
    pub allocatable: BTreeMap<String, String>,
    /// `InternalIP` addresses, the first of which is also the host IP of pods.
    pub internal_ips: Vec<IpAddr>,
    /// The `Hostname` address.
    pub hostname: String,
    /// The port of the kubelet's HTTPS API, if one is served.
    pub kubelet_port: Option<u16>,
    /// `status.nodeInfo`.
    pub system: NodeSystem,
    /// `status.declaredFeatures` (KEP-5328), sorted. The node adds what follows from the abilities of its provider.
    pub declared_features: Vec<String>,
    /// Passes over pods that may run at once.
    pub workers: usize,
    /// Whether pods of DaemonSets are run. They are made for machines (log shippers, CNI, exporters), tolerate
    /// nearly every taint and would each become an instance, so they are rejected unless this is set.
    pub run_daemonsets: bool,
    /// Condition types in this domain (`example.com/…`) belong to the provider: one that it no longer reports is
    /// removed from the pod. Other foreign types are never touched.
    pub condition_domain: Option<String>,
    /// `source.component` of events.
    pub event_component: String,
    /// How leftovers are found and how many may be stopped.
    pub orphans: OrphanLimits,
    /// Key of the annotation on the Node by which an operator lets go what the brake holds back: how many, or which
    /// ([`crate::orphans::release::Release`]). It is taken off before it takes effect. `None`: there is none.
    pub orphan_release: Option<String>,
    /// Times of the node's heartbeat.
    pub heartbeat: Heartbeat,
    /// How the Node shows that its provider does not answer.
    pub outage: OutageSigns,
}

/// What a node can hold, by resource name, as quantities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// `status.capacity`.
    pub total: BTreeMap<String, String>,
    /// `status.allocatable`, what the scheduler may give to pods; empty means the same as `total`.
    pub allocatable: BTreeMap<String, String>,
}

/// How a Node shows that its provider does not answer.
///
/// It stays Ready: Kubernetes evicts the pods of a Node that is not, and what runs them may run well. Only new pods are
/// kept away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutageSigns {
    /// Type of the condition that is True while the provider answers.
    pub condition: String,
    /// Key of the taint that is there while it does not, and on a new Node until it has answered once.
    pub taint_key: String,
    /// Its effect. `NoExecute` evicts pods that do not tolerate it, at once or after their `tolerationSeconds`.
    pub taint_effect: TaintEffect,
}

/// One taint of the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeTaint {
    /// The key.
    pub key: String,
    /// The value, may be empty.
    pub value: String,
    /// What it does.
    pub effect: TaintEffect,
}

/// What a taint does to pods that do not tolerate it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TaintEffect {
    /// They are not scheduled here.
    #[default]
    NoSchedule,
    /// They are scheduled here last.
    PreferNoSchedule,
    /// They are not scheduled here, and those that are here are evicted.
    NoExecute,
}

/// `status.nodeInfo`. Fields that Kubernetes requires and that have no meaning here are empty strings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeSystem {
    /// Must parse as a semantic version whose minor is the one of a Kubernetes release: `v1.37.0-vk-triton-0.1.0`.
    pub kubelet_version: String,
    /// Shown by `kubectl get nodes -o wide`.
    pub os_image: String,
    /// The same.
    pub kernel_version: String,
    /// The same, as `name://version`.
    pub container_runtime_version: String,
}

/// Times of the heartbeat; the defaults are the kubelet's (`nodeLeaseDurationSeconds`, `nodeStatusUpdateFrequency`,
/// `nodeStatusReportFrequency`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// `spec.leaseDurationSeconds` of the Lease.
    pub lease: Duration,
    /// Between two renewals, before jitter.
    pub renew: Duration,
    /// Between two pings of the provider.
    pub ping: Duration,
    /// The same while it is not known to answer, so that it is noticed soon when it does.
    pub ping_trouble: Duration,
    /// A ping that takes longer has failed.
    pub ping_timeout: Duration,
    /// The status is written at least this often even if nothing changed.
    pub status: Duration,
}

// === impl NodeConfig ===

impl NodeConfig {
    /// A node called `name` whose pods are run by `provider`, with the labels and the taint that virtual kubelets
    /// traditionally carry: `type=virtual-kubelet`, `kubernetes.io/role=agent`, operating system `linux`,
    /// architecture `amd64`, the hostname, and exclusion from cloud load balancers.
    ///
    /// ```
    /// let mut config = virtual_node::NodeConfig::new("triton", "triton");
    /// config.capacity.insert("cpu".into(), "256".into());
    /// assert_eq!(config.labels["type"], "virtual-kubelet");
    /// ```
    #[must_use]
    pub fn new(name: impl Into<String>, provider: impl Into<String>) -> Self {
        let name = name.into();
        let labels = [
            ("type", "virtual-kubelet"),
            ("kubernetes.io/role", "agent"),
            ("kubernetes.io/os", "linux"),
            ("beta.kubernetes.io/os", "linux"),
            ("kubernetes.io/arch", "amd64"),
            ("beta.kubernetes.io/arch", "amd64"),
            ("kubernetes.io/hostname", name.as_str()),
            ("node.kubernetes.io/exclude-from-external-load-balancers", "true"),
        ];
        Self {
            labels: labels.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect(),
            annotations: BTreeMap::new(),
            taints: vec![NodeTaint {
                key: TAINT_KEY.to_owned(),
                value: provider.into(),
                effect: TaintEffect::NoSchedule,
            }],
            provider_id: None,
            capacity: BTreeMap::new(),
            allocatable: BTreeMap::new(),
            internal_ips: Vec::new(),
            hostname: name.clone(),
            kubelet_port: None,
            system: NodeSystem::default(),
            declared_features: Vec::new(),
            workers: WORKERS,
            run_daemonsets: false,
            condition_domain: None,
            event_component: "virtual-node".to_owned(),
            orphans: OrphanLimits::default(),
            orphan_release: None,
            heartbeat: Heartbeat::default(),
            outage: OutageSigns::default(),
            name,
        }
    }
}

impl NodeConfig {
    /// What the node can hold as long as nobody says otherwise.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        Capacity { total: self.capacity.clone(), allocatable: self.allocatable.clone() }
    }
}

// === impl TaintEffect ===

impl TaintEffect {
    /// As Kubernetes spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoSchedule => "NoSchedule",
            Self::PreferNoSchedule => "PreferNoSchedule",
            Self::NoExecute => "NoExecute",
        }
    }
}

impl std::str::FromStr for TaintEffect {
    type Err = UnknownTaintEffect;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::NoSchedule, Self::PreferNoSchedule, Self::NoExecute]
            .into_iter()
            .find(|effect| effect.as_str() == text)
            .ok_or_else(|| UnknownTaintEffect(text.to_owned()))
    }
}

/// Not an effect that Kubernetes knows.
#[derive(Debug, thiserror::Error)]
#[error("taint effect `{0}` is not one of NoSchedule, PreferNoSchedule, NoExecute")]
pub struct UnknownTaintEffect(String);

// === impl OutageSigns ===

impl Default for OutageSigns {
    fn default() -> Self {
        Self {
            condition: "ProviderReachable".to_owned(),
            taint_key: "virtual-kubelet.io/provider-unreachable".to_owned(),
            taint_effect: TaintEffect::NoSchedule,
        }
    }
}

// === impl Heartbeat ===

impl Default for Heartbeat {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(40),
            renew: Duration::from_secs(10),
            ping: Duration::from_secs(10),
            ping_trouble: Duration::from_secs(1),
            ping_timeout: Duration::from_secs(5),
            status: Duration::from_secs(5 * 60),
        }
    }
}
