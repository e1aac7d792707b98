//! How plans differ: what the node changes on the living instance, and what needs another one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::Context as _;
use serde_json::Value;
use triton_podspec::manifest::{Plan, Report};

/// What begins the fields of tags and metadata in a create request.
const LABELLED: [&str; 2] = ["tag.", "metadata."];

/// The environment, which Kubernetes does not let anyone edit in a living pod.
const ENVIRONMENT: &str = "metadata.user-data";

/// The differences, object by object.
pub(crate) fn diff(before: &Report, after: &Report) -> anyhow::Result<String> {
    let (before, after) = (by_object(before), by_object(after));
    let mut out = String::new();
    let objects: BTreeSet<&(&str, &str)> = before.keys().chain(after.keys()).collect();
    for object in objects {
        let name = format!("{} in {}", object.1, object.0);
        match (before.get(object), after.get(object)) {
            (None, _) => writeln!(out, "{name}: new")?,
            (_, None) => writeln!(out, "{name}: gone")?,
            (Some(before), Some(after)) => {
                let changes = changes(before, after)?;
                if changes.is_empty() {
                    writeln!(out, "{name}: the same")?;
                    continue;
                }
                let replaced = changes.iter().any(|change| !change.in_place);
                let verdict = if replaced { "another instance" } else { "changed in place" };
                writeln!(out, "{name}: {verdict}")?;
                for Change { field, before, after, in_place } in &changes {
                    let how = if *in_place { "in place" } else { "replaced" };
                    writeln!(out, "  {field} ({how})\n    - {before}\n    + {after}")?;
                }
            }
        }
    }
    Ok(out)
}

struct Change {
    field: String,
    before: String,
    after: String,
    in_place: bool,
}

fn by_object(report: &Report) -> BTreeMap<(&str, &str), &Plan> {
    report
        .plans
        .iter()
        .map(|plan| ((plan.namespace.as_str(), plan.object.as_str()), plan))
        .collect()
}

fn changes(before: &Plan, after: &Plan) -> anyhow::Result<Vec<Change>> {
    let after_object = after.object.as_str();
    let (before, after) = (fields(before)?, fields(after)?);
    let all: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let told = |fields: &BTreeMap<String, String>, field: &str| {
        fields.get(field).cloned().unwrap_or_else(|| "(nothing)".to_owned())
    };
    Ok(all
        .into_iter()
        .filter(|field| before.get(*field) != after.get(*field))
        .map(|field| Change {
            field: field.clone(),
            before: told(&before, field),
            after: told(&after, field),
            in_place: is_in_place(after_object, field),
        })
        .collect())
}

/// Labels and annotations of a living pod reach its instance; a changed template makes other pods.
fn is_in_place(object: &str, field: &str) -> bool {
    let labelled = LABELLED.iter().any(|prefix| field.starts_with(prefix)) && field != ENVIRONMENT;
    object.starts_with("Pod/") && (labelled || field.starts_with("firewall"))
}

/// The request's fields and the firewall rules, as text.
fn fields(plan: &Plan) -> anyhow::Result<BTreeMap<String, String>> {
    let mut fields = BTreeMap::new();
    let Some(instance) = &plan.instance else {
        fields.insert("no instance because".to_owned(), plan.why_not.join("; "));
        return Ok(fields);
    };
    let body = instance.create.to_body().context("writing the create request")?;
    for (field, value) in body.as_object().into_iter().flatten() {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        fields.insert(field.clone(), text);
    }
    for rule in &instance.firewall_rules {
        fields.insert(format!("firewall rule for {}", rule.purpose), rule.rule.clone());
    }
    fields.insert("deletion protection".to_owned(), instance.deletion_protection.to_string());
    Ok(fields)
}
