//! The passes over one pod: step, perform the effect, make the answer an event, step again, until there is nothing to do
//! but say how it stands.
//!
//! Nothing is decided here: [`crate::decide`] does.

pub(crate) mod create;
pub(crate) mod follow;
pub(crate) mod hooks;
mod perform;
pub(crate) mod report;
pub(crate) mod stop;
pub(crate) mod sync;
mod tell;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use tokio::time::Instant;
use triton_cloudapi::client::{Error, Ready};
use triton_cloudapi::instances::Instance;
use triton_podspec::CrashLoopWindow;
use triton_podspec::ownership::Owner;
use triton_podspec::restart::{crash_loop_window, liveness_action};
use virtual_node::{PodEvent, PodKey, ProviderError, ProviderErrorKind};

use crate::cluster::Cluster;
use crate::create_gate::Permit;
use crate::decide::{
    Effect, Event, Hook, Leave, Published, Run, Sighting, Standing, View, Wish, step,
};
use crate::hooks::has;
use crate::memory::Memory;
use crate::observer::chain;
use crate::shared::Shared;
use crate::{clock, pod as read};

/// Steps in one pass before it gives the worker back: enough for the longest honest chain, and a bound on a loop
/// that should not be.
const STEPS_MAX: usize = 16;
/// When a pass that used all its steps goes on.
const BREATH: Duration = Duration::from_secs(1);

/// A pass in progress.
pub(crate) struct Pass<'a, C> {
    pub(crate) shared: &'a Shared<C>,
    /// The pod; an empty object for what an earlier life of the node left behind.
    pub(crate) pod: Arc<Pod>,
    pub(crate) key: PodKey,
    pub(crate) owner: Owner,
    pub(crate) memory: &'a mut Memory,
    pub(crate) events: Vec<PodEvent>,
    pub(crate) aim: Aim,
    pub(crate) ready: Option<ReadyCreate>,
    /// Its last step knew no list yet.
    pub(crate) blind: bool,
}

/// What the node asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    Run,
    Leave { grace_left: Duration },
}

/// A create that can be sent, and the leave to send it.
pub(crate) struct ReadyCreate {
    pub(crate) request: Ready<Instance>,
    pub(crate) _permit: Permit,
}

/// What performing an effect leads to.
pub(crate) enum Then {
    /// Another step.
    Step(Event),
    /// The end of the pass by an error, which tells something all the same.
    Fail(Event, ProviderError),
    /// The end of the pass.
    End(Standing, Option<Instant>),
}

// === impl Pass ===

impl<C: Cluster> Pass<'_, C> {
    /// Steps until there is nothing to do now.
    pub(crate) async fn drive(&mut self) -> Result<(Standing, Option<Instant>), ProviderError> {
        let mut event = Event::Looked;
        for _ in 0..STEPS_MAX {
            let effect = self.step(event);
            tracing::debug!(pod = %self.key, ?effect, "next step");
            if self.aim == Aim::Run {
                self.ensure_rules().await;
            }
            match self.perform(effect).await? {
                Then::Step(next) => event = next,
                Then::Fail(last, error) => {
                    // What would be next is for the next pass, after the node's back-off.
                    let _ = self.step(last);
                    return Err(error);
                }
                Then::End(standing, until) => return Ok((standing, until)),
            }
        }
        let standing = if self.aim == Aim::Run { Standing::Unchanged } else { Standing::Going };
        Ok((standing, Some(Instant::now() + BREATH)))
    }

    fn step(&mut self, event: Event) -> Effect {
        let sighting = self.sighting();
        self.blind = sighting.is_none();
        let view = View {
            now: Instant::now(),
            wall: clock::now(),
            owner: &self.owner,
            sighting: sighting.as_ref(),
            published: Published {
                instance: read::published_instance(&self.pod),
                ran: read::has_run(&self.pod),
                restarts: read::published_restarts(&self.pod, clock::now(), Instant::now()).count,
                started: read::is_started(&self.pod),
            },
            hooks: hooks::stands(self.shared, &self.pod, self.memory),
            wish: self.wish(),
            limits: &self.shared.settings.limits,
        };
        let before = self.before(&event);
        let effect = step(&mut self.memory.life, &view, event);
        self.tell_changes(&before);
        effect
    }

    fn wish(&self) -> Wish {
        let protect = triton_podspec::annotations::wants_deletion_protection(&self.pod);
        match self.aim {
            Aim::Run => Wish::Run(Run {
                restart_policy: read::restart_policy(&self.pod),
                protect,
                deadline: read::deadline_left(&self.pod, clock::now())
                    .map(|left| Instant::now() + left),
                unhealthy: self.failed_probe().is_some(),
                liveness_action: liveness_action(&self.pod),
                crash_loop_window: self.crash_loop_window(),
                post_start: has(&self.pod, Hook::PostStart),
                pre_stop: has(&self.pod, Hook::PreStop),
                kill_grace: hooks::kill_grace(&self.pod, self.failed_probe()),
            }),
            Aim::Leave { grace_left } => Wish::Leave(Leave {
                grace_left,
                may_lift_protection: protect,
                pre_stop: has(&self.pod, Hook::PreStop),
            }),
        }
    }

    /// What the pod says, else what the operator set.
    pub(crate) fn crash_loop_window(&self) -> Option<Duration> {
        match crash_loop_window(&self.pod) {
            Some(CrashLoopWindow::Endless) => None,
            Some(CrashLoopWindow::After(window)) => Some(window),
            None => self.shared.settings.limits.crash_loop_window,
        }
    }

    fn sighting(&self) -> Option<Sighting> {
        self.shared.observer.sighting(&self.key.uid)
    }
}

/// How long until then.
pub(crate) fn left(until: Option<Instant>) -> Option<Duration> {
    until.map(|until| until.saturating_duration_since(Instant::now()))
}

/// An action on an instance that CloudAPI did not carry out.
pub(crate) fn action_failed(what: &str, error: impl Into<Arc<Error>>) -> ProviderError {
    let error = error.into();
    let busy = matches!(&*error, Error::Api(api) if api.status == 409 || api.is_throttled());
    let kind = if busy { ProviderErrorKind::Busy } else { ProviderErrorKind::Unavailable };
    let reason = if busy { "InstanceBusy" } else { "CloudApiUnavailable" };
    ProviderError::new(kind, reason, format!("{what}: {}", chain(&*error))).caused_by(error)
}
