//! Findings as SARIF 2.1.0, for code scanning (OASIS, "Static Analysis Results Interchange Format").

use anyhow::Context as _;
use serde_json::{Value, json};
use triton_podspec::manifest::{Level, Report};
use triton_podspec::rules;

use super::name;
use crate::input::Text;

pub(super) fn write(texts: &[Text], report: &Report) -> anyhow::Result<String> {
    let known: Vec<&'static str> = rules::every().map(|rule| rule.name).collect();
    let rules: Vec<Value> = rules::every()
        .map(|rule| {
            json!({
                "id": rule.name,
                "shortDescription": { "text": rule.summary },
                "help": { "text": rule.page, "markdown": rule.page },
                "defaultConfiguration": { "level": level(Level::of(rule)) },
            })
        })
        .collect();
    let results: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            json!({
                "ruleId": finding.rule.name,
                "ruleIndex": known.iter().position(|name| *name == finding.rule.name),
                "level": level(finding.level),
                "message": { "text": finding.told() },
                "locations": [{
                    "physicalLocation": {
                        "artifactLocation": { "uri": uri(name(texts, finding.text)) },
                        "region": { "startLine": finding.line, "startColumn": finding.column },
                    },
                    "logicalLocations": [{ "fullyQualifiedName": format!("{} {}", finding.object, finding.path).trim() }],
                }],
            })
        })
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "triton-lint",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    let mut text = serde_json::to_string_pretty(&log).context("writing findings")?;
    text.push('\n');
    Ok(text)
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Deny => "error",
        Level::Warn => "warning",
        Level::Allow => "none",
    }
}

/// A path as a relative reference (RFC 3986): with slashes, and what has a meaning there in hex.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'\\' => uri.push('/'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                uri.push(char::from(byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_references() {
        assert_eq!(uri("a/b c.yaml"), "a/b%20c.yaml");
        assert_eq!(uri("é:1"), "%C3%A9%3A1");
    }
}
