//! One client at the screen of an instance.

use std::time::Duration;

use bytes::BytesMut;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::Instant;
use uuid::Uuid;

use super::rfb::{GREETING, Rfb};
use crate::sim::Sim;
use crate::websocket::{Frame, Opcode, Upgrading, decode, encode};
use crate::world::InstanceState;

/// HAProxy cuts a connection on which nothing has flowed for this long.
const IDLE_MAX: Duration = Duration::from_secs(55);
/// How soon the screen goes dark when the instance does.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The payload of a close frame: 1000 and CloudAPI's reason.
const CLOSED: &[u8] = b"\x03\xe8Remote connection closed";

/// Serves a client until it leaves, is silent for too long, or the instance is not running any more.
pub(crate) async fn converse(sim: Sim, upgrading: Upgrading, instance: Uuid) {
    let Upgrading { connection, stop } = upgrading;
    let upgraded = match connection.await {
        Ok(upgraded) => TokioIo::new(upgraded),
        // The client hung up before it was told yes.
        Err(error) => return tracing::debug!(%error, "no screen: the connection is gone"),
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = talk(&sim, instance, upgraded) => {}
    }
}

async fn talk(sim: &Sim, id: Uuid, mut socket: impl AsyncRead + AsyncWrite + Unpin) {
    let Some(name) = name_if_running(sim, id) else { return };
    let mut rfb = Rfb::new(name);
    let mut arrived = BytesMut::new();
    let mut said = encode(Opcode::Binary, GREETING);
    let mut idle_at = Instant::now() + IDLE_MAX;
    loop {
        if !said.is_empty() {
            let written = tokio::time::timeout(IDLE_MAX, socket.write_all(&said)).await;
            if !matches!(written, Ok(Ok(()))) {
                return;
            }
            idle_at = Instant::now() + IDLE_MAX;
            said.clear();
        }
        tokio::select! {
            read = socket.read_buf(&mut arrived) => {
                if !matches!(read, Ok(1..)) {
                    return;
                }
                idle_at = Instant::now() + IDLE_MAX;
                match take_in(&mut rfb, &mut arrived) {
                    Some(more) => said.extend(more),
                    None => return close(socket, &[]).await,
                }
            }
            () = tokio::time::sleep_until(idle_at.min(Instant::now() + LOOK_INTERVAL)) => {
                if Instant::now() >= idle_at {
                    return;
                }
                if name_if_running(sim, id).is_none() {
                    return close(socket, CLOSED).await;
                }
            }
        }
    }
}

/// Takes in every frame that is whole; `None` is the end.
fn take_in(rfb: &mut Rfb, arrived: &mut BytesMut) -> Option<Vec<u8>> {
    let mut said = Vec::new();
    while let Some(Frame { opcode, payload }) = decode(arrived).ok()? {
        match opcode {
            Opcode::Binary => {
                let answer = rfb.hear(&payload).ok()?;
                if !answer.is_empty() {
                    said.extend(encode(Opcode::Binary, &answer));
                }
            }
            Opcode::Ping => said.extend(encode(Opcode::Pong, &payload)),
            Opcode::Close => return None,
            // CloudAPI passes on nothing but bytes.
            Opcode::Text | Opcode::Pong => {}
        }
    }
    Some(said)
}

async fn close(mut socket: impl AsyncWrite + Unpin, payload: &[u8]) {
    // Whether or not the other side hears of it, it is over.
    let _ = socket.write_all(&encode(Opcode::Close, payload)).await;
    let _ = socket.shutdown().await;
}

fn name_if_running(sim: &Sim, id: Uuid) -> Option<String> {
    sim.with(|state, _| {
        let instance = state.world.instances.get(&id)?;
        let is_up = instance.state == InstanceState::Running && state.world.is_home_up(id);
        is_up.then(|| instance.name.clone())
    })
}
