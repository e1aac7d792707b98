//! Who calls, and for whom: the part of an answer that comes before anything is looked up.

use std::time::SystemTime;

use jiff::Timestamp;
use triton_signature::http::{CLOCK_SKEW_MAX, parse_date};
use uuid::Uuid;

use super::Arrived;
use crate::auth::{self, Authenticated, Claimed, Envelope};
use crate::http::{Answer, Asking, Call, Params, Route, shown_tags, tag, untag};
use crate::refusal::Refusal;
use crate::version::ApiVersion;
use crate::world::World;

/// The first version with roles.
const ROLES_SINCE: ApiVersion = ApiVersion(7, 2, 0);

/// Reads what a request claims, before its body: a bad header wins over a bad body.
///
/// # Errors
/// 400 InvalidHeader, or 400 RequestExpired.
pub(super) fn read_claim(arrived: &Arrived, now: Timestamp) -> Result<Claimed, Refusal> {
    let claimed = auth::read(envelope(arrived, now))?;
    check_date(arrived, now)?;
    Ok(claimed)
}

/// Proves what was claimed, in the header or in the query. Versions without roles know no sub-users.
///
/// # Errors
/// 401 InvalidCredentials, 403 NotAuthorized, or 500 for a broken pre-signed URL.
pub(super) fn prove(
    world: &World,
    arrived: &Arrived,
    claimed: Claimed,
    version: ApiVersion,
    now: Timestamp,
) -> Result<Authenticated, Refusal> {
    let claimed = auth::read_presigned(envelope(arrived, now))?.unwrap_or(claimed);
    let caller = auth::prove(world, claimed, &arrived.headers)?;
    if caller.user.is_some() && version < ROLES_SINCE {
        return Err(auth::unknown_key());
    }
    Ok(caller)
}

/// The account whose resources the call is about.
///
/// # Errors
/// 404 for an unknown login, 403 for an account that is not allowed here.
pub(super) fn target(
    world: &World,
    route: &Route,
    caller: &Authenticated,
    params: &Params,
) -> Result<Uuid, Refusal> {
    if !route.signed {
        return Ok(caller.account.id);
    }
    auth::target(world, caller, params.str("account"))
}

/// What permissions ask about.
pub(super) fn asking<'a>(arrived: &'a Arrived, caller: &'a Authenticated) -> Asking<'a> {
    Asking {
        caller,
        method: &arrived.method,
        path: arrived.uri.path(),
        user_agent: arrived.header("user-agent"),
        role_tag: arrived.header("role-tag"),
    }
}

/// Tags what was made, and says how what was asked for is tagged.
pub(super) fn with_role_tags(
    call: &mut Call<'_>,
    route: &Route,
    asking: &Asking<'_>,
    mut answer: Answer,
) -> Answer {
    if call.version >= ROLES_SINCE && route.signed {
        tag(call, route, asking, &answer);
        untag(call, asking, &answer);
        if let Some(names) = shown_tags(call, asking.method) {
            answer.reply = answer.reply.header("role-tag", names);
        }
    }
    answer
}

fn envelope(arrived: &Arrived, now: Timestamp) -> Envelope<'_> {
    let target = arrived.uri.path_and_query().map_or("/", |target| target.as_str());
    Envelope { method: arrived.method.as_str(), target, headers: &arrived.headers, now }
}

/// A `Date` that is none, or too old; a signature over `x-date` does not help.
fn check_date(arrived: &Arrived, now: Timestamp) -> Result<(), Refusal> {
    let Some(date) = arrived.header("date") else { return Ok(()) };
    let time = parse_date(date);
    let time = time.ok_or_else(|| Refusal::invalid_header("Date header is invalid"))?;
    let age = SystemTime::from(now).duration_since(time).unwrap_or_default();
    if age > CLOCK_SKEW_MAX {
        let message = format!("Date header {date} is too old");
        return Err(Refusal::new(400, "RequestExpired", message));
    }
    Ok(())
}
