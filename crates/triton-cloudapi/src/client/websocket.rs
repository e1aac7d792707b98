//! From a signed request to a WebSocket (RFC 6455), for the changefeed and for VNC.

use http::header::{
    CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, SERVER, UPGRADE,
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tracing::Instrument as _;

use super::attempt::Failure;
use super::error::Error;
use super::prepare::{header_value, request_id};
use super::transport::Switch;
use super::{Client, HttpRequest, trace};
use crate::error::ApiError;
use crate::request::Request;

/// Largest message taken, in bytes: an instance whose tags and metadata are 100 kB, and then some.
const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What is read from the socket at a time, in bytes.
const READ_BYTES: usize = 16 * 1024;

/// A connection after the handshake.
pub(super) type WebSocket = WebSocketStream<TokioIo<Upgraded>>;

/// A server that does not switch to WebSocket though it does not refuse the request either.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// It answered as if nobody had asked for an upgrade.
    #[error(
        "the answer was {status} instead of an upgrade: a proxy on the way, or the service that this client sends over, may \
         not let WebSockets through ({message})"
    )]
    Status {
        /// Status.
        status: u16,
        /// What the answer says.
        message: String,
    },
    /// It switched to something that has not read our request.
    #[error(
        "the answer to the WebSocket handshake is not an answer to ours: a proxy on the way may have made it up"
    )]
    AcceptKey,
    /// It speaks another protocol within the WebSocket.
    #[error("the server speaks {chosen:?} within the WebSocket, not {wanted:?}")]
    Protocol {
        /// What was asked for.
        wanted: &'static str,
        /// What was answered; empty if nothing.
        chosen: String,
    },
    /// The client sends over a service of the caller's that answers without being a connection.
    #[error(
        "the service that this client sends over has no connection to hand over for a WebSocket"
    )]
    NoConnection,
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum HandshakeError {
    NotUpgraded(UpgradeError),
    /// The request failed, as any may.
    Call {
        error: Error,
        /// The `Server` header, if there was an answer.
        #[cfg_attr(
            not(feature = "changefeed"),
            expect(dead_code, reason = "only the changefeed tells an old server by it")
        )]
        server: Option<String>,
    },
}

/// Opens a WebSocket with the answer to a request, speaking a protocol within it if one is named.
///
/// Waits for the rate limit, signs, and signs again if the server's clock is another. There is no deadline.
pub(super) async fn open(
    client: &Client,
    request: &Request<()>,
    protocol: Option<&'static str>,
) -> Result<WebSocket, HandshakeError> {
    let request_id = request_id();
    let span = trace::span(request, &request_id);
    let attempts = async {
        match attempt(client, request, &request_id, protocol, 1).await {
            Err(Attempt::Failed(failure, server)) => match failure.skewed_server_time() {
                Some(server_time) => {
                    client.inner.signing.follow_server_clock(server_time);
                    attempt(client, request, &request_id, protocol, 2).await
                }
                None => Err(Attempt::Failed(failure, server)),
            },
            other => other,
        }
    };
    attempts.instrument(span).await.map_err(|attempt| match attempt {
        Attempt::NotUpgraded(error) => HandshakeError::NotUpgraded(error),
        Attempt::Failed(failure, server) => HandshakeError::Call { error: failure.error, server },
    })
}

/// How an attempt failed.
enum Attempt {
    NotUpgraded(UpgradeError),
    Failed(Box<Failure>, Option<String>),
}

async fn attempt(
    client: &Client,
    request: &Request<()>,
    request_id: &str,
    protocol: Option<&'static str>,
    number: u32,
) -> Result<WebSocket, Attempt> {
    let endpoint = request.endpoint;
    client.inner.throttle.acquire(endpoint.group, endpoint.priority).await?;
    let mut http = client.prepare(request, request_id).await?;
    let key = generate_key();
    ask_for_upgrade(&mut http, &key, protocol)?;
    let uri = http.uri().clone();
    let started = Instant::now();
    let switch = client.inner.transport.upgrade(http).await.map_err(|error| error.into_error(&uri));
    let hook = client.inner.on_request.as_ref();
    let told = |status, error: Option<&Error>| {
        trace::attempt_ended(hook, endpoint.name, number, started.elapsed(), status, error);
    };
    match switch {
        Ok(Switch::Switched { headers, upgraded }) => {
            told(Some(101), None);
            check(&headers, &key, protocol).map_err(Attempt::NotUpgraded)?;
            let config = WebSocketConfig::default()
                .read_buffer_size(READ_BYTES)
                // Each frame goes out when it is sent, not when the next one does.
                .write_buffer_size(0)
                .max_message_size(Some(MESSAGE_BYTES_MAX))
                .max_frame_size(Some(MESSAGE_BYTES_MAX));
            let io = TokioIo::new(upgraded);
            Ok(WebSocketStream::from_raw_socket(io, Role::Client, Some(config)).await)
        }
        Ok(Switch::NoConnection) => {
            told(Some(101), None);
            Err(Attempt::NotUpgraded(UpgradeError::NoConnection))
        }
        Ok(Switch::Refused(response)) => {
            let server = response.headers().get(SERVER);
            let server = server.and_then(|server| server.to_str().ok()).map(str::to_owned);
            let status = response.status();
            let Err(failure) = client.read(request, &response) else {
                told(Some(status.as_u16()), None);
                return Err(Attempt::NotUpgraded(UpgradeError::Status {
                    status: status.as_u16(),
                    message: "which is a success, but not this one".to_owned(),
                }));
            };
            told(Some(status.as_u16()), Some(&failure.error));
            if failure.error.is_throttled() {
                client.inner.throttle.slow_down(endpoint.group);
            }
            match upgrade_lost(&failure.error) {
                Some(error) => Err(Attempt::NotUpgraded(error)),
                None => Err(Attempt::Failed(failure, server)),
            }
        }
        Err(error) => {
            told(None, Some(&error));
            Err(error.into())
        }
    }
}

fn ask_for_upgrade(
    http: &mut HttpRequest,
    key: &str,
    protocol: Option<&'static str>,
) -> Result<(), Error> {
    let headers = http.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    headers.insert(SEC_WEBSOCKET_KEY, header_value(key)?);
    // Not sent unless needed: CloudAPI's changefeed breaks off a handshake that has it.
    if let Some(protocol) = protocol {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    }
    Ok(())
}

/// Whether the answer is one to our key, in the protocol that was asked for.
fn check(
    headers: &HeaderMap,
    key: &str,
    protocol: Option<&'static str>,
) -> Result<(), UpgradeError> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if text(SEC_WEBSOCKET_ACCEPT).trim() != derive_accept_key(key.as_bytes()) {
        return Err(UpgradeError::AcceptKey);
    }
    match protocol {
        Some(wanted) if text(SEC_WEBSOCKET_PROTOCOL).trim() != wanted => {
            let chosen = text(SEC_WEBSOCKET_PROTOCOL).to_owned();
            Err(UpgradeError::Protocol { wanted, chosen })
        }
        _ => Ok(()),
    }
}

/// What CloudAPI and proxies say when the `Upgrade` header did not reach them, or may not pass.
fn upgrade_lost(error: &Error) -> Option<UpgradeError> {
    if let Error::NotCloudApi { status, content } = error
        && status.is_success()
    {
        return Some(UpgradeError::Status { status: status.as_u16(), message: content.clone() });
    }
    let api = error.api()?;
    // CloudAPI itself: 500 without a code for the changefeed, 400 UpgradeRequiredError for VNC.
    let is_lost = api.message.contains("Must Upgrade")
        || has_code(api, "UpgradeRequired")
        || matches!(api.status, 300..=399 | 426);
    is_lost.then(|| UpgradeError::Status { status: api.status, message: api.message.clone() })
}

/// Whether CloudAPI's code is this one, with or without the suffix `Error`.
pub(super) fn has_code(error: &ApiError, code: &str) -> bool {
    let found = error.code.to_string();
    found.strip_suffix("Error").unwrap_or(&found) == code
}

// === impl Attempt ===

impl From<Error> for Attempt {
    fn from(error: Error) -> Self {
        Self::Failed(Box::new(error.into()), None)
    }
}
