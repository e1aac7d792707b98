//! Who is calling: signatures checked as CloudAPI checks them, and whose resources they may see.
//!
//! It happens in two steps, as there. [`read`] takes the `Authorization` header apart before anything else is looked at,
//! so a malformed one wins over a malformed body; [`prove`] checks keys and signature afterwards.

mod legacy;
mod presigned;

use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderMap;
use jiff::Timestamp;
use serde_json::Value;
use triton_signature::Algorithm;
use triton_signature::http::{
    AuthorizationError, Claim, KeyId, Refusal as Verdict, RequestError, RequestToVerify,
};
use uuid::Uuid;

use crate::refusal::Refusal;
use crate::world::{Account, World};

pub(crate) use presigned::read_presigned;

/// What of a request says who sent it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Envelope<'a> {
    pub(crate) method: &'a str,
    /// Target exactly as it came on the wire.
    pub(crate) target: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) now: Timestamp,
}

/// What a request claims, not yet proven.
#[derive(Debug)]
pub(crate) enum Claimed {
    /// Nothing.
    Nobody,
    /// That this key has signed it.
    Somebody(Box<Signed>),
    /// Something no key can prove; said only when it is this one's turn.
    Refused(Refusal),
}

/// A signature and what it is about.
#[derive(Debug)]
pub(crate) struct Signed {
    key_id: KeyId,
    key_id_text: String,
    algorithm: Algorithm,
    message: String,
    signature: Vec<u8>,
}

/// A caller who has proven to be one.
#[derive(Debug, Clone)]
pub(crate) struct Authenticated {
    /// Whose key it is, or whose sub-user's.
    pub(crate) account: Arc<Account>,
    pub(crate) user: Option<Uuid>,
    pub(crate) key_id: String,
}

const PLEASE_SIGN: &str = "You must make authenticated requests to use CloudAPI";
const INVALID: &str = "Invalid authorization credentials supplied";
const INVALID_TOKEN: &str = "The token provided is not authorized for this application";
const DISABLED: &str = "Account or user is disabled";

/// Reads the `Authorization` header.
///
/// # Errors
/// 400 InvalidHeader for what cannot be read or is too old.
pub(crate) fn read(envelope: Envelope<'_>) -> Result<Claimed, Refusal> {
    let Some(text) = envelope.header("authorization") else { return Ok(Claimed::Nobody) };
    let Some((scheme, _)) = text.split_once(' ') else {
        return Err(Refusal::invalid_header("BasicAuth content is invalid."));
    };
    if !scheme.eq_ignore_ascii_case("signature") {
        return Ok(Claimed::Nobody);
    }
    if scheme != "Signature" {
        return Err(invalid_header("scheme was not \"Signature\""));
    }
    match envelope.claim(&text) {
        Ok(claim) => Ok(Claimed::Somebody(Box::new(claim.into()))),
        Err(error) => match legacy::claim(envelope, &text) {
            Some(signed) => Ok(Claimed::Somebody(Box::new(signed))),
            None => refuse(&error),
        },
    }
}

/// Checks what a request claims.
///
/// # Errors
/// 401 InvalidCredentials for what proves nothing, 403 NotAuthorized for a disabled account.
pub(crate) fn prove(
    world: &World,
    claimed: Claimed,
    headers: &HeaderMap,
) -> Result<Authenticated, Refusal> {
    let signed = match claimed {
        Claimed::Nobody => return Err(Refusal::invalid_credentials(PLEASE_SIGN)),
        Claimed::Refused(refusal) => return Err(refusal),
        Claimed::Somebody(signed) => signed,
    };
    let caller = signed.check(world);
    let caller = caller.ok_or_else(|| Refusal::invalid_credentials(INVALID))?;
    if let Some(token) = headers.get("x-auth-token").filter(|token| !token.is_empty()) {
        // Tokens are made by a service for portals, which is not simulated: none is good.
        let is_json = serde_json::from_slice::<Value>(token.as_bytes()).is_ok();
        return Err(Refusal::invalid_credentials(if is_json { INVALID_TOKEN } else { INVALID }));
    }
    if caller.account.disabled {
        return Err(Refusal::not_authorized(DISABLED));
    }
    Ok(caller)
}

/// The account whose resources a path names: `my`, the caller's own login, or anybody's whom permissions will tell apart.
///
/// A sub-user always works for its own account, whatever the path says.
///
/// # Errors
/// 404 for an unknown login, 403 for an account that is not allowed in this datacenter.
pub(crate) fn target(
    world: &World,
    caller: &Authenticated,
    login: Option<&str>,
) -> Result<Uuid, Refusal> {
    let is_own = |login: &str| login == "my" || login == caller.account.login;
    let id = match login {
        Some(login) if caller.user.is_none() && !is_own(login) => {
            let found = world.find_account(login).map(|account| account.id);
            found.ok_or_else(|| Refusal::not_found(format!("{login} does not exist")))?
        }
        _ => caller.account.id,
    };
    if world.account(id)?.barred {
        return Err(Refusal::not_authorized("Forbidden"));
    }
    Ok(id)
}

/// What somebody is told whose key the account does not have.
pub(crate) fn unknown_key() -> Refusal {
    Refusal::invalid_credentials(INVALID)
}

// === impl Envelope ===

impl Envelope<'_> {
    fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    }

    /// What a request claims whose `Authorization` header is `text`.
    fn claim(&self, text: &str) -> Result<Claim, RequestError> {
        let header = |name: &str| match name {
            "authorization" => Some(text.to_owned()),
            // Not headers but parameters of this one, which can be signed too.
            "(keyid)" => parameter(text, "keyId"),
            "(algorithm)" => parameter(text, "algorithm"),
            "(opaque)" => parameter(text, "opaque"),
            "(created)" => parameter(text, "created").or_else(|| Some("undefined".to_owned())),
            "(expires)" => parameter(text, "expires").or_else(|| Some("undefined".to_owned())),
            _ => self.header(name),
        };
        let request = RequestToVerify {
            method: self.method,
            path_and_query: self.target,
            header: &header,
            now: SystemTime::from(self.now),
        };
        request.claim()
    }
}

// === impl Signed ===

impl From<Claim> for Signed {
    fn from(claim: Claim) -> Self {
        Self {
            key_id: claim.key_id,
            key_id_text: claim.authorization.key_id,
            algorithm: claim.authorization.algorithm,
            message: claim.signing_string,
            signature: claim.authorization.signature,
        }
    }
}

impl Signed {
    /// Who has signed it, if the key is known and really has.
    fn check(&self, world: &World) -> Option<Authenticated> {
        let account = world.directory.find(&self.key_id.account)?;
        let user = match &self.key_id.user {
            Some(login) => Some(account.users.values().find(|user| user.login == *login)?),
            None => None,
        };
        let key = match user {
            Some(user) => user.find_key(&self.key_id.fingerprint)?,
            None => account.find_key(&self.key_id.fingerprint)?,
        };
        key.public.verify(self.algorithm, self.message.as_bytes(), &self.signature).ok()?;
        let user = user.map(|user| user.id);
        Some(Authenticated { account: Arc::clone(account), user, key_id: self.key_id_text.clone() })
    }
}

// === impl Authenticated ===

impl Authenticated {
    /// Who calls an endpoint that asks nobody for a signature.
    pub(crate) fn nobody() -> Self {
        let account = Account::new(Uuid::nil(), "", Timestamp::UNIX_EPOCH);
        Self { account: Arc::new(account), user: None, key_id: String::new() }
    }

    /// Whom roles know it by.
    pub(crate) fn id(&self) -> Uuid {
        self.user.unwrap_or(self.account.id)
    }

    /// The sub-user's login, or the account's.
    pub(crate) fn login(&self) -> &str {
        let user = self.user.and_then(|id| self.account.users.get(&id));
        user.map_or(&self.account.login, |user| &user.login)
    }
}

/// A parameter of an `Authorization` header, quoted or a number.
fn parameter(text: &str, name: &str) -> Option<String> {
    let start = text.find(&format!("{name}="))? + name.len() + 1;
    let value = &text[start..];
    let value = match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => value.split(',').next(),
    };
    value.map(str::to_owned)
}

fn refuse(error: &RequestError) -> Result<Claimed, Refusal> {
    match (error.refusal(), error) {
        (Verdict::InvalidHeader, _) => Err(invalid_header(&reason(error))),
        (_, RequestError::Anonymous | RequestError::Authorization(AuthorizationError::Scheme)) => {
            Ok(Claimed::Nobody)
        }
        (_, RequestError::KeyId(key_id)) => {
            let message = format!("Invalid KeyId {} in authorization header", key_id.0);
            Ok(Claimed::Refused(Refusal::invalid_credentials(message)))
        }
        _ => Ok(Claimed::Refused(Refusal::invalid_credentials(INVALID))),
    }
}

fn invalid_header(reason: &str) -> Refusal {
    Refusal::invalid_header(format!("Authorization header invalid: {reason}"))
}

/// The innermost message: CloudAPI shows the parser's own words.
fn reason(error: &RequestError) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
