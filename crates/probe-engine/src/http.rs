//! The HTTP probe: a GET that answers 200 to 399 is success.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, LOCATION};
use http::uri::PathAndQuery;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;

use crate::dial::{dial, is_ours, why};
use crate::driven::Driven;
use crate::headers::{Headers, headers};
use crate::probe::{LONGEST, Scheme};
use crate::prober::Outcome;
use crate::url::{Location, Url};

/// How much of an answer is read; the rest is of no interest, and no error.
pub(crate) const MAX_BODY: usize = 10 * 1024;

/// How many requests one question may take, the redirected ones included.
pub(crate) const MAX_REQUESTS: usize = 10;

/// What an HTTP probe asks.
pub(crate) struct Question<'a> {
    /// Where.
    pub(crate) url: Url,
    /// The probe's own headers.
    pub(crate) headers: &'a [(String, String)],
    /// What it calls itself, unless its headers say.
    pub(crate) agent: &'static str,
    /// For everything: dialling, TLS, headers, redirects and body.
    pub(crate) timeout: Duration,
}

/// An answer whose body is still to come.
struct Answer {
    response: Response<Incoming>,
    connection: Driven,
}

/// Why there is no answer, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// Nobody took the connection.
    Dial(String),
    /// We had no file or port to dial with.
    Ours(String),
    /// TLS was offered to what does not speak it.
    InPlain(String),
    /// Anything else.
    Other(String),
}

/// Asks, follows redirects on the same host, and judges the answer.
pub(crate) async fn ask(question: &Question<'_>, tls: &Arc<ClientConfig>) -> Outcome {
    let deadline = Instant::now() + question.timeout.min(LONGEST);
    let get = || question.url.display();
    let too_late = || format!("Get \"{}\": no answer within {:?}", get(), question.timeout);
    let answer = match timeout_at(deadline, follow(question, tls)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(Failed::Ours(why))) => {
            return Outcome::Unknown(format!("Get \"{}\": {why}", get()));
        }
        Ok(Err(Failed::Dial(why) | Failed::InPlain(why) | Failed::Other(why))) => {
            return Outcome::Failure(format!("Get \"{}\": {why}", get()));
        }
        Err(_) => return Outcome::Failure(too_late()),
    };
    let status = answer.response.status();
    // To the kubelet a body that breaks off is an error of the prober, which counts neither way.
    let body = match timeout_at(deadline, read(answer)).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) => return Outcome::Unknown(format!("reading the body: {}", why(&error))),
        Err(_) => return Outcome::Unknown(format!("reading the body: {}", too_late())),
    };
    judge(status, body)
}

/// Sends the request, follows redirects on the same host, and takes any answer. The timeout is the caller's.
pub(crate) async fn deliver(
    question: &Question<'_>,
    tls: &Arc<ClientConfig>,
) -> Result<(), Failed> {
    let get = question.url.display();
    let named = |why: String| format!("Get \"{get}\": {why}");
    let answer = follow(question, tls).await.map_err(|failed| match failed {
        Failed::Dial(why) => Failed::Dial(named(why)),
        Failed::Ours(why) => Failed::Ours(named(why)),
        Failed::InPlain(why) => Failed::InPlain(named(why)),
        Failed::Other(why) => Failed::Other(named(why)),
    })?;
    // It has arrived; the server is let finish, whatever it says.
    let _ = read(answer).await;
    Ok(())
}

/// What a status and a body mean.
fn judge(status: StatusCode, body: String) -> Outcome {
    match status.as_u16() {
        200..=299 => Outcome::Success(body),
        300..=399 => Outcome::Warning(format!("Probe terminated redirects, Response body: {body}")),
        // The body is not shown: an error page may say more than the reader of events should know.
        code => Outcome::Failure(format!("HTTP probe failed with statuscode: {code}")),
    }
}

/// Asks until an answer is final: no redirect, or one that leads away from the host.
async fn follow(question: &Question<'_>, tls: &Arc<ClientConfig>) -> Result<Answer, Failed> {
    let Headers { mut host, others } =
        headers(question.headers, question.agent).map_err(Failed::Other)?;
    let mut url = question.url.clone();
    for _ in 0..MAX_REQUESTS {
        let host_header = host.clone().unwrap_or_else(|| url.authority.clone().into());
        let answer = send(&url, &host_header, &others, tls).await?;
        match redirect(&answer.response, &url) {
            Some(Location::Relative(next)) => url = next,
            Some(Location::Absolute(next)) if next.has_host_of(&question.url) => {
                // As in Go, a Host header of the probe's own is for the place it was written for.
                host = None;
                url = next;
            }
            _ => return Ok(answer),
        }
    }
    Err(Failed::Other(format!("stopped after {MAX_REQUESTS} redirects")))
}

/// Where an answer sends us, if it does.
fn redirect(response: &Response<Incoming>, url: &Url) -> Option<Location> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    if location.is_empty() { None } else { url.resolve(location) }
}

/// One request over a connection of its own.
async fn send(
    url: &Url,
    host: &[u8],
    headers: &HeaderMap,
    tls: &Arc<ClientConfig>,
) -> Result<Answer, Failed> {
    let request = request(url, host, headers)
        .map_err(|error| Failed::Other(format!("building the request: {}", why(&error))))?;
    let stream = dial(&url.host, url.port).await.map_err(|error| {
        let words = format!("dial tcp {}: {}", url.authority, why(&error));
        if is_ours(&error) { Failed::Ours(words) } else { Failed::Dial(words) }
    })?;
    match url.scheme {
        Scheme::Http => exchange(stream, request).await,
        Scheme::Https => {
            let name = ServerName::try_from(url.host.clone())
                .map_err(|error| Failed::Other(format!("host {}: {error}", url.host)))?;
            let connector = TlsConnector::from(Arc::clone(tls));
            let stream = connector.connect(name, stream).await.map_err(|error| {
                let words = format!("TLS handshake: {}", why(&error));
                if is_plain(&error) { Failed::InPlain(words) } else { Failed::Other(words) }
            })?;
            exchange(stream, request).await
        }
    }
}

fn request(url: &Url, host: &[u8], headers: &HeaderMap) -> http::Result<Request<Empty<Bytes>>> {
    let target = PathAndQuery::try_from(url.target.as_str())?;
    let mut request = Request::get(Uri::from(target)).body(Empty::new())?;
    *request.headers_mut() = headers.clone();
    request.headers_mut().insert(HOST, host.try_into()?);
    request.headers_mut().insert(CONNECTION, http::HeaderValue::from_static("close"));
    Ok(request)
}

/// Whether the server sent what is no TLS record at all.
fn is_plain(error: &io::Error) -> bool {
    use rustls::{Error, InvalidMessage};
    let error = error.get_ref().and_then(|error| error.downcast_ref::<Error>());
    matches!(error, Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)))
}

async fn exchange<S>(stream: S, request: Request<Empty<Bytes>>) -> Result<Answer, Failed>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |error: hyper::Error| Failed::Other(why(&error));
    let (mut sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    let mut connection = Driven::new(connection);
    let response = connection.until(sender.send_request(request)).await.map_err(failed)?;
    Ok(Answer { response, connection })
}

/// The first [`MAX_BODY`] bytes as text.
async fn read(answer: Answer) -> Result<String, hyper::Error> {
    let Answer { response, mut connection } = answer;
    let mut body = response.into_body();
    let mut bytes: Vec<u8> = Vec::new();
    while let Some(frame) = connection.until(body.frame()).await {
        if let Ok(data) = frame?.into_data() {
            let room = MAX_BODY - bytes.len();
            bytes.extend_from_slice(&data[..data.len().min(room)]);
        }
        if bytes.len() == MAX_BODY {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests;
