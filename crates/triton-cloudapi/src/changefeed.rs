//! The changefeed: what CloudAPI tells of instances as they change (CloudAPI manual, "Changefeed"; since 9.14.0).
//!
//! It is a WebSocket. The client sends one [`Subscription`], and the server one text frame for each [`Change`], about
//! two seconds after it happened. Nothing is promised: changes come twice, out of order, or not at all; none is
//! repeated after a reconnect; and the feed may fall silent without being closed. So a change is a hint to look, and a
//! list is the truth.
//!
//! Here are the words of that conversation and [`Recent`], which knows doubles. The feature `changefeed` has the rest:
//! `Client::changefeed` keeps a feed open and says when to list again.

mod change;
mod recent;
mod subscription;

pub use change::{Change, FrameError, state_from_vmapi};
pub use recent::{Novelty, REMEMBERED_MAX, Recent};
pub use subscription::{SubResource, Subscription};

use crate::answer::nothing;
use crate::request::{Endpoint, Group, Request, RequestError};
use crate::target::Target;

const OPEN: Endpoint = Endpoint::read("Changefeed", Group::Changefeed);

/// The calls of this section of the manual.
pub const ENDPOINTS: &[Endpoint] = &[OPEN];

/// The first version of CloudAPI that has a changefeed, as its `Server` header says it.
pub const SINCE: &str = "9.14.0";

/// Opens the feed: the request that asks for the upgrade, without WebSocket's own headers.
///
/// # Errors
///
/// None that parameters could cause: it has none.
pub fn open_changefeed() -> Result<Request<()>, RequestError> {
    OPEN.get(&Target::new("/changefeed"), nothing)
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    #[test]
    fn the_feed_is_asked_for_below_the_account() {
        let request = open_changefeed().unwrap();
        assert_eq!(
            (request.http.method(), request.http.uri().path()),
            (&Method::GET, "/changefeed")
        );
        assert!(request.http.body().is_empty());
    }
}
