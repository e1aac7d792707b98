//! A plain hyper client: what sending a request costs at least.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use triton_signature::http::{KeyId, sign_date};
use triton_signature::{PrivateKey, Signer};

use crate::KEY;

/// It signs once: CloudAPI takes the date for five minutes.
#[derive(Clone)]
pub(crate) struct Plain {
    client: Client<HttpConnector, Full<Bytes>>,
    url: String,
    date: String,
    authorization: String,
}

// === impl Plain ===

impl Plain {
    pub(crate) async fn new(url: &str) -> Self {
        let key = PrivateKey::from_text(KEY, None).unwrap();
        let key_id = KeyId::new("acme", key.public_key().md5_fingerprint());
        let date = httpdate::fmt_http_date(triton_cloudapi::client::clock::system()());
        let authorization =
            sign_date(&Signer::from(key), &key_id, &date).await.unwrap().to_string();
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { client, url: url.to_owned(), date, authorization }
    }

    /// Sends a request and reads the answer to its end.
    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<String>) -> Bytes {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("date", &self.date)
            .header("authorization", &self.authorization)
            .header("accept", "application/json");
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(Full::from(body.unwrap_or_default())).unwrap();
        let answer = self.client.request(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(status.is_success(), "{method} {path}: {status}: {body:?}");
        body
    }
}
