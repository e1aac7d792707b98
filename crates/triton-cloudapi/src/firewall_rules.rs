//! Firewall rules (manual, "Firewall rules").

use serde::{Deserialize, Serialize};

use crate::ids::FirewallRuleId;

/// A firewall rule as the server keeps it: the text is canonical, so compare by [`FirewallRule::description`] or
/// normalise first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FirewallRule {
    /// Identity.
    pub id: FirewallRuleId,
    /// `FROM … TO … ALLOW|BLOCK …`.
    pub rule: String,
    /// Whether it filters.
    #[serde(default)]
    pub enabled: bool,
    /// Whether it applies to every account; such a rule cannot be changed.
    #[serde(default)]
    pub global: bool,
    /// Up to 255 characters of the owner's.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether connections are logged.
    #[serde(default)]
    pub log: bool,
}

/// Parameters of CreateFirewallRule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateFirewallRule {
    /// The rule's text.
    pub rule: String,
    /// Whether it filters from the start.
    pub enabled: bool,
    /// Up to 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}
