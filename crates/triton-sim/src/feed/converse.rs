//! One client of the changefeed, from its handshake to its end.

use std::time::Duration;

use bytes::BytesMut;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Uuid;

use super::Outgoing;
use crate::sim::Sim;
use crate::websocket::{Frame, Opcode, Upgrading, decode, encode};

/// HAProxy cuts a connection on which nothing has flowed for this long.
const IDLE_MAX: Duration = Duration::from_secs(55);
/// A client that does not take what it is sent is given up after this.
const WRITE_MAX: Duration = Duration::from_secs(120);

/// The payload of a close frame that has nothing to complain of: RFC 6455, section 7.4.1.
const NORMAL: [u8; 2] = 1000_u16.to_be_bytes();

/// Why a conversation ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The connection is cut as it is.
    Cut,
    /// After a close frame.
    Closed(Vec<u8>),
}

/// What is written, and whether that was all.
struct Reaction {
    bytes: Vec<u8>,
    end: Option<End>,
}

/// What happens next on a connection.
enum Event {
    Arrived(std::io::Result<usize>),
    Outgoing(Option<Outgoing>),
    Idle,
}

/// Serves a client until it leaves, is silent for too long, or the listener stops.
pub(crate) async fn converse(sim: Sim, upgrading: Upgrading, account: Uuid, login: String) {
    let Upgrading { connection, stop } = upgrading;
    let upgraded = match connection.await {
        Ok(upgraded) => TokioIo::new(upgraded),
        // The client hung up before it was told yes.
        Err(error) => return tracing::debug!(%error, "no changefeed: the connection is gone"),
    };
    let (id, outgoing) = sim.open_feed(account, login);
    let end = tokio::select! {
        () = stop.cancelled() => End::Cut,
        end = talk(&sim, id, upgraded, outgoing) => end,
    };
    sim.close_feed(id);
    tracing::debug!(id, ?end, "changefeed ended");
}

async fn talk(
    sim: &Sim,
    id: u64,
    mut socket: TokioIo<hyper::upgrade::Upgraded>,
    mut outgoing: mpsc::Receiver<Outgoing>,
) -> End {
    let mut arrived = BytesMut::new();
    let mut idle_at = Instant::now() + IDLE_MAX;
    loop {
        let event = tokio::select! {
            read = socket.read_buf(&mut arrived) => Event::Arrived(read),
            next = outgoing.recv() => Event::Outgoing(next),
            () = tokio::time::sleep_until(idle_at) => Event::Idle,
        };
        let Reaction { mut bytes, end } = match event {
            Event::Arrived(Ok(1..)) => take_in(sim, id, &mut arrived),
            Event::Arrived(_) | Event::Idle => return End::Cut,
            Event::Outgoing(Some(Outgoing::Text(text))) => {
                Reaction { bytes: encode(Opcode::Text, text.as_bytes()), end: None }
            }
            // Told to go, or dropped by the feed.
            Event::Outgoing(Some(Outgoing::Close) | None) => {
                Reaction { bytes: Vec::new(), end: Some(End::Closed(NORMAL.to_vec())) }
            }
        };
        if let Some(End::Closed(payload)) = &end {
            bytes.extend(encode(Opcode::Close, payload));
        }
        let written = tokio::time::timeout(WRITE_MAX, socket.write_all(&bytes)).await;
        if let Some(end) = end {
            // Whether or not the other side hears of it, it is over.
            let _ = socket.shutdown().await;
            return end;
        }
        if !matches!(written, Ok(Ok(()))) {
            return End::Cut;
        }
        idle_at = Instant::now() + IDLE_MAX;
    }
}

/// Takes in every frame that is whole.
fn take_in(sim: &Sim, id: u64, arrived: &mut BytesMut) -> Reaction {
    let mut bytes = Vec::new();
    let end = loop {
        match decode(arrived) {
            Ok(Some(Frame { opcode, payload })) => match opcode {
                Opcode::Text => sim.subscribe_feed(id, &payload),
                Opcode::Ping => bytes.extend(encode(Opcode::Pong, &payload)),
                Opcode::Close => break Some(End::Closed(payload)),
                Opcode::Pong | Opcode::Binary => {}
            },
            Ok(None) => break None,
            Err(error) => {
                tracing::debug!(id, %error, "a client of the changefeed is cut off");
                break Some(End::Cut);
            }
        }
    };
    Reaction { bytes, end }
}
