//! A connection that asks the gate when the first byte of a change is about to go out.
//!
//! Between the check before an attempt and its first byte there may be a name to look up, a connection to make, and a
//! machine that stopped the process for a minute. Here there is one system call left.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};

use super::{Gate, Refused};

/// How requests begin that change something (RFC 9112, section 3). No body of ours and no WebSocket frame begins so.
const CHANGES: [&[u8]; 4] = [b"POST ", b"PUT ", b"PATCH ", b"DELETE "];

/// A connection behind a gate.
pub(crate) struct GatedStream<T> {
    stream: T,
    gate: Option<Gate>,
}

// === impl GatedStream ===

impl<T> GatedStream<T> {
    pub(crate) fn new(stream: T, gate: Option<Gate>) -> Self {
        Self { stream, gate }
    }

    fn ask(&self, bytes: &[u8]) -> io::Result<()> {
        match &self.gate {
            Some(gate) if CHANGES.iter().any(|begin| bytes.starts_with(begin)) => {
                gate().map_err(|why| io::Error::new(io::ErrorKind::PermissionDenied, Refused(why)))
            }
            _ => Ok(()),
        }
    }
}

impl<T: Write + Unpin> Write for GatedStream<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.ask(bytes)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(first) = slices.iter().find(|slice| !slice.is_empty()) {
            self.ask(first)?;
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<T: Read + Unpin> Read for GatedStream<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<T: Connection> Connection for GatedStream<T> {
    fn connected(&self) -> Connected {
        self.stream.connected()
    }
}
