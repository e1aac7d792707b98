//! Connections, over a real socket: kept, given up in time, and what happens when they break.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::builder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use triton_cloudapi::client::{Client, Error, IDLE_TIMEOUT, RetryPolicy};
use triton_cloudapi::instances::CreateInstance;

/// Counts connections and requests.
#[derive(Default)]
struct Counts {
    connections: AtomicUsize,
    requests: AtomicUsize,
}

/// Answers pings on any number of connections; at a request for anything else it hangs up.
async fn server() -> (Client, Arc<Counts>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let counts = Arc::new(Counts::default());
    let counting = Arc::clone(&counts);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            counting.connections.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream, Arc::clone(&counting)));
        }
    });
    let retry = RetryPolicy { wait_min: Duration::from_millis(1), ..RetryPolicy::default() };
    (builder(&url).with_retry(retry).build().unwrap(), counts)
}

async fn serve(mut stream: TcpStream, counts: Arc<Counts>) {
    let mut buffer = Vec::new();
    loop {
        while !buffer.windows(4).any(|window| window == b"\r\n\r\n") {
            if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                return;
            }
        }
        counts.requests.fetch_add(1, Ordering::SeqCst);
        if !buffer.starts_with(b"GET /--ping ") {
            return;
        }
        buffer.clear();
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"ping\":\"pong\"}";
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_is_used_again_until_the_proxy_would_close_it() {
    let (client, counts) = server().await;
    for _ in 0..3 {
        client.ping().await.unwrap();
    }
    assert_eq!(counts.connections.load(Ordering::SeqCst), 1);
    assert!(IDLE_TIMEOUT < Duration::from_secs(55), "the proxy closes idle connections at 55 s");
    tokio::time::pause();
    tokio::time::advance(IDLE_TIMEOUT + Duration::from_secs(1)).await;
    tokio::time::resume();
    client.ping().await.unwrap();
    assert_eq!(counts.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_connection_that_breaks_after_a_create_was_sent_is_ambiguous_and_not_repeated() {
    let (client, counts) = server().await;
    let error = client.create_instance(&CreateInstance::default()).await.unwrap_err();
    assert!(matches!(error, Error::Transport { sent: true, .. }), "{error:?}");
    assert!(error.is_ambiguous());
    assert_eq!(counts.requests.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_read_whose_connection_breaks_is_repeated() {
    let (client, counts) = server().await;
    client.list_packages(&Default::default()).await.unwrap_err();
    assert_eq!(counts.requests.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = builder(&url).build().unwrap();
    let error = client.create_instance(&CreateInstance::default()).await.unwrap_err();
    assert!(matches!(error, Error::Transport { sent: false, .. }), "{error:?}");
    assert!(error.is_unreachable() && !error.is_ambiguous());
}

/// Answers one ping on each connection, and then does what the proxy in front of CloudAPI does with an idle one: says 408
/// though nobody asked, and hangs up.
async fn impatient_proxy() -> (Client, Arc<Counts>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let counts = Arc::new(Counts::default());
    let counting = Arc::clone(&counts);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let counting = Arc::clone(&counting);
            counting.connections.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut buffer = Vec::new();
                while !buffer.windows(4).any(|window| window == b"\r\n\r\n") {
                    if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                counting.requests.fetch_add(1, Ordering::SeqCst);
                let answer = "HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"ping\":\"pong\"}\
                              HTTP/1.1 408 Request Time-out\r\nconnection: close\r\n\
                              content-length: 23\r\n\r\n{\"IdleClientError\":\"x\"}";
                stream.write_all(answer.as_bytes()).await.ok();
            });
        }
    });
    (builder(&url).build().unwrap(), counts)
}

#[tokio::test]
async fn a_408_that_nobody_asked_for_is_a_closed_connection() {
    let (client, counts) = impatient_proxy().await;
    for _ in 0..10 {
        client.ping().await.unwrap();
    }
    assert_eq!(counts.requests.load(Ordering::SeqCst), 10);
}
