//! Checking a signed request, in layers, so that a server can answer each failure as CloudAPI does.
//!
//! 1. The header parses. 2. The clock is near enough. 3. Everything that is signed is there. 4. The key has signed it.
//!
//! The first three make a [`Claim`]; the server looks its key up, and the claim is checked against it.

use std::time::{Duration, SystemTime};

use super::authorization::{Authorization, AuthorizationError};
use super::key_id::{KeyId, KeyIdError};
use super::signing_string::{MissingHeader, signing_string};
use crate::public_key::{PublicKey, VerifyError};

/// How far a request's `Date` may be from the server's clock, either way.
pub const CLOCK_SKEW_MAX: Duration = Duration::from_secs(300);

/// What of a request matters for its signature.
pub struct RequestToVerify<'a> {
    /// Method, in any letter case.
    pub method: &'a str,
    /// Target exactly as it came on the wire.
    pub path_and_query: &'a str,
    /// Looks a header up by its lowercase name.
    pub header: &'a dyn Fn(&str) -> Option<String>,
    /// The server's time.
    pub now: SystemTime,
}

/// A request that says who has signed it, not yet checked with that key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Whose key it is said to be.
    pub key_id: KeyId,
    /// The header.
    pub authorization: Authorization,
    /// What is said to be signed.
    pub signing_string: String,
}

/// Why a request is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// There is no `Authorization` header.
    #[error("no authorization header")]
    Anonymous,
    /// Layer 1: the header does not parse.
    #[error("reading the authorization header")]
    Authorization(#[from] AuthorizationError),
    /// Layer 1: `keyId` names no key.
    #[error("reading keyId")]
    KeyId(#[from] KeyIdError),
    /// Layer 1: the list of signed headers lacks the date, without which a request could be replayed for ever.
    #[error("{0} is not signed")]
    DateNotSigned(&'static str),
    /// Layer 2: the date is not an HTTP date.
    #[error("date {0:?} is not an HTTP date")]
    DateFormat(String),
    /// Layer 2: the clocks are too far apart.
    #[error("clock skew of {}s was greater than {}s", skew.as_secs(), CLOCK_SKEW_MAX.as_secs())]
    Skew {
        /// How far apart.
        skew: Duration,
    },
    /// Layer 3: something signed is not in the request.
    #[error(transparent)]
    Header(#[from] MissingHeader),
    /// Layer 4: the key did not sign this.
    #[error("checking the signature")]
    Signature(#[from] VerifyError),
}

/// How CloudAPI answers a [`RequestError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 400 `InvalidHeader`.
    InvalidHeader,
    /// 401 `InvalidCredentials`.
    InvalidCredentials,
}

// === impl RequestToVerify ===

impl RequestToVerify<'_> {
    /// Layers 1 to 3: what the request claims. Nothing is proven yet.
    ///
    /// # Errors
    ///
    /// [`RequestError`] of the first layer that fails.
    pub fn claim(&self) -> Result<Claim, RequestError> {
        let text = (self.header)("authorization").ok_or(RequestError::Anonymous)?;
        let mut authorization: Authorization = text.parse()?;
        let date_name = if (self.header)("x-date").is_some() { "x-date" } else { "date" };
        if authorization.headers.is_empty() {
            authorization.headers.push(date_name.to_owned());
        }
        if !authorization.headers.iter().any(|name| name == date_name) {
            return Err(RequestError::DateNotSigned(date_name));
        }
        self.check_skew(date_name)?;
        let signing_string =
            signing_string(&authorization.headers, self.method, self.path_and_query, self.header)?;
        // After the header's own layers: a bad shape here is a 401, they are 400s, and the server parses first.
        let key_id = authorization.key_id.parse()?;
        Ok(Claim { key_id, authorization, signing_string })
    }

    fn check_skew(&self, name: &str) -> Result<(), RequestError> {
        let date = (self.header)(name).ok_or_else(|| MissingHeader(name.to_owned()))?;
        let time = parse_date(&date).ok_or(RequestError::DateFormat(date))?;
        let skew = match self.now.duration_since(time) {
            Ok(behind) => behind,
            Err(ahead) => ahead.duration(),
        };
        if skew > CLOCK_SKEW_MAX { Err(RequestError::Skew { skew }) } else { Ok(()) }
    }
}

// === impl Claim ===

impl Claim {
    /// Layer 4: whether this key has signed the request.
    ///
    /// # Errors
    ///
    /// [`RequestError::Signature`].
    pub fn verify(&self, key: &PublicKey) -> Result<(), RequestError> {
        let message = self.signing_string.as_bytes();
        Ok(key.verify(self.authorization.algorithm, message, &self.authorization.signature)?)
    }
}

// === impl RequestError ===

impl RequestError {
    /// How CloudAPI answers.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Anonymous
            | Self::Authorization(AuthorizationError::Scheme)
            | Self::KeyId(_)
            | Self::Signature(_) => Refusal::InvalidCredentials,
            Self::Authorization(_)
            | Self::DateNotSigned(_)
            | Self::DateFormat(_)
            | Self::Skew { .. }
            | Self::Header(_) => Refusal::InvalidHeader,
        }
    }
}

/// What clients write for `GMT`: triton-go `UTC`, mail libraries an offset.
const GMT_ALIASES: [&str; 3] = [" UTC", " +0000", " -0000"];

/// Reads a `Date` header: RFC 9110's dates, also with another spelling of the zone, as the server's JavaScript does.
#[must_use]
pub fn parse_date(text: &str) -> Option<SystemTime> {
    let zoneless = GMT_ALIASES.into_iter().find_map(|alias| text.strip_suffix(alias));
    let gmt = zoneless.map(|rest| format!("{rest} GMT"));
    httpdate::parse_http_date(gmt.as_deref().unwrap_or(text)).ok()
}

#[cfg(test)]
mod tests;
