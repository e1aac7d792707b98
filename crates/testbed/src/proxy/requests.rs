//! As much of HTTP/1.1 as it takes to know where one request ends and what it asks.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Largest head of a request that is understood.
const HEAD_MAX: usize = 64 << 10;
/// Largest body that is held back: a create has 100 000 bytes at most.
const BODY_MAX: usize = 4 << 20;

/// What a request asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHead {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Bytes of its body.
    pub(super) body: usize,
    /// Whether the connection is something else than HTTP after it, or its length is not told beforehand.
    pub(super) is_last: bool,
}

/// A request with all its bytes.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) head: RequestHead,
    pub(super) bytes: BytesMut,
}

// === impl RequestHead ===

impl RequestHead {
    /// Whether it is a CreateMachine.
    #[must_use]
    pub fn is_create(&self) -> bool {
        let path = self.path.split('?').next().unwrap_or_default();
        self.method == "POST"
            && path.ends_with("/machines")
            && path.bytes().filter(|byte| *byte == b'/').count() == 2
    }

    /// Whether it may change something.
    #[must_use]
    pub fn is_change(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }

    /// Reads the head that `bytes` begins with, and says how long it is; `None` when it is not complete.
    fn parse(bytes: &[u8]) -> io::Result<Option<(Self, usize)>> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            let too_long = bytes.len() > HEAD_MAX;
            return if too_long { Err(odd("the head of a request is too long")) } else { Ok(None) };
        };
        let text = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = text.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (Some(method), Some(path)) = (words.next(), words.next()) else {
            return Err(odd("a request without method and path"));
        };
        let mut head =
            Self { method: method.to_owned(), path: path.to_owned(), body: 0, is_last: false };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            match name.trim().to_ascii_lowercase().as_str() {
                "content-length" => {
                    let length = value.trim().parse().ok().filter(|length| *length <= BODY_MAX);
                    head.body = length.ok_or_else(|| odd("a request's length is odd"))?;
                }
                "transfer-encoding" | "upgrade" => head.is_last = true,
                _ => {}
            }
        }
        Ok(Some((head, end + 4)))
    }
}

/// Reads the next request; `None` when the client is done. `buffer` holds what was read too far.
pub(super) async fn next<R>(reader: &mut R, buffer: &mut BytesMut) -> io::Result<Option<Request>>
where
    R: AsyncRead + Unpin,
{
    loop {
        if let Some((head, end)) = RequestHead::parse(buffer)? {
            let whole = end + if head.is_last { 0 } else { head.body };
            while buffer.len() < whole {
                if reader.read_buf(buffer).await? == 0 {
                    return Err(odd("a request ends in its middle"));
                }
            }
            let whole = if head.is_last { buffer.len() } else { whole };
            return Ok(Some(Request { head, bytes: buffer.split_to(whole) }));
        }
        if reader.read_buf(buffer).await? == 0 {
            return if buffer.is_empty() {
                Ok(None)
            } else {
                Err(odd("a request ends in its head"))
            };
        }
    }
}

fn odd(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] =
        b"POST /demo/machines HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhelloGET \
                         /demo/machines?limit=1 HTTP/1.1\r\nHost: x\r\n\r\n";

    #[tokio::test]
    async fn requests_are_told_apart_however_they_arrive() {
        for size in [1, 7, 1000] {
            let (mut near, far) = tokio::io::duplex(size);
            let writing = tokio::spawn(async move {
                let mut far = far;
                tokio::io::AsyncWriteExt::write_all(&mut far, TWO).await.unwrap();
            });
            let mut buffer = BytesMut::new();
            let first = next(&mut near, &mut buffer).await.unwrap().unwrap();
            assert!(first.head.is_create() && first.head.is_change());
            assert!(first.bytes.ends_with(b"\r\n\r\nhello"));
            let second = next(&mut near, &mut buffer).await.unwrap().unwrap();
            assert_eq!(second.head.path, "/demo/machines?limit=1");
            assert!(!second.head.is_create() && !second.head.is_change());
            assert!(next(&mut near, &mut buffer).await.unwrap().is_none());
            writing.await.unwrap();
        }
    }

    #[tokio::test]
    async fn after_an_upgrade_nothing_is_a_request() {
        let text = b"GET /demo/changefeed HTTP/1.1\r\nUpgrade: websocket\r\n\r\n\x81\x00";
        let mut buffer = BytesMut::new();
        let request = next(&mut text.as_slice(), &mut buffer).await.unwrap().unwrap();
        assert!(request.head.is_last);
        assert_eq!((request.bytes.len(), buffer.len()), (text.len(), 0));
    }

    #[tokio::test]
    async fn half_a_request_is_an_error() {
        for text in ["GET / HTTP/1.1\r\nHost", "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf"] {
            let mut buffer = BytesMut::new();
            assert!(next(&mut text.as_bytes(), &mut buffer).await.is_err(), "{text}");
        }
    }
}
