//! A create whose outcome is not known.

use std::time::Duration;

use serde_json::json;
use triton_sim::{Fault, FaultKind};

use super::stage::{LONG, SOON, Stage};
use super::wire::{At, Call};

/// The instance was made although nobody said so: it is found and kept, and no second one is asked for.
async fn check_adopted(stage: &Stage, limit: Duration) {
    let uid = stage.add("web", json!({}));
    stage.until("the pod runs", limit, |stage| stage.is_running(&uid)).await;
    stage.wait(LONG).await;
    assert_eq!((stage.made_for(&uid).len(), stage.count("CreateMachine")), (1, 1));
    let pod = stage.pod(&uid);
    assert_eq!((pod.count_events("CreateUnresolved"), pod.restarts()), (1, 0));
    assert_eq!(stage.cluster.noted(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_after_the_commit_leaves_one_instance() {
    let stage = Stage::set().await;
    stage.sim.fault(FaultKind::CreateAnswerLostAfterCommit, Fault::default().times(1));
    check_adopted(&stage, SOON).await;
}

#[tokio::test(start_paused = true)]
async fn an_error_after_the_commit_leaves_one_instance() {
    let stage = Stage::set().await;
    stage.sim.fault(FaultKind::Create500AfterCommit, Fault::default().times(1));
    check_adopted(&stage, SOON).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_never_comes_leaves_one_instance() {
    let stage = Stage::set().await;
    let trap = stage.wire.hold(Call::Create, At::Answer);
    // The client gives a create up after 130 s.
    check_adopted(&stage, Duration::from_secs(130) + SOON).await;
    drop(trap);
}

#[tokio::test(start_paused = true)]
async fn a_create_that_is_carried_out_late_leaves_one_instance() {
    let stage = Stage::set().await;
    let mut trap = stage.wire.hold(Call::Create, At::Request);
    let uid = stage.add("web", json!({}));
    trap.has_caught(1).await;
    stage.wait(Duration::from_secs(200)).await;
    assert_eq!(stage.made_for(&uid).len(), 0);
    trap.release();
    stage.until("the pod runs", SOON, |stage| stage.is_running(&uid)).await;
    stage.wait(LONG).await;
    assert_eq!((stage.made_for(&uid).len(), stage.count("CreateMachine")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_create_that_was_lost_is_repeated_after_the_window_and_not_before() {
    let stage = Stage::set().await;
    stage.wire.reset(Call::Create, At::Request, 1);
    let uid = stage.add("web", json!({}));
    stage.wait(Duration::from_secs(175)).await;
    assert_eq!(stage.count("CreateMachine"), 0, "a second create within the window");
    assert_eq!(
        stage.pod(&uid).waiting().map(|(reason, _)| reason.to_owned()).as_deref(),
        Some("CreateUnresolved")
    );
    stage.until("the pod runs", Duration::from_secs(60), |stage| stage.is_running(&uid)).await;
    stage.wait(LONG).await;
    assert_eq!((stage.made_for(&uid).len(), stage.count("CreateMachine")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_hides_the_new_instance_makes_no_twin() {
    for lost in [false, true] {
        let stage = Stage::set().await;
        stage.sim.fault(FaultKind::ListHidesNew, Fault::default().delay(Duration::from_secs(60)));
        if lost {
            stage.sim.fault(FaultKind::CreateAnswerLostAfterCommit, Fault::default().times(1));
        }
        let uid = stage.add("web", json!({}));
        stage.until("the pod runs", Duration::from_secs(90), |stage| stage.is_running(&uid)).await;
        stage.wait(LONG).await;
        assert_eq!(
            (stage.made_for(&uid).len(), stage.count("CreateMachine")),
            (1, 1),
            "lost: {lost}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_is_a_create_that_came_true() {
    let stage = Stage::set().await;
    stage.sim.fault(FaultKind::CreateAnswerLostAfterCommit, Fault::default().times(1));
    // Out of sight for longer than any create may take: the next one meets its name.
    stage.sim.fault(FaultKind::ListHidesNew, Fault::default().delay(Duration::from_secs(300)));
    let uid = stage.add("web", json!({}));
    stage
        .until("the name is taken", LONG, |stage| {
            stage
                .sim
                .journal()
                .iter()
                .any(|record| record.endpoint == "CreateMachine" && record.status == 409)
        })
        .await;
    assert!(!stage.is_running(&uid));
    stage.until("the pod runs", LONG, |stage| stage.is_running(&uid)).await;
    stage.wait(LONG).await;
    assert_eq!((stage.made_for(&uid).len(), stage.count("CreateMachine")), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_no_riddle_and_is_tried_again_soon() {
    let stage = Stage::set().await;
    stage
        .sim
        .fault(FaultKind::TooManyRequests, Fault::default().endpoint("CreateMachine").times(1));
    let uid = stage.add("web", json!({}));
    stage.until("the pod runs", SOON, |stage| stage.is_running(&uid)).await;
    let pod = stage.pod(&uid);
    assert_eq!((pod.count_events("Throttled"), pod.count_events("CreateUnresolved")), (1, 0));
    assert_eq!(stage.count("CreateMachine"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_create_in_doubt_is_not_repeated_while_nobody_can_look_for_it() {
    let stage = Stage::set().await;
    stage.wire.reset(Call::Create, At::Request, 1);
    let uid = stage.add("web", json!({}));
    stage.until("it is sent", SOON, |stage| stage.wire.met(Call::Create) == 1).await;
    stage.wire.answer(Call::List, u32::MAX, 503, "ServiceUnavailable");
    stage.wait(LONG).await;
    assert_eq!(stage.wire.met(Call::Create), 1);
    stage.wire.clear();
    stage.until("it runs", LONG, |stage| stage.is_running(&uid)).await;
    assert_eq!((stage.wire.met(Call::Create), stage.sim.instances().len()), (2, 1));
}
