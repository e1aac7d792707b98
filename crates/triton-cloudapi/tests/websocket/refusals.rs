//! Handshakes that do not end in a feed.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use http_body_util::Empty;
use tower::service_fn;
use triton_cloudapi::client::changefeed::{
    ChangefeedError, ChangefeedItem, ChangefeedOptions, Interruption,
};
use triton_cloudapi::client::{BoxError, HttpRequest, UpgradeError};

use crate::common::builder;
use crate::server::{server, server_of};

/// What the feed ends with after this answer.
async fn ended(status: &str, headers: &str, body: &str) -> ChangefeedError {
    let (client, mut server) = server();
    let mut feed = client.changefeed(ChangefeedOptions::default());
    server.asked().await.refuse(status, headers, body).await;
    let error = feed.next().await.unwrap().unwrap_err();
    assert!(feed.next().await.is_none());
    assert!(server.is_left_alone(), "it was tried again");
    assert!(!error.is_passing());
    error
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_not_known_or_not_allowed_ends_the_feed() {
    let refusal = r#"{"code":"InvalidCredentials","message":"Invalid key"}"#;
    let error = ended("401 Unauthorized", "", refusal).await;
    assert!(error.call().unwrap().is_auth(), "{error:?}");
    let refusal = r#"{"code":"NotAuthorized","message":"no role"}"#;
    assert!(ended("403 Forbidden", "", refusal).await.call().unwrap().is_auth());
}

#[tokio::test(start_paused = true)]
async fn a_cloudapi_before_9_14_is_named_in_the_error() {
    let body = r#"{"code":"ResourceNotFound","message":"/acme/changefeed does not exist"}"#;
    let error = ended("404 Not Found", "Server: cloudapi/9.12.0\n", body).await;
    assert!(
        matches!(&error, ChangefeedError::NotSupported { server: Some(server) } if server == "cloudapi/9.12.0"),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_lets_no_upgrade_through_is_told_clearly() {
    let rows = [
        ("200 OK", "", "<html>welcome</html>"),
        (
            "500 Internal Server Error",
            "",
            r#"{"message":"Connection Must Upgrade For WebSockets"}"#,
        ),
        ("426 Upgrade Required", "", ""),
        ("302 Found", "Location: https://elsewhere.example.com/\n", ""),
    ];
    for (status, headers, body) in rows {
        let error = ended(status, headers, body).await;
        let ChangefeedError::NotUpgraded(upgrade) = &error else { panic!("{status}: {error:?}") };
        assert!(upgrade.to_string().contains("a proxy on the way"), "{upgrade}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_another_handshake_is_none_to_ours() {
    let (client, mut server) = server();
    let mut feed = client.changefeed(ChangefeedOptions::default());
    let answer = "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: Upgrade\n\
                  Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\n\n";
    server.asked().await.answer(answer).await;
    let error = feed.next().await.unwrap().unwrap_err();
    assert!(matches!(error, ChangefeedError::NotUpgraded(UpgradeError::AcceptKey)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_waited_out() {
    let (client, mut server) = server();
    let mut feed = client.changefeed(ChangefeedOptions::default().resync_every(None));
    let rows = [
        ("503 Service Unavailable", r#"{"code":"ServiceUnavailable","message":"no server"}"#),
        ("429 Too Many Requests", r#"{"code":"TooManyRequestsError","message":"10 r/s"}"#),
        ("502 Bad Gateway", "<html>"),
    ];
    for (status, body) in rows {
        server.asked().await.refuse(status, "", body).await;
        let item = feed.next().await.unwrap().unwrap();
        let ChangefeedItem::Interrupted { reason: Interruption::NotOpened(error), .. } = item
        else {
            panic!("{item:?}")
        };
        assert!(error.is_passing() && error.call().is_some(), "{error:?}");
    }
    let _peer = server.subscribed().await;
    assert!(matches!(feed.next().await, Some(Ok(ChangefeedItem::Connected))));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_is_set_by_the_servers() {
    let ours = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045);
    let clock = std::sync::Arc::new(move || ours);
    let (client, mut server) = server_of(builder("http://cloud.example.com").with_clock(clock));
    let _feed = client.changefeed(ChangefeedOptions::default());
    let theirs = httpdate::fmt_http_date(ours + Duration::from_secs(600));
    let refusal =
        r#"{"code":"InvalidHeader","message":"clock skew of 600s was greater than 300s"}"#;
    let asked = server.asked().await;
    asked.refuse("400 Bad Request", &format!("Date: {theirs}\n"), refusal).await;
    assert_eq!(server.asked().await.header("date"), Some(theirs.as_str()));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_no_connection_says_so() {
    let service = service_fn(|_: HttpRequest| async {
        let mut response = http::Response::new(Empty::new());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        Ok::<_, BoxError>(response)
    });
    let client = builder("http://in-process").build_with_service(service).unwrap();
    let mut feed = client.changefeed(ChangefeedOptions::default());
    let error = feed.next().await.unwrap().unwrap_err();
    assert!(matches!(error, ChangefeedError::NotUpgraded(UpgradeError::NoConnection)), "{error:?}");
}
