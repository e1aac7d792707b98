//! Questions to what was seen of instances.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use triton_cloudapi::InstanceId;

use super::state::State;
use super::twins::is_alive;
use super::words::View;
use crate::seen::Seen;

/// What is deleted was seen to be ours so lately: longer than one attempt at a read takes. A delete that is answered by
/// an error is not sent again and again on what was seen before an outage.
pub(super) const SIGHT_GOOD: Duration = Duration::from_secs(30);

/// Whether the instance carries the tags of this cluster, this node and this pod. Nothing else is ever adopted or
/// deleted.
pub(super) fn is_ours(instance: &Seen, view: &View<'_>) -> bool {
    instance.belongs_to(view.owner)
}

/// Whether something is deleted on a sight of then.
pub(super) fn is_good(view: &View<'_>, seen_at: Option<Instant>) -> bool {
    seen_at.is_some_and(|at| view.now < at + SIGHT_GOOD)
}

/// An instance among others.
pub(super) fn listed(instances: &[Arc<Seen>], id: InstanceId) -> Option<&Arc<Seen>> {
    instances.iter().find(|instance| instance.id == id)
}

/// The last list is newer than the last sight of the instance and does not show it as ours.
pub(super) fn is_missing(view: &View<'_>, seen_at: Instant, id: InstanceId) -> bool {
    view.sighting.is_some_and(|sighting| {
        let there = listed(&sighting.instances, id).is_some_and(|instance| is_ours(instance, view));
        sighting.taken_at > seen_at && !there
    })
}

/// The instance was last seen by a read or an answer, and the last list, which is older, shows it otherwise or not at
/// all.
pub(super) fn is_unlisted(state: &State, view: &View<'_>) -> bool {
    let Some((known, sighting)) = state.known.as_ref().zip(view.sighting) else { return false };
    known.seen_at > sighting.taken_at
        && listed(&sighting.instances, known.id) != known.last.as_ref()
}

/// Whether the last list shows other living instances of the pod.
pub(super) fn has_twins(view: &View<'_>, id: InstanceId) -> bool {
    let is_twin = |other: &Arc<Seen>| other.id != id && is_alive(other) && is_ours(other, view);
    view.sighting.is_some_and(|sighting| sighting.instances.iter().any(is_twin))
}
