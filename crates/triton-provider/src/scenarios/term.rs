//! The end of a term: what acted does so no more, and nothing of it stays.

use std::time::Duration;

use serde_json::json;
use tokio::runtime::Handle;

use super::stage::{SOON, Stage};

/// Longer than any wait between two attempts, and than a delete that is asked for again.
const LATER: Duration = Duration::from_secs(120);

/// Tasks that live, once those that are about to end have ended.
async fn living_tasks() -> usize {
    tokio::time::sleep(LATER).await;
    Handle::current().metrics().num_alive_tasks()
}

#[tokio::test(start_paused = true)]
async fn a_provider_behind_a_shut_fence_sends_nothing_that_changes_anything() {
    let mut stage = Stage::set().await;
    let runs = stage.run("runs", json!({})).await;
    // Work of every kind, and all of it under way.
    stage.remove(&runs, 30);
    for number in 0..20 {
        stage.add(&format!("new-{number}"), json!({}));
    }
    stage.until("the first create", SOON, |stage| stage.count("CreateMachine") > 1).await;
    stage.fence().shut();
    // What had left before the fence was shut arrives.
    stage.wait(Duration::from_secs(1)).await;
    let before = stage.changes();
    let lists = stage.count("ListMachines");
    stage.wait(LATER).await;
    assert_eq!(stage.changes(), before, "a change after the fence was shut");
    assert!(stage.count("ListMachines") > lists, "it still looks");

    // The next process finds it all, and does it once.
    stage.kill().await;
    stage.start().await;
    stage
        .until("all run", Duration::from_secs(400), |stage| {
            let all = stage.pods.live();
            all.len() == 20 && all.iter().all(|uid| stage.is_running(uid))
        })
        .await;
    for uid in stage.pods.live() {
        assert_eq!(stage.made_for(&uid).len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_term_that_is_over_leaves_no_task_behind() {
    let mut stage = Stage::set().await;
    let probed = json!({"spec": {"containers": [{"name": "main", "image": "ubuntu-16.04",
        "readinessProbe": {"tcpSocket": {"port": 22}, "periodSeconds": 5}}]}});
    stage.add("probed", probed);
    stage.run("runs", json!({})).await;
    stage.kill().await;
    let after_one = living_tasks().await;
    for _ in 0..3 {
        stage.start().await;
        stage.add(&format!("more-{after_one}"), json!({}));
        stage.wait(Duration::from_secs(30)).await;
        stage.kill().await;
    }
    assert_eq!(living_tasks().await, after_one, "each term leaves tasks behind");
}
