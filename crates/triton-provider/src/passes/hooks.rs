//! Hooks as a pass sees them: which there are, how they stand, and how one is begun.

use std::net::IpAddr;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use probe_engine::Kind;
use tokio::time::Instant;
use triton_cloudapi::InstanceId;

use super::{Aim, Pass, Then};
use crate::cluster::Cluster;
use crate::decide::{Event, Hook, Hooks, Standing};
use crate::hook_runner::{Order, POST_START_MAX};
use crate::memory::Memory;
use crate::shared::Shared;
use crate::{hooks, pod as read, probes};

/// How the hooks of a pod stand in the present life of its instance. Nobody is asked about a pod without hooks.
pub(crate) fn stands<C>(shared: &Shared<C>, pod: &Pod, memory: &Memory) -> Hooks {
    let restarts = memory.life.restarts.count;
    let none = Hooks { restarts, ..Hooks::default() };
    let is_hooked = hooks::has(pod, Hook::PostStart) || hooks::has(pod, Hook::PreStop);
    let uid = pod.metadata.uid.as_deref().filter(|_| is_hooked);
    match (uid, life(pod, memory)) {
        (Some(uid), Some(life)) => shared.hooks.stands(uid, &life, restarts),
        _ => none,
    }
}

/// The present life of the pod's instance.
pub(crate) fn life(pod: &Pod, memory: &Memory) -> Option<String> {
    let known = memory.life.known.as_ref().map(|known| known.id);
    let id = known.or_else(|| read::published_instance(pod))?;
    Some(read::life(id, memory.life.restarts.count))
}

/// Why the postStart hook of the present life failed, if it did.
pub(crate) fn failure<C>(shared: &Shared<C>, pod: &Pod, memory: &Memory) -> Option<String> {
    let uid = pod.metadata.uid.as_deref().filter(|_| hooks::has(pod, Hook::PostStart))?;
    shared.hooks.failure(uid, &life(pod, memory)?)
}

/// The grace period of an instance that is killed for this probe, or for its hook.
pub(crate) fn kill_grace(pod: &Pod, failed: Option<Kind>) -> Duration {
    failed.and_then(|kind| probes::grace(pod, kind)).unwrap_or_else(|| read::grace(pod))
}

// === impl Pass ===

impl<C: Cluster> Pass<'_, C> {
    /// Begins a hook; its end asks for another pass.
    pub(crate) fn begin_hook(&mut self, hook: Hook, id: InstanceId) -> Then {
        let (Some(deed), Some(life)) = (hooks::of(&self.pod, hook), life(&self.pod, self.memory))
        else {
            return Then::Step(Event::Looked);
        };
        let address = self.address(id);
        if hook == Hook::PostStart && address.is_none() && deed.needs_address() {
            let soon = Instant::now() + self.shared.settings.limits.list_busy;
            return Then::End(Standing::Starting, Some(soon));
        }
        let limit = match (hook, self.aim) {
            (Hook::PostStart, _) => POST_START_MAX,
            (Hook::PreStop, Aim::Leave { grace_left }) => grace_left,
            (Hook::PreStop, Aim::Run) => kill_grace(&self.pod, self.failed_probe()),
        };
        tracing::info!(pod = %self.key, instance = %id, ?hook, "running a lifecycle hook");
        self.shared.hooks.begin(Order {
            uid: self.key.uid.clone(),
            life,
            container: read::container_name(&self.pod).to_owned(),
            hook,
            deed,
            address,
            limit,
        });
        Then::Step(Event::HookBegun)
    }

    fn address(&self, id: InstanceId) -> Option<IpAddr> {
        let life = &self.memory.life;
        let known = life.known.as_ref().filter(|known| known.id == id);
        let target = life.stopping.as_ref().and_then(|stopping| stopping.targets.get(&id));
        let known = known.and_then(|known| known.last.as_ref());
        let target = target.and_then(|target| target.last.as_ref());
        target.or(known)?.primary_ip
    }
}
