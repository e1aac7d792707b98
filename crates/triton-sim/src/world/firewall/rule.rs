//! A stored firewall rule, and which instances it concerns.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use uuid::Uuid;

use super::RuleText;
use super::parse::Target;
use crate::refusal::Refusal;
use crate::world::{Instance, text_of};

const DESCRIPTION_LENGTH_MAX: usize = 255;

/// A firewall rule of an account.
#[derive(Debug, Clone)]
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
}
