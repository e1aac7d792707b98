//! The store, event by event.

use serde_json::{Value, json};

use super::*;

/// A pod of which each version differs in something that counts.
fn pod(name: &str, uid: &str, version: u32) -> RawPod {
    raw(name, uid, version, json!({ "version": version.to_string() }))
}

fn raw(name: &str, uid: &str, version: u32, labels: Value) -> RawPod {
    let metadata = json!({
        "namespace": "default", "name": name, "uid": uid, "resourceVersion": version.to_string(), "labels": labels,
    });
    serde_json::from_value(json!({ "metadata": metadata })).unwrap()
}

#[track_caller]
fn check(store: &mut Store, event: Event<RawPod>, expected: &[&str]) {
    let changed = store.observe(event);
    assert_eq!(changed.iter().map(|uid| &**uid).collect::<Vec<_>>(), expected);
}

#[test]
fn a_relist_that_lacks_a_pod_means_it_departed() {
    let mut store = Store::default();
    check(&mut store, Event::Init, &[]);
    check(&mut store, Event::InitApply(pod("a", "1", 1)), &["1"]);
    check(&mut store, Event::InitApply(pod("b", "2", 2)), &["2"]);
    assert!(!store.is_synced());
    check(&mut store, Event::InitDone, &[]);
    assert!(store.is_synced());

    check(&mut store, Event::Init, &[]);
    check(&mut store, Event::InitApply(pod("b", "2", 2)), &[]);
    check(&mut store, Event::InitDone, &["1"]);
    assert!(store.get("1").unwrap().departed);
    assert!(!store.get("2").unwrap().departed);
}

#[test]
fn a_relist_cut_short_means_nothing() {
    let mut store = Store::default();
    check(&mut store, Event::Apply(pod("a", "1", 1)), &["1"]);
    check(&mut store, Event::Init, &[]);
    check(&mut store, Event::Init, &[]);
    check(&mut store, Event::InitApply(pod("a", "1", 1)), &[]);
    check(&mut store, Event::InitDone, &[]);
    assert!(!store.get("1").unwrap().departed);
    check(&mut store, Event::Init, &[]);
    check(&mut store, Event::InitApply(pod("a", "1", 1)), &[]);
    check(&mut store, Event::Init, &[]);
    check(&mut store, Event::InitDone, &["1"]);
}

#[test]
fn one_name_with_a_new_uid_is_two_pods() {
    let mut store = Store::default();
    check(&mut store, Event::Apply(pod("web-0", "old", 1)), &["old"]);
    check(&mut store, Event::Apply(pod("web-0", "new", 5)), &["old", "new"]);
    assert!(store.get("old").unwrap().departed);
    check(&mut store, Event::Delete(pod("web-0", "old", 4)), &["old"]);
    assert!(
        !store.get("new").unwrap().departed,
        "a late DELETED for the old one does not touch the new one"
    );
}

#[test]
fn echoes_and_older_versions_need_no_pass() {
    let mut store = Store::default();
    check(&mut store, Event::Apply(pod("a", "1", 10)), &["1"]);
    store.refresh(&pod("a", "1", 12));
    check(&mut store, Event::Apply(pod("a", "1", 12)), &[]);
    check(&mut store, Event::Apply(pod("a", "1", 11)), &[]);
    check(&mut store, Event::Apply(pod("a", "1", 13)), &["1"]);
    store.refresh(&pod("a", "1", 12));
    assert_eq!(store.get("1").unwrap().pod.as_ref().unwrap().version(), "13");
}

#[test]
fn a_version_in_which_only_bookkeeping_changed_needs_no_pass() {
    let mut store = Store::default();
    let labels = json!({ "a": "b" });
    check(&mut store, Event::Apply(raw("a", "1", 10, labels.clone())), &["1"]);
    check(&mut store, Event::Apply(raw("a", "1", 11, labels)), &[]);
    assert_eq!(store.get("1").unwrap().pod.as_ref().unwrap().version(), "11");
    check(&mut store, Event::Apply(raw("a", "1", 12, json!({ "a": "c" }))), &["1"]);
}

#[test]
fn a_pod_is_unpacked_as_it_came() {
    let mut store = Store::default();
    check(&mut store, Event::Apply(pod("a", "1", 10)), &["1"]);
    let known = store.begin("1", Timestamp::UNIX_EPOCH).unwrap().unpack().unwrap();
    assert_eq!(known.key.to_string(), "default/a (1)");
    let pod = known.pod.unwrap();
    assert_eq!(pod.metadata.resource_version.as_deref(), Some("10"));
    assert_eq!(pod.metadata.labels.as_ref().unwrap()["version"], "10");
}

#[test]
fn a_pod_of_which_nothing_is_left_is_dropped_when_it_departs() {
    let mut store = Store::default();
    check(&mut store, Event::Apply(pod("a", "1", 1)), &["1"]);
    store.memory_mut("1").unwrap().gone = true;
    check(&mut store, Event::Delete(pod("a", "1", 2)), &[]);
    assert!(store.get("1").is_none());
}

#[test]
fn a_pod_first_seen_when_it_is_deleted_is_stopped() {
    let mut store = Store::default();
    check(&mut store, Event::Delete(pod("a", "1", 2)), &["1"]);
    assert!(store.get("1").unwrap().departed);
}

#[test]
fn a_pod_that_comes_back_is_not_forgotten() {
    let mut store = Store::default();
    check(&mut store, Event::Apply(pod("a", "1", 1)), &["1"]);
    check(&mut store, Event::Delete(pod("a", "1", 2)), &["1"]);
    store.memory_mut("1").unwrap().gone = true;
    check(&mut store, Event::Apply(pod("a", "1", 3)), &["1"]);
    assert_eq!(store.get("1").unwrap().memory, Memory::default());
    assert!(!store.forget("1"));
    check(&mut store, Event::Delete(pod("a", "1", 4)), &["1"]);
    assert!(store.forget("1"));
    assert!(store.get("1").is_none());
}

#[test]
fn a_known_pod_is_no_orphan() {
    let mut store = Store::default();
    check(&mut store, Event::Apply(pod("a", "1", 1)), &["1"]);
    let key = pod("a", "1", 1).key().unwrap();
    assert!(!store.add_orphan(&key));
    assert!(store.add_orphan(&PodKey { uid: "2".to_owned(), ..key }));
    assert_eq!(store.live().len(), 1);
    assert_eq!(store.phases(), BTreeMap::from([("Pending", 1), ("Departed", 1)]));
}

#[test]
fn what_the_answer_to_a_write_had_first_gets_a_pass_all_the_same() {
    let mut store = Store::default();
    check(&mut store, Event::Apply(pod("a", "1", 10)), &["1"]);
    // Somebody else wrote version 11, then we wrote 12, and the answer came before the watch brought either.
    store.refresh(&pod("a", "1", 12));
    check(&mut store, Event::Apply(pod("a", "1", 11)), &["1"]);
    assert_eq!(
        store.get("1").unwrap().pod.as_ref().unwrap().version(),
        "12",
        "the newer one is kept"
    );
    check(&mut store, Event::Apply(pod("a", "1", 11)), &[]);
    check(&mut store, Event::Apply(pod("a", "1", 12)), &[]);
    check(&mut store, Event::Apply(pod("a", "1", 13)), &["1"]);
}
