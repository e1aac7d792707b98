//! How much is asked of CloudAPI.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::stage::{SOON, Stage};

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
    assert!(
        one["ListMachines"] <= 145,
        "a list every five seconds, and one for each look at rules: {one:?}"
    );
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
    let shared =
        ["ListMachines", "ListPackages", "ListImages", "ListNetworks", "ListFirewallRules"];
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
