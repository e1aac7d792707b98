//! How seriously a finding is taken.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::diagnostic::{Rule, Severity};
use crate::nearest::did_you_mean;
use crate::rules;

/// How seriously a finding is taken; in JSON `allow`, `warn`, `deny`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It is not told.
    Allow,
    /// It is told.
    Warn,
    /// It is told, and the check fails.
    Deny,
}

/// What stands for all rules that only warn, where a rule's name may stand.
pub const WARNINGS: &str = "warnings";

/// Levels that differ from the rules' own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    by_rule: BTreeMap<&'static str, Level>,
    warnings: Option<Level>,
}

/// There is no rule of that name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRule(String);

// === impl Levels ===

impl Levels {
    /// Sets the level of a rule, or of all that only warn (`warnings`). What is set later wins.
    ///
    /// # Errors
    ///
    /// When there is no such rule; the message names the nearest.
    pub fn set(&mut self, rule: &str, level: Level) -> Result<(), UnknownRule> {
        if rule == WARNINGS {
            self.warnings = Some(level);
            return Ok(());
        }
        let found = rules::find(rule).ok_or_else(|| UnknownRule(rule.to_owned()))?;
        self.by_rule.insert(found.name, level);
        Ok(())
    }

    /// The level of a rule's findings: as set, or else deny for what keeps the pod from running and warn for the rest.
    #[must_use]
    pub fn of(&self, rule: &Rule) -> Level {
        let own = Level::of(rule);
        self.by_rule.get(rule.name).copied().unwrap_or(match own {
            Level::Warn => self.warnings.unwrap_or(own),
            _ => own,
        })
    }
}

// === impl Level ===

impl Level {
    /// The level that a rule has by itself.
    #[must_use]
    pub fn of(rule: &Rule) -> Self {
        match rule.severity {
            Severity::Warning => Self::Warn,
            Severity::Wait | Severity::Reject => Self::Deny,
        }
    }

    /// The level of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "allow" => Some(Self::Allow),
            "warn" => Some(Self::Warn),
            "deny" => Some(Self::Deny),
            _ => None,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Deny => "deny",
        })
    }
}

// === impl UnknownRule ===

impl fmt::Display for UnknownRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = rules::every().map(|rule| rule.name);
        write!(f, "there is no rule {:?}{}", self.0, did_you_mean(&self.0, names))
    }
}

impl std::error::Error for UnknownRule {}
