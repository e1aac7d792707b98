//! Plain HTTP to loopback: the simulator's control paths, metrics, health.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Longest a request may take.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
/// Largest answer that is read: 10 000 instances are about 20 MB.
const BODY_LIMIT: usize = 64 << 20;

/// A client for one server.
#[derive(Clone)]
pub(crate) struct Http {
    base: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

// === impl Http ===

impl Http {
    /// `base` without a slash at the end.
    pub(crate) fn new(base: &str) -> Self {
        Self { base: base.to_owned(), client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// URL of the server.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The body of a 2xx answer.
    pub(crate) async fn get(&self, path: &str) -> Result<String> {
        self.send(Method::GET, path, String::new()).await
    }

    /// Sends JSON (or nothing) and returns the body of a 2xx answer.
    pub(crate) async fn send(&self, method: Method, path: &str, body: String) -> Result<String> {
        let what = format!("{method} {}{path}", self.base);
        tokio::time::timeout(REQUEST_LIMIT, self.exchange(method, path, body))
            .await
            .with_context(|| format!("waiting for {what}"))?
            .with_context(|| format!("sending {what}"))
    }

    async fn exchange(&self, method: Method, path: &str, body: String) -> Result<String> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        if !body.is_empty() {
            request = request.header(http::header::CONTENT_TYPE, "application/json");
        }
        let answer = self.client.request(request.body(Full::from(body))?).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), BODY_LIMIT).collect().await;
        let body =
            body.map_err(|error| anyhow::anyhow!(error)).context("reading the answer")?.to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        ensure!(status.is_success(), "{status}: {text}");
        Ok(text)
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("base", &self.base).finish_non_exhaustive()
    }
}
