//! One pass over one pod: asks the provider, publishes what it says.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Pod, PodStatus};
use tokio::time::Instant;

use super::decide::{Decision, Then, decide};
use super::raw::RawPod;
use super::store::{Known, Record};
use crate::api::{CallError, chain};
use crate::config::NodeConfig;
use crate::events::{Recorder, Subject};
use crate::metrics::{Metrics, PassResult};
use crate::provider::{
    PodEvent, Provider, ProviderError, ProviderErrorKind, Report, Stop, StopRequest,
};
use crate::status::hold::{Held, hold};
use crate::status::{Published, Publisher, compose, extras};

/// How long the provider may take over one pass. Longer than its slowest call; a pass that hangs would hold a worker.
const PASS_LIMIT: Duration = Duration::from_secs(10 * 60);

/// An event about the same trouble with a pod is written once in this long.
const QUIET: Duration = Duration::from_secs(5 * 60);

/// Runs passes.
pub(crate) struct Passes<P> {
    pub(crate) provider: Arc<P>,
    pub(crate) publisher: Publisher,
    pub(crate) events: Recorder,
    pub(crate) config: Arc<NodeConfig>,
    pub(crate) metrics: Arc<Metrics>,
}

/// How a pass ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The pod as the API server has it: after a write of ours, or after it refused one.
    pub(crate) pod: Option<RawPod>,
    /// The provider has confirmed that nothing is left.
    pub(crate) gone: bool,
    /// The pod's first status is held back.
    pub(crate) held: Option<Held>,
    pub(crate) next: Next,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing until something changes.
    Rest,
    /// Another pass after this long.
    Again(Duration),
    /// Another pass with back-off.
    Retry,
    /// The pod is no more.
    Forget,
}

// === impl Passes ===

impl<P: Provider> Passes<P> {
    /// One pass.
    pub(crate) async fn run(&self, record: Record) -> Outcome {
        match record.clone().unpack() {
            Ok(known) => self.run_over(known).await,
            // What it was does not matter any more: whatever runs for it is found by its UID.
            Err(_) if record.departed => self.run_over(record.without_pod()).await,
            Err(error) => {
                // Not ours to judge: neither run nor stopped until it can be read.
                tracing::warn!(pod = %record.key(), error = chain(&error), "a pod could not be read");
                self.metrics.pass("unknown", PassResult::Unreadable, Duration::ZERO);
                Outcome { next: Next::Retry, ..Outcome::rest() }
            }
        }
    }

    async fn run_over(&self, known: Known) -> Outcome {
        let started = Instant::now();
        let decision = decide(&known, self.config.run_daemonsets, crate::clock::now());
        let kind = decision.name();
        let (outcome, result) = match (decision, &known.pod) {
            (Decision::Sync, Some(pod)) => self.sync(&known, Arc::clone(pod)).await,
            (Decision::Reject { reason, message }, Some(pod)) => {
                self.reject(&known, pod, reason, message).await
            }
            (Decision::Stop { grace_left, then: Then::Forget }, _) => {
                self.stop_departed(&known, grace_left).await
            }
            (Decision::Stop { grace_left, then }, _) => self.stop(&known, grace_left, then).await,
            (Decision::Leave(why), _) => {
                tracing::trace!(pod = %known.key, ?why, "left alone");
                (Outcome::rest(), PassResult::Done)
            }
            // A pod that was never seen can only be stopped; decide() says nothing else about it.
            (Decision::Sync | Decision::Reject { .. }, None) => (Outcome::rest(), PassResult::Done),
        };
        self.metrics.pass(kind, result, started.elapsed());
        outcome
    }

    async fn sync(&self, known: &Known, pod: Arc<Pod>) -> (Outcome, PassResult) {
        let report = match within_limit(self.provider.sync(Arc::clone(&pod))).await {
            Ok(report) => report,
            Err(error) => return self.failed_to_sync(known, &pod, error).await,
        };
        let Report { status, events, again } = report;
        self.tell(known, events);
        let next = again.map_or(Next::Rest, Next::Again);
        let outcome = Outcome { next, ..Outcome::rest() };
        let Some(status) = &status else {
            return (Outcome { held: known.memory.held, ..outcome }, PassResult::Done);
        };
        let now = Instant::now();
        if let Some(held) = hold(&pod, status, known.memory.held, now) {
            let left = held.until().saturating_duration_since(now);
            let next = Next::Again(again.map_or(left, |again| again.min(left)));
            return (Outcome { held: Some(held), next, ..outcome }, PassResult::Done);
        }
        let news = extras::news(&pod, status);
        let written = self.publisher.publish(known, &pod, status).await;
        if matches!(written, Ok(Published::Written(_))) {
            self.tell(known, news);
        }
        self.after_write(known, written, outcome, PassResult::Done)
    }

    async fn failed_to_sync(
        &self,
        known: &Known,
        pod: &Pod,
        error: ProviderError,
    ) -> (Outcome, PassResult) {
        let ProviderError { kind, reason, message, .. } = &error;
        if *kind == ProviderErrorKind::Invalid {
            return self.reject(known, pod, reason, message).await;
        }
        tracing::debug!(pod = %known.key, error = chain(&error), "the provider could not run the pod yet");
        self.trouble(known, &error);
        let held = known.memory.held;
        let retry = Outcome { held, next: Next::Retry, ..Outcome::rest() };
        match kind {
            ProviderErrorKind::Busy => {
                match compose::waiting(pod, reason, message, crate::clock::now()) {
                    Some(status) => {
                        let written = self.publisher.publish(known, pod, &status).await;
                        self.after_write(known, written, retry, PassResult::Busy)
                    }
                    None => (retry, PassResult::Busy),
                }
            }
            // Nothing was found out, so nothing is said.
            ProviderErrorKind::Unavailable | ProviderErrorKind::Invalid => {
                (retry, PassResult::Unavailable)
            }
        }
    }

    async fn reject(
        &self,
        known: &Known,
        pod: &Pod,
        reason: &str,
        message: &str,
    ) -> (Outcome, PassResult) {
        self.events.tell(
            Subject::Pod(known.key.clone()),
            PodEvent::warning(reason, message),
            QUIET,
        );
        let status = compose::rejected(pod, reason, message);
        let written = self.publisher.publish(known, pod, &status).await;
        // The pod is terminal now; what an earlier pass may have started is stopped by the next one.
        self.after_write(known, written, Outcome::rest(), PassResult::Invalid)
    }

    /// Stops a pod that the API server is said to have no longer. A list may come from a cache that lags, so the server
    /// itself is asked before anything is stopped; if it has the pod after all, the watch will show it.
    async fn stop_departed(&self, known: &Known, grace_left: Duration) -> (Outcome, PassResult) {
        let retry = Outcome { next: Next::Retry, ..Outcome::rest() };
        match self.publisher.exists(&known.key).await {
            Ok(false) => self.stop(known, grace_left, Then::Forget).await,
            Ok(true) => {
                tracing::warn!(pod = %known.key, "a pod that a list did not show is there; left alone");
                (retry, PassResult::Done)
            }
            Err(error) => {
                tracing::warn!(pod = %known.key, error = chain(&error), "could not ask whether a pod is gone");
                (retry, PassResult::Unavailable)
            }
        }
    }

    async fn stop(&self, known: &Known, grace_left: Duration, then: Then) -> (Outcome, PassResult) {
        let request = StopRequest { key: known.key.clone(), pod: known.pod.clone(), grace_left };
        match within_limit(self.provider.stop(request)).await {
            Err(error) => {
                tracing::debug!(pod = %known.key, error = chain(&error), "the provider could not stop the pod yet");
                self.trouble(known, &error);
                let result = match error.kind {
                    ProviderErrorKind::Busy => PassResult::Busy,
                    ProviderErrorKind::Invalid | ProviderErrorKind::Unavailable => {
                        PassResult::Unavailable
                    }
                };
                (Outcome { next: Next::Retry, ..Outcome::rest() }, result)
            }
            Ok(Stop::Going(Report { status, events, again })) => {
                self.tell(known, events);
                let outcome =
                    Outcome { next: again.map_or(Next::Rest, Next::Again), ..Outcome::rest() };
                let (Some(status), Some(pod), Then::Remove) = (status, &known.pod, then) else {
                    return (outcome, PassResult::Done);
                };
                let written = self.publisher.publish(known, pod, &status).await;
                self.after_write(known, written, outcome, PassResult::Done)
            }
            Ok(Stop::Gone(Report { status, events, .. })) => {
                self.tell(known, events);
                tracing::info!(pod = %known.key, "nothing is left of the pod");
                let outcome = Outcome { gone: true, ..Outcome::rest() };
                match (then, &known.pod) {
                    (Then::Remove, Some(pod)) => self.remove(known, pod, status, outcome).await,
                    (Then::Keep, _) => (outcome, PassResult::Done),
                    (Then::Forget | Then::Remove, _) => {
                        (Outcome { next: Next::Forget, ..outcome }, PassResult::Done)
                    }
                }
            }
        }
    }

    /// Publishes the last status, then removes the Pod object.
    async fn remove(
        &self,
        known: &Known,
        pod: &Pod,
        reported: Option<PodStatus>,
        outcome: Outcome,
    ) -> (Outcome, PassResult) {
        let written = if compose::has_an_end_to_tell(pod, reported.as_ref()) {
            let last = compose::ended(pod, reported, crate::clock::now());
            self.publisher.publish(known, pod, &last).await
        } else {
            Ok(Published::Already)
        };
        let (outcome, result) = self.after_write(known, written, outcome, PassResult::Done);
        if result == PassResult::WriteFailed {
            return (outcome, result);
        }
        match self.publisher.remove(&known.key).await {
            Ok(()) => (outcome, result),
            Err(error) => self.after_write(known, Err(error), outcome, result),
        }
    }

    fn after_write(
        &self,
        known: &Known,
        written: Result<Published, CallError>,
        outcome: Outcome,
        result: PassResult,
    ) -> (Outcome, PassResult) {
        match written {
            Ok(Published::Already | Published::Departed) => (outcome, result),
            Ok(Published::Written(pod)) => (Outcome { pod: Some(*pod), ..outcome }, result),
            Ok(Published::Behind(pod)) => {
                tracing::info!(pod = %known.key, "the pod is newer than it was listed; looked at again");
                let outcome = Outcome { pod: Some(*pod), next: Next::Retry, ..outcome };
                (outcome, PassResult::WriteFailed)
            }
            Err(error) => {
                tracing::warn!(pod = %known.key, error = chain(&error), "could not write the pod");
                (Outcome { next: Next::Retry, ..outcome }, PassResult::WriteFailed)
            }
        }
    }

    fn trouble(&self, known: &Known, error: &ProviderError) {
        let event = PodEvent::warning(error.reason.clone(), error.message.clone());
        self.events.tell(Subject::Pod(known.key.clone()), event, QUIET);
    }

    fn tell(&self, known: &Known, events: Vec<PodEvent>) {
        for event in events {
            self.events.tell(Subject::Pod(known.key.clone()), event, Duration::ZERO);
        }
    }
}

// === impl Outcome ===

impl Outcome {
    pub(crate) fn rest() -> Self {
        Self { pod: None, gone: false, held: None, next: Next::Rest }
    }
}

// === impl Decision ===

impl Decision {
    /// For metrics.
    fn name(&self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Stop { .. } => "stop",
            Self::Reject { .. } => "reject",
            Self::Leave(_) => "leave",
        }
    }
}

async fn within_limit<T>(
    asked: impl Future<Output = Result<T, ProviderError>>,
) -> Result<T, ProviderError> {
    tokio::time::timeout(PASS_LIMIT, asked).await.unwrap_or_else(|_| {
        let message =
            format!("the provider gave no answer within {} minutes", PASS_LIMIT.as_secs() / 60);
        Err(ProviderError::new(ProviderErrorKind::Unavailable, "ProviderTimeout", message))
    })
}
