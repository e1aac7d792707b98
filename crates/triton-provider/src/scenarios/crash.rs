//! The process dies, and another one takes over what it left.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use triton_sim::{Fault, FaultKind};
use virtual_node::Provider as _;

use super::stage::{LONG, SOON, Stage};
use super::wire::{At, Call};
use crate::Limits;

/// Longer than the journal keeps notes that are no longer needed.
const SETTLED: Duration = Duration::from_secs(120);

async fn check_settled(stage: &Stage, uid: &str, creates: u64) {
    stage.wait(SETTLED).await;
    assert_eq!((stage.made_for(uid).len(), stage.count("CreateMachine")), (1, creates));
    assert!(stage.is_running(uid));
    assert_eq!(stage.pod(uid).restarts(), 0);
    assert_eq!(stage.cluster.noted(), Vec::<String>::new(), "notes of creates that are over");
}

#[tokio::test(start_paused = true)]
async fn killed_between_the_note_and_the_create_it_creates_after_the_window() {
    let mut stage = Stage::set().await;
    let mut trap = stage.wire.hold(Call::Create, At::Request);
    let uid = stage.add("web", json!({}));
    trap.has_caught(1).await;
    assert_eq!(stage.cluster.noted(), std::slice::from_ref(&uid), "the note comes first");
    stage.kill().await;
    drop(trap);
    stage.wire.clear();
    stage.start().await;
    stage.wait(Duration::from_secs(170)).await;
    assert_eq!(stage.count("CreateMachine"), 0, "the create may still come true");
    stage.until("the pod runs", Duration::from_secs(60), |stage| stage.is_running(&uid)).await;
    check_settled(&stage, &uid, 1).await;
}

#[tokio::test(start_paused = true)]
async fn killed_while_the_create_is_on_its_way_it_adopts_what_comes() {
    let mut stage = Stage::set().await;
    let mut trap = stage.wire.hold(Call::Create, At::Request);
    let uid = stage.add("web", json!({}));
    trap.has_caught(1).await;
    stage.kill().await;
    stage.wire.clear();
    stage.start().await;
    stage.wait(Duration::from_secs(100)).await;
    assert_eq!(stage.count("CreateMachine"), 0);
    trap.release();
    stage.until("the pod runs", SOON, |stage| stage.is_running(&uid)).await;
    check_settled(&stage, &uid, 1).await;
}

/// Killed with a create on its way, and then the journal is spoilt, before one process begins and dies and another
/// begins.
async fn check_spoilt(spoil: impl Fn(&Stage)) {
    let mut stage = Stage::set().await;
    let mut trap = stage.wire.hold(Call::Create, At::Request);
    let uid = stage.add("web", json!({}));
    trap.has_caught(1).await;
    stage.kill().await;
    stage.wire.clear();
    spoil(&stage);
    stage.start().await;
    stage.wait(Duration::from_secs(60)).await;
    stage.kill().await;
    stage.start().await;
    stage.wait(Duration::from_secs(100)).await;
    assert_eq!(stage.count("CreateMachine"), 0, "the create may still come true");
    trap.release();
    stage.until("the pod runs", SOON, |stage| stage.is_running(&uid)).await;
    stage.wait(Duration::from_secs(180)).await;
    check_settled(&stage, &uid, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_was_deleted_or_edited_costs_time_and_makes_no_twin() {
    check_spoilt(|stage| stage.cluster.delete_journal()).await;
    check_spoilt(|stage| stage.cluster.edit_journal(r#"{"holder":"it","intents":{}}"#)).await;
    check_spoilt(|stage| stage.cluster.edit_journal("")).await;
}

#[tokio::test(start_paused = true)]
async fn killed_between_the_commit_and_its_answer_it_adopts() {
    let mut stage = Stage::set().await;
    let mut trap = stage.wire.hold(Call::Create, At::Answer);
    let uid = stage.add("web", json!({}));
    trap.has_caught(1).await;
    stage.kill().await;
    stage.wire.clear();
    stage.start().await;
    stage.until("the pod runs", SOON, |stage| stage.is_running(&uid)).await;
    check_settled(&stage, &uid, 1).await;
}

#[tokio::test(start_paused = true)]
async fn killed_with_an_instance_that_no_list_shows_it_does_not_create() {
    let mut stage = Stage::set().await;
    stage.sim.fault(FaultKind::ListHidesNew, Fault::default().delay(Duration::from_secs(100)));
    let uid = stage.add("web", json!({}));
    stage.pods.refuse_writes(true);
    stage.until("it is made", SOON, |stage| stage.made_for(&uid).len() == 1).await;
    stage.wait(Duration::from_secs(1)).await;
    stage.kill().await;
    stage.pods.refuse_writes(false);
    stage.start().await;
    stage.until("the pod runs", Duration::from_secs(150), |stage| stage.is_running(&uid)).await;
    check_settled(&stage, &uid, 1).await;
}

#[tokio::test(start_paused = true)]
async fn killed_between_the_answer_and_the_status_it_adopts() {
    let mut stage = Stage::set().await;
    stage.pods.refuse_writes(true);
    let uid = stage.add("web", json!({}));
    stage.until("it is made", SOON, |stage| stage.made_for(&uid).len() == 1).await;
    stage.wait(Duration::from_secs(60)).await;
    assert_eq!(stage.pod(&uid).written.len(), 0);
    stage.kill().await;
    stage.pods.refuse_writes(false);
    stage.start().await;
    stage.until("the pod runs", SOON, |stage| stage.is_running(&uid)).await;
    check_settled(&stage, &uid, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_new_process_writes_nothing_where_nothing_has_changed() {
    let mut stage = Stage::set().await;
    let uid = stage.run("web", json!({})).await;
    stage.wait(SETTLED).await;
    let (written, events) = (stage.pod(&uid).written.len(), stage.pod(&uid).events.len());
    for _ in 0..3 {
        stage.kill().await;
        stage.start().await;
        stage.wait(Duration::from_secs(30)).await;
    }
    let pod = stage.pod(&uid);
    assert_eq!(
        (pod.written.len(), pod.events.len()),
        (written, events),
        "{:#?}",
        pod.written.last()
    );
}

#[tokio::test(start_paused = true)]
async fn restarts_are_counted_on_over_the_lives_of_the_process() {
    let mut stage = Stage::set().await;
    let uid = stage.run("web", json!({})).await;
    let id = stage.instance(&uid).id;
    for restarts in 1..=3 {
        stage.sim.stop_behind_back(id);
        stage
            .until("it restarts", SOON, |stage| {
                stage.pod(&uid).restarts() == restarts && stage.is_running(&uid)
            })
            .await;
        stage.wait(Duration::from_secs(20)).await;
        stage.kill().await;
        stage.start().await;
    }
    stage.wait(SETTLED).await;
    assert_eq!((stage.pod(&uid).restarts(), stage.instance(&uid).id), (3, id));
}

#[tokio::test(start_paused = true)]
async fn a_restart_during_which_the_process_dies_is_counted_once() {
    let mut stage = Stage::set().await;
    let uid = stage.run("web", json!({})).await;
    stage.sim.stop_behind_back(stage.instance(&uid).id);
    stage.until("it is started", SOON, |stage| stage.count("StartMachine") == 1).await;
    stage.kill().await;
    stage.start().await;
    stage
        .until("it runs", SOON, |stage| stage.is_running(&uid) && stage.pod(&uid).restarts() == 1)
        .await;
    stage.wait(SETTLED).await;
    assert_eq!((stage.pod(&uid).restarts(), stage.alive(&uid).len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_pod_on_its_way_out_goes_whoever_dies_meanwhile() {
    for call in [Call::Act, Call::Delete] {
        for at in [At::Request, At::Answer] {
            let mut stage = Stage::set().await;
            let uid = stage.run("web", json!({})).await;
            let mut trap = stage.wire.hold(call, at);
            stage.remove(&uid, 10);
            trap.has_caught(1).await;
            stage.kill().await;
            drop(trap);
            stage.wire.clear();
            assert!(!stage.is_removed(&uid));
            stage.start().await;
            stage
                .until("the pod goes", Duration::from_secs(120), |stage| stage.is_removed(&uid))
                .await;
            assert_eq!(stage.alive(&uid).len(), 0, "{call:?} {at:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_replaced_creates_nothing() {
    let mut stage = Stage::set().await;
    stage.wait(Duration::from_secs(10)).await;
    let old = stage.usurp().await;
    let error = old.sync(std::sync::Arc::new(stage.draft("web", json!({})))).await.unwrap_err();
    assert_eq!(error.reason, "AnotherProcessActs");
    stage.wait(Duration::from_secs(10)).await;
    assert_eq!(stage.changes(), 0);
}

/// Twenty pods begin, some of them go, and the process is killed again and again at points that the seed chooses.
async fn check_seed(seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    // The window is that of a datacenter which is done with every request within seconds, as this one is.
    let limits = Limits { ambiguity_window: Duration::from_secs(20), ..Limits::default() };
    let mut stage = Stage::set_with(limits).await;
    stage.cluster.slow_journal(Duration::from_millis(3));
    let mut uids = Vec::new();
    let mut going = Vec::new();
    for life in 0..4 {
        for n in 0..5 {
            uids.push(stage.add(&format!("web-{life}-{n}"), json!({})));
        }
        if life > 0 && random.random_bool(0.5) {
            let uid = uids.remove(random.random_range(0..uids.len()));
            stage.remove(&uid, random.random_range(0..5));
            going.push(uid);
        }
        // Most of what happens with a create happens within its first third of a second.
        let millis = if random.random_bool(0.8) {
            random.random_range(0..400)
        } else {
            random.random_range(0..4000)
        };
        stage.wait(Duration::from_millis(millis)).await;
        stage.kill().await;
        stage.start().await;
    }
    stage.until("all run", LONG, |stage| uids.iter().all(|uid| stage.is_running(uid))).await;
    stage.until("the others go", LONG, |stage| going.iter().all(|uid| stage.is_removed(uid))).await;
    stage.wait(Duration::from_secs(40)).await;
    for uid in &uids {
        assert_eq!(
            (stage.made_for(uid).len(), stage.alive(uid).len()),
            (1, 1),
            "seed {seed}, pod {uid}"
        );
        assert_eq!(stage.pod(uid).restarts(), 0, "seed {seed}, pod {uid}");
    }
    for uid in &going {
        assert!(
            stage.made_for(uid).len() <= 1 && stage.alive(uid).is_empty(),
            "seed {seed}, pod {uid}"
        );
    }
    // The simulator refuses a second instance of one name; a real datacenter may let it pass. So none must be asked for.
    let twice = stage
        .sim
        .journal()
        .iter()
        .filter(|record| record.endpoint == "CreateMachine" && record.status == 409)
        .count();
    assert_eq!(twice, 0, "seed {seed}: creates of what was there");
    for uid in stage.cluster.noted() {
        assert!(going.contains(&uid), "seed {seed}: a note of {uid}, which is over");
    }
}

// In two halves, which may run side by side.
#[tokio::test(start_paused = true)]
async fn killed_at_any_moment_it_ends_with_one_instance_a_pod() {
    for seed in 0..25 {
        check_seed(seed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_other_moment_it_ends_with_one_instance_a_pod_too() {
    for seed in 25..50 {
        check_seed(seed).await;
    }
}
