//! Reading what came back.

use std::collections::BTreeMap;

use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::ApiError;
use crate::page::Page;
use crate::server::ServerVersion;

/// An answer as far as reading it goes.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: &'a HeaderMap,
    /// Body, whole.
    pub body: &'a [u8],
}

/// Why an answer is not what was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The server refused.
    #[error(transparent)]
    Api(ApiError),
    /// The server said yes, in words that cannot be read.
    #[error("reading the answer ({status})")]
    Decode {
        /// Status.
        status: StatusCode,
        /// What is wrong with the body.
        #[source]
        source: serde_json::Error,
    },
}

// === impl Answer ===

impl Answer<'_> {
    /// The refusal, if it is one.
    ///
    /// # Errors
    ///
    /// [`AnswerError::Api`] for every status but 2xx.
    pub fn refusal(&self) -> Result<(), AnswerError> {
        if self.status.is_success() {
            Ok(())
        } else {
            Err(AnswerError::Api(ApiError::from_answer(self)))
        }
    }

    /// Version of the server's code, from the header `Server`: what it can do depends on it.
    #[must_use]
    pub fn server_version(&self) -> Option<ServerVersion> {
        ServerVersion::of_headers(self.headers)
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn unreadable(&self, source: serde_json::Error) -> AnswerError {
        AnswerError::Decode { status: self.status, source }
    }
}

/// Success with a body that is a `T`.
pub(crate) fn json<T: DeserializeOwned>(answer: &Answer<'_>) -> Result<T, AnswerError> {
    answer.refusal()?;
    serde_json::from_slice(answer.body).map_err(|source| answer.unreadable(source))
}

/// Success with an object of texts; what in it is no text is left out.
pub(crate) fn texts(answer: &Answer<'_>) -> Result<BTreeMap<String, String>, AnswerError> {
    let object: BTreeMap<String, Value> = json(answer)?;
    let texts = object.into_iter().filter_map(|(name, value)| match value {
        Value::String(text) => Some((name, text)),
        _ => None,
    });
    Ok(texts.collect())
}

/// Success with a body that is a list.
pub(crate) fn page<T: DeserializeOwned>(answer: &Answer<'_>) -> Result<Page<T>, AnswerError> {
    answer.refusal()?;
    Page::from_json(answer.body).map_err(|source| answer.unreadable(source))
}

/// Success, whose body may be a `T` or nothing at all.
pub(crate) fn json_if_any<T: DeserializeOwned>(
    answer: &Answer<'_>,
) -> Result<Option<T>, AnswerError> {
    answer.refusal()?;
    if answer.body.trim_ascii().is_empty() { Ok(None) } else { json(answer).map(Some) }
}

/// Success whose body, if any, tells nothing.
pub(crate) fn nothing(answer: &Answer<'_>) -> Result<(), AnswerError> {
    answer.refusal()
}

/// Success, or the thing is not there any more, which is what a delete wants.
pub(crate) fn nothing_or_gone(answer: &Answer<'_>) -> Result<(), AnswerError> {
    match answer.status {
        StatusCode::NOT_FOUND | StatusCode::GONE => Ok(()),
        _ => answer.refusal(),
    }
}

/// Success with a stream of JSON objects, one a line. Lines that cannot be read are told of beside the others.
pub(crate) fn json_lines<T: DeserializeOwned>(answer: &Answer<'_>) -> Result<Page<T>, AnswerError> {
    answer.refusal()?;
    Ok(Page::from_json_lines(answer.body))
}
