//! What a feed tells its caller.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::error::ChangefeedError;
use crate::changefeed::Change;

/// One thing that a feed tells.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ChangefeedItem {
    /// The server has read our subscription: from now on changes come.
    Connected,
    /// Something may have been missed: list again.
    Resync {
        /// Why.
        reason: ResyncReason,
    },
    /// An instance has changed. A hint: what it says may be old by now.
    Change(Change),
    /// The connection is lost, or could not be made. The feed connects again by itself; nothing needs to be done.
    Interrupted {
        /// Why.
        reason: Interruption,
        /// When it is tried again.
        again_in: Duration,
    },
}

/// Why something may have been missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResyncReason {
    /// The feed begins: nothing is known yet.
    FirstConnect,
    /// The connection was lost in between.
    Reconnect,
    /// The feed had fallen silent and was opened anew.
    Stall,
    /// A change that was announced did not come, though others did.
    ChangeLost,
    /// A frame could not be read: whatever it told is lost.
    BogusFrame,
    /// The caller was too slow; changes had to be dropped.
    Overflow,
    /// The interval is over: single changes may always get lost.
    Interval,
}

/// Why there is no connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Interruption {
    /// It could not be made.
    NotOpened(Arc<ChangefeedError>),
    /// It took too long to be made.
    OpenTimeout,
    /// The server closed it, with this code and reason if it gave one.
    Closed(Option<(u16, String)>),
    /// It broke.
    Broken(String),
    /// A ping was not answered.
    NoPong,
    /// Pings are answered, but changes do not come.
    Stalled,
    /// Too many frames in a row could not be read.
    BogusFrames,
}

// === impl ChangefeedItem ===

impl ChangefeedItem {
    /// The change, if it is one.
    #[must_use]
    pub fn change(&self) -> Option<&Change> {
        match self {
            Self::Change(change) => Some(change),
            _ => None,
        }
    }
}

impl fmt::Display for ChangefeedItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected => f.write_str("connected"),
            Self::Resync { reason } => write!(f, "list again: {reason}"),
            Self::Change(change) => write!(f, "{} is {}", change.instance_id, change.state),
            Self::Interrupted { reason, again_in } => {
                write!(f, "interrupted, trying again in {:.1} s: {reason}", again_in.as_secs_f64())
            }
        }
    }
}

// === impl ResyncReason ===

impl fmt::Display for ResyncReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FirstConnect => "the feed begins",
            Self::Reconnect => "the connection was lost in between",
            Self::Stall => "the feed had fallen silent",
            Self::ChangeLost => "a change that was announced did not come",
            Self::BogusFrame => "a frame could not be read",
            Self::Overflow => "changes came faster than they were taken",
            Self::Interval => "it is time",
        })
    }
}

// === impl Interruption ===

impl fmt::Display for Interruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOpened(error) => {
                write!(f, "{error}")?;
                let mut cause = std::error::Error::source(error.as_ref());
                while let Some(error) = cause {
                    write!(f, ": {error}")?;
                    cause = error.source();
                }
                Ok(())
            }
            Self::OpenTimeout => f.write_str("the connection took too long to be made"),
            Self::Closed(None) => f.write_str("the server closed the connection"),
            Self::Closed(Some((code, reason))) => {
                write!(f, "the server closed the connection: {code} {reason:?}")
            }
            Self::Broken(why) => write!(f, "the connection broke: {why}"),
            Self::NoPong => f.write_str("a ping was not answered"),
            Self::Stalled => f.write_str("pings are answered, but no changes come"),
            Self::BogusFrames => f.write_str("too many frames could not be read"),
        }
    }
}
