//! What CloudAPI answers when it does not do what was asked.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An answer other than success, with everything the server said.
///
/// Built even when the body is empty, HTML or truncated: the status is always there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// CloudAPI's `code`, or what the status implies when the body has none.
    pub code: ErrorCode,
    /// CloudAPI's `message`, or the start of a body that is not CloudAPI's JSON.
    pub message: String,
    /// Field errors from the services behind CloudAPI (validation).
    pub errors: Vec<FieldError>,
    /// The `Request-Id` header, for the operator's logs.
    pub request_id: Option<String>,
}

/// One field that a service behind CloudAPI refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FieldError {
    /// The field, in the service's own naming (`alias` for an instance's name).
    pub field: String,
    /// `Duplicate`, `Invalid`, `UsedBy`, …
    pub code: String,
    /// The service's words.
    pub message: String,
}

/// CloudAPI's error code, with a `…Error` suffix taken off, since the server spells it both ways.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorCode {
    /// 409: a parameter's value is wrong.
    InvalidArgument,
    /// 409: a parameter is absent.
    MissingParameter,
    /// 409: a service refused the values; see [`ApiError::errors`].
    ValidationFailed,
    /// 401: signature, key or account unknown.
    InvalidCredentials,
    /// 400: a header is malformed, or the clock is off.
    InvalidHeader,
    /// 403: not allowed, or a quota is exhausted.
    NotAuthorized,
    /// 404.
    ResourceNotFound,
    /// 429: throttled.
    TooManyRequests,
    /// 409: the instance has no server yet; try again later.
    UnallocatedVm,
    /// 409: no compute node can hold the instance.
    NoAllocatableServers,
    /// 409: deletion protection is on.
    CannotDestroyMachine,
    /// 409: the account has no SSH key.
    KeyRequired,
    /// 422: NAPI or FWAPI refused the values.
    InvalidParameters,
    /// 507: the network has no free address.
    SubnetFull,
    /// 500.
    Internal,
    /// 503: maintenance, or the proxy in front of CloudAPI has no server to ask.
    ServiceUnavailable,
    /// Any other code, as it came; empty when the body had none.
    Other(String),
}

// === impl ApiError ===

impl ApiError {
    /// The resource is not there (404). For an instance: never existed, or long purged.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.status == 404
    }

    /// The instance was destroyed and CloudAPI still remembers it (410).
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.status == 410
    }

    /// Key, signature or permission: trying again will not help.
    #[must_use]
    pub fn is_auth(&self) -> bool {
        matches!(self.status, 401 | 403)
    }

    /// Too many requests (429).
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        self.status == 429
    }

    /// The name is taken by another instance of the account.
    #[must_use]
    pub fn is_duplicate_name(&self) -> bool {
        self.errors.iter().any(|error| error.field == "alias" && error.code == "Duplicate")
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status, self.code, self.message)?;
        for error in &self.errors {
            write!(f, "; {} {}: {}", error.field, error.code, error.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ApiError {}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(code) => code.fmt(f),
            Self::UnallocatedVm => f.write_str("UnallocatedVM"),
            Self::Internal => f.write_str("InternalError"),
            known => fmt::Debug::fmt(known, f),
        }
    }
}
