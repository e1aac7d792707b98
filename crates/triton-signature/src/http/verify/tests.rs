use std::collections::BTreeMap;

use super::*;

const DATE: &str = "Sat, 11 Jun 2011 23:56:29 GMT";
const AUTHORIZATION: &str = r#"Signature keyId="/acme/keys/aa",algorithm="ed25519-sha512",headers="(request-target) date",signature="AQI=""#;

/// Seconds of [`DATE`] since the epoch.
const DATE_SECONDS: u64 = 1_307_836_589;

fn claim(headers: &[(&str, &str)], seconds: u64) -> Result<Claim, RequestError> {
    let headers: BTreeMap<_, _> = headers.iter().copied().collect();
    let header = |name: &str| headers.get(name).map(|value| (*value).to_owned());
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    RequestToVerify { method: "GET", path_and_query: "/acme/machines", header: &header, now }
        .claim()
}

#[track_caller]
fn check(headers: &[(&str, &str)], expected: &RequestError, refusal: Refusal) {
    let error = claim(headers, DATE_SECONDS).unwrap_err();
    assert_eq!(error, *expected);
    assert_eq!(error.refusal(), refusal);
}

#[test]
fn a_good_header_becomes_a_claim() {
    let claim = claim(&[("date", DATE), ("authorization", AUTHORIZATION)], DATE_SECONDS).unwrap();
    assert_eq!(claim.key_id, KeyId::new("acme", "aa"));
    assert_eq!(claim.signing_string, format!("(request-target): get /acme/machines\ndate: {DATE}"));
}

#[test]
fn a_claim_alone_proves_nothing() {
    let key = PublicKey::from_openssh(
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti",
    )
    .unwrap();
    let claim = claim(&[("date", DATE), ("authorization", AUTHORIZATION)], DATE_SECONDS).unwrap();
    let error = claim.verify(&key).unwrap_err();
    assert_eq!(error, RequestError::Signature(VerifyError::Signature));
    assert_eq!(error.refusal(), Refusal::InvalidCredentials);
}

#[test]
fn three_hundred_seconds_either_way_are_allowed_and_no_more() {
    let headers = [("date", DATE), ("authorization", AUTHORIZATION)];
    for seconds in [DATE_SECONDS - 300, DATE_SECONDS, DATE_SECONDS + 300] {
        assert!(claim(&headers, seconds).is_ok(), "{seconds}");
    }
    for seconds in [DATE_SECONDS - 301, DATE_SECONDS + 301] {
        let error = claim(&headers, seconds).unwrap_err();
        assert_eq!(error, RequestError::Skew { skew: Duration::from_secs(301) });
        assert_eq!(error.to_string(), "clock skew of 301s was greater than 300s");
        assert_eq!(error.refusal(), Refusal::InvalidHeader);
    }
}

#[test]
fn who_says_nothing_is_unauthorized_and_who_says_nonsense_is_wrong() {
    let date = ("date", DATE);
    check(&[date], &RequestError::Anonymous, Refusal::InvalidCredentials);
    check(
        &[date, ("authorization", "Basic eDp5")],
        &AuthorizationError::Scheme.into(),
        Refusal::InvalidCredentials,
    );
    check(
        &[date, ("authorization", "Signature")],
        &AuthorizationError::NoParameters.into(),
        Refusal::InvalidHeader,
    );
    check(
        &[date, ("authorization", "Signature x")],
        &AuthorizationError::Format.into(),
        Refusal::InvalidHeader,
    );
    check(
        &[date, ("authorization", &AUTHORIZATION.replace("/acme/keys/aa", "/acme/aa"))],
        &KeyIdError("/acme/aa".to_owned()).into(),
        Refusal::InvalidCredentials,
    );
}

#[test]
fn the_date_must_be_there_signed_and_readable() {
    let authorization = ("authorization", AUTHORIZATION);
    check(&[authorization], &MissingHeader("date".to_owned()).into(), Refusal::InvalidHeader);
    check(
        &[authorization, ("date", "yesterday")],
        &RequestError::DateFormat("yesterday".to_owned()),
        Refusal::InvalidHeader,
    );
    check(
        &[("date", DATE), ("authorization", &AUTHORIZATION.replace(" date", ""))],
        &RequestError::DateNotSigned("date"),
        Refusal::InvalidHeader,
    );
    check(
        &[("date", DATE), ("x-date", DATE), authorization],
        &RequestError::DateNotSigned("x-date"),
        Refusal::InvalidHeader,
    );
    check(
        &[("date", DATE), ("authorization", &AUTHORIZATION.replace(" date", " date host"))],
        &MissingHeader("host".to_owned()).into(),
        Refusal::InvalidHeader,
    );
}

#[test]
fn without_a_list_the_date_alone_is_signed() {
    let bare = AUTHORIZATION.replace(r#"headers="(request-target) date","#, "");
    let claim = claim(&[("date", DATE), ("authorization", &bare)], DATE_SECONDS).unwrap();
    assert_eq!(claim.signing_string, format!("date: {DATE}"));
}

#[test]
fn the_zones_that_clients_write_are_read() {
    let read = |zone: &str| {
        let date = DATE.replace("GMT", zone);
        claim(&[("date", &date), ("authorization", AUTHORIZATION)], DATE_SECONDS + 60).is_ok()
    };
    assert!(["UTC", "+0000", "-0000"].into_iter().all(read));
    assert!(!["CET", "+0100", ""].into_iter().any(read));
}
