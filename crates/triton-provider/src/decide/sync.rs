//! The next step for a pod that should run.

use std::sync::Arc;

use tokio::time::Instant;
use triton_cloudapi::InstanceId;
use triton_cloudapi::instances::InstanceState;

use super::Sighting;
use super::twins::{is_alive, winner};
use crate::limits::Limits;
use crate::memory::{Intent, Known, Memory, Outlook};
use crate::seen::Seen;

/// What a pod's `restartPolicy` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RestartPolicy {
    /// Restart whatever happened.
    Always,
    /// Restart what failed.
    OnFailure,
    /// Never.
    Never,
}

/// Everything the decision rests on.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Now.
    pub now: Instant,
    /// The last complete list; `None` until the first one.
    pub sighting: Option<&'a Sighting>,
    /// What is remembered.
    pub memory: &'a Memory,
    /// The instance in the pod's published status.
    pub published: Option<InstanceId>,
    /// The pod's restart policy.
    pub restart_policy: RestartPolicy,
    /// The pod asks for deletion protection.
    pub protect: bool,
    /// When `activeDeadlineSeconds` is over, if the pod has one.
    pub deadline: Option<Instant>,
    /// Liveness (or startup) is believed to have failed in the instance's present life.
    pub unhealthy: bool,
    /// Waits and bounds.
    pub limits: &'a Limits,
}

/// What to do next. Everything but `Wait`, `Settle`, `Report`, `Completed`, `Killed`, `Lost` and `Expired` is followed by another
/// decision.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Nothing before then (`None`: until something is seen).
    Wait {
        /// When to look again.
        until: Option<Instant>,
        /// Why, for the log.
        because: Because,
    },
    /// This instance is the pod's.
    Adopt(Arc<Seen>),
    /// The published status names this instance: hold it to be the pod's and read it.
    Recall(InstanceId),
    /// Read this one instance: the list does not show it, or shows nothing newer than what is known.
    Read(InstanceId),
    /// Look for instances with the pod's UID tag: a create may have come true.
    Resolve,
    /// The ambiguity is over and nothing came: forget the intent.
    GiveUpIntent,
    /// Make the instance.
    Create,
    /// Remove this second instance of the pod.
    RemoveTwin(Arc<Seen>),
    /// Provisioning failed: remove what is left of it, then try again later.
    Retry(InstanceId),
    /// Start the instance; `counts` when this is a restart and not the repetition of one.
    Start {
        /// Which.
        id: InstanceId,
        /// Whether it is a new restart.
        counts: bool,
    },
    /// Reboot the instance.
    Reboot(InstanceId),
    /// Switch deletion protection on.
    Protect(InstanceId),
    /// Stop it for good: it is unhealthy and must not be restarted.
    Kill(InstanceId),
    /// It has stopped and may be on its way up again: keep what is published until that is certain.
    Settle,
    /// Nothing to do but to say how it stands; look again then at the latest.
    Report(Option<Instant>),
    /// The guest shut down by itself and must not be restarted.
    Completed,
    /// We stopped it for good.
    Killed,
    /// The instance is gone and was not ours to remove.
    Lost,
    /// The pod was active for longer than it may be.
    Expired,
}

/// Why nothing is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// No complete list of the cloud yet.
    CloudNotSeen,
    /// A create may still come true.
    CreateUnresolved,
    /// The last create failed a short while ago.
    RetryLater,
    /// Between two reads that say "no such instance".
    AbsenceUnconfirmed,
}

/// Decides the next step.
#[must_use]
pub fn next(facts: &Facts<'_>) -> Step {
    if facts.deadline.is_some_and(|deadline| deadline <= facts.now) {
        return Step::Expired;
    }
    match &facts.memory.known {
        Some(known) => match successor(facts, known) {
            Some(other) => Step::Adopt(other),
            None if known.gone && known.ran => Step::Lost,
            None if known.gone => Step::Retry(known.id),
            None => next_for_known(facts, known),
        },
        None => next_without_instance(facts),
    }
}

/// Another living instance of the pod, when the known one is gone, failed or missing from a list that shows the other:
/// what lives is kept, whoever made it.
fn successor(facts: &Facts<'_>, known: &Known) -> Option<Arc<Seen>> {
    let sighting =
        facts.sighting.filter(|sighting| sighting.taken_at > known.seen_at || known.gone)?;
    let listed = sighting.instances.iter().find(|instance| instance.id == known.id);
    if !known.gone && listed.is_some_and(|instance| is_alive(instance)) {
        return None;
    }
    if !known.gone && listed.is_none() && known.misses.count == 0 {
        // Missing, and not yet asked about: that comes first.
        return None;
    }
    let others: Vec<_> = sighting
        .instances
        .iter()
        .filter(|instance| {
            instance.id != known.id && !facts.memory.discarded.contains(&instance.id)
        })
        .cloned()
        .collect();
    winner(&others, facts.published).cloned()
}

/// The pod has an instance, as far as we know.
fn next_for_known(facts: &Facts<'_>, known: &Known) -> Step {
    // A twin goes only while the one that stays is provably there.
    let stays = known.last.as_deref().is_some_and(is_alive);
    let twins = facts.sighting.filter(|sighting| {
        stays
            && sighting
                .instances
                .iter()
                .any(|instance| instance.id == known.id && is_alive(instance))
    });
    if let Some(twin) = twins.and_then(|sighting| twin_of(facts, sighting, known.id)) {
        return Step::RemoveTwin(twin);
    }
    if let Some(seen) = newer_sighting(facts.sighting, known) {
        return Step::Adopt(seen);
    }
    let listed_since = facts.sighting.is_some_and(|sighting| {
        sighting.taken_at > known.seen_at
            && !sighting.instances.iter().any(|instance| instance.id == known.id)
    });
    let unseen = known.last.is_none();
    if unseen || listed_since {
        return match known.misses.next(facts.limits.absence_confirm) {
            Some(at) if at > facts.now => {
                Step::Wait { until: Some(at), because: Because::AbsenceUnconfirmed }
            }
            _ => Step::Read(known.id),
        };
    }
    match &known.last {
        Some(instance) => next_for_instance(facts, known, instance),
        None => Step::Read(known.id),
    }
}

/// Another living instance of the same pod that was not asked to go a short while ago.
fn twin_of(facts: &Facts<'_>, sighting: &Sighting, keep: InstanceId) -> Option<Arc<Seen>> {
    let asked = |id| {
        facts.memory.twins.get(id).is_some_and(|at| *at + facts.limits.action_patience > facts.now)
    };
    sighting
        .instances
        .iter()
        .find(|instance| instance.id != keep && is_alive(instance) && !asked(&instance.id))
        .cloned()
}

/// The known instance in a list that is newer than what is known of it.
fn newer_sighting(sighting: Option<&Sighting>, known: &Known) -> Option<Arc<Seen>> {
    let sighting = sighting.filter(|sighting| sighting.taken_at > known.seen_at)?;
    sighting.instances.iter().find(|instance| instance.id == known.id).cloned()
}

/// The instance is there: what does its state ask for?
fn next_for_instance(facts: &Facts<'_>, known: &Known, instance: &Seen) -> Step {
    let restarts = &facts.memory.restarts;
    match instance.state {
        InstanceState::Running if restarts.killed.is_some() => {
            let again = restarts.killed.map(|at| at + facts.limits.action_patience);
            if again.is_some_and(|again| again <= facts.now) {
                Step::Kill(known.id)
            } else {
                Step::Report(again)
            }
        }
        InstanceState::Running if facts.unhealthy => match facts.restart_policy {
            RestartPolicy::Never => Step::Kill(known.id),
            RestartPolicy::Always | RestartPolicy::OnFailure => {
                let due = restarts.backoff.due(facts.now);
                if due <= facts.now { Step::Reboot(known.id) } else { Step::Report(Some(due)) }
            }
        },
        InstanceState::Running
            if facts.protect && !instance.deletion_protection && !protect_asked(facts) =>
        {
            Step::Protect(known.id)
        }
        InstanceState::Stopped => next_for_stopped(facts, known),
        InstanceState::Failed if known.ran => Step::Lost,
        InstanceState::Failed => Step::Retry(known.id),
        InstanceState::Deleted if known.ran => Step::Lost,
        InstanceState::Deleted => Step::Retry(known.id),
        _ => Step::Report(None),
    }
}

/// Protection was asked for a short while ago: it is a job and takes its time.
fn protect_asked(facts: &Facts<'_>) -> bool {
    facts.memory.protect_asked.is_some_and(|at| at + facts.limits.action_patience > facts.now)
}

/// It has stopped: by itself, by somebody else's hand, or because we killed it.
fn next_for_stopped(facts: &Facts<'_>, known: &Known) -> Step {
    let restarts = &facts.memory.restarts;
    if restarts.killed.is_some() {
        return Step::Killed;
    }
    match (facts.restart_policy, &restarts.pending) {
        // No exit code exists on Triton: a guest that shuts down by itself has done its work.
        (RestartPolicy::Never | RestartPolicy::OnFailure, None) => {
            let sure = known.stopped_since.map(|since| since + facts.limits.completion_confirm);
            let seen = known.seen_at;
            // Seen stopped, and seen stopped again a while later.
            if sure.is_some_and(|sure| seen >= sure) { Step::Completed } else { Step::Settle }
        }
        (_, Some(pending)) => {
            let again = pending.at + facts.limits.action_patience;
            if again <= facts.now {
                Step::Start { id: known.id, counts: false }
            } else {
                Step::Report(Some(again))
            }
        }
        (RestartPolicy::Always, None) => {
            let due = restarts.backoff.due(facts.now);
            if due <= facts.now {
                Step::Start { id: known.id, counts: true }
            } else {
                Step::Report(Some(due))
            }
        }
    }
}

/// No instance is known to be the pod's.
fn next_without_instance(facts: &Facts<'_>) -> Step {
    let Some(sighting) = facts.sighting else {
        return Step::Wait { until: None, because: Because::CloudNotSeen };
    };
    let discarded = &facts.memory.discarded;
    let candidates: Vec<Arc<Seen>> = sighting
        .instances
        .iter()
        .filter(|instance| !discarded.contains(&instance.id))
        .cloned()
        .collect();
    if let Some(instance) = winner(&candidates, facts.published) {
        return Step::Adopt(Arc::clone(instance));
    }
    if let Some(id) = facts.published.filter(|id| !discarded.contains(id)) {
        return Step::Recall(id);
    }
    if let Some(intent) = &facts.memory.intent {
        return next_for_intent(facts, intent);
    }
    match facts.memory.retry_at {
        Some(at) if at > facts.now => Step::Wait { until: Some(at), because: Because::RetryLater },
        _ => Step::Create,
    }
}

/// A create may have come true: look, and do not repeat it before it cannot any more.
fn next_for_intent(facts: &Facts<'_>, intent: &Intent) -> Step {
    match intent.outlook(facts.now) {
        Outlook::Over => Step::GiveUpIntent,
        Outlook::Look => Step::Resolve,
        Outlook::Later(at) => Step::Wait { until: Some(at), because: Because::CreateUnresolved },
    }
}

#[cfg(test)]
mod tests;
