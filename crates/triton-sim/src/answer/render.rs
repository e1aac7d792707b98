//! How answers go out: the headers that all of them have, and those that are lost on purpose.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body as AxumBody;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use uuid::Uuid;

use super::Arrived;
use crate::clock::until;
use crate::http::{Body, Reply};
use crate::refusal::Refusal;
use crate::version::ApiVersion;

/// Marks an answer that must not arrive.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the answer is lost on purpose")]
pub(crate) struct AnswerLost;

/// The version of the sdc-cloudapi code that is simulated.
const SERVER: &str = "cloudapi/9.20.0";

/// In process the caller sees headers and then a broken body; on a socket not even headers.
pub(super) fn lost() -> Response<AxumBody> {
    let mut response = Response::new(AxumBody::new(Broken));
    response.extensions_mut().insert(AnswerLost);
    response
}

/// A body that breaks off before it begins.
struct Broken;

impl hyper::body::Body for Broken {
    type Data = Bytes;
    type Error = AnswerLost;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, AnswerLost>>> {
        Poll::Ready(Some(Err(AnswerLost)))
    }
}

/// Adds what every answer has; HAProxy's own have less.
pub(super) fn render(
    arrived: &Arrived,
    version: ApiVersion,
    now: Timestamp,
    result: Result<Reply, Refusal>,
) -> Response<AxumBody> {
    let (reply, from_proxy) = match result {
        Ok(reply) => (reply, false),
        Err(refusal) => {
            let reply = Reply::json(refusal.status, refusal.to_body());
            let from_proxy = refusal.from_proxy;
            let retry_after = refusal.retry_after.map(http_date);
            (
                retry_after
                    .into_iter()
                    .fold(reply, |reply, date| reply.header("retry-after", date)),
                from_proxy,
            )
        }
    };
    let (content_type, bytes) = match reply.body {
        Body::Empty => (None, Bytes::new()),
        Body::Json(value) => (Some("application/json"), Bytes::from(value.to_string())),
        Body::Text(text) => (Some("text/plain"), Bytes::from(text)),
        // The lines follow.
        Body::MigrationEvents(_) => (Some("application/x-json-stream"), Bytes::new()),
    };
    let mut headers = HeaderMap::new();
    let mut set = |name: &'static str, value: String| {
        // Only what a caller sent could be no header value, and it was one when it came.
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    };
    if let Some(content_type) = content_type {
        set("content-type", content_type.to_owned());
        set("content-length", bytes.len().to_string());
    }
    if from_proxy {
        set("connection", "close".to_owned());
        set("cache-control", "no-cache".to_owned());
    } else {
        set("server", SERVER.to_owned());
        set("api-version", version.to_string());
        let request_id = arrived.header("x-request-id").or_else(|| arrived.header("request-id"));
        set("request-id", request_id.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned));
        set("response-time", until(arrived.at, now).as_millis().to_string());
        set("date", http_date(now));
        set("access-control-allow-origin", "*".to_owned());
        set("access-control-allow-methods", "POST, GET, PUT, DELETE, OPTIONS, HEAD".to_owned());
        set(
            "access-control-expose-headers",
            "api-version, content-md5, request-id, response-time".to_owned(),
        );
        if content_type.is_some() {
            set("content-md5", BASE64.encode(Md5::digest(&bytes)));
        }
    }
    for (name, value) in reply.headers {
        set(name, value);
    }
    let body =
        if arrived.method == Method::HEAD { AxumBody::empty() } else { AxumBody::from(bytes) };
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = headers;
    response
}

fn http_date(at: Timestamp) -> String {
    httpdate::fmt_http_date(at.into())
}
