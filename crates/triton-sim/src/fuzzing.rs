//! Ways in for fuzzing: laws of the languages that the simulator reads. No part of the crate's interface.

#[cfg(test)]
mod tests;

use crate::world::{AffinityRule, RuleText};

/// What is printed reads as the rule it was printed from, and prints the same again.
///
/// # Panics
///
/// When that does not hold.
pub fn firewall_rule(text: &str) {
    let Ok(rule) = RuleText::parse(text) else { return };
    let printed = rule.to_string();
    let Ok(again) = RuleText::parse(&printed) else {
        panic!("{text:?} prints as {printed:?}, which is no rule");
    };
    assert_eq!(again, rule, "{text:?} prints as {printed:?}");
    assert_eq!(again.to_string(), printed);
}

/// A rule that is read has an operator and a key in CloudAPI's alphabet.
///
/// # Panics
///
/// When that does not hold.
pub fn affinity_rule(text: &str) {
    if AffinityRule::parse(text).is_err() {
        return;
    }
    let key = text.split(['=', '!']).next().unwrap_or_default();
    assert!(key.len() >= 2, "{text:?} has a key of one letter");
    assert!(key.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)), "{text:?}");
    assert!(text.contains("==") || text.contains("!="), "{text:?} has no operator");
}
