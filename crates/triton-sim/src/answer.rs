//! From a request to its answer, in CloudAPI's order.
//!
//! Accept and version, signature, parameters, account, loaders, read-only mode, throttle, handler: an authentication error
//! wins over 404, and 404 over 429. [`decide`] does all that at one moment, without waiting; [`carry_out`] around it
//! does the waiting that delays and faults ask for.

mod migration_events;
mod render;

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body as AxumBody;
use axum::extract::State as Shared;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use jiff::Timestamp;
use md5::{Digest as _, Md5};
use uuid::Uuid;

use crate::auth::{self, Authenticated};
use crate::faults::{FaultKind, Trouble};
use crate::http::{
    Answer, BODY_BYTES_MAX, Body, Call, Caught, Found, Params, Reply, Route, find, load,
};
use crate::refusal::Refusal;
use crate::requests::RequestRecord;
use crate::sim::{ReadOnly, Sim, State};
use crate::throttle::Throttle;
use crate::version::{ApiVersion, VERSIONS, choose};
use crate::world::{Caller, ChangedBy};

use render::{lost, render};

pub(crate) use render::AnswerLost;

/// Who is at the other end of the socket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// A request that has arrived completely.
struct Arrived {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    peer: String,
    at: Timestamp,
}

/// What was decided, and for whom.
struct Decision {
    result: Result<Answer, Refusal>,
    version: ApiVersion,
    trouble: Trouble,
    caught: Caught,
}

/// After this HAProxy gives up on CloudAPI.
const PROXY_TIMEOUT: Duration = Duration::from_secs(120);

/// Answers one request.
///
/// Once it has arrived it is carried out to the end, also when the caller hangs up: the real one does not notice either.
pub(crate) async fn answer(
    Shared(sim): Shared<Sim>,
    request: Request<AxumBody>,
) -> Response<AxumBody> {
    let at = sim.now();
    let (parts, body) = request.into_parts();
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.0.ip().to_string());
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await;
    let (body, too_long) = match body {
        Ok(body) => (body.to_bytes(), false),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => (Bytes::new(), true),
        // The caller hung up in the middle of the body: nobody reads this.
        Err(_) => return Response::new(AxumBody::empty()),
    };
    let peer = peer.unwrap_or_else(|| "127.0.0.1".to_owned());
    let arrived =
        Arrived { method: parts.method, uri: parts.uri, headers: parts.headers, body, peer, at };
    let carried_out = tokio::spawn(async move { carry_out(&sim, &arrived, too_long).await });
    carried_out.await.unwrap_or_else(|_| {
        let mut response = Response::new(AxumBody::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

async fn carry_out(sim: &Sim, arrived: &Arrived, too_long: bool) -> Response<AxumBody> {
    let (found, path_params) = match find(&arrived.method, arrived.uri.path()) {
        Found::Route(route, params) => (Ok(route), params),
        Found::WrongMethod => (Err(wrong_method(arrived)), Default::default()),
        Found::Nothing => (Err(unknown_path(arrived)), Default::default()),
    };
    let params = if too_long {
        let message = format!("Request body size exceeds {BODY_BYTES_MAX}");
        Err(Refusal::new(413, "PayloadTooLargeError", message))
    } else {
        check_digest(arrived).and_then(|()| {
            Params::merge(path_params, arrived.uri.query(), &arrived.headers, &arrived.body)
        })
    };
    let endpoint = match (&found, &params) {
        (Ok(route), Ok(params)) => route.endpoint(params),
        (Ok(route), Err(_)) => route.name,
        (Err(_), _) => "",
    };
    let mut trouble = Trouble { endpoint, ..Trouble::default() };
    let decision = match first_trouble(sim, &mut trouble).await {
        Err(refusal) => Decision { trouble, ..Decision::refused(refusal) },
        Ok(()) => sim.with(|state, now| decide(state, arrived, found, params, trouble, now)),
    };
    finish(sim, arrived, endpoint, decision).await
}

/// Faults that strike before anything is looked at.
async fn first_trouble(sim: &Sim, trouble: &mut Trouble) -> Result<(), Refusal> {
    let mut strikes = |kind| sim.with(|state, now| state.faults.strikes(kind, trouble, now));
    if strikes(FaultKind::Outage).is_some() {
        return Err(Refusal::proxy_unavailable());
    }
    if let Some(strike) = strikes(FaultKind::Hang) {
        tokio::time::sleep(strike.delay).await;
        return Err(Refusal::proxy_unavailable());
    }
    if let Some(strike) = strikes(FaultKind::Slow) {
        tokio::time::sleep(strike.delay).await;
    }
    Ok(())
}

/// Everything between the arrival of a request and its answer, at one moment.
fn decide(
    state: &mut State,
    arrived: &Arrived,
    found: Result<&'static Route, Refusal>,
    params: Result<Params, Refusal>,
    trouble: Trouble,
    now: Timestamp,
) -> Decision {
    let mut decision =
        Decision { trouble, ..Decision::refused(Refusal::internal("Internal Error")) };
    decision.result = run(state, arrived, found, params, now, &mut decision);
    decision
}

fn run(
    state: &mut State,
    arrived: &Arrived,
    found: Result<&'static Route, Refusal>,
    params: Result<Params, Refusal>,
    now: Timestamp,
    decision: &mut Decision,
) -> Result<Answer, Refusal> {
    let route = found?;
    check_accept(arrived)?;
    decision.version = choose(arrived.accept_version(), route.since)?;
    let params = params?;
    let caller = if route.signed {
        authenticate(state, arrived, now)?
    } else {
        Authenticated { account: Uuid::nil(), key_id: String::new() }
    };
    let account = match params.str("account") {
        Some(login) if route.signed => auth::target(&state.world, caller.account, login)?,
        _ => caller.account,
    };
    decision.trouble.account =
        state.world.account(caller.account).ok().map(|account| account.login.clone());
    let State { world, faults, throttle, read_only, .. } = state;
    let mut call = Call {
        world,
        faults,
        account,
        caller: Caller { ip: arrived.peer.clone(), key_id: caller.key_id },
        params,
        version: decision.version,
        now,
        trouble: std::mem::take(&mut decision.trouble),
        host: arrived
            .header("host")
            .or_else(|| arrived.uri.authority().map(|a| a.as_str()))
            .unwrap_or("localhost")
            .to_owned(),
        wants_text: arrived.header("accept").is_some_and(|accept| accept.starts_with("text/plain")),
        is_delete: arrived.method == Method::DELETE,
        caught: Caught::Nothing,
    };
    call.world.journal.begin_by(ChangedBy::from(&call.caller));
    let result = gate(&mut call, route, arrived, throttle, read_only.as_ref(), caller.account)
        .and_then(|()| (route.handler)(&mut call));
    decision.caught = call.caught;
    decision.trouble = call.trouble;
    result
}

/// Everything that may refuse a call whose caller is known, before its handler runs.
fn gate(
    call: &mut Call<'_>,
    route: &Route,
    arrived: &Arrived,
    throttle: &mut Throttle,
    read_only: Option<&ReadOnly>,
    caller: Uuid,
) -> Result<(), Refusal> {
    if route.signed {
        load(call)?;
        if let Some(read_only) = read_only.filter(|_| changes_something(&arrived.method)) {
            let message = "This Triton data center is being upgraded";
            let refusal = Refusal::new(503, "ServiceUnavailableError", message);
            return Err(Refusal { retry_after: read_only.until, ..refusal });
        }
        if call.strikes(FaultKind::TooManyRequests).is_some() {
            return Err(throttle.refusal());
        }
        throttle.admit(caller, route.group, call.now)?;
        if call.strikes(FaultKind::InternalError).is_some() {
            return Err(Refusal::internal("Internal Error"));
        }
    }
    Ok(())
}

fn authenticate(
    state: &State,
    arrived: &Arrived,
    now: Timestamp,
) -> Result<Authenticated, Refusal> {
    let target = arrived.uri.path_and_query().map_or("/", |target| target.as_str());
    auth::authenticate(&state.world, arrived.method.as_str(), target, &arrived.headers, now)
}

fn changes_something(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::DELETE)
}

/// Waits as the answer wants, reads back, writes the journal and renders.
async fn finish(
    sim: &Sim,
    arrived: &Arrived,
    endpoint: &str,
    decision: Decision,
) -> Response<AxumBody> {
    let Decision { result, version, trouble, caught } = decision;
    let mut result = match result {
        Ok(answer) => {
            tokio::time::sleep(answer.delay).await;
            Ok(read_back(sim, answer, version))
        }
        Err(refusal) => {
            if refusal.is_never_sent {
                tokio::time::sleep(PROXY_TIMEOUT).await;
            }
            Err(refusal)
        }
    };
    if caught == Caught::InternalError {
        result = Err(Refusal::internal("Internal Error"));
    }
    let status = match &result {
        Ok(reply) => reply.status,
        Err(refusal) => refusal.status,
    };
    sim.with(|state, _| {
        state.requests.add(RequestRecord {
            seq: 0,
            at: arrived.at,
            method: arrived.method.to_string(),
            path: arrived.uri.path().to_owned(),
            query: arrived.uri.query().map(str::to_owned),
            endpoint: endpoint.to_owned(),
            account: trouble.account,
            status,
            struck: trouble.struck,
        });
    });
    tracing::debug!(method = %arrived.method, path = arrived.uri.path(), endpoint, status, "answered");
    if caught == Caught::AnswerLost {
        return lost();
    }
    let watched = match &result {
        Ok(Reply { body: Body::MigrationEvents(id), .. }) => Some(*id),
        _ => None,
    };
    let mut response = render(arrived, version, sim.now(), result);
    if let Some(id) = watched {
        response.headers_mut().remove("content-length");
        response.headers_mut().remove("content-md5");
        *response.body_mut() = migration_events::body(sim.clone(), id);
    }
    response
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
            trouble: Trouble::default(),
            caught: Caught::Nothing,
        }
    }
}
