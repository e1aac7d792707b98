//! The changefeed makes things faster and lists rarer; nothing is ever true because of it, and none of its faults does
//! any harm.

use std::time::Duration;

use serde_json::json;
use triton_sim::{Fault, FaultKind};

use super::stage::{SOON, Stage};
use super::wire::{At, Call};
use crate::Limits;

/// Longer than lists are apart while the feed is trusted.
const LIST: Duration = Duration::from_secs(40);

/// Long enough for the feed to be connected, for what was going on to end, and for the allowance to be full again.
const QUIET: Duration = Duration::from_secs(1500);

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

/// Lists in so many idle minutes.
async fn lists_in(stage: &Stage, time: Duration) -> u64 {
    let before = stage.count("ListMachines");
    stage.wait(time).await;
    stage.count("ListMachines") - before
}

#[tokio::test(start_paused = true)]
async fn lists_are_rare_while_the_feed_has_proven_itself_and_frequent_without_one() {
    let stage = Stage::set().await;
    stage.run("web", json!({})).await;
    stage.wait(QUIET).await;
    let with = lists_in(&stage, minutes(10)).await;
    assert!((14..=18).contains(&with), "{with} lists in ten minutes");

    let limits = Limits { changefeed: false, ..Limits::default() };
    let stage = Stage::set_with(limits).await;
    stage.run("web", json!({})).await;
    stage.wait(QUIET).await;
    let without = lists_in(&stage, minutes(10)).await;
    assert!((48..=51).contains(&without), "{without} lists in ten minutes");
    assert_eq!(stage.wire.met(Call::Feed), 0);
}

/// With this fault of the feed, and nothing else amiss: a pod comes to run, what happens behind our back is noticed by
/// the next list at the latest, and a pod goes.
async fn check(kind: FaultKind, fault: Fault) {
    let stage = Stage::set().await;
    let first = stage.run("first", json!({})).await;
    stage.wait(minutes(2)).await;
    stage.sim.fault(kind, fault);
    let second = stage.run("second", json!({})).await;
    stage.wait(minutes(3)).await;
    stage.sim.stop_behind_back(stage.instance(&first).id);
    stage.until("the restart is counted", LIST, |stage| stage.pod(&first).restarts() == 1).await;
    stage.until("it runs again", LIST, |stage| stage.is_running(&first)).await;
    stage.sim.destroy_behind_back(stage.instance(&second).id);
    stage.until("its pod fails", LIST, |stage| stage.pod(&second).phase() == "Failed").await;
    stage.remove(&first, 30);
    stage.until("the pod goes", LIST, |stage| stage.is_removed(&first)).await;
    assert_eq!((stage.made_for(&first).len(), stage.made_for(&second).len()), (1, 1), "{kind:?}");
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_loses_everything_delays_nothing_beyond_the_next_list() {
    check(FaultKind::FeedLoses, Fault::default()).await;
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_loses_half_of_it_is_no_worse() {
    check(FaultKind::FeedLoses, Fault::default().probability(0.5)).await;
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_says_everything_twice_changes_nothing() {
    check(FaultKind::FeedDuplicates, Fault::default()).await;
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_tells_the_last_thing_first_misleads_nobody() {
    check(FaultKind::FeedReorders, Fault::default()).await;
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_falls_silent_is_found_out_by_a_list() {
    check(FaultKind::FeedStalls, Fault::default()).await;
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_is_closed_at_every_change_is_made_up_for() {
    check(FaultKind::FeedCloses, Fault::default()).await;
}

#[tokio::test(start_paused = true)]
async fn a_feed_of_bogus_frames_is_made_up_for() {
    check(FaultKind::FeedBogusFrame, Fault::default()).await;
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_never_yields_is_found_out_by_a_list() {
    check(FaultKind::FeedDeaf, Fault::default()).await;
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_missed_a_change_is_opened_anew_and_not_relied_on_for_a_while() {
    let stage = Stage::set().await;
    let uid = stage.run("web", json!({})).await;
    stage.wait(QUIET).await;
    let opened = stage.wire.met(Call::Feed);
    stage.sim.fault(FaultKind::FeedStalls, Fault::default().times(1));
    stage.sim.stop_behind_back(stage.instance(&uid).id);
    stage.until("it is restarted", LIST, |stage| stage.pod(&uid).restarts() == 1).await;
    stage.wait(minutes(1)).await;
    assert_eq!(stage.wire.met(Call::Feed), opened + 1);
    let lists = lists_in(&stage, minutes(3)).await;
    assert!((14..=17).contains(&lists), "as without a feed, not {lists} in three minutes");
    stage.wait(minutes(5)).await;
    let lists = lists_in(&stage, minutes(10)).await;
    assert!((14..=18).contains(&lists), "relied on again, not {lists} in ten minutes");
}

/// CloudAPI does not let us follow: it is asked again now and then, and instances are listed as often as without.
async fn check_refused(status: u16, code: &'static str) {
    let limits = Limits::default();
    let stage = Stage::set_refusing_feed(limits, status, code).await;
    let uid = stage.run("web", json!({})).await;
    stage.wait(minutes(2)).await;
    let lists = lists_in(&stage, minutes(10)).await;
    assert!((48..=51).contains(&lists), "{lists} lists in ten minutes");
    let asked = stage.wire.met(Call::Feed);
    assert!((2..=3).contains(&asked), "asked for the feed {asked} times in twelve minutes");
    assert!(stage.is_running(&uid));
}

#[tokio::test(start_paused = true)]
async fn a_cloudapi_without_changefeed_is_listed_instead() {
    check_refused(404, "ResourceNotFound").await;
}

#[tokio::test(start_paused = true)]
async fn a_sub_user_who_may_not_follow_lists_instead() {
    check_refused(403, "NotAuthorized").await;
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_hangs_while_it_is_opened_keeps_nobody_waiting() {
    let mut stage = Stage::set().await;
    stage.kill().await;
    let trap = stage.wire.hold(Call::Feed, At::Request);
    stage.start().await;
    let uid = stage.run("web", json!({})).await;
    stage.sim.destroy_behind_back(stage.instance(&uid).id);
    stage.until("its pod fails", SOON, |stage| stage.pod(&uid).phase() == "Failed").await;
    drop(trap);
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_breaks_the_feed_is_noticed_at_once() {
    let stage = Stage::set().await;
    stage.run("web", json!({})).await;
    stage.wait(QUIET).await;
    assert!(virtual_node::Provider::ping(stage.provider()).await.is_ok());
    stage.sim.outage(true);
    stage.wire.cut_feeds();
    stage.wait(Duration::from_secs(5)).await;
    assert!(virtual_node::Provider::ping(stage.provider()).await.is_err());
    stage.sim.outage(false);
    stage.wait(LIST).await;
    assert!(virtual_node::Provider::ping(stage.provider()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_leaves_the_feed_standing_is_noticed_by_the_next_list() {
    let stage = Stage::set().await;
    stage.run("web", json!({})).await;
    stage.wait(QUIET).await;
    stage.sim.outage(true);
    stage.wait(LIST).await;
    assert!(virtual_node::Provider::ping(stage.provider()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_pod_whose_instance_never_runs_is_not_looked_for_every_second_for_ever() {
    let limits = Limits { changefeed: false, ..Limits::default() };
    let stage = Stage::set_with(limits).await;
    stage.sim.fault(FaultKind::StuckProvisioning, Fault::default().times(1));
    let uid = stage.add("stuck", json!({}));
    stage.wait(minutes(5)).await;
    let lists = lists_in(&stage, minutes(5)).await;
    assert!(lists <= 26, "{lists} lists in five minutes");
    let other = stage.run("web", json!({})).await;
    assert!(stage.is_running(&other) && !stage.is_running(&uid));
}

#[tokio::test(start_paused = true)]
async fn an_instance_of_the_first_list_may_change_before_the_feed_is_there() {
    let mut stage = Stage::set().await;
    let uid = stage.run("web", json!({})).await;
    stage.kill().await;
    stage.sim.fault(FaultKind::FeedDeaf, Fault::default().times(1));
    stage.sim.stop_behind_back(stage.instance(&uid).id);
    stage.start().await;
    stage.until("it is restarted", LIST, |stage| stage.pod(&uid).restarts() == 1).await;
}
