//! The gRPC probe: `grpc.health.v1.Health/Check` that answers SERVING is success.
//!
//! The protocol is small enough to be spoken by hand over HTTP/2: one request and one answer, each one message with five
//! bytes before it (gRPC over HTTP2, "Length-Prefixed-Message"), and the status in the trailers.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use percent_encoding::percent_decode;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::TlsConnector;

use crate::dial::{dial, dial_failed, why};
use crate::driven::Driven;
use crate::headers::AGENT;
use crate::probe::LONGEST;
use crate::prober::Outcome;

const PATH: &str = "/grpc.health.v1.Health/Check";

/// Between attempts to connect, which are made until the time is over (grpc-go's first back-off).
const AGAIN: Duration = Duration::from_secs(1);

/// How much of an answer is read: a health answer has seven bytes.
const MAX_ANSWER: usize = 4 * 1024;

/// `grpc-status` numbers that are told apart (gRPC, "Status codes").
const OK: u32 = 0;
const DEADLINE_EXCEEDED: u32 = 4;
const UNIMPLEMENTED: u32 = 12;

/// An open connection.
struct Line {
    sender: SendRequest<Full<Bytes>>,
    connection: Driven,
}

/// What a call came to.
struct Status {
    code: u32,
    message: String,
}

/// Connects and asks within `timeout`, in the words of the kubelet's `grpc.go`.
pub(crate) async fn ask(
    address: IpAddr,
    port: u16,
    service: &str,
    tls: Option<&Arc<ClientConfig>>,
    timeout: Duration,
) -> Outcome {
    let deadline = Instant::now() + timeout.min(LONGEST);
    let place = SocketAddr::new(address, port);
    let mut last = None;
    let line = match timeout_at(deadline, connect(place, tls, &mut last)).await {
        Ok(Ok(line)) => line,
        Ok(Err(outcome)) => return outcome,
        Err(_) => {
            let why = last.map(|why| format!(" ({why})")).unwrap_or_default();
            return Outcome::Failure(format!(
                "timeout: failed to connect service \"{place}\" within {timeout:?}: context deadline exceeded{why}"
            ));
        }
    };
    let late = || format!("timeout: health rpc did not complete within {timeout:?}");
    match timeout_at(deadline, check(line, place, service)).await {
        Err(_) => Outcome::Failure(late()),
        Ok(Err(why)) => Outcome::Failure(format!("error: health rpc probe failed: {why}")),
        Ok(Ok((Status { code: OK, .. }, answer))) => judge(&answer),
        Ok(Ok((Status { code: DEADLINE_EXCEEDED, .. }, _))) => Outcome::Failure(late()),
        Ok(Ok((Status { code: UNIMPLEMENTED, message }, _))) => Outcome::Failure(format!(
            "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): {message}"
        )),
        Ok(Ok((Status { code, message }, _))) => Outcome::Failure(format!(
            "error: health rpc probe failed: rpc error: code = {code} desc = {message}"
        )),
    }
}

/// Connects, again and again until the caller's time is over; `last` says what went wrong.
async fn connect(
    place: SocketAddr,
    tls: Option<&Arc<ClientConfig>>,
    last: &mut Option<String>,
) -> Result<Line, Outcome> {
    loop {
        match try_connect(place, tls).await {
            Ok(line) => return Ok(line),
            // Our own want of files or ports is nobody's failure.
            Err(outcome @ Outcome::Unknown(_)) => return Err(outcome),
            Err(outcome) => *last = Some(outcome.message().to_owned()),
        }
        sleep(AGAIN).await;
    }
}

async fn try_connect(place: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> Result<Line, Outcome> {
    let stream = dial(&place.ip().to_string(), place.port())
        .await
        .map_err(|error| dial_failed(why(&error), &error))?;
    match tls {
        None => shake_hands(stream).await,
        Some(tls) => {
            let connector = TlsConnector::from(Arc::clone(tls));
            let stream = connector
                .connect(ServerName::from(place.ip()), stream)
                .await
                .map_err(|error| Outcome::Failure(format!("TLS handshake: {}", why(&error))))?;
            shake_hands(stream).await
        }
    }
}

async fn shake_hands<S>(stream: S) -> Result<Line, Outcome>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| Outcome::Failure(why(&error)))?;
    Ok(Line { sender, connection: Driven::new(connection) })
}

/// One call: its status, and the bytes of its answer.
async fn check(line: Line, place: SocketAddr, service: &str) -> Result<(Status, Vec<u8>), String> {
    let Line { mut sender, mut connection } = line;
    let request = Request::post(format!("http://{place}{PATH}"))
        .header(CONTENT_TYPE, "application/grpc")
        .header(TE, "trailers")
        .header(USER_AGENT, AGENT)
        .body(Full::new(question(service)))
        .map_err(|error| why(&error))?;
    let response = connection.until(sender.send_request(request)).await;
    let response = response.map_err(|error| why(&error))?;
    read(response, &mut connection).await
}

async fn read(
    response: Response<Incoming>,
    connection: &mut Driven,
) -> Result<(Status, Vec<u8>), String> {
    if response.status() != StatusCode::OK {
        return Err(format!("unexpected HTTP status code {}", response.status().as_u16()));
    }
    // A refusal may come with its status among the headers, and without any answer.
    let mut status = status_of(response.headers());
    let mut body = response.into_body();
    let mut answer = Vec::new();
    while let Some(frame) = connection.until(body.frame()).await {
        let frame = frame.map_err(|error| why(&error))?;
        if let Some(trailers) = frame.trailers_ref() {
            status = status.or_else(|| status_of(trailers));
        } else if let Ok(data) = frame.into_data() {
            if answer.len() + data.len() > MAX_ANSWER {
                return Err("the answer is too long for a health check".to_owned());
            }
            answer.extend_from_slice(&data);
        }
    }
    let status = status.ok_or("the server sent no grpc-status")?;
    Ok((status, answer))
}

fn status_of(headers: &HeaderMap) -> Option<Status> {
    let code = headers.get("grpc-status")?.to_str().ok()?.parse().ok()?;
    let message = headers.get("grpc-message").map_or_else(String::new, |message| {
        percent_decode(message.as_bytes()).decode_utf8_lossy().into_owned()
    });
    Some(Status { code, message })
}

/// `HealthCheckRequest { string service = 1; }`
fn question(service: &str) -> Bytes {
    let mut message = BytesMut::new();
    if !service.is_empty() {
        message.put_u8(1 << 3 | 2);
        let mut length = service.len();
        while length >= 0x80 {
            message.put_u8(length as u8 | 0x80);
            length >>= 7;
        }
        message.put_u8(length as u8);
        message.put_slice(service.as_bytes());
    }
    let mut framed = BytesMut::with_capacity(5 + message.len());
    framed.put_u8(0);
    framed.put_u32(message.len() as u32);
    framed.put_slice(&message);
    framed.freeze()
}

/// `HealthCheckResponse { ServingStatus status = 1; }`; a field of value 0 is not sent.
fn judge(answer: &[u8]) -> Outcome {
    let unreadable =
        || Outcome::Failure("error: health rpc probe failed: unreadable answer".into());
    let Some((&[0, a, b, c, d], message)) = answer.split_first_chunk::<5>() else {
        return unreadable();
    };
    if u32::from_be_bytes([a, b, c, d]) as usize != message.len() {
        return unreadable();
    }
    let status = match message {
        [] => "UNKNOWN",
        [0x08, 1, ..] => return Outcome::Success("service healthy".into()),
        [0x08, 2, ..] => "NOT_SERVING",
        [0x08, 3, ..] => "SERVICE_UNKNOWN",
        _ => "UNKNOWN",
    };
    Outcome::Failure(format!("service unhealthy (responded with \"{status}\")"))
}

#[cfg(test)]
mod tests;
