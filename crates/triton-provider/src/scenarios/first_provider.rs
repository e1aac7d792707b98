//! The faults of the first provider, each by its name: what it got wrong must go right here.

use std::time::Duration;

use serde_json::{Value, json};
use triton_sim::{Delays, Fault, FaultKind, InstanceState};

use super::restart;
use super::stage::{LONG, SOON, Stage};
use super::wire::{At, Call};
use crate::Limits;

fn in_group(group: &str, port: u16) -> Value {
    json!({
        "metadata": { "annotations": { "fwenabled": "true", "fwgroup": group } },
        "spec": { "containers": [{ "name": "main", "image": "ubuntu-16.04", "ports": [{ "containerPort": port }] }] },
    })
}

async fn rules(stage: &Stage) -> Vec<String> {
    let mut rules: Vec<String> =
        stage.rules().await.into_iter().map(|rule| rule.rule.to_string()).collect();
    rules.sort();
    rules
}

/// The status of a pod froze for ever when one of the requests that watched it failed.
#[tokio::test(start_paused = true)]
async fn an_error_while_watching_does_not_end_the_watching() {
    let stage = Stage::set().await;
    let uid = stage.run("web", json!({})).await;
    let id = stage.instance(&uid).id;
    let kinds = [
        FaultKind::TooManyRequests,
        FaultKind::InternalError,
        FaultKind::Html503,
        FaultKind::ResetBeforeCommit,
    ];
    for (restarts, kind) in (1..).zip(kinds) {
        stage.sim.fault(kind, Fault::default());
        stage.wait(Duration::from_secs(30)).await;
        stage.sim.clear_faults();
        stage.sim.stop_behind_back(id);
        stage
            .until(&format!("news after {kind:?}"), LONG, |stage| {
                stage.pod(&uid).restarts() == restarts
            })
            .await;
        stage.until("it runs again", SOON, |stage| stage.is_running(&uid)).await;
    }
}

/// A create that failed kept a lock, and the next deletion waited for it until the node was restarted.
#[tokio::test(start_paused = true)]
async fn creates_that_fail_or_hang_hold_up_no_deletion() {
    let stage = Stage::set().await;
    let goes = stage.run("goes", json!({})).await;
    let no_network = json!({ "metadata": { "annotations": { "networks": "no-such-network" } } });
    let stuck = stage.add("stuck", no_network);
    stage.wire.answer(Call::CreateRule, 1, 500, "InternalError");
    let no_rule = stage.add("no-rule", in_group("db", 22));
    let trap = stage.wire.hold(Call::Create, At::Request);
    let hung: Vec<String> = (0..20).map(|n| stage.add(&format!("hung-{n}"), json!({}))).collect();
    stage.wait(Duration::from_secs(10)).await;
    stage.remove(&goes, 0);
    stage.until("the deletion", SOON, |stage| stage.is_removed(&goes)).await;
    stage.remove(&stuck, 0);
    stage
        .until("the deletion of one that never had anything", SOON, |stage| {
            stage.is_removed(&stuck)
        })
        .await;
    trap.release();
    stage.wire.clear();
    stage
        .until("all others run", LONG, |stage| {
            hung.iter().chain([&no_rule]).all(|uid| stage.is_running(uid))
        })
        .await;
}

/// The Pod object was removed whether or not the delete of its instance was accepted.
#[tokio::test(start_paused = true)]
async fn a_delete_that_fails_keeps_the_pod() {
    for (status, code) in [
        (500, "InternalError"),
        (429, "RequestThrottled"),
        (409, "InvalidState"),
        (403, "NotAuthorized"),
    ] {
        let stage = Stage::set().await;
        let uid = stage.run("web", json!({})).await;
        stage.wire.answer(Call::Delete, u32::MAX, status, code);
        stage.remove(&uid, 0);
        stage.wait(LONG).await;
        assert!(!stage.is_removed(&uid), "{status}");
        assert_eq!(stage.alive(&uid).len(), 1, "{status}");
        stage.wire.clear();
        stage.until("the pod goes", Duration::from_secs(600), |stage| stage.is_removed(&uid)).await;
        assert_eq!(stage.alive(&uid).len(), 0, "{status}");
    }
}

/// Instances were looked for by name, which CloudAPI takes for a prefix, and in no namespace.
#[tokio::test(start_paused = true)]
async fn web_is_neither_web_1_nor_web_of_another_namespace() {
    let stage = Stage::set().await;
    let longer = stage.run("web-1", json!({})).await;
    let web = stage.run("web", json!({})).await;
    let elsewhere = stage.run("web", json!({ "metadata": { "namespace": "shop" } })).await;
    let ids = [&longer, &web, &elsewhere].map(|uid| stage.instance(uid).id);
    assert!(ids[0] != ids[1] && ids[1] != ids[2]);
    stage.remove(&web, 0);
    stage.until("web goes", SOON, |stage| stage.is_removed(&web)).await;
    stage.wait(LONG).await;
    assert_eq!([stage.instance(&longer).id, stage.instance(&elsewhere).id], [ids[0], ids[2]]);
    assert!(stage.is_running(&longer) && stage.is_running(&elsewhere));
}

/// After a restart instances were matched with pods by name: a pod made anew got its predecessor's.
#[tokio::test(start_paused = true)]
async fn a_pod_made_anew_does_not_inherit_the_instance_of_its_name() {
    let mut stage = Stage::set().await;
    let old = stage.run("web-0", json!({})).await;
    let old_id = stage.instance(&old).id;
    stage.kill().await;
    stage.pods.remove(&old);
    let _ = stage.pods.changed().await;
    stage.start().await;
    let new = stage.run("web-0", json!({})).await;
    stage.wait(Duration::from_secs(60)).await;
    assert_ne!(stage.instance(&new).id, old_id);
    assert_eq!(
        stage.sim.instance(old_id).unwrap().state,
        InstanceState::Running,
        "the search for orphans decides"
    );
    assert_eq!(stage.pod(&new).restarts(), 0);
}

/// After a restart every firewall group held the rules of all groups, and the last member of one took all with it.
#[tokio::test(start_paused = true)]
async fn after_a_restart_the_last_member_of_a_group_takes_only_its_own_rules() {
    let mut stage = Stage::set().await;
    let web = stage.run("web", in_group("web", 80)).await;
    let before = rules(&stage).await;
    let db = stage.run("db", in_group("db", 5432)).await;
    assert!(rules(&stage).await.len() > before.len());
    stage.kill().await;
    stage.start().await;
    stage.wait(Duration::from_secs(90)).await;
    stage.remove(&db, 0);
    stage.until("db goes", SOON, |stage| stage.is_removed(&db)).await;
    stage.wait(Duration::from_secs(180)).await;
    assert_eq!(rules(&stage).await, before, "exactly the rules of the other group");
    assert!(stage.is_running(&web));
}

/// Ten workers wrote one map without a lock, and the process ended in a burst.
#[tokio::test(start_paused = true)]
async fn a_burst_of_pods_that_come_and_go_ends_with_one_instance_for_each_that_stays() {
    let stage = Stage::set().await;
    let uids: Vec<String> = (0..60).map(|n| stage.add(&format!("web-{n}"), json!({}))).collect();
    stage.wait(Duration::from_millis(1500)).await;
    let (go, stay) = uids.split_at(30);
    for uid in go {
        stage.remove(uid, 0);
    }
    stage.until("they go", LONG, |stage| go.iter().all(|uid| stage.is_removed(uid))).await;
    stage.until("they run", LONG, |stage| stay.iter().all(|uid| stage.is_running(uid))).await;
    stage.wait(Duration::from_secs(60)).await;
    assert!(stay.iter().all(|uid| stage.made_for(uid).len() == 1));
    assert!(go.iter().all(|uid| stage.alive(uid).is_empty()));
}

/// A malformed annotation ended the process, and with it every pod of the node.
#[tokio::test(start_paused = true)]
async fn malformed_annotations_fail_their_pods_and_nobody_else() {
    let stage = Stage::set().await;
    let other = stage.run("other", json!({})).await;
    let annotated =
        |key: &str, value: &str| json!({ "metadata": { "annotations": { key: value } } });
    let wrong = [
        stage.add("a", annotated("affinity", "role is not db")),
        stage.add("b", annotated("affinity", "\"unclosed")),
        stage.add("c", annotated("fwenabled", "perhaps")),
    ];
    let unknown = stage.add("d", annotated("networks", "\"a,,b"));
    stage
        .until("they fail", SOON, |stage| {
            wrong.iter().all(|uid| stage.pod(uid).phase() == "Failed")
        })
        .await;
    stage.until("it waits", SOON, |stage| stage.pod(&unknown).waiting().is_some()).await;
    let later = stage.run("later", json!({})).await;
    assert!(stage.is_running(&other) && stage.is_running(&later));
    assert_eq!(stage.sim.instances().len(), 2);
}

/// Any error of a read counted as "it is gone": a 429, a timeout.
#[tokio::test(start_paused = true)]
async fn an_error_is_no_confirmation_of_a_delete() {
    for (status, code) in [
        (429, "RequestThrottled"),
        (500, "InternalError"),
        (401, "InvalidCredentials"),
        (403, "NotAuthorized"),
    ] {
        let stage = Stage::set().await;
        let uid = stage.run("web", json!({})).await;
        stage.sim.set_delays(Delays { delete: Duration::from_secs(300), ..stage.sim.delays() });
        stage.wire.answer(Call::Read, u32::MAX, status, code);
        stage.sim.fault(FaultKind::ListEmpty, Fault::default());
        stage.remove(&uid, 0);
        stage.wait(Duration::from_secs(200)).await;
        assert!(!stage.is_removed(&uid), "{status} was taken for gone");
        stage.wire.clear();
        stage.sim.clear_faults();
        stage.until("the pod goes", Duration::from_secs(900), |stage| stage.is_removed(&uid)).await;
    }
}

/// UpdatePod was not implemented, so that an edit made a running pod fail.
#[tokio::test(start_paused = true)]
async fn an_edit_of_a_running_pod_disturbs_nothing() {
    let stage = Stage::set().await;
    let uid = stage.run("web", json!({})).await;
    let id = stage.instance(&uid).id;
    let (written, changes) = (stage.pod(&uid).written.len(), stage.changes());
    stage.pods.relabel(&uid, "tier", "front");
    stage.wait(LONG).await;
    let pod = stage.pod(&uid);
    assert_eq!((pod.phase(), pod.written.len()), ("Running", written));
    assert_eq!(stage.changes(), changes + 1, "its tag, and nothing else");
    assert_eq!((stage.instance(&uid).id, stage.is_running(&uid)), (id, true));
    assert!(
        pod.events.iter().all(|event| event.kind == virtual_node::PodEventKind::Normal),
        "{:#?}",
        pod.events
    );
}

/// Lists were not paged: what came after the first thousand counted as gone.
#[tokio::test(start_paused = true)]
async fn of_more_instances_than_a_page_holds_none_is_taken_for_gone() {
    const COUNT: u32 = 1_100;
    let stage = restart::running(COUNT, Limits::default()).await;
    stage.wait(Duration::from_secs(60)).await;
    assert_eq!((stage.count("CreateMachine"), stage.changes()), (0, 0), "none was made again");
    assert!(stage.pods.live().iter().all(|uid| stage.is_running(uid)));
    assert_eq!(stage.pods.live().len(), COUNT as usize);
}
