use http::{HeaderMap, HeaderValue, StatusCode};

use super::*;

fn error(status: u16, body: &str) -> ApiError {
    let status = StatusCode::from_u16(status).unwrap();
    ApiError::from_answer(&Answer { status, headers: &HeaderMap::new(), body: body.as_bytes() })
}

#[track_caller]
fn check(status: u16, body: &str, code: ErrorCode, message: &str) {
    let error = error(status, body);
    assert_eq!((error.status, error.code, error.message.as_str()), (status, code, message));
}

#[test]
fn cloudapis_own_errors_are_read_with_and_without_the_suffix() {
    check(
        409,
        r#"{"code":"InvalidArgument","message":"no such package"}"#,
        ErrorCode::InvalidArgument,
        "no such package",
    );
    check(
        429,
        r#"{"code":"TooManyRequestsError","message":"slow"}"#,
        ErrorCode::TooManyRequests,
        "slow",
    );
    check(
        409,
        r#"{"code":"NoAllocatableServersError","message":"x"}"#,
        ErrorCode::NoAllocatableServers,
        "x",
    );
    check(
        409,
        r#"{"code":"CannotDestroyMachine","message":"x"}"#,
        ErrorCode::CannotDestroyMachine,
        "x",
    );
    check(409, r#"{"code":"UnallocatedVM","message":"x"}"#, ErrorCode::UnallocatedVm, "x");
    check(500, r#"{"code":"InternalError","message":"x"}"#, ErrorCode::Internal, "x");
    check(
        422,
        r#"{"code":"BrandNew","message":"x"}"#,
        ErrorCode::Other("BrandNew".to_owned()),
        "x",
    );
    check(
        400,
        r#"{"code":"NewError","message":"x"}"#,
        ErrorCode::Other("NewError".to_owned()),
        "x",
    );
}

#[test]
fn what_the_proxy_says_is_read_too() {
    check(
        503,
        r#"{"code":"ServiceUnavailable","message":"x"}"#,
        ErrorCode::ServiceUnavailable,
        "x",
    );
    check(500, r#"{"code":"InternalServerError","message":"x"}"#, ErrorCode::Internal, "x");
    check(
        408,
        r#"{"IdleClientError":"too slow"}"#,
        ErrorCode::Other(String::new()),
        "IdleClientError: too slow",
    );
    check(
        400,
        r#"{"BadHTTPRequest":"bad"}"#,
        ErrorCode::Other(String::new()),
        "BadHTTPRequest: bad",
    );
}

#[test]
fn a_body_that_is_no_json_is_quoted_and_cut() {
    check(
        502,
        "<html>\n  <h1>Bad</h1>\n</html>",
        ErrorCode::ServiceUnavailable,
        "<html> <h1>Bad</h1> </html>",
    );
    check(404, "", ErrorCode::ResourceNotFound, "Not Found");
    check(403, r#"{"code":"NotAuth"#, ErrorCode::NotAuthorized, r#"{"code":"NotAuth"#);
    check(500, r#""a string""#, ErrorCode::Other(String::new()), "Internal Server Error");
    check(500, r#"{"message":"no code"}"#, ErrorCode::Other(String::new()), "no code");
    assert_eq!(error(500, &"x".repeat(10_000)).message.len(), MESSAGE_CHARS_MAX);
}

#[test]
fn an_instance_in_place_of_an_error_is_not_shown() {
    let body = r#"{"id":"x","state":"deleted","metadata":{"password":"hunter2"}}"#;
    let error = error(410, body);
    assert!(error.is_gone());
    assert_eq!(error.to_string(), "410: Gone");
}

#[test]
fn field_errors_are_kept_and_a_taken_name_is_told_apart() {
    let body = r#"{"code":"ValidationFailed","message":"Invalid VM parameters","errors":[
        {"field":"alias","code":"Duplicate","message":"Already exists for this owner_uuid"}, "odd"]}"#;
    let error = error(409, body);
    assert!(error.is_duplicate_name());
    assert_eq!(
        error.to_string(),
        "409 ValidationFailed: Invalid VM parameters; alias Duplicate: Already exists for this owner_uuid"
    );
}

#[test]
fn the_request_id_is_kept() {
    let mut headers = HeaderMap::new();
    headers.insert("request-id", HeaderValue::from_static("abc"));
    let error = ApiError::from_answer(&Answer {
        status: StatusCode::NOT_FOUND,
        headers: &headers,
        body: b"",
    });
    assert_eq!(error.request_id.as_deref(), Some("abc"));
}

#[test]
fn clock_skew_is_told_from_other_bad_headers() {
    let skew = r#"{"code":"InvalidHeader","message":"Authorization header invalid: clock skew of 400s was greater than 300s"}"#;
    assert!(error(400, skew).is_clock_skew());
    assert!(
        error(400, r#"{"code":"RequestExpired","message":"Date header is too old"}"#)
            .is_clock_skew()
    );
    assert!(
        !error(400, r#"{"code":"InvalidHeader","message":"bad param format"}"#).is_clock_skew()
    );
}

#[test]
fn every_known_code_is_read_with_and_without_its_suffix_and_kept_as_it_came() {
    for code in ErrorCode::KNOWN {
        for text in [code.as_str().to_owned(), format!("{}Error", code.as_str())] {
            let body = format!(r#"{{"code":"{text}","message":"x"}}"#);
            let error = error(409, &body);
            assert_eq!((&error.code, &*error.raw_code), (code, text.as_str()));
        }
    }
    let alias = error(420, r#"{"code":"RequestThrottled","message":"x"}"#);
    assert_eq!((alias.code, &*alias.raw_code), (ErrorCode::TooManyRequests, "RequestThrottled"));
    assert_eq!(&*error(404, "").raw_code, "");
    // Case matters: this is nobody's code.
    let shouted = error(409, r#"{"code":"INVALIDARGUMENT","message":"x"}"#);
    assert_eq!(shouted.code, ErrorCode::Other("INVALIDARGUMENT".to_owned()));
}

#[test]
fn what_may_pass_by_itself_is_told_apart() {
    let coded =
        |status, code: &str| error(status, &format!(r#"{{"code":"{code}","message":"x"}}"#));
    for (status, code) in [(409, "NoAllocatableServersError"), (507, "SubnetFull")] {
        assert!(coded(status, code).is_no_room(), "{code}");
    }
    let taken = r#"{"code":"InvalidParameters","message":"x","errors":[{"field":"ip","code":"UsedBy","message":"IP in use"}]}"#;
    assert!(error(422, taken).is_no_room());
    assert!(!coded(422, "InvalidParameters").is_no_room());
    assert!(coded(409, "UnallocatedVM").is_unallocated());
    assert!(!coded(409, "InvalidArgument").is_unallocated());
    assert!(coded(409, "CannotDestroyMachineError").is_deletion_protected());
    assert!(!coded(409, "ConflictError").is_deletion_protected());
}
