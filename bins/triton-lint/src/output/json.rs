//! Findings as one JSON object.

use anyhow::Context as _;
use serde_json::{Value, json};
use triton_podspec::manifest::Report;

use super::name;
use crate::input::Text;

pub(super) fn write(texts: &[Text], report: &Report) -> anyhow::Result<String> {
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            json!({
                "rule": finding.rule.name,
                "level": finding.level,
                "severity": finding.rule.severity,
                "reason": finding.rule.reason,
                "message": finding.message,
                "object": finding.object,
                "path": finding.path,
                "file": name(texts, finding.text),
                "line": finding.line,
                "column": finding.column,
            })
        })
        .collect();
    let all = json!({ "podTemplates": report.plans.len(), "findings": findings });
    let mut text = serde_json::to_string_pretty(&all).context("writing findings")?;
    text.push('\n');
    Ok(text)
}
