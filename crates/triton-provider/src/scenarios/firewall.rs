//! Firewall rules come before the instances that need them, and go after the last.

use std::time::Duration;

use serde_json::{Value, json};
use triton_cloudapi::firewall_rules::{CreateFirewallRule, FirewallRule};
use triton_cloudapi::instances::CreateInstance;
use triton_sim::{Fault, FaultKind};

use super::stage::{CLUSTER, LONG, NODE, SOON, Stage};
use super::wire::{At, Call};

/// A pod that opens a port.
fn open(port: u16) -> Value {
    json!({
        "metadata": { "annotations": { "fwenabled": "true" } },
        "spec": { "containers": [{ "name": "main", "image": "ubuntu-16.04", "ports": [{ "containerPort": port }] }] },
    })
}

/// The rules that somebody made, in the order of their texts.
async fn rules(stage: &Stage) -> Vec<String> {
    let made = |rule: &FirewallRule| !rule.global && rule.description.is_some();
    let mut rules: Vec<_> =
        stage.rules().await.into_iter().filter(made).map(|rule| rule.rule).collect();
    rules.sort();
    rules
}

async fn make(stage: &Stage, description: Option<&str>, port: u16) {
    let request = CreateFirewallRule {
        rule: format!("FROM any TO tag \"k8s_fwports\" = \"tcp-{port}\" ALLOW tcp PORT {port}"),
        enabled: true,
        description: description.map(str::to_owned),
        ..CreateFirewallRule::default()
    };
    stage.admin.create_firewall_rule(&request).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_rule_lives_as_long_as_the_last_pod_that_needs_it() {
    let stage = Stage::set().await;
    let first = stage.run("first", open(80)).await;
    let second = stage.run("second", open(80)).await;
    assert_eq!((rules(&stage).await.len(), stage.count("CreateFirewallRule")), (1, 1));
    stage.remove(&first, 0);
    stage.until("the first goes", SOON, |stage| stage.is_removed(&first)).await;
    stage.wait(LONG).await;
    assert_eq!(rules(&stage).await.len(), 1, "the second still needs it");
    stage.remove(&second, 0);
    stage.until("the second goes", SOON, |stage| stage.is_removed(&second)).await;
    stage.wait(Duration::from_secs(20)).await;
    assert_eq!(rules(&stage).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_rule_lives_on_when_the_process_is_replaced() {
    let mut stage = Stage::set().await;
    let uid = stage.run("web", open(80)).await;
    stage.kill().await;
    stage.start().await;
    stage.wait(LONG).await;
    assert_eq!((rules(&stage).await.len(), stage.count("DeleteFirewallRule")), (1, 0));
    stage.remove(&uid, 0);
    stage.until("the pod goes", SOON, |stage| stage.is_removed(&uid)).await;
    stage.wait(Duration::from_secs(20)).await;
    assert_eq!(rules(&stage).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_a_crash_left_over_goes() {
    let mut stage = Stage::set().await;
    let mut trap = stage.wire.hold(Call::Create, At::Request);
    let uid = stage.add("web", open(80));
    trap.has_caught(1).await;
    stage.kill().await;
    drop(trap);
    assert_eq!(rules(&stage).await.len(), 1);
    stage.pods.remove(&uid);
    stage.start().await;
    stage.wait(Duration::from_secs(60)).await;
    assert_eq!(rules(&stage).await.len(), 1, "its instance may be one that is not met yet");
    stage.wait(Duration::from_secs(120)).await;
    assert_eq!(rules(&stage).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_comes_while_its_rule_goes_gets_another() {
    let stage = Stage::set().await;
    let first = stage.run("first", open(80)).await;
    stage.wait(LONG).await;
    let mut trap = stage.wire.hold(Call::DeleteRule, At::Request);
    stage.remove(&first, 0);
    trap.has_caught(1).await;
    let second = stage.add("second", open(80));
    stage.wait(Duration::from_secs(10)).await;
    trap.release();
    stage.until("the second runs", SOON, |stage| stage.is_running(&second)).await;
    stage.wait(Duration::from_secs(10)).await;
    assert_eq!((rules(&stage).await.len(), stage.count("CreateFirewallRule")), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn rules_of_others_are_never_touched() {
    let stage = Stage::set().await;
    let others = [
        None,
        Some("vk-triton".to_owned()),
        Some("ssh from the office".to_owned()),
        Some(format!(
            "vk-triton cluster={CLUSTER} node={NODE}-2 tag=k8s_fwports=tcp-3 for=tcp 3 from anywhere"
        )),
        Some(format!(
            "vk-triton cluster=another node={NODE} tag=k8s_fwports=tcp-4 for=tcp 4 from anywhere"
        )),
    ];
    for (port, description) in (1..).zip(&others) {
        make(&stage, description.as_deref(), port).await;
    }
    let before = stage.rules().await.len();
    let ours = format!(
        "vk-triton cluster={CLUSTER} node={NODE} tag=k8s_fwports=tcp-9 for=tcp 9 from anywhere"
    );
    make(&stage, Some(&ours), 9).await;
    let uid = stage.run("web", open(80)).await;
    stage.remove(&uid, 0);
    stage.until("the pod goes", SOON, |stage| stage.is_removed(&uid)).await;
    stage.wait(LONG).await;
    assert_eq!((stage.rules().await.len(), stage.count("DeleteFirewallRule")), (before, 2));
}

#[tokio::test(start_paused = true)]
async fn an_instance_is_not_made_before_its_rules() {
    let stage = Stage::set().await;
    stage.sim.fault(FaultKind::InternalError, Fault::default().endpoint("CreateFirewallRule"));
    let uid = stage.add("web", open(80));
    stage.wait(Duration::from_secs(120)).await;
    assert_eq!(stage.count("CreateMachine"), 0);
    stage.sim.clear_faults();
    stage.until("the pod runs", LONG, |stage| stage.is_running(&uid)).await;
    assert_eq!(rules(&stage).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_rule_whose_making_was_not_answered_is_not_made_twice() {
    let stage = Stage::set().await;
    stage.wire.reset(Call::CreateRule, At::Answer, 1);
    let uid = stage.add("web", open(80));
    stage.until("the pod runs", LONG, |stage| stage.is_running(&uid)).await;
    stage.wait(LONG).await;
    assert_eq!((rules(&stage).await.len(), stage.count("CreateFirewallRule")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_is_long_in_the_making_holds_up_only_those_who_need_it() {
    let stage = Stage::set().await;
    stage.run("first", open(80)).await;
    let mut trap = stage.wire.hold(Call::CreateRule, At::Request);
    let slow = stage.add("slow", open(81));
    let same = stage.add("same", open(81));
    trap.has_caught(1).await;
    stage.run("second", open(80)).await;
    assert!(!stage.is_running(&slow) && !stage.is_running(&same));
    trap.release();
    stage.until("both run", SOON, |stage| stage.is_running(&slow) && stage.is_running(&same)).await;
    assert_eq!((rules(&stage).await.len(), stage.count("CreateFirewallRule")), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_somebody_removes_is_made_again() {
    let stage = Stage::set().await;
    stage.run("web", open(80)).await;
    stage.wait(LONG).await;
    let ours = stage.rules().await.into_iter().find(|rule| rule.description.is_some()).unwrap();
    stage.admin.delete_firewall_rule(ours.id).await.unwrap();
    stage.wait(Duration::from_secs(660)).await;
    assert_eq!((rules(&stage).await.len(), stage.count("CreateFirewallRule")), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn of_two_rules_that_are_the_same_one_goes() {
    let stage = Stage::set().await;
    stage.run("web", open(80)).await;
    let ours = format!(
        "vk-triton cluster={CLUSTER} node={NODE} tag=k8s_fwports=tcp-80 for=tcp 80 from anywhere"
    );
    make(&stage, Some(&ours), 80).await;
    assert_eq!(rules(&stage).await.len(), 2);
    stage.wait(Duration::from_secs(660)).await;
    assert_eq!((rules(&stage).await.len(), stage.count("DeleteFirewallRule")), (1, 1));
}

/// A pod in a firewall group.
fn member(group: &str) -> Value {
    json!({ "metadata": { "annotations": { "fwenabled": "true", "fwgroup": group } } })
}

/// The first provider, started again, took every group to hold the rules of all groups.
#[tokio::test(start_paused = true)]
async fn after_a_restart_the_last_member_of_one_group_takes_no_other_groups_rules_along() {
    let mut stage = Stage::set().await;
    let web = stage.run("web", member("web")).await;
    stage.run("db", member("db")).await;
    let before = rules(&stage).await;
    assert!(before.iter().any(|rule| rule.contains("web")));
    stage.kill().await;
    stage.start().await;
    stage.wait(LONG).await;
    assert_eq!(rules(&stage).await, before);
    stage.remove(&web, 0);
    stage.until("the pod goes", SOON, |stage| stage.is_removed(&web)).await;
    stage.wait(LONG).await;
    let left: Vec<_> = before.into_iter().filter(|rule| !rule.contains("web")).collect();
    assert!(!left.is_empty());
    assert_eq!(rules(&stage).await, left);
}

#[tokio::test(start_paused = true)]
async fn a_rule_of_an_instance_that_no_pod_asks_for_lives_as_long_as_the_instance() {
    let stage = Stage::set().await;
    let mut tags = super::behind::tags_of("left-behind", "no-pod-has-this-uid");
    tags.insert("k8s_fwports".to_owned(), "tcp-80".into());
    let request = CreateInstance {
        name: "left-behind".to_owned(),
        package: "g4-highcpu-1G".to_owned(),
        image: "7b5981c4-1889-11e7-b4c5-3f3bdfc9b88b".to_owned(),
        tags,
        ..CreateInstance::default()
    };
    let instance = stage.admin.create_instance(&request).await.unwrap();
    let ours = format!(
        "vk-triton cluster={CLUSTER} node={NODE} tag=k8s_fwports=tcp-80 for=tcp 80 from anywhere"
    );
    make(&stage, Some(&ours), 80).await;
    stage.wait(Duration::from_secs(900)).await;
    assert_eq!(rules(&stage).await.len(), 1, "its instance is there");
    stage.sim.destroy_behind_back(instance.id.0);
    stage.wait(Duration::from_secs(180)).await;
    assert_eq!(rules(&stage).await, Vec::<String>::new());
}
