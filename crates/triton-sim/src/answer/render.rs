//! How answers go out: the headers that all of them have, and what faults make of them.

use std::time::Duration;

use axum::body::Body as AxumBody;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use uuid::Uuid;

use super::Arrived;
use super::instead::idle_client;
use super::mangle::mangle;
use super::script::{Piece, cut, drip, play};
use crate::clock::{add, until};
use crate::faults::{FaultKind, Strike};
use crate::http::{Body, Reply};
use crate::refusal::{Foreign, Refusal};
use crate::serve::OnLine;
use crate::version::ApiVersion;

/// What an answer is made of beside its contents.
pub(super) struct Manner<'a> {
    pub(super) arrived: &'a Arrived,
    pub(super) version: ApiVersion,
    /// By the server's clock, which may be wrong.
    pub(super) now: Timestamp,
    /// Faults of bodies, headers and bytes.
    pub(super) strikes: &'a [Strike],
}

/// The version of the sdc-cloudapi code that is simulated.
const SERVER: &str = "cloudapi/9.20.0";
/// A version of the API that does not exist.
const STRANGE_VERSION: &str = "99.0.0";
const STRANGE_TALK: &[u8] = b"220 mail.example.com ESMTP\r\n";

/// In process the caller sees headers and then a broken body; on a socket not even headers.
pub(super) fn lost() -> Response<AxumBody> {
    let mut response = Response::new(play(vec![Piece::Break]));
    response.extensions_mut().insert(OnLine::Reset);
    response
}

/// Adds what every answer has; those that are not CloudAPI's have less.
pub(super) fn render(manner: &Manner<'_>, result: Result<Reply, Refusal>) -> Response<AxumBody> {
    let reply = match result {
        Ok(reply) => reply,
        Err(refusal) => match refusal.foreign {
            Some(foreign) => return render_foreign(refusal.status, *foreign),
            None => {
                let reply = Reply::json(refusal.status, refusal.to_body());
                let retry_after = refusal.retry_after.map(http_date);
                retry_after.into_iter().fold(reply, |reply, date| reply.header("retry-after", date))
            }
        },
    };
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (content_type, pieces) = match reply.body {
        Body::Empty => (None, Vec::new()),
        Body::Json(value) => (Some("application/json"), mangle(value, manner.strikes)),
        Body::Text(text) => (Some("text/plain"), vec![Piece::Bytes(Bytes::from(text))]),
        // The lines follow.
        Body::MigrationEvents(_) => (Some("application/x-json-stream"), Vec::new()),
    };
    let mut headers = manner.headers();
    if let Some(content_type) = content_type {
        set(&mut headers, "content-type", content_type.to_owned());
    }
    if let Some(length) = length_of(&pieces).filter(|_| content_type.is_some()) {
        set(&mut headers, "content-length", length.to_string());
    }
    if let ([Piece::Bytes(bytes)], Some(_)) = (pieces.as_slice(), content_type) {
        set(&mut headers, "content-md5", BASE64.encode(Md5::digest(bytes)));
    }
    for (name, value) in reply.headers {
        set(&mut headers, name, value);
    }
    manner.distort(&mut headers);
    let pieces = if manner.arrived.method == Method::HEAD { Vec::new() } else { pieces };
    manner.send(status, headers, pieces)
}

/// Answers that are not CloudAPI's close the connection; they have a length and nearly nothing else.
fn render_foreign(status: u16, foreign: Foreign) -> Response<AxumBody> {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let body = AxumBody::from(foreign.text);
    respond(status, foreign_headers(foreign), body)
}

fn foreign_headers(foreign: Foreign) -> HeaderMap {
    let mut headers = HeaderMap::new();
    set(&mut headers, "connection", "close".to_owned());
    set(&mut headers, "cache-control", "no-cache".to_owned());
    set(&mut headers, "content-length", foreign.text.len().to_string());
    if let Some(content_type) = foreign.content_type {
        set(&mut headers, "content-type", content_type.to_owned());
    }
    if let Some(location) = foreign.location {
        set(&mut headers, "location", location);
    }
    headers
}

fn respond(status: StatusCode, headers: HeaderMap, body: AxumBody) -> Response<AxumBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Only what a caller sent could be no header value, and it was one when it came.
fn set(headers: &mut HeaderMap, name: &'static str, value: String) {
    if let Ok(value) = HeaderValue::from_str(&value) {
        headers.insert(name, value);
    }
}

/// How many bytes that is, unless it never ends.
fn length_of(pieces: &[Piece]) -> Option<u64> {
    let lengths = pieces.iter().map(|piece| match piece {
        Piece::Bytes(bytes) | Piece::Drip(bytes, _) => Some(bytes.len() as u64),
        Piece::Blanks(count) => Some(*count),
        Piece::Pause(_) | Piece::Break => Some(0),
        Piece::BlanksForEver(_) => None,
    });
    lengths.sum()
}

fn http_date(at: Timestamp) -> String {
    httpdate::fmt_http_date(at.into())
}

// === impl Manner ===

impl Manner<'_> {
    fn find(&self, kind: FaultKind) -> Option<&Strike> {
        self.strikes.iter().find(|strike| strike.kind == kind)
    }

    /// Those that every answer of CloudAPI has.
    fn headers(&self) -> HeaderMap {
        const CORS: [(&str, &str); 3] = [
            ("access-control-allow-origin", "*"),
            ("access-control-allow-methods", "POST, GET, PUT, DELETE, OPTIONS, HEAD"),
            (
                "access-control-expose-headers",
                "api-version, content-md5, request-id, response-time",
            ),
        ];
        let mut headers = HeaderMap::with_capacity(16);
        let arrived = self.arrived;
        headers.insert("server", HeaderValue::from_static(SERVER));
        set(&mut headers, "api-version", self.version.to_string());
        let request_id = arrived.header("x-request-id").or_else(|| arrived.header("request-id"));
        let request_id = request_id.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
        set(&mut headers, "request-id", request_id);
        let response_time = until(arrived.came, self.now).as_millis();
        set(&mut headers, "response-time", response_time.to_string());
        set(&mut headers, "date", http_date(self.now));
        for (name, value) in CORS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers
    }

    fn distort(&self, headers: &mut HeaderMap) {
        for strike in self.strikes {
            match strike.kind {
                FaultKind::ConnectionClose => set(headers, "connection", "close".to_owned()),
                FaultKind::NoDate => {
                    headers.remove("date");
                }
                FaultKind::WrongDate => {
                    set(headers, "date", http_date(add(self.now, strike.delay)));
                }
                FaultKind::UnknownApiVersion => {
                    set(headers, "api-version", STRANGE_VERSION.to_owned());
                }
                FaultKind::LargeHeader => {
                    let size = usize::try_from(strike.size).unwrap_or(usize::MAX);
                    set(headers, "x-sim-padding", "x".repeat(size));
                }
                _ => {}
            }
        }
    }

    /// The answer as bytes; what only a socket can do travels along as [`OnLine`].
    fn send(
        &self,
        status: StatusCode,
        mut headers: HeaderMap,
        mut pieces: Vec<Piece>,
    ) -> Response<AxumBody> {
        if let Some(on_line) = self.raw(status, &mut headers, &pieces) {
            let mut response = respond(status, headers, play(pieces));
            response.extensions_mut().insert(on_line);
            return response;
        }
        if let Some(strike) = self.find(FaultKind::SlowLoris) {
            pieces = drip(pieces, strike.delay);
        }
        if self.find(FaultKind::AnswerCut).is_some() {
            let mut response = respond(status, headers, play(cut(pieces)));
            response.extensions_mut().insert(OnLine::ResetAfter);
            return response;
        }
        let dies = self.find(FaultKind::ConnectionDies);
        let dies = dies.map(|strike| OnLine::Dies { after: strike.delay });
        let on_idle = self.find(FaultKind::IdleClosed).map(|strike| OnLine::Idle {
            bytes: as_text(
                StatusCode::REQUEST_TIMEOUT,
                &foreign_headers(idle_client()),
                idle_client().text.as_bytes(),
            ),
            after: strike.delay,
        });
        let body = match <[Piece; 1]>::try_from(pieces) {
            Ok([Piece::Bytes(bytes)]) => AxumBody::from(bytes),
            Ok([piece]) => play(vec![piece]),
            Err(pieces) if pieces.is_empty() => AxumBody::empty(),
            Err(pieces) => play(pieces),
        };
        let mut response = respond(status, headers, body);
        if let Some(on_line) = dies.or(on_idle) {
            response.extensions_mut().insert(on_line);
        }
        response
    }

    /// What HTTP's rules forbid a server to say, and is therefore said past them.
    fn raw(&self, status: StatusCode, headers: &mut HeaderMap, pieces: &[Piece]) -> Option<OnLine> {
        if self.find(FaultKind::NotHttp).is_some() {
            let bytes = Bytes::from_static(STRANGE_TALK);
            return Some(OnLine::Raw { bytes, hold: Duration::ZERO });
        }
        let [Piece::Bytes(bytes)] = pieces else { return None };
        let (length, hold) = match self.find(FaultKind::ContentLengthLong) {
            Some(strike) => (bytes.len() + 100, strike.delay),
            None => {
                self.find(FaultKind::ContentLengthShort)?;
                (bytes.len() / 2, Duration::ZERO)
            }
        };
        set(headers, "content-length", length.to_string());
        Some(OnLine::Raw { bytes: as_text(status, headers, bytes), hold })
    }
}

/// An answer as HTTP/1.1 writes it.
fn as_text(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Bytes {
    let mut text = format!("HTTP/1.1 {status}\r\n").into_bytes();
    for (name, value) in headers {
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    text.extend_from_slice(b"\r\n");
    text.extend_from_slice(body);
    Bytes::from(text)
}
