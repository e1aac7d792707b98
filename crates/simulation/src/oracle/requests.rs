//! S7, S8, S9 and S10: what requests and objects show of the whole node.

use jiff::{SignedDuration, Timestamp};
use triton_sim::InstanceRecord;

use super::scene::Scene;
use super::{Invariant, Tell};
use crate::apiserver::{Change, ChangeKind, Resource, text};
use crate::canary;
use crate::history::{Call, Side};

/// Requests a second of one group of calls, and how many at once: what CloudAPI allows each group, and the client
/// promises by default. Creates, 16 at most, are made ready before they are noted: each has its leave by then, and the
/// bucket fills again until it is sent.
const RATE: f64 = 10.0;
const BURST: f64 = 30.0 + 16.0;

/// The Lease is good for so long.
const LEASE: SignedDuration = SignedDuration::from_secs(40);

/// What a process that has just begun, or whose API server has just come back, may take until its first renewal.
const FIRST: SignedDuration = SignedDuration::from_secs(90);

pub(super) fn check(scene: &mut Scene<'_>, call: &Call, tell: &mut Tell<'_>) {
    if call.side == Side::Cloud {
        rate(scene, call, tell);
    }
    if let Some((leader, at)) = scene.leader
        && leader != call.life
        && call.is_change()
        && call.sent > at
        && scene.unaware_until.is_none_or(|until| call.sent > until)
        && !call.target.contains("/namespaces/kube-system/leases")
    {
        let message = format!(
            "process {} sent {} {} after process {leader} had taken the lease",
            call.life, call.method, call.target
        );
        tell(Invariant::S10, None, message);
    }
}

fn rate(scene: &mut Scene<'_>, call: &Call, tell: &mut Tell<'_>) {
    let group = group(&call.target);
    let budget = scene.budgets.entry((call.life, group)).or_insert((BURST, call.sent));
    let (left, since) = *budget;
    let gained = call.sent.duration_since(since).as_secs_f64().max(0.0) * RATE;
    let left = (left + gained).min(BURST) - 1.0;
    // Told once for each time that it is overdrawn.
    if left < 0.0 {
        let message = format!("process {} sends too many requests about {group}", call.life);
        tell(Invariant::S9, None, message);
    }
    let left = if left < 0.0 { BURST } else { left };
    *budget = (left, since.max(call.sent));
}

/// The group that CloudAPI counts a call in: it has a bucket for each. Firewall rules count as instances do.
fn group(target: &str) -> &'static str {
    let of = |name: &str| target.split(['/', '?']).nth(2).is_some_and(|segment| segment == name);
    ["images", "packages", "networks"].into_iter().find(|name| of(name)).unwrap_or("machines")
}

pub(super) fn check_object(scene: &Scene<'_>, change: &Change, tell: &mut Tell<'_>) {
    if change.resource != Resource::Secrets
        && let Some(around) = canary::find(&change.object.to_string())
    {
        let kind = change.resource.plural();
        tell(Invariant::S7, None, format!("an object of {kind} shows a secret: …{around}…"));
    }
    let is_lease = change.resource == Resource::Leases
        && text(&change.object, "/metadata/namespace") == "kube-node-lease"
        && change.kind == ChangeKind::Modified;
    if let Some(renewed) = scene.renewed.filter(|_| is_lease) {
        let gap = change.at.duration_since(renewed);
        let settled = |since: Option<Timestamp>| {
            since.is_some_and(|since| change.at.duration_since(since) > gap + FIRST)
        };
        let is_quiet = settled(scene.running_since) && settled(scene.reachable_since);
        if gap > LEASE && is_quiet {
            tell(Invariant::S8, None, format!("the node's lease was not renewed for {gap:#}"));
        }
    }
}

pub(super) fn check_instance(record: &InstanceRecord, tell: &mut Tell<'_>) {
    let shown = format!("{} {:?}", record.name, record.tags);
    if let Some(around) = canary::find(&shown) {
        tell(Invariant::S7, None, format!("instance {} shows a secret: …{around}…", record.id));
    }
}
