//! The simulator on a socket.

mod entrance;
mod line;

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::answer::{AnswerLost, Peer, Stop};
use crate::sim::Sim;
use crate::tls::{TlsError, TlsIdentity};

use entrance::{Entrance, Visitor};
use line::{Handle, Line, Resettable};

pub(crate) use line::OnLine;

/// HAProxy closes a connection on which nothing was asked for this long.
const IDLE_MAX: Duration = Duration::from_secs(55);
/// Who has not shaken hands by then does not mean to.
pub(crate) const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// What may be on its way in either direction of a connection without a socket.
const DUPLEX_BYTES: usize = 64 * 1024;
/// How long a shutdown waits for answers that are on their way.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// A simulator that serves; dropping it ends the service.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    scheme: &'static str,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

/// The simulator cannot serve there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The control API asks nobody for a signature, so it must not be reachable from elsewhere.
    #[error("serving on {address}: only loopback addresses are allowed")]
    NotLoopback {
        /// The listener's address.
        address: SocketAddr,
    },
    /// The listener has no address.
    #[error("asking the listener for its address")]
    Listener(#[source] io::Error),
    /// The identity cannot be used.
    #[error("setting TLS up")]
    Tls(#[source] TlsError),
}

/// What comes before HTTP on a connection.
#[derive(Clone)]
enum Security {
    Plain,
    Tls(TlsAcceptor),
}

// === impl Security ===

impl Security {
    fn scheme(&self) -> &'static str {
        match self {
            Self::Plain => "http",
            Self::Tls(_) => "https",
        }
    }
}

// === impl Sim ===

impl Sim {
    /// Serves on a listener until [`Running`] is dropped or shut down.
    ///
    /// # Errors
    /// [`ServeError::NotLoopback`] for a listener that others can reach.
    pub fn serve(&self, listener: TcpListener) -> Result<Running, ServeError> {
        self.serve_as(listener, Security::Plain)
    }

    /// As [`Sim::serve`], but HTTP/1.1 over TLS 1.2 or newer, as HAProxy in front of a real CloudAPI.
    ///
    /// # Errors
    /// [`ServeError::NotLoopback`], and [`ServeError::Tls`] for an identity that cannot be used.
    pub fn serve_tls(
        &self,
        listener: TcpListener,
        identity: &TlsIdentity,
    ) -> Result<Running, ServeError> {
        let acceptor = TlsAcceptor::from(identity.config().map_err(ServeError::Tls)?);
        self.serve_as(listener, Security::Tls(acceptor))
    }

    fn serve_as(&self, listener: TcpListener, security: Security) -> Result<Running, ServeError> {
        let address = listener.local_addr().map_err(ServeError::Listener)?;
        if !address.ip().is_loopback() {
            return Err(ServeError::NotLoopback { address });
        }
        let (stop, scheme) = (CancellationToken::new(), security.scheme());
        let entrance = Entrance::new(self.clone(), listener, address, stop.clone());
        let task = tokio::spawn(accept(entrance, security, self.router(), stop.clone()));
        Ok(Running::new(address, scheme, stop, task))
    }

    /// A connection without a socket, for HTTP/1.1 and the changefeed in process; needs a tokio runtime.
    ///
    /// Under `tokio::time::pause()` the clock jumps while a task waits for a socket, and does not while it waits for this.
    #[must_use]
    pub fn connect(&self) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(DUPLEX_BYTES);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let peer = Peer { address, scheme: "http" };
        tokio::spawn(converse(ours, peer, CancellationToken::new(), self.router()));
        theirs
    }
}

// === impl Running ===

impl Running {
    pub(crate) fn new(
        address: SocketAddr,
        scheme: &'static str,
        stop: CancellationToken,
        task: JoinHandle<()>,
    ) -> Self {
        Self { address, scheme, stop, task: Some(task) }
    }

    /// Where the service is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The socket's address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts nothing more and waits up to 2 s for the answers that are on their way.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take() {
            // Only fails when the task was aborted or panicked; it is over either way.
            let _ = task.await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(
    mut entrance: Entrance,
    security: Security,
    router: axum::Router,
    stop: CancellationToken,
) {
    let tasks = TaskTracker::new();
    loop {
        let visitor = tokio::select! {
            () = stop.cancelled() => break,
            visitor = entrance.next() => visitor,
        };
        match visitor {
            Ok(visitor) => {
                tasks.spawn(greet(visitor, security.clone(), router.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(entrance);
    tasks.close();
    let _ = tokio::time::timeout(GRACE, tasks.wait()).await;
}

/// Shakes hands if that is called for, then answers.
async fn greet(visitor: Visitor, security: Security, router: axum::Router) {
    let Visitor { stream, peer: address, end } = visitor;
    let peer = Peer { address, scheme: security.scheme() };
    let acceptor = match security {
        Security::Plain => return converse(stream, peer, end, router).await,
        Security::Tls(acceptor) => acceptor,
    };
    match tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => converse(stream, peer, end, router).await,
        Ok(Err(error)) => tracing::debug!(%address, %error, "no TLS with this one"),
        Err(_) => tracing::debug!(%address, "a TLS handshake took too long"),
    }
}

/// Answers on one connection until either side ends it.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Resettable + Unpin + Send + 'static,
    peer: Peer,
    end: CancellationToken,
    router: axum::Router,
) {
    let stop = end.clone();
    let handle = Handle::default();
    let line = Line::new(stream, handle.clone());
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(Stop(stop.clone()));
        let (router, handle) = (router.clone(), handle.clone());
        async move { on_line(router.oneshot(request.map(Body::new)).await, &handle) }
    });
    let mut http = http1::Builder::new();
    // Every answer has the date it is to have.
    http.timer(TokioTimer::new()).header_read_timeout(IDLE_MAX).auto_date_header(false);
    let mut connection = pin!(http.serve_connection(TokioIo::new(line), service).with_upgrades());
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = end.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(peer = %peer.address, %error, "connection ended");
    }
}

/// Passes on what an answer wants of its connection. One that is to be lost becomes an error, at which hyper closes
/// the connection without a word.
fn on_line(
    response: Result<Response<Body>, Infallible>,
    handle: &Handle,
) -> Result<Response<Body>, AnswerLost> {
    let mut response = match response {
        Ok(response) => response,
        Err(impossible) => match impossible {},
    };
    match response.extensions_mut().remove::<OnLine>() {
        None => Ok(response),
        Some(OnLine::Reset) => {
            handle.give(OnLine::Reset);
            Err(AnswerLost)
        }
        Some(raw @ OnLine::Raw { .. }) => {
            handle.give(raw);
            // Something for hyper to write, so that the line can write something else.
            Ok(Response::new(Body::from("instead")))
        }
        Some(order) => {
            handle.give(order);
            Ok(response)
        }
    }
}
