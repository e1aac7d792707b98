//! Which instance stays when a pod has more than one.

use std::sync::Arc;

use triton_cloudapi::InstanceId;
use triton_cloudapi::instances::InstanceState;

use crate::seen::Seen;

/// The instance to keep: the one already published in the pod's status, else the oldest, ties by id.
///
/// Every process that sees the same twins keeps the same one. Instances that failed or are deleted never win.
#[must_use]
pub fn winner(instances: &[Arc<Seen>], published: Option<InstanceId>) -> Option<&Arc<Seen>> {
    let alive = || instances.iter().filter(|instance| is_alive(instance));
    alive().find(|instance| Some(instance.id) == published).or_else(|| {
        alive()
            .min_by_key(|instance| (instance.created.unwrap_or(jiff::Timestamp::MAX), instance.id))
    })
}

/// Neither failed nor deleted.
#[must_use]
pub fn is_alive(instance: &Seen) -> bool {
    !matches!(instance.state, InstanceState::Failed | InstanceState::Deleted)
}
