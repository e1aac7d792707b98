//! What is to be changed of an instance that is there, so that it is as its pod describes it now.
//!
//! Decided from the pod and the instance as it was just read, and from nothing else: whoever stops half way leaves a
//! difference that the next look finds. Only what labels and annotations name is set, and only what the instance's own
//! record says came from them is removed: neither bookkeeping nor what others have set is ever touched.

use std::collections::{BTreeMap, BTreeSet};

use triton_cloudapi::instances::Instance;
use triton_cloudapi::tags::{TagValue, Tags};
use triton_podspec::Described;
use triton_podspec::described::{
    LABELS_TAG, METADATA_TAG, record, recorded_metadata, recorded_tags,
};
use triton_podspec::ownership;

use crate::seen::Seen;

/// So many tags and metadata keys are removed in one go, each by a request of its own; the rest in the next.
const REMOVED_AT_ONCE: usize = 8;

/// So many names are told of in an event.
const NAMES_TOLD: usize = 10;

/// What is to be changed of an instance, in this order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edits {
    /// Tags to set, the record of what comes from the pod among them: it covers what is set after it and what is not
    /// removed yet, so that nothing of the pod's is ever without a record.
    pub set_tags: Tags,
    /// Tags to remove.
    pub remove_tags: Vec<String>,
    /// Metadata to set.
    pub set_metadata: BTreeMap<String, String>,
    /// Metadata to remove.
    pub remove_metadata: Vec<String>,
    /// The firewall, once the tags that its rules are about are as they should be.
    pub firewall: Option<bool>,
}

/// Whether an instance is as its pod describes it, as far as a list tells.
#[must_use]
pub fn is_as_described(seen: &Seen, wanted: &Described) -> bool {
    let carried = |name: &str| {
        seen.rule_tags.iter().find(|(tag, _)| **tag == *name).map(|(_, value)| value.to_string())
    };
    wanted.is_like(seen.likeness)
        && wanted
            .rule_tags
            .iter()
            .all(|(name, value)| carried(name) == value.as_ref().map(ToString::to_string))
        && (!wanted.protected || seen.asked_for_protection)
}

/// What is to be changed of this instance.
#[must_use]
pub fn edits(wanted: &Described, instance: &Instance) -> Edits {
    let Instance { tags, metadata, .. } = instance;
    let mut edits = Edits::default();
    let set = |name: &str, value: &TagValue, into: &mut Tags| {
        if tags.get(name).map(ToString::to_string) != Some(value.to_string()) {
            into.insert(name.to_owned(), value.clone());
        }
    };
    for (name, value) in &wanted.tags {
        set(name, value, &mut edits.set_tags);
    }
    for (name, value) in &wanted.rule_tags {
        match value {
            Some(value) => set(name, value, &mut edits.set_tags),
            None if tags.contains_key(*name) => edits.remove_tags.push((*name).to_owned()),
            None => {}
        }
    }
    if wanted.protected && !ownership::asked_for_protection(tags) {
        edits.set_tags.extend([ownership::protected_tag()]);
    }
    for (key, value) in &wanted.metadata {
        if metadata.text(key) != Some(value) {
            edits.set_metadata.insert(key.clone(), value.clone());
        }
    }
    let leaves = |name: &&str| !wanted.tags.contains_key(*name) && tags.contains_key(*name);
    let tags_leave: BTreeSet<&str> = recorded_tags(tags).into_iter().filter(leaves).collect();
    let leaves = |key: &&str| !wanted.metadata.contains_key(*key) && metadata.contains_key(key);
    let keys_leave: BTreeSet<&str> = recorded_metadata(tags).into_iter().filter(leaves).collect();

    let owned = |names: &BTreeSet<&str>| names.iter().map(|name| (*name).to_owned()).collect();
    let (tag_names, keys): (Vec<String>, Vec<String>) = (owned(&tags_leave), owned(&keys_leave));
    let covered = record(wanted.tags.keys().chain(&tag_names), wanted.metadata.keys().chain(&keys));
    for record in [LABELS_TAG, METADATA_TAG] {
        match covered.get(record) {
            Some(names) => set(record, names, &mut edits.set_tags),
            None if tags.contains_key(record) => edits.remove_tags.push(record.to_owned()),
            None => {}
        }
    }
    edits.remove_tags.extend(tag_names);
    edits.remove_tags.truncate(REMOVED_AT_ONCE);
    edits.remove_metadata = keys;
    edits.remove_metadata.truncate(REMOVED_AT_ONCE);
    let rules_stand = edits.set_tags.is_empty() && edits.remove_tags.is_empty();
    edits.firewall = wanted
        .firewall
        .filter(|enabled| *enabled != instance.firewall_enabled)
        // What is open is closed when its tags are in place; what is to be open need not wait.
        .filter(|enabled| rules_stand || !enabled);
    edits
}

// === impl Edits ===

impl Edits {
    /// Whether there is nothing to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What is changed, by name: values may be long, and are in the pod.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut parts = Vec::new();
        let mut part = |what: &str, names: Vec<&str>| {
            if names.is_empty() {
                return;
            }
            let more = names.len().saturating_sub(NAMES_TOLD);
            let shown: Vec<&str> = names.into_iter().take(NAMES_TOLD).collect();
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            parts.push(format!("{what} {}{more}", shown.join(", ")));
        };
        let is_told = |name: &&str| !matches!(*name, LABELS_TAG | METADATA_TAG);
        part("set tags", self.set_tags.keys().map(String::as_str).filter(is_told).collect());
        part("removed tags", self.remove_tags.iter().map(String::as_str).filter(is_told).collect());
        part("set metadata", self.set_metadata.keys().map(String::as_str).collect());
        part("removed metadata", self.remove_metadata.iter().map(String::as_str).collect());
        match self.firewall {
            Some(true) => parts.push("switched the firewall on".to_owned()),
            Some(false) => parts.push("switched the firewall off".to_owned()),
            None => {}
        }
        parts.join("; ")
    }
}

#[cfg(test)]
mod tests;
