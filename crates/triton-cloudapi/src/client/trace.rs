//! What is told of a request: a span for logs, a record for metrics. Never a header, never a body.

use std::sync::Arc;
use std::time::Duration;

use tracing::Span;

use super::error::Error;
use crate::request::Request;

/// Called after each attempt.
pub type OnRequest = Arc<dyn Fn(&RequestRecord) + Send + Sync>;

/// One attempt of a call, for metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestRecord {
    /// The manual's name of the call, `ListMachines`.
    pub endpoint: &'static str,
    /// How it ended.
    pub outcome: RequestOutcome,
    /// From sending to the whole answer; waiting for the rate limit is not in it.
    pub duration: Duration,
    /// Which attempt of the call, from 1.
    pub attempt: u32,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestOutcome {
    /// With this status.
    Status(u16),
    /// Without one: `transport`, `sign`, …
    Error(&'static str),
}

/// The span of a call. Its request id goes to the server too, which writes it into its own logs.
pub(crate) fn span<T>(request: &Request<T>, request_id: &str) -> Span {
    tracing::debug_span!(
        "cloudapi",
        endpoint = request.endpoint.name,
        method = %request.http.method(),
        path = request.http.uri().path(),
        request_id,
        status = tracing::field::Empty,
        attempts = tracing::field::Empty,
    )
}

/// Tells how an attempt ended. `status` is there when the server answered at all.
pub(crate) fn attempt_ended(
    hook: Option<&OnRequest>,
    endpoint: &'static str,
    attempt: u32,
    duration: Duration,
    status: Option<u16>,
    error: Option<&Error>,
) {
    let span = Span::current();
    span.record("attempts", attempt);
    if let Some(status) = status {
        span.record("status", status);
    }
    tracing::debug!(
        attempt,
        status,
        error = error.map(Error::class),
        millis = duration.as_millis() as u64,
        "attempt ended"
    );
    if let Some(hook) = hook {
        let class = error.map_or("none", Error::class);
        let outcome = status.map_or(RequestOutcome::Error(class), RequestOutcome::Status);
        hook(&RequestRecord { endpoint, outcome, duration, attempt });
    }
}
