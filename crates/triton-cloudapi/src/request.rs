//! A request as a value: what to send, how often it may be sent, and how to read the answer.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Serialize;
use serde_json::Value;

use crate::secret::Secret;
use crate::target::Target;

pub use crate::answer::{Answer, AnswerError};
pub use crate::endpoint::{Endpoint, Group, Idempotency, Priority, Scope};

/// Largest body CloudAPI takes, in bytes; more is a 413.
pub const BODY_BYTES_MAX: usize = 100_000;

/// Roles that a new thing is tagged with, separated by commas.
const ROLE_TAG: HeaderName = HeaderName::from_static("role-tag");

/// A token of an account, for portals.
const AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");

/// One call of CloudAPI that answers with a `T`.
pub struct Request<T> {
    /// Which call this is.
    pub endpoint: Endpoint,
    /// What to send. The path is relative to the account, except for [`Scope::Root`].
    pub http: http::Request<Vec<u8>>,
    read: Arc<Reader<T>>,
}

type Reader<T> = dyn Fn(&Answer<'_>) -> Result<T, AnswerError> + Send + Sync;

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
    /// A value that CloudAPI would refuse, or take for another.
    #[error("{field} cannot be {found:?}: {expected}")]
    Invalid {
        /// The parameter.
        field: Cow<'static, str>,
        /// What it holds; never a secret.
        found: String,
        /// What would be right.
        expected: &'static str,
    },
    /// Two parameters of which CloudAPI takes one.
    #[error("{one} and {other} cannot be given together")]
    Exclusive {
        /// One.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
    /// The parts do not make an HTTP request.
    #[error("making the HTTP request")]
    Http(#[source] http::Error),
    /// The body cannot be written as JSON.
    #[error("writing the request's body")]
    Json(#[source] serde_json::Error),
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

    /// Tags what the request makes with these roles, by name: sub-users need one of them to get at it (manual, "Role based
    /// access control").
    ///
    /// For creates: of instances, keys, images, firewall rules, users, networks. Others ignore it.
    ///
    /// # Errors
    ///
    /// [`RequestError::Invalid`] for a name that cannot be one of a list in a header.
    pub fn with_role_tags<S: AsRef<str>>(
        mut self,
        roles: impl IntoIterator<Item = S>,
    ) -> Result<Self, RequestError> {
        let mut names = Vec::new();
        for role in roles {
            let role = role.as_ref();
            let is_name = !role.is_empty() && !role.contains([',', '"']);
            let is_name = is_name && role.chars().all(|c| c.is_ascii_graphic() || c == ' ');
            if !is_name || role.trim() != role {
                return Err(RequestError::invalid(
                    "a role tag",
                    role,
                    "it is a role's name in ASCII, without comma and quotes",
                ));
            }
            names.push(role.to_owned());
        }
        if !names.is_empty() {
            let value = HeaderValue::from_str(&names.join(","))
                .map_err(|error| RequestError::Http(error.into()))?;
            self.http.headers_mut().insert(ROLE_TAG, value);
        }
        Ok(self)
    }

    /// The same as a HEAD, which answers with the headers alone: whether something is there, or how large a page would be
    /// (`x-resource-count`), without sending it.
    ///
    /// For GETs; the server has no HEAD (405) for datacenters, services, migrations and volumes, and none is made of
    /// other requests.
    #[must_use]
    pub fn into_head(mut self) -> Request<HeaderMap> {
        if *self.http.method() == Method::GET {
            *self.http.method_mut() = Method::HEAD;
        }
        let read = |answer: &Answer<'_>| answer.refusal().map(|()| answer.headers.clone());
        Request { endpoint: self.endpoint, http: self.http, read: Arc::new(read) }
    }

    /// Acts with a token that somebody else signed for.
    pub(crate) fn with_auth_token(mut self, token: &Secret) -> Result<Self, RequestError> {
        let mut value = HeaderValue::from_str(token.expose())
            .map_err(|error| RequestError::Http(error.into()))?;
        value.set_sensitive(true);
        self.http.headers_mut().insert(AUTH_TOKEN, value);
        Ok(self)
    }

    /// Asks for the plain value instead of JSON.
    pub(crate) fn accepting_text(mut self) -> Self {
        self.http.headers_mut().insert(ACCEPT, HeaderValue::from_static("text/plain"));
        self
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

// === impl RequestError ===

impl RequestError {
    pub(crate) fn invalid(
        field: impl Into<Cow<'static, str>>,
        found: impl ToString,
        expected: &'static str,
    ) -> Self {
        Self::Invalid { field: field.into(), found: found.to_string(), expected }
    }
}

/// Parameters as a body.
pub(crate) fn to_body(parameters: &impl Serialize) -> Result<Value, RequestError> {
    serde_json::to_value(parameters).map_err(RequestError::Json)
}
