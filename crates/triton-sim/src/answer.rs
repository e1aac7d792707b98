//! From a request to its answer, in CloudAPI's order.
//!
//! Accept and version, signature, parameters, account, loaders, read-only mode, throttle, handler: an authentication error
//! wins over 404, and 404 over 429. [`decide`] does all that at one moment, without waiting; [`suffer`] before it and
//! [`finish`] after it do the waiting that faults and delays ask for.

mod behind_back;
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
use std::time::Duration;

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

use crate::auth::{self, Authenticated};
use crate::clock::add;
use crate::faults::{FaultKind, Strike, Trouble};
use crate::feed;
use crate::http::{
    Answer, BODY_BYTES_MAX, Body, Call, Found, Params, Reply, Route, Upgrade, find, read_body,
};
use crate::refusal::Refusal;
use crate::requests::RequestRecord;
use crate::sim::{Sim, State};
use crate::version::{self, ApiVersion, VERSIONS, choose, choose_only};
use crate::vnc;
use crate::websocket::{self, Upgrading};
use crate::world::{Caller, ChangedBy};

use gate::Gate;
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
#[derive(Debug, Clone)]
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

/// Now, by the datacenter's clock and by the callers'.
#[derive(Clone, Copy)]
struct Moment {
    now: Timestamp,
    wall: Timestamp,
}

/// What a request asks for, as far as it can be read.
struct Seen {
    route: Result<&'static Route, Refusal>,
    params: Result<Params, Refusal>,
}

/// What was decided, and for whom.
struct Decision {
    result: Result<Answer, Refusal>,
    version: ApiVersion,
    /// Login of the caller, once proven.
    account: Option<String>,
    trouble: Trouble,
    /// The fault that hides what was carried out.
    caught: Option<Strike>,
    /// Faults of the answer's body, headers and bytes.
    strikes: Vec<Strike>,
    /// How far the server's clock is ahead.
    skew: Duration,
}

/// A request that was carried out.
enum Settled {
    Answered(Response<AxumBody>),
    /// Before this is an answer, something has to pass.
    Waits(Box<Decision>),
}

/// How a request ends; a lost answer has the status it would have had.
enum End {
    Answer(Result<Reply, Refusal>),
    Reset(u16),
}

/// In the journal, of a request that was reset before anybody looked at it.
const NO_STATUS: u16 = 0;
/// Names for raw bytes in a WebSocket.
const VNC_PROTOCOLS: [&str; 2] = ["binary", "rfb"];
/// After this HAProxy gives up on CloudAPI.
const PROXY_TIMEOUT: Duration = Duration::from_secs(120);

/// Answers one request.
///
/// Once it has arrived it is carried out to the end, also when the caller hangs up: the real one does not notice either.
pub(crate) async fn answer(
    Shared(sim): Shared<Sim>,
    request: Request<AxumBody>,
) -> Response<AxumBody> {
    let (at, came) = (sim.now(), sim.wall());
    let (mut parts, body) = request.into_parts();
    let upgrading = parts.extensions.remove::<OnUpgrade>().zip(parts.extensions.remove::<Stop>());
    let upgrading = upgrading.map(|(connection, Stop(stop))| Upgrading { connection, stop });
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

/// Everything between the arrival of a request and its answer, at one moment.
fn decide(
    state: &mut State,
    arrived: &Arrived,
    seen: Seen,
    trouble: Trouble,
    moment: Moment,
) -> Decision {
    let mut decision =
        Decision { trouble, ..Decision::refused(Refusal::internal("Internal Error")) };
    decision.result = run(state, arrived, seen, moment, &mut decision);
    if !state.faults.is_empty() {
        trouble::after(&mut state.faults, &mut decision, moment.now);
    }
    decision
}

fn run(
    state: &mut State,
    arrived: &Arrived,
    seen: Seen,
    moment: Moment,
    decision: &mut Decision,
) -> Result<Answer, Refusal> {
    let now = moment.now;
    let Seen { route, params } = seen;
    let route = route?;
    check_accept(arrived)?;
    let State { world, faults, throttle, read_only, .. } = state;
    let mut strikes = |kind| faults.strikes(kind, &mut decision.trouble, now);
    if strikes(FaultKind::InvalidVersion).is_some() {
        return Err(version::invalid(arrived.accept_version().unwrap_or("*")));
    }
    let range = arrived.accept_version();
    decision.version = match route.only {
        Some(version) => choose_only(range, version)?,
        None => choose(range, route.since)?,
    };
    if route.signed {
        decision.skew = strikes(FaultKind::ClockSkew).map_or(Duration::ZERO, |strike| strike.delay);
    }
    let server_time = add(moment.wall, decision.skew);
    let claimed = identity::read_claim(arrived, server_time)?;
    let params = params?;
    let caller = if route.signed {
        let caller = identity::prove(world, arrived, claimed, decision.version, server_time)?;
        if strikes(FaultKind::KeyRevoked).is_some() {
            return Err(auth::unknown_key());
        }
        decision.account = Some(caller.account.login.clone());
        caller
    } else {
        Authenticated::nobody()
    };
    let account = identity::target(world, route, &caller, &params)?;
    let mut call = Call {
        world,
        faults,
        account,
        caller: Caller { ip: arrived.peer.clone(), key_id: caller.key_id.clone() },
        params,
        version: decision.version,
        now,
        trouble: std::mem::take(&mut decision.trouble),
        scheme: arrived.scheme,
        host: arrived
            .header("host")
            .or_else(|| arrived.uri.authority().map(|a| a.as_str()))
            .unwrap_or("localhost")
            .to_owned(),
        wants_text: arrived.header("accept").is_some_and(|accept| accept.starts_with("text/plain")),
        is_delete: arrived.method == Method::DELETE,
        resource: String::new(),
        active_roles: None,
        role_tag: arrived
            .header("role-tag")
            .map(|names| names.split(',').map(str::to_owned).collect()),
        caught: None,
    };
    let asking = identity::asking(arrived, &caller);
    let gate = Gate { route, arrived, throttle, read_only: read_only.as_ref() };
    let result = gate.admit(&mut call, &asking).and_then(|()| {
        call.world.journal.begin_by(ChangedBy::from(&call.caller));
        let answer = late::handle(&mut call, route)?;
        Ok(identity::with_role_tags(&mut call, route, &asking, answer))
    });
    decision.caught = call.caught;
    decision.trouble = call.trouble;
    result
}

/// Waits as the answer wants, reads back, writes the journal and renders.
async fn finish(sim: &Sim, arrived: &Arrived, mut decision: Decision) -> Response<AxumBody> {
    let version = decision.version;
    let refused = || Err(Refusal::internal("Internal Error"));
    let mut switched = None;
    let result = match std::mem::replace(&mut decision.result, refused()) {
        Ok(Answer { reply, upgrade: Some(upgrade), .. }) => {
            switch(sim, arrived, upgrade).map(|response| {
                switched = Some(response);
                reply
            })
        }
        Ok(answer) => {
            tokio::time::sleep(answer.delay).await;
            Ok(read_back(sim, answer, version))
        }
        Err(refusal) if refusal.is_never_sent => {
            tokio::time::sleep(PROXY_TIMEOUT).await;
            Err(instead::unavailable())
        }
        Err(refusal) => Err(refusal),
    };
    let end = match decision.caught {
        Some(strike) => trouble::hide(strike, result).await,
        None => End::Answer(result),
    };
    let status = match &end {
        End::Answer(result) => trouble::status_of(result),
        End::Reset(status) => *status,
    };
    sim.with(|state, _| state.requests.add(record(arrived, &decision, status)));
    match end {
        End::Reset(_) => lost(),
        End::Answer(result) => {
            if let Some(response) = switched {
                return response;
            }
            let now = add(sim.wall(), decision.skew);
            let watched = match &result {
                Ok(Reply { body: Body::MigrationEvents(id), .. }) => Some(*id),
                _ => None,
            };
            let manner = Manner { arrived, version, now, strikes: &decision.strikes };
            let mut response = render(&manner, result);
            if let Some(id) = watched {
                response.headers_mut().remove("content-length");
                *response.body_mut() = migration_events::body(sim.clone(), id);
            }
            response
        }
    }
}

/// Ends HTTP on a connection, and begins what it becomes.
///
/// # Errors
/// Those of a handshake that is not in order; in process there is no connection to take over.
fn switch(sim: &Sim, arrived: &Arrived, upgrade: Upgrade) -> Result<Response<AxumBody>, Refusal> {
    let upgrading = arrived.upgrading.clone();
    let upgrading =
        || upgrading.ok_or_else(|| Refusal::plain("Connection Must Upgrade For WebSockets"));
    match upgrade {
        Upgrade::Changefeed { account, login } => {
            let response = websocket::accept(&arrived.headers, &[])?;
            tokio::spawn(feed::converse(sim.clone(), upgrading()?, account, login));
            Ok(response)
        }
        Upgrade::Vnc { instance } => {
            if !arrived.headers.contains_key("upgrade") {
                let message = "VNC connect endpoint is a websocket and must be upgraded";
                return Err(Refusal::new(400, "UpgradeRequiredError", message));
            }
            let response = websocket::accept(&arrived.headers, &VNC_PROTOCOLS)?;
            tokio::spawn(vnc::converse(sim.clone(), upgrading()?, instance));
            Ok(response)
        }
    }
}

fn record(arrived: &Arrived, decision: &Decision, status: u16) -> RequestRecord {
    let endpoint = decision.trouble.endpoint;
    tracing::debug!(method = %arrived.method, path = arrived.uri.path(), endpoint, status, "answered");
    RequestRecord {
        seq: 0,
        at: arrived.at,
        method: arrived.method.to_string(),
        path: arrived.uri.path().to_owned(),
        query: arrived.uri.query().map(str::to_owned),
        endpoint: endpoint.to_owned(),
        account: decision.account.clone(),
        status,
        struck: decision.trouble.struck.clone(),
    }
}

fn read_back(sim: &Sim, answer: Answer, version: ApiVersion) -> Reply {
    let Answer { mut reply, read_back, .. } = answer;
    if let Some(id) = read_back {
        let shown = sim.with(|state, _| {
            let instance = state.world.instances.get(&id);
            instance.map(|instance| instance.to_json(false, version >= ApiVersion(8, 0, 0)))
        });
        reply.body = shown.map_or(Body::Empty, Body::Json);
    }
    reply
}

fn unknown_path(arrived: &Arrived) -> Refusal {
    Refusal::not_found(format!("{} does not exist", arrived.uri.path()))
}

fn wrong_method(arrived: &Arrived) -> Refusal {
    Refusal::new(405, "MethodNotAllowedError", format!("{} is not allowed", arrived.method))
}

/// JSON and text are served, whatever the quality values say.
fn check_accept(arrived: &Arrived) -> Result<(), Refusal> {
    let Some(accept) = arrived.header("accept") else { return Ok(()) };
    const SERVED: [&str; 5] = ["*/*", "application/*", "application/json", "text/*", "text/plain"];
    let served = accept
        .split(',')
        .any(|item| SERVED.contains(&item.split(';').next().unwrap_or_default().trim()));
    if served {
        return Ok(());
    }
    Err(Refusal::new(406, "NotAcceptableError", "Server accepts: application/json, text/plain"))
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

// === impl Decision ===

impl Decision {
    fn refused(refusal: Refusal) -> Self {
        Self {
            result: Err(refusal),
            version: VERSIONS[0],
            account: None,
            trouble: Trouble::default(),
            caught: None,
            strikes: Vec::new(),
            skew: Duration::ZERO,
        }
    }

    /// Whether nothing is left to wait for.
    fn is_over(&self) -> bool {
        let is_over = |answer: &Answer| {
            answer.delay.is_zero()
                && answer.read_back.is_none()
                && answer.upgrade.is_none()
                && !matches!(answer.reply.body, Body::MigrationEvents(_))
        };
        self.caught.is_none()
            && self.result.as_ref().map_or_else(|refusal| !refusal.is_never_sent, is_over)
    }

    fn status(&self) -> u16 {
        match &self.result {
            Ok(answer) => answer.reply.status,
            Err(refusal) => refusal.status,
        }
    }
}
