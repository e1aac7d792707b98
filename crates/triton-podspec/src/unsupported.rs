//! What an instance cannot be: one table over the whole spec.
//!
//! The table looks at the spec as JSON, so a row is a field path and a field of any Kubernetes version can be named.
//! What is not listed and has no effect (priority, tolerations, imagePullPolicy, dnsPolicy, hostname, …) is either the
//! scheduler's or harmless.

mod table;

use serde_json::Value;

use self::table::{Row, TABLE};
use crate::diagnostic::Findings;
use crate::inputs::Inputs;
use crate::rules;

/// Every field of the spec that cannot be, or that has no effect.
pub(crate) fn unsupported(inputs: &Inputs<'_>, findings: &mut Findings) {
    // A spec is a tree of strings and numbers, which always has a JSON form; if it had none, what follows
    // would find no container and reject the pod.
    let spec = serde_json::to_value(&inputs.pod.spec).unwrap_or_default();
    let runs = |row: &&Row| {
        let wants_command = [&rules::PROBE_KIND, &rules::LIFECYCLE_EXEC].contains(&row.rule);
        !(wants_command && inputs.defaults.commands)
    };
    for row in TABLE.iter().filter(runs) {
        look(&spec, "spec", row.path, row, findings);
    }
}

/// Follows the rest of a row's path from `value`, whose own path is `at`.
fn look(value: &Value, at: &str, rest: &str, row: &Row, findings: &mut Findings) {
    if rest.is_empty() {
        if (row.when)(value) {
            findings.add(row.rule, at, row.message);
        }
        return;
    }
    let (step, rest) = rest.split_once('.').unwrap_or((rest, ""));
    match step.strip_suffix("[*]") {
        None => look(
            value.get(step).unwrap_or(&Value::Null),
            &format!("{at}.{step}"),
            rest,
            row,
            findings,
        ),
        Some(list) => {
            let elements = value.get(list).and_then(Value::as_array);
            for (index, element) in elements.into_iter().flatten().enumerate() {
                look(element, &format!("{at}.{list}[{index}]"), rest, row, findings);
            }
        }
    }
}
