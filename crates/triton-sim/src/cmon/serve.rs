//! CMON on a socket: TLS that asks for a certificate and takes any; what it proves is looked at with each request.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{
    WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::endpoints::{Asked, Told, answer};
use crate::http::CMON_HOST;
use crate::serve::{GRACE, HANDSHAKE_MAX, Running, ServeError};
use crate::sim::Sim;
use crate::tls::{self, TlsError, TlsIdentity};

/// Who asks for nothing is not kept.
const IDLE_MAX: Duration = Duration::from_secs(120);

/// Takes any certificate whose key the client has: CMON judges it by SSH keys, not by authorities.
#[derive(Debug)]
struct AnyClient {
    algorithms: WebPkiSupportedAlgorithms,
}

// === impl Sim ===

impl Sim {
    /// Serves CMON: `/v1/discover`, and `/metrics` of each running instance under `UUID.cmon.sim-1.localhost`.
    ///
    /// Clients need a certificate that a key of their account has signed, as `triton profile cmon-certgen` makes it.
    /// ListServices shows CMON from now on, at `https://cmon.sim-1.localhost:PORT`.
    ///
    /// # Errors
    /// As [`Sim::serve_tls`].
    pub fn serve_cmon(
        &self,
        listener: TcpListener,
        identity: &TlsIdentity,
    ) -> Result<Running, ServeError> {
        let address = listener.local_addr().map_err(ServeError::Listener)?;
        if !address.ip().is_loopback() {
            return Err(ServeError::NotLoopback { address });
        }
        let verifier: Arc<dyn ClientCertVerifier> = Arc::new(AnyClient::new());
        let builder = tls::builder().map_err(ServeError::Tls)?;
        let config = identity.finish(builder.with_client_cert_verifier(verifier));
        let acceptor = TlsAcceptor::from(config.map_err(|error: TlsError| ServeError::Tls(error))?);
        let url = format!("https://{CMON_HOST}:{}", address.port());
        self.with(|state, _| state.world.catalog.services.insert("cmon".to_owned(), url));
        let stop = CancellationToken::new();
        let task = tokio::spawn(accept(self.clone(), listener, acceptor, stop.clone()));
        Ok(Running::new(address, "https", stop, task))
    }
}

async fn accept(sim: Sim, listener: TcpListener, acceptor: TlsAcceptor, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                tasks.spawn(converse(sim.clone(), stream, peer, acceptor.clone(), stop.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "CMON could not accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    tasks.close();
    let _ = tokio::time::timeout(GRACE, tasks.wait()).await;
}

async fn converse(
    sim: Sim,
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: TlsAcceptor,
    stop: CancellationToken,
) {
    let stream = match tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%peer, %error, "no TLS with this one"),
        Err(_) => return tracing::debug!(%peer, "a TLS handshake took too long"),
    };
    let certificates = stream.get_ref().1.peer_certificates();
    let certificate: Option<CertificateDer<'static>> =
        certificates.and_then(|chain| chain.first()).map(|first| first.clone().into_owned());
    let service = service_fn(move |request: Request<Incoming>| {
        let response = respond(&sim, &request, certificate.as_deref());
        async move { Ok::<_, Infallible>(response) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(IDLE_MAX);
    let mut served = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection to CMON ended");
    }
}

fn respond(
    sim: &Sim,
    request: &Request<Incoming>,
    certificate: Option<&[u8]>,
) -> Response<Full<Bytes>> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let asked = Asked {
        host: host.unwrap_or_default(),
        path: request.uri().path(),
        query: request.uri().query().unwrap_or_default(),
        certificate,
    };
    let Told { status, content_type, body } = if request.method() == http::Method::GET {
        sim.with(|state, now| answer(state, &asked, now))
    } else {
        let body = format!("{} is not allowed", request.method());
        Told { status: 405, content_type: "text/plain", body }
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    headers.insert(header::SERVER, http::HeaderValue::from_static("cmon"));
    response
}

// === impl AnyClient ===

impl AnyClient {
    fn new() -> Self {
        Self { algorithms: ring::default_provider().signature_verification_algorithms }
    }
}

impl ClientCertVerifier for AnyClient {
    /// Without one the answer is 401, not a broken handshake.
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
