//! The `Authorization` header of the `Signature` scheme.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::algorithm::{Algorithm, UnknownAlgorithm};

/// The header's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// As it came; [`super::KeyId`] parses it.
    pub key_id: String,
    /// How the signature was made.
    pub algorithm: Algorithm,
    /// Names of the signed headers, lowercase, in order. Empty when the header did not say.
    pub headers: Vec<String>,
    /// The signature, decoded.
    pub signature: Vec<u8>,
}

/// Why an `Authorization` header was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorizationError {
    /// There is nothing after the scheme's name (400 on CloudAPI).
    #[error("authorization header has no parameters")]
    NoParameters,
    /// Basic, Bearer, … (401 on CloudAPI: as if nothing had been sent).
    #[error("authorization scheme is not Signature")]
    Scheme,
    /// Not `name="value"` items separated by bare commas.
    #[error("bad param format")]
    Format,
    /// One of the four that are needed is absent.
    #[error("{0} was not specified")]
    Missing(&'static str),
    /// The algorithm is not one of CloudAPI's.
    #[error(transparent)]
    Algorithm(#[from] UnknownAlgorithm),
    /// The signature is not base64.
    #[error("signature is not base64")]
    Base64,
}

// === impl Authorization ===

impl FromStr for Authorization {
    type Err = AuthorizationError;

    /// As strict as the server: one space, no space after a comma, values quoted. Names it does not know are skipped.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, parameters) = text.split_once(' ').ok_or(AuthorizationError::NoParameters)?;
        if !scheme.eq_ignore_ascii_case("signature") {
            return Err(AuthorizationError::Scheme);
        }
        let parameters = parse_parameters(parameters)?;
        let find = |wanted: &'static str| {
            let found = parameters.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| *value).ok_or(AuthorizationError::Missing(wanted))
        };
        let key_id = find("keyId")?.to_owned();
        let algorithm = find("algorithm")?.parse()?;
        let signature =
            STANDARD.decode(find("signature")?).map_err(|_| AuthorizationError::Base64)?;
        let headers = find("headers").unwrap_or_default();
        let headers = headers
            .split(' ')
            .filter(|name| !name.is_empty())
            .map(str::to_ascii_lowercase)
            .collect();
        Ok(Self { key_id, algorithm, headers, signature })
    }
}

impl fmt::Display for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            r#"Signature keyId="{}",algorithm="{}",headers="{}",signature="{}""#,
            self.key_id,
            self.algorithm,
            self.headers.join(" "),
            STANDARD.encode(&self.signature)
        )
    }
}

fn parse_parameters(text: &str) -> Result<Vec<(&str, &str)>, AuthorizationError> {
    let mut parameters = Vec::new();
    let mut rest = text;
    loop {
        let (name, after) = rest.split_once("=\"").ok_or(AuthorizationError::Format)?;
        let (value, after) = after.split_once('"').ok_or(AuthorizationError::Format)?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Err(AuthorizationError::Format);
        }
        parameters.push((name, value));
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(parameters),
            None => return Err(AuthorizationError::Format),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(), AuthorizationError>) {
        assert_eq!(text.parse::<Authorization>().map(|_| ()), expected, "{text}");
    }

    const GOOD: &str = r#"Signature keyId="/acme/keys/aa:bb",algorithm="rsa-sha256",headers="(request-target) date",signature="AQI=""#;

    #[test]
    fn what_is_written_is_what_was_read() {
        let authorization: Authorization = GOOD.parse().unwrap();
        assert_eq!(authorization.key_id, "/acme/keys/aa:bb");
        assert_eq!(authorization.algorithm, Algorithm::RsaSha256);
        assert_eq!(authorization.headers, ["(request-target)", "date"]);
        assert_eq!(authorization.signature, [1, 2]);
        assert_eq!(authorization.to_string(), GOOD);
    }

    #[test]
    fn spellings_that_the_server_takes_are_taken() {
        check(&GOOD.replace("rsa-sha256", "RSA-SHA256"), Ok(()));
        check(&GOOD.replace(r#"headers="(request-target) date","#, ""), Ok(()));
        check(&GOOD.replace("signature=", r#"other="x",signature="#), Ok(()));
    }

    #[test]
    fn anything_else_says_what_is_wrong() {
        use AuthorizationError as Error;
        check("Signature", Err(Error::NoParameters));
        check("Basic dXNlcjpwYXNz", Err(Error::Scheme));
        check("Signature ", Err(Error::Format));
        check(&GOOD.replace("\",algo", "\", algo"), Err(Error::Format));
        check(&GOOD.replace("Signature ", "Signature  "), Err(Error::Format));
        check(&format!("{GOOD},"), Err(Error::Format));
        check(&format!("{GOOD} "), Err(Error::Format));
        check(GOOD.trim_end_matches('"'), Err(Error::Format));
        check(&GOOD.replace("keyId", "key-id"), Err(Error::Format));
        check(&GOOD.replace("keyId", "keyid"), Err(Error::Missing("keyId")));
        check(&GOOD.replace("algorithm", "algo"), Err(Error::Missing("algorithm")));
        check(&GOOD.replace(",signature", ",sig"), Err(Error::Missing("signature")));
        check(&GOOD.replace("AQI=", "!!"), Err(Error::Base64));
        check(
            &GOOD.replace("rsa-sha256", "ecdsa-sha384"),
            Err(Error::Algorithm(UnknownAlgorithm("ecdsa-sha384".to_owned()))),
        );
    }
}
