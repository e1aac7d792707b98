//! The screen of a hardware virtual machine.

use std::time::Duration;

use axum::body::Body;
use futures::{SinkExt as _, StreamExt as _};
use http::Request;
use serde_json::json;
use tokio::io::DuplexStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::caller::Caller;

const HVM_IMAGE: &str = "ac99517a-72ac-44c0-90e6-c7ce3d944a0a";

async fn handshake(caller: &Caller, id: &str, range: &str) -> Request<()> {
    let path = format!("/my/machines/{id}/vnc");
    let signed = caller.request("GET", &path, 0).await;
    let mut request = signed
        .header("host", "cloudapi")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("accept-version", range)
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-protocol", "binary")
        .body(())
        .unwrap();
    *request.uri_mut() = format!("ws://cloudapi{path}").parse().unwrap();
    request
}

async fn connect(
    caller: &Caller,
    id: &str,
    range: &str,
) -> Result<WebSocketStream<DuplexStream>, Error> {
    let request = handshake(caller, id, range).await;
    Ok(client_async(request, caller.sim.connect()).await?.0)
}

fn status(refused: Result<WebSocketStream<DuplexStream>, Error>) -> (u16, String) {
    match refused {
        Err(Error::Http(response)) => {
            let body = response.body().clone().unwrap_or_default();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
            let code = body["code"].as_str().unwrap_or_default();
            (response.status().as_u16(), code.to_owned())
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_running_virtual_machine_shows_its_screen_until_it_stops() {
    let caller = Caller::new();
    let id = caller.create(&json!({ "image": HVM_IMAGE, "name": "screen" })).await;
    let mut socket = connect(&caller, &id, "~9||~8").await.unwrap();
    let mut hear = async |said: &[u8]| {
        if !said.is_empty() {
            socket.send(Message::binary(said.to_vec())).await.unwrap();
        }
        socket.next().await.unwrap().unwrap().into_data()
    };
    assert_eq!(hear(b"").await.as_ref(), b"RFB 003.008\n");
    assert_eq!(hear(b"RFB 003.008\n").await.as_ref(), [1, 1]);
    assert_eq!(hear(&[1]).await.as_ref(), [0; 4]);
    assert!(hear(&[1]).await.ends_with(b"screen"));
    assert_eq!(hear(&[3, 0, 0, 0, 0, 0, 0, 160, 0, 100]).await.len(), 64_016);
    assert!(caller.sim.stop_behind_back(id.parse().unwrap()));
    let last = tokio::time::timeout(Duration::from_secs(5), socket.next()).await.unwrap();
    assert!(matches!(last, Some(Ok(Message::Close(_)))), "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn screens_that_cannot_be_shown_are_refused() {
    let caller = Caller::new();
    let container = caller.create(&json!({})).await;
    let refused = status(connect(&caller, &container, "*").await);
    assert_eq!(refused, (400, "MachineHasNoVNCError".to_owned()));
    let id = caller.create(&json!({ "image": HVM_IMAGE })).await;
    let refused = status(connect(&caller, &id, "~9").await);
    assert_eq!(refused, (400, "InvalidVersion".to_owned()));
    let plain = caller.request("GET", &format!("/my/machines/{id}/vnc"), 0).await;
    caller.send(plain.body(Body::empty()).unwrap()).await.expect(400, "UpgradeRequiredError");
    caller.post(&format!("/my/machines/{id}?action=stop"), &json!({})).await;
    let refused = status(connect(&caller, &id, "*").await);
    assert_eq!(refused, (400, "MachineStoppedError".to_owned()));
}
