//! The kubelet's HTTPS API, and plain HTTP for metrics.

pub mod access;
pub mod attributes;
mod connections;
mod exec;
mod guard;
pub mod identity;
mod logs;
mod metrics;
mod routes;
mod stats;
mod tls;

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::{Extension, Router};
use kube_client::Client;
use prometheus_client::registry::Registry;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use metrics::MetricsServer;
pub use tls::{ClientCa, Serving, TlsError};

use crate::abilities::Abilities;
use crate::api::chain;
use crate::config::NodeConfig;
use crate::pods::store::Store;
use guard::{Guard, Peer};
use tls::Pair;

/// How often certificates are read again.
const RELOAD: Duration = Duration::from_secs(60);

/// Between two tries to listen on a port that somebody else has.
const LISTEN_PAUSE: Duration = Duration::from_secs(1);

/// How long a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How the kubelet's API is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// Where to listen. The port is the one the Node should name ([`NodeConfig::kubelet_port`]).
    pub address: SocketAddr,
    /// The certificate.
    pub serving: Serving,
    /// Who gets in.
    pub auth: Auth,
}

/// Who may use the kubelet's API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Those whom the API server knows (client certificate or TokenReview) and allows (SubjectAccessReview).
    Delegated {
        /// Whose client certificates are believed.
        client_ca: ClientCa,
    },
    /// Everybody. For tests.
    None,
}

/// Why the kubelet's API could not be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The address could not be used.
    #[error("listening on {address}")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// TLS could not be set up.
    #[error("setting up TLS")]
    Tls(#[source] TlsError),
}

/// The kubelet's API, ready to be served at its address.
pub(crate) struct KubeletServer {
    address: SocketAddr,
    /// `None` while somebody else has the port: a process that acted for the node before, and does not go.
    listener: Option<TcpListener>,
    router: Router,
    certificates: Certificates,
    current: Arc<RwLock<Arc<ServerConfig>>>,
    /// Ends the sessions with the server.
    sessions: DropGuard,
}

/// Where certificates are read from, again and again.
struct Certificates {
    client: Client,
    serving: Serving,
    client_ca: ClientCa,
    self_signed: Option<Pair>,
}

// === impl KubeletServer ===

impl KubeletServer {
    pub(crate) async fn bind(
        http: HttpConfig,
        client: Client,
        node: &NodeConfig,
        store: Arc<RwLock<Store>>,
        abilities: Abilities,
        probe_metrics: Option<Arc<Registry>>,
    ) -> Result<Self, HttpError> {
        let HttpConfig { address, serving, auth } = http;
        let (guard, client_ca) = match auth {
            Auth::Delegated { client_ca } => {
                (Guard::delegated(client.clone(), &node.name), client_ca)
            }
            Auth::None => {
                tracing::warn!(%address, "the kubelet API is open to everybody who can reach it");
                (Guard::Off, ClientCa::Off)
            }
        };
        let self_signed = match serving {
            Serving::Files { .. } => None,
            Serving::SelfSigned => Some(
                Pair::self_signed(&node.name, &node.hostname, &node.internal_ips)
                    .map_err(HttpError::Tls)?,
            ),
        };
        let certificates = Certificates { client, serving, client_ca, self_signed };
        let config = certificates.load_or_without_ca().await.map_err(HttpError::Tls)?;
        let listener = listen(address).await?;
        if listener.is_none() {
            tracing::warn!(%address, "the kubelet API's port is taken; trying until it is free");
        }
        let sessions = CancellationToken::new();
        let served = routes::Served {
            node: node.name.clone(),
            store,
            abilities,
            probe_metrics,
            sessions: sessions.clone(),
        };
        let router = routes::router(Arc::new(served), Arc::new(guard));
        Ok(Self {
            address,
            listener,
            router,
            certificates,
            current: Arc::new(RwLock::new(Arc::new(config))),
            sessions: sessions.drop_guard(),
        })
    }

    pub(crate) async fn serve(self, shutdown: CancellationToken) {
        let Self { address, listener, router, certificates, current, sessions: _sessions } = self;
        let listener = match listener {
            Some(listener) => listener,
            None => match shutdown.run_until_cancelled(listen_patiently(address)).await {
                Some(listener) => listener,
                None => return,
            },
        };
        tracing::info!(%address, "serving the kubelet API");
        let reloading = certificates.keep_current(&current, &shutdown);
        let accepting = connections::accept(listener, shutdown.clone(), |stream| {
            let config = Arc::clone(&current.read().unwrap_or_else(PoisonError::into_inner));
            serve_tls(stream, config, router.clone(), shutdown.clone())
        });
        tokio::join!(reloading, accepting);
    }
}

async fn serve_tls(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    router: Router,
    shutdown: CancellationToken,
) {
    let handshake =
        tokio::time::timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(config).accept(stream));
    let stream = match shutdown.run_until_cancelled(handshake).await {
        Some(Ok(Ok(stream))) => stream,
        Some(Ok(Err(error))) => return tracing::debug!(%error, "a TLS handshake failed"),
        Some(Err(_)) | None => return,
    };
    let certificates = stream.get_ref().1.peer_certificates();
    let peer = certificates.and_then(|chain| chain.first()).and_then(identity::of_certificate);
    connections::serve(stream, router.layer(Extension(Peer(peer))), shutdown).await;
}

/// Listens, or `None` when the port is taken for now.
async fn listen(address: SocketAddr) -> Result<Option<TcpListener>, HttpError> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Ok(None),
        Err(source) => Err(HttpError::Bind { address, source }),
    }
}

/// Listens as soon as the port is free. The node does its work meanwhile: it needs the port for its users only.
async fn listen_patiently(address: SocketAddr) -> TcpListener {
    loop {
        match listen(address).await {
            Ok(Some(listener)) => return listener,
            Ok(None) => {}
            Err(error) => tracing::warn!(error = chain(&error), "the kubelet API is not served"),
        }
        tokio::time::sleep(LISTEN_PAUSE).await;
    }
}

// === impl Certificates ===

impl Certificates {
    async fn load(&self) -> Result<ServerConfig, TlsError> {
        let ca = tls::client_ca(&self.client_ca, &self.client).await?;
        self.with_ca(ca.as_deref())
    }

    /// At the start a missing authority is no reason not to serve: tokens work without it, and it is tried again.
    async fn load_or_without_ca(&self) -> Result<ServerConfig, TlsError> {
        match self.load().await {
            Err(error @ (TlsError::ConfigMap(_) | TlsError::NoClientCa)) => {
                tracing::warn!(
                    error = chain(&error),
                    "client certificates are not accepted yet, only bearer tokens"
                );
                self.with_ca(None)
            }
            loaded => loaded,
        }
    }

    fn with_ca(
        &self,
        ca: Option<&[rustls::pki_types::CertificateDer<'static>]>,
    ) -> Result<ServerConfig, TlsError> {
        match (&self.self_signed, &self.serving) {
            (Some(pair), _) => tls::server_config(pair, ca),
            (None, Serving::Files { certificate, key }) => {
                tls::server_config(&Pair::from_files(certificate, key)?, ca)
            }
            (None, Serving::SelfSigned) => {
                Err(TlsError::Generate(rcgen::Error::CouldNotParseKeyPair))
            }
        }
    }

    /// Reads again every minute; what cannot be read leaves what is there.
    async fn keep_current(
        &self,
        current: &RwLock<Arc<ServerConfig>>,
        shutdown: &CancellationToken,
    ) {
        while shutdown.run_until_cancelled(tokio::time::sleep(RELOAD)).await.is_some() {
            match shutdown.run_until_cancelled(self.load()).await {
                None => return,
                Some(Ok(config)) => {
                    *current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config)
                }
                Some(Err(error)) => {
                    tracing::warn!(error = chain(&error), "could not read the certificates again")
                }
            }
        }
    }
}
