//! Rows of the kubelet's `handlers_test.go`.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;
use crate::command::{Commands, Ran};

/// Long enough never to matter.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A plain server that answers every connection alike, and remembers what it was sent first.
struct Server {
    port: u16,
    received: Arc<Mutex<Vec<Vec<u8>>>>,
    _task: JoinSet<()>,
}

impl Server {
    async fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&received);
        let mut task = JoinSet::new();
        task.spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut bytes = [0; 4096];
                let read = stream.read(&mut bytes).await.unwrap_or(0);
                seen.lock().unwrap().push(bytes[..read].to_vec());
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { port, received, _task: task }
    }

    fn texts(&self) -> Vec<String> {
        let received = self.received.lock().unwrap();
        received.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }
}

fn get(scheme: Scheme, port: u16, headers: &[(&str, &str)]) -> Handler {
    let headers = headers.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
    Handler::HttpGet { scheme, host: None, port, path: "/hook?x=1".into(), headers }
}

async fn deliver_with(
    prober: NetworkProber,
    handler: &Handler,
    timeout: Duration,
) -> Result<Delivered, DeliveryError> {
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    prober.deliver(Ask { target: "a", handler, address, timeout }).await
}

async fn deliver(handler: &Handler) -> Result<Delivered, DeliveryError> {
    deliver_with(NetworkProber::new().unwrap(), handler, TIMEOUT).await
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const ERROR: &str = "HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno";
/// What a plain server says to a TLS handshake.
const BAD: &str = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";

#[tokio::test]
async fn a_hook_is_a_get_that_names_itself_and_any_status_will_do() {
    for answer in [OK, ERROR] {
        let server = Server::start(answer).await;
        let handler = get(Scheme::Http, server.port, &[("X-A", "1")]);
        assert_eq!(deliver(&handler).await, Ok(Delivered::AsAsked));
        let [request] = <[String; 1]>::try_from(server.texts()).unwrap();
        assert!(request.starts_with("GET /hook?x=1 HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("\r\nUser-Agent: kube-lifecycle/"), "{request}");
        assert!(request.contains("\r\nX-A: 1\r\n"), "{request}");
    }
}

#[tokio::test]
async fn an_agent_of_the_hooks_own_is_sent() {
    let server = Server::start(OK).await;
    let handler = get(Scheme::Http, server.port, &[("User-Agent", "mine")]);
    assert_eq!(deliver(&handler).await, Ok(Delivered::AsAsked));
    assert!(server.texts()[0].contains("\r\nUser-Agent: mine\r\n"));
}

#[tokio::test]
async fn https_that_is_answered_in_plain_is_sent_again_in_plain_without_authorization() {
    let server = Server::start(BAD).await;
    let handler = get(Scheme::Https, server.port, &[("Authorization", "secret"), ("X-A", "1")]);
    assert_eq!(deliver(&handler).await, Ok(Delivered::InPlain));
    let texts = server.texts();
    assert_eq!(texts.len(), 2, "a TLS handshake, and a request");
    assert!(texts[1].starts_with("GET /hook?x=1 HTTP/1.1\r\n"), "{texts:?}");
    assert!(texts[1].contains("\r\nX-A: 1\r\n") && !texts[1].contains("secret"), "{texts:?}");
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_sent() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let failed = deliver(&get(Scheme::Http, port, &[])).await;
    let words = format!(
        "Get \"http://127.0.0.1:{port}/hook\": dial tcp 127.0.0.1:{port}: connection refused"
    );
    assert_eq!(failed, Err(DeliveryError::Unreachable(words)));
}

#[tokio::test]
async fn a_broken_answer_is_a_failure() {
    let server = Server::start("what?\r\n\r\n").await;
    let failed = deliver(&get(Scheme::Http, server.port, &[])).await;
    assert!(matches!(failed, Err(DeliveryError::Failed(_))), "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_ends_with_the_time() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let limit = Duration::from_secs(7);
    let prober = NetworkProber::new().unwrap();
    let failed = deliver_with(prober, &get(Scheme::Http, port, &[]), limit).await;
    assert_eq!(failed, Err(DeliveryError::Late(limit)));
}

#[tokio::test]
async fn a_port_is_no_hook() {
    let failed = deliver(&Handler::TcpSocket { host: None, port: 1 }).await;
    assert_eq!(failed, Err(DeliveryError::Failed("invalid handler".into())));
    let failed = deliver(&Handler::Invalid { why: "no such port".into() }).await;
    assert_eq!(failed, Err(DeliveryError::Failed("no such port".into())));
}

/// Ends with this code.
struct Ends(i32);

impl Commands for Ends {
    async fn run(
        &self,
        target: &str,
        command: &[String],
        timeout: Duration,
    ) -> Result<Ran, CommandError> {
        assert_eq!((target, command, timeout), ("a", &["sync".to_owned()][..], TIMEOUT));
        Ok(Ran { exit_code: self.0, output: b"out".to_vec() })
    }
}

#[tokio::test]
async fn a_command_must_end_with_0() {
    let exec = Handler::Exec { command: vec!["sync".to_owned()] };
    let run = |code| {
        let prober = NetworkProber::new().unwrap().with_commands(Ends(code));
        assert!(prober.runs_commands());
        deliver_with(prober, &exec, TIMEOUT)
    };
    assert_eq!(run(0).await, Ok(Delivered::AsAsked));
    assert_eq!(run(3).await, Err(DeliveryError::Failed("command ended with 3: out".into())));
    let nobody = "commands cannot be run here".to_owned();
    assert_eq!(deliver(&exec).await, Err(DeliveryError::Failed(nobody)));
}
