//! Firewall rules, addressed by content: pods that want the same share a rule.
//!
//! Rules are about tags, not about instances, so they are there before the instance is and follow pods that come and
//! go. Texts are in CloudAPI's canonical form, so that they compare equal to what the server lists.

use std::collections::BTreeSet;
use std::fmt::Write;

use k8s_openapi::api::core::v1::Pod;
use sha2::{Digest, Sha256};
use triton_cloudapi::tags::{TagValue, Tags};

use crate::annotations::{self, Annotation, FIREWALL_ENABLED, FIREWALL_GROUP, PREFIX};
use crate::catalog::Catalog;
use crate::diagnostic::{Findings, quote};
use crate::inputs::{Defaults, Inputs};
use crate::plan::FirewallRulePlan;
use crate::ports::{Port, ports};
use crate::rules;
use crate::sources::Sources;

/// Tag that says which ports are open.
pub const PORTS_TAG: &str = "k8s_fwports";
/// Tag that says which firewall group an instance is in.
pub const GROUP_TAG: &str = "k8s_fwgroup";

/// The tags that firewall rules are about.
pub const RULE_TAGS: [&str; 2] = [PORTS_TAG, GROUP_TAG];

/// Longest value of the ports tag that lists the ports; beyond it a hash stands for them.
const PORTS_TAG_MAX: usize = 200;

/// The firewall rules that a pod's instance needs, whatever else there is to say about the pod: for an instance that
/// is there already.
#[must_use]
pub fn rules(pod: &Pod) -> Vec<FirewallRulePlan> {
    let inputs = Inputs {
        pod,
        cluster: "",
        node: "",
        host_ip: None,
        catalog: &Catalog::default(),
        defaults: &Defaults::default(),
        sources: &Sources::default(),
    };
    firewall(&inputs, &mut Findings::default()).rules
}

/// What the firewall needs.
#[derive(Debug, Default)]
pub(crate) struct Firewall {
    pub(crate) enabled: bool,
    pub(crate) tags: Tags,
    pub(crate) rules: Vec<FirewallRulePlan>,
}

/// Whether the firewall is on, and what it lets in.
pub(crate) fn firewall(inputs: &Inputs<'_>, findings: &mut Findings) -> Firewall {
    let enabled = annotations::flag(inputs, FIREWALL_ENABLED, findings);
    let ports = ports(inputs, findings);
    let group = group(inputs, findings);
    let mut firewall = Firewall { enabled, ..Firewall::default() };
    if let Some((path, group)) = group {
        // The tag alone already lets this instance through to members whose firewall is on.
        firewall.tags.insert(GROUP_TAG.to_owned(), TagValue::from(group));
        if enabled {
            firewall.rules.extend(group_rules(group));
        } else {
            findings.add(
                &rules::FIREWALL_GROUP_OFF,
                path,
                format!(
                    "the firewall is off, so the group {group:?} does not protect this instance; \
                     annotate {PREFIX}{FIREWALL_ENABLED}: \"true\""
                ),
            );
        }
    } else if enabled
        && ports.is_empty()
        && annotations::find(inputs.pod, FIREWALL_GROUP).is_none()
        && let Some(annotation) = annotations::find(inputs.pod, FIREWALL_ENABLED)
    {
        findings.add(
            &rules::FIREWALL_CLOSED,
            annotation.path,
            "the firewall is on, and neither containers[0].ports nor fwgroup lets anything in",
        );
    }
    if enabled && !ports.is_empty() {
        let value = ports_tag(&ports);
        firewall.rules.extend(ports.iter().map(|port| port_rule(*port, &value)));
        firewall.tags.insert(PORTS_TAG.to_owned(), TagValue::from(value));
    }
    firewall
}

fn group<'a>(inputs: &Inputs<'a>, findings: &mut Findings) -> Option<(String, &'a str)> {
    let Annotation { path, value } = annotations::find(inputs.pod, FIREWALL_GROUP)?;
    let group = value.trim();
    if group.is_empty() {
        return None;
    }
    // What needs no escapes in a rule's text.
    let legal =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    if group.len() > PORTS_TAG_MAX || !group.bytes().all(legal) {
        findings.add(
            &rules::MALFORMED_ANNOTATION,
            path,
            format!(
                "{} is no group: letters, digits and -_.: are, up to {PORTS_TAG_MAX}",
                quote(group)
            ),
        );
        return None;
    }
    Some((path, group))
}

/// `tcp-22.udp-53`, or a hash where that gets too long.
fn ports_tag(ports: &BTreeSet<Port>) -> String {
    let names: Vec<String> =
        ports.iter().map(|port| format!("{}-{}", port.protocol, port.number)).collect();
    let joined = names.join(".");
    if joined.len() <= PORTS_TAG_MAX {
        return joined;
    }
    let mut hash = String::from("sha256-");
    for byte in &Sha256::digest(joined)[..8] {
        // Writing to a String cannot fail.
        let _ = write!(hash, "{byte:02x}");
    }
    hash
}

fn port_rule(port: Port, tag: &str) -> FirewallRulePlan {
    let Port { protocol, number } = port;
    FirewallRulePlan {
        rule: format!("FROM any TO tag \"{PORTS_TAG}\" = \"{tag}\" ALLOW {protocol} PORT {number}"),
        purpose: format!("{protocol} {number} from anywhere"),
        tag: (PORTS_TAG.to_owned(), tag.to_owned()),
    }
}

fn group_rules(group: &str) -> [FirewallRulePlan; 2] {
    ["tcp", "udp"].map(|protocol| FirewallRulePlan {
        rule: format!(
            "FROM tag \"{GROUP_TAG}\" = \"{group}\" TO tag \"{GROUP_TAG}\" = \"{group}\" ALLOW {protocol} PORT ALL"
        ),
        purpose: format!("{protocol} within {group}"),
        tag: (GROUP_TAG.to_owned(), group.to_owned()),
    })
}
