//! A request as a value: what to send, how often it may be sent, and how to read the answer.

use std::fmt;
use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::ApiError;
use crate::page::Page;
use crate::target::Target;

/// Largest body CloudAPI takes, in bytes; more is a 413.
pub const BODY_BYTES_MAX: usize = 100_000;

/// One call of CloudAPI that answers with a `T`.
pub struct Request<T> {
    /// Which call this is.
    pub endpoint: Endpoint,
    /// What to send. The path is relative to the account, except for [`Scope::Root`].
    pub http: http::Request<Vec<u8>>,
    read: Arc<Reader<T>>,
}

type Reader<T> = dyn Fn(&Answer<'_>) -> Result<T, AnswerError> + Send + Sync;

/// What distinguishes a call from others, before its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The manual's name, `CreateMachine`.
    pub name: &'static str,
    /// Which calls share the server's rate limit with it.
    pub group: Group,
    /// Whether it may be sent again.
    pub idempotency: Idempotency,
    /// Who goes first when calls must wait.
    pub priority: Priority,
    /// Where its path begins.
    pub scope: Scope,
}

/// Calls that share one token bucket on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Group {
    /// Instances with their tags, metadata and audit; firewall rules.
    Machines,
    /// Images.
    Images,
    /// Packages.
    Packages,
    /// Networks.
    Networks,
    /// The account, its keys, datacenters: rare calls, counted together.
    Account,
    /// Not limited.
    Unlimited,
}

/// Whether a request may be sent again when it is not known whether the first one worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Idempotency {
    /// Changes nothing.
    Read,
    /// Changes to the same state, however often it is sent.
    Idempotent,
    /// Would act twice: look before sending again.
    Never,
}

/// Who goes first when calls must wait for the rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Deletes, and reads that confirm them.
    Delete,
    /// Creates and changes.
    Create,
    /// Lists and everything else that can be late.
    List,
}

/// Where a path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `/ACCOUNT/…`
    Account,
    /// `/…`, without authentication.
    Root,
}

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

/// Parameters that cannot be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The server would answer 413.
    #[error(
        "the request's body has {bytes} bytes; CloudAPI takes {BODY_BYTES_MAX}, tags and metadata included"
    )]
    TooLarge {
        /// Size of the body.
        bytes: usize,
    },
    /// A tag's value is neither text, number nor boolean.
    #[error("the value of tag {key:?} is neither text, number nor boolean")]
    TagValue {
        /// The tag.
        key: String,
    },
    /// CloudAPI merges body and path parameters, and this key would change what the call is about.
    #[error(
        "a tag or metadata key cannot be called {key:?}: CloudAPI would take it for a parameter of the call"
    )]
    ReservedKey {
        /// The key.
        key: String,
    },
    /// CloudAPI loses such a value when it replaces tags.
    #[error(
        "tag {key:?} cannot be replaced by false, 0 or nothing: CloudAPI would drop it; add it instead"
    )]
    FalsyTag {
        /// The tag.
        key: String,
    },
    /// A path segment is empty, so that the path would name something else (a list, or everything).
    #[error("{what} is empty")]
    Empty {
        /// What is empty.
        what: &'static str,
    },
    /// The parts do not make an HTTP request.
    #[error("making the HTTP request")]
    Http(#[source] http::Error),
    /// The body cannot be written as JSON.
    #[error("writing the request's body")]
    Json(#[source] serde_json::Error),
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

// === impl Request ===

impl<T> Request<T> {
    /// Reads the answer to this request.
    ///
    /// # Errors
    ///
    /// [`AnswerError::Api`] for anything but success, [`AnswerError::Decode`] for a success that cannot be read.
    pub fn read(&self, answer: &Answer<'_>) -> Result<T, AnswerError> {
        (self.read)(answer)
    }

    pub(crate) fn build(
        endpoint: Endpoint,
        method: Method,
        target: &Target,
        body: Option<&Value>,
        read: impl Fn(&Answer<'_>) -> Result<T, AnswerError> + Send + Sync + 'static,
    ) -> Result<Self, RequestError> {
        let mut http = http::Request::builder().method(method).uri(target.as_str());
        let mut bytes = Vec::new();
        if let Some(body) = body {
            bytes = serde_json::to_vec(body).map_err(RequestError::Json)?;
            if bytes.len() > BODY_BYTES_MAX {
                return Err(RequestError::TooLarge { bytes: bytes.len() });
            }
            http = http.header(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        let http = http.body(bytes).map_err(RequestError::Http)?;
        Ok(Self { endpoint, http, read: Arc::new(read) })
    }
}

impl<T> fmt::Debug for Request<T> {
    /// Without the body, which may hold secrets of metadata.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.endpoint.name, self.http.method(), self.http.uri())
    }
}

// === impl Endpoint ===

impl Endpoint {
    pub(crate) const fn new(
        name: &'static str,
        group: Group,
        idempotency: Idempotency,
        priority: Priority,
    ) -> Self {
        Self { name, group, idempotency, priority, scope: Scope::Account }
    }

    pub(crate) const fn read(name: &'static str, group: Group) -> Self {
        Self::new(name, group, Idempotency::Read, Priority::List)
    }
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

    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, AnswerError> {
        self.refusal()?;
        serde_json::from_slice(self.body)
            .map_err(|source| AnswerError::Decode { status: self.status, source })
    }

    pub(crate) fn page<T: DeserializeOwned>(&self) -> Result<Page<T>, AnswerError> {
        self.json().map(Page::from_values)
    }

    /// Success whose body, if any, tells nothing.
    pub(crate) fn nothing(&self) -> Result<(), AnswerError> {
        self.refusal()
    }

    /// Success, or the thing is not there any more, which is what a delete wants.
    pub(crate) fn nothing_or_gone(&self) -> Result<(), AnswerError> {
        match self.status {
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(()),
            _ => self.refusal(),
        }
    }
}
