//! Who gets in, and what those who do not are told.

use axum::body::Body;
use http::Request;

use crate::caller::{Caller, PUBLIC, quiet};

async fn with_authorization(value: Option<&str>, expected: (u16, &str)) {
    let caller = Caller::new();
    let mut request = Request::get("/my/machines")
        .header("date", httpdate::fmt_http_date(caller.sim.now().into()));
    if let Some(value) = value {
        request = request.header("authorization", value);
    }
    let reply = caller.send(request.body(Body::empty()).unwrap()).await;
    reply.expect(expected.0, expected.1);
}

#[tokio::test]
async fn what_proves_nothing_is_401_and_what_cannot_be_read_is_400() {
    let sig = |key_id: &str, algorithm: &str| {
        format!(
            r#"Signature keyId="{key_id}",algorithm="{algorithm}",headers="date",signature="AAAA""#
        )
    };
    with_authorization(None, (401, "InvalidCredentials")).await;
    with_authorization(Some("Basic amlsbDpzZWNyZXQ="), (401, "InvalidCredentials")).await;
    with_authorization(Some("Signature"), (400, "InvalidHeader")).await;
    with_authorization(Some("Signature nonsense"), (400, "InvalidHeader")).await;
    with_authorization(Some(&sig("/jill/keys/x", "rsa-sha384")), (400, "InvalidHeader")).await;
    with_authorization(Some(&sig("/jill/keys/x", "hs2019")), (400, "InvalidHeader")).await;
    with_authorization(Some(&sig("/jill/nokeys/x", "rsa-sha256")), (401, "InvalidCredentials"))
        .await;
    with_authorization(Some(&sig("/nobody/keys/x", "rsa-sha256")), (401, "InvalidCredentials"))
        .await;
    with_authorization(Some(&sig("/my/keys/x", "rsa-sha256")), (401, "InvalidCredentials")).await;
    with_authorization(Some(&sig("/jill/keys/x", "rsa-sha256")), (401, "InvalidCredentials")).await;
    let unsigned_date = sig("/jill/keys/x", "rsa-sha256").replace("\"date\"", "\"host\"");
    with_authorization(Some(&unsigned_date), (400, "InvalidHeader")).await;
}

#[tokio::test]
async fn a_signature_is_for_one_method_and_target() {
    let caller = Caller::new();
    let signed = caller.request("GET", "/my/machines", 0).await.body(Body::empty()).unwrap();
    assert_eq!(caller.send(signed).await.status, 200);
    let mut moved = caller.request("GET", "/my/machines", 0).await.body(Body::empty()).unwrap();
    *moved.uri_mut() = "/my/machines?limit=1".parse().unwrap();
    caller.send(moved).await.expect(401, "InvalidCredentials");
}

#[tokio::test]
async fn clocks_may_differ_by_300_seconds() {
    let caller = Caller::new();
    for (skew, status) in [(-299, 200), (299, 200), (-302, 400), (302, 400)] {
        let request = caller.request("GET", "/my/machines", skew).await;
        let reply = caller.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(reply.status, status, "{skew}: {}", reply.body);
        if status == 400 {
            let message = reply.body["message"].as_str().unwrap();
            assert!(
                message.contains("clock skew of") && message.contains("was greater than 300s"),
                "{message}"
            );
        }
    }
}

#[tokio::test]
async fn accounts_keep_to_themselves_unless_they_are_operators() {
    let caller = Caller::of(quiet().account("bob"));
    assert_eq!(caller.get("/jill/machines").await.status, 200);
    caller.get("/bob/machines").await.expect(403, "NotAuthorized");
    let operator = Caller::of(
        triton_sim::Sim::builder()
            .account("bob")
            .account("jill")
            .key(PUBLIC)
            .operator()
            .listen(false),
    );
    assert_eq!(operator.get("/bob").await.body["login"], "bob");
}

#[tokio::test]
async fn a_disabled_account_is_403() {
    Caller::of(quiet().disabled()).get("/my").await.expect(403, "NotAuthorized");
}

#[tokio::test]
async fn authentication_wins_over_404_and_unknown_paths_over_authentication() {
    let caller = Caller::new();
    let unsigned = |target: &str| Request::get(target).body(Body::empty()).unwrap();
    let reply = caller.send(unsigned("/my/machines/0b0b0b0b-0000-4000-8000-000000000000")).await;
    reply.expect(401, "InvalidCredentials");
    caller.send(unsigned("/my/nothing")).await.expect(404, "ResourceNotFound");
    let patch = Request::patch("/my/machines").body(Body::empty()).unwrap();
    caller.send(patch).await.expect(405, "MethodNotAllowedError");
}

#[tokio::test]
async fn versions_are_chosen_by_range() {
    let caller = Caller::new();
    for (range, expected) in
        [("~9||~8", Some("9.0.0")), ("8", Some("8.0.0")), ("~7.2", Some("7.2.0")), ("~6", None)]
    {
        let request =
            caller.request("GET", "/my/packages", 0).await.header("accept-version", range);
        let reply = caller.send(request.body(Body::empty()).unwrap()).await;
        match expected {
            Some(version) => {
                assert_eq!((reply.status, reply.header("api-version")), (200, Some(version)))
            }
            None => reply.expect(400, "InvalidVersion"),
        }
    }
    let request = caller.request("GET", "/my/packages", 0).await.header("accept", "image/png");
    caller.send(request.body(Body::empty()).unwrap()).await.expect(406, "NotAcceptableError");
}

#[tokio::test]
async fn every_answer_carries_the_usual_headers() {
    let caller = Caller::new();
    let request = caller.request("GET", "/my", 0).await.header("x-request-id", "mine");
    let reply = caller.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(reply.header("server"), Some("cloudapi/9.20.0"));
    assert_eq!(reply.header("request-id"), Some("mine"));
    assert!(
        ["date", "response-time", "content-md5"].iter().all(|name| reply.header(name).is_some())
    );
    let head = caller.request("HEAD", "/my", 0).await.body(Body::empty()).unwrap();
    let head = caller.send(head).await;
    assert_eq!((head.status, head.header("content-md5")), (200, reply.header("content-md5")));
    assert!(head.body.is_null());
}
