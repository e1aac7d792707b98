//! What the oracle takes note of: pods, instances, requests and rules as their servers show them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use crate::control::{SimInstance, SimRequest};
use crate::scene::{is_ready, restart_count};

/// How far in its life a pod says it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Not running yet.
    #[default]
    Pending,
    /// Running.
    Running,
    /// Over, well.
    Succeeded,
    /// Over, not well.
    Failed,
}

/// A pod at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodFact {
    /// UID.
    pub uid: String,
    /// `NAMESPACE/NAME`.
    pub name: String,
    /// Label `app`.
    pub app: Option<String>,
    /// `metadata.resourceVersion`: later ones are larger, as etcd counts.
    pub version: u64,
    /// Node it is bound to.
    pub node: Option<String>,
    /// When its deletion was asked for.
    pub asked_to_go: Option<Timestamp>,
    /// Phase.
    pub phase: Phase,
    /// `status.reason`.
    pub reason: Option<String>,
    /// UUID of the instance that its container status names.
    pub instance: Option<String>,
    /// `status.podIP`.
    pub ip: Option<String>,
    /// `restartCount` of its container.
    pub restarts: i32,
    /// Condition Ready.
    pub ready: bool,
}

/// An instance, with its whole life.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstanceFact {
    /// UUID.
    pub id: String,
    /// Tags that are text.
    pub tags: BTreeMap<String, String>,
    /// State now.
    pub state: String,
    /// Address of the primary NIC.
    pub ip: Option<String>,
    /// States it came into, oldest first.
    pub states: Vec<(Timestamp, String)>,
}

/// A request that CloudAPI got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFact {
    /// When.
    pub at: Timestamp,
    /// CloudAPI's name of the endpoint.
    pub endpoint: String,
    /// UUID of the machine or rule in its path.
    pub about: Option<String>,
}

/// A firewall rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFact {
    /// UUID.
    pub id: String,
    /// `FROM … TO … ALLOW …`.
    pub rule: String,
    /// What its maker says about it.
    pub description: String,
}

// === impl Phase ===

impl Phase {
    /// Whether nothing follows.
    #[must_use]
    pub fn is_final(self) -> bool {
        self >= Self::Succeeded
    }

    fn of(word: Option<&str>) -> Self {
        match word {
            Some("Running") => Self::Running,
            Some("Succeeded") => Self::Succeeded,
            Some("Failed") => Self::Failed,
            _ => Self::Pending,
        }
    }
}

// === impl PodFact ===

impl From<&Pod> for PodFact {
    fn from(pod: &Pod) -> Self {
        let (metadata, status) = (&pod.metadata, pod.status.as_ref());
        let container = status.and_then(|status| status.container_statuses.as_ref()?.first());
        let id = container.and_then(|container| container.container_id.as_deref());
        Self {
            uid: metadata.uid.clone().unwrap_or_default(),
            name: format!(
                "{}/{}",
                metadata.namespace.as_deref().unwrap_or_default(),
                metadata.name.as_deref().unwrap_or_default()
            ),
            app: metadata.labels.as_ref().and_then(|labels| labels.get("app").cloned()),
            version: metadata
                .resource_version
                .as_ref()
                .and_then(|version| version.parse().ok())
                .unwrap_or_default(),
            node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
            asked_to_go: metadata.deletion_timestamp.as_ref().map(|time| {
                let grace = metadata.deletion_grace_period_seconds.unwrap_or_default();
                // Seconds only are written, so the moment may be up to one earlier.
                time.0.saturating_sub(SignedDuration::from_secs(grace + 1)).unwrap_or(time.0)
            }),
            phase: Phase::of(status.and_then(|status| status.phase.as_deref())),
            reason: status.and_then(|status| status.reason.clone()),
            instance: id.and_then(|id| id.strip_prefix("triton://")).map(str::to_owned),
            ip: status.and_then(|status| status.pod_ip.clone()),
            restarts: restart_count(pod).unwrap_or(0),
            ready: is_ready(pod),
        }
    }
}

// === impl InstanceFact ===

impl InstanceFact {
    /// A tag that is text.
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags.get(name).map(String::as_str)
    }

    /// UID of the pod it says it belongs to.
    #[must_use]
    pub fn pod(&self) -> Option<&str> {
        self.tag("k8s_uid")
    }

    /// Whether it carries the tags of this cluster and node, and a pod's UID.
    #[must_use]
    pub fn is_of(&self, cluster: &str, node: &str) -> bool {
        self.tag("k8s_cluster") == Some(cluster)
            && self.tag("k8s_nodename") == Some(node)
            && self.pod().is_some()
    }

    /// When it was made.
    #[must_use]
    pub fn made(&self) -> Option<Timestamp> {
        self.states.first().map(|(at, _)| *at)
    }

    /// When it was destroyed or failed, if it was.
    #[must_use]
    pub fn ended(&self) -> Option<Timestamp> {
        self.states.iter().find(|(_, state)| is_end(state)).map(|(at, _)| *at)
    }

    /// Whether it is neither destroyed nor failed.
    #[must_use]
    pub fn lives(&self) -> bool {
        !is_end(&self.state)
    }

    /// Whether it was there, and neither destroyed nor failed, at a moment.
    #[must_use]
    pub fn lived_at(&self, at: Timestamp) -> bool {
        self.made().is_some_and(|made| made <= at) && self.ended().is_none_or(|ended| ended > at)
    }

    /// How often it came into the state `running`.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.states.iter().filter(|(_, state)| state == "running").count()
    }
}

impl From<&SimInstance> for InstanceFact {
    fn from(instance: &SimInstance) -> Self {
        let text = |(name, value): (&String, &serde_json::Value)| {
            value.as_str().map(|value| (name.clone(), value.to_owned()))
        };
        let transitions = instance.transitions.iter();
        Self {
            id: instance.id.clone(),
            tags: instance.tags.iter().filter_map(text).collect(),
            state: instance.state.clone(),
            ip: instance.primary_ip.clone(),
            states: transitions.map(|transition| (transition.at, transition.to.clone())).collect(),
        }
    }
}

fn is_end(state: &str) -> bool {
    matches!(state, "deleted" | "failed")
}

// === impl RequestFact ===

impl From<&SimRequest> for RequestFact {
    fn from(request: &SimRequest) -> Self {
        // /ACCOUNT/machines/UUID and /ACCOUNT/fwrules/UUID
        let about = request.path.split('/').nth(3).filter(|part| part.len() == 36);
        Self { at: request.at, endpoint: request.endpoint.clone(), about: about.map(str::to_owned) }
    }
}

// === impl RuleFact ===

impl RuleFact {
    /// Whether its description marks it as one of this cluster's and node's.
    #[must_use]
    pub fn is_of(&self, cluster: &str, node: &str) -> bool {
        let mut words = self.description.split(' ');
        let wanted = ["vk-triton".to_owned(), format!("cluster={cluster}"), format!("node={node}")];
        wanted.iter().all(|word| words.next() == Some(word.as_str()))
    }

    /// The tags, name and value, that the rule is about.
    #[must_use]
    pub fn tags(&self) -> Vec<(String, String)> {
        let mut tags = Vec::new();
        let mut rest = self.rule.as_str();
        while let Some((_, after)) = rest.split_once(" tag ") {
            rest = after;
            let mut parts = rest.splitn(3, ' ');
            let word = |part: Option<&str>| part.map(|part| part.trim_matches('"').to_owned());
            if let (Some(name), Some("="), Some(value)) =
                (word(parts.next()), parts.next(), parts.next())
            {
                let value = value.trim_start_matches('"');
                let end = value.find(['"', ' ']).unwrap_or(value.len());
                tags.push((name, value[..end].to_owned()));
            }
        }
        tags
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_is_read_as_kubernetes_shows_it() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {
                "name": "web-1", "namespace": "default", "uid": "u", "resourceVersion": "17",
                "deletionTimestamp": "2026-01-01T00:00:30Z", "deletionGracePeriodSeconds": 30,
                "labels": {"app": "web"},
            },
            "spec": {"nodeName": "vk-triton", "containers": []},
            "status": {
                "phase": "Running", "podIP": "127.64.0.1",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{
                    "name": "main", "image": "", "imageID": "", "ready": true, "restartCount": 2,
                    "containerID": "triton://aaaaaaaa-0000-4000-8000-000000000000",
                }],
            },
        }))
        .unwrap();
        let fact = PodFact::from(&pod);
        assert_eq!((fact.name.as_str(), fact.version, fact.restarts), ("default/web-1", 17, 2));
        assert_eq!(fact.asked_to_go, Some("2025-12-31T23:59:59Z".parse().unwrap()));
        assert_eq!(fact.instance.as_deref(), Some("aaaaaaaa-0000-4000-8000-000000000000"));
        assert!(fact.ready && fact.phase == Phase::Running && !fact.phase.is_final());
    }

    #[track_caller]
    fn check_tags(rule: &str, expected: &[(&str, &str)]) {
        let rule =
            RuleFact { id: String::new(), rule: rule.to_owned(), description: String::new() };
        let tags = rule.tags();
        let tags: Vec<_> = tags.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(tags, expected);
    }

    #[test]
    fn the_tags_of_a_rule_are_found() {
        check_tags(
            r#"FROM any TO tag "k8s_fwports" = "tcp-22" ALLOW tcp PORT 22"#,
            &[("k8s_fwports", "tcp-22")],
        );
        check_tags(
            r#"FROM tag "g" = "web" TO tag g = web ALLOW tcp PORT ALL"#,
            &[("g", "web"), ("g", "web")],
        );
        check_tags("FROM any TO all vms ALLOW tcp PORT 22", &[]);
    }

    #[test]
    fn our_mark_is_cluster_and_node() {
        let rule = |description: &str| RuleFact {
            id: String::new(),
            rule: String::new(),
            description: description.to_owned(),
        };
        assert!(rule("vk-triton cluster=c node=n k8s_fwports=tcp-22 ports").is_of("c", "n"));
        assert!(!rule("vk-triton cluster=d node=n k8s_fwports=tcp-22 ports").is_of("c", "n"));
        assert!(!rule("vk-triton cluster=c node=nn").is_of("c", "n"));
        assert!(!rule("my own").is_of("c", "n"));
    }

    #[test]
    fn a_life_is_read_from_its_states() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let states =
            [(1, "provisioning"), (2, "running"), (5, "stopped"), (6, "running"), (9, "deleted")];
        let instance = InstanceFact {
            state: "deleted".to_owned(),
            states: states.map(|(second, state)| (at(second), state.to_owned())).to_vec(),
            ..InstanceFact::default()
        };
        assert_eq!((instance.made(), instance.ended()), (Some(at(1)), Some(at(9))));
        assert!(instance.lived_at(at(8)) && !instance.lived_at(at(9)) && !instance.lived_at(at(0)));
        assert_eq!((instance.runs(), instance.lives()), (2, false));
    }
}
