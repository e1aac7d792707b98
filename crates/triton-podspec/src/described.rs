//! What of a pod's labels and annotations an instance that is there follows: its tags, its metadata, its firewall.
//!
//! Which of an instance's tags and metadata came from its pod is written down in two tags of their own, with the create
//! and with every change, so that a label that goes takes its tag with it and what others set stays. Whether an instance
//! is as its pod describes it can so be told from the two alone, by whoever looks, at any time.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use k8s_openapi::api::core::v1::Pod;
use triton_cloudapi::instances::{Metadata, can_change_metadata, can_change_tag};
use triton_cloudapi::tags::{TagValue, Tags};

use crate::annotations::{self, FIREWALL_ENABLED};
use crate::catalog::Catalog;
use crate::diagnostic::{Diagnostic, Findings};
use crate::firewall::{self, PORTS_TAG, RULE_TAGS};
use crate::inputs::{Defaults, Inputs};
use crate::ownership::PREFIX;
use crate::sources::Sources;
use crate::{labels, metadata, restart};

/// Tag with the names of the tags that came from labels, with commas between them; no label holds one.
pub const LABELS_TAG: &str = "k8s_labels";
/// Tag with the keys of the metadata that came from annotations, in the same form.
pub const METADATA_TAG: &str = "k8s_metadata";

/// What an instance should be like, as far as its pod can still say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Described {
    /// Tags that come from labels, and from annotations named as Triton's own tags.
    pub tags: Tags,
    /// Metadata that comes from annotations. The environment is none of it: it stays as it was at the create.
    pub metadata: BTreeMap<String, String>,
    /// The tags that firewall rules are about. Of those that the pod says nothing of, none.
    pub rule_tags: BTreeMap<&'static str, Option<TagValue>>,
    /// Whether the firewall filters the instance; `None` where the pod says nothing: then it stays as it is.
    pub firewall: Option<bool>,
    /// The pod asks for deletion protection.
    pub protected: bool,
    /// What is wrong with labels and annotations; those are not in the above.
    pub findings: Vec<Diagnostic>,
}

/// What tells one set of followed tags, metadata and firewall from another, in this process. Four bytes, as one is kept
/// of every instance: one edit of four thousand millions is not noticed before the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Likeness(u32);

/// What a pod's labels and annotations say of an instance that is there.
#[must_use]
pub fn described(pod: &Pod) -> Described {
    let inputs = Inputs {
        pod,
        cluster: "",
        node: "",
        host_ip: None,
        catalog: &Catalog::default(),
        defaults: &Defaults::default(),
        sources: &Sources::default(),
    };
    let mut findings = Findings::default();
    annotations::check(&inputs, &mut findings);
    restart::check(&inputs, &mut findings);
    let mut tags = labels::tags(&inputs, &mut findings);
    tags.retain(|name, _| can_change_tag(name));
    let mut metadata = metadata::metadata(&inputs, &mut findings);
    metadata.retain(|key, _| can_change_metadata(key));
    let firewall = firewall::firewall(&inputs, &mut findings);
    let says = |key| annotations::find(pod, key).is_some();
    let mut rule_tags = BTreeMap::new();
    for name in RULE_TAGS {
        // Ports are closed and opened with the firewall; a group is one whether the firewall is on or not.
        if name != PORTS_TAG || says(FIREWALL_ENABLED) {
            rule_tags.insert(name, firewall.tags.get(name).cloned());
        }
    }
    Described {
        tags,
        metadata,
        rule_tags,
        firewall: says(FIREWALL_ENABLED).then_some(firewall.enabled),
        protected: annotations::wants_deletion_protection(pod),
        findings: findings.into_vec(),
    }
}

/// The tags that say which tags and metadata of an instance come from its pod; none where none do.
#[must_use]
pub fn record<'a>(
    tags: impl IntoIterator<Item = &'a String>,
    metadata: impl IntoIterator<Item = &'a String>,
) -> Tags {
    let tags: BTreeSet<&str> =
        tags.into_iter().map(String::as_str).filter(|name| can_change_tag(name)).collect();
    let metadata: BTreeSet<&str> =
        metadata.into_iter().map(String::as_str).filter(|key| can_change_metadata(key)).collect();
    [(LABELS_TAG, tags), (METADATA_TAG, metadata)]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(tag, names)| {
            let names: Vec<&str> = names.into_iter().collect();
            (tag.to_owned(), TagValue::from(names.join(",")))
        })
        .collect()
}

/// The names of the tags that the instance's own record says came from labels. Bookkeeping tags are never among them,
/// whatever somebody wrote there.
#[must_use]
pub fn recorded_tags(tags: &Tags) -> BTreeSet<&str> {
    recorded(tags, LABELS_TAG).filter(|name| !name.starts_with(PREFIX)).collect()
}

/// The keys of the metadata that the instance's own record says came from annotations.
#[must_use]
pub fn recorded_metadata(tags: &Tags) -> BTreeSet<&str> {
    recorded(tags, METADATA_TAG)
        .filter(|key| *key != metadata::USER_DATA && can_change_metadata(key))
        .collect()
}

fn recorded<'a>(tags: &'a Tags, tag: &str) -> impl Iterator<Item = &'a str> {
    let names = tags.get(tag).and_then(TagValue::as_str).unwrap_or_default();
    names.split(',').filter(|name| !name.is_empty())
}

// === impl Described ===

impl Described {
    /// Whether an instance that looks like this follows its pod's labels and annotations.
    #[must_use]
    pub fn is_like(&self, instance: Likeness) -> bool {
        match self.firewall {
            Some(enabled) => self.likeness(enabled) == instance,
            None => [true, false].map(|enabled| self.likeness(enabled)).contains(&instance),
        }
    }

    fn likeness(&self, firewall_enabled: bool) -> Likeness {
        let tags = self.tags.iter().map(|(name, value)| (name.as_str(), Some(value.to_string())));
        let metadata =
            self.metadata.iter().map(|(key, value)| (key.as_str(), Some(value.as_str())));
        Likeness::of(tags, metadata, firewall_enabled)
    }
}

// === impl Likeness ===

impl Likeness {
    /// What an instance looks like, as far as its record says that it comes from its pod.
    #[must_use]
    pub fn of_instance(tags: &Tags, metadata: &Metadata, firewall_enabled: bool) -> Self {
        let of_labels = recorded_tags(tags)
            .into_iter()
            .map(|name| (name, tags.get(name).map(ToString::to_string)));
        let of_annotations =
            recorded_metadata(tags).into_iter().map(|key| (key, metadata.text(key)));
        Self::of(of_labels, of_annotations, firewall_enabled)
    }

    fn of<'a>(
        tags: impl Iterator<Item = (&'a str, Option<String>)>,
        metadata: impl Iterator<Item = (&'a str, Option<&'a str>)>,
        firewall_enabled: bool,
    ) -> Self {
        let mut hasher = DefaultHasher::new();
        for (name, value) in tags {
            (0_u8, name, value.as_deref()).hash(&mut hasher);
        }
        for (key, value) in metadata {
            (1_u8, key, value).hash(&mut hasher);
        }
        firewall_enabled.hash(&mut hasher);
        let [a, b, c, d, ..] = hasher.finish().to_le_bytes();
        Self(u32::from_le_bytes([a, b, c, d]))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(labels: Value, annotations: Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": { "name": "web", "labels": labels, "annotations": annotations },
            "spec": { "containers": [{ "name": "main", "ports": [{ "containerPort": 22 }] }] },
        }))
        .unwrap()
    }

    fn metadata(entries: Value) -> Metadata {
        serde_json::from_value(entries).unwrap()
    }

    /// The tags of an instance that was just made of this.
    fn made(described: &Described) -> Tags {
        let mut tags = described.tags.clone();
        tags.extend(record(described.tags.keys(), described.metadata.keys()));
        tags
    }

    #[test]
    fn an_instance_that_was_just_made_is_as_its_pod_describes_it() {
        let wanted =
            described(&pod(json!({ "role": "db", "on": "true" }), json!({ "motd": "hi" })));
        let mut tags = made(&wanted);
        assert_eq!(tags["k8s_labels"].as_str(), Some("on,role"));
        assert_eq!(tags["k8s_metadata"].as_str(), Some("motd"));
        let like = |tags: &Tags, entries| {
            let entries = metadata(entries);
            [true, false].map(|on| wanted.is_like(Likeness::of_instance(tags, &entries, on)))
        };
        assert_eq!(like(&tags, json!({ "motd": "hi" })), [true, true]);
        // What others set makes no difference.
        tags.insert("team".to_owned(), "blue".into());
        assert_eq!(like(&tags, json!({ "motd": "hi", "other": "x" })), [true, true]);
        // What they change of ours does.
        assert_eq!(like(&tags, json!({ "motd": "ho" })), [false, false]);
        assert_eq!(like(&tags, json!({})), [false, false]);
        tags.insert("role".to_owned(), "web".into());
        assert_eq!(like(&tags, json!({ "motd": "hi" })), [false, false]);
    }

    #[test]
    fn a_pod_without_labels_and_an_instance_without_a_record_are_alike() {
        let wanted = described(&pod(json!({}), json!({ "package": "x" })));
        assert_eq!(record(wanted.tags.keys(), wanted.metadata.keys()), Tags::new());
        let tags = Tags::from([("team".to_owned(), "blue".into())]);
        let metadata = metadata(json!({ "a": "b" }));
        assert!(wanted.is_like(Likeness::of_instance(&tags, &metadata, false)));
    }

    #[test]
    fn a_record_that_names_what_is_kept_for_bookkeeping_is_not_believed() {
        let tags = Tags::from([
            (LABELS_TAG.to_owned(), "k8s_uid,role,k8s_labels,,".into()),
            (METADATA_TAG.to_owned(), "user-data,motd,root_pw,credentials".into()),
        ]);
        assert_eq!(recorded_tags(&tags), BTreeSet::from(["role"]));
        assert_eq!(recorded_metadata(&tags), BTreeSet::from(["motd"]));
    }

    #[test]
    fn what_cannot_be_changed_in_place_is_not_followed() {
        let wanted = described(&pod(
            json!({ "image": "x", "k8s_uid": "y", "role": "db" }),
            json!({ "user-data": "z", "uuid": "u", "root_pw": "p", "motd": "hi" }),
        ));
        assert_eq!(wanted.tags.keys().collect::<Vec<_>>(), ["role"]);
        assert_eq!(wanted.metadata.keys().collect::<Vec<_>>(), ["motd"]);
        let reasons: Vec<_> = wanted.findings.iter().map(|finding| finding.reason).collect();
        assert!(reasons.contains(&"ReservedLabel") && reasons.contains(&"UserDataReserved"));
    }

    #[test]
    fn the_firewall_is_followed_where_the_pod_speaks_of_it() {
        #[track_caller]
        fn check(annotations: Value, enabled: Option<bool>, rule_tags: &[(&str, Option<&str>)]) {
            let found = described(&pod(json!({}), annotations));
            assert_eq!(found.firewall, enabled);
            let tags: Vec<_> = found
                .rule_tags
                .iter()
                .map(|(name, value)| (*name, value.as_ref().and_then(TagValue::as_str)))
                .collect();
            assert_eq!(tags, rule_tags);
            let is_like =
                |on| found.is_like(Likeness::of_instance(&Tags::new(), &metadata(json!({})), on));
            assert_eq!([true, false].map(is_like), [enabled != Some(false), enabled != Some(true)]);
        }
        check(json!({}), None, &[("k8s_fwgroup", None)]);
        check(json!({ "fwgroup": "web" }), None, &[("k8s_fwgroup", Some("web"))]);
        check(
            json!({ "fwenabled": "true" }),
            Some(true),
            &[("k8s_fwgroup", None), ("k8s_fwports", Some("tcp-22"))],
        );
        check(
            json!({ "fwenabled": "false" }),
            Some(false),
            &[("k8s_fwgroup", None), ("k8s_fwports", None)],
        );
    }
}
