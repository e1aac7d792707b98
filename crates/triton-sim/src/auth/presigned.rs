//! Signatures in the query: how a browser opens a WebSocket, for which it cannot set headers.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Claimed, Envelope, INVALID, Signed};
use crate::refusal::Refusal;

/// All of them, or none.
const REQUIRED: [&str; 4] = ["algorithm", "expires", "keyId", "signature"];

/// RFC 3986: everything but the unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Reads the query of a pre-signed URL; `None` when it is not one.
///
/// # Errors
/// 500 without a code for everything that is wrong with it, as the real one.
pub(crate) fn read_presigned(envelope: Envelope<'_>) -> Result<Option<Claimed>, Refusal> {
    let Some((path, query)) = envelope.target.split_once('?') else { return Ok(None) };
    let concerns_us = |name: &str| name == "method" || REQUIRED.contains(&name);
    if !form_urlencoded::parse(query.as_bytes()).any(|(name, _)| concerns_us(&name)) {
        return Ok(None);
    }
    let query: BTreeMap<String, String> =
        form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let given = |name: &str| query.get(name).filter(|value| !value.is_empty());
    let mut methods: Vec<&str> =
        given("method").map_or(envelope.method, String::as_str).split(',').map(str::trim).collect();
    methods.sort_unstable();
    if !methods.contains(&envelope.method) {
        return Err(Refusal::without_code(&format!("{} was not a signed method", envelope.method)));
    }
    let missing: Vec<&str> = REQUIRED.into_iter().filter(|name| given(name).is_none()).collect();
    if missing.len() == REQUIRED.len() {
        return Ok(None);
    }
    let [Some(algorithm), Some(expires), Some(key_id), Some(signature)] = REQUIRED.map(given)
    else {
        let message = format!("parameters \"{}\" are required", missing.join(", "));
        return Err(Refusal::without_code(&message));
    };
    let expires: i64 = expires.parse().map_err(|_| Refusal::without_code("expires is invalid"))?;
    if envelope.now.as_second() > expires {
        return Err(Refusal::without_code("request expired"));
    }
    let host = envelope.header("host").unwrap_or_default();
    let message = signing_string(&methods, &host, path, &query);
    let name = algorithm.to_uppercase();
    let Ok(algorithm) = algorithm.parse() else {
        // These two pass the first check of the real one and fail at the last.
        if matches!(name.as_str(), "RSA-SHA384" | "ECDSA-SHA384" | "DSA-SHA1" | "DSA-SHA256") {
            return Ok(Some(Claimed::Refused(Refusal::invalid_credentials(INVALID))));
        }
        return Err(Refusal::without_code(&format!("{name} is not a supported signing algorithm")));
    };
    let (Ok(parsed), Ok(signature)) = (key_id.parse(), BASE64.decode(signature)) else {
        return Ok(Some(Claimed::Refused(Refusal::invalid_credentials(INVALID))));
    };
    let signed =
        Signed { key_id: parsed, key_id_text: key_id.clone(), algorithm, message, signature };
    Ok(Some(Claimed::Somebody(Box::new(signed))))
}

fn signing_string(
    methods: &[&str],
    host: &str,
    path: &str,
    query: &BTreeMap<String, String>,
) -> String {
    let encode = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
    let mut pairs: Vec<(&String, &String)> =
        query.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("signature")).collect();
    // The real one sorts as people do, not as machines do.
    pairs.sort_by_key(|(name, _)| (name.to_lowercase(), std::cmp::Reverse((*name).clone())));
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    format!("{}\n{host}\n{path}\n{}", methods.join(","), pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_string_is_made_of_methods_host_path_and_sorted_query() {
        let query = [("keyId", "/a/keys/b c"), ("expires", "1"), ("x*", "!"), ("signature", "s")];
        let query = query.map(|(k, v)| (k.to_owned(), v.to_owned())).into_iter().collect();
        assert_eq!(
            signing_string(&["GET", "PUT"], "example.com", "/a/changefeed", &query),
            "GET,PUT\nexample.com\n/a/changefeed\nexpires=1&keyId=%2Fa%2Fkeys%2Fb%20c&x%2A=%21"
        );
    }
}
