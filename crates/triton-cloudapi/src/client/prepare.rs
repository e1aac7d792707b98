//! From a request to what goes on the wire: URL, headers, signature.

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, DATE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use http_body_util::Full;

use super::transport::HttpRequest;
use super::{Client, Error};
use crate::request::{Request, RequestError, Scope};

/// API 9, or 8: the form of roles is 9's, and one route (VNC) exists as 8 only.
const VERSIONS: HeaderValue = HeaderValue::from_static("~9||~8");

const ACCEPT_VERSION: HeaderName = HeaderName::from_static("accept-version");

/// CloudAPI takes this over as the id of the request, in its logs and in those behind it.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const JSON: HeaderValue = HeaderValue::from_static("application/json");

const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("triton-cloudapi/", env!("CARGO_PKG_VERSION")));

// === impl Client ===

impl Client {
    pub(super) fn uri<T>(&self, request: &Request<T>) -> Result<Uri, Error> {
        let uri = self.inner.base.resolve(request.http.uri(), request.endpoint.scope);
        Ok(uri.map_err(RequestError::Http)?)
    }

    /// The request as it goes on the wire, signed now.
    pub(super) async fn prepare<T>(
        &self,
        request: &Request<T>,
        request_id: &str,
    ) -> Result<HttpRequest, Error> {
        let http = &request.http;
        let uri = self.uri(request)?;
        let mut headers = unsigned_headers(request);
        headers.insert(REQUEST_ID, header_value(request_id)?);
        if request.endpoint.scope == Scope::Account {
            let target = uri.path_and_query().map_or("/", |target| target.as_str());
            let signed = self
                .inner
                .signing
                .headers(http.method().as_str(), target)
                .await
                .map_err(Error::Sign)?;
            headers.insert(DATE, header_value(&signed.date)?);
            let mut authorization = header_value(&signed.authorization)?;
            authorization.set_sensitive(true);
            headers.insert(AUTHORIZATION, authorization);
        }
        let mut prepared = http::Request::new(Full::new(Bytes::from(http.body().clone())));
        *prepared.method_mut() = http.method().clone();
        *prepared.uri_mut() = uri;
        *prepared.headers_mut() = headers;
        Ok(prepared)
    }
}

/// The headers that are the same whenever the request is sent.
pub(super) fn unsigned_headers<T>(request: &Request<T>) -> HeaderMap {
    let http = &request.http;
    let mut headers = http.headers().clone();
    headers.entry(ACCEPT).or_insert(JSON);
    headers.insert(ACCEPT_VERSION, VERSIONS);
    headers.insert(USER_AGENT, AGENT);
    // Said for a POST without a body too: without it the server waits for one.
    if *http.method() != Method::GET {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(http.body().len()));
    }
    headers
}

/// Names a call in the server's logs and in ours.
pub(super) fn request_id() -> String {
    uuid::Builder::from_random_bytes(rand::random()).into_uuid().to_string()
}

pub(super) fn header_value(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(text).map_err(|error| Error::Request(RequestError::Http(error.into())))
}
