//! Each promise, broken by hand: an oracle that cannot say no proves nothing.

use std::net::Ipv4Addr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde_json::{Map, Value, json};
use triton_sim::{InstanceRecord, InstanceState, Transition};
use uuid::Uuid;

use super::*;
use crate::apiserver::{Change, ChangeKind, Resource};
use crate::history::{Call, Side};

const UID: &str = "pod-1";

/// A history, made by hand, second by second.
#[derive(Default)]
struct Tale {
    entries: Vec<Entry>,
    second: i64,
}

impl Tale {
    fn at(&self) -> Timestamp {
        Timestamp::from_second(1_000_000 + self.second).unwrap()
    }

    fn wait(mut self, seconds: i64) -> Self {
        self.second += seconds;
        self
    }

    fn add(mut self, what: What) -> Self {
        let (at, ticket) = (self.at(), self.entries.len() as u64);
        self.entries.push(Entry { at, ticket, what });
        self
    }

    fn object(self, resource: Resource, kind: ChangeKind, object: Value) -> Self {
        let change = Change {
            ticket: 0,
            version: 1,
            at: self.at(),
            kind,
            resource,
            object: Arc::new(object),
        };
        self.add(What::Object(change))
    }

    /// A pod of this status; with a `deletionTimestamp` if it is to go.
    fn pod(self, kind: ChangeKind, status: Value, going: bool) -> Self {
        let mut pod = json!({ "metadata": { "name": "a", "uid": UID }, "status": status });
        if going {
            pod["metadata"]["deletionTimestamp"] = json!("2027-01-01T00:00:00Z");
        }
        self.object(Resource::Pods, kind, pod)
    }

    fn born(self) -> Self {
        self.pod(ChangeKind::Added, json!({ "phase": "Pending" }), false)
    }

    fn shows(self, number: u128, ready: bool) -> Self {
        let id = id(number);
        let status = json!({ "phase": "Running", "containerStatuses": [
            { "containerID": format!("triton://{id}"), "ready": ready, "restartCount": 1 }] });
        self.pod(Modified, status, false)
    }

    fn instance(self, number: u128, state: InstanceState) -> Self {
        self.tagged(number, state, UID)
    }

    fn tagged(self, number: u128, state: InstanceState, uid: &str) -> Self {
        let tags = [("k8s_cluster", "c"), ("k8s_nodename", "n"), ("k8s_uid", uid)];
        let tags: Map<String, Value> =
            tags.map(|(key, value)| (key.to_owned(), json!(value))).into_iter().collect();
        let record =
            record(number, state, if uid.is_empty() { Map::new() } else { tags }, self.at());
        self.add(What::Instance(record))
    }

    fn call(
        self,
        life: u32,
        side: Side,
        method: &str,
        target: &str,
        status: Option<u16>,
        pod: Option<&str>,
    ) -> Self {
        let call = Call {
            life,
            side,
            method: method.to_owned(),
            target: target.to_owned(),
            status,
            sent: self.at(),
            pod: pod.map(ToOwned::to_owned),
            instance: None,
            rule: None,
        };
        self.add(What::Call(call))
    }

    fn create(self, status: Option<u16>) -> Self {
        self.call(1, Side::Cloud, "POST", "/acme/machines", status, Some(UID))
    }

    fn delete(self, number: u128) -> Self {
        let target = format!("/acme/machines/{}", id(number));
        self.call(1, Side::Cloud, "DELETE", &target, Some(204), None)
    }

    /// The last call was sent so many seconds before it was answered.
    fn answered_after(mut self, seconds: i64) -> Self {
        if let Some(Entry { at, what: What::Call(call), .. }) = self.entries.last_mut() {
            call.sent = *at - SignedDuration::from_secs(seconds);
        }
        self
    }

    fn lease(self, name: &str) -> Self {
        let kind = if self.entries.is_empty() { ChangeKind::Added } else { Modified };
        self.object(
            Resource::Leases,
            kind,
            json!({ "metadata": { "namespace": "kube-node-lease", "name": name } }),
        )
    }

    #[track_caller]
    fn breaks(self, expected: &[Invariant]) {
        let facts =
            Facts { cluster: "c".to_owned(), node: "n".to_owned(), strangers: vec![id(99)] };
        let found = judge(&self.entries, &facts);
        let invariants: Vec<Invariant> =
            found.iter().map(|violation| violation.invariant).collect();
        assert_eq!(invariants, expected, "{found:#?}");
    }
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn record(
    number: u128,
    state: InstanceState,
    tags: Map<String, Value>,
    at: Timestamp,
) -> InstanceRecord {
    InstanceRecord {
        id: id(number),
        account: "acme".to_owned(),
        name: "a".to_owned(),
        state,
        tags,
        package: "p".to_owned(),
        image: id(0),
        ips: vec![Ipv4Addr::new(10, 0, 0, 9)],
        primary_ip: None,
        compute_node: None,
        firewall_enabled: false,
        transitions: vec![Transition { at, to: state }],
    }
}

use ChangeKind::{Deleted, Modified};
use InstanceState::{Failed, Provisioning, Running, Stopped};
use Invariant::{S1, S2, S4, S5, S6, S7, S8, S9, S10};

fn tale() -> Tale {
    Tale::default()
}

#[test]
fn an_ordinary_life_breaks_nothing() {
    let status = json!({ "phase": "Running", "containerStatuses": [
        { "containerID": format!("triton://{}", id(1)), "ready": false, "restartCount": 1 }] });
    tale()
        .born()
        .create(Some(201))
        .instance(1, Provisioning)
        .wait(2)
        .instance(1, Running)
        .shows(1, true)
        .wait(60)
        .pod(Modified, status.clone(), true)
        .delete(1)
        .instance(1, InstanceState::Deleted)
        .pod(Deleted, status, true)
        .breaks(&[]);
}

#[test]
fn s1_no_second_create_while_an_instance_lives() {
    let first = || tale().born().create(Some(201)).instance(1, Running).wait(300);
    first().create(Some(201)).breaks(&[S1]);
    first().instance(1, Failed).create(Some(201)).breaks(&[]);
}

#[test]
fn s1_no_second_create_while_the_first_may_come_true() {
    tale().born().create(None).wait(179).create(None).breaks(&[S1]);
    tale().born().create(Some(500)).wait(20).create(None).breaks(&[S1]);
    tale().born().create(None).wait(180).create(None).breaks(&[]);
    tale().born().create(Some(409)).wait(1).create(None).breaks(&[]);
}

#[test]
fn s1_no_other_instance_is_shown_while_the_shown_one_lives() {
    let first = || tale().born().instance(1, Running).instance(2, Running).shows(1, true).wait(5);
    first().shows(2, true).breaks(&[S1]);
    first().instance(1, InstanceState::Deleted).shows(2, true).breaks(&[]);
    first().tagged(1, Running, "").shows(2, true).breaks(&[]);
}

#[test]
fn s2_nothing_that_is_wanted_or_not_ours_is_deleted() {
    tale().born().instance(1, Running).shows(1, true).delete(1).breaks(&[S2]);
    tale().born().tagged(1, Running, "").delete(1).breaks(&[S2]);
    tale().born().instance(1, Running).tagged(1, Running, "").wait(60).delete(1).breaks(&[S2]);
    let leaving = || {
        let tale = tale().born().instance(1, Running).tagged(1, Running, "");
        tale.pod(Modified, json!({ "phase": "Running" }), true).wait(120).delete(1)
    };
    leaving().breaks(&[S2]);
    leaving().answered_after(100).breaks(&[]);
    tale().delete(99).breaks(&[S2]);
    tale().tagged(1, Running, "pod-of-nobody").delete(1).breaks(&[S2]);
    tale().born().instance(1, Failed).delete(1).breaks(&[]);
}

#[test]
fn s2_of_twins_the_shown_one_stays() {
    let twins = || tale().born().instance(1, Running).instance(2, Running).shows(1, true);
    twins().delete(2).breaks(&[]);
    twins().delete(1).breaks(&[S2]);
}

#[test]
fn s4_phases_go_forward_and_ends_are_final() {
    let step = |from: &str, to: &str| {
        tale().born().pod(Modified, json!({ "phase": from }), false).pod(
            Modified,
            json!({ "phase": to }),
            false,
        )
    };
    step("Running", "Pending").breaks(&[S4]);
    step("Succeeded", "Failed").breaks(&[S4]);
    step("Failed", "Running").breaks(&[S4]);
    step("Running", "Succeeded").breaks(&[]);
}

#[test]
fn s4_restarts_are_only_counted_up() {
    let count = |count: u32| json!({ "phase": "Running", "containerStatuses": [{ "restartCount": count }] });
    tale().born().pod(Modified, count(2), false).pod(Modified, count(1), false).breaks(&[S4]);
}

#[test]
fn s4_ready_is_only_what_runs() {
    let stopped = || tale().born().instance(1, Running).wait(5).instance(1, Stopped);
    stopped().wait(200).shows(1, true).breaks(&[S4]);
    stopped().wait(20).shows(1, true).breaks(&[]);
    tale().born().instance(1, Provisioning).shows(1, true).breaks(&[S4]);
    // Who only marks it for deletion says nothing of its status.
    let ready = json!({ "phase": "Running", "containerStatuses": [
        { "containerID": format!("triton://{}", id(1)), "ready": true, "restartCount": 1 }] });
    let shown = tale().born().instance(1, Running).pod(Modified, ready.clone(), false);
    shown.instance(1, Stopped).wait(200).pod(Modified, ready, true).breaks(&[]);
}

#[test]
fn s5_no_pod_shows_what_is_anothers() {
    tale().born().tagged(1, Running, "pod-2").shows(1, true).breaks(&[S5]);
    tale().born().shows(7, false).breaks(&[S5]);
    let status = json!({ "phase": "Running", "podIP": "10.9.9.9",
        "containerStatuses": [{ "containerID": format!("triton://{}", id(1)) }] });
    tale().born().instance(1, Running).pod(Modified, status.clone(), false).breaks(&[S5]);
    let shown = |number| What::Shown(id(number), vec!["10.9.9.9".to_owned()]);
    let tale = || tale().born().instance(1, Running).tagged(2, Running, "pod-2");
    tale().add(shown(1)).pod(Modified, status.clone(), false).breaks(&[]);
    tale().add(shown(2)).pod(Modified, status, false).breaks(&[S5]);
}

#[test]
fn s6_no_rule_of_others_is_deleted() {
    let delete = |description: &str| {
        let mut tale = tale().call(1, Side::Cloud, "DELETE", "/acme/fwrules/r1", Some(204), None);
        if let Some(What::Call(call)) = tale.entries.last_mut().map(|entry| &mut entry.what) {
            call.rule = Some(description.to_owned());
        }
        tale
    };
    delete("by hand").breaks(&[S6]);
    delete("vk-triton cluster=other node=n tag=x").breaks(&[S6]);
    delete("vk-triton cluster=c node=n tag=x").breaks(&[]);
}

#[test]
fn s7_no_object_and_no_tag_shows_a_secret() {
    let event = json!({ "metadata": { "name": "e" }, "message": "failed with canary-7d1e4c0a" });
    tale().object(Resource::Events, ChangeKind::Added, event.clone()).breaks(&[S7]);
    tale().object(Resource::Secrets, ChangeKind::Added, event).breaks(&[]);
    tale().tagged(1, Running, "canary-7d1e4c0a").breaks(&[S7]);
}

#[test]
fn s8_the_lease_is_renewed_and_nothing_fails_that_runs() {
    let long = || {
        tale().lease("n").add(What::Life(1, true)).add(What::Calm).wait(600).lease("n").wait(100)
    };
    let gaps = |seconds: i64| {
        let mut tale = long();
        // Renewed all the time until the last gap.
        for _ in 0..30 {
            tale = tale.wait(10).lease("n");
        }
        tale.wait(seconds).lease("n")
    };
    let count = |tale: Tale| {
        let facts = Facts { cluster: "c".to_owned(), node: "n".to_owned(), strangers: Vec::new() };
        judge(&tale.entries, &facts).iter().filter(|violation| violation.invariant == S8).count()
    };
    assert_eq!(count(gaps(41)), count(gaps(39)) + 1);

    let failed = json!({ "phase": "Failed", "reason": "Gone" });
    tale().born().instance(1, Running).wait(200).pod(Modified, failed.clone(), false).breaks(&[S8]);
    tale().born().instance(1, Stopped).wait(200).pod(Modified, failed, false).breaks(&[]);
}

#[test]
fn s9_requests_are_bounded() {
    let ask = |mut tale: Tale, target: &str, count: usize| {
        for _ in 0..count {
            tale = tale.call(1, Side::Cloud, "GET", target, Some(200), None);
        }
        tale
    };
    let machines = |tale: Tale, count| ask(tale, "/acme/machines?limit=1000", count);
    machines(tale(), 46).breaks(&[]);
    machines(tale(), 47).breaks(&[S9]);
    machines(machines(tale(), 46).wait(2), 20).breaks(&[]);
    machines(machines(tale(), 46).wait(2), 21).breaks(&[S9]);
    // Each group has its own bucket, and firewall rules share that of instances.
    ask(machines(tale(), 46), "/acme/images", 46).breaks(&[]);
    ask(tale(), "/acme/images", 47).breaks(&[S9]);
    ask(machines(tale(), 46), "/acme/fwrules", 1).breaks(&[S9]);
}

#[test]
fn s10_who_has_lost_the_lease_changes_nothing() {
    let lease = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/vk-triton-n";
    let taken = || tale().call(2, Side::Kube, "PUT", lease, Some(200), None).wait(1);
    taken().call(1, Side::Cloud, "DELETE", "/acme/fwrules/r", Some(204), None).breaks(&[S10]);
    taken()
        .call(1, Side::Kube, "PATCH", "/api/v1/namespaces/d/pods/a/status", Some(200), None)
        .breaks(&[S10]);
    taken().call(1, Side::Cloud, "GET", "/acme/machines", Some(200), None).breaks(&[]);
    taken().call(2, Side::Cloud, "DELETE", "/acme/fwrules/r", Some(204), None).breaks(&[]);
    taken().call(1, Side::Kube, "PUT", lease, Some(409), None).breaks(&[]);
}

#[test]
fn s10_a_lease_that_somebody_deletes_binds_all_who_have_seen_it() {
    let lease = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/vk-triton-n";
    let leases = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
    let object = json!({ "metadata": { "namespace": "kube-system", "name": "vk-triton-n" } });
    let held = || tale().call(1, Side::Kube, "POST", leases, Some(201), None).wait(1);
    let deleted = |tale: Tale| {
        let tale = tale.object(Resource::Leases, Deleted, object.clone()).wait(1);
        tale.call(2, Side::Kube, "POST", leases, Some(201), None)
    };
    let acts = |tale: Tale, after| {
        tale.wait(after).call(1, Side::Cloud, "DELETE", "/acme/fwrules/r", Some(204), None)
    };
    acts(deleted(held()), 2).breaks(&[]);
    acts(deleted(held()), 20).breaks(&[S10]);
    let seen = held().call(2, Side::Kube, "GET", lease, Some(200), None).wait(1);
    acts(deleted(seen), 2).breaks(&[S10]);
}

#[test]
fn s3_and_l1_are_told_from_what_is_left() {
    let pod = |status: Value| {
        Arc::new(json!({ "metadata": { "name": "a", "uid": UID }, "status": status }))
    };
    let tags: Map<String, Value> =
        [("k8s_cluster", "c"), ("k8s_nodename", crate::life::NODE), ("k8s_uid", UID)]
            .map(|(key, value)| (key.to_owned(), json!(value)))
            .into_iter()
            .collect();
    let at = Timestamp::UNIX_EPOCH + 1.hour();
    let one = record(1, Running, tags.clone(), at);
    let two = record(2, Running, tags, at);
    let running = pod(json!({ "phase": "Running", "containerStatuses": [
        { "containerID": format!("triton://{}", id(1)), "ready": true }] }));
    let check = |pods: &[Arc<Value>], living: &[InstanceRecord], expected: Option<Invariant>| {
        let found = crate::settled::instances(pods, living, "c");
        assert_eq!(
            found.as_ref().err().map(|reason| crate::settled::invariant(reason, false)),
            expected,
            "{found:?}"
        );
    };
    let running = std::slice::from_ref(&running);
    check(running, std::slice::from_ref(&one), None);
    check(running, &[one.clone(), two], Some(Invariant::L1));
    check(running, &[], Some(Invariant::L1));
    check(&[], std::slice::from_ref(&one), Some(Invariant::S3));
    check(&[pod(json!({ "phase": "Pending" }))], std::slice::from_ref(&one), Some(Invariant::L1));
    check(&[pod(json!({ "phase": "Succeeded" }))], &[one], Some(Invariant::S3));
}
