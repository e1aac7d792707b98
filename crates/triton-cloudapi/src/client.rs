//! The sending half: signs, keeps to the rate limit, retries, pages.
//!
//! A call goes through these, one file each:
//!
//! ```text
//! calls.rs      list_instances(…)         what to ask, as a Request of the pure half
//! throttle.rs   wait for the rate limit   deletes first
//! retry.rs      attempts                  only what may be sent twice
//! base_uri.rs   URL                       account and roles
//! sign.rs       Date, Authorization       anew for each attempt
//! transport.rs  send                      a pool of connections, or any tower service
//! trace.rs      span and record           method, path, status; no headers
//! ```
//!
//! Around all of it is one deadline. Redirects are never followed: a signature is for one path.

mod base_uri;
mod builder;
mod calls;
#[cfg(feature = "changefeed")]
pub mod changefeed;
pub mod clock;
pub mod config;
pub mod error;
mod list_all;
mod retry;
mod sign;
mod throttle;
mod tls;
mod trace;
mod transport;
#[cfg(feature = "vnc")]
pub mod vnc;
#[cfg(any(feature = "changefeed", feature = "vnc"))]
mod websocket;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, DATE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use http_body_util::Full;
use hyper::body::Body;
use tokio::time::Instant;
use tower::Service;
use tracing::Instrument as _;
use triton_signature::http::KeyId;

use crate::request::{Answer, Idempotency, Request, RequestError, Scope};
use base_uri::BaseUri;
use sign::Signing;
use throttle::Throttle;
use transport::Transport;

pub use builder::{ClientBuilder, Deadlines};
pub use config::{Config, ConfigError, KeySource};
pub use error::{BoxError, Error};
pub use retry::RetryPolicy;
pub use throttle::{RateLimit, WAITING_MAX};
pub use trace::{OnRequest, RequestOutcome, RequestRecord};
pub use transport::{HttpRequest, IDLE_TIMEOUT};
#[cfg(feature = "vnc")]
pub use vnc::{VncError, VncStream};
#[cfg(any(feature = "changefeed", feature = "vnc"))]
pub use websocket::UpgradeError;

/// API 9, or 8: the form of roles is 9's, and one route (VNC) exists as 8 only.
const ACCEPT_VERSION: HeaderValue = HeaderValue::from_static("~9||~8");

const JSON: HeaderValue = HeaderValue::from_static("application/json");

const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("triton-cloudapi/", env!("CARGO_PKG_VERSION")));

/// A connection to one CloudAPI as one account. Cloning is cheap, and clones share connections and rate limit.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

/// A request that is signed and whose turn it is: see [`Client::make_ready`].
#[must_use = "the place in the rate limit is taken whether or not the request is sent"]
pub struct Ready<T> {
    request: Request<T>,
    signed: HttpRequest,
}

struct Inner {
    account: String,
    url: Uri,
    base: BaseUri,
    signing: Signing,
    throttle: Arc<Throttle>,
    retry: RetryPolicy,
    deadlines: Deadlines,
    on_request: Option<OnRequest>,
    transport: Transport,
}

/// An attempt that gave no result, with what the answer's headers tell about the next one.
struct Failure {
    error: Error,
    server_time: Option<SystemTime>,
    has_retry_after: bool,
}

// === impl Client ===

impl Client {
    /// A client as the environment of this process wants it: see [`Config::load`].
    ///
    /// # Errors
    ///
    /// [`ConfigError`] names the variable or field, what it holds and what would be right.
    pub async fn from_env() -> Result<Self, ConfigError> {
        let env = |name: &str| std::env::var(name).ok();
        let home = std::env::home_dir();
        let config = Config::load(&env, home.as_deref())?;
        let signer = config.signer(&env, home.as_deref()).await?;
        Self::builder(config, signer).build()
    }

    /// A client that sends over any tower service instead of a socket: a server in the same process, for example.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Url`] when the URL has no scheme or host.
    pub fn with_service<S, B>(
        config: Config,
        signer: impl Into<triton_signature::Signer>,
        service: S,
    ) -> Result<Self, ConfigError>
    where
        S: Service<HttpRequest, Response = http::Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self::builder(config, signer).build_with_service(service)
    }

    /// Starts a client with everything that can be set about it.
    pub fn builder(config: Config, signer: impl Into<triton_signature::Signer>) -> ClientBuilder {
        ClientBuilder::new(config, signer.into())
    }

    /// The account whose things are asked for.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.inner.account
    }

    /// CloudAPI's URL.
    #[must_use]
    pub fn url(&self) -> &Uri {
        &self.inner.url
    }

    /// The key that signs, as the server knows it.
    #[must_use]
    pub fn key_id(&self) -> &KeyId {
        self.inner.signing.key_id()
    }

    /// Sends any request of this crate.
    ///
    /// # Errors
    ///
    /// [`Error`], by what its caller can do about it.
    pub async fn send<T>(&self, request: Request<T>) -> Result<T, Error> {
        self.send_with(None, request).await
    }

    /// Does all that comes before sending: waits until the rate limit lets the request through, and signs it.
    ///
    /// For a caller that must do something as close to the sending as can be: write down that it is about to send, for
    /// instance, so that a crash between the note and the request leaves as little doubt as possible.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Sign`], [`Error::Request`].
    pub async fn make_ready<T>(&self, request: Request<T>) -> Result<Ready<T>, Error> {
        self.inner.throttle.acquire(request.endpoint.group, request.endpoint.priority).await?;
        let signed = self.prepare(&request).await?;
        Ok(Ready { request, signed })
    }

    /// Sends a request that [`Client::make_ready`] made. Its signature is good for five minutes.
    ///
    /// # Errors
    ///
    /// [`Error`], as [`Client::send`].
    pub async fn send_ready<T>(&self, ready: Ready<T>) -> Result<T, Error> {
        self.send_with(Some(ready.signed), ready.request).await
    }

    async fn send_with<T>(
        &self,
        signed: Option<HttpRequest>,
        request: Request<T>,
    ) -> Result<T, Error> {
        let sent = AtomicBool::new(false);
        let after = self.inner.deadlines.of(&request.endpoint);
        let span = trace::span(&request);
        let attempts = self.attempts(signed, &request, &sent).instrument(span);
        match tokio::time::timeout(after, attempts).await {
            Ok(result) => result,
            Err(_) => Err(Error::Timeout { after, sent: sent.load(Ordering::Relaxed) }),
        }
    }

    async fn attempts<T>(
        &self,
        mut signed: Option<HttpRequest>,
        request: &Request<T>,
        sent: &AtomicBool,
    ) -> Result<T, Error> {
        let endpoint = request.endpoint;
        let mut clock_corrected = false;
        let mut attempt = 1;
        loop {
            let first = signed.take();
            if first.is_none() {
                self.inner.throttle.acquire(endpoint.group, endpoint.priority).await?;
            }
            let failure = match self.attempt(first, request, attempt, sent).await {
                Ok(result) => return Ok(result),
                Err(failure) => failure,
            };
            if failure.error.is_throttled() {
                self.inner.throttle.slow_down(endpoint.group);
            }
            // The server looked at the date and no further, so this is safe for every request; but only once.
            if let (false, Some(server_time)) = (clock_corrected, failure.skewed_server_time()) {
                clock_corrected = true;
                self.inner.signing.follow_server_clock(server_time);
                continue;
            }
            let Some(wait) = self.wait(attempt, endpoint.idempotency, &failure) else {
                return Err(failure.error.seen_over_attempts(sent.load(Ordering::Relaxed)));
            };
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    fn wait(&self, attempt: u32, idempotency: Idempotency, failure: &Failure) -> Option<Duration> {
        let random = rand::random::<f64>();
        self.inner.retry.wait(attempt, idempotency, &failure.error, failure.has_retry_after, random)
    }

    /// One attempt, told to logs and metrics.
    async fn attempt<T>(
        &self,
        signed: Option<HttpRequest>,
        request: &Request<T>,
        attempt: u32,
        sent: &AtomicBool,
    ) -> Result<T, Box<Failure>> {
        let started = Instant::now();
        let (status, result) = match self.exchange(signed, request, sent).await {
            Ok(response) => (Some(response.status().as_u16()), read(request, &response)),
            Err(error) => (None, Err(Box::new(Failure::from(error)))),
        };
        let error = result.as_ref().err().map(|failure| &failure.error);
        let hook = self.inner.on_request.as_ref();
        trace::attempt_ended(
            hook,
            request.endpoint.name,
            attempt,
            started.elapsed(),
            status,
            error,
        );
        result
    }

    async fn exchange<T>(
        &self,
        signed: Option<HttpRequest>,
        request: &Request<T>,
        sent: &AtomicBool,
    ) -> Result<http::Response<Bytes>, Error> {
        let http = match signed {
            Some(signed) => signed,
            None => self.prepare(request).await?,
        };
        let was_sent = sent.swap(true, Ordering::Relaxed);
        self.inner.transport.send(http).await.map_err(|error| {
            sent.store(was_sent || error.sent, Ordering::Relaxed);
            Error::Transport { sent: error.sent, source: error.source }
        })
    }

    /// The request as it goes on the wire, signed now.
    async fn prepare<T>(&self, request: &Request<T>) -> Result<HttpRequest, Error> {
        let http = &request.http;
        let uri = self
            .inner
            .base
            .resolve(http.uri(), request.endpoint.scope)
            .map_err(RequestError::Http)?;
        let mut headers = http.headers().clone();
        headers.insert(ACCEPT, JSON);
        headers.insert(HeaderName::from_static("accept-version"), ACCEPT_VERSION);
        headers.insert(USER_AGENT, AGENT);
        // Said for a POST without a body too: without it the server waits for one.
        if *http.method() != Method::GET {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(http.body().len()));
        }
        if request.endpoint.scope == Scope::Account {
            let target = uri.path_and_query().map_or("/", |target| target.as_str());
            let signed = self
                .inner
                .signing
                .headers(http.method().as_str(), target)
                .await
                .map_err(Error::Sign)?;
            headers.insert(DATE, header_value(&signed.date)?);
            let mut authorization = header_value(&signed.authorization)?;
            authorization.set_sensitive(true);
            headers.insert(AUTHORIZATION, authorization);
        }
        let mut prepared = http::Request::new(Full::new(Bytes::from(http.body().clone())));
        *prepared.method_mut() = http.method().clone();
        *prepared.uri_mut() = uri;
        *prepared.headers_mut() = headers;
        Ok(prepared)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("url", &self.inner.url)
            .field("account", &self.inner.account)
            .field("key_id", self.inner.signing.key_id())
            .finish_non_exhaustive()
    }
}

// === impl Failure ===

impl Failure {
    /// The server's time, if it is why the request was refused.
    fn skewed_server_time(&self) -> Option<SystemTime> {
        let is_skewed = self.error.api().is_some_and(crate::ApiError::is_clock_skew);
        self.server_time.filter(|_| is_skewed)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, server_time: None, has_retry_after: false }
    }
}

impl Error {
    /// What a later attempt says about sending is not true of the earlier ones.
    fn seen_over_attempts(self, any_sent: bool) -> Self {
        match self {
            Self::Transport { sent, source } => Self::Transport { sent: sent || any_sent, source },
            other => other,
        }
    }
}

fn read<T>(request: &Request<T>, response: &http::Response<Bytes>) -> Result<T, Box<Failure>> {
    let headers = response.headers();
    let answer = Answer { status: response.status(), headers, body: response.body() };
    request.read(&answer).map_err(|error| {
        let (error, has_retry_after) = (error.into(), headers.contains_key(RETRY_AFTER));
        Box::new(Failure { error, server_time: server_time(headers), has_retry_after })
    })
}

fn server_time(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()
}

fn header_value(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(text).map_err(|error| Error::Request(RequestError::Http(error.into())))
}
