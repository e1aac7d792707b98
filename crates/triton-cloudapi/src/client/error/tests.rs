use http::HeaderMap;

use super::*;
use crate::request::Answer;

fn api(status: u16) -> Error {
    api_with(status, "")
}

fn api_with(status: u16, body: &str) -> Error {
    let status = StatusCode::from_u16(status).unwrap();
    let answer = Answer { status, headers: &HeaderMap::new(), body: body.as_bytes() };
    Error::Api(ApiError::from_answer(&answer))
}

fn transport(sent: bool) -> Error {
    Error::Transport { sent, problem: ConnectionProblem::Broken, source: "x".into() }
}

#[track_caller]
fn check(error: &Error, is_ambiguous: bool) {
    assert_eq!(error.is_ambiguous(), is_ambiguous, "{error:?}");
}

#[test]
fn only_what_may_have_been_carried_out_is_ambiguous() {
    let timeout = |sent| Error::Timeout { after: Duration::from_secs(1), sent };
    check(&transport(true), true);
    check(&transport(false), false);
    check(&timeout(true), true);
    check(&timeout(false), false);
    check(&Error::Decode { status: StatusCode::CREATED, source: "x".into() }, true);
    // 520 to 527 are words of proxies that CloudAPI may be behind.
    for status in [500, 502, 503, 504, 520, 524] {
        check(&api(status), true);
    }
    for status in [302, 400, 401, 403, 404, 408, 409, 410, 413, 422, 429, 501, 507] {
        check(&api(status), false);
    }
    check(&Error::Busy { waiting: 1 }, false);
    for (status, is_ambiguous) in [(200, true), (502, true), (404, false), (407, false)] {
        let status = StatusCode::from_u16(status).unwrap();
        check(&Error::NotCloudApi { status, content: "HTML".to_owned() }, is_ambiguous);
    }
}

#[test]
fn each_kind_of_refusal_is_told_apart() {
    assert!(api(404).is_not_found() && api(410).is_not_found() && !api(409).is_not_found());
    assert!(api(401).is_auth() && api(403).is_auth() && !api(400).is_auth());
    assert!(api(429).is_throttled() && !api(503).is_throttled());
    assert!(api(503).is_unreachable() && !api(500).is_unreachable());
    let html = Error::NotCloudApi { status: StatusCode::NOT_FOUND, content: "HTML".to_owned() };
    assert!(!html.is_not_found() && html.is_unreachable());
}

#[test]
fn the_advice_is_that_of_the_codes_class() {
    let code = |status, code: &str| {
        api_with(status, &format!(r#"{{"code":"{code}","message":"m"}}"#)).advice()
    };
    let used =
        r#"{"code":"InvalidParameters","message":"m","errors":[{"field":"ip","code":"UsedBy"}]}"#;
    for (found, expected) in [
        (transport(false).advice(), Advice::AskAgain),
        (transport(true).advice(), Advice::LookFirst),
        (code(429, "TooManyRequestsError"), Advice::AskAgain),
        (code(503, "ServiceUnavailableError"), Advice::LookFirst),
        (code(409, "UnallocatedVM"), Advice::TryLater),
        (code(409, "NoAllocatableServersError"), Advice::TryLater),
        (code(409, "VolumeServerNoResourcesError"), Advice::TryLater),
        (code(409, "VmNotStopped"), Advice::TryLater),
        (code(507, "SubnetFull"), Advice::TryLater),
        (api_with(422, used).advice(), Advice::TryLater),
        (code(422, "InvalidParameters"), Advice::GiveUp),
        (code(409, "InvalidArgument"), Advice::GiveUp),
        (code(404, "ResourceNotFound"), Advice::GiveUp),
        (code(401, "InvalidCredentials"), Advice::GiveUp),
        (code(413, "PayloadTooLargeError"), Advice::GiveUp),
    ] {
        assert_eq!(found, expected);
    }
}

#[test]
fn an_answer_that_cannot_be_read_is_explained_without_its_values() {
    let source = serde_json::from_str::<Vec<u32>>(r#"["canary-5f1c"]"#).unwrap_err();
    let error = Error::from(AnswerError::Decode { status: StatusCode::OK, source });
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(!format!("{error:?} {error} {source}").contains("canary"), "{source}");
    assert!(source.contains("line 1"), "{source}");
}
