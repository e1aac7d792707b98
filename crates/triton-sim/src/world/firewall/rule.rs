//! A stored firewall rule, and which instances it concerns.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::RuleText;
use super::parse::{Ports, Protocol, Target};
use crate::refusal::Refusal;
use crate::world::{Instance, text_of};

const DESCRIPTION_LENGTH_MAX: usize = 255;

/// A firewall rule of an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FirewallRule {
    pub(crate) id: Uuid,
    /// `None` is a global rule: everybody sees it, nobody changes it.
    pub(crate) owner: Option<Uuid>,
    pub(crate) rule: RuleText,
    pub(crate) enabled: bool,
    pub(crate) log: bool,
    pub(crate) description: Option<String>,
}

// === impl FirewallRule ===

impl FirewallRule {
    /// Reads rule text as FWAPI does.
    ///
    /// # Errors
    /// 422 InvalidParameters on field `rule`.
    pub(crate) fn read(text: &str) -> Result<RuleText, Refusal> {
        RuleText::parse(text)
            .map_err(|message| Refusal::unprocessable("rule", "InvalidParameter", message))
    }

    /// # Errors
    /// 422 InvalidParameters on field `description`.
    pub(crate) fn check_description(text: &str) -> Result<(), Refusal> {
        if text.len() > DESCRIPTION_LENGTH_MAX {
            let message = format!("must be shorter than {DESCRIPTION_LENGTH_MAX} characters");
            return Err(Refusal::unprocessable("description", "InvalidParameter", message));
        }
        Ok(())
    }

    /// Whether the rule is about this instance, on either side.
    pub(crate) fn concerns(&self, instance: &Instance) -> bool {
        let same_owner = self.owner.is_none_or(|owner| owner == instance.owner);
        same_owner && (names(&self.rule.from, instance) || names(&self.rule.to, instance))
    }

    /// What the rule says to a TCP connection from this computer to a port of this instance: priority and allowed or not.
    ///
    /// Of several that say something the greatest decides: higher priority first, and for inbound traffic ALLOW beats BLOCK.
    pub(crate) fn verdict(&self, instance: &Instance, port: u16) -> Option<(u8, bool)> {
        let applies = self.enabled
            && self.owner.is_none_or(|owner| owner == instance.owner)
            && self.rule.from.iter().any(Target::holds_localhost)
            && names(&self.rule.to, instance)
            && self.rule.protocol.holds_tcp(port);
        applies.then_some((self.rule.priority, self.rule.allow))
    }

    /// What the rule says about what comes in to `to` from another instance: priority and allowed or not.
    pub(crate) fn inbound(&self, from: &Instance, to: &Instance, port: u16) -> Option<(u8, bool)> {
        self.between(from, to, port).filter(|_| self.names_to(to))
    }

    /// What the rule says about what goes out of `from` to another instance.
    pub(crate) fn outbound(&self, from: &Instance, to: &Instance, port: u16) -> Option<(u8, bool)> {
        self.between(from, to, port).filter(|_| names(&self.rule.from, from))
    }

    fn names_to(&self, instance: &Instance) -> bool {
        self.owner.is_none_or(|owner| owner == instance.owner) && names(&self.rule.to, instance)
    }

    fn between(&self, from: &Instance, to: &Instance, port: u16) -> Option<(u8, bool)> {
        // Tags and instances in a rule are its owner's.
        let means = |targets: &BTreeSet<Target>, instance: &Instance| {
            let is_own = self.owner.is_none_or(|owner| owner == instance.owner);
            (is_own && names(targets, instance)) || targets.iter().any(|t| t.holds(instance))
        };
        let applies = self.enabled
            && means(&self.rule.from, from)
            && means(&self.rule.to, to)
            && self.rule.protocol.holds_tcp(port);
        applies.then_some((self.rule.priority, self.rule.allow))
    }

    /// CloudAPI's rule object.
    pub(crate) fn to_json(&self) -> Value {
        let mut body = json!({
            "id": self.id,
            "rule": self.rule.to_string(),
            "enabled": self.enabled,
            "log": self.log,
        });
        if self.owner.is_none() {
            body["global"] = json!(true);
        }
        if let Some(description) = &self.description {
            body["description"] = json!(description);
        }
        body
    }
}

// === impl Target ===

impl Target {
    /// Who connects from this computer is no instance: only addresses can mean it.
    fn holds_localhost(&self) -> bool {
        match self {
            Self::Any => true,
            Self::Ip(ip) => ip.is_loopback(),
            Self::Subnet(IpAddr::V4(base), length) => {
                in_subnet(Ipv4Addr::LOCALHOST, *base, *length)
            }
            Self::Subnet(IpAddr::V6(_), _) | Self::AllVms | Self::Tag(..) | Self::Vm(_) => false,
        }
    }
}

// === impl Target, as addresses ===

impl Target {
    /// Whether one of the instance's addresses is meant.
    fn holds(&self, instance: &Instance) -> bool {
        instance.nics.iter().any(|nic| match self {
            Self::Any => true,
            Self::Ip(ip) => *ip == IpAddr::V4(nic.ip),
            Self::Subnet(IpAddr::V4(base), length) => in_subnet(nic.ip, *base, *length),
            Self::Subnet(IpAddr::V6(_), _) | Self::AllVms | Self::Tag(..) | Self::Vm(_) => false,
        })
    }
}

fn in_subnet(ip: Ipv4Addr, base: Ipv4Addr, length: u8) -> bool {
    let mask = u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0);
    u32::from(ip) & mask == u32::from(base) & mask
}

// === impl Protocol ===

impl Protocol {
    fn holds_tcp(&self, port: u16) -> bool {
        match self {
            Self::Ports("tcp", Ports::All) => true,
            Self::Ports("tcp", Ports::Single(ports)) => ports.contains(&port),
            Self::Ports("tcp", Ports::Ranges(ranges)) => {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&port))
            }
            _ => false,
        }
    }
}

fn names(targets: &BTreeSet<Target>, instance: &Instance) -> bool {
    targets.iter().any(|target| match target {
        Target::AllVms => true,
        Target::Vm(id) => *id == instance.id,
        Target::Tag(key, wanted) => instance
            .tags
            .get(key)
            .is_some_and(|value| wanted.as_ref().is_none_or(|wanted| *wanted == text_of(value))),
        Target::Any | Target::Ip(_) | Target::Subnet(..) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        let mut instance = Instance::sample("web");
        instance.id = Uuid::from_u128(7);
        instance.tags = json!({ "role": "web", "canary": true }).as_object().unwrap().clone();
        let rule = FirewallRule {
            id: Uuid::nil(),
            owner: Some(instance.owner),
            rule: FirewallRule::read(text).unwrap(),
            enabled: true,
            log: false,
            description: None,
        };
        assert_eq!(rule.concerns(&instance), expected, "{text}");
    }

    #[test]
    fn rules_concern_those_they_name() {
        check(r#"FROM any TO tag "role" = "web" ALLOW tcp PORT 80"#, true);
        check(r#"FROM tag "role" TO any BLOCK tcp PORT 80"#, true);
        check(r#"FROM any TO tag "role" = "db" ALLOW tcp PORT 80"#, false);
        check(r#"FROM any TO tag "canary" = "true" ALLOW tcp PORT 80"#, true);
        check("FROM any TO all vms ALLOW tcp PORT 80", true);
        check("FROM any TO vm 00000000-0000-0000-0000-000000000007 ALLOW tcp PORT 80", true);
        check("FROM any TO vm 00000000-0000-0000-0000-000000000008 ALLOW tcp PORT 80", false);
    }

    #[track_caller]
    fn check_verdict(text: &str, expected: Option<(u8, bool)>) {
        let mut instance = Instance::sample("web");
        instance.tags = json!({ "role": "web" }).as_object().unwrap().clone();
        let rule = FirewallRule {
            id: Uuid::nil(),
            owner: Some(instance.owner),
            rule: FirewallRule::read(text).unwrap(),
            enabled: true,
            log: false,
            description: None,
        };
        assert_eq!(rule.verdict(&instance, 80), expected, "{text}");
        assert_eq!(FirewallRule { enabled: false, ..rule }.verdict(&instance, 80), None);
    }

    #[test]
    fn rules_speak_of_connections_from_this_computer() {
        check_verdict("FROM any TO tag role = web ALLOW tcp PORT 80", Some((0, true)));
        check_verdict(
            "FROM any TO tag role = web BLOCK tcp PORTS 1 - 100 PRIORITY 7",
            Some((7, false)),
        );
        check_verdict("FROM subnet 127.0.0.0/8 TO all vms ALLOW tcp PORT ALL", Some((0, true)));
        check_verdict(
            "FROM ip 127.0.0.1 TO all vms ALLOW tcp (PORT 22 AND PORT 80)",
            Some((0, true)),
        );
        check_verdict("FROM subnet 10.0.0.0/8 TO all vms ALLOW tcp PORT ALL", None);
        check_verdict("FROM tag role = web TO tag role = web ALLOW tcp PORT 80", None);
        check_verdict("FROM any TO tag role = db ALLOW tcp PORT 80", None);
        check_verdict("FROM any TO all vms ALLOW tcp PORT 22", None);
        check_verdict("FROM any TO all vms ALLOW udp PORT 80", None);
    }
}
