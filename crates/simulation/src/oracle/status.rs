//! S1, S4, S5 and S8 as far as statuses show them.

use jiff::SignedDuration;
use serde_json::Value;
use triton_sim::InstanceState;

use super::scene::{Scene, shown_instance};
use super::{Invariant, Tell};
use crate::apiserver::{Change, ChangeKind, Resource, text};
use crate::world::is_terminal;

/// Reads may lag by half a minute, a confirmation takes some seconds, and a write may be late.
const OBSERVED: SignedDuration = SignedDuration::from_secs(90);

pub(super) fn check(scene: &Scene<'_>, change: &Change, tell: &mut Tell<'_>) {
    if change.resource != Resource::Pods || change.kind != ChangeKind::Modified {
        return;
    }
    let pod = &*change.object;
    let uid = text(pod, "/metadata/uid");
    let Some(before) = scene.pods.get(&uid) else { return };
    let before = &*before.object;
    // What others write beside it (a mark for deletion) says nothing of the status, which was judged when it came.
    if before.get("status") == pod.get("status") {
        return;
    }
    forwards(before, pod, &uid, tell);
    one_instance(scene, before, pod, &uid, tell);
    readiness(scene, pod, &uid, change, tell);
    no_false_end(scene, before, pod, &uid, change, tell);
}

fn forwards(before: &Value, now: &Value, uid: &str, tell: &mut Tell<'_>) {
    let rank = |pod: &Value| match text(pod, "/status/phase").as_str() {
        "Running" => 1,
        "Succeeded" | "Failed" => 2,
        _ => 0,
    };
    let phases = (text(before, "/status/phase"), text(now, "/status/phase"));
    if rank(now) < rank(before) || (rank(before) == 2 && phases.0 != phases.1) {
        tell(Invariant::S4, Some(uid), format!("from phase {} to {}", phases.0, phases.1));
    }
    let restarts = |pod: &Value| {
        pod.pointer("/status/containerStatuses/0/restartCount").and_then(Value::as_i64).unwrap_or(0)
    };
    if restarts(now) < restarts(before) {
        let message = format!("{} restarts became {}", restarts(before), restarts(now));
        tell(Invariant::S4, Some(uid), message);
    }
}

fn one_instance(scene: &Scene<'_>, before: &Value, now: &Value, uid: &str, tell: &mut Tell<'_>) {
    let Some(id) = shown_instance(now) else { return };
    let Some(seen) = scene.instances.get(&id) else {
        return tell(Invariant::S5, Some(uid), format!("instance {id} is shown, which never was"));
    };
    if seen.made_for != uid {
        let message = format!("instance {id} is shown, which was made for {:?}", seen.made_for);
        tell(Invariant::S5, Some(uid), message);
    }
    let ip = text(now, "/status/podIP");
    let own = |id| scene.instances.get(&id).is_some_and(|seen| seen.ips.contains(&ip));
    let is_kept = ip == text(before, "/status/podIP");
    if !ip.is_empty() && !is_kept && !own(id) {
        tell(Invariant::S5, Some(uid), format!("address {ip} was never instance {id}'s"));
    }
    let replaced = shown_instance(before).filter(|&shown| shown != id);
    let replaced = replaced.and_then(|shown| scene.instances.get(&shown));
    if let Some(old) = replaced
        && old.died.is_none()
        && old.owned_until.is_none()
    {
        let message = format!("instance {id} is shown while {} lives, which was", old.record.id);
        tell(Invariant::S1, Some(uid), message);
    }
}

fn readiness(scene: &Scene<'_>, pod: &Value, uid: &str, change: &Change, tell: &mut Tell<'_>) {
    let is_ready = pod.pointer("/status/containerStatuses/0/ready") == Some(&Value::Bool(true));
    let Some(id) = shown_instance(pod).filter(|_| is_ready) else { return };
    let ran = scene.instances.get(&id).is_some_and(|seen| seen.has_run_within(change.at, OBSERVED));
    if !ran {
        let message = format!("ready, and instance {id} has not run for {OBSERVED:#}");
        tell(Invariant::S4, Some(uid), message);
    }
}

/// A pod whose instance runs on must not be called failed.
fn no_false_end(
    scene: &Scene<'_>,
    before: &Value,
    now: &Value,
    uid: &str,
    change: &Change,
    tell: &mut Tell<'_>,
) {
    if is_terminal(before) || !is_terminal(now) {
        return;
    }
    let is_going = now.pointer("/metadata/deletionTimestamp").is_some();
    let has_reason = text(now, "/status/reason") == "DeadlineExceeded";
    for seen in scene.living(uid).filter(|_| !is_going && !has_reason) {
        let since = change.at.duration_since(seen.state_since);
        if seen.record.state == InstanceState::Running && since > OBSERVED {
            let message = format!(
                "called {} while instance {} has been running for {since:#}",
                text(now, "/status/phase"),
                seen.record.id
            );
            tell(Invariant::S8, Some(uid), message);
        }
    }
}
