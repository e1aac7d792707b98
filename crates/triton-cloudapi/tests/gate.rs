//! A client whose leave to change things is withdrawn.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod common;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::builder;
use http_body_util::Full;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tower::service_fn;
use triton_cloudapi::client::{Client, Error, Gate, HttpRequest, RateLimit};
use triton_cloudapi::instances::{self, CreateInstance, ListInstances};

const ID: &str = "00000000-0000-4000-8000-000000000001";

/// A gate and its latch.
fn gate() -> (Gate, Arc<AtomicBool>) {
    let open = Arc::new(AtomicBool::new(true));
    let latch = Arc::clone(&open);
    let ask = move || match latch.load(Ordering::SeqCst) {
        true => Ok(()),
        false => Err("somebody else acts".into()),
    };
    (Arc::new(ask), open)
}

/// A client of a server that answers everything with this status, what came to it, and its gate's latch.
fn client_of(
    status: u16,
    rate_limit: RateLimit,
) -> (Client, Arc<Mutex<Vec<http::Method>>>, Arc<AtomicBool>) {
    let seen: Arc<Mutex<Vec<http::Method>>> = Arc::default();
    let journal = Arc::clone(&seen);
    let service = service_fn(move |request: HttpRequest| {
        journal.lock().unwrap().push(request.method().clone());
        let body = Full::new(Bytes::from_static(b"{}"));
        let response = http::Response::builder().status(status).body(body);
        async move { response }
    });
    let (gate, open) = gate();
    let builder = builder("https://cloud.example.com").with_gate(gate).with_rate_limit(rate_limit);
    (builder.build_with_service(service).unwrap(), seen, open)
}

#[tokio::test(start_paused = true)]
async fn behind_a_closed_gate_reads_go_on_and_changes_do_not() {
    let (client, seen, open) = client_of(204, RateLimit::default());
    open.store(false, Ordering::SeqCst);
    let id = ID.parse().unwrap();
    let errors = [
        client.create_instance(&CreateInstance::default()).await.unwrap_err(),
        client.delete_instance(id).await.unwrap_err(),
        client.stop_instance(id).await.unwrap_err(),
        client.start_instance(id).await.unwrap_err(),
        client.reboot_instance(id).await.unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::Gated { sent: false, .. }), "{error:?}");
        assert!(!error.is_ambiguous() && !error.is_unreachable(), "{error:?}");
        let why = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(why, "somebody else acts");
    }
    let _ = client.list_instances(&ListInstances::default()).await;
    let methods: BTreeSet<String> = seen.lock().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(methods, BTreeSet::from(["GET".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_waited_for_the_rate_limit_meanwhile_is_not_sent() {
    let one_at_a_time = RateLimit { burst: 1, per_second: 0.1 };
    let (client, seen, open) = client_of(204, one_at_a_time);
    let id = ID.parse().unwrap();
    client.delete_instance(id).await.unwrap();
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.delete_instance(id).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    open.store(false, Ordering::SeqCst);
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Gated { sent: false, .. }), "{error:?}");
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_waited_for_its_next_attempt_meanwhile_is_not_sent_and_may_have_been_before()
{
    let (client, seen, open) = client_of(503, RateLimit::default());
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.delete_instance(ID.parse().unwrap()).await }
    });
    // The first wait is 125 ms at least.
    tokio::time::sleep(Duration::from_millis(50)).await;
    open.store(false, Ordering::SeqCst);
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Gated { sent: true, .. }), "{error:?}");
    assert!(error.is_ambiguous(), "the first attempt did reach the server");
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_create_that_was_ready_before_is_not_sent_after() {
    let (client, seen, open) = client_of(201, RateLimit::default());
    let create = instances::create(&CreateInstance::default()).unwrap();
    let ready = client.make_ready(create).await.unwrap();
    open.store(false, Ordering::SeqCst);
    let error = client.send_ready(ready).await.unwrap_err();
    assert!(!error.is_ambiguous(), "{error:?}");
    assert!(seen.lock().unwrap().is_empty());
}

/// The gate closes while the connection is being made: after the check before the attempt, before the first byte.
#[tokio::test]
async fn a_gate_that_closes_while_the_connection_is_made_lets_nothing_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let bytes = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut all = Vec::new();
        stream.read_buf(&mut all).await.unwrap();
        drop(stream);
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0_u8; 4];
        stream.read_exact(&mut head).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]").await.unwrap();
        (all, head)
    });
    // It lets the first question pass, the one before the attempt, and no other.
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let gate: Gate = Arc::new(move || match count.fetch_add(1, Ordering::SeqCst) {
        0 => Ok(()),
        _ => Err("too late".into()),
    });
    let client = builder(&url).with_gate(gate).build().unwrap();
    let error = client.create_instance(&CreateInstance::default()).await.unwrap_err();
    assert!(matches!(error, Error::Gated { sent: false, .. }), "{error:?}");
    assert!(!error.is_ambiguous(), "{error:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 2);

    client.list_instances(&ListInstances::default()).await.unwrap();
    let (all, head) = bytes.await.unwrap();
    assert!(all.is_empty(), "{}", String::from_utf8_lossy(&all));
    assert_eq!(&head, b"GET ", "reads do not ask");
}
