//! What the node should do about an answer of CloudAPI: this table is the documentation of what is retried.

use triton_cloudapi::ErrorCode;
use triton_cloudapi::client::Error;

/// What a failed create means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreateFailure {
    /// It may have been carried out: look before anything else.
    Ambiguous,
    /// It was refused and may be accepted later without an edit (capacity, quota, addresses, throttle).
    Later {
        /// CamelCase reason.
        reason: &'static str,
    },
    /// It was refused for what it asks; only an edit (of the pod, or of the account) helps.
    Refused {
        /// CamelCase reason.
        reason: &'static str,
    },
    /// It never got there, or our credentials are refused: nothing is wrong with the pod.
    Unavailable,
}

/// Sorts the error of a create.
#[must_use]
pub fn create_failure(error: &Error) -> CreateFailure {
    if error.is_ambiguous() {
        return CreateFailure::Ambiguous;
    }
    let Error::Api(api) = error else { return CreateFailure::Unavailable };
    if api.is_duplicate_name() {
        // The name holds the pod's UID: its owner is this pod's instance, made by a create we do not remember.
        return CreateFailure::Ambiguous;
    }
    match (&api.code, api.status) {
        (_, 401) => CreateFailure::Unavailable,
        (_, 429) => CreateFailure::Later { reason: "Throttled" },
        (ErrorCode::NotAuthorized, _) if api.message.to_ascii_lowercase().contains("quota") => {
            CreateFailure::Later { reason: "QuotaExceeded" }
        }
        (_, 403) => CreateFailure::Unavailable,
        (ErrorCode::NoAllocatableServers, _) => {
            CreateFailure::Later { reason: "InsufficientCapacity" }
        }
        (ErrorCode::SubnetFull, _) | (_, 507) => CreateFailure::Later { reason: "SubnetFull" },
        (ErrorCode::KeyRequired, _) => CreateFailure::Later { reason: "KeyRequired" },
        (_, 404) => CreateFailure::Later { reason: "NotFound" },
        (_, 422) => CreateFailure::Later { reason: "InvalidParameters" },
        _ => CreateFailure::Refused { reason: "CreateRefused" },
    }
}
