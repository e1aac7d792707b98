//! From a request to its answer, in CloudAPI's order.
//!
//! Accept and version, signature, parameters, account, loaders, read-only mode, throttle, handler: an authentication error
//! wins over 404, and 404 over 429. [`decide()`] does all that at one moment, without waiting; [`suffer`] before it and
//! [`finish()`] after it do the waiting that faults and delays ask for.

mod behind_back;
mod decide;
mod finish;
mod gate;
mod identity;
mod instead;
mod late;
mod mangle;
mod migration_events;
mod render;
mod script;
mod trouble;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::body::Body as AxumBody;
use axum::extract::State as Shared;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use hyper::upgrade::OnUpgrade;
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::clock::add;
use crate::faults::{FaultKind, Trouble};
use crate::http::{BODY_BYTES_MAX, Found, Params, find, read_body};
use crate::refusal::Refusal;
use crate::sim::Sim;
use crate::websocket::Upgrading;

use decide::{Decision, Moment, Seen, decide};
use finish::{finish, record};
use render::{Manner, lost, render};
use trouble::Go;

pub(crate) use script::AnswerLost;

/// Who is at the other end of the socket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// What it speaks: `http` or `https`.
    pub(crate) scheme: &'static str,
}

/// A request that came over no connection.
const IN_PROCESS: Peer =
    Peer { address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0), scheme: "http" };

/// The listener that a connection came through is gone when this is cancelled.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop(pub(crate) CancellationToken);

/// A request that has arrived completely.
struct Arrived {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    peer: String,
    at: Timestamp,
    /// The same by the callers' clock.
    came: Timestamp,
    scheme: &'static str,
    /// Only on a connection of its own.
    upgrading: Option<Upgrading>,
}

/// A request that was carried out.
enum Settled {
    Answered(Response<AxumBody>),
    /// Before this is an answer, something has to pass.
    Waits(Box<Decision>),
}

/// In the journal, of a request that was reset before anybody looked at it.
const NO_STATUS: u16 = 0;

/// Answers one request.
///
/// Once it has arrived it is carried out to the end, also when the caller hangs up: the real one does not notice either.
pub(crate) async fn answer(
    Shared(sim): Shared<Sim>,
    request: Request<AxumBody>,
) -> Response<AxumBody> {
    let (at, came) = (sim.now(), sim.wall());
    let (mut parts, body) = request.into_parts();
    // A connection that came through no listener of ours, but in memory, lives as long as its caller wants.
    let Stop(stop) = parts.extensions.remove::<Stop>().unwrap_or_default();
    let upgrading = parts.extensions.remove::<OnUpgrade>();
    let upgrading = upgrading.map(|connection| Upgrading { connection, stop });
    let peer = parts.extensions.get::<Peer>().copied().unwrap_or(IN_PROCESS);
    let (peer, scheme) = (peer.address.ip().to_string(), peer.scheme);
    let (method, uri, headers) = (parts.method, parts.uri, parts.headers);
    let body_to_come = Bytes::new();
    let mut arrived =
        Arrived { method, uri, headers, body: body_to_come, peer, at, came, scheme, upgrading };
    if sim.has_faults() && is_reset_before_body(&sim, &arrived) {
        return lost();
    }
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
    let too_long = match body {
        Ok(body) => {
            arrived.body = body.to_bytes();
            false
        }
        Err(error) if error.is::<http_body_util::LengthLimitError>() => true,
        // The caller hung up in the middle of the body: nobody reads this.
        Err(_) => return Response::new(AxumBody::empty()),
    };
    let (seen, endpoint) = see(&arrived, too_long).await;
    if sim.has_faults() {
        let trouble = trouble::begin(&arrived, endpoint);
        return to_the_end(async move { suffer(&sim, &arrived, seen, trouble).await }).await;
    }
    let trouble = Trouble { endpoint, ..Trouble::default() };
    match settle(&sim, &arrived, seen, trouble) {
        Settled::Answered(response) => response,
        Settled::Waits(decision) => {
            to_the_end(async move { finish(&sim, &arrived, *decision).await }).await
        }
    }
}

/// Does what has to wait, also when the caller does not.
async fn to_the_end(
    waits: impl Future<Output = Response<AxumBody>> + Send + 'static,
) -> Response<AxumBody> {
    tokio::spawn(waits).await.unwrap_or_else(|_| {
        let mut response = Response::new(AxumBody::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

/// The one fault that strikes while the body is still on its way: what it holds is not known yet.
fn is_reset_before_body(sim: &Sim, arrived: &Arrived) -> bool {
    let Found::Route(route, params) = find(&arrived.method, arrived.uri.path()) else {
        return false;
    };
    let params = Params::merge(params, arrived.uri.query(), Value::Null);
    let endpoint = route.endpoint(&params);
    let mut trouble = trouble::begin(arrived, endpoint);
    sim.with(|state, now| {
        let kind = FaultKind::ResetBeforeBody;
        let strike = state.faults.strikes(kind, &mut trouble, now);
        if strike.is_some() {
            let mut decision = Decision::refused(Refusal::internal("reset"));
            decision.trouble = trouble;
            state.requests.add(record(arrived, &decision, NO_STATUS));
        }
        strike.is_some()
    })
}

/// Finds the endpoint and reads the parameters.
async fn see(arrived: &Arrived, too_long: bool) -> (Seen, &'static str) {
    let (route, path_params) = match find(&arrived.method, arrived.uri.path()) {
        Found::Route(route, params) => (Ok(route), params),
        Found::WrongMethod => (Err(wrong_method(arrived)), Default::default()),
        Found::Nothing => (Err(unknown_path(arrived)), Default::default()),
    };
    let params = if too_long {
        let message = format!("Request body size exceeds {BODY_BYTES_MAX}");
        Err(Refusal::new(413, "PayloadTooLargeError", message))
    } else {
        match check_digest(arrived) {
            Ok(()) => read_body(&arrived.method, &arrived.headers, &arrived.body)
                .await
                .map(|body| Params::merge(path_params, arrived.uri.query(), body)),
            Err(refusal) => Err(refusal),
        }
    };
    let endpoint = match (&route, &params) {
        (Ok(route), Ok(params)) => route.endpoint(params),
        (Ok(route), Err(_)) => route.name,
        (Err(_), _) => "",
    };
    (Seen { route, params }, endpoint)
}

/// Lets the faults strike that strike before anything is looked at; what survives them is carried out.
async fn suffer(
    sim: &Sim,
    arrived: &Arrived,
    seen: Seen,
    mut trouble: Trouble,
) -> Response<AxumBody> {
    match trouble::before(sim, arrived, &mut trouble).await {
        Go::On => match settle(sim, arrived, seen, trouble) {
            Settled::Answered(response) => response,
            Settled::Waits(decision) => finish(sim, arrived, *decision).await,
        },
        Go::Refused(refusal) => {
            let decision = Decision { trouble, ..Decision::refused(refusal) };
            finish(sim, arrived, decision).await
        }
        Go::Reset => {
            let decision = Decision { trouble, ..Decision::refused(Refusal::internal("reset")) };
            sim.with(|state, _| state.requests.add(record(arrived, &decision, NO_STATUS)));
            lost()
        }
    }
}

/// Carries a request out; when its answer has nothing to wait for, that is all, under one lock.
fn settle(sim: &Sim, arrived: &Arrived, seen: Seen, trouble: Trouble) -> Settled {
    let wall = sim.wall();
    let decision = sim.with(|state, now| {
        let decision = decide(state, arrived, seen, trouble, Moment { now, wall });
        if decision.is_over() {
            state.requests.add(record(arrived, &decision, decision.status()));
        }
        decision
    });
    if !decision.is_over() {
        return Settled::Waits(Box::new(decision));
    }
    let Decision { result, version, strikes, skew, .. } = decision;
    let manner = Manner { arrived, version, now: add(sim.wall(), skew), strikes: &strikes };
    Settled::Answered(render(&manner, result.map(|answer| answer.reply)))
}

fn unknown_path(arrived: &Arrived) -> Refusal {
    Refusal::not_found(format!("{} does not exist", arrived.uri.path()))
}

fn wrong_method(arrived: &Arrived) -> Refusal {
    Refusal::new(405, "MethodNotAllowedError", format!("{} is not allowed", arrived.method))
}

fn check_digest(arrived: &Arrived) -> Result<(), Refusal> {
    match arrived.header("content-md5") {
        Some(digest) if digest != BASE64.encode(Md5::digest(&arrived.body)) => {
            Err(Refusal::new(400, "BadDigest", "Content-MD5 did not match"))
        }
        _ => Ok(()),
    }
}

// === impl Arrived ===

impl Arrived {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn accept_version(&self) -> Option<&str> {
        ["accept-version", "api-version", "x-api-version"]
            .into_iter()
            .find_map(|name| self.header(name))
    }
}
