//! HTTP signatures: the string that is signed, the `Authorization` header, and checking both.
//!
//! The scheme is draft-cavage-http-signatures as node-http-signature 1.4 implements it, which is what CloudAPI runs.

mod authorization;
mod key_id;
mod signing_string;
mod verify;

pub use authorization::{Authorization, AuthorizationError};
pub use key_id::{KeyId, KeyIdError};
pub use signing_string::{MissingHeader, signing_string};
pub use verify::{CLOCK_SKEW_MAX, Claim, Refusal, RequestError, RequestToVerify, parse_date};

use crate::signer::{SignError, Signer};

/// What the official clients sign, in their order.
pub const SIGNED_HEADERS: [&str; 2] = ["(request-target)", "date"];

/// Signs a request: over its method, its target exactly as it goes on the wire, and its `Date` header.
///
/// # Errors
///
/// [`SignError`] when the key does not sign.
pub async fn sign(
    signer: &Signer,
    key_id: &KeyId,
    method: &str,
    path_and_query: &str,
    date: &str,
) -> Result<Authorization, SignError> {
    let message = date_signing_string(method, path_and_query, date);
    sign_message(signer, key_id, &SIGNED_HEADERS, &message).await
}

/// Signs the `Date` header alone, as triton-go does: good for every request of that second.
///
/// Whoever gets hold of such a header can send any request with it for five minutes, so it is for connections that
/// nobody else can read.
///
/// # Errors
///
/// [`SignError`] when the key does not sign.
pub async fn sign_date(
    signer: &Signer,
    key_id: &KeyId,
    date: &str,
) -> Result<Authorization, SignError> {
    sign_message(signer, key_id, &["date"], &format!("date: {date}")).await
}

async fn sign_message(
    signer: &Signer,
    key_id: &KeyId,
    headers: &[&str],
    message: &str,
) -> Result<Authorization, SignError> {
    let signature = signer.sign(message.as_bytes()).await?;
    Ok(Authorization {
        key_id: key_id.to_string(),
        algorithm: signature.algorithm,
        headers: headers.iter().map(|name| (*name).to_owned()).collect(),
        signature: signature.bytes,
    })
}

/// The string that [`sign`] signs: [`signing_string`] over [`SIGNED_HEADERS`].
#[must_use]
pub fn date_signing_string(method: &str, path_and_query: &str, date: &str) -> String {
    format!("(request-target): {} {path_and_query}\ndate: {date}", method.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_to_the_string_is_the_long_way() {
        let date = "Sat, 11 Jun 2011 23:56:29 GMT";
        let names = SIGNED_HEADERS.map(str::to_owned);
        let header = |name: &str| (name == "date").then(|| date.to_owned());
        let long =
            signing_string(&names, "DELETE", "/acme/machines/1?as-role=a,b", &header).unwrap();
        assert_eq!(long, date_signing_string("DELETE", "/acme/machines/1?as-role=a,b", date));
    }
}
