//! The sending half: signs, keeps to the rate limit, retries, pages.
//!
//! A call goes through these, one file each:
//!
//! ```text
//! calls.rs      list_instances(…)         what to ask, as a Request of the pure half
//! throttle.rs   wait for the rate limit   deletes first
//! retry.rs      attempts                  only what may be sent twice, within a budget
//! base_uri.rs   URL                       account and roles
//! sign.rs       Date, Authorization       one signature a second, by the server's clock
//! transport.rs  send                      a pool of connections, or any tower service
//! trace.rs      span and record           method, path, status, request id; no headers
//! error.rs      what went wrong           and what to do about it
//! ```
//!
//! Around all of it is one deadline. Redirects are never followed: a signature is for one server.
//!
//! On top of the calls: [`Client::list_all_instances`] and the streams of `stream.rs` page through lists, `wait.rs`
//! waits until something is so, `resolve.rs` finds what a name stands for, and `dry_run.rs` shows a request instead of
//! sending it.

mod base_uri;
mod builder;
mod calls;
#[cfg(feature = "changefeed")]
pub mod changefeed;
pub mod clock;
pub mod config;
mod dry_run;
pub mod error;
mod list_all;
mod paging;
pub mod resolve;
mod retry;
mod sign;
mod stream;
mod throttle;
mod tls;
mod trace;
mod transport;
#[cfg(feature = "vnc")]
pub mod vnc;
pub mod wait;
#[cfg(any(feature = "changefeed", feature = "vnc"))]
mod websocket;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use http_body_util::Full;
use hyper::body::Body;
use tokio::time::Instant;
use tower::Service;
use tracing::Instrument as _;
use triton_signature::http::KeyId;

use crate::error::ApiError;
use crate::request::{Answer, Endpoint, Idempotency, Request, RequestError, Scope};
use base_uri::BaseUri;
use retry::Budget;
use sign::Signing;
use throttle::Throttle;
use transport::Transport;

pub use builder::{ClientBuilder, Deadlines};
pub use config::{Config, ConfigError, KeySource};
pub use dry_run::Explanation;
pub use error::{Advice, BoxError, ConnectionProblem, Error};
pub use resolve::ResolveError;
pub use retry::{RETRY_AFTER_MAX, RetryBudget, RetryPolicy};
pub use sign::SigningScope;
pub use stream::ListStream;
pub use throttle::{RateLimit, WAITING_MAX};
pub use trace::{OnRequest, RequestOutcome, RequestRecord};
pub use transport::{HttpRequest, IDLE_TIMEOUT};
#[cfg(feature = "vnc")]
pub use vnc::{VncError, VncStream};
pub use wait::{Progress, Verdict, Wait, WaitError};
#[cfg(any(feature = "changefeed", feature = "vnc"))]
pub use websocket::UpgradeError;

/// API 9, or 8: the form of roles is 9's, and one route (VNC) exists as 8 only.
const VERSIONS: HeaderValue = HeaderValue::from_static("~9||~8");

const ACCEPT_VERSION: HeaderName = HeaderName::from_static("accept-version");

/// CloudAPI takes this over as the id of the request, in its logs and in those behind it.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

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
    request_id: String,
}

struct Inner {
    account: String,
    url: Uri,
    base: BaseUri,
    signing: Signing,
    throttle: Arc<Throttle>,
    retry: RetryPolicy,
    retry_budget: Mutex<Budget>,
    deadlines: Deadlines,
    is_dry_run: bool,
    on_request: Option<OnRequest>,
    transport: Transport,
    looks: wait::SharedLooks,
}

/// An attempt that gave no result, with what the answer's headers tell about the next one.
struct Failure {
    error: Error,
    server_time: Option<SystemTime>,
    retry_after: Option<Duration>,
}

/// What is the same for all attempts of a call.
struct Call {
    endpoint: Endpoint,
    request_id: String,
    /// Whether any attempt may have reached the server.
    sent: AtomicBool,
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

    /// The server's time, as far as its answers have told it: this machine's clock, corrected if it is far off.
    #[must_use]
    pub fn server_time(&self) -> SystemTime {
        self.inner.signing.now()
    }

    /// Signatures made so far, by this client and its clones together.
    #[must_use]
    pub fn signatures_made(&self) -> u64 {
        self.inner.signing.made()
    }

    /// Sends any request of this crate.
    ///
    /// # Errors
    ///
    /// [`Error`], by what its caller can do about it.
    pub async fn send<T>(&self, request: Request<T>) -> Result<T, Error> {
        self.send_with(None, request_id(), request).await
    }

    /// Does all that comes before sending: waits until the rate limit lets the request through, and signs it.
    ///
    /// For a caller that must do something as close to the sending as can be: write down that it is about to send, for
    /// instance, so that a crash between the note and the request leaves as little doubt as possible.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], [`Error::Sign`], [`Error::Request`], [`Error::DryRun`].
    pub async fn make_ready<T>(&self, request: Request<T>) -> Result<Ready<T>, Error> {
        self.refuse_dry_run(&request)?;
        self.inner.throttle.acquire(request.endpoint.group, request.endpoint.priority).await?;
        let request_id = request_id();
        let signed = self.prepare(&request, &request_id).await?;
        Ok(Ready { request, signed, request_id })
    }

    /// Sends a request that [`Client::make_ready`] made. Its signature is good for five minutes.
    ///
    /// # Errors
    ///
    /// [`Error`], as [`Client::send`].
    pub async fn send_ready<T>(&self, ready: Ready<T>) -> Result<T, Error> {
        self.send_with(Some(ready.signed), ready.request_id, ready.request).await
    }

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

    fn refuse_dry_run<T>(&self, request: &Request<T>) -> Result<(), Error> {
        if self.inner.is_dry_run && request.endpoint.idempotency != Idempotency::Read {
            return Err(Error::DryRun(Box::new(self.explain(request)?)));
        }
        Ok(())
    }

    async fn send_with<T>(
        &self,
        signed: Option<HttpRequest>,
        request_id: String,
        request: Request<T>,
    ) -> Result<T, Error> {
        self.refuse_dry_run(&request)?;
        let after = self.inner.deadlines.of_call(&request.endpoint);
        let span = trace::span(&request, &request_id);
        let call = Call { endpoint: request.endpoint, request_id, sent: AtomicBool::new(false) };
        let attempts = self.attempts(signed, &request, &call).instrument(span);
        match tokio::time::timeout(after, attempts).await {
            Ok(result) => result,
            Err(_) => Err(Error::Timeout { after, sent: call.sent.load(Ordering::Relaxed) }),
        }
    }

    async fn attempts<T>(
        &self,
        mut signed: Option<HttpRequest>,
        request: &Request<T>,
        call: &Call,
    ) -> Result<T, Error> {
        let endpoint = call.endpoint;
        let mut clock_corrected = false;
        let mut attempt = 1;
        self.budget(|budget| budget.earn(Instant::now()));
        loop {
            let first = signed.take();
            if first.is_none() {
                self.inner.throttle.acquire(endpoint.group, endpoint.priority).await?;
            }
            let failure = match self.attempt(first, request, attempt, call).await {
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
            let wait = self.wait(attempt, endpoint.idempotency, &failure);
            let Some(wait) = wait.filter(|_| self.budget(|budget| budget.spend(Instant::now())))
            else {
                let sent = call.sent.load(Ordering::Relaxed);
                return Err(failure.error.seen_over_attempts(sent));
            };
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    fn budget<R>(&self, act: impl FnOnce(&mut Budget) -> R) -> R {
        act(&mut self.inner.retry_budget.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn wait(&self, attempt: u32, idempotency: Idempotency, failure: &Failure) -> Option<Duration> {
        let random = rand::random::<f64>();
        self.inner.retry.wait(attempt, idempotency, &failure.error, failure.retry_after, random)
    }

    /// One attempt, told to logs and metrics.
    async fn attempt<T>(
        &self,
        signed: Option<HttpRequest>,
        request: &Request<T>,
        attempt: u32,
        call: &Call,
    ) -> Result<T, Box<Failure>> {
        let started = Instant::now();
        let (status, result) = match self.exchange(signed, request, call).await {
            Ok(response) => (Some(response.status().as_u16()), self.read(request, &response)),
            Err(error) => (None, Err(Box::new(Failure::from(error)))),
        };
        let error = result.as_ref().err().map(|failure| &failure.error);
        let hook = self.inner.on_request.as_ref();
        let name = request.endpoint.name;
        trace::attempt_ended(hook, name, attempt, started.elapsed(), status, error);
        result
    }

    async fn exchange<T>(
        &self,
        signed: Option<HttpRequest>,
        request: &Request<T>,
        call: &Call,
    ) -> Result<http::Response<Bytes>, Error> {
        let http = match signed {
            Some(signed) => signed,
            None => self.prepare(request, &call.request_id).await?,
        };
        let was_sent = call.sent.swap(true, Ordering::Relaxed);
        let within = self.inner.deadlines.of_attempt(&call.endpoint);
        let uri = http.uri().clone();
        let response = self.inner.transport.send(http, within).await.map_err(|error| {
            call.sent.store(was_sent || error.sent, Ordering::Relaxed);
            error.into_error(&uri)
        })?;
        if let Some(server_time) = server_time(response.headers()) {
            self.inner.signing.watch_server_clock(server_time);
        }
        Ok(response)
    }

    fn read<T>(
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

    fn uri<T>(&self, request: &Request<T>) -> Result<Uri, Error> {
        let uri = self.inner.base.resolve(request.http.uri(), request.endpoint.scope);
        Ok(uri.map_err(RequestError::Http)?)
    }

    /// The request as it goes on the wire, signed now.
    async fn prepare<T>(
        &self,
        request: &Request<T>,
        request_id: &str,
    ) -> Result<HttpRequest, Error> {
        let http = &request.http;
        let uri = self.uri(request)?;
        let mut headers = unsigned_headers(request);
        headers.insert(REQUEST_ID, header_value(request_id)?);
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
        let is_skewed = self.error.api().is_some_and(ApiError::is_clock_skew);
        self.server_time.filter(|_| is_skewed)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, server_time: None, retry_after: None }
    }
}

impl Error {
    /// What a later attempt says about sending is not true of the earlier ones.
    fn seen_over_attempts(self, any_sent: bool) -> Self {
        match self {
            Self::Transport { sent, problem, source } => {
                Self::Transport { sent: sent || any_sent, problem, source }
            }
            other => other,
        }
    }
}

/// The headers that are the same whenever the request is sent.
fn unsigned_headers<T>(request: &Request<T>) -> HeaderMap {
    let http = &request.http;
    let mut headers = http.headers().clone();
    headers.entry(ACCEPT).or_insert(JSON);
    headers.insert(ACCEPT_VERSION, VERSIONS);
    headers.insert(USER_AGENT, AGENT);
    // Said for a POST without a body too: without it the server waits for one.
    if *http.method() != Method::GET {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(http.body().len()));
    }
    headers
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

/// Names a call in the server's logs and in ours.
fn request_id() -> String {
    uuid::Builder::from_random_bytes(rand::random()).into_uuid().to_string()
}

fn server_time(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()
}

fn header_value(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(text).map_err(|error| Error::Request(RequestError::Http(error.into())))
}
