//! How much is asked of CloudAPI.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use triton_sim::{Fault, FaultKind};

use super::stage::{SOON, Stage};
use crate::Limits;

/// Requests by endpoint in ten idle minutes with so many pods.
async fn idle(pods: usize) -> BTreeMap<String, u64> {
    let stage = Stage::set().await;
    let uids: Vec<String> = (0..pods).map(|n| stage.add(&format!("web-{n}"), json!({}))).collect();
    stage
        .until("all run", Duration::from_secs(300), |stage| {
            uids.iter().all(|uid| stage.is_running(uid))
        })
        .await;
    stage.wait(Duration::from_secs(120)).await;
    stage.sim.reset_counts();
    stage.wait(Duration::from_secs(600)).await;
    stage.sim.counts()
}

#[tokio::test(start_paused = true)]
async fn an_idle_node_asks_as_much_for_a_hundred_pods_as_for_one() {
    let (one, hundred) = (idle(1).await, idle(100).await);
    println!("ten idle minutes with 1 pod: {one:?}");
    println!("ten idle minutes with 100 pods: {hundred:?}");
    assert_eq!(one.keys().collect::<Vec<_>>(), hundred.keys().collect::<Vec<_>>());
    for (endpoint, count) in &one {
        // Where in its rhythm the clock was stopped may make one of difference.
        assert!(
            hundred[endpoint].abs_diff(*count) <= 2,
            "{endpoint}: {count} for 1 pod, {} for 100",
            hundred[endpoint]
        );
    }
    assert!(one["ListMachines"] <= 18, "a list every 38 s: {one:?}");
    let all: u64 = hundred.values().sum();
    assert!(all <= 20, "two requests a minute: {hundred:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pods_life_costs_a_handful_of_requests() {
    let stage = Stage::set().await;
    stage.wait(Duration::from_secs(30)).await;
    stage.sim.reset_counts();
    let uid = stage.run("web", json!({})).await;
    stage.wait(Duration::from_secs(600)).await;
    stage.remove(&uid, 30);
    stage.until("the pod goes", SOON, |stage| stage.is_removed(&uid)).await;
    let counts = stage.sim.counts();
    println!("a pod's life: {counts:?}");
    let count = |endpoint: &str| counts.get(endpoint).copied().unwrap_or_default();
    assert_eq!((count("CreateMachine"), count("StopMachine"), count("DeleteMachine")), (1, 1, 1));
    assert!(count("GetMachine") <= 2, "confirmations: {counts:?}");
    let shared = [
        "ListMachines",
        "ListPackages",
        "ListImages",
        "ListNetworks",
        "ListFirewallRules",
        "GetProvisioningLimits",
    ];
    let own = ["CreateMachine", "StopMachine", "DeleteMachine", "GetMachine"];
    let odd: Vec<_> = counts
        .keys()
        .filter(|endpoint| {
            !shared.contains(&endpoint.as_str()) && !own.contains(&endpoint.as_str())
        })
        .collect();
    assert!(odd.is_empty(), "{odd:?}");
    for catalog in ["ListPackages", "ListImages", "ListNetworks"] {
        assert_eq!(count(catalog), 1, "{catalog}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_catalog_that_cannot_be_read_is_not_asked_for_by_each_pod() {
    let stage = Stage::set().await;
    stage.sim.fault(FaultKind::NotAuthorized, Fault::default().endpoint("ListImages"));
    let uids: Vec<String> = (0..200).map(|n| stage.add(&format!("web-{n}"), json!({}))).collect();
    stage.wait(Duration::from_secs(60)).await;
    let asked = stage.count("ListImages");
    assert!((10..=61).contains(&asked), "once a second at most, for all: {asked}");
    stage.sim.clear_faults();
    let long = Duration::from_secs(600);
    stage.until("all run", long, |stage| uids.iter().all(|uid| stage.is_running(uid))).await;
}

/// Requests of five minutes at rest with a thousand pods, which are one more than fit a page.
async fn rest_of_a_thousand(changefeed: bool) -> u64 {
    let limits = Limits { changefeed, ..Limits::default() };
    let stage = super::restart::running(1000, limits).await;
    stage.wait(Duration::from_secs(60)).await;
    stage.sim.reset_counts();
    stage.wait(Duration::from_secs(300)).await;
    let counts = stage.sim.counts();
    println!("five idle minutes with 1000 pods, changefeed {changefeed}: {counts:?}");
    counts.values().sum()
}

#[tokio::test(start_paused = true)]
async fn a_thousand_pods_at_rest_cost_two_requests_a_minute() {
    let asked = rest_of_a_thousand(true).await;
    assert!(asked <= 10, "{asked} in five minutes");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_pods_at_rest_cost_twelve_requests_a_minute_without_a_changefeed() {
    let asked = rest_of_a_thousand(false).await;
    assert!(asked <= 60, "{asked} in five minutes");
}

/// Requests for each of the lives of two hundred pods that come and go together.
async fn lives(grace_seconds: u64) -> f64 {
    let stage = Stage::set().await;
    let warm = stage.run("warm", json!({})).await;
    stage.remove(&warm, 0);
    stage.wait(Duration::from_secs(120)).await;
    stage.sim.reset_counts();
    let uids: Vec<String> = (0..200).map(|n| stage.add(&format!("web-{n}"), json!({}))).collect();
    let all =
        |stage: &Stage, holds: fn(&Stage, &str) -> bool| uids.iter().all(|uid| holds(stage, uid));
    let long = Duration::from_secs(300);
    stage.until("all run", long, |stage| all(stage, |stage, uid| stage.is_running(uid))).await;
    for uid in &uids {
        stage.remove(uid, grace_seconds);
    }
    stage.until("all go", long, |stage| all(stage, |stage, uid| stage.is_removed(uid))).await;
    let counts = stage.sim.counts();
    let requests: u64 = counts.values().sum();
    println!("two hundred lives, {grace_seconds} s grace: {counts:?}");
    f64::from(u32::try_from(requests).unwrap()) / 200.0
}

#[tokio::test(start_paused = true)]
async fn in_a_crowd_a_life_costs_little_more_than_its_create_and_its_delete() {
    let (at_once, with_grace) = (lives(0).await, lives(30).await);
    println!("requests for a life: {at_once:.2}, with a shutdown {with_grace:.2}");
    // Two requests, three with a shutdown, and its share of the lists; where a list was faster than the feed, the feed's
    // word is waited for, and nothing is read.
    assert!(at_once <= 2.1 && with_grace <= 3.1, "{at_once} {with_grace}");
}
