//! Rows of the kubelet's `grpc_test.go`, against tonic's health service and servers that are none.

use std::net::Ipv4Addr;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::*;

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Long enough never to matter.
const TIMEOUT: Duration = Duration::from_secs(30);

struct Server {
    port: u16,
    health: HealthReporter,
    _task: JoinSet<()>,
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

async fn serve() -> Server {
    let (listener, port) = listen().await;
    let (health, service) = tonic_health::server::health_reporter();
    let mut task = JoinSet::new();
    task.spawn(async move {
        let server = tonic::transport::Server::builder().add_service(service);
        server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
    });
    Server { port, health, _task: task }
}

/// A server that answers each connection with these bytes, and holds it open.
async fn answering(bytes: &'static [u8]) -> (u16, JoinSet<()>) {
    let (listener, port) = listen().await;
    let mut task = JoinSet::new();
    task.spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            use tokio::io::AsyncWriteExt as _;
            stream.write_all(bytes).await.unwrap();
            held.push(stream);
        }
    });
    (port, task)
}

async fn ask_plain(port: u16, service: &str) -> Outcome {
    ask(LOCALHOST, port, service, None, TIMEOUT).await
}

#[tokio::test]
async fn serving_is_success_and_anything_else_failure() {
    let server = serve().await;
    assert_eq!(ask_plain(server.port, "").await, Outcome::Success("service healthy".into()));
    server.health.set_service_status("db", ServingStatus::NotServing).await;
    let unhealthy = r#"service unhealthy (responded with "NOT_SERVING")"#;
    assert_eq!(ask_plain(server.port, "db").await, Outcome::Failure(unhealthy.into()));
    server.health.set_service_status("db", ServingStatus::Serving).await;
    assert_eq!(ask_plain(server.port, "db").await, Outcome::Success("service healthy".into()));
    server.health.set_service_status("db", ServingStatus::Unknown).await;
    let unknown = r#"service unhealthy (responded with "UNKNOWN")"#;
    assert_eq!(ask_plain(server.port, "db").await, Outcome::Failure(unknown.into()));
}

#[tokio::test]
async fn a_service_that_nobody_knows_is_failure_and_says_so() {
    let server = serve().await;
    let Outcome::Failure(why) = ask_plain(server.port, &"x".repeat(300)).await else {
        panic!("a success")
    };
    assert!(why.starts_with("error: health rpc probe failed: rpc error: code = 5 desc ="), "{why}");
}

#[tokio::test]
async fn a_server_without_health_service_is_told_apart() {
    let (listener, port) = listen().await;
    let mut task = JoinSet::new();
    task.spawn(async move {
        let routes = tonic::service::Routes::default();
        let server = tonic::transport::Server::builder().add_routes(routes);
        server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
    });
    let Outcome::Failure(why) = ask_plain(port, "").await else { panic!("a success") };
    let start = "error: this server does not implement the grpc health protocol";
    assert!(why.starts_with(start), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_port_where_nobody_listens_fails_at_the_end_of_the_time() {
    let (listener, port) = listen().await;
    drop(listener);
    let timeout = Duration::from_secs(1);
    let asked = ask(LOCALHOST, port, "", None, timeout).await;
    let expected = format!(
        "timeout: failed to connect service \"127.0.0.1:{port}\" within 1s: context deadline exceeded (connection refused)"
    );
    assert_eq!(asked, Outcome::Failure(expected));
}

#[tokio::test]
async fn what_speaks_http1_is_failure() {
    let (port, _task) = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let asked = ask_plain(port, "").await;
    let Outcome::Failure(why) = asked else { panic!("{asked:?}") };
    assert!(why.starts_with("error: health rpc probe failed: "), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_failure_at_the_end_of_the_time() {
    let (port, _task) = answering(b"").await;
    let asked = ask(LOCALHOST, port, "", None, Duration::from_secs(2)).await;
    let expected = "timeout: health rpc did not complete within 2s";
    assert_eq!(asked, Outcome::Failure(expected.into()));
}

#[tokio::test]
async fn plain_and_tls_do_not_meet_and_tls_with_any_certificate_does() {
    let (listener, port) = listen().await;
    let key = rcgen::generate_simple_self_signed(["db.example.com".to_owned()]).unwrap();
    let identity =
        tonic::transport::Identity::from_pem(key.cert.pem(), key.signing_key.serialize_pem());
    let (_health, service) = tonic_health::server::health_reporter();
    let mut task = JoinSet::new();
    task.spawn(async move {
        let tls = tonic::transport::ServerTlsConfig::new().identity(identity);
        let mut server = tonic::transport::Server::builder().tls_config(tls).unwrap();
        let incoming = TcpListenerStream::new(listener);
        server.add_service(service).serve_with_incoming(incoming).await.unwrap();
    });
    let tls = crate::tls::trusting_anyone(b"h2").unwrap();
    let asked = ask(LOCALHOST, port, "", Some(&tls), TIMEOUT).await;
    assert_eq!(asked, Outcome::Success("service healthy".into()));
    assert!(matches!(ask_plain(port, "").await, Outcome::Failure(_)));
    let plain = serve().await;
    let short = Duration::from_millis(100);
    let asked = ask(LOCALHOST, plain.port, "", Some(&tls), short).await;
    assert!(matches!(asked, Outcome::Failure(_)), "{asked:?}");
}

#[test]
fn a_long_name_of_a_service_has_its_length_in_two_bytes() {
    let framed = question(&"x".repeat(300));
    assert_eq!(framed[..8], [0, 0, 0, 0x01, 0x2f, 0x0a, 0xac, 0x02]);
    assert_eq!(framed.len(), 5 + 3 + 300);
    assert_eq!(question("")[..], [0; 5]);
}

#[test]
fn an_answer_that_is_no_message_is_failure() {
    for answer in [&b""[..], &[1, 0, 0, 0, 0], &[0, 0, 0, 0, 9, 8, 1], &[0, 0, 0, 0, 2, 9, 1]] {
        assert!(matches!(judge(answer), Outcome::Failure(_)), "{answer:?}");
    }
    assert_eq!(judge(&[0, 0, 0, 0, 2, 8, 1]), Outcome::Success("service healthy".into()));
}
