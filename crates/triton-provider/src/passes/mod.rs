//! The passes over one pod: decide, act, remember, decide again, until there is nothing to do but report.

pub(crate) mod create;
pub(crate) mod report;
mod restart;
pub(crate) mod stop;
pub(crate) mod sync;

use triton_cloudapi::client::Error;
use virtual_node::{ProviderError, ProviderErrorKind};

use crate::observer::chain;

/// Steps in one pass before it gives the worker back: enough for the longest honest chain, and a bound on a loop
/// that should not be.
pub(crate) const STEPS_MAX: usize = 12;

/// An action on an instance that CloudAPI did not carry out.
pub(crate) fn action_failed(what: &str, error: Error) -> ProviderError {
    let busy = matches!(&error, Error::Api(api) if api.status == 409 || api.is_throttled());
    let kind = if busy { ProviderErrorKind::Busy } else { ProviderErrorKind::Unavailable };
    let reason = if busy { "InstanceBusy" } else { "CloudApiUnavailable" };
    ProviderError::new(kind, reason, format!("{what}: {}", chain(&error))).caused_by(error)
}
