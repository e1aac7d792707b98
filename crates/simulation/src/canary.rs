//! A secret in a pod's environment, and where it must not be found.

use serde_json::{Value, json};

/// The Secret object.
pub(crate) const SECRET_NAME: &str = "vault";
/// Its key.
pub(crate) const SECRET_KEY: &str = "token";
/// What nobody but the guest may see.
pub(crate) const CANARY: &str = "canary-7d1e4c0a";
/// The same in base64, as Kubernetes writes Secrets.
const ENCODED: &str = "Y2FuYXJ5LTdkMWU0YzBh";

/// The Secret that holds it.
pub(crate) fn secret() -> Value {
    json!({ "metadata": { "name": SECRET_NAME }, "type": "Opaque", "data": { SECRET_KEY: ENCODED } })
}

/// The text around the secret, if the text shows it.
#[must_use]
pub fn find(text: &str) -> Option<String> {
    let at = [CANARY, ENCODED].into_iter().find_map(|secret| text.find(secret))?;
    let start = text[..at].char_indices().rev().nth(100).map_or(0, |(start, _)| start);
    Some(text[start..].chars().take(200).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_secret_is_found_in_either_writing() {
        assert_eq!(find("nothing"), None);
        assert!(
            find(&format!("é{}{CANARY}", "x".repeat(300)))
                .is_some_and(|found| found.contains(CANARY))
        );
        assert!(find(&format!("data: {ENCODED}")).is_some());
    }
}
