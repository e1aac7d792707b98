//! A connection that is driven by whoever waits for something from it.

use std::pin::pin;

use futures::future::BoxFuture;

/// What moves the bytes of one connection. It needs no task of its own: whoever waits for an answer drives it.
pub(crate) struct Driven(Option<BoxFuture<'static, ()>>);

// === impl Driven ===

impl Driven {
    pub(crate) fn new<E>(connection: impl Future<Output = Result<(), E>> + Send + 'static) -> Self {
        Self(Some(Box::pin(async move {
            // What goes wrong here the sender and the body hear of too.
            let _ = connection.await;
        })))
    }

    /// Drives the connection until `wanted` is there, which may be after the connection has ended.
    pub(crate) async fn until<T>(&mut self, wanted: impl Future<Output = T>) -> T {
        let mut wanted = pin!(wanted);
        if let Some(connection) = &mut self.0 {
            tokio::select! {
                biased;
                value = &mut wanted => return value,
                () = connection => {}
            }
            self.0 = None;
        }
        wanted.await
    }
}
