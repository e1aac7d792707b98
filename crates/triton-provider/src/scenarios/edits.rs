//! Edits of the labels and annotations of a pod that runs reach its instance.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use triton_cloudapi::InstanceId;
use triton_cloudapi::tags::Tags;

use super::behind::{make_stranger, make_twin};
use super::stage::{LONG, SOON, Stage};
use super::wire::{At, Call};
use crate::Limits;

/// The calls that change tags or metadata.
const EDITS: [&str; 4] =
    ["AddMachineTags", "DeleteMachineTag", "AddMachineMetadata", "DeleteMachineMetadata"];

fn labelled(labels: Value, annotations: Value) -> Value {
    json!({ "metadata": { "labels": labels, "annotations": annotations } })
}

/// The value of a tag of the pod's instance, as text.
fn tag(stage: &Stage, uid: &str, name: &str) -> Option<String> {
    stage.instance(uid).tags.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn edits(stage: &Stage) -> u64 {
    EDITS.iter().map(|call| stage.count(call)).sum()
}

fn replace(stage: &Stage, uid: &str, labels: &[(&str, &str)]) {
    let labels: BTreeMap<_, _> =
        labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    stage.pods.change(uid, |pod| pod.metadata.labels = Some(labels));
}

fn annotate(stage: &Stage, uid: &str, key: &str, value: Option<&str>) {
    stage.pods.change(uid, |pod| {
        let annotations = pod.metadata.annotations.get_or_insert_default();
        match value {
            Some(value) => annotations.insert(key.to_owned(), value.to_owned()),
            None => annotations.remove(key),
        };
    });
}

async fn set_by_hand(stage: &Stage, uid: &str, name: &str, value: &str) {
    let tags = Tags::from([(name.to_owned(), value.into())]);
    let id = InstanceId(stage.instance(uid).id);
    stage.admin.add_instance_tags(id, &tags).await.unwrap();
    stage.wait(Duration::from_secs(2)).await;
}

#[tokio::test(start_paused = true)]
async fn labels_that_come_change_and_go_take_their_tags_with_them() {
    let stage = Stage::set().await;
    let uid = stage.run("web", labelled(json!({ "role": "db", "tier": "1" }), json!({}))).await;
    let id = stage.instance(&uid).id;
    set_by_hand(&stage, &uid, "team", "blue").await;
    replace(&stage, &uid, &[("role", "web"), ("zone", "a")]);
    stage
        .until("the tags follow", SOON, |stage| {
            let tag = |name| tag(stage, &uid, name);
            tag("role").as_deref() == Some("web") && tag("zone").is_some() && tag("tier").is_none()
        })
        .await;
    // The record follows what was removed.
    stage
        .until("the record follows", LONG, |stage| {
            tag(stage, &uid, "k8s_labels").as_deref() == Some("role,zone")
        })
        .await;
    assert_eq!(tag(&stage, &uid, "team").as_deref(), Some("blue"));
    let asked = edits(&stage);
    stage.wait(LONG).await;
    assert_eq!(edits(&stage), asked, "it is done, once");
    let changes = ["CreateMachine", "DeleteMachine", "RebootMachine"].map(|call| stage.count(call));
    assert_eq!((changes, stage.instance(&uid).id), ([1, 0, 0], id));
    let told: Vec<_> =
        stage.pod(&uid).events.into_iter().filter(|event| event.reason == "Updated").collect();
    assert!(told[0].message.ends_with("set tags role, zone; removed tags tier"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn annotations_that_are_metadata_are_followed_and_the_environment_is_not() {
    let stage = Stage::set().await;
    let uid = stage.run("web", labelled(json!({}), json!({ "motd": "hi" }))).await;
    let id = stage.instance(&uid).id;
    let before = stage.read(id).await.metadata.text("user-data").map(str::to_owned);
    annotate(&stage, &uid, "motd", Some("ho"));
    annotate(&stage, &uid, "user-script", Some("#!/bin/sh"));
    stage.wait(Duration::from_secs(20)).await;
    let metadata = stage.read(id).await.metadata;
    assert_eq!(
        (metadata.text("motd"), metadata.text("user-script")),
        (Some("ho"), Some("#!/bin/sh"))
    );
    annotate(&stage, &uid, "motd", None);
    stage.wait(Duration::from_secs(80)).await;
    let metadata = stage.read(id).await.metadata;
    assert!(!metadata.contains_key("motd"));
    assert_eq!(metadata.text("user-data").map(str::to_owned), before);
    assert_eq!(tag(&stage, &uid, "k8s_metadata").as_deref(), Some("user-script"));
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_a_crash_cut_short_is_carried_out_by_the_next_process() {
    for (at, kept) in [(At::Request, false), (At::Answer, true)] {
        let mut stage = Stage::set().await;
        let uid = stage.run("web", labelled(json!({ "role": "db", "old": "1" }), json!({}))).await;
        let mut trap = stage.wire.hold(Call::Other, at);
        replace(&stage, &uid, &[("role", "web"), ("new", "1")]);
        trap.has_caught(1).await;
        stage.kill().await;
        stage.wire.clear();
        if kept {
            trap.release();
        }
        drop(trap);
        stage.wait(Duration::from_secs(5)).await;
        stage.start().await;
        stage
            .until("all of it follows", Duration::from_secs(150), |stage| {
                tag(stage, &uid, "role").as_deref() == Some("web")
                    && tag(stage, &uid, "old").is_none()
                    && tag(stage, &uid, "k8s_labels").as_deref() == Some("new,role")
            })
            .await;
        assert!(stage.is_running(&uid));
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_starts_edits_nothing_that_is_as_it_should_be() {
    let mut stage = Stage::set().await;
    let annotations =
        json!({ "motd": "hi", "fwenabled": "true", "fwgroup": "web", "delprotect": "true" });
    let uid = stage.run("web", labelled(json!({ "role": "db" }), annotations)).await;
    stage.wait(Duration::from_secs(60)).await;
    stage.kill().await;
    stage.start().await;
    stage.wait(LONG).await;
    assert_eq!((edits(&stage), stage.pod(&uid).count_events("Updated")), (0, 0));
    assert_eq!(stage.count("GetMachine"), 0, "a list tells all of it");
}

#[tokio::test(start_paused = true)]
async fn what_a_label_says_is_set_again_and_what_none_says_stays_as_somebody_set_it() {
    let stage = Stage::set_with(Limits { changefeed: false, ..Limits::default() }).await;
    let uid = stage.run("web", labelled(json!({ "role": "db" }), json!({}))).await;
    set_by_hand(&stage, &uid, "role", "web").await;
    set_by_hand(&stage, &uid, "triton.cns.services", "by-hand").await;
    stage
        .until("the label wins", LONG, |stage| tag(stage, &uid, "role").as_deref() == Some("db"))
        .await;
    stage.wait(LONG).await;
    assert_eq!(tag(&stage, &uid, "triton.cns.services").as_deref(), Some("by-hand"));
    assert_eq!(edits(&stage), 3, "two by hand and one of ours");
}

#[tokio::test(start_paused = true)]
async fn an_instance_without_a_record_gets_one_once() {
    let stage = Stage::set().await;
    let stranger = make_stranger(&stage).await;
    let draft = stage.draft("web", labelled(json!({ "role": "db" }), json!({})));
    make_twin(&stage, stranger, "web", draft.metadata.uid.as_ref().unwrap()).await;
    stage.wait(Duration::from_secs(60)).await;
    let uid = stage.pods.add(draft);
    stage.until("it is adopted", SOON, |stage| stage.is_running(&uid)).await;
    stage
        .until("the tags follow", SOON, |stage| {
            tag(stage, &uid, "k8s_labels").as_deref() == Some("role")
        })
        .await;
    stage.wait(LONG).await;
    assert_eq!((stage.count("CreateMachine"), stage.instance(&uid).id), (1, stranger));
    assert_eq!(edits(&stage), 2, "that of the stage, and one of ours");
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_is_refused_is_told_and_keeps_nothing_else_from_being_done() {
    let stage = Stage::set().await;
    let uid = stage.run("web", labelled(json!({ "role": "db" }), json!({}))).await;
    stage.wire.answer(Call::Other, u32::MAX, 409, "ValidationFailed");
    replace(&stage, &uid, &[("role", "web")]);
    stage
        .until("it is told", SOON, |stage| stage.pod(&uid).count_events("UpdateFailed") == 1)
        .await;
    stage.wait(Duration::from_secs(50)).await;
    assert_eq!(stage.pod(&uid).count_events("UpdateFailed"), 1, "it is not asked for all the time");
    stage.sim.stop_behind_back(stage.instance(&uid).id);
    stage
        .until("it restarts", LONG, |stage| {
            stage.pod(&uid).restarts() == 1 && stage.is_running(&uid)
        })
        .await;
    stage.wire.clear();
    stage
        .until("the tag follows", LONG, |stage| tag(stage, &uid, "role").as_deref() == Some("web"))
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_label_that_cannot_be_a_tag_is_told_and_changes_nothing() {
    let stage = Stage::set().await;
    let uid = stage.run("web", json!({})).await;
    replace(&stage, &uid, &[("k8s_uid", "another"), ("triton.cns.disable", "maybe")]);
    stage.wait(LONG).await;
    assert!(stage.is_running(&uid));
    assert_eq!(tag(&stage, &uid, "k8s_uid").as_deref(), Some(uid.as_str()));
    let pod = stage.pod(&uid);
    assert_eq!((pod.count_events("ReservedLabel"), pod.count_events("InvalidLabel")), (1, 1));
    assert_eq!(edits(&stage), 0);
}

#[tokio::test(start_paused = true)]
async fn a_firewall_group_is_left_and_joined_with_the_rules_there_before() {
    let stage = Stage::set().await;
    let annotations = json!({ "fwenabled": "true", "fwgroup": "old" });
    let uid = stage.run("web", labelled(json!({}), annotations)).await;
    annotate(&stage, &uid, "fwgroup", Some("new"));
    stage
        .until("the tag follows", SOON, |stage| {
            tag(stage, &uid, "k8s_fwgroup").as_deref() == Some("new")
        })
        .await;
    let journal = stage.sim.journal();
    let at = |endpoint: &str| journal.iter().rposition(|record| record.endpoint == endpoint);
    assert!(at("CreateFirewallRule") < at("AddMachineTags"), "rules come first");
    stage.wait(Duration::from_secs(700)).await;
    let mut rules = stage.rules().await;
    rules.retain(|rule| !rule.global);
    assert_eq!(rules.len(), 2, "{rules:#?}");
    assert!(rules.iter().all(|rule| rule.rule.contains("\"new\"")), "{rules:#?}");
    annotate(&stage, &uid, "fwenabled", Some("false"));
    stage.wait(Duration::from_secs(100)).await;
    assert!(!stage.read(stage.instance(&uid).id).await.firewall_enabled);
}

#[tokio::test(start_paused = true)]
async fn many_edits_at_once_keep_no_pod_from_being_made() {
    let stage = Stage::set().await;
    let mut uids = Vec::new();
    for n in 0..24 {
        uids.push(stage.run(&format!("web-{n}"), json!({})).await);
    }
    for uid in &uids {
        stage.pods.relabel(uid, "role", "web");
    }
    let late = stage.add("late", json!({}));
    stage.until("the late one runs", SOON, |stage| stage.is_running(&late)).await;
    stage
        .until("all follow", LONG, |stage| {
            uids.iter().all(|uid| tag(stage, uid, "role").as_deref() == Some("web"))
        })
        .await;
    assert_eq!(edits(&stage), 24, "one request each");
}
