//! One pass over a pod that should be gone.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use tokio::time::Instant;
use triton_cloudapi::InstanceId;
use virtual_node::{PodEvent, ProviderError, Report, Stop, StopRequest};

use super::{Aim, Pass, hooks, left, report};
use crate::cluster::Cluster;
use crate::decide::Standing;
use crate::decide::state::State;
use crate::memory::Memory;
use crate::shared::Shared;
use crate::{clock, pod as read, probes};

/// Runs one pass.
pub(crate) async fn run<C: Cluster>(
    shared: &Shared<C>,
    request: &StopRequest,
) -> Result<Stop, ProviderError> {
    let StopRequest { key, pod, grace_left } = request;
    let uid = &key.uid;
    let seed = || {
        let restarts = pod
            .as_deref()
            .map(|pod| read::published_restarts(pod, clock::now(), Instant::now()))
            .unwrap_or_default();
        Memory { life: State { restarts, ..State::default() }, ..Memory::default() }
    };
    let memory = shared.memories.of(uid, Instant::now(), seed);
    let mut memory = memory.lock().await;
    shared.observer.expect(uid, true);
    if memory.life.stopping.is_none() {
        shared.creates.leave(uid);
        shared.hooks.give_up_start(uid);
        if let Some(pod) = pod {
            report::tell_probes_stopping(shared, pod, &memory);
        }
    }
    let mut pass = Pass {
        shared,
        pod: pod.clone().unwrap_or_default(),
        owner: read::owner(&shared.settings.cluster, &shared.settings.node, key),
        key: key.clone(),
        events: shared.opinions.take_events(uid, pod.as_deref().map_or("", read::container_name)),
        aim: Aim::Leave { grace_left: grace_left_of(shared, pod.as_deref(), &memory, *grace_left) },
        memory: &mut memory,
        ready: None,
        blind: false,
    };
    let (standing, until) = match pass.drive().await {
        Ok(stands) => stands,
        Err(error) => {
            shared.opinions.keep_events(uid, std::mem::take(&mut pass.events));
            return Err(error);
        }
    };
    match standing {
        Standing::Gone => {
            let status =
                pod.as_deref().and_then(|pod| report::last_status(shared, pod, pass.memory));
            let events = std::mem::take(&mut pass.events);
            forget(shared, uid).await;
            Ok(Stop::Gone(Report { status, events, again: None }))
        }
        Standing::Blocked(id) => {
            pass.events.push(blocked(id));
            Ok(pass.going(shared.settings.limits.action_patience))
        }
        _ => Ok(pass.going(left(until).unwrap_or(shared.settings.limits.list_busy))),
    }
}

/// What is left of the grace period. A pod that is over because a probe failed has that probe's, which begins when we
/// begin; for one that somebody deletes, the probe's counts no more.
fn grace_left_of<C>(
    shared: &Shared<C>,
    pod: Option<&Pod>,
    memory: &Memory,
    grace_left: Duration,
) -> Duration {
    let Some(pod) = pod.filter(|pod| pod.metadata.deletion_timestamp.is_none()) else {
        return grace_left;
    };
    let failed = || {
        let life = hooks::life(pod, memory)?;
        shared.opinions.failed_probe(pod.metadata.uid.as_deref()?, &life)
    };
    let failed = report::probe_that_killed(pod).or_else(failed);
    match failed.and_then(|kind| probes::grace(pod, kind)) {
        Some(granted) => {
            let since = memory.life.stopping.as_ref().map(|stopping| stopping.since);
            granted.saturating_sub(since.map_or(Duration::ZERO, |since| since.elapsed()))
        }
        None => grace_left,
    }
}

async fn forget<C: Cluster>(shared: &Shared<C>, uid: &str) {
    shared.probes.remove(uid);
    shared.probe_names.forget(uid);
    shared.hooks.forget(uid);
    shared.opinions.forget(uid);
    shared.observer.expect(uid, false);
    shared.memories.forget(uid);
    if shared.firewall.release(uid).await {
        shared.sweeper.ask();
    }
}

fn blocked(id: InstanceId) -> PodEvent {
    let message = format!(
        "instance {id} has deletion protection that this pod did not ask for; switch it off \
         (`triton instance disable-deletion-protection {id}`) to let the pod go"
    );
    PodEvent::warning("DeletionProtected", message)
}

// === impl Pass ===

impl<C: Cluster> Pass<'_, C> {
    /// Nothing is published on the way: each write costs the API server as much as the last, and the deletion timestamp
    /// says it all.
    fn going(&mut self, again: Duration) -> Stop {
        let events = std::mem::take(&mut self.events);
        Stop::Going(Report { status: None, events, again: Some(again) })
    }
}
