//! Whether the create request is small enough for CloudAPI.

use triton_cloudapi::instances::CreateInstance;
use triton_cloudapi::request::BODY_BYTES_MAX;

use crate::diagnostic::Findings;
use crate::rules;

/// Parts of the request that are named when it is too large.
const NAMED: usize = 3;

/// Finds a request that CloudAPI would not read; names the largest parts, never their content.
pub(crate) fn check(create: &CreateInstance, findings: &mut Findings) {
    // Every tag that is made here is text, a number or a boolean, so there always is a body.
    let Ok(body) = create.to_body() else { return };
    let total = body.to_string().len();
    if total <= BODY_BYTES_MAX {
        return;
    }
    let mut parts: Vec<(&String, usize)> = body
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| (key, value.to_string().len()))
        .collect();
    parts.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let largest: Vec<String> =
        parts.iter().take(NAMED).map(|(key, bytes)| format!("{key} ({bytes} bytes)")).collect();
    findings.add(
        &rules::REQUEST_TOO_LARGE,
        "metadata.annotations",
        format!(
            "the create request has {total} bytes and CloudAPI reads {BODY_BYTES_MAX}; the largest parts are {}: let \
             the guest fetch what is large",
            largest.join(", ")
        ),
    );
}
