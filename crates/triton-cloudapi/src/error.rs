//! What CloudAPI answers when it does not do what was asked.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::request::Answer;

mod code;

pub use code::ErrorCode;

/// Characters of a body that is not CloudAPI's JSON to keep for the message.
const MESSAGE_CHARS_MAX: usize = 200;

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
    /// CloudAPI's `code` as it came; empty when the body has none.
    pub raw_code: Box<str>,
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

// === impl ApiError ===

impl ApiError {
    /// Makes the most of any answer: CloudAPI's JSON, its proxy's JSON, HTML, nothing at all.
    #[must_use]
    pub fn from_answer(answer: &Answer<'_>) -> Self {
        let body = serde_json::from_slice::<Value>(answer.body).unwrap_or(Value::Null);
        let text =
            |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let raw_code = text("code").into_boxed_str();
        let code = match &*raw_code {
            // 410 comes with the instance, whose fields are not the error's.
            "" => ErrorCode::implied(answer.status),
            code => ErrorCode::from(code),
        };
        let message = match text("message") {
            message if message.is_empty() => plain_message(answer, &body),
            message => message,
        };
        let errors = body.get("errors").and_then(Value::as_array).into_iter().flatten();
        let errors = errors.filter_map(|error| FieldError::deserialize(error).ok()).collect();
        let header = |name| answer.headers.get(name).and_then(|value| value.to_str().ok());
        let request_id = header("request-id").or_else(|| header("x-request-id")).map(str::to_owned);
        Self { status: answer.status.as_u16(), code, raw_code, message, errors, request_id }
    }

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

    /// The request's date was too far from the server's clock.
    #[must_use]
    pub fn is_clock_skew(&self) -> bool {
        self.status == 400
            && (self.code == ErrorCode::RequestExpired
                || self.code == ErrorCode::InvalidHeader && self.message.contains("clock skew"))
    }

    /// The instance has no compute node yet, so nothing can be done with it; later it can.
    #[must_use]
    pub fn is_unallocated(&self) -> bool {
        self.code == ErrorCode::UnallocatedVm
    }

    /// There is no room for it now: no compute node, no free address, or that address is in use. Later there may be.
    #[must_use]
    pub fn is_no_room(&self) -> bool {
        matches!(
            self.code,
            ErrorCode::NoAllocatableServers
                | ErrorCode::VolumeServerNoResources
                | ErrorCode::SubnetFull
                | ErrorCode::SubnetsExhausted
        ) || self.errors.iter().any(|error| error.code == "UsedBy")
    }

    /// Deletion protection is on.
    #[must_use]
    pub fn is_deletion_protected(&self) -> bool {
        self.code == ErrorCode::CannotDestroyMachine
    }

    /// The name is taken by another instance of the account.
    #[must_use]
    pub fn is_duplicate_name(&self) -> bool {
        self.errors.iter().any(|error| error.field == "alias" && error.code == "Duplicate")
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if self.code != ErrorCode::Other(String::new()) {
            write!(f, " {}", self.code)?;
        }
        write!(f, ": {}", self.message)?;
        for error in &self.errors {
            write!(f, "; {} {}: {}", error.field, error.code, error.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for ApiError {}

/// What to say when the body has no message.
fn plain_message(answer: &Answer<'_>, body: &Value) -> String {
    // The proxy in front of CloudAPI answers 400 and 408 as `{"BadHTTPRequest": "…"}`, the name as the key.
    if let Some((name, Value::String(text))) =
        body.as_object().filter(|body| body.len() == 1).and_then(|body| body.iter().next())
    {
        return format!("{name}: {text}");
    }
    let is_json = !body.is_null();
    let text = String::from_utf8_lossy(answer.body);
    let text: String = text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(MESSAGE_CHARS_MAX)
        .collect();
    // JSON of another shape may be an instance with its metadata, which is nobody's business.
    if is_json || text.is_empty() {
        return answer.status.canonical_reason().unwrap_or("no message").to_owned();
    }
    text
}

#[cfg(test)]
mod tests;
