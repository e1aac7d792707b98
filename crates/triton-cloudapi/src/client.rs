//! The sending half: signs, keeps to the rate limit, retries, pages.
//!
//! A call goes through these, one file each:
//!
//! ```text
//! calls.rs      list_instances(…)         what to ask, as a Request of the pure half
//! throttle.rs   wait for the rate limit   deletes first
//! attempt.rs    attempts                  until one gives a result, or none is left
//! retry.rs      whether and when          only what may be sent twice, within a budget
//! gate.rs       leave to change           whether we may still act at all
//! prepare.rs    URL and headers           account and roles (base_uri.rs), request id
//! sign.rs       Date, Authorization       one signature a second, by the server's clock
//! transport.rs  send                      a pool of connections, or any tower service
//! answer.rs     result or error           what of it is CloudAPI's at all
//! trace.rs      span and record           method, path, status, request id; no headers
//! error.rs      what went wrong           and what to do about it
//! ```
//!
//! Around all of it is one deadline. Redirects are never followed: a signature is for one server.
//!
//! On top of the calls: [`Client::list_all_instances`] and the streams of `stream.rs` page through lists, `wait.rs`
//! waits until something is so, `resolve.rs` finds what a name stands for, and `dry_run.rs` shows a request instead of
//! sending it.

mod answer;
mod attempt;
mod base_uri;
mod builder;
mod calls;
#[cfg(feature = "changefeed")]
pub mod changefeed;
pub mod clock;
pub mod config;
mod dry_run;
pub mod error;
mod gate;
mod list_all;
mod paging;
mod prepare;
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
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use http::Uri;
use hyper::body::Body;
use tower::Service;
use triton_signature::http::KeyId;

use crate::request::Request;
use base_uri::BaseUri;
use prepare::request_id;
use retry::Budget;
use sign::Signing;
use transport::Transport;

pub use builder::{ClientBuilder, Deadlines};
pub use config::{Config, ConfigError, KeySource};
pub use dry_run::Explanation;
pub use error::{Advice, BoxError, ConnectionProblem, Error};
pub use gate::Gate;
pub use resolve::ResolveError;
pub use retry::{RETRY_AFTER_MAX, RetryBudget, RetryPolicy};
pub use sign::SigningScope;
pub use stream::ListStream;
pub use throttle::{RateLimit, Throttle, WAITING_MAX};
pub use trace::{OnRequest, RequestOutcome, RequestRecord};
pub use transport::{HttpRequest, IDLE_TIMEOUT};
#[cfg(feature = "vnc")]
pub use vnc::{VncError, VncStream};
pub use wait::{Progress, Verdict, Wait, WaitError};
#[cfg(any(feature = "changefeed", feature = "vnc"))]
pub use websocket::UpgradeError;

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
    gate: Option<Gate>,
    transport: Transport,
    chance: clock::Chance,
    looks: wait::SharedLooks,
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
    /// One that is not to be repeated is sent once and never again, also where [`Client::send`] would: when it did not
    /// get there, or was turned away by the rate limit. What was done before sending it was for this one sending.
    ///
    /// # Errors
    ///
    /// [`Error`], as [`Client::send`].
    pub async fn send_ready<T>(&self, ready: Ready<T>) -> Result<T, Error> {
        self.send_with(Some(ready.signed), ready.request_id, ready.request).await
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
