//! Bytes out, bytes in: any tower service, by default hyper over TCP and TLS.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Body;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use tower::{Service, ServiceExt as _};

use super::error::connection::{AttemptTimeout, ConnectTimeout, is_connect};
use super::error::{BoxError, ConnectionProblem, Error};
use super::gate::Gate;
use super::gate::wire::GatedStream;

/// Idle connections are closed by us before the proxy in front of CloudAPI does so at 55 s, which would cost the next
/// request a reset.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(45);

/// Idle connections kept: bursts are 30 requests.
const IDLE_CONNECTIONS_MAX: usize = 16;

/// Largest answer read, in bytes: a page of 1000 instances with 64 kB of metadata each.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A request as a transport gets it.
pub type HttpRequest = http::Request<Full<Bytes>>;

type Sending<T> = Pin<Box<dyn Future<Output = Result<T, SendError>> + Send>>;

/// A service whose type nobody needs to know.
type Sender<T> = Arc<dyn Fn(HttpRequest) -> Sending<T> + Send + Sync>;

/// Sends one request and reads its whole answer.
#[derive(Clone)]
pub(crate) struct Transport {
    send: Sender<http::Response<Bytes>>,
    #[cfg(any(feature = "changefeed", feature = "vnc"))]
    upgrade: Sender<Switch>,
}

/// The answer to a request that asks for another protocol.
#[cfg(any(feature = "changefeed", feature = "vnc"))]
pub(crate) enum Switch {
    /// It is spoken from now on.
    Switched {
        /// The answer's headers.
        headers: http::HeaderMap,
        /// The connection.
        upgraded: hyper::upgrade::Upgraded,
    },
    /// It is not.
    Refused(http::Response<Bytes>),
    /// It would be, but the service has no connection that it could hand over.
    NoConnection,
}

/// Why no answer came.
#[derive(Debug)]
pub(crate) struct SendError {
    /// Whether the request may have reached the server.
    pub(crate) sent: bool,
    pub(crate) source: BoxError,
}

/// A connector that is given up after a time, in whatever it is stuck, and whose connections stand behind the gate.
#[derive(Clone)]
struct TimedConnector<C> {
    connector: C,
    within: Duration,
    gate: Option<Gate>,
}

// === impl Transport ===

impl Transport {
    /// Sends over any service: a connection pool, or a server in the same process.
    pub(crate) fn new<S, B>(service: S) -> Self
    where
        S: Service<HttpRequest, Response = http::Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        #[cfg(any(feature = "changefeed", feature = "vnc"))]
        let upgrading = service.clone();
        Self {
            send: Arc::new(move |request| Box::pin(send(service.clone(), request))),
            #[cfg(any(feature = "changefeed", feature = "vnc"))]
            upgrade: Arc::new(move |request| Box::pin(upgrade(upgrading.clone(), request))),
        }
    }

    /// A pool of connections over TCP, and TLS for `https`.
    pub(crate) fn connect(tls: ClientConfig, within: Duration, gate: Option<Gate>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client: HyperClient<_, Full<Bytes>> = HyperClient::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .build(TimedConnector { connector, within, gate });
        Self::new(client)
    }

    /// Sends, and reads the whole answer within that time.
    pub(crate) async fn send(
        &self,
        request: HttpRequest,
        within: Option<Duration>,
    ) -> Result<http::Response<Bytes>, SendError> {
        let sending = (self.send)(request);
        match within {
            None => sending.await,
            Some(after) => match tokio::time::timeout(after, sending).await {
                Ok(result) => result,
                Err(_) => Err(SendError { sent: true, source: AttemptTimeout { after }.into() }),
            },
        }
    }

    /// Sends a request that asks for another protocol.
    #[cfg(any(feature = "changefeed", feature = "vnc"))]
    pub(crate) async fn upgrade(&self, request: HttpRequest) -> Result<Switch, SendError> {
        (self.upgrade)(request).await
    }
}

async fn send<S, B>(service: S, request: HttpRequest) -> Result<http::Response<Bytes>, SendError>
where
    S: Service<HttpRequest, Response = http::Response<B>>,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    read_whole(exchange(service, request).await?).await
}

#[cfg(any(feature = "changefeed", feature = "vnc"))]
async fn upgrade<S, B>(service: S, request: HttpRequest) -> Result<Switch, SendError>
where
    S: Service<HttpRequest, Response = http::Response<B>>,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let mut response = exchange(service, request).await?;
    if response.status() != http::StatusCode::SWITCHING_PROTOCOLS {
        return read_whole(response).await.map(Switch::Refused);
    }
    let headers = response.headers().clone();
    match hyper::upgrade::on(&mut response).await {
        Ok(upgraded) => Ok(Switch::Switched { headers, upgraded }),
        Err(error) if error.is_user() => Ok(Switch::NoConnection),
        Err(source) => Err(SendError { sent: true, source: source.into() }),
    }
}

async fn exchange<S, B>(service: S, request: HttpRequest) -> Result<http::Response<B>, SendError>
where
    S: Service<HttpRequest, Response = http::Response<B>>,
    S::Error: Into<BoxError>,
{
    service.oneshot(request).await.map_err(|error| {
        let source = error.into();
        SendError { sent: !is_connect(&source), source }
    })
}

async fn read_whole<B>(response: http::Response<B>) -> Result<http::Response<Bytes>, SendError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    // Whatever happens to the body, the server has acted by now.
    let body = body.map_err(|source| SendError { sent: true, source })?.to_bytes();
    Ok(http::Response::from_parts(parts, body))
}

// === impl SendError ===

impl SendError {
    /// As a caller gets it, with what is wrong. `uri` is where the request went.
    pub(crate) fn into_error(self, uri: &Uri) -> Error {
        let problem = ConnectionProblem::of(&self.source, uri, ANSWER_BYTES_MAX);
        Error::Transport { sent: self.sent, problem, source: self.source }
    }
}

// === impl TimedConnector ===

impl<C> Service<Uri> for TimedConnector<C>
where
    C: Service<Uri, Error = BoxError>,
    C::Future: Send + 'static,
{
    type Response = GatedStream<C::Response>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.connector.call(uri);
        let after = self.within;
        let gate = self.gate.clone();
        Box::pin(async move {
            match tokio::time::timeout(after, connecting).await {
                Ok(result) => result.map(|stream| GatedStream::new(stream, gate)),
                Err(_) => Err(ConnectTimeout { after }.into()),
            }
        })
    }
}
