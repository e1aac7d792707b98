//! The signatures of http-signature 0.9, which the manual's `curl` example still makes.
//!
//! They stand behind the parameters instead of in them, and what is signed are the bare values: the date, without `date: `
//! in front of it. CloudAPI tries this only when the modern form does not parse.

use super::{Envelope, Signed};
use triton_signature::Algorithm;

/// What a header of the old form claims; `None` when it is not one, or not acceptable.
pub(super) fn claim(envelope: Envelope<'_>, text: &str) -> Option<Signed> {
    // As modern text it has the signature among the parameters, and is checked like any other.
    let (parameters, signature) = text.rsplit_once("\" ")?;
    let modern = format!("{parameters}\",signature=\"{}\"", signature.trim());
    let claim = envelope.claim(&modern).ok()?;
    let is_rsa = matches!(
        claim.authorization.algorithm,
        Algorithm::RsaSha1 | Algorithm::RsaSha256 | Algorithm::RsaSha512
    );
    let bare = |line: &str| line.split_once(": ").map_or(line, |(_, value)| value).to_owned();
    let message = claim.signing_string.lines().map(bare).collect::<Vec<_>>().join("\n");
    is_rsa.then(|| Signed { message, ..claim.into() })
}
