//! What goes wrong between a user and CloudAPI, over real sockets: each is an error of its own that says what to do,
//! comes in time, and holds no secret.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod common;

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{KEY, builder};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use triton_cloudapi::client::{
    Client, ClientBuilder, Config, ConnectionProblem, Deadlines, Error, KeySource, RetryPolicy,
};
use triton_cloudapi::instances::ListInstances;
use triton_signature::PrivateKey;

/// Impatient, and never trying twice, so that no test waits.
fn impatient(builder: ClientBuilder) -> ClientBuilder {
    let deadlines = Deadlines {
        read_attempt: Duration::from_millis(500),
        connect: Duration::from_millis(300),
        ..Deadlines::default()
    };
    builder.with_retry(RetryPolicy::never()).with_deadlines(deadlines)
}

/// Patient enough for a slow machine, where nothing is to time out.
fn patient(builder: ClientBuilder) -> ClientBuilder {
    builder.with_retry(RetryPolicy::never())
}

/// Serves each connection; returns the URL.
async fn serve<F>(scheme: &str, serve: impl Fn(TcpStream) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("{scheme}://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream));
        }
    });
    url
}

/// Reads a request's head.
async fn asked(stream: &mut (impl AsyncRead + Unpin)) {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
}

/// Answers each request with this text and hangs up.
async fn answering(answer: impl Into<String>) -> Client {
    let answer = Arc::new(answer.into());
    let url = serve("http", move |mut stream| {
        let answer = Arc::clone(&answer);
        async move {
            asked(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.ok();
        }
    })
    .await;
    patient(builder(&url)).build().unwrap()
}

fn answer(status: &str, content_type: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

async fn list(client: &Client) -> Error {
    client.list_instances(&ListInstances::default()).await.unwrap_err()
}

/// An error with all its causes.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// The words that tell a user what to do are there, and nothing that is secret.
#[track_caller]
fn check(error: &Error, says: &[&str]) {
    let text = chain(error);
    for words in says {
        assert!(text.contains(words), "{words:?} is not in {text:?}");
    }
    let all = format!("{text} {error:?}");
    for secret in ["canary", "signature=", "MC4CAQ"] {
        assert!(!all.contains(secret), "{secret:?} is in {all}");
    }
}

#[tokio::test]
async fn a_key_that_cloudapi_does_not_know() {
    let body = r#"{"code":"InvalidCredentials","message":"The credentials provided are invalid"}"#;
    let error = list(&answering(answer("401 Unauthorized", "application/json", body)).await).await;
    assert!(matches!(error, Error::Credentials { .. }), "{error:?}");
    assert!(error.is_auth());
    check(&error, &["/acme/keys/", "triton key list", "login"]);
}

#[tokio::test]
async fn a_clock_that_cannot_be_set_right() {
    let body = r#"{"code":"InvalidHeader","message":"clock skew of 5000s was greater than 300s"}"#;
    let error = list(&answering(answer("400 Bad Request", "application/json", body)).await).await;
    assert!(matches!(error, Error::Clock(_)), "{error:?}");
    check(&error, &["clock", "300 s"]);
}

#[tokio::test]
async fn html_from_a_proxy_is_never_taken_for_cloudapis_answer() {
    for status in ["200 OK", "404 Not Found", "502 Bad Gateway"] {
        let html = "<!DOCTYPE html><html>please log in, canary</html>";
        let client = answering(answer(status, "text/html; charset=utf-8", html)).await;
        let error = list(&client).await;
        assert!(matches!(error, Error::NotCloudApi { .. }), "{error:?}");
        check(&error, &["HTML", "proxy", "check the URL"]);
        // Even a 404: what a proxy does not find may well be there.
        let id = "00000000-0000-4000-8000-000000000001".parse().unwrap();
        let error = client.find_instance(id).await.unwrap_err();
        assert!(!error.is_not_found(), "{error:?}");
        client.delete_instance(id).await.unwrap_err();
    }
}

#[tokio::test]
async fn json_that_ends_too_early() {
    let body = r#"[{"id":"00000000-0000-4000-8000-000000000001","metadata":{"a":"canary"#;
    let error = list(&answering(answer("200 OK", "application/json", body)).await).await;
    assert!(matches!(error, Error::Decode { .. }), "{error:?}");
    check(&error, &["ends too early", "cut off"]);
}

#[tokio::test]
async fn json_of_another_shape() {
    for body in [r#"{"canary":1}"#, r#""canary""#, "7"] {
        let error = list(&answering(answer("200 OK", "application/json", body)).await).await;
        assert!(matches!(error, Error::Decode { .. }), "{error:?}");
        check(&error, &["reading CloudAPI's answer"]);
    }
    let odd = r#"[{"id":"00000000-0000-4000-8000-000000000001","tags":"canary"}]"#;
    let client = answering(answer("200 OK", "application/json", odd)).await;
    let error = client.list_all_instances(&ListInstances::default()).await.unwrap_err();
    assert!(matches!(error, Error::Incomplete { .. }), "{error:?}");
    check(&error, &["00000000-0000-4000-8000-000000000001"]);
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_of_the_answer() {
    let client = answering("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n[{\"canary\":").await;
    let error = list(&client).await;
    let Error::Transport { sent: true, problem, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*problem, ConnectionProblem::Broken);
    check(&error, &["the connection broke"]);
}

#[tokio::test]
async fn an_answer_that_is_no_http() {
    let error = list(&answering("SSH-2.0-OpenSSH_9.2\r\n\r\n").await).await;
    assert!(matches!(error, Error::Transport { sent: true, .. }), "{error:?}");
    check(&error, &["CloudAPI"]);
}

#[tokio::test]
async fn an_answer_that_never_ends_is_given_up_by_its_size() {
    let url = serve("http", |mut stream| async move {
        asked(&mut stream).await;
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head).await.ok();
        let chunk = [b"100000\r\n", &[b' '; 0x10_0000][..], b"\r\n"].concat();
        while stream.write_all(&chunk).await.is_ok() {}
    })
    .await;
    let error = list(&patient(builder(&url)).build().unwrap()).await;
    let Error::Transport { problem: ConnectionProblem::TooLarge { bytes_max }, .. } = &error else {
        panic!("{error:?}")
    };
    assert!(*bytes_max < 100_000_000);
    check(&error, &["more than", "is the URL CloudAPI's?"]);
}

#[tokio::test]
async fn an_answer_that_drips_is_given_up_by_time() {
    let url = serve("http", |mut stream| async move {
        asked(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.ok();
        let mut drip = tokio::time::interval(Duration::from_millis(20));
        while stream.write_all(b"1\r\n \r\n").await.is_ok() {
            drip.tick().await;
        }
    })
    .await;
    let error = list(&impatient(builder(&url)).build().unwrap()).await;
    let Error::Transport { sent: true, problem, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(problem, ConnectionProblem::AttemptTimeout { .. }), "{problem}");
    check(&error, &["no whole answer within 0.5 s"]);
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed_with_a_signature() {
    let visits = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&visits);
    let elsewhere = serve("http", move |_| {
        counting.fetch_add(1, Ordering::SeqCst);
        std::future::ready(())
    })
    .await;
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"] {
        let location = format!("location: {elsewhere}/acme/machines?token=canary");
        let answer = format!("HTTP/1.1 {status}\r\n{location}\r\ncontent-length: 0\r\n\r\n");
        let error = list(&answering(answer).await).await;
        assert!(matches!(error, Error::Redirect { .. }), "{error:?}");
        check(&error, &[&elsewhere, "not followed", "configure its URL"]);
    }
    assert_eq!(visits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = list(&patient(builder(&format!("http://{address}"))).build().unwrap()).await;
    let Error::Transport { sent: false, problem, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(problem, ConnectionProblem::Refused { .. }), "{problem}");
    check(&error, &[&address, "check the URL's host and port"]);
}

#[tokio::test]
async fn a_host_that_does_not_exist() {
    let error = list(&impatient(builder("http://cloudapi.invalid")).build().unwrap()).await;
    let Error::Transport { sent: false, problem, .. } = &error else { panic!("{error:?}") };
    // Where nobody answers questions about names, the time is up before the answer is there.
    let is_known = matches!(
        problem,
        ConnectionProblem::UnknownHost { .. } | ConnectionProblem::ConnectTimeout { .. }
    );
    assert!(is_known, "{problem}");
    check(&error, &["check the URL"]);
}

#[tokio::test]
async fn a_tls_handshake_that_stalls() {
    let url = serve("https", |stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let error = list(&impatient(own_ca(&url, None, true)).build().unwrap()).await;
    let Error::Transport { sent: false, problem, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(problem, ConnectionProblem::ConnectTimeout { .. }), "{problem}");
    check(&error, &["no connection within 0.3 s", "firewall or proxy"]);
}

#[tokio::test]
async fn a_server_without_tls_where_https_is_configured() {
    let url = serve("https", |mut stream| async move {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await.ok();
        asked(&mut stream).await;
    })
    .await;
    let error = list(&patient(own_ca(&url, None, true)).build().unwrap()).await;
    let Error::Transport { sent: false, problem, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(problem, ConnectionProblem::Handshake { .. }), "{problem}");
    check(&error, &["does not speak TLS", "right port"]);
}

/// A client with a CA of its own, or with none that is checked.
fn own_ca(url: &str, ca_file: Option<&std::path::Path>, insecure: bool) -> ClientBuilder {
    let key = PrivateKey::from_text(KEY, None).unwrap();
    let source = KeySource::Text(KEY.into(), None);
    let mut config = Config::new(url.parse().unwrap(), "acme", source);
    config.ca_file = ca_file.map(ToOwned::to_owned);
    config.insecure = insecure;
    Client::builder(config, key)
}

/// A server with a certificate that it has signed itself; returns its URL and the certificate as PEM.
async fn self_signed() -> (String, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(cert.der().to_vec())], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let url = serve("https", move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            asked(&mut stream).await;
            respond(&mut stream, &answer("200 OK", "application/json", "[]")).await;
        }
    })
    .await;
    (url, cert.pem())
}

async fn respond(stream: &mut (impl AsyncWrite + Unpin), answer: &str) {
    stream.write_all(answer.as_bytes()).await.ok();
    stream.shutdown().await.ok();
}

#[tokio::test]
async fn a_certificate_that_nobody_has_signed_is_refused_until_it_is_named_or_waved_through() {
    let (url, pem) = self_signed().await;
    let dir = TempDir::new().unwrap();
    // Another CA than the server's, since a machine may have none of its own.
    let other = generate_simple_self_signed(["other.example.com".to_owned()]).unwrap();
    let other_file = dir.path().join("other.pem");
    std::fs::write(&other_file, other.cert.pem()).unwrap();
    let error = list(&patient(own_ca(&url, Some(&other_file), false)).build().unwrap()).await;
    let Error::Transport { sent: false, problem, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(problem, ConnectionProblem::Certificate { .. }), "{problem}");
    check(&error, &["127.0.0.1 is not trusted", "TRITON_CA_FILE", "TRITON_TLS_INSECURE"]);

    let ca_file = dir.path().join("ca.pem");
    std::fs::write(&ca_file, pem).unwrap();
    let list = ListInstances::default();
    let trusting = patient(own_ca(&url, Some(&ca_file), false)).build().unwrap();
    assert!(trusting.list_instances(&list).await.unwrap().is_empty());
    let insecure = patient(own_ca(&url, None, true)).build().unwrap();
    assert!(insecure.list_instances(&list).await.unwrap().is_empty());
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn who_checks_no_certificate_is_told_so_loudly() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, || {
        own_ca("https://127.0.0.1:1", None, true).build().unwrap();
        own_ca("http://127.0.0.1:1", None, true).build().unwrap();
    });
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert_eq!(log.matches("WARN").count(), 1, "{log}");
    assert!(log.contains("NOT checked"), "{log}");
}

#[test]
fn a_ca_file_that_holds_no_certificate_is_named() {
    let dir = TempDir::new().unwrap();
    let empty = dir.path().join("empty.pem");
    std::fs::write(&empty, KEY).unwrap();
    for path in [empty, dir.path().join("nowhere.pem")] {
        let error = own_ca("https://127.0.0.1:1", Some(&path), false).build().unwrap_err();
        let text = format!("{error}: {}", error.source().unwrap());
        assert!(text.contains(path.to_str().unwrap()), "{text}");
        assert!(!format!("{text} {error:?}").contains("MC4CAQ"), "{error:?}");
    }
}
