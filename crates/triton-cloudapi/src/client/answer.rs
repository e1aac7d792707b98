//! From an answer to a result or an error.

use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};

use super::attempt::Failure;
use super::{Client, Error, retry};
use crate::error::ApiError;
use crate::request::{Answer, Request};

// === impl Client ===

impl Client {
    pub(super) fn read<T>(
        &self,
        request: &Request<T>,
        response: &http::Response<Bytes>,
    ) -> Result<T, Box<Failure>> {
        let headers = response.headers();
        let answer = Answer { status: response.status(), headers, body: response.body() };
        let error = if is_html(&answer) {
            Error::NotCloudApi { status: answer.status, content: "HTML".to_owned() }
        } else {
            match request.read(&answer) {
                Ok(result) => return Ok(result),
                Err(error) => self.sort(error.into(), headers),
            }
        };
        let retry_after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after =
            retry_after.and_then(|text| retry::parse_retry_after(text, self.server_time()));
        Err(Box::new(Failure { error, server_time: server_time(headers), retry_after }))
    }

    /// Gives the refusals that have one their own variant.
    fn sort(&self, error: Error, headers: &HeaderMap) -> Error {
        match error {
            Error::Api(source) if source.status == 401 => {
                Error::Credentials { key_id: self.key_id().to_string(), source: source.into() }
            }
            Error::Api(source) if source.is_clock_skew() => Error::Clock(source),
            Error::Api(source) if is_redirect(&source) => {
                let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
                // What is behind the question mark is for the other server, a token perhaps.
                let bare =
                    |text: &str| text.split(['?', '#']).next().unwrap_or_default().to_owned();
                Error::Redirect { location: location.map(bare), source: source.into() }
            }
            error => error,
        }
    }
}

/// The server's clock when it answered.
pub(super) fn server_time(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()
}

/// CloudAPI never answers in HTML; whoever stands before it does, also with a 404 that says nothing of what we asked.
fn is_html(answer: &Answer<'_>) -> bool {
    let content_type = answer.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    match content_type {
        Some(content_type) if content_type.to_ascii_lowercase().starts_with(b"text/html") => true,
        // Plain text is asked for at times, and may hold anything.
        Some(content_type) if content_type.starts_with(b"text/plain") => false,
        _ => answer.body.trim_ascii_start().starts_with(b"<"),
    }
}

fn is_redirect(error: &ApiError) -> bool {
    matches!(error.status, 301..=303 | 307 | 308)
}
