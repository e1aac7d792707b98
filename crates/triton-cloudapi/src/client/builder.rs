//! Everything that can be set about a client.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Body;
use tokio::time::Instant;
use tower::Service;
use triton_signature::Signer;
use triton_signature::http::KeyId;

use super::base_uri::BaseUri;
use super::clock::{self, Clock};
use super::config::{Config, ConfigError};
use super::error::BoxError;
use super::retry::RetryPolicy;
use super::sign::Signing;
use super::throttle::{RateLimit, Throttle};
use super::trace::OnRequest;
use super::transport::{HttpRequest, Transport};
use super::{Client, Inner};
use crate::request::Endpoint;

/// Makes a [`Client`].
pub struct ClientBuilder {
    config: Config,
    signer: Signer,
    clock: Clock,
    deadlines: Deadlines,
    retry: RetryPolicy,
    rate_limit: RateLimit,
    on_request: Option<OnRequest>,
}

/// How long a whole call may take, waiting for the rate limit and retries included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Creating an instance. The proxy in front of CloudAPI gives up at 120 s; a little more, to hear it say so.
    pub create: Duration,
    /// Everything else.
    pub other: Duration,
}

// === impl Deadlines ===

impl Default for Deadlines {
    fn default() -> Self {
        Self { create: Duration::from_secs(130), other: Duration::from_secs(60) }
    }
}

impl Deadlines {
    pub(super) fn of(&self, endpoint: &Endpoint) -> Duration {
        if endpoint.name == "CreateMachine" { self.create } else { self.other }
    }
}

// === impl ClientBuilder ===

impl ClientBuilder {
    pub(super) fn new(config: Config, signer: Signer) -> Self {
        Self {
            config,
            signer,
            clock: clock::system(),
            deadlines: Deadlines::default(),
            retry: RetryPolicy::default(),
            rate_limit: RateLimit::default(),
            on_request: None,
        }
    }

    /// Dates requests with another clock than the machine's.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Sets how long calls may take.
    #[must_use]
    pub fn with_deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// Sets how often to try.
    #[must_use]
    pub fn with_retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// Sets how many requests to send, for each group of calls.
    #[must_use]
    pub fn with_rate_limit(mut self, rate_limit: RateLimit) -> Self {
        self.rate_limit = rate_limit;
        self
    }

    /// Has this called after each attempt, for metrics. It must be quick.
    #[must_use]
    pub fn with_on_request(mut self, on_request: OnRequest) -> Self {
        self.on_request = Some(on_request);
        self
    }

    /// A client that connects to the configured URL.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Tls`] when there are no certificates to check the server with.
    pub fn build(self) -> Result<Client, ConfigError> {
        let base = self.base()?;
        let transport =
            Transport::connect(base.is_https(), self.config.insecure).map_err(ConfigError::Tls)?;
        Ok(self.assemble(base, transport))
    }

    /// A client that sends over any tower service: a proxy, a recorder, or a server in the same process.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Url`] when the URL has no scheme or host.
    pub fn build_with_service<S, B>(self, service: S) -> Result<Client, ConfigError>
    where
        S: Service<HttpRequest, Response = http::Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let base = self.base()?;
        Ok(self.assemble(base, Transport::new(service)))
    }

    fn base(&self) -> Result<BaseUri, ConfigError> {
        BaseUri::new(&self.config.url, self.config.acting_account(), &self.config.roles)
            .map_err(ConfigError::Url)
    }

    fn assemble(self, base: BaseUri, transport: Transport) -> Client {
        let account = self.config.acting_account().to_owned();
        let mut key_id =
            KeyId::new(self.config.account, self.signer.public_key().md5_fingerprint());
        key_id.user = self.config.user;
        let inner = Inner {
            account,
            url: self.config.url,
            base,
            signing: Signing::new(self.signer, key_id, self.clock),
            throttle: Throttle::new(self.rate_limit, Instant::now()),
            retry: self.retry,
            deadlines: self.deadlines,
            on_request: self.on_request,
            transport,
        };
        Client { inner: Arc::new(inner) }
    }
}
