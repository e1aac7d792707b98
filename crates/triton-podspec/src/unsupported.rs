//! What an instance cannot be: the rules that look at fields alone.
//!
//! They look at the spec as JSON, so a row is a field path and a field of any Kubernetes version can be named. What
//! becomes of the other fields is in [`crate::fields`].

use std::fmt;

use serde_json::Value;

use crate::diagnostic::{Findings, Rule};
use crate::inputs::Inputs;
use crate::rules::row::Row;
use crate::rules::{self, TABLE};

/// Every field of the spec that cannot be, or that has no effect.
pub(crate) fn unsupported(inputs: &Inputs<'_>, findings: &mut Findings) {
    // A spec is a tree of strings and numbers, which always has a JSON form; if it had none, what follows
    // would find no container and reject the pod.
    let spec = serde_json::to_value(&inputs.pod.spec).unwrap_or_default();
    let at = At { parent: None, step: "spec", index: None };
    for (rule, rows) in TABLE {
        let wants_command = [rules::PROBE_KIND, rules::LIFECYCLE_EXEC].contains(*rule);
        if wants_command && inputs.defaults.commands {
            continue;
        }
        for row in *rows {
            look(&spec, &at, row.path, rule, row, findings);
        }
    }
}

/// Where a value is; written out only when there is something to say about it.
struct At<'a> {
    parent: Option<&'a At<'a>>,
    step: &'a str,
    index: Option<usize>,
}

/// Follows the rest of a row's path from `value`, whose own path is `at`.
fn look(value: &Value, at: &At<'_>, rest: &str, rule: &Rule, row: &Row, findings: &mut Findings) {
    if rest.is_empty() {
        if (row.when)(value) {
            findings.add(rule, at.to_string(), row.message);
        }
        return;
    }
    let (step, rest) = rest.split_once('.').unwrap_or((rest, ""));
    match step.strip_suffix("[*]") {
        None => {
            let below = At { parent: Some(at), step, index: None };
            look(value.get(step).unwrap_or(&Value::Null), &below, rest, rule, row, findings);
        }
        Some(step) => {
            let elements = value.get(step).and_then(Value::as_array);
            for (index, element) in elements.into_iter().flatten().enumerate() {
                let below = At { parent: Some(at), step, index: Some(index) };
                look(element, &below, rest, rule, row, findings);
            }
        }
    }
}

// === impl At ===

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}.")?;
        }
        f.write_str(self.step)?;
        self.index.map_or(Ok(()), |index| write!(f, "[{index}]"))
    }
}
