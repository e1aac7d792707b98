//! Signatures in all the forms that CloudAPI takes, made with OpenSSL: see `vectors/README.md`.

use axum::body::Body;
use http::Request;

use crate::caller::{Caller, Reply, quiet};

const KEY: &str = include_str!("vectors/rsa.pub");
const SIGNATURES: &str = include_str!("vectors/signatures.txt");
const KEY_ID: &str = "/jill/keys/d5:cc:16:4d:b0:75:1d:23:d9:9c:93:86:59:ab:5c:7e";
const DATE: &str = "Fri, 02 Jan 2026 03:04:05 GMT";

fn signature(name: &str) -> &'static str {
    let line = SIGNATURES.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap()
}

fn parameters(algorithm: &str, headers: &str, name: &str) -> String {
    let signature = signature(name);
    format!(
        r#"Signature keyId="{KEY_ID}",algorithm="{algorithm}",headers="{headers}",signature="{signature}""#
    )
}

fn datacenter() -> Caller {
    Caller::of(quiet().key(KEY).started_at("2026-01-02T03:04:05Z".parse().unwrap()))
}

async fn get(target: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = Request::get(target).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    datacenter().send(request.body(Body::empty()).unwrap()).await
}

async fn accepted(date: &str, authorization: &str) {
    let reply = get("/jill/machines", &[("date", date), ("authorization", authorization)]).await;
    assert_eq!(reply.status, 200, "{authorization}: {}", reply.body);
}

#[tokio::test]
async fn the_forms_of_all_clients_are_accepted() {
    accepted(DATE, &parameters("rsa-sha256", "(request-target) date", "target256")).await;
    accepted(DATE, &parameters("RSA-SHA256", "(request-target) date", "target256")).await;
    // triton-go signs the date alone, writes UTC for GMT, and has SHA-1 made by the agent.
    let utc = DATE.replace("GMT", "UTC");
    accepted(&utc, &parameters("rsa-sha1", "date", "date_utc_sha1")).await;
    accepted(&utc, &parameters("rsa-sha1", "", "date_utc_sha1")).await;
    accepted(DATE, &parameters("rsa-sha512", "request-line date", "request_line")).await;
    accepted(DATE, &parameters("rsa-sha256", "(keyid) (algorithm) date", "keyid_alg")).await;
}

/// The curl example of the manual: the bare date is signed, and the signature stands outside.
#[tokio::test]
async fn the_manuals_own_example_is_accepted() {
    let legacy = signature("legacy");
    let header =
        |algorithm: &str| format!(r#"Signature keyId="{KEY_ID}",algorithm="{algorithm}" {legacy}"#);
    accepted(DATE, &header("rsa-sha256")).await;
    let wrong = header("rsa-sha512");
    let reply = get("/jill/machines", &[("date", DATE), ("authorization", &wrong)]).await;
    reply.expect(401, "InvalidCredentials");
    let unknown = header("ed25519-sha512");
    let reply = get("/jill/machines", &[("date", DATE), ("authorization", &unknown)]).await;
    reply.expect(400, "InvalidHeader");
}

#[tokio::test]
async fn x_date_stands_for_date_but_an_old_date_is_still_old() {
    let signed = parameters("rsa-sha256", "x-date", "x_date");
    let headers = [("x-date", DATE), ("authorization", &signed)];
    assert_eq!(get("/jill/machines", &headers).await.status, 200);
    let date_signed = parameters("rsa-sha256", "(request-target) date", "target256");
    let headers = [("x-date", DATE), ("date", DATE), ("authorization", &date_signed)];
    get("/jill/machines", &headers).await.expect(400, "InvalidHeader");
    let old = [("x-date", DATE), ("date", "Fri, 02 Jan 2026 02:04:05 GMT")];
    let headers = [old[0], old[1], ("authorization", &signed)];
    get("/jill/machines", &headers).await.expect(400, "RequestExpired");
    get("/jill/machines", &[("date", "yesterday")]).await.expect(400, "InvalidHeader");
}

#[tokio::test]
async fn a_signature_that_does_not_fit_proves_nothing() {
    for (algorithm, headers, name, status, code) in [
        ("rsa-sha512", "(request-target) date", "target256", 401, "InvalidCredentials"),
        ("ecdsa-sha256", "(request-target) date", "target256", 401, "InvalidCredentials"),
        ("rsa-sha256", "date (request-target)", "target256", 401, "InvalidCredentials"),
        ("rsa-sha384", "(request-target) date", "target256", 400, "InvalidHeader"),
        ("ecdsa-sha384", "date", "target256", 400, "InvalidHeader"),
        ("ed25519", "date", "target256", 400, "InvalidHeader"),
        ("rsa-sha256", "date x-other", "target256", 400, "InvalidHeader"),
        ("rsa-sha256", "(opaque) date", "target256", 400, "InvalidHeader"),
    ] {
        let signed = parameters(algorithm, headers, name);
        let reply = get("/jill/machines", &[("date", DATE), ("authorization", &signed)]).await;
        reply.expect(status, code);
    }
    let lower = parameters("rsa-sha256", "(request-target) date", "target256")
        .replace("Signature ", "signature ");
    let reply = get("/jill/machines", &[("date", DATE), ("authorization", &lower)]).await;
    reply.expect(400, "InvalidHeader");
}

fn presigned(change: impl FnOnce(&mut Vec<(&str, &str)>)) -> String {
    let mut query = vec![
        ("algorithm", "RSA-SHA256"),
        ("expires", "1767323645"),
        ("keyId", KEY_ID),
        ("signature", signature("presigned")),
    ];
    change(&mut query);
    let mut target = form_urlencoded::Serializer::new(String::from("/jill/machines?"));
    target.extend_pairs(query).finish()
}

#[tokio::test]
async fn a_presigned_url_needs_no_header() {
    let reply = get(&presigned(|_| {}), &[]).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

#[tokio::test]
async fn whatever_is_wrong_with_a_presigned_url_is_500_without_a_code() {
    for (target, message) in [
        (
            presigned(|query| query.truncate(1)),
            "parameters \"expires, keyId, signature\" are required",
        ),
        (presigned(|query| query[1].1 = "soon"), "expires is invalid"),
        (presigned(|query| query[1].1 = "1767323044"), "request expired"),
        (presigned(|query| query[0].1 = "hs2019"), "not a supported signing algorithm"),
        (presigned(|query| query.push(("method", "PUT,POST"))), "GET was not a signed method"),
    ] {
        let reply = get(&target, &[]).await;
        assert_eq!((reply.status, reply.body.get("code")), (500, None), "{target}");
        assert!(reply.body["message"].as_str().unwrap().contains(message), "{}", reply.body);
    }
    get(&presigned(|query| query.push(("limit", "1"))), &[])
        .await
        .expect(401, "InvalidCredentials");
}

#[tokio::test]
async fn no_token_is_good() {
    let caller = Caller::new();
    for token in [r#"{"keyid":"k","data":"d"}"#, "nonsense"] {
        let request = caller.request("GET", "/my", 0).await.header("x-auth-token", token);
        let reply = caller.send(request.body(Body::empty()).unwrap()).await;
        reply.expect(401, "InvalidCredentials");
    }
}
