//! One pass over a pod that should run.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use tokio::time::Instant;
use virtual_node::{PodEvent, PodKey, ProviderError, Report};

use super::{Aim, Pass, left, report};
use crate::cluster::Cluster;
use crate::decide::state::{Pending, State};
use crate::decide::{Because, Standing};
use crate::memory::Memory;
use crate::shared::Shared;
use crate::timeline::Timeline;
use crate::{clock, give_ups, pod as read};

/// Runs one pass.
pub(crate) async fn run<C: Cluster>(
    shared: &Shared<C>,
    pod: Arc<Pod>,
    key: PodKey,
) -> Result<Report, ProviderError> {
    let now = Instant::now();
    let seed = || {
        let mut restarts = read::published_restarts(&pod, clock::now(), now);
        if read::is_restarting(&pod) {
            // An earlier process decided it and counted that.
            restarts.pending = Some(Pending { at: now, sent: true, reboot: false, dipped: true });
        }
        let is_new = read::container_status(&pod).is_none();
        Memory {
            life: State { restarts, ..State::default() },
            timeline: is_new.then(|| Timeline::began(now)),
            ..Memory::default()
        }
    };
    let memory = shared.memories.of(&key.uid, now, seed);
    let mut memory = memory.lock().await;
    // Somebody else's restart is noticed when the status is made.
    let count = &mut memory.life.restarts.count;
    *count = (*count).max(read::published_restarts(&pod, clock::now(), now).count);
    let owner = read::owner(&shared.settings.cluster, &shared.settings.node, &key);
    let mut pass = Pass {
        shared,
        pod,
        key,
        owner,
        memory: &mut memory,
        events: Vec::new(),
        aim: Aim::Run,
        ready: None,
        blind: false,
    };
    match pass.drive().await {
        Ok((standing, until)) => {
            pass.ready = None;
            let (standing, until) = pass.hold_back(standing, until);
            pass.tell_standing(standing);
            let busy = shared.settings.limits.list_busy;
            let again = left(until).or((standing == Standing::Unchanged).then_some(busy));
            let follow = pass.follow(standing).await;
            let again = [again, follow].into_iter().flatten().min();
            Ok(pass.report(standing, again))
        }
        Err(error) => {
            // The node's back-off decides when to look again, not the list; unless a create may still come true.
            shared.observer.expect(&pass.key.uid, pass.memory.life.intent.is_some());
            shared.opinions.keep_events(&pass.key.uid, std::mem::take(&mut pass.events));
            Err(error)
        }
    }
}

// === impl Pass ===

impl<C: Cluster> Pass<'_, C> {
    /// A pod that would be given up waits where too many others were.
    fn hold_back(
        &mut self,
        standing: Standing,
        until: Option<Instant>,
    ) -> (Standing, Option<Instant>) {
        let Standing::GivenUp(why) = standing else {
            self.memory.held = false;
            return (standing, until);
        };
        let Err(again) = self.shared.give_ups.take(Instant::now()) else {
            return (standing, until);
        };
        if !std::mem::replace(&mut self.memory.held, true) {
            let why = self.given_up(why).end.message.unwrap_or_default();
            let message = format!(
                "{why}; but {} pods of this node were failed for the like in the last {:?}, so it may be the way to \
                 their instances that is broken: it is waited for",
                give_ups::AT_MOST,
                give_ups::WINDOW
            );
            self.events.push(PodEvent::warning("ReplacementHeld", message));
        }
        (Standing::Instance, Some(again))
    }

    fn tell_standing(&mut self, standing: Standing) {
        match standing {
            Standing::Waiting(Because::NeverRan(id)) => {
                let message =
                    format!("instance {id} was removed before it ever ran; another one is made");
                self.trouble("ProvisioningFailed", message);
            }
            Standing::Lost => {
                let id = self.memory.life.known.as_ref().map(|known| known.id.to_string());
                let message = format!(
                    "instance {} is gone and was not removed by this node",
                    id.unwrap_or_default()
                );
                self.events.push(PodEvent::warning("InstanceGone", message));
            }
            Standing::Expired => {
                self.events.push(PodEvent::normal("DeadlineExceeded", report::DEADLINE_EXCEEDED));
            }
            Standing::Ended { killed: true } => self.tell_killing(),
            Standing::GivenUp(why) => {
                let words = self.given_up(why);
                let message = format!(
                    "{}; the pod is failed and its instance removed",
                    words.end.message.unwrap_or_default()
                );
                self.events.push(PodEvent::warning(words.reason, message));
            }
            _ => {}
        }
    }
}
