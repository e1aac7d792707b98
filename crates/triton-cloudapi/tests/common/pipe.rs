//! Connections that are no sockets, so that a paused clock stays paused: what is dialled can be accepted here.

use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tower::Service;

/// Bytes on their way.
const BUFFER_BYTES: usize = 64 * 1024;

/// One end of a connection.
pub(crate) struct Pipe(TokioIo<DuplexStream>);

/// Dials.
#[derive(Clone)]
pub(crate) struct Dialler(mpsc::UnboundedSender<DuplexStream>);

/// A client's transport, and the connections that it makes.
pub(crate) fn pipes() -> (Client<Dialler, Full<Bytes>>, mpsc::UnboundedReceiver<DuplexStream>) {
    let (dialled, accepted) = mpsc::unbounded_channel();
    (Client::builder(TokioExecutor::new()).build(Dialler(dialled)), accepted)
}

impl Service<http::Uri> for Dialler {
    type Response = Pipe;
    type Error = io::Error;
    type Future = Ready<io::Result<Pipe>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: http::Uri) -> Self::Future {
        let (ours, theirs) = tokio::io::duplex(BUFFER_BYTES);
        let refused = |_| io::Error::from(io::ErrorKind::ConnectionRefused);
        ready(self.0.send(theirs).map(|()| Pipe(TokioIo::new(ours))).map_err(refused))
    }
}

impl Connection for Pipe {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
