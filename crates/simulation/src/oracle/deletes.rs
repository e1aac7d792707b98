//! S2 and half of S6: what may be deleted.

use jiff::{SignedDuration, Timestamp};
use triton_sim::InstanceState;

use super::scene::{Scene, shown_instance};
use super::{Invariant, Tell};
use crate::history::Call;
use crate::world::is_terminal;

/// Between a last look at an instance and its delete, somebody may take its tags away, or its twin may die: two requests
/// cannot be one. A look is good for half a minute, as a slow one takes that long; and a delete that was turned away is
/// sent again by the client for a little longer.
const MOMENT: SignedDuration = SignedDuration::from_secs(45);

pub(super) fn check(scene: &Scene<'_>, call: &Call, tell: &mut Tell<'_>) {
    if let Some(rule) = &call.rule
        && !rule.starts_with(&format!(
            "vk-triton cluster={} node={}",
            scene.facts.cluster, scene.facts.node
        ))
    {
        tell(
            Invariant::S6,
            None,
            format!("a firewall rule was deleted that is not ours: {rule:?}"),
        );
    }
    let Some(id) = call.deletes() else { return };
    if scene.facts.strangers.contains(&id) {
        return tell(Invariant::S2, None, format!("instance {id} belongs to somebody else"));
    }
    let Some(seen) = scene.instances.get(&id) else {
        // Nobody can lose what is not there.
        return;
    };
    let uid = seen.made_for.as_str();
    // When it was sent, that is: an answer may be minutes late.
    let is_lately = |moment: Option<Timestamp>| {
        moment.is_none_or(|moment| call.sent.duration_since(moment) <= MOMENT)
    };
    if uid.is_empty() || !is_lately(seen.owned_until) {
        return tell(Invariant::S2, Some(uid), format!("instance {id} does not carry our tags"));
    }
    let Some(pod) = scene.pods.get(uid) else {
        return tell(
            Invariant::S2,
            Some(uid),
            format!("instance {id} is for a pod that nobody knows"),
        );
    };
    let is_wanted = !pod.is_gone
        && pod.object.pointer("/metadata/deletionTimestamp").is_none()
        && !is_terminal(&pod.object);
    if !is_wanted || seen.record.state == InstanceState::Failed || seen.died.is_some() {
        return;
    }
    let has_twin = scene.instances.values().any(|twin| {
        twin.record.id != id
            && twin.made_for == uid
            && is_lately(twin.died)
            && is_lately(twin.owned_until)
    });
    if !has_twin {
        tell(Invariant::S2, Some(uid), format!("instance {id} was deleted, and its pod wants it"));
    } else if shown_instance(&pod.object) == Some(id) {
        tell(Invariant::S2, Some(uid), format!("of twins, {id} was deleted, which the pod shows"));
    }
}
