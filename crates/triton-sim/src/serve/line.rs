//! A connection that can be made to misbehave below HTTP.

use std::future::Future as _;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;

/// What an answer wants of its connection; travels as an extension of the response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OnLine {
    /// Nothing is said, the connection is reset.
    Reset,
    /// When the body breaks off, the connection is reset.
    ResetAfter,
    /// These bytes are said instead, and after `hold` the connection is closed.
    Raw { bytes: Bytes, hold: Duration },
    /// After the answer nothing more is heard, and after this long the connection is closed.
    Dies { after: Duration },
    /// After the answer, the connection waits this long for the next request; then these bytes are said and it is closed.
    Idle { bytes: Bytes, after: Duration },
}

/// How a service reaches the connection that it answers on.
#[derive(Debug, Clone, Default)]
pub(super) struct Handle(Arc<Orders>);

#[derive(Debug, Default)]
struct Orders {
    /// There are any; what costs nothing to look at.
    any: AtomicBool,
    reset: AtomicBool,
    next: Mutex<Option<OnLine>>,
}

/// A stream whose end can be a reset.
pub(super) trait Resettable {
    /// From now on closing sends RST.
    fn reset_on_close(&self);
}

/// A stream under orders.
pub(super) struct Line<S: Resettable> {
    stream: S,
    handle: Handle,
    order: Order,
}

/// What the line is at.
#[derive(Debug, Default)]
enum Order {
    /// Doing as it is told by HTTP.
    #[default]
    None,
    /// Saying something else, then silent, then closed.
    Raw { bytes: Bytes, hold: Duration },
    /// Silent until it closes.
    Hold(Pin<Box<Sleep>>),
    /// Waiting for a request that comes in time.
    Idle { bytes: Bytes, sleep: Pin<Box<Sleep>> },
    /// Hears nothing until it closes.
    Deaf(Pin<Box<Sleep>>),
    /// Closed.
    Over,
}

// === impl Handle ===

impl Handle {
    /// Gives an order that the line follows at the next opportunity.
    pub(super) fn give(&self, order: OnLine) {
        match order {
            OnLine::Reset | OnLine::ResetAfter => self.0.reset.store(true, Ordering::Release),
            other => *self.0.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(other),
        }
        self.0.any.store(true, Ordering::Release);
    }

    fn take(&self) -> Option<OnLine> {
        if !self.0.any.load(Ordering::Acquire) {
            return None;
        }
        self.0.next.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn wants_reset(&self) -> bool {
        self.0.any.load(Ordering::Acquire) && self.0.reset.load(Ordering::Acquire)
    }
}

// === impl Resettable ===

impl Resettable for TcpStream {
    fn reset_on_close(&self) {
        // Fails only for a socket that is no more.
        let _ = self.set_zero_linger();
    }
}

impl Resettable for TlsStream<TcpStream> {
    fn reset_on_close(&self) {
        self.get_ref().0.reset_on_close();
    }
}

impl Resettable for DuplexStream {
    /// Both ends are in one process: the other one sees an end either way.
    fn reset_on_close(&self) {}
}

// === impl Line ===

impl<S: Resettable> Line<S> {
    pub(super) fn new(stream: S, handle: Handle) -> Self {
        Self { stream, handle, order: Order::None }
    }

    fn look_for_orders(&mut self) {
        match self.handle.take() {
            Some(OnLine::Raw { bytes, hold }) => self.order = Order::Raw { bytes, hold },
            Some(OnLine::Idle { bytes, after }) => {
                self.order = Order::Idle { bytes, sleep: Box::pin(tokio::time::sleep(after)) };
            }
            Some(OnLine::Dies { after }) => {
                self.order = Order::Deaf(Box::pin(tokio::time::sleep(after)));
            }
            Some(OnLine::Reset | OnLine::ResetAfter) | None => {}
        }
    }
}

impl<S: AsyncWrite + Resettable + Unpin> Line<S> {
    /// Follows the orders for what is written; `Ready` when HTTP may not write, and it is to think it did.
    fn instead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        self.look_for_orders();
        loop {
            match &mut self.order {
                Order::None | Order::Idle { .. } | Order::Deaf(_) => return Poll::Ready(Ok(false)),
                Order::Raw { bytes, .. } if bytes.has_remaining() => {
                    let written =
                        ready!(Pin::new(&mut self.stream).poll_write(context, bytes.chunk()))?;
                    bytes.advance(written);
                }
                Order::Raw { hold, .. } => {
                    self.order = Order::Hold(Box::pin(tokio::time::sleep(*hold)));
                }
                Order::Hold(_) | Order::Over => return Poll::Ready(Ok(true)),
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Resettable + Unpin> AsyncRead for Line<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let line = &mut *self;
        line.look_for_orders();
        loop {
            match &mut line.order {
                Order::None | Order::Raw { .. } => {
                    return Pin::new(&mut line.stream).poll_read(context, buffer);
                }
                Order::Hold(sleep) | Order::Deaf(sleep) => {
                    ready!(sleep.as_mut().poll(context));
                    line.order = Order::Over;
                }
                Order::Idle { bytes, sleep } => {
                    let before = buffer.filled().len();
                    if let Poll::Ready(read) = Pin::new(&mut line.stream).poll_read(context, buffer)
                    {
                        if buffer.filled().len() > before {
                            line.order = Order::None;
                        }
                        return Poll::Ready(read);
                    }
                    ready!(sleep.as_mut().poll(context));
                    if bytes.has_remaining() {
                        let stream = Pin::new(&mut line.stream);
                        let written = ready!(stream.poll_write(context, bytes.chunk()))?;
                        bytes.advance(written);
                    } else {
                        ready!(Pin::new(&mut line.stream).poll_flush(context))?;
                        line.order = Order::Over;
                    }
                }
                // The end of the stream: HTTP closes.
                Order::Over => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Resettable + Unpin> AsyncWrite for Line<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if ready!(self.instead(context))? {
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if ready!(self.instead(context))? {
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
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
        if self.handle.wants_reset() {
            // A FIN would be a polite end.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: Resettable> Drop for Line<S> {
    fn drop(&mut self) {
        if self.handle.wants_reset() {
            self.stream.reset_on_close();
        }
    }
}
