//! The way between the provider and the simulator: requests travel, and can be held up, lost or answered by somebody
//! else on the way.
//!
//! What has been sent travels on when its sender dies, as packets do.

use std::io;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use futures::future::BoxFuture;
use http::{Method, Response, StatusCode, header};
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tower::{Service, ServiceExt as _};
use triton_cloudapi::client::HttpRequest;

/// How long a request travels one way.
const WAY: Duration = Duration::from_millis(2);

/// The largest answer that is passed on, in bytes.
const ANSWER_MAX: usize = 16 * 1024 * 1024;

/// What a connection holds that has not been read yet, in bytes.
const BUFFER: usize = 64 * 1024;

/// The calls that scenarios interfere with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// CreateMachine.
    Create,
    /// DeleteMachine.
    Delete,
    /// ListMachines.
    List,
    /// GetMachine.
    Read,
    /// StartMachine, StopMachine, RebootMachine and the like.
    Act,
    /// CreateFirewallRule.
    CreateRule,
    /// DeleteFirewallRule.
    DeleteRule,
    /// Changefeed.
    Feed,
    /// All others.
    Other,
}

/// Where on its way a request is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// Before the simulator has seen it.
    Request,
    /// After it was carried out.
    Answer,
}

/// A way to the simulator; clones share their gates.
#[derive(Clone)]
pub(crate) struct Wire {
    router: axum::Router,
    gates: Arc<Mutex<Vec<Gate>>>,
    feeds: Arc<Mutex<Vec<AbortHandle>>>,
    met: Arc<Mutex<Vec<Call>>>,
}

/// What is done to requests that come by.
#[derive(Clone)]
struct Gate {
    call: Call,
    at: At,
    left: u32,
    then: Then,
    met: Arc<watch::Sender<u32>>,
}

#[derive(Clone)]
enum Then {
    /// The connection is reset.
    Reset,
    /// Somebody answers: status, CloudAPI's error code.
    Answer(u16, &'static str),
    /// It waits until the trap lets it go.
    Wait(watch::Receiver<bool>),
}

/// Holds requests up. They go on when it is released, and are lost when it is dropped.
pub(crate) struct Trap {
    met: watch::Receiver<u32>,
    release: watch::Sender<bool>,
}

// === impl Call ===

impl Call {
    fn of(request: &HttpRequest) -> Self {
        // `/acme/machines/ID`
        let path = request.uri().path().trim_matches('/');
        let mut parts = path.split('/').skip(1);
        let found = (request.method(), parts.next(), parts.next(), parts.next());
        match found {
            (&Method::POST, Some("machines"), None, None) => Self::Create,
            (&Method::GET, Some("machines"), None, None) => Self::List,
            (&Method::GET, Some("machines"), Some(_), None) => Self::Read,
            (&Method::POST, Some("machines"), Some(_), None) => Self::Act,
            (&Method::DELETE, Some("machines"), Some(_), None) => Self::Delete,
            (&Method::POST, Some("fwrules"), None, None) => Self::CreateRule,
            (&Method::DELETE, Some("fwrules"), Some(_), None) => Self::DeleteRule,
            (&Method::GET, Some("changefeed"), None, None) => Self::Feed,
            _ => Self::Other,
        }
    }
}

// === impl Trap ===

impl Trap {
    /// Waits until so many requests have been caught.
    pub(crate) async fn has_caught(&mut self, count: u32) {
        let caught =
            tokio::time::timeout(Duration::from_secs(600), self.met.wait_for(|met| *met >= count))
                .await;
        caught.expect("nothing came by for ten minutes").unwrap();
    }

    /// Lets all go on.
    pub(crate) fn release(&self) {
        self.release.send_replace(true);
    }
}

// === impl Wire ===

impl Wire {
    pub(crate) fn to(router: axum::Router) -> Self {
        Self { router, gates: Arc::default(), feeds: Arc::default(), met: Arc::default() }
    }

    /// Resets the connection of the next `times` such requests.
    pub(crate) fn reset(&self, call: Call, at: At, times: u32) {
        self.add(call, at, times, Then::Reset);
    }

    /// Answers the next `times` such requests in the simulator's place.
    pub(crate) fn answer(&self, call: Call, times: u32, status: u16, code: &'static str) {
        self.add(call, At::Request, times, Then::Answer(status, code));
    }

    /// Holds such requests up.
    pub(crate) fn hold(&self, call: Call, at: At) -> Trap {
        let (release, released) = watch::channel(false);
        let met = self.add(call, at, u32::MAX, Then::Wait(released));
        Trap { met, release }
    }

    /// Nothing is interfered with any more; what is held up stays so.
    pub(crate) fn clear(&self) {
        self.gates.lock().unwrap().clear();
    }

    /// Cuts the connections of all feeds.
    pub(crate) fn cut_feeds(&self) {
        for feed in self.feeds.lock().unwrap().drain(..) {
            feed.abort();
        }
    }

    /// How many such requests have been sent.
    pub(crate) fn met(&self, call: Call) -> usize {
        self.met.lock().unwrap().iter().filter(|met| **met == call).count()
    }

    fn add(&self, call: Call, at: At, left: u32, then: Then) -> watch::Receiver<u32> {
        let (met, receiver) = watch::channel(0);
        self.gates.lock().unwrap().push(Gate { call, at, left, then, met: Arc::new(met) });
        receiver
    }

    fn meet(&self, call: Call, at: At) -> Option<Then> {
        let mut gates = self.gates.lock().unwrap();
        let gate =
            gates.iter_mut().find(|gate| gate.call == call && gate.at == at && gate.left > 0)?;
        gate.left -= 1;
        gate.met.send_modify(|met| *met += 1);
        Some(gate.then.clone())
    }

    /// `Some` ends the journey.
    async fn pass(&self, call: Call, at: At) -> Option<io::Result<Response<Body>>> {
        match self.meet(call, at)? {
            Then::Reset => Some(Err(io::ErrorKind::ConnectionReset.into())),
            Then::Answer(status, code) => {
                let text =
                    format!(r#"{{"code":"{code}","message":"said by somebody on the way"}}"#);
                let mut response = Response::new(Body::from(text));
                *response.status_mut() = StatusCode::from_u16(status).unwrap();
                response
                    .headers_mut()
                    .insert("content-type", http::HeaderValue::from_static("application/json"));
                Some(Ok(response))
            }
            Then::Wait(mut released) => match released.wait_for(|released| *released).await {
                Ok(_) => None,
                Err(_dropped) => Some(Err(io::ErrorKind::ConnectionReset.into())),
            },
        }
    }

    /// A connection of its own, in memory, for what is spoken after the answer.
    async fn upgrade(&self, mut request: HttpRequest) -> io::Result<Response<Body>> {
        let (near, mut from) = tokio::io::duplex(BUFFER);
        let (mut to, far) = tokio::io::duplex(BUFFER);
        let cable = async move { tokio::io::copy_bidirectional(&mut from, &mut to).await };
        self.feeds.lock().unwrap().push(tokio::spawn(cable).abort_handle());
        let service = TowerToHyperService::new(self.router.clone());
        let serving = server::Builder::new().serve_connection(TokioIo::new(far), service);
        tokio::spawn(serving.with_upgrades());
        let connection = client::handshake(TokioIo::new(near)).await;
        let (mut sender, connection) = connection.map_err(io::Error::other)?;
        tokio::spawn(connection.with_upgrades());
        if let Some(path) = request.uri().path_and_query().cloned() {
            *request.uri_mut() = path.into();
        }
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        Ok(response.map(Body::new))
    }

    async fn carry(self, request: HttpRequest) -> io::Result<Response<Body>> {
        let call = Call::of(&request);
        self.met.lock().unwrap().push(call);
        tokio::time::sleep(WAY).await;
        if let Some(end) = self.pass(call, At::Request).await {
            return end;
        }
        if request.headers().contains_key(header::UPGRADE) {
            return self.upgrade(request).await;
        }
        let Ok(response) = self.router.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, ANSWER_MAX).await;
        if let Some(end) = self.pass(call, At::Answer).await {
            return end;
        }
        tokio::time::sleep(WAY).await;
        let body = body.map_err(|_lost| io::Error::from(io::ErrorKind::ConnectionReset))?;
        Ok(Response::from_parts(parts, Body::from(body)))
    }
}

impl Service<HttpRequest> for Wire {
    type Response = Response<Body>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Response<Body>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest) -> Self::Future {
        let journey = tokio::spawn(self.clone().carry(request));
        Box::pin(async move { journey.await.map_err(io::Error::other)? })
    }
}
