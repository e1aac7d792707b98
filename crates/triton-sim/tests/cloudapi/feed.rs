//! The changefeed as a client meets it: a WebSocket over a real socket.

use std::time::Duration;

use axum::body::Body;
use futures::{SinkExt as _, StreamExt as _};
use http::Request;
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use triton_sim::{Fault, FaultKind};

use crate::caller::Caller;

const EVERYTHING: &str = r#"{"resource":"vm","subResources":["alias","customer_metadata","destroyed","nics","owner_uuid","server_uuid","state","tags"]}"#;

/// A client in process: its clock stands still while it waits.
struct Client {
    socket: WebSocketStream<DuplexStream>,
}

async fn try_connect(
    caller: &Caller,
    change: impl FnOnce(&mut Request<()>),
) -> Result<Client, Error> {
    let (socket, _) = client_async(request(caller, change).await, caller.sim.connect()).await?;
    Ok(Client { socket })
}

async fn request(caller: &Caller, change: impl FnOnce(&mut Request<()>)) -> Request<()> {
    let signed = caller.request("GET", "/my/changefeed", 0).await;
    let mut request = signed
        .header("host", "cloudapi")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .body(())
        .unwrap();
    *request.uri_mut() = "ws://cloudapi/my/changefeed".parse().unwrap();
    change(&mut request);
    request
}

async fn follow(caller: &Caller) -> Client {
    let mut client = try_connect(caller, |_| ()).await.unwrap();
    client.say(EVERYTHING).await;
    client
}

impl Client {
    async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
        // A pong means that what was said before has been heard.
        self.socket.send(Message::Ping(b"?".to_vec().into())).await.unwrap();
        let answer = self.socket.next().await.unwrap().unwrap();
        assert_eq!(answer, Message::Pong(b"?".to_vec().into()));
    }

    async fn event(&mut self) -> Value {
        let message = self.socket.next().await.unwrap().unwrap();
        serde_json::from_str(message.to_text().unwrap()).unwrap()
    }

    /// States of the events that come before half a minute of silence.
    async fn states(&mut self) -> Vec<String> {
        let mut states = Vec::new();
        while let Ok(Some(message)) =
            tokio::time::timeout(Duration::from_secs(30), self.socket.next()).await
        {
            let event: Value = serde_json::from_str(message.unwrap().to_text().unwrap()).unwrap();
            states.push(event["resourceState"].as_str().unwrap().to_owned());
        }
        states
    }
}

#[tokio::test(start_paused = true)]
async fn a_life_is_told_in_batches() {
    let caller = Caller::new();
    let mut client = follow(&caller).await;
    let id = caller.create(&json!({ "name": "web", "tag.role": "web" })).await;
    let event = client.event().await;
    assert_eq!(event["changeKind"]["resource"], "vm");
    assert!(event["changeKind"]["subResources"].as_array().unwrap().contains(&json!("alias")));
    assert_eq!(event["changedResourceId"], id);
    assert_eq!(event["resourceState"], "provisioning");
    assert_eq!(event["resourceObject"]["package"], "");
    assert_eq!(event["resourceObject"]["tags"], json!({ "role": "web" }));
    assert!(event["resourceObject"].get("dns_names").is_none());
    let published: i64 = event["published"].as_str().unwrap().parse().unwrap();
    assert!(published % 2000 < 50, "VMAPI polls every two seconds: {published}");
    assert_eq!(client.states().await, ["provisioning", "running"]);
    caller.delete(&format!("/my/machines/{id}")).await;
    assert_eq!(client.states().await, ["shutting_down", "destroyed"]);
}

#[tokio::test(start_paused = true)]
async fn what_happened_before_the_subscription_is_not_told() {
    let caller = Caller::new();
    caller.create(&json!({ "name": "web" })).await;
    let mut client = follow(&caller).await;
    assert_eq!(client.states().await, Vec::<String>::new());
    client.say(r#"{"resource":"vm","subResources":["destroyed"]}"#).await;
    let id = caller.create(&json!({ "name": "db" })).await;
    caller.delete(&format!("/my/machines/{id}")).await;
    assert_eq!(client.states().await, ["provisioning", "destroyed"]);
}

#[tokio::test(start_paused = true)]
async fn silence_is_cut_after_55_seconds_and_pings_prevent_it() {
    let caller = Caller::new();
    let mut client = follow(&caller).await;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(50)).await;
        client.say("ping").await;
    }
    let before = caller.sim.now();
    let end = client.socket.next().await;
    assert!(matches!(end, Some(Err(_))), "no close frame: {end:?}");
    assert_eq!(caller.sim.now().duration_since(before).as_secs(), 55);
}

#[tokio::test(start_paused = true)]
async fn fragments_are_not_taken() {
    let caller = Caller::new();
    let mut client = follow(&caller).await;
    let half = Frame::message(EVERYTHING[..10].to_owned(), OpCode::Data(Data::Text), false);
    client.socket.send(Message::Frame(half)).await.unwrap();
    assert!(matches!(client.socket.next().await, Some(Err(_))));
}

#[tokio::test(start_paused = true)]
async fn a_close_is_answered_with_a_close() {
    let caller = Caller::new();
    let mut client = follow(&caller).await;
    client.socket.close(None).await.unwrap();
    assert!(matches!(client.socket.next().await, Some(Ok(Message::Close(_)))));
}

#[tokio::test(start_paused = true)]
async fn faults_close_and_silence_it() {
    let caller = Caller::new();
    let mut client = follow(&caller).await;
    caller.sim.fault(FaultKind::FeedCloses, Fault::default().times(1));
    caller.create(&json!({ "name": "a" })).await;
    assert!(matches!(client.socket.next().await, Some(Ok(Message::Close(_)))));
    let mut client = follow(&caller).await;
    caller.sim.fault(FaultKind::FeedStalls, Fault::default().times(1));
    caller.create(&json!({ "name": "b" })).await;
    assert_eq!(client.states().await, Vec::<String>::new());
    client.say(EVERYTHING).await;
    caller.create(&json!({ "name": "c" })).await;
    assert_eq!(client.states().await, Vec::<String>::new(), "a stalled one never speaks again");
}

#[track_caller]
fn check_refused(result: Result<Client, Error>, status: u16, body: &str) {
    match result.map(|_| ()) {
        Err(Error::Http(response)) => {
            assert_eq!(response.status(), status);
            let text = String::from_utf8(response.into_body().unwrap_or_default()).unwrap();
            assert!(text.contains(body), "{text}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn handshakes_are_checked_like_any_request() {
    let caller = Caller::new();
    let unsigned = try_connect(&caller, |request| {
        request.headers_mut().remove("authorization");
    });
    check_refused(unsigned.await, 401, "InvalidCredentials");
    let subprotocol = try_connect(&caller, |request| {
        request.headers_mut().insert("sec-websocket-protocol", "binary".parse().unwrap());
    });
    check_refused(subprotocol.await, 500, "InternalError");
    caller.sim.fault(FaultKind::TooManyRequests, Fault::default().times(1));
    check_refused(try_connect(&caller, |_| ()).await, 429, "TooManyRequestsError");
}

#[tokio::test]
async fn without_an_upgrade_it_is_a_bare_error() {
    let caller = Caller::new();
    let request = caller.request("GET", "/my/changefeed", 0).await.body(Body::empty()).unwrap();
    let reply = caller.send(request).await;
    assert_eq!(reply.status, 500);
    assert_eq!(reply.body, json!({ "message": "Connection Must Upgrade For WebSockets" }));
}

#[tokio::test]
async fn a_stopped_listener_takes_its_feeds_along() {
    let caller = Caller::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let running = caller.sim.serve(listener).unwrap();
    let stream = TcpStream::connect(running.address()).await.unwrap();
    let request = request(&caller, |_| ()).await;
    let (mut socket, _) = client_async(request, stream).await.unwrap();
    running.shutdown().await;
    assert!(matches!(socket.next().await, Some(Err(_))));
}
