//! The two patches that the node sends: JSON merge patch (RFC 7396) and Kubernetes' strategic merge patch.

use serde_json::{Map, Value};

/// Lists that are merged element by element, and by which field. All others are replaced
/// (`patchStrategy` and `patchMergeKey` in Kubernetes' API types; `finalizers` are never patched here).
const MERGED: [(&str, &str); 6] = [
    ("status.conditions", "type"),
    ("status.podIPs", "ip"),
    ("status.hostIPs", "ip"),
    ("status.addresses", "type"),
    ("metadata.ownerReferences", "uid"),
    ("status.volumesAttached", "name"),
];

/// JSON merge patch.
pub(super) fn json(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(object) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            object.remove(key);
        } else {
            json(object.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Strategic merge patch of Pods, Nodes and the like, with `$patch: replace` and `$patch: delete`.
pub(super) fn strategic(target: &mut Value, patch: &Value) {
    merge(target, patch, "");
}

fn merge(target: &mut Value, patch: &Value, path: &str) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if directive(patch) == Some("replace") {
        let mut whole = patch.clone();
        whole.remove("$patch");
        *target = Value::Object(whole);
        return;
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(object) = target else { return };
    for (key, value) in patch {
        if key.starts_with('$') {
            continue;
        }
        let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let merged = MERGED.iter().find(|(list, _)| *list == inner);
        match (value, merged) {
            (Value::Null, _) => drop(object.remove(key)),
            (Value::Array(elements), Some((_, by))) => {
                let list = object.entry(key.clone()).or_insert_with(|| Value::Array(Vec::new()));
                if !list.is_array() {
                    *list = Value::Array(Vec::new());
                }
                if let Value::Array(list) = list {
                    merge_list(list, elements, by);
                }
            }
            _ => merge(object.entry(key.clone()).or_insert(Value::Null), value, &inner),
        }
    }
}

fn merge_list(list: &mut Vec<Value>, patch: &[Value], by: &str) {
    if patch.iter().any(|element| element.as_object().and_then(directive) == Some("replace")) {
        list.clear();
    }
    let before = list.clone();
    for element in patch {
        let Some(fields) = element.as_object() else { continue };
        let place = list.iter().position(|held| held.get(by) == element.get(by));
        match (directive(fields), place) {
            (Some("replace"), _) => {}
            (Some("delete"), Some(place)) => drop(list.remove(place)),
            (Some("delete"), None) => {}
            (_, Some(place)) => merge(&mut list[place], element, ""),
            (_, None) => list.push(element.clone()),
        }
    }
    *list = ordered(std::mem::take(list), &before, patch, by);
}

/// The order of a merged list when the patch says none (apimachinery's strategicpatch, `mergeSortedSlice`): what was
/// there keeps its order, and of what the patch names the new stands before what it does not name.
fn ordered(merged: Vec<Value>, before: &[Value], patch: &[Value], by: &str) -> Vec<Value> {
    let place = |list: &[Value], element: &Value| {
        list.iter().position(|other| other.get(by) == element.get(by))
    };
    let (mut named, rest): (Vec<Value>, Vec<Value>) =
        merged.into_iter().partition(|element| place(patch, element).is_some());
    named.sort_by_key(|element| place(patch, element));
    let (mut named, mut rest) = (named.into_iter().peekable(), rest.into_iter().peekable());
    let mut all = Vec::new();
    while let (Some(one), Some(other)) = (rest.peek(), named.peek()) {
        let is_first =
            place(before, one).zip(place(before, other)).is_some_and(|(one, other)| one < other);
        all.extend(if is_first { rest.next() } else { named.next() });
    }
    all.extend(rest.chain(named));
    all
}

fn directive(object: &Map<String, Value>) -> Option<&str> {
    object.get("$patch").and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(mut target: Value, patch: Value, expected: Value) {
        strategic(&mut target, &patch);
        assert_eq!(target, expected);
    }

    #[test]
    fn conditions_merge_by_type_and_other_lists_are_replaced() {
        check(
            json!({"status": {"conditions": [{"type": "A", "status": "True", "reason": "x"}], "containerStatuses": [1, 2]}}),
            json!({"status": {"conditions": [{"type": "A", "status": "False"}, {"type": "B"}], "containerStatuses": [3]}}),
            json!({"status": {"conditions": [{"type": "A", "status": "False", "reason": "x"}, {"type": "B"}], "containerStatuses": [3]}}),
        );
    }

    #[test]
    fn elements_are_deleted_and_lists_replaced_when_the_patch_says_so() {
        check(
            json!({"status": {"conditions": [{"type": "A"}, {"type": "B"}]}}),
            json!({"status": {"conditions": [{"$patch": "delete", "type": "A"}]}}),
            json!({"status": {"conditions": [{"type": "B"}]}}),
        );
        check(
            json!({"status": {"podIPs": [{"ip": "10.0.0.1"}]}}),
            json!({"status": {"podIPs": [{"ip": "10.0.0.2"}, {"$patch": "replace"}]}}),
            json!({"status": {"podIPs": [{"ip": "10.0.0.2"}]}}),
        );
    }

    #[test]
    fn null_removes() {
        check(
            json!({"status": {"reason": "x", "a": 1}}),
            json!({"status": {"reason": null}}),
            json!({"status": {"a": 1}}),
        );
        let mut target = json!({"a": {"b": 1, "c": [1]}});
        json(&mut target, &json!({"a": {"b": null, "c": [2]}}));
        assert_eq!(target, json!({"a": {"c": [2]}}));
    }
}
