//! Affinity rules: which compute nodes the instance shall share, or not share, with others.

use crate::annotations::{self, AFFINITY};
use crate::diagnostic::{Findings, quote};
use crate::inputs::Inputs;
use crate::rules;

/// The rules of the annotation, one by one, checked as the server checks them (CloudAPI manual, "Affinity rules").
pub(crate) fn affinity(inputs: &Inputs<'_>, findings: &mut Findings) -> Vec<String> {
    let Some(annotation) = annotations::find(inputs.pod, AFFINITY) else { return Vec::new() };
    let mut affinity = Vec::new();
    for rule in annotation.value.split([',', '\n']).map(str::trim).filter(|rule| !rule.is_empty()) {
        match check(rule) {
            Ok(()) => affinity.push(rule.to_owned()),
            Err(problem) => findings.add(
                &rules::MALFORMED_AFFINITY,
                annotation.path.clone(),
                format!("{} {problem}; write KEY==VALUE or KEY!=VALUE, with ~ after the operator for a wish", quote(rule)),
            ),
        }
    }
    affinity
}

fn check(rule: &str) -> Result<(), String> {
    // The server looks for `==` before it looks for `!=`.
    let (key, value) = rule
        .split_once("==")
        .or_else(|| rule.split_once("!="))
        .ok_or_else(|| "has none of the operators ==, !=, ==~ and !=~".to_owned())?;
    let value = value.strip_prefix('~').unwrap_or(value);
    if !is_key(key) {
        return Err(format!(
            "has the key {}, which is neither \"instance\" nor a tag of two or more letters, digits and -_.",
            quote(key)
        ));
    }
    if !is_value(value) {
        return Err(format!(
            "has the value {}, which is empty or holds a character that rules cannot",
            quote(value)
        ));
    }
    if value.starts_with('/') && value.len() < 3 {
        return Err("has an empty regular expression".to_owned());
    }
    Ok(())
}

pub(crate) fn is_key(key: &str) -> bool {
    let mut bytes = key.bytes();
    let first = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    first
        && key.len() > 1
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

pub(crate) fn is_value(value: &str) -> bool {
    let legal = |letter: char| {
        letter.is_ascii_alphanumeric()
            || letter.is_whitespace()
            || r"-:_.*/()?+[]\^$|".contains(letter)
    };
    !value.is_empty() && value.chars().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_the_server_takes_are_taken() {
        for rule in [
            "role!=consul",
            "container==bastion",
            "instance!=~web*",
            "instance==~/^db/",
            "k8s.app!=~nginx",
            "_x==1",
        ] {
            assert_eq!(check(rule), Ok(()), "{rule}");
        }
    }

    #[test]
    fn rules_that_the_server_refuses_are_refused() {
        for rule in [
            "",
            "role",
            "role=db",
            "r==db",
            "role==",
            "role==~",
            "1x==a",
            "a/b==c",
            "role==a=b",
            "role==/",
            "role==é",
        ] {
            assert!(check(rule).is_err(), "{rule}");
        }
    }
}
