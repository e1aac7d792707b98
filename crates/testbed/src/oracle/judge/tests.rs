//! Histories made by hand: each promise can be broken, and is not where it only looks like it.

use super::*;

const CLUSTER: &str = "cluster-uid";
const NODE: &str = "vk-triton";
const POD: &str = "pod-uid";
const ONE: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const TWO: &str = "aaaaaaaa-0000-4000-8000-000000000002";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn pod(version: u64) -> PodFact {
    PodFact {
        uid: POD.to_owned(),
        name: "default/web".to_owned(),
        version,
        node: Some(NODE.to_owned()),
        phase: Phase::Running,
        instance: Some(ONE.to_owned()),
        ready: true,
        ..PodFact::default()
    }
}

fn instance(id: &str, states: &[(i64, &str)]) -> InstanceFact {
    let tags = [("k8s_cluster", CLUSTER), ("k8s_nodename", NODE), ("k8s_uid", POD)];
    InstanceFact {
        id: id.to_owned(),
        tags: tags.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        state: states.last().unwrap().1.to_owned(),
        ip: None,
        states: states.iter().map(|(second, state)| (at(*second), (*state).to_owned())).collect(),
    }
}

fn request(second: i64, endpoint: &str, about: &str) -> RequestFact {
    RequestFact { at: at(second), endpoint: endpoint.to_owned(), about: Some(about.to_owned()) }
}

/// A pod that runs on its one instance since second 2.
fn healthy() -> Oracle {
    let mut oracle = Oracle::new(CLUSTER, NODE);
    oracle.see_instances([instance(ONE, &[(1, "provisioning"), (2, "running")])]);
    oracle.see_pod(at(2), &pod(1));
    oracle
}

#[track_caller]
fn check(mut oracle: Oracle, expected: &[Invariant]) {
    oracle.settle(at(1_000));
    let found: Vec<Invariant> = oracle.violations().iter().map(|found| found.invariant).collect();
    assert_eq!(found, expected, "{:#?}", oracle.violations());
}

#[test]
fn a_healthy_life_and_its_end_break_nothing() {
    let mut oracle = healthy();
    let going = PodFact { asked_to_go: Some(at(10)), ..pod(2) };
    oracle.see_pod(at(11), &going);
    oracle.see_request(&request(12, "StopMachine", ONE));
    oracle.see_request(&request(13, "DeleteMachine", ONE));
    oracle.see_pod_gone(at(15), POD);
    assert_eq!(oracle.totals(), (1, 1));
    check(oracle, &[]);
}

#[test]
fn deleting_or_stopping_the_instance_of_a_pod_that_may_stay_is_wrong() {
    for endpoint in ["DeleteMachine", "StopMachine"] {
        let mut oracle = healthy();
        oracle.see_request(&request(10, endpoint, ONE));
        check(oracle, &[Invariant::S2]);
    }
    // The pod went much later: that does not make it right.
    let mut oracle = healthy();
    oracle.see_request(&request(10, "DeleteMachine", ONE));
    oracle.see_pod_gone(at(60), POD);
    check(oracle, &[Invariant::S2]);
    // Who sees the end of a pod a moment before we do is not wrong.
    let mut oracle = healthy();
    oracle.see_request(&request(10, "DeleteMachine", ONE));
    oracle.see_pods(at(11), &[]);
    check(oracle, &[]);
}

#[test]
fn what_has_ended_or_failed_may_be_deleted() {
    let mut oracle = healthy();
    oracle.see_pod(at(5), &PodFact { phase: Phase::Succeeded, ready: false, ..pod(2) });
    oracle.see_request(&request(6, "DeleteMachine", ONE));
    check(oracle, &[]);

    let mut oracle = Oracle::new(CLUSTER, NODE);
    oracle.see_instances([instance(ONE, &[(1, "provisioning"), (4, "failed")])]);
    oracle.see_pod(at(2), &PodFact { phase: Phase::Pending, instance: None, ..pod(1) });
    oracle.see_request(&request(6, "DeleteMachine", ONE));
    check(oracle, &[]);
}

#[test]
fn of_twins_the_one_that_the_pod_names_must_stay() {
    for (deleted, expected) in [(TWO, &[][..]), (ONE, &[Invariant::S2][..])] {
        let mut oracle = healthy();
        oracle.see_instances([instance(TWO, &[(3, "provisioning"), (5, "running")])]);
        oracle.see_request(&request(10, "DeleteMachine", deleted));
        check(oracle, expected);
    }
}

#[test]
fn what_is_not_ours_must_not_be_touched() {
    let mut oracle = healthy();
    let mut theirs = instance(TWO, &[(1, "running")]);
    theirs.tags.insert("k8s_cluster".to_owned(), "another".to_owned());
    oracle.see_instances([theirs]);
    oracle.see_request(&request(10, "DeleteMachine", TWO));
    check(oracle, &[Invariant::S2]);

    for (endpoint, expected) in [
        ("StartMachine", &[Invariant::S2][..]),
        ("DeleteFirewallRule", &[Invariant::S6][..]),
        ("GetMachine", &[][..]),
        ("GetFirewallRule", &[][..]),
    ] {
        let mut oracle = healthy();
        oracle.see_foreign(TWO);
        oracle.see_request(&request(10, endpoint, TWO));
        check(oracle, expected);
    }
}

#[test]
fn a_pod_names_another_instance_only_when_the_first_is_no_more() {
    let renamed = PodFact { instance: Some(TWO.to_owned()), ..pod(2) };
    let mut oracle = healthy();
    oracle.see_instances([instance(TWO, &[(3, "running")])]);
    oracle.see_pod(at(10), &renamed);
    check(oracle, &[Invariant::S1]);

    let mut oracle = healthy();
    oracle.see_instances([
        instance(ONE, &[(1, "provisioning"), (2, "running"), (8, "deleted")]),
        instance(TWO, &[(3, "running")]),
    ]);
    oracle.see_pod(at(10), &renamed);
    check(oracle, &[]);

    let mut oracle = healthy();
    oracle.see_pod(at(10), &PodFact { instance: None, ..pod(2) });
    check(oracle, &[Invariant::S1]);
}

#[test]
fn phases_and_restart_counts_only_go_forward() {
    let backwards = PodFact { phase: Phase::Pending, ..pod(2) };
    let mut oracle = healthy();
    oracle.see_pod(at(3), &backwards);
    check(oracle, &[Invariant::S4]);

    let mut oracle = healthy();
    oracle.see_pod(at(3), &PodFact { phase: Phase::Succeeded, ..pod(2) });
    oracle.see_pod(at(4), &PodFact { phase: Phase::Failed, ..pod(3) });
    check(oracle, &[Invariant::S4]);

    let mut oracle = healthy();
    oracle.see_pod(at(3), &PodFact { restarts: 1, ..pod(3) });
    oracle.see_pod(at(4), &PodFact { restarts: 0, ..pod(4) });
    check(oracle, &[Invariant::S4]);

    // An older list is no news.
    let mut oracle = healthy();
    oracle.see_pod(at(3), &PodFact { restarts: 1, ..pod(3) });
    oracle.see_pod(at(4), &PodFact { restarts: 0, ..pod(2) });
    check(oracle, &[]);
}

#[test]
fn a_restart_has_a_cause_in_the_cloud() {
    let restarted = PodFact { restarts: 2, ..pod(2) };
    let mut oracle = healthy();
    oracle.see_pod(at(10), &restarted);
    check(oracle, &[Invariant::S4]);

    let mut oracle = healthy();
    let states = [(1, "running"), (5, "stopped"), (6, "running")];
    oracle.see_instances([instance(ONE, &states)]);
    oracle.see_pod(at(10), &restarted);
    check(oracle, &[]);
}

#[test]
fn a_pod_shows_its_own_instance() {
    let mut oracle = healthy();
    let mut theirs = instance(TWO, &[(1, "running")]);
    theirs.tags.insert("k8s_uid".to_owned(), "another".to_owned());
    oracle.see_instances([theirs]);
    let other = PodFact {
        uid: "third".to_owned(),
        name: "default/third".to_owned(),
        instance: Some(TWO.to_owned()),
        ..pod(1)
    };
    oracle.see_pod(at(10), &other);
    check(oracle, &[Invariant::S5]);
}

#[test]
fn what_lives_is_not_lost() {
    let lost = PodFact { phase: Phase::Failed, reason: Some("InstanceGone".to_owned()), ..pod(2) };
    let mut oracle = healthy();
    oracle.see_pod(at(10), &lost);
    check(oracle, &[Invariant::S8]);

    let mut oracle = healthy();
    oracle.see_instances([instance(ONE, &[(1, "running"), (7, "deleted")])]);
    oracle.see_pod(at(10), &lost);
    check(oracle, &[]);
}

#[test]
fn twins_are_measured_by_how_long_both_lived() {
    let mut oracle = healthy();
    assert_eq!(oracle.twins(at(100)), []);
    oracle.see_instances([instance(TWO, &[(10, "provisioning"), (14, "deleted")])]);
    let twins = oracle.twins(at(100));
    let (pod, second) = (POD.to_owned(), TWO.to_owned());
    assert_eq!(twins, [Twins { pod, second, together: Duration::from_secs(4) }]);
}

#[test]
fn what_just_happened_is_not_judged_yet_and_nothing_is_said_twice() {
    let mut oracle = healthy();
    oracle.see_request(&request(10, "DeleteMachine", ONE));
    oracle.settle(at(13));
    assert_eq!(oracle.violations().len(), 0);
    oracle.settle(at(14));
    oracle.see_request(&request(10, "DeleteMachine", ONE));
    oracle.settle(at(20));
    assert_eq!(oracle.violations().len(), 1);
    assert!(oracle.judged() >= 2);
}

#[test]
fn a_heart_that_stops_in_calm_is_heard() {
    let seen = |calm: Option<i64>, renewed, until| {
        let mut oracle = healthy();
        oracle.see_calm(calm.map(at));
        oracle.see_heartbeat(Some(at(renewed)));
        oracle.settle(at(until));
        oracle.settle(at(until + 1));
        oracle.violations().len()
    };
    assert_eq!(seen(None, 10, 500), 0, "nobody can say");
    assert_eq!(seen(Some(0), 100, 139), 0);
    assert_eq!(seen(Some(0), 100, 142), 1);
    assert_eq!(seen(Some(130), 100, 142), 0, "it was disturbed until just now");
}
