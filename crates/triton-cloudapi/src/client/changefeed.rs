//! Following the account's changes: a feed that stays open, and says when it may have missed something.
//!
//! ```text
//! supervisor.rs  decides      when to connect, ping, give up, and what to tell; no clock and no socket
//! outbox.rs      waits        what the caller has not taken yet, up to a limit
//! following.rs   acts         the socket, the timers, the task
//! ```

mod error;
mod following;
mod item;
mod options;
mod outbox;
mod supervisor;

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::Client;
use crate::ids::InstanceId;

pub use error::ChangefeedError;
pub use item::{ChangefeedItem, Interruption, ResyncReason};
pub use options::ChangefeedOptions;

/// Items between the task that follows and the caller; what is more waits in the outbox.
const HANDED_OVER_MAX: usize = 1;

/// Announced changes that the task has not looked at yet; more are forgotten.
const ANNOUNCED_MAX: usize = 256;

/// The account's changes as they happen, from [`Client::changefeed`]. A stream that ends only with an error.
///
/// Dropping it closes the connection.
#[must_use = "a feed that nobody reads only costs a connection"]
pub struct Changefeed {
    items: mpsc::Receiver<Result<ChangefeedItem, ChangefeedError>>,
    announced: mpsc::Sender<InstanceId>,
    task: AbortHandle,
}

/// Tells a feed that a change must come: see [`Changefeed::announcer`].
#[derive(Clone, Debug)]
pub struct Announcer(mpsc::Sender<InstanceId>);

// === impl Client ===

impl Client {
    /// Follows what happens to the account's instances.
    ///
    /// The feed connects, subscribes, keeps the connection alive, notices when it is dead and connects again, for ever.
    /// CloudAPI promises little about it: changes get lost, and none is repeated. So the stream says
    /// [`ChangefeedItem::Resync`] whenever something may have been missed, and also in regular intervals: then list the
    /// instances again. A caller that lists at each `Resync` and looks at each `Change` is never wrong for longer than
    /// [`ChangefeedOptions::resync_every`].
    ///
    /// Trouble that passes is an item, [`ChangefeedItem::Interrupted`]; the stream goes on by itself. What does not pass
    /// is an error, the last item: a key that is not known, a CloudAPI without changefeed, a proxy that knows no
    /// WebSocket.
    ///
    /// The work is done by a task on the current tokio runtime. The caller may be slow: changes wait up to
    /// [`ChangefeedOptions::buffer`]; when it is full they are dropped for one `Resync`.
    ///
    /// Changes carry instances with their metadata. Nothing here logs them, but the WebSocket library writes whole frames
    /// to the log at level trace: leave `tungstenite` out of a filter that lets trace through.
    ///
    /// ```no_run
    /// # async fn follow(client: triton_cloudapi::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use triton_cloudapi::client::changefeed::{ChangefeedItem, ChangefeedOptions};
    ///
    /// let mut feed = client.changefeed(ChangefeedOptions::default());
    /// while let Some(item) = feed.next().await {
    ///     match item? {
    ///         ChangefeedItem::Resync { .. } => { /* list_all_instances, and forget what was known */ }
    ///         ChangefeedItem::Change(change) => println!("{} {}", change.instance_id, change.state),
    ///         other => eprintln!("{other}"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, as [`tokio::spawn`] does.
    pub fn changefeed(&self, options: ChangefeedOptions) -> Changefeed {
        let (give, items) = mpsc::channel(HANDED_OVER_MAX);
        let (announced, announcements) = mpsc::channel(ANNOUNCED_MAX);
        let following = following::follow(self.clone(), options, announcements, give);
        let task = tokio::spawn(following).abort_handle();
        Changefeed { items, announced, task }
    }
}

// === impl Changefeed ===

impl Changefeed {
    /// The next item; `None` after an error.
    pub async fn next(&mut self) -> Option<Result<ChangefeedItem, ChangefeedError>> {
        self.items.recv().await
    }

    /// For code that changes instances while another part of the program reads this feed.
    ///
    /// A feed can fall silent without being closed, which on a quiet account looks like nothing happening. Who has just
    /// started, stopped or deleted an instance knows better: announce it, and if no change of that instance comes
    /// within [`ChangefeedOptions::announced_within`], the feed is taken for dead and opened anew.
    #[must_use]
    pub fn announcer(&self) -> Announcer {
        Announcer(self.announced.clone())
    }
}

impl Stream for Changefeed {
    type Item = Result<ChangefeedItem, ChangefeedError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.items.poll_recv(context)
    }
}

impl Drop for Changefeed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Changefeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changefeed")
            .field("is_over", &self.task.is_finished())
            .finish_non_exhaustive()
    }
}

// === impl Announcer ===

impl Announcer {
    /// Says that this instance is about to change. Never waits; a feed that is busy or gone does not hear it.
    pub fn announce(&self, instance_id: InstanceId) {
        // Full or closed: then a silent feed is noticed a little later.
        let _ = self.0.try_send(instance_id);
    }
}
