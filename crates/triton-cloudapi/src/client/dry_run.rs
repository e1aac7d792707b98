//! Showing a request instead of sending it.

use std::fmt;

use http::header::{AUTHORIZATION, DATE};
use http::{HeaderMap, Method, Uri};
use serde_json::Value;

use super::prepare::{header_value, unsigned_headers};
use super::{Client, Error};
use crate::request::{Idempotency, Request, Scope};

/// What is shown instead of a secret.
const REDACTED: &str = "<redacted>";

/// Words in a key whose value is a secret.
const SECRET_WORDS: [&str; 6] = ["password", "passphrase", "secret", "credential", "token", "_pw"];

/// A request as it would go on the wire, for people to read. Its signature is left out, and so are secrets unless they
/// were asked for ([`Client::explain_with_secrets`]).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// Method.
    pub method: Method,
    /// URL, with account and roles.
    pub url: Uri,
    /// Headers by name, in the order they are sent.
    pub headers: Vec<(String, String)>,
    /// Body. JSON is indented.
    pub body: String,
}

// === impl Client ===

impl Client {
    /// Shows a request as it would be sent, without its signature and without secrets. Sends nothing, asks no key.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] when the parts do not make a request.
    pub fn explain<T>(&self, request: &Request<T>) -> Result<Explanation, Error> {
        self.explain_with(request, false)
    }

    /// As [`Client::explain`], with metadata and passwords as they are. Not for logs.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] when the parts do not make a request.
    pub fn explain_with_secrets<T>(&self, request: &Request<T>) -> Result<Explanation, Error> {
        self.explain_with(request, true)
    }

    fn explain_with<T>(
        &self,
        request: &Request<T>,
        with_secrets: bool,
    ) -> Result<Explanation, Error> {
        let uri = self.uri(request)?;
        let mut headers = unsigned_headers(request);
        if request.endpoint.scope == Scope::Account {
            let date = httpdate::fmt_http_date(self.server_time());
            headers.insert(DATE, header_value(&date)?);
            let signature = format!("Signature keyId=\"{}\",<redacted>", self.key_id());
            headers.insert(AUTHORIZATION, header_value(&signature)?);
        }
        let http = &request.http;
        Ok(Explanation::new(http.method(), uri, &headers, http.body(), with_secrets))
    }

    /// A client that sends no changes has this to say about one.
    pub(super) fn refuse_dry_run<T>(&self, request: &Request<T>) -> Result<(), Error> {
        if self.inner.is_dry_run && request.endpoint.idempotency != Idempotency::Read {
            return Err(Error::DryRun(Box::new(self.explain(request)?)));
        }
        Ok(())
    }
}

// === impl Explanation ===

impl Explanation {
    fn new(
        method: &Method,
        url: Uri,
        headers: &HeaderMap,
        body: &[u8],
        with_secrets: bool,
    ) -> Self {
        let text = |value: &http::HeaderValue| match value.is_sensitive() && !with_secrets {
            true => REDACTED.to_owned(),
            false => String::from_utf8_lossy(value.as_bytes()).into_owned(),
        };
        let headers = headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let is_metadata = url.path().split('/').any(|segment| segment == "metadata");
        let body = match serde_json::from_slice::<Value>(body) {
            Ok(mut value) => {
                if !with_secrets {
                    redact(&mut value, is_metadata);
                }
                format!("{value:#}")
            }
            Err(_) if body.is_empty() => String::new(),
            Err(_) => format!("({} bytes)", body.len()),
        };
        Self { method: method.clone(), url, headers, body }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)?;
        for (name, value) in &self.headers {
            write!(f, "\n{name}: {value}")?;
        }
        if !self.body.is_empty() {
            write!(f, "\n\n{}", self.body)?;
        }
        Ok(())
    }
}

/// Replaces what the guest alone should read, and what opens doors.
fn redact(value: &mut Value, all: bool) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let is_secret = all || is_secret(key);
                redact(value, is_secret);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| redact(value, all)),
        value if all => *value = Value::from(REDACTED),
        _ => {}
    }
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key.starts_with("metadata.") || SECRET_WORDS.iter().any(|word| key.contains(word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: &str = "canary-5f1c";

    fn explain(path: &'static str, body: &Value, with_secrets: bool) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("accept", "application/json".parse().unwrap());
        let body = serde_json::to_vec(body).unwrap();
        let url = Uri::from_static(path);
        Explanation::new(&Method::POST, url, &headers, &body, with_secrets).to_string()
    }

    #[test]
    fn the_request_is_shown_as_it_would_be_sent() {
        let text = explain("https://c.example.com/acme/machines", &json!({"name": "web"}), false);
        assert_eq!(
            text,
            "POST https://c.example.com/acme/machines\naccept: application/json\n\n{\n  \"name\": \"web\"\n}"
        );
    }

    #[test]
    fn secrets_are_shown_only_on_demand() {
        let create = json!({
            "name": "web", "tag.role": "db", "metadata.user-script": SECRET, "password": SECRET,
            "administrator_pw": SECRET, "metadata.credentials": {"root": SECRET},
        });
        let text = explain("https://c.example.com/acme/machines", &create, false);
        assert!(!text.contains(SECRET) && text.contains("\"tag.role\": \"db\""), "{text}");
        let metadata = json!({"user-data": SECRET});
        let path = "https://c.example.com/acme/machines/1/metadata";
        assert!(!explain(path, &metadata, false).contains(SECRET));
        assert!(explain(path, &metadata, true).contains(SECRET));
    }
}
