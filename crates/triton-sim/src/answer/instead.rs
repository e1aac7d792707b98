//! What comes back from others than CloudAPI: from HAProxy before it, and from proxies that are not Triton's.

use crate::faults::FaultKind;
use crate::refusal::{Foreign, Refusal};

const JSON: Option<&str> = Some("application/json");
const HTML: Option<&str> = Some("text/html");

/// Who answers in CloudAPI's place: kind, status, content type, body.
const ANSWERS: [(FaultKind, u16, Option<&str>, &str); 13] = [
    (FaultKind::Outage, 503, JSON, UNAVAILABLE),
    (FaultKind::Hang, 503, JSON, UNAVAILABLE),
    (
        FaultKind::Proxy500,
        500,
        JSON,
        r#"{"code":"InternalServerError","message":"An internal server error occurred."}"#,
    ),
    (
        FaultKind::Proxy400,
        400,
        JSON,
        r#"{"BadHTTPRequest":"Your browser sent an invalid request."}"#,
    ),
    (FaultKind::Proxy408, 408, JSON, IDLE_CLIENT),
    (FaultKind::Html502, 502, HTML, "<html><body><h1>502 Bad Gateway</h1></body></html>\n"),
    (FaultKind::Html503, 503, HTML, "<html><body><h1>503 Service Unavailable</h1></body></html>\n"),
    (FaultKind::Html504, 504, HTML, "<html><body><h1>504 Gateway Time-out</h1></body></html>\n"),
    (FaultKind::Empty500, 500, None, ""),
    (FaultKind::Empty502, 502, None, ""),
    (FaultKind::Empty503, 503, None, ""),
    (FaultKind::Empty504, 504, None, ""),
    (
        FaultKind::LoginPage,
        200,
        HTML,
        "<!doctype html><title>Sign in</title><form>Welcome to the guest network</form>\n",
    ),
];

/// HAProxy's body for 503 and 504.
const UNAVAILABLE: &str =
    r#"{"code":"ServiceUnavailable","message":"No server is available to handle this request."}"#;
/// HAProxy's body for 408.
const IDLE_CLIENT: &str =
    r#"{"IdleClientError":"Your browser didn't send a complete request in time."}"#;
/// A name that RFC 2606 keeps from ever existing: who follows the redirect reaches nobody.
const ELSEWHERE: &str = "https://elsewhere.invalid";

/// The answer in place of CloudAPI's, for kinds that are one.
pub(super) fn instead(kind: FaultKind, path: &str) -> Option<Refusal> {
    if kind == FaultKind::Redirect {
        let location = Some(format!("{ELSEWHERE}{path}"));
        return Some(Refusal::foreign(302, Foreign { content_type: None, text: "", location }));
    }
    let (_, status, content_type, text) = ANSWERS.iter().find(|(of, ..)| *of == kind)?;
    let foreign = Foreign { content_type: *content_type, text, location: None };
    Some(Refusal::foreign(*status, foreign))
}

/// HAProxy's 503, also for 504: there is nobody behind it, or nobody answered in time.
pub(super) fn unavailable() -> Refusal {
    Refusal::foreign(503, Foreign { content_type: JSON, text: UNAVAILABLE, location: None })
}

/// HAProxy's 408, to somebody who did not ask.
pub(super) fn idle_client() -> Foreign {
    Foreign { content_type: JSON, text: IDLE_CLIENT, location: None }
}
