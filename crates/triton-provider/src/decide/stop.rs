//! The next step for a pod that should be gone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use triton_cloudapi::InstanceId;
use triton_cloudapi::instances::InstanceState;

use super::Sighting;
use crate::limits::Limits;
use crate::memory::{Intent, Outlook, Stopping, Target};
use crate::seen::Seen;

/// Everything the decision rests on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Now.
    pub now: Instant,
    /// The last complete list; `None` until the first one.
    pub sighting: Option<&'a Sighting>,
    /// How far stopping is. Every instance that the pod is known to have has a target here.
    pub stopping: &'a Stopping,
    /// A create whose outcome is not known.
    pub intent: Option<&'a Intent>,
    /// What is left of the grace period.
    pub grace_left: Duration,
    /// The pod itself asked for deletion protection, so that we may lift it. Its instance's tags may say the same.
    pub may_lift_protection: bool,
    /// Waits and bounds.
    pub limits: &'a Limits,
}

/// What to do next. Everything but `Wait`, `Blocked` and `Gone` is followed by another decision.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Nothing before then.
    Wait(Instant),
    /// The list shows an instance that has no target yet, or shows it newer: take note.
    Note(Arc<Seen>),
    /// Read this one instance.
    Read(InstanceId),
    /// Look for instances with the pod's UID tag: a create may have come true.
    Resolve,
    /// The ambiguity is over and nothing came: forget the intent.
    GiveUpIntent,
    /// Ask the guest to shut down.
    Shutdown(InstanceId),
    /// Switch deletion protection off: the pod had asked for it and is itself deleted.
    LiftProtection(InstanceId),
    /// Somebody else protects this instance: it stays until they let go.
    Blocked(InstanceId),
    /// Remove the instance.
    Delete(InstanceId),
    /// Nothing is left.
    Gone,
}

/// Decides the next step.
#[must_use]
pub fn next(facts: &Facts<'_>) -> Step {
    if let Some(instance) =
        facts.sighting.and_then(|sighting| unnoted(sighting, &facts.stopping.targets))
    {
        return Step::Note(instance);
    }
    let mut waits = Vec::new();
    for (id, target) in facts.stopping.targets.iter().filter(|(_, target)| !target.gone) {
        match next_for_target(facts, *id, target) {
            Step::Wait(until) => waits.push(until),
            step => return step,
        }
    }
    if let Some(intent) = facts.intent {
        // On the way out too a create may still come true; what comes is removed on sight.
        match intent.outlook(facts.now) {
            Outlook::Over => return Step::GiveUpIntent,
            Outlook::Look => return Step::Resolve,
            Outlook::Later(at) => waits.push(at),
        }
    }
    if let Some(first) = waits.into_iter().min() {
        return Step::Wait(first);
    }
    // Nothing known is left; a complete list made since stopping began must say so too.
    match facts.sighting {
        Some(sighting) if sighting.taken_at > facts.stopping.since => Step::Gone,
        _ => Step::Wait(facts.now + facts.limits.list_busy),
    }
}

/// An instance in the list that is not yet a target, or is there newer than the target knows.
fn unnoted(sighting: &Sighting, targets: &BTreeMap<InstanceId, Target>) -> Option<Arc<Seen>> {
    sighting
        .instances
        .iter()
        .find(|instance| match targets.get(&instance.id) {
            None => true,
            Some(target) => !target.gone && target.seen_at.is_none_or(|at| sighting.taken_at > at),
        })
        .cloned()
}

/// One instance on its way out.
fn next_for_target(facts: &Facts<'_>, id: InstanceId, target: &Target) -> Step {
    let read = || match target.misses.next(facts.limits.absence_confirm) {
        Some(at) if at > facts.now => Step::Wait(at),
        _ => Step::Read(id),
    };
    let Some(instance) = &target.last else { return read() };
    if vanished(facts.sighting, id, target) {
        return read();
    }
    match instance.state {
        InstanceState::Deleted => return read(),
        // Deleted while it was provisioning: CloudAPI keeps it as failed, nothing runs.
        InstanceState::Failed if target.delete_sent.is_some() => return read(),
        _ => {}
    }
    if let Some(sent) = target.delete_sent {
        let again = sent + facts.limits.action_patience;
        return if again <= facts.now { Step::Delete(id) } else { Step::Wait(again) };
    }
    if instance.deletion_protection {
        return if facts.may_lift_protection || instance.asked_for_protection {
            Step::LiftProtection(id)
        } else {
            Step::Blocked(id)
        };
    }
    let grace_end = facts.now + facts.grace_left;
    match (&instance.state, target.stop_sent) {
        (InstanceState::Running | InstanceState::Ready, None) if !facts.grace_left.is_zero() => {
            Step::Shutdown(id)
        }
        (InstanceState::Running | InstanceState::Ready | InstanceState::Stopping, _)
            if !facts.grace_left.is_zero() =>
        {
            Step::Wait(grace_end)
        }
        _ => Step::Delete(id),
    }
}

/// The last list is newer than the last sight of the instance and does not show it.
fn vanished(sighting: Option<&Sighting>, id: InstanceId, target: &Target) -> bool {
    sighting.is_some_and(|sighting| {
        target.seen_at.is_none_or(|at| sighting.taken_at > at)
            && !sighting.instances.iter().any(|instance| instance.id == id)
    })
}

#[cfg(test)]
mod tests;
