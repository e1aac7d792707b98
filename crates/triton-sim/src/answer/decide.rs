//! What is decided about a request, at one moment and without waiting.

use std::time::Duration;

use http::Method;
use jiff::Timestamp;

use super::gate::Gate;
use super::{Arrived, identity, late, trouble};
use crate::auth::{self, Authenticated};
use crate::clock::add;
use crate::faults::{FaultKind, Strike, Trouble};
use crate::http::{Answer, Body, Call, Params, Route};
use crate::refusal::Refusal;
use crate::sim::State;
use crate::version::{self, ApiVersion, VERSIONS, choose, choose_only};
use crate::world::{Caller, ChangedBy};

/// Now, by the datacenter's clock and by the callers'.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: Timestamp,
    pub(super) wall: Timestamp,
}

/// What a request asks for, as far as it can be read.
pub(super) struct Seen {
    pub(super) route: Result<&'static Route, Refusal>,
    pub(super) params: Result<Params, Refusal>,
}

/// What was decided, and for whom.
pub(super) struct Decision {
    pub(super) result: Result<Answer, Refusal>,
    pub(super) version: ApiVersion,
    /// Login of the caller, once proven.
    pub(super) account: Option<String>,
    pub(super) trouble: Trouble,
    /// The fault that hides what was carried out.
    pub(super) caught: Option<Strike>,
    /// Faults of the answer's body, headers and bytes.
    pub(super) strikes: Vec<Strike>,
    /// How far the server's clock is ahead.
    pub(super) skew: Duration,
}

/// Everything between the arrival of a request and its answer, at one moment.
pub(super) fn decide(
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

// === impl Decision ===

impl Decision {
    pub(super) fn refused(refusal: Refusal) -> Self {
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
    pub(super) fn is_over(&self) -> bool {
        let is_over = |answer: &Answer| {
            answer.delay.is_zero()
                && answer.read_back.is_none()
                && answer.upgrade.is_none()
                && !matches!(answer.reply.body, Body::MigrationEvents(_))
        };
        self.caught.is_none()
            && self.result.as_ref().map_or_else(|refusal| !refusal.is_never_sent, is_over)
    }

    pub(super) fn status(&self) -> u16 {
        match &self.result {
            Ok(answer) => answer.reply.status,
            Err(refusal) => refusal.status,
        }
    }
}
