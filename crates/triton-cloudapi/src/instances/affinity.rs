//! The syntax of affinity rules, as far as CloudAPI refuses what does not follow it (manual, "Affinity rules").

use crate::request::RequestError;

const EXPECTED: &str =
    "a rule is a tag's name or `instance`, one of == != ==~ !=~, and a value: role!=db";

/// Whether CloudAPI can read the rule at all; whether it can be satisfied is known only there.
pub(super) fn check(rule: &str) -> Result<(), RequestError> {
    if is_rule(rule) {
        Ok(())
    } else {
        Err(RequestError::invalid("an affinity rule", rule, EXPECTED))
    }
}

fn is_rule(rule: &str) -> bool {
    // The server looks for == first, anywhere in the text.
    let Some((key, value)) = rule.split_once("==").or_else(|| rule.split_once("!=")) else {
        return false;
    };
    let value = value.strip_prefix('~').unwrap_or(value);
    is_key(key) && is_value(value)
}

fn is_key(key: &str) -> bool {
    let mut chars = key.chars();
    let begins_well = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    // The server's pattern wants at least one more.
    begins_well
        && key.len() > 1
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn is_value(value: &str) -> bool {
    !value.is_empty()
        && value.chars().all(|c| {
            c.is_ascii_alphanumeric() || c.is_whitespace() || "-:_.*/()?+[]\\^$|".contains(c)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_rule(rule: &str, expected: bool) {
        assert_eq!(check(rule).is_ok(), expected, "{rule}");
    }

    #[test]
    fn rules_have_a_key_an_operator_and_a_value() {
        for rule in ["role!=db", "role==db", "instance==~/^db/", "k8s.app!=~nginx", "_x==a b*c"] {
            check_rule(rule, true);
        }
        for rule in ["", "role", "role=db", "role!=", "!=db", "r==db", "a/b==c", "9a==b"] {
            check_rule(rule, false);
        }
        // Characters that no value can hold.
        for rule in ["role==a,b", "role==a@b", "role!=~a~b", "role==a=b", "a!=b==c"] {
            check_rule(rule, false);
        }
    }
}
