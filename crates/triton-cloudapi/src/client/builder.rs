//! Everything that can be set about a client.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Body;
use tokio::time::Instant;
use tower::Service;
use triton_signature::Signer;
use triton_signature::http::KeyId;

use super::base_uri::BaseUri;
use super::clock::{self, Chance, Clock};
use super::config::{Config, ConfigError};
use super::error::BoxError;
use super::gate::Gate;
use super::retry::{Budget, RetryBudget, RetryPolicy};
use super::sign::{Signing, SigningPolicy, SigningScope};
use super::throttle::{RateLimit, Throttle};
use super::tls;
use super::trace::OnRequest;
use super::transport::{HttpRequest, Transport};
use super::wait::SharedLooks;
use super::{Client, Inner};
use crate::request::{Endpoint, Idempotency};

/// Makes a [`Client`].
pub struct ClientBuilder {
    config: Config,
    signer: Signer,
    clock: Clock,
    chance: Chance,
    deadlines: Deadlines,
    retry: RetryPolicy,
    retry_budget: RetryBudget,
    throttle: Option<Arc<Throttle>>,
    signing_scope: Option<SigningScope>,
    is_dry_run: bool,
    on_request: Option<OnRequest>,
    gate: Option<Gate>,
}

/// How long a whole call may take, waiting for the rate limit and retries included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// What is sent once: creates and actions. The proxy in front of CloudAPI gives up at 120 s; a little more, to hear
    /// it say so.
    pub once: Duration,
    /// Changes that may be repeated, deletes among them.
    pub change: Duration,
    /// Reads.
    pub read: Duration,
    /// One attempt at a read, so that one that hangs leaves time for another.
    pub read_attempt: Duration,
    /// A connection: name, TCP and TLS together.
    pub connect: Duration,
}

// === impl Deadlines ===

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            once: Duration::from_secs(130),
            change: Duration::from_secs(60),
            read: Duration::from_secs(60),
            read_attempt: Duration::from_secs(25),
            connect: Duration::from_secs(10),
        }
    }
}

impl Deadlines {
    pub(super) fn of_call(&self, endpoint: &Endpoint) -> Duration {
        match endpoint.idempotency {
            Idempotency::Never => self.once,
            Idempotency::Idempotent => self.change,
            Idempotency::Read => self.read,
        }
    }

    pub(super) fn of_attempt(&self, endpoint: &Endpoint) -> Option<Duration> {
        (endpoint.idempotency == Idempotency::Read).then_some(self.read_attempt)
    }
}

// === impl ClientBuilder ===

impl ClientBuilder {
    pub(super) fn new(config: Config, signer: Signer) -> Self {
        Self {
            config,
            signer,
            clock: clock::system(),
            chance: clock::chance(),
            deadlines: Deadlines::default(),
            retry: RetryPolicy::default(),
            retry_budget: RetryBudget::default(),
            throttle: None,
            signing_scope: None,
            is_dry_run: false,
            on_request: None,
            gate: None,
        }
    }

    /// Dates requests with another clock than the machine's.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Draws the jitter of retries elsewhere than from the machine's randomness.
    #[must_use]
    pub fn with_chance(mut self, chance: Chance) -> Self {
        self.chance = chance;
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

    /// Sets how many retries all calls of this client and its clones may make together.
    #[must_use]
    pub fn with_retry_budget(mut self, retry_budget: RetryBudget) -> Self {
        self.retry_budget = retry_budget;
        self
    }

    /// Sets what a signature covers.
    ///
    /// By default the date alone, where nobody else can read along: over TLS with a checked certificate, on loopback,
    /// and over a service of one's own. Elsewhere method and target too.
    #[must_use]
    pub fn with_signing_scope(mut self, scope: SigningScope) -> Self {
        self.signing_scope = Some(scope);
        self
    }

    /// Sends no changes: each is an [`Error::DryRun`](super::Error::DryRun) that shows the request. Reads are sent.
    #[must_use]
    pub fn with_dry_run(mut self, is_dry_run: bool) -> Self {
        self.is_dry_run = is_dry_run;
        self
    }

    /// Sets how many requests to send, for each group of calls.
    #[must_use]
    pub fn with_rate_limit(self, rate_limit: RateLimit) -> Self {
        self.with_throttle(Throttle::new(rate_limit))
    }

    /// Keeps to a rate together with other clients: what one has used another must wait for.
    #[must_use]
    pub fn with_throttle(mut self, throttle: Arc<Throttle>) -> Self {
        self.throttle = Some(throttle);
        self
    }

    /// Asks for leave before each attempt of a request that changes anything (any but GET and HEAD), after the wait for
    /// the rate limit and the signature, and before the wait between attempts is over. A refusal is an
    /// [`Error::Gated`](super::Error::Gated): nothing was sent, and it is not tried again.
    ///
    /// For a process that may act only as long as it holds a lease.
    #[must_use]
    pub fn with_gate(mut self, gate: Gate) -> Self {
        self.gate = Some(gate);
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
        let is_checked = base.is_https() && !self.config.insecure;
        let is_private = is_checked || base.is_loopback();
        let ca_file = self.config.ca_file.as_deref();
        let tls = tls::config(base.is_https(), self.config.insecure, ca_file)
            .map_err(ConfigError::Tls)?;
        let transport = Transport::connect(tls, self.deadlines.connect, self.gate.clone());
        Ok(self.assemble(base, transport, is_private))
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
        Ok(self.assemble(base, Transport::new(service), true))
    }

    fn base(&self) -> Result<BaseUri, ConfigError> {
        BaseUri::new(&self.config.url, self.config.acting_account(), &self.config.roles)
            .map_err(ConfigError::Url)
    }

    /// `is_private`: nobody but the server can read what is sent.
    fn assemble(self, base: BaseUri, transport: Transport, is_private: bool) -> Client {
        let default_scope = if is_private { SigningScope::Date } else { SigningScope::Request };
        let policy = SigningPolicy {
            scope: self.signing_scope.unwrap_or(default_scope),
            is_server_known: is_private,
        };
        let now = Instant::now();
        let account = self.config.acting_account().to_owned();
        let mut key_id =
            KeyId::new(self.config.account, self.signer.public_key().md5_fingerprint());
        key_id.user = self.config.user;
        let inner = Inner {
            account,
            url: self.config.url,
            base,
            signing: Signing::new(self.signer, key_id, policy, self.clock),
            throttle: self.throttle.unwrap_or_else(|| Throttle::new(RateLimit::default())),
            retry: self.retry,
            retry_budget: Mutex::new(Budget::new(self.retry_budget, now)),
            is_dry_run: self.is_dry_run,
            deadlines: self.deadlines,
            on_request: self.on_request,
            gate: self.gate,
            transport,
            chance: self.chance,
            looks: SharedLooks::default(),
        };
        Client { inner: Arc::new(inner) }
    }
}
