use k8s_openapi::api::core::v1::Pod;
use proptest::collection::btree_map;
use proptest::prelude::*;
use serde_json::{Value, json};
use triton_podspec::described;

use super::*;

fn pod(labels: Value, annotations: Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": { "name": "web", "namespace": "default", "uid": "uid", "labels": labels, "annotations": annotations },
        "spec": { "containers": [{ "name": "main", "ports": [{ "containerPort": 22 }] }] },
    }))
    .unwrap()
}

fn owner() -> ownership::Owner {
    crate::decide::fixtures::owner()
}

/// An instance with these tags beside the bookkeeping, and this metadata.
fn instance(tags: Value, metadata: Value) -> Instance {
    let mut all = serde_json::to_value(ownership::tags(&owner())).unwrap();
    all.as_object_mut().unwrap().extend(tags.as_object().unwrap().clone());
    serde_json::from_value(json!({
        "id": "00000000-0000-4000-8000-000000000001", "name": "web", "state": "running", "brand": "lx",
        "tags": all, "metadata": metadata,
    }))
    .unwrap()
}

/// What CloudAPI makes of an instance when all of this is carried out.
fn carry_out(instance: &mut Instance, edits: &Edits) {
    instance.tags.extend(edits.set_tags.clone());
    for name in &edits.remove_tags {
        instance.tags.remove(name);
    }
    let mut metadata: BTreeMap<String, Value> =
        instance.metadata.iter().map(|(key, value)| (key.to_owned(), value.clone())).collect();
    metadata.extend(edits.set_metadata.iter().map(|(key, value)| (key.clone(), json!(value))));
    for key in &edits.remove_metadata {
        metadata.remove(key);
    }
    instance.metadata = serde_json::from_value(json!(metadata)).unwrap();
    instance.firewall_enabled = edits.firewall.unwrap_or(instance.firewall_enabled);
}

/// Changes the instance until there is nothing to change any more.
#[track_caller]
fn settle(instance: &mut Instance, wanted: &Described) {
    for _ in 0..20 {
        let edits = edits(wanted, instance);
        if edits.is_empty() {
            assert!(is_as_described(&Seen::with_owner(instance, owner()), wanted), "{instance:?}");
            return;
        }
        carry_out(instance, &edits);
    }
    panic!("no end of {:?}", edits(wanted, instance));
}

fn names(tags: &Tags) -> Vec<&str> {
    tags.keys()
        .map(String::as_str)
        .filter(|name| !ownership::tags(&owner()).contains_key(*name))
        .collect()
}

#[test]
fn a_label_that_comes_changes_or_goes_takes_its_tag_with_it() {
    let mut instance = instance(json!({ "team": "blue" }), json!({}));
    settle(&mut instance, &described(&pod(json!({ "role": "db" }), json!({}))));
    assert_eq!(instance.tags["role"].as_str(), Some("db"));
    settle(&mut instance, &described(&pod(json!({ "role": "web", "tier": "1" }), json!({}))));
    assert_eq!(
        (instance.tags["role"].as_str(), instance.tags["tier"].as_str()),
        (Some("web"), Some("1"))
    );
    settle(&mut instance, &described(&pod(json!({}), json!({}))));
    assert_eq!(names(&instance.tags), ["team"], "what others set stays");
    assert_eq!(ownership::owner_of(&instance.tags), Some(owner()));
}

#[test]
fn metadata_follows_annotations_and_the_environment_stays() {
    let before = json!({ "user-data": "{}", "by-hand": "x", "root_authorized_keys": "k" });
    let mut instance = instance(json!({}), before.clone());
    let annotations =
        json!({ "motd": "hi", "user-script": "#!/bin/sh", "cloud-init": "#cloud-config" });
    settle(&mut instance, &described(&pod(json!({}), annotations)));
    assert_eq!(instance.metadata.text("motd"), Some("hi"));
    assert_eq!(instance.metadata.text("cloud-init:user-data"), Some("#cloud-config"));
    settle(&mut instance, &described(&pod(json!({}), json!({}))));
    let after: BTreeMap<_, _> = instance.metadata.iter().collect();
    assert_eq!(json!(after), before);
}

#[test]
fn the_record_covers_what_is_set_with_it_and_what_is_not_removed_yet() {
    let wanted = described(&pod(json!({ "new": "1" }), json!({})));
    let tags = json!({ "old": "1", "k8s_labels": "old,gone" });
    let edits = edits(&wanted, &instance(tags, json!({})));
    assert_eq!(edits.set_tags["k8s_labels"].as_str(), Some("new,old"));
    assert_eq!(edits.remove_tags, ["old"]);
    assert_eq!(edits.describe(), "set tags new; removed tags old");
}

#[test]
fn a_record_that_somebody_edited_removes_no_bookkeeping() {
    let record = "k8s_uid,k8s_cluster,k8s_nodename,k8s_namespace,k8s_podname,k8s_delprotect";
    let tags =
        json!({ "k8s_labels": record, "k8s_delprotect": "true", "k8s_metadata": "user-data" });
    let mut instance = instance(tags, json!({ "user-data": "{}" }));
    settle(&mut instance, &described(&pod(json!({}), json!({}))));
    assert_eq!(ownership::owner_of(&instance.tags), Some(owner()));
    assert!(ownership::asked_for_protection(&instance.tags));
    assert_eq!(instance.metadata.text("user-data"), Some("{}"));
}

#[test]
fn removals_are_bounded() {
    let many: BTreeMap<String, String> =
        (0..30).map(|n| (format!("l{n}"), "x".to_owned())).collect();
    let mut instance = instance(json!({}), json!({}));
    settle(&mut instance, &described(&pod(json!(many), json!({}))));
    let wanted = described(&pod(json!({}), json!({})));
    assert_eq!(edits(&wanted, &instance).remove_tags.len(), REMOVED_AT_ONCE);
    settle(&mut instance, &wanted);
    assert_eq!(names(&instance.tags), Vec::<&str>::new());
}

#[test]
fn the_firewall_is_switched_on_after_its_tags_and_off_at_once() {
    let on = described(&pod(json!({}), json!({ "fwenabled": "true", "fwgroup": "web" })));
    let mut instance = instance(json!({ "k8s_fwgroup": "old" }), json!({}));
    let first = edits(&on, &instance);
    assert_eq!(first.firewall, None);
    assert_eq!(first.describe(), "set tags k8s_fwgroup, k8s_fwports");
    carry_out(&mut instance, &first);
    assert_eq!(edits(&on, &instance).describe(), "switched the firewall on");
    settle(&mut instance, &on);
    // A pod that does not speak of it any more leaves it as it is.
    settle(&mut instance, &described(&pod(json!({}), json!({ "fwgroup": "web" }))));
    assert!(instance.firewall_enabled && instance.tags.contains_key("k8s_fwports"));
    let off = described(&pod(json!({}), json!({ "fwenabled": "false" })));
    let edits = edits(&off, &instance);
    assert_eq!((edits.firewall, edits.remove_tags.len()), (Some(false), 2));
}

#[test]
fn a_pod_that_asks_for_protection_later_is_known_to_by_its_instance() {
    let wanted = described(&pod(json!({}), json!({ "delprotect": "true" })));
    let mut instance = instance(json!({}), json!({}));
    settle(&mut instance, &wanted);
    assert!(ownership::asked_for_protection(&instance.tags));
    // It may be protected still: who finds it without its pod must be able to let go.
    settle(&mut instance, &described(&pod(json!({}), json!({}))));
    assert!(ownership::asked_for_protection(&instance.tags));
}

fn texts() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map("[a-f]|k8s_uid|k8s_labels|user-data|image|motd", "[xyz]{0,2}", 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Pods that are edited any number of times, each time carried out as far as it comes before somebody stops.
    #[test]
    fn whatever_is_interrupted_the_end_is_the_last_pods_and_others_tags_stay(
        pods in proptest::collection::vec((texts(), texts(), any::<prop::sample::Index>()), 1..6),
        by_hand in btree_map("[A-F]", "[xyz]", 0..3),
    ) {
        let mut instance = instance(json!(by_hand), json!({ "user-data": "{}" }));
        for (labels, annotations, stop) in &pods {
            let wanted = described(&pod(json!(labels), json!(annotations)));
            let all = edits(&wanted, &instance);
            let mut part = Edits::default();
            let steps: [&dyn Fn(&mut Edits); 5] = [
                &|part| part.set_tags = all.set_tags.clone(),
                &|part| part.remove_tags = all.remove_tags.clone(),
                &|part| part.set_metadata = all.set_metadata.clone(),
                &|part| part.remove_metadata = all.remove_metadata.clone(),
                &|part| part.firewall = all.firewall,
            ];
            steps.iter().take(stop.index(6)).for_each(|step| step(&mut part));
            carry_out(&mut instance, &part);
        }
        let (labels, annotations, _) = pods.last().unwrap();
        let wanted = described(&pod(json!(labels), json!(annotations)));
        settle(&mut instance, &wanted);
        prop_assert_eq!(ownership::owner_of(&instance.tags), Some(owner()));
        for (name, value) in &by_hand {
            prop_assert_eq!(instance.tags.get(name).and_then(TagValue::as_str), Some(value.as_str()));
        }
        let expected: BTreeSet<&str> =
            wanted.tags.keys().chain(by_hand.keys()).map(String::as_str).collect();
        let found: BTreeSet<&str> =
            instance.tags.keys().map(String::as_str).filter(|name| !name.starts_with("k8s_")).collect();
        prop_assert_eq!(found, expected);
        prop_assert_eq!(instance.metadata.text("user-data"), Some("{}"));
        prop_assert_eq!(instance.metadata.len(), wanted.metadata.len() + 1);
    }
}
