//! Who is calling: signatures checked as CloudAPI checks them, and whose resources they may see.

use std::time::SystemTime;

use http::HeaderMap;
use jiff::Timestamp;
use triton_signature::http::{Refusal as Verdict, RequestError, RequestToVerify};
use uuid::Uuid;

use crate::refusal::Refusal;
use crate::world::{Account, World};

/// A caller who has proven to be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authenticated {
    pub(crate) account: Uuid,
    pub(crate) key_id: String,
}

const PLEASE_SIGN: &str = "You must make authenticated requests to use CloudAPI";
const INVALID: &str = "The signature we calculated does not match the one you sent";

/// Checks the signature of a request.
///
/// # Errors
/// 400 InvalidHeader for what cannot be read or is too old, 401 InvalidCredentials for what proves nothing, 403
/// NotAuthorized for a disabled account.
pub(crate) fn authenticate(
    world: &World,
    method: &str,
    path_and_query: &str,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Authenticated, Refusal> {
    let header =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let request =
        RequestToVerify { method, path_and_query, header: &header, now: SystemTime::from(now) };
    let claim = request.claim().map_err(|error| refuse(&error))?;
    if claim.key_id.user.is_some() {
        return Err(Refusal::invalid_credentials(INVALID));
    }
    let account = world.find_account(&claim.key_id.account);
    let account = account.ok_or_else(|| Refusal::invalid_credentials(INVALID))?;
    let key = account.find_key(&claim.key_id.fingerprint);
    let key = key.ok_or_else(unknown_key)?;
    claim.verify(&key.public).map_err(|error| refuse(&error))?;
    if account.disabled {
        return Err(Refusal::not_authorized("Account or user is disabled"));
    }
    Ok(Authenticated { account: account.id, key_id: claim.authorization.key_id })
}

/// The account whose resources a path names: `my`, the caller's own login, or for operators anybody's.
///
/// # Errors
/// 403 NotAuthorized for somebody else's.
pub(crate) fn target(world: &World, caller: Uuid, login: &str) -> Result<Uuid, Refusal> {
    let caller: &Account = world.account(caller)?;
    if login == "my" || login == caller.login {
        return Ok(caller.id);
    }
    let target = world.find_account(login).filter(|_| caller.operator);
    let message = || format!("{login} cannot be accessed by {}", caller.login);
    target.map(|account| account.id).ok_or_else(|| Refusal::not_authorized(message()))
}

/// What somebody is told whose key the account does not have.
pub(crate) fn unknown_key() -> Refusal {
    Refusal::invalid_credentials(INVALID)
}

fn refuse(error: &RequestError) -> Refusal {
    match (error.refusal(), error) {
        (Verdict::InvalidHeader, _) => {
            Refusal::invalid_header(format!("Authorization header invalid: {}", reason(error)))
        }
        (Verdict::InvalidCredentials, RequestError::Anonymous | RequestError::Authorization(_)) => {
            Refusal::invalid_credentials(PLEASE_SIGN)
        }
        (Verdict::InvalidCredentials, _) => Refusal::invalid_credentials(INVALID),
    }
}

/// The innermost message: CloudAPI shows the parser's own words.
fn reason(error: &RequestError) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
