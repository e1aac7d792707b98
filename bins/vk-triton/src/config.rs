//! Settings: defaults, then the file, then the environment (`VK_TRITON_NODE__PODS=500`). Flags are apart ([`Args`]).
//!
//! [`Args`]: crate::args::Args

mod nodes;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::anyhow;
use figment::error::Kind;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use virtual_node::TaintEffect;

pub(crate) use nodes::{Loaded, NodeEntry};

use crate::nearest::nearest;

/// Prefix of environment variables that set what the file could.
const ENV_PREFIX: &str = "VK_TRITON_";

/// Everything the settings file may say; all of it may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// The node's object.
    pub(crate) node: NodeSection,
    /// What pods get when they do not say.
    pub(crate) defaults: DefaultsSection,
    /// CloudAPI, where the environment does not say.
    pub(crate) cloudapi: CloudApiSection,
    /// The kubelet's HTTPS port.
    pub(crate) kubelet: KubeletSection,
    /// Waits and bounds.
    pub(crate) limits: LimitsSection,
    /// Adopt instances that the first Triton provider made for pods that still live.
    pub(crate) adopt_first_provider: bool,
    /// The nodes, if there are several: read apart.
    #[serde(rename = "nodes", deserialize_with = "read_apart")]
    _nodes: (),
}

/// The node's object.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NodeSection {
    /// Capacity: CPUs.
    #[serde(deserialize_with = "quantity")]
    pub(crate) cpu: String,
    /// Capacity: memory.
    #[serde(deserialize_with = "quantity")]
    pub(crate) memory: String,
    /// Capacity: disk.
    #[serde(deserialize_with = "quantity")]
    pub(crate) ephemeral_storage: String,
    /// Capacity: pods.
    pub(crate) pods: u32,
    /// Labels beside those a virtual kubelet always has.
    pub(crate) labels: BTreeMap<String, String>,
    /// Name of the datacenter in the node's providerID; found out from CloudAPI's address when empty.
    pub(crate) datacenter: String,
    /// Namespace of the journal of creates in flight, and of the Lease that elects the acting process.
    pub(crate) namespace: String,
    /// Run pods of DaemonSets too.
    pub(crate) daemonsets: bool,
    /// What the taint of an outage of CloudAPI does.
    pub(crate) outage_effect: OutageEffect,
}

/// What the taint of an outage of CloudAPI does to pods that do not tolerate it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum OutageEffect {
    /// No new ones come.
    #[default]
    NoSchedule,
    /// Those that are here are evicted, too.
    NoExecute,
}

/// What pods get when they do not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DefaultsSection {
    /// Networks, by UUID or name, in order.
    pub(crate) networks: Vec<String>,
    /// Package, by UUID or name.
    pub(crate) package: Option<String>,
}

/// CloudAPI, where the environment does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CloudApiSection {
    /// As TRITON_URL.
    pub(crate) url: Option<String>,
    /// As TRITON_ACCOUNT.
    pub(crate) account: Option<String>,
    /// As TRITON_USER.
    pub(crate) user: Option<String>,
    /// As TRITON_KEY_ID.
    pub(crate) key_id: Option<String>,
    /// A file with the private key, as TRITON_KEY_MATERIAL. The key itself does not belong in here.
    pub(crate) key_file: Option<String>,
    /// As TRITON_TLS_INSECURE.
    pub(crate) insecure: Option<bool>,
    /// Follow the changefeed where there is one; so it is when nothing is said.
    pub(crate) changefeed: Option<bool>,
}

/// The kubelet's HTTPS port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct KubeletSection {
    /// Who may use it.
    pub(crate) auth: KubeletAuth,
    /// The address it listens on; the node's own when empty.
    pub(crate) address: Option<std::net::IpAddr>,
}

/// Who may use the kubelet's port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KubeletAuth {
    /// Whom the API server knows and allows.
    #[default]
    Webhook,
    /// Everybody: for tests.
    None,
}

/// Waits and bounds, as `90s`, `5m`, `500ms`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LimitsSection {
    /// How long an unanswered create may still come true.
    #[serde(deserialize_with = "duration")]
    pub(crate) ambiguity_window: Duration,
    /// Between lists of the account's instances while nothing is expected to change.
    #[serde(deserialize_with = "duration")]
    pub(crate) list_idle: Duration,
    /// The same while the changefeed tells what happens; twice that for lists of more than one page.
    #[serde(deserialize_with = "duration")]
    pub(crate) list_idle_feed: Duration,
    /// The same while something is expected to change.
    #[serde(deserialize_with = "duration")]
    pub(crate) list_busy: Duration,
    /// So long after the first of its restarts in a row a pod is failed that does not say otherwise; zero for never.
    #[serde(deserialize_with = "duration")]
    pub(crate) crash_loop_window: Duration,
    /// Creates on their way at once.
    pub(crate) creates_in_flight: usize,
    /// Requests to CloudAPI a second in the long run, for each group of calls.
    pub(crate) requests_per_second: u32,
    /// Requests to CloudAPI at once after a rest, for each group of calls.
    pub(crate) burst: u32,
    /// Instances without a pod are left alone until they are this old.
    #[serde(deserialize_with = "duration")]
    pub(crate) orphan_age: Duration,
    /// Instances without a pod that may be removed in one round; if more are found, none is.
    pub(crate) orphans_per_round: usize,
}

/// The first thing that is wrong, in words that say what would be right.
fn explain(error: &figment::Error) -> anyhow::Error {
    let source = error.metadata.as_ref().map(|metadata| {
        metadata.source.as_ref().map_or_else(|| metadata.name.to_string(), ToString::to_string)
    });
    let source = source.map(|source| format!("{source}: ")).unwrap_or_default();
    let path = error.path.join(".");
    match &error.kind {
        Kind::UnknownField(found, known) => {
            let section = error
                .path
                .iter()
                .filter(|part| *part != found)
                .cloned()
                .collect::<Vec<_>>()
                .join(".");
            let key = if section.is_empty() { found.clone() } else { format!("{section}.{found}") };
            let hint = match nearest(found, known) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("known are: {}", known.join(", ")),
            };
            anyhow!("{source}unknown key `{key}`; {hint}")
        }
        Kind::InvalidType(found, wanted) => {
            anyhow!("{source}`{path}` is {found}, but must be {wanted}")
        }
        Kind::UnknownVariant(found, known) => {
            anyhow!("{source}`{path}` is `{found}`, but must be one of: {}", known.join(", "))
        }
        kind if path.is_empty() => anyhow!("{source}{kind}"),
        kind => anyhow!("{source}`{path}`: {kind}"),
    }
}

/// Passes over what [`Loaded`] reads.
fn read_apart<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    IgnoredAny::deserialize(deserializer).map(drop)
}

/// A quantity as text or as a bare number; Kubernetes checks the rest.
fn quantity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Number(u64),
    }
    match Written::deserialize(deserializer) {
        Ok(Written::Text(text)) => Ok(text),
        Ok(Written::Number(number)) => Ok(number.to_string()),
        Err(_) => {
            Err(serde::de::Error::custom("no quantity: write it as 4000, \"500m\" or \"16Ti\""))
        }
    }
}

/// A duration as people write it.
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || {
        serde::de::Error::custom(format!(
            "`{text}` is no duration: write it as `90s`, `5m` or `500ms`"
        ))
    };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_not_a_number| wrong())?;
    match unit.trim() {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs).ok_or_else(wrong),
        "h" => number.checked_mul(3600).map(Duration::from_secs).ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

// === impl NodeSection ===

impl Default for NodeSection {
    /// Large on purpose: CloudAPI says what an account may have, and refuses the rest with a reason.
    fn default() -> Self {
        Self {
            cpu: "4000".to_owned(),
            memory: "16Ti".to_owned(),
            ephemeral_storage: "256Ti".to_owned(),
            pods: 5000,
            labels: BTreeMap::new(),
            datacenter: String::new(),
            namespace: "kube-system".to_owned(),
            daemonsets: false,
            outage_effect: OutageEffect::default(),
        }
    }
}

// === impl OutageEffect ===

impl From<OutageEffect> for TaintEffect {
    fn from(effect: OutageEffect) -> Self {
        match effect {
            OutageEffect::NoSchedule => Self::NoSchedule,
            OutageEffect::NoExecute => Self::NoExecute,
        }
    }
}

// === impl KubeletSection ===

impl Default for KubeletSection {
    fn default() -> Self {
        Self { auth: KubeletAuth::Webhook, address: None }
    }
}

// === impl LimitsSection ===

impl Default for LimitsSection {
    fn default() -> Self {
        let limits = triton_provider::Limits::default();
        Self {
            requests_per_second: 10,
            burst: 30,
            ambiguity_window: limits.ambiguity_window,
            list_idle: limits.list_idle,
            list_idle_feed: limits.list_idle_feed,
            list_busy: limits.list_busy,
            crash_loop_window: limits.crash_loop_window.unwrap_or_default(),
            creates_in_flight: limits.creates_in_flight,
            orphan_age: Duration::from_secs(180),
            orphans_per_round: 5,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

    use super::*;

    fn load(text: &str) -> Result<Config, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let loaded = Loaded::load(Some(file.path()));
        loaded.map(|loaded| loaded.config).map_err(|error| format!("{error:#}"))
    }

    #[track_caller]
    fn refused(text: &str, words: &[&str]) {
        let message = load(text).unwrap_err();
        for word in words {
            assert!(message.contains(word), "`{word}` is not in: {message}");
        }
    }

    #[test]
    fn an_empty_file_is_fine() {
        assert_eq!(load("").unwrap(), Config::default());
    }

    #[test]
    fn a_file_that_is_not_there_is_said_to_be() {
        let message =
            format!("{:#}", Loaded::load(Some(Path::new("/nowhere/triton.toml"))).unwrap_err());
        assert!(message.contains("/nowhere/triton.toml: no such file"), "{message}");
    }

    #[test]
    fn what_the_file_says_is_taken() {
        let config = load(
            "[node]\npods = 7\n[defaults]\nnetworks = ['external']\n[limits]\nlist_idle = '30s'\nburst = 7",
        )
        .unwrap();
        assert_eq!((config.limits.requests_per_second, config.limits.burst), (10, 7));
        assert_eq!(config.node.pods, 7);
        assert_eq!(load("[node]\ncpu = 8\nmemory = '1Gi'").unwrap().node.cpu, "8");
        assert_eq!(config.defaults.networks, ["external"]);
        assert_eq!(config.limits.list_idle, Duration::from_secs(30));
    }

    #[test]
    fn an_unknown_key_names_the_nearest() {
        refused("[node]\npod = 7", &["unknown key `node.pod`", "did you mean `pods`?"]);
        refused("[noode]\npods = 7", &["unknown key `noode`", "did you mean `node`?"]);
    }

    #[test]
    fn a_wrong_value_says_what_it_should_be() {
        refused("[node]\npods = 'many'", &["`node.pods`", "many"]);
        refused("[kubelet]\nauth = 'open'", &["kubelet.auth", "open", "webhook", "none"]);
        refused("[limits]\nlist_idle = '5 parsecs'", &["limits.list_idle", "5 parsecs", "`90s`"]);
        refused("[node", &["TOML"]);
    }
}
