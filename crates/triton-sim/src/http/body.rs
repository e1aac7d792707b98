//! Request bodies: unpacked, and read by their type.

use std::convert::Infallible;
use std::io::Read as _;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, Method, header};
use serde_json::{Map, Value};

use super::params::insert_repeatable;
use crate::refusal::Refusal;

/// A longer body is refused with 413. Of a compressed one it counts the compressed bytes.
pub(crate) const BODY_BYTES_MAX: usize = 100_000;
/// The real one unpacks whatever it gets; here an end is put to it.
const UNPACKED_BYTES_MAX: u64 = 64 << 20;
/// Fields of a form beyond these are ignored.
const FIELDS_MAX: usize = 1000;

/// What a body says, ready to be merged into the parameters; `Null` when it says nothing.
///
/// GET and HEAD have none, and a body of a type nobody knows is not refused but ignored.
///
/// # Errors
/// 400 InvalidContent for JSON that is not, 400 BadRequestError for a broken form or gzip.
pub(crate) async fn read_body(
    method: &Method,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Value, Refusal> {
    if body.is_empty() || matches!(*method, Method::GET | Method::HEAD) {
        return Ok(Value::Null);
    }
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let body = if text(header::CONTENT_ENCODING).eq_ignore_ascii_case("gzip") {
        unpack(body)?
    } else {
        body.clone()
    };
    let content_type = text(header::CONTENT_TYPE);
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media_type.as_str() {
        "application/json" => serde_json::from_slice(&body)
            .map_err(|error| Refusal::new(400, "InvalidContent", format!("Invalid JSON: {error}"))),
        "application/x-www-form-urlencoded" => {
            let mut params = Map::new();
            form_urlencoded::parse(&body)
                .take(FIELDS_MAX)
                .for_each(|(key, value)| insert_repeatable(&mut params, &key, &value));
            Ok(Value::Object(params))
        }
        "multipart/form-data" => read_multipart(content_type, body).await.map_err(bad_request),
        _ => Ok(Value::Null),
    }
}

fn unpack(body: &[u8]) -> Result<Bytes, Refusal> {
    let mut unpacked = Vec::new();
    let mut decoder = MultiGzDecoder::new(body).take(UNPACKED_BYTES_MAX);
    decoder.read_to_end(&mut unpacked).map_err(bad_request)?;
    Ok(unpacked.into())
}

/// Fields become parameters, files do not.
async fn read_multipart(content_type: &str, body: Bytes) -> Result<Value, multer::Error> {
    let boundary = multer::parse_boundary(content_type)?;
    let stream = futures::stream::once(async move { Ok::<_, Infallible>(body) });
    let mut multipart = multer::Multipart::new(stream, boundary);
    let mut params = Map::new();
    while let Some(field) = multipart.next_field().await? {
        let Some(name) = field.name().filter(|_| field.file_name().is_none()) else { continue };
        let name = name.to_owned();
        insert_repeatable(&mut params, &name, &field.text().await?);
        if params.len() >= FIELDS_MAX {
            break;
        }
    }
    Ok(Value::Object(params))
}

fn bad_request(error: impl std::fmt::Display) -> Refusal {
    Refusal::new(400, "BadRequestError", error.to_string())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::json;

    use super::*;

    async fn read(
        method: Method,
        content_type: &str,
        encoding: &str,
        body: &[u8],
    ) -> Result<Value, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        headers.insert(header::CONTENT_ENCODING, encoding.parse().unwrap());
        read_body(&method, &headers, &Bytes::copy_from_slice(body)).await
    }

    async fn check(content_type: &str, body: &str, expected: Value) {
        let found = read(Method::POST, content_type, "identity", body.as_bytes()).await;
        assert_eq!(found, Ok(expected), "{content_type}");
    }

    #[tokio::test]
    async fn the_type_says_how_to_read() {
        check("application/json; charset=utf-8", r#"{"a":1}"#, json!({ "a": 1 })).await;
        check("application/x-www-form-urlencoded", "a=2&b=x+y", json!({ "a": "2", "b": "x y" }))
            .await;
        check("text/plain", r#"{"a":1}"#, Value::Null).await;
        check("", r#"{"a":1}"#, Value::Null).await;
        let form = "--x\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n1\r\n\
                    --x\r\ncontent-disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n2\r\n--x--\r\n";
        check("multipart/form-data; boundary=x", form, json!({ "a": "1" })).await;
    }

    #[tokio::test]
    async fn a_compressed_body_is_unpacked() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(br#"{"a":1}"#).unwrap();
        let packed = encoder.finish().unwrap();
        let json = "application/json";
        assert_eq!(read(Method::POST, json, "gzip", &packed).await, Ok(json!({ "a": 1 })));
        let broken = read(Method::POST, json, "gzip", b"{}").await.unwrap_err();
        assert_eq!((broken.status, broken.code), (400, "BadRequestError"));
    }

    #[tokio::test]
    async fn what_is_asked_for_has_no_body() {
        let got = read(Method::GET, "application/json", "identity", b"nonsense").await;
        assert_eq!(got, Ok(Value::Null));
        let posted = read(Method::POST, "application/json", "identity", b"nonsense").await;
        assert_eq!(posted.unwrap_err().code, "InvalidContent");
    }
}
