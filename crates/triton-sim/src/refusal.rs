//! Why the simulated CloudAPI says no: status, code and message as the real one words them.

use jiff::Timestamp;
use serde_json::{Value, json};

/// One entry of an error's `errors` list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldError {
    pub(crate) field: String,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// An error answer.
///
/// `code` follows restify's two families: REST errors without a suffix (`InvalidArgument`), HTTP errors with one
/// (`ConflictError`).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) errors: Vec<FieldError>,
    /// Shown as a `Retry-After` header, as an HTTP date.
    pub(crate) retry_after: Option<Timestamp>,
    /// Takes the place of the usual error object, as 410 does.
    pub(crate) body: Option<Box<Value>>,
    /// Not CloudAPI says it.
    pub(crate) foreign: Option<Box<Foreign>>,
    /// CloudAPI never answers; HAProxy does when it gives up.
    pub(crate) is_never_sent: bool,
}

/// An answer that is not CloudAPI's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Foreign {
    pub(crate) content_type: Option<&'static str>,
    pub(crate) text: &'static str,
    pub(crate) location: Option<String>,
}

// === impl Refusal ===

impl Refusal {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            errors: Vec::new(),
            retry_after: None,
            body: None,
            foreign: None,
            is_never_sent: false,
        }
    }

    pub(crate) fn invalid_argument(message: impl Into<String>) -> Self {
        Self::new(409, "InvalidArgument", message)
    }

    pub(crate) fn missing_parameter(name: &str) -> Self {
        Self::new(409, "MissingParameter", format!("{name} is missing"))
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "ResourceNotFound", message)
    }

    pub(crate) fn not_authorized(message: impl Into<String>) -> Self {
        Self::new(403, "NotAuthorized", message)
    }

    pub(crate) fn invalid_credentials(message: impl Into<String>) -> Self {
        Self::new(401, "InvalidCredentials", message)
    }

    pub(crate) fn invalid_header(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidHeader", message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalError", message)
    }

    /// VMAPI's validation answer, with one entry in `errors`.
    pub(crate) fn validation(field: &str, code: &'static str, message: impl Into<String>) -> Self {
        let error = FieldError { field: field.to_owned(), code, message: message.into() };
        Self {
            errors: vec![error],
            ..Self::new(409, "ValidationFailed", format!("Invalid VM parameters: {field}"))
        }
    }

    /// NAPI's and FWAPI's validation answer: 422 with one entry in `errors`.
    pub(crate) fn unprocessable(
        field: &str,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        let error = FieldError { field: field.to_owned(), code, message: message.into() };
        Self { errors: vec![error], ..Self::new(422, "InvalidParameters", "Invalid parameters") }
    }

    /// What any action is told while there is no compute node that could carry it out.
    pub(crate) fn unallocated() -> Self {
        Self::new(409, "UnallocatedVM", "Cannot perform this action on an unallocated machine")
    }

    /// 409 for an instance with deletion protection.
    pub(crate) fn protected(name: &str) -> Self {
        let message = format!("{name} has \"deletion_protection\" enabled");
        Self::new(409, "CannotDestroyMachineError", message)
    }

    /// 410: the resource was there once; `body` is what is left of it.
    pub(crate) fn gone(body: Value) -> Self {
        Self { body: Some(Box::new(body)), ..Self::new(410, "ResourceGone", "gone") }
    }

    /// What somebody before CloudAPI says: none of its headers, and the connection ends.
    pub(crate) fn foreign(status: u16, foreign: Foreign) -> Self {
        Self { foreign: Some(Box::new(foreign)), ..Self::new(status, "", "") }
    }

    /// A plain JavaScript error: 500 with a message and without a code.
    pub(crate) fn without_code(message: &str) -> Self {
        let body = Some(Box::new(json!({ "message": message })));
        Self { body, ..Self::new(500, "", message) }
    }

    /// 500 with a message alone: what comes of a bare JavaScript error.
    pub(crate) fn plain(message: &str) -> Self {
        let body = json!({ "message": message });
        Self { body: Some(Box::new(body)), ..Self::new(500, "", message) }
    }

    /// CloudAPI has tripped over itself, and HAProxy waits.
    pub(crate) fn no_answer() -> Self {
        Self { is_never_sent: true, ..Self::new(503, "ServiceUnavailable", "") }
    }

    /// The JSON body.
    pub(crate) fn to_body(&self) -> Value {
        if let Some(body) = &self.body {
            return Value::clone(body);
        }
        let mut body = json!({ "code": self.code, "message": self.message });
        if !self.errors.is_empty() {
            let errors = self.errors.iter();
            body["errors"] = errors
                .map(|e| json!({ "field": e.field, "code": e.code, "message": e.message }))
                .collect();
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_validation_answer_lists_its_fields() {
        let refusal =
            Refusal::validation("alias", "Duplicate", "Already exists for this owner_uuid");
        assert_eq!(refusal.status, 409);
        assert_eq!(
            refusal.to_body(),
            json!({
                "code": "ValidationFailed",
                "message": "Invalid VM parameters: alias",
                "errors": [{ "field": "alias", "code": "Duplicate", "message": "Already exists for this owner_uuid" }],
            })
        );
    }

    #[test]
    fn a_bare_answer_has_no_code() {
        assert_eq!(Refusal::without_code("expired").to_body(), json!({ "message": "expired" }));
    }

    #[test]
    fn a_gone_answer_is_the_resource_itself() {
        assert_eq!(Refusal::gone(json!("an-id")).to_body(), json!("an-id"));
    }
}
