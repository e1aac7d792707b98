//! The screen of a hardware virtual machine: RFB (RFC 6143) within a WebSocket (CloudAPI manual, "ConnectMachineVNC").

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_tungstenite::tungstenite::{self, Bytes, Message};

use super::Client;
use super::error::Error;
use super::websocket::{self, HandshakeError, UpgradeError, WebSocket, has_code};
use crate::error::ApiError;
use crate::ids::InstanceId;
use crate::instances::connect_vnc;

/// The subprotocol: RFB in binary frames.
const PROTOCOL: &str = "binary";

/// How often to ping: the proxy in front of CloudAPI cuts a connection on which we are silent for 55 s, and somebody who
/// looks at a screen on which nothing happens is silent.
const PING_EVERY: Duration = Duration::from_secs(20);

/// Bytes of RFB both ways, as if the instance's VNC server were at the other end of a TCP connection.
///
/// It is kept alive as long as it is being read from. Dropping it closes the connection.
pub struct VncStream {
    socket: Box<WebSocket>,
    ping: Interval,
    /// What of a frame the caller has not read yet.
    rest: Bytes,
}

/// Why there is no screen to see.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VncError {
    /// Only bhyve and kvm instances have one.
    #[error("instance {instance_id} has no screen: only bhyve and kvm instances have")]
    NoVnc {
        /// The instance.
        instance_id: InstanceId,
        /// CloudAPI's refusal.
        #[source]
        source: ApiError,
    },
    /// It has one, once it runs.
    #[error("instance {instance_id} is stopped: start it to see its screen")]
    Stopped {
        /// The instance.
        instance_id: InstanceId,
        /// CloudAPI's refusal.
        #[source]
        source: ApiError,
    },
    /// The server, or a proxy before it, does not switch to WebSocket.
    #[error("connecting to the screen")]
    NotUpgraded(#[source] UpgradeError),
    /// The request failed as any may: refused, not signed, not connected.
    #[error("connecting to the screen")]
    Call(#[source] Error),
}

// === impl Client ===

impl Client {
    /// Connects to an instance's screen and keyboard. What is spoken over it is RFB, as any VNC client does.
    ///
    /// # Errors
    ///
    /// [`VncError::NoVnc`] and [`VncError::Stopped`] say what is wrong with the instance.
    pub async fn connect_vnc(&self, instance_id: InstanceId) -> Result<VncStream, VncError> {
        let request = connect_vnc(instance_id).map_err(|error| VncError::Call(error.into()))?;
        let after = self.inner.deadlines.of_call(&request.endpoint);
        let opening = websocket::open(self, &request, Some(PROTOCOL));
        match tokio::time::timeout(after, opening).await {
            Ok(Ok(socket)) => Ok(VncStream::new(socket)),
            Ok(Err(error)) => Err(VncError::new(instance_id, error)),
            Err(_) => Err(VncError::Call(Error::Timeout { after, sent: true })),
        }
    }
}

// === impl VncError ===

impl VncError {
    fn new(instance_id: InstanceId, error: HandshakeError) -> Self {
        match error {
            HandshakeError::NotUpgraded(error) => Self::NotUpgraded(error),
            HandshakeError::Call { error, .. } => match error {
                Error::Api(source) if has_code(&source, "MachineHasNoVNC") => {
                    Self::NoVnc { instance_id, source }
                }
                Error::Api(source) if has_code(&source, "MachineStopped") => {
                    Self::Stopped { instance_id, source }
                }
                error => Self::Call(error),
            },
        }
    }
}

// === impl VncStream ===

impl VncStream {
    fn new(socket: WebSocket) -> Self {
        let mut ping = tokio::time::interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { socket: Box::new(socket), ping, rest: Bytes::new() }
    }

    /// Pings when it is time. One that cannot be written now waits for the next time.
    fn poll_ping(&mut self, context: &mut Context<'_>) {
        while self.ping.poll_tick(context).is_ready() {
            let mut socket = Pin::new(&mut *self.socket);
            if socket.as_mut().poll_ready(context).is_ready() {
                // A connection that is gone says so to who reads.
                let _ = socket.as_mut().start_send(Message::Ping(Bytes::new()));
                let _ = socket.poll_flush(context);
            }
        }
    }
}

impl AsyncRead for VncStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_ping(context);
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut *self.socket).poll_next(context)) {
                Some(Ok(Message::Binary(bytes))) => self.rest = bytes,
                Some(Ok(Message::Close(_))) | None => return Poll::Ready(Ok(())),
                // Pings are answered below; text is no RFB.
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(end(error)),
            }
        }
        let count = self.rest.len().min(buffer.remaining());
        buffer.put_slice(&self.rest.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for VncStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut socket = Pin::new(&mut *self.socket);
        ready!(socket.as_mut().poll_ready(context)).map_err(io::Error::other)?;
        let message = Message::Binary(Bytes::copy_from_slice(bytes));
        socket.start_send(message).map_err(io::Error::other)?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.socket).poll_flush(context).map_err(io::Error::other)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.socket).poll_close(context).map_err(io::Error::other)
    }
}

impl std::fmt::Debug for VncStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VncStream").finish_non_exhaustive()
    }
}

/// The end of the stream if the connection was closed as it should be, or its error.
fn end(error: tungstenite::Error) -> io::Result<()> {
    match error {
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => Ok(()),
        tungstenite::Error::Io(error) => Err(error),
        other => Err(io::Error::other(other)),
    }
}
