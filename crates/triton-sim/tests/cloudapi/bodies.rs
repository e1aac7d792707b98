//! Request bodies in the shapes that foreign clients send.

use std::io::Write as _;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest as _, Md5};
use serde_json::json;

use crate::caller::{Caller, Reply};

async fn update_account(headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let caller = Caller::new();
    let mut request = caller.request("POST", "/my", 0).await;
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    caller.send(request.body(Body::from(body.to_vec())).unwrap()).await
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn json_forms_and_gzip_say_the_same() {
    let json = r#"{"phone":"555"}"#;
    let form = "--x\r\nContent-Disposition: form-data; name=\"phone\"\r\n\r\n555\r\n--x--\r\n";
    for (headers, body) in [
        (&[("content-type", "application/json")][..], json.as_bytes().to_vec()),
        (&[("content-type", "application/x-www-form-urlencoded")], b"phone=555".to_vec()),
        (&[("content-type", "multipart/form-data; boundary=x")], form.as_bytes().to_vec()),
        (&[("content-type", "application/json"), ("content-encoding", "gzip")], gzip(json)),
    ] {
        let reply = update_account(headers, &body).await;
        assert_eq!((reply.status, &reply.body["phone"]), (200, &json!("555")), "{headers:?}");
    }
}

#[tokio::test]
async fn a_body_of_another_type_is_ignored_and_broken_json_is_not() {
    let reply = update_account(&[("content-type", "text/plain")], br#"{"phone":"555"}"#).await;
    assert_eq!((reply.status, reply.body.get("phone")), (200, None));
    let json = [("content-type", "application/json")];
    update_account(&json, b"{").await.expect(400, "InvalidContent");
    let digest = BASE64.encode(Md5::digest(b"{}"));
    let good = [json[0], ("content-md5", digest.as_str())];
    assert_eq!(update_account(&good, b"{}").await.status, 200);
    update_account(&good, br#"{"a":1}"#).await.expect(400, "BadDigest");
}

#[tokio::test]
async fn the_limit_counts_what_is_on_the_wire() {
    let json = [("content-type", "application/json")];
    let large = format!(r#"{{"phone":"555","more":"{}"}}"#, "x".repeat(200_000));
    update_account(&json, large.as_bytes()).await.expect(413, "PayloadTooLargeError");
    let packed = [json[0], ("content-encoding", "gzip")];
    assert_eq!(update_account(&packed, &gzip(&large)).await.status, 200);
}

#[tokio::test]
async fn an_array_takes_the_place_of_all_parameters() {
    let caller = Caller::new();
    let id = caller.create(&json!({ "name": "web" })).await;
    let target = format!("/my/machines/{id}?action=stop");
    assert_eq!(caller.post(&target, &json!(["stop"])).await.status, 409, "the action is gone");
    // A body may also name another target than the path.
    let other = caller.create(&json!({ "name": "db" })).await;
    let body = json!({ "machine": other, "action": "stop" });
    assert_eq!(caller.post(&format!("/my/machines/{id}"), &body).await.status, 202);
    assert_eq!(caller.get(&format!("/my/machines/{other}")).await.body["state"], "stopped");
    assert_eq!(caller.get(&format!("/my/machines/{id}")).await.body["state"], "running");
}

#[tokio::test]
async fn a_bad_header_wins_over_a_bad_body_and_a_bad_body_over_a_bad_signature() {
    let caller = Caller::new();
    let post = |authorization: &str| {
        let request = http::Request::post("/my")
            .header("content-type", "application/json")
            .header("date", httpdate::fmt_http_date(caller.sim.now().into()))
            .header("authorization", authorization);
        request.body(Body::from("{")).unwrap()
    };
    caller.send(post("Signature nonsense")).await.expect(400, "InvalidHeader");
    let unknown = r#"Signature keyId="/jill/keys/x",algorithm="rsa-sha256",signature="AAAA""#;
    caller.send(post(unknown)).await.expect(400, "InvalidContent");
}
