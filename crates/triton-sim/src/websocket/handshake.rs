//! From an HTTP request to a WebSocket.

use axum::body::Body as AxumBody;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use hyper::ext::ReasonPhrase;
use hyper::upgrade::OnUpgrade;
use sha1::{Digest as _, Sha1};
use tokio_util::sync::CancellationToken;

use crate::refusal::Refusal;

/// What is needed to take a connection over: only a request that came over a socket has it.
#[derive(Debug, Clone)]
pub(crate) struct Upgrading {
    pub(crate) connection: OnUpgrade,
    /// The listener is gone.
    pub(crate) stop: CancellationToken,
}

/// RFC 6455, section 1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const REASON: &[u8] = b"The Watershed Moment";

/// The 101 that ends HTTP on this connection.
///
/// # Errors
/// 500 without a code where the connection cannot become a WebSocket; 500 for a handshake that watershed throws at, among
/// them any that asks for a subprotocol which is not in `protocols`.
pub(crate) fn accept(
    headers: &HeaderMap,
    protocols: &[&str],
) -> Result<Response<AxumBody>, Refusal> {
    let header = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let lists = |name: HeaderName, wanted: &str| {
        let items = header(name).unwrap_or_default().split(',');
        items.map(str::trim).any(|item| item.eq_ignore_ascii_case(wanted))
    };
    if !lists(header::CONNECTION, "upgrade") || !lists(header::UPGRADE, "websocket") {
        return Err(Refusal::plain("Connection Must Upgrade For WebSockets"));
    }
    let refuse = || Refusal::internal("Internal Error");
    if header(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version != "13") {
        return Err(refuse());
    }
    let key = header(header::SEC_WEBSOCKET_KEY).ok_or_else(refuse)?;
    let wanted = header(header::SEC_WEBSOCKET_PROTOCOL);
    let protocol = match wanted {
        None => None,
        Some(wanted) => {
            let wanted = wanted.split(',').map(str::trim);
            Some(wanted.into_iter().find(|p| protocols.contains(p)).ok_or_else(refuse)?)
        }
    };
    let mut response = Response::new(AxumBody::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.extensions_mut().insert(ReasonPhrase::from_static(REASON));
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    let answer = HeaderValue::from_str(&accept_key(key)).map_err(|_| refuse())?;
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, answer);
    if let Some(protocol) = protocol {
        let protocol = HeaderValue::from_str(protocol).map_err(|_| refuse())?;
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    Ok(response)
}

fn accept_key(key: &str) -> String {
    BASE64.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(more: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        // The example of RFC 6455, section 1.3.
        let rfc = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-version", "13"),
        ];
        for (name, value) in rfc.iter().chain(more) {
            headers.insert(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn the_answer_is_that_of_the_rfc() {
        let response = accept(&headers(&[]), &[]).unwrap();
        assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(response.status(), 101);
        assert_eq!(response.extensions().get::<ReasonPhrase>().unwrap().as_bytes(), REASON);
    }

    #[track_caller]
    fn check(more: &[(&'static str, &str)], protocols: &[&str], expected: &str) {
        let answer = accept(&headers(more), protocols);
        let answer = match answer {
            Ok(response) => {
                let protocol = response.headers().get("sec-websocket-protocol");
                protocol.map_or("101".to_owned(), |p| p.to_str().unwrap().to_owned())
            }
            Err(refusal) => refusal.message,
        };
        assert_eq!(answer, expected);
    }

    #[test]
    fn other_handshakes_are_refused_as_watershed_does() {
        check(&[("connection", "keep-alive")], &[], "Connection Must Upgrade For WebSockets");
        check(&[("upgrade", "h2c")], &[], "Connection Must Upgrade For WebSockets");
        check(&[("sec-websocket-version", "8")], &[], "Internal Error");
        check(&[("sec-websocket-protocol", "binary")], &[], "Internal Error");
        check(&[("sec-websocket-protocol", "x, binary")], &["binary"], "binary");
        check(&[("sec-websocket-extensions", "permessage-deflate")], &[], "101");
    }
}
