//! An instance's screen.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::Message;
use triton_cloudapi::InstanceId;
use triton_cloudapi::client::{UpgradeError, VncError, VncStream};

use crate::server::{Asked, server};

fn id() -> InstanceId {
    "00000000-0000-4000-8000-000000000001".parse().unwrap()
}

/// Connects, and lets the server do this with the request.
async fn connect<T>(serve: impl AsyncFnOnce(Asked) -> T) -> (Result<VncStream, VncError>, T) {
    let (client, mut server) = server();
    tokio::join!(client.connect_vnc(id()), async { serve(server.asked().await).await })
}

#[tokio::test(start_paused = true)]
async fn what_goes_in_at_one_end_comes_out_at_the_other() {
    let (stream, mut peer) = connect(async |asked| {
        let path = "/acme/machines/00000000-0000-4000-8000-000000000001/vnc";
        assert_eq!(asked.line, format!("GET {path} HTTP/1.1"));
        assert_eq!(asked.header("sec-websocket-protocol"), Some("binary"));
        // The route exists for API 8 only.
        assert_eq!(asked.header("accept-version"), Some("~9||~8"));
        asked.switch(&[("Sec-WebSocket-Protocol", "binary")]).await
    })
    .await;
    let mut stream = stream.unwrap();
    peer.send(Message::binary(b"RFB 003.".to_vec()));
    peer.send(Message::Ping(Vec::new().into()));
    peer.send(Message::binary(b"008\nrest".to_vec()));
    let mut version = [0; 12];
    stream.read_exact(&mut version).await.unwrap();
    assert_eq!(&version, b"RFB 003.008\n");
    stream.write_all(b"RFB 003.008\n").await.unwrap();
    loop {
        match peer.heard().await {
            Message::Binary(bytes) => break assert_eq!(bytes.as_ref(), b"RFB 003.008\n"),
            other => assert!(other.is_pong(), "{other:?}"),
        }
    }
    peer.close(1000, "");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"rest");
}

#[tokio::test(start_paused = true)]
async fn dropping_the_stream_closes_the_connection() {
    let (stream, mut peer) =
        connect(async |asked| asked.switch(&[("Sec-WebSocket-Protocol", "binary")]).await).await;
    drop(stream.unwrap());
    peer.left().await;
}

async fn refused(status: &str, body: &str) -> VncError {
    connect(async |asked| asked.refuse(status, "", body).await).await.0.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_the_instance_has_a_name() {
    let code = |code: &str| format!(r#"{{"code":"{code}","message":"no"}}"#);
    let error = refused("400 Bad Request", &code("MachineHasNoVNCError")).await;
    assert!(matches!(&error, VncError::NoVnc { instance_id, .. } if *instance_id == id()));
    let error = refused("400 Bad Request", &code("MachineStoppedError")).await;
    assert!(matches!(error, VncError::Stopped { .. }), "{error:?}");
    let error = refused("400 Bad Request", &code("UpgradeRequiredError")).await;
    assert!(matches!(error, VncError::NotUpgraded(UpgradeError::Status { status: 400, .. })));
    let error = refused("404 Not Found", &code("ResourceNotFound")).await;
    assert!(matches!(&error, VncError::Call(error) if error.is_not_found()), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn another_protocol_than_rfb_is_an_error() {
    let (stream, _peer) =
        connect(async |asked| asked.switch(&[("Sec-WebSocket-Protocol", "chat")]).await).await;
    let error = stream.unwrap_err();
    assert!(
        matches!(&error, VncError::NotUpgraded(UpgradeError::Protocol { chosen, .. }) if chosen == "chat"),
        "{error:?}"
    );
}
