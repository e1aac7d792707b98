//! How an API server says no: `metav1.Status`.

use serde_json::{Value, json};

use super::route::Resource;

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    /// Seconds, for the header of that name.
    pub(crate) retry_after: Option<u32>,
}

// === impl Refusal ===

impl Refusal {
    pub(super) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), retry_after: None }
    }

    pub(super) fn not_found(resource: Resource, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", resource.plural()))
    }

    pub(super) fn already_exists(resource: Resource, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{} \"{name}\" already exists", resource.plural()))
    }

    pub(super) fn conflict(resource: Resource, name: &str, why: &str) -> Self {
        let message =
            format!("Operation cannot be fulfilled on {} \"{name}\": {why}", resource.plural());
        Self::new(409, "Conflict", message)
    }

    pub(super) fn invalid(resource: Resource, name: &str, why: &str) -> Self {
        Self::new(422, "Invalid", format!("{} \"{name}\" is invalid: {why}", resource.kind()))
    }

    pub(super) fn expired() -> Self {
        Self::new(410, "Expired", "too old resource version")
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
            "details": self.retry_after.map(|seconds| json!({ "retryAfterSeconds": seconds })),
        })
    }
}
