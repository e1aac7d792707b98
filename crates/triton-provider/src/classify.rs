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
        // CloudAPI reads the new instance back before it answers (sdc-cloudapi, machines.js): "VM not found" and "Cannot
        // find machine image" are said of an instance that was made.
        (_, 404) if is_about_an_instance(&api.message) => CreateFailure::Ambiguous,
        (_, 404) => CreateFailure::Later { reason: "NotFound" },
        (_, 422) => CreateFailure::Later { reason: "InvalidParameters" },
        _ => CreateFailure::Refused { reason: "CreateRefused" },
    }
}

fn is_about_an_instance(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("vm not found") || message.contains("machine")
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use triton_cloudapi::error::ApiError;
    use triton_cloudapi::request::Answer;

    use super::*;

    #[track_caller]
    fn check(status: u16, code: &str, message: &str, expected: CreateFailure) {
        let body = serde_json::json!({ "code": code, "message": message }).to_string();
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Answer { status, headers: &HeaderMap::new(), body: body.as_bytes() };
        assert_eq!(create_failure(&Error::Api(ApiError::from_answer(&answer))), expected);
    }

    #[test]
    fn a_refusal_that_may_come_after_the_instance_was_made_is_ambiguous() {
        let later = |reason| CreateFailure::Later { reason };
        check(404, "ResourceNotFound", "VM not found", CreateFailure::Ambiguous);
        check(404, "ResourceNotFound", "Cannot find machine image", CreateFailure::Ambiguous);
        check(404, "ResourceNotFound", "package 1 not found", later("NotFound"));
        check(404, "ResourceNotFound", "network 1 not found", later("NotFound"));
        check(500, "InternalError", "m", CreateFailure::Ambiguous);
        check(524, "", "m", CreateFailure::Ambiguous);
        check(507, "SubnetFull", "m", later("SubnetFull"));
        check(429, "TooManyRequestsError", "m", later("Throttled"));
        check(403, "NotAuthorized", "Quota exceeded; 3 machines", later("QuotaExceeded"));
        check(401, "InvalidCredentials", "m", CreateFailure::Unavailable);
    }
}
