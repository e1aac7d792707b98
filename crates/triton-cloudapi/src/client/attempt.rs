//! Attempts of a call, until one gives a result or none is left, all within one deadline.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::retry::Budget;
use super::transport::HttpRequest;
use super::{Client, Error, answer, gate, trace};
use crate::error::ApiError;
use crate::request::{Endpoint, Idempotency, Request};

/// An attempt that gave no result, with what the answer's headers tell about the next one.
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) server_time: Option<SystemTime>,
    pub(super) retry_after: Option<Duration>,
}

/// What is the same for all attempts of a call.
struct Call {
    endpoint: Endpoint,
    request_id: String,
    /// Whether any attempt may have reached the server.
    sent: AtomicBool,
}

// === impl Client ===

impl Client {
    pub(super) async fn send_with<T>(
        &self,
        signed: Option<HttpRequest>,
        request_id: String,
        request: Request<T>,
    ) -> Result<T, Error> {
        self.refuse_dry_run(&request)?;
        let after = self.inner.deadlines.of_call(&request.endpoint);
        let span = trace::span(&request, &request_id);
        let call = Call { endpoint: request.endpoint, request_id, sent: AtomicBool::new(false) };
        let attempts = self.attempts(signed, &request, &call).instrument(span);
        match tokio::time::timeout(after, attempts).await {
            Ok(result) => result,
            Err(_) => Err(Error::Timeout { after, sent: call.sent.load(Ordering::Relaxed) }),
        }
    }

    async fn attempts<T>(
        &self,
        mut signed: Option<HttpRequest>,
        request: &Request<T>,
        call: &Call,
    ) -> Result<T, Error> {
        let endpoint = call.endpoint;
        let mut clock_corrected = false;
        let mut attempt = 1;
        // Who has made it ready has done something for this one sending; another is for them to prepare.
        let is_for_once = signed.is_some() && endpoint.idempotency == Idempotency::Never;
        self.budget(|budget| budget.earn(Instant::now()));
        loop {
            let first = signed.take();
            if first.is_none() {
                self.inner.throttle.acquire(endpoint.group, endpoint.priority).await?;
            }
            let was_sent = call.sent.load(Ordering::Relaxed);
            let failure = match self.attempt(first, request, attempt, call).await {
                Ok(result) => return Ok(result),
                Err(failure) => failure,
            };
            if failure.error.is_throttled() {
                self.inner.throttle.slow_down(endpoint.group);
            }
            if failure.is_turned_away() {
                call.sent.store(was_sent, Ordering::Relaxed);
            }
            // The server looked at the date and no further, so this is safe for every request; but only once.
            if let (false, Some(server_time)) = (clock_corrected, failure.skewed_server_time()) {
                clock_corrected = true;
                self.inner.signing.follow_server_clock(server_time);
                continue;
            }
            let wait = self.wait(attempt, endpoint.idempotency, &failure).filter(|_| !is_for_once);
            let Some(wait) = wait.filter(|_| self.budget(|budget| budget.spend(Instant::now())))
            else {
                let sent = call.sent.load(Ordering::Relaxed);
                return Err(failure.error.seen_over_attempts(sent));
            };
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    fn budget<R>(&self, act: impl FnOnce(&mut Budget) -> R) -> R {
        act(&mut self.inner.retry_budget.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn wait(&self, attempt: u32, idempotency: Idempotency, failure: &Failure) -> Option<Duration> {
        let random = (self.inner.chance)();
        self.inner.retry.wait(attempt, idempotency, &failure.error, failure.retry_after, random)
    }

    /// One attempt, told to logs and metrics.
    async fn attempt<T>(
        &self,
        signed: Option<HttpRequest>,
        request: &Request<T>,
        attempt: u32,
        call: &Call,
    ) -> Result<T, Box<Failure>> {
        let started = Instant::now();
        let (status, result) = match self.exchange(signed, request, call).await {
            Ok(response) => (Some(response.status().as_u16()), self.read(request, &response)),
            Err(error) => (None, Err(Box::new(Failure::from(error)))),
        };
        let error = result.as_ref().err().map(|failure| &failure.error);
        let hook = self.inner.on_request.as_ref();
        let name = request.endpoint.name;
        trace::attempt_ended(hook, name, attempt, started.elapsed(), status, error);
        result
    }

    async fn exchange<T>(
        &self,
        signed: Option<HttpRequest>,
        request: &Request<T>,
        call: &Call,
    ) -> Result<http::Response<Bytes>, Error> {
        let http = match signed {
            Some(signed) => signed,
            None => self.prepare(request, &call.request_id).await?,
        };
        // The last thing before the wire: whatever was waited for until here, the leave is of this moment.
        let was_sent = call.sent.load(Ordering::Relaxed);
        gate::ask(self.inner.gate.as_ref(), http.method(), was_sent)?;
        call.sent.store(true, Ordering::Relaxed);
        let within = self.inner.deadlines.of_attempt(&call.endpoint);
        let uri = http.uri().clone();
        let response = self.inner.transport.send(http, within).await.map_err(|error| {
            if gate::refusal(&error.source).is_some() {
                call.sent.store(was_sent, Ordering::Relaxed);
                return Error::Gated { sent: was_sent, source: error.source };
            }
            call.sent.store(was_sent || error.sent, Ordering::Relaxed);
            error.into_error(&uri)
        })?;
        if let Some(server_time) = answer::server_time(response.headers()) {
            self.inner.signing.watch_server_clock(server_time);
        }
        Ok(response)
    }
}

// === impl Failure ===

impl Failure {
    /// The server's time, if it is why the request was refused.
    pub(super) fn skewed_server_time(&self) -> Option<SystemTime> {
        let is_skewed = self.error.api().is_some_and(ApiError::is_clock_skew);
        self.server_time.filter(|_| is_skewed)
    }

    /// Whether the server answered without having looked at what it was asked: then it has not carried it out either.
    fn is_turned_away(&self) -> bool {
        let is_skewed = self.error.api().is_some_and(ApiError::is_clock_skew);
        is_skewed || self.error.is_throttled()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, server_time: None, retry_after: None }
    }
}

impl Error {
    /// What a later attempt says about sending is not true of the earlier ones.
    fn seen_over_attempts(self, any_sent: bool) -> Self {
        match self {
            Self::Transport { sent, problem, source } => {
                Self::Transport { sent: sent || any_sent, problem, source }
            }
            other => other,
        }
    }
}
