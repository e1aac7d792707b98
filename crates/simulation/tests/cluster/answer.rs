//! In what two answers differ that should not.

use serde_json::Value;

use crate::calls::Answer;

/// What any two clusters have otherwise, wherever it stands.
const OF_THE_CLUSTER: [&str; 9] = [
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "managedFields",
    "selfLink",
    "continue",
    "lastTransitionTime",
    "startTime",
    "remainingItemCount",
];

/// What the real one fills in, and nobody here asks about.
const FILLED_IN: [&str; 19] = [
    "spec.securityContext",
    "spec.priority",
    "spec.preemptionPolicy",
    "spec.serviceAccount",
    "spec.podCIDR",
    "spec.podCIDRs",
    "spec.tolerations",
    "status.daemonEndpoints",
    "status.nodeInfo",
    "status.features",
    "status.observedGeneration",
    "metadata.labels.kubernetes.io/metadata.name",
    "spec.finalizers",
    "spec.containers.0.imagePullPolicy",
    // Of a node; controllers write there too.
    "status",
    "spec.taints.1",
    "spec.taints.2",
    "metadata.annotations",
    "metadata.annotations.node.alpha.kubernetes.io/ttl",
];

/// What of the first answer is not as in the second.
pub(crate) fn differences(is: &Answer, ought: &Answer) -> Vec<String> {
    let mut found = Vec::new();
    if is.code != ought.code {
        let why = |answer: &Answer| answer.body.get("message").cloned().unwrap_or_default();
        found.push(format!("{} ({}) is {} ({})", is.code, why(is), ought.code, why(ought)));
        return found;
    }
    if is.has_moved != ought.has_moved {
        found.push(format!("a new version: {} is {}", is.has_moved, ought.has_moved));
    }
    compare(&shown(&is.body), &shown(&ought.body), "", &mut found);
    let events = |answer: &Answer| -> Vec<Value> { answer.events.iter().map(shown).collect() };
    let (is, ought) = (events(is), events(ought));
    if is.len() != ought.len() {
        found.push(format!("{} events are {}: {is:?} {ought:?}", is.len(), ought.len()));
    }
    for (number, (is, ought)) in is.iter().zip(&ought).enumerate() {
        let mut of_event = Vec::new();
        compare(&is["object"], &ought["object"], "", &mut of_event);
        if is["type"] != ought["type"] {
            of_event.push(format!("{} is {}", is["type"], ought["type"]));
        }
        found.extend(of_event.into_iter().map(|what| format!("event {number}: {what}")));
    }
    found
}

/// An answer without what any two clusters have otherwise.
fn shown(value: &Value) -> Value {
    match value {
        Value::Object(fields) if fields.get("kind").is_some_and(|kind| kind == "Status") => {
            // Words and details are for people.
            let kept = ["kind", "status", "reason", "code"];
            let kept = kept
                .iter()
                .filter_map(|field| Some(((*field).to_owned(), fields.get(*field)?.clone())));
            Value::Object(kept.collect())
        }
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| !OF_THE_CLUSTER.contains(&name.as_str()));
            let kept = kept.map(|(name, value)| {
                // That it is there counts, and not when.
                let value =
                    if name == "deletionTimestamp" { Value::Bool(true) } else { shown(value) };
                (name.clone(), value)
            });
            Value::Object(kept.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(shown).collect()),
        other => other.clone(),
    }
}

fn compare(is: &Value, ought: &Value, path: &str, found: &mut Vec<String>) {
    let inner =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (is, ought) {
        (Value::Object(is), Value::Object(ought)) => {
            for (name, value) in is {
                match ought.get(name) {
                    Some(other) => compare(value, other, &inner(name), found),
                    // What is empty may be left out.
                    None if is_empty(value) => {}
                    None => found.push(format!("{} is too much: {value}", inner(name))),
                }
            }
            for (name, value) in ought.iter().filter(|(name, _)| !is.contains_key(*name)) {
                let path = inner(name);
                let path =
                    path.trim_start_matches(|of: char| of.is_ascii_digit()).trim_start_matches('.');
                let path = path
                    .strip_prefix("items.")
                    .map_or(path, |rest| rest.split_once('.').map_or(rest, |(_, rest)| rest));
                if !FILLED_IN.contains(&path) && !is_empty(value) {
                    found.push(format!("{path} is missing: {value}"));
                }
            }
        }
        (Value::Array(is), Value::Array(ought)) if is.len() <= ought.len() => {
            for (number, (is, ought)) in is.iter().zip(ought).enumerate() {
                compare(is, ought, &inner(&number.to_string()), found);
            }
            for (number, value) in ought.iter().enumerate().skip(is.len()) {
                let path = inner(&number.to_string());
                if !FILLED_IN.contains(&path.as_str()) {
                    found.push(format!("{path} is missing: {value}"));
                }
            }
        }
        (is, ought) if is == ought || (is_empty(is) && is_empty(ought)) => {}
        (is, ought) => found.push(format!("{path}: {is} is {ought}")),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}
