//! What the node can hold follows what the account may have.

use std::time::Duration;

use serde_json::json;
use triton_sim::{LimitBy, ProvisionLimit};

use super::stage::{self, SOON, Stage};
use crate::Limits;

/// Longer than the limits of the account are not asked for.
const ASKED_AGAIN: Duration = Duration::from_secs(11 * 60);

/// What the node has room for, and what of that is left, in pods.
fn pods(stage: &Stage) -> (String, String) {
    let capacity = stage.provider().capacity().borrow().clone();
    let of = |held: &std::collections::BTreeMap<String, String>| held.get("pods").cloned();
    (of(&capacity.total).unwrap(), of(&capacity.allocatable).unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn the_node_has_room_for_as_many_pods_as_the_account_may_have_instances() {
    let limit = ProvisionLimit {
        value: 12,
        by: LimitBy::Machines,
        check: None,
        brand: None,
        image: None,
        os: None,
    };
    let sim = stage::builder().limit(limit).build().unwrap();
    let mut stage = Stage::empty(sim, Limits::default());
    stage.start().await;
    stage.until("limits are known", SOON, |stage| pods(stage).0 == "12").await;
    assert_eq!(pods(&stage).1, "12");
    // Its own instances leave as much room as there was.
    stage.run("web", json!({})).await;
    stage.wait(ASKED_AGAIN).await;
    assert_eq!(pods(&stage), ("12".to_owned(), "12".to_owned()));
    stage.check();
}

#[tokio::test(start_paused = true)]
async fn where_nobody_has_set_limits_the_operators_word_holds() {
    let stage = Stage::set().await;
    stage.run("web", json!({})).await;
    stage.wait(ASKED_AGAIN).await;
    assert_eq!(pods(&stage).0, "5000");
    assert_eq!(stage.count("GetProvisioningLimits"), 2);
}
