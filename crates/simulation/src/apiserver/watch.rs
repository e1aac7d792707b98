//! Watches: every change after a version, in order, until they break.

use std::io;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::answer::{metadata_of, selects};
use super::refusal::Refusal;
use super::store::Change;
use super::{ApiServer, Asked, ChangeKind, KubeFault};

/// Between two bookmarks.
const BOOKMARK: Duration = Duration::from_secs(60);
/// How long a watch lasts when nobody says.
const LASTS: Duration = Duration::from_secs(300);
/// A stalled watch is looked at again after this long.
const STALLED: Duration = Duration::from_secs(5);

struct Watch {
    server: ApiServer,
    asked: Asked,
    is_metadata: bool,
    /// The last version that was told.
    told: u64,
    ends: Instant,
    bookmark: Instant,
    stalled_until: Option<Instant>,
    is_over: bool,
}

/// Begins a watch; its body goes on until the watch ends.
///
/// A version that is too old is told by an event of the watch, as kube-apiserver does (cacher.go: once a version was
/// parsed, "other errors must fail with a watch event of type ERROR, rather than a directly returned error"). What
/// stands in front of one may say so by the answer's status, which a fault does here.
pub(super) fn begin(server: &ApiServer, asked: Asked, is_metadata: bool) -> Result<Body, Refusal> {
    if server.strikes(KubeFault::WatchGone, &asked) {
        return Err(Refusal::expired());
    }
    let state = server.state();
    let asked_version = asked.query.get("resourceVersion").and_then(|version| version.parse().ok());
    let told: u64 = asked_version.filter(|&version| version > 0).unwrap_or(state.store.version());
    if told < state.store.compacted() {
        return Ok(Body::from(expired()));
    }
    drop(state);
    let seconds = asked.query.get("timeoutSeconds").and_then(|seconds| seconds.parse().ok());
    let now = Instant::now();
    let watch = Watch {
        server: server.clone(),
        is_metadata,
        told,
        ends: now + seconds.map_or(LASTS, Duration::from_secs),
        bookmark: now + BOOKMARK,
        stalled_until: None,
        is_over: false,
        asked,
    };
    Ok(Body::from_stream(stream::unfold(watch, |mut watch| async move {
        let next = watch.next().await?;
        Some((next, watch))
    })))
}

/// What a watch says of a version that is too old.
fn expired() -> Bytes {
    let status = json!({ "type": "ERROR", "object": Refusal::expired().to_json() });
    Bytes::from(format!("{status}\n"))
}

// === impl Watch ===

impl Watch {
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if self.is_over {
            return None;
        }
        loop {
            let server = self.server.clone();
            let changed = server.inner.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let now = Instant::now();
            if let Some(end) = self.trouble(now) {
                self.is_over = true;
                return end;
            }
            let is_stalled = self.stalled_until.is_some_and(|until| now < until);
            if !is_stalled && let Some(lines) = self.news() {
                return Some(Ok(lines));
            }
            if now >= self.ends {
                return None;
            }
            if now >= self.bookmark {
                self.bookmark = now + BOOKMARK;
                if self.asked.query.get("allowWatchBookmarks").is_some_and(|value| value == "true")
                    && !is_stalled
                {
                    return Some(Ok(self.bookmark_line()));
                }
            }
            let soon = if is_stalled { now + STALLED } else { self.bookmark };
            tokio::select! {
                biased;
                () = changed => {}
                () = tokio::time::sleep_until(soon.min(self.ends)) => {}
            }
        }
    }

    /// `Some` ends the watch, in this way.
    fn trouble(&mut self, now: Instant) -> Option<Option<io::Result<Bytes>>> {
        let server = self.server.clone();
        let strikes = |kind| server.strikes(kind, &self.asked);
        if strikes(KubeFault::Down) {
            return Some(Some(Err(io::ErrorKind::ConnectionReset.into())));
        }
        // These strike when something is to be told.
        if self.pending().is_empty() {
            return None;
        }
        if strikes(KubeFault::WatchEnds) {
            return Some(None);
        }
        if strikes(KubeFault::WatchGone) || strikes(KubeFault::Compaction) {
            return Some(Some(Ok(expired())));
        }
        if strikes(KubeFault::WatchStalls) && self.stalled_until.is_none_or(|until| until <= now) {
            self.stalled_until = Some(now + 4 * STALLED);
            return None;
        }
        if strikes(KubeFault::WatchCut) {
            let mut lines = self.news()?;
            lines.truncate(lines.len() / 2);
            // What was told in part is lost, and so is the connection.
            return Some(Some(Ok(lines)));
        }
        None
    }

    fn pending(&self) -> Vec<Change> {
        let state = self.server.state();
        let concerns = |change: &&Change| {
            change.resource == self.asked.resource && selects(&self.asked, &change.object)
        };
        state.store.since(self.told).iter().filter(concerns).cloned().collect()
    }

    fn news(&mut self) -> Option<Bytes> {
        let pending = self.pending();
        self.told = pending.last()?.version;
        let mut lines = String::new();
        for change in pending {
            let kind = match change.kind {
                ChangeKind::Added => "ADDED",
                ChangeKind::Modified => "MODIFIED",
                ChangeKind::Deleted => "DELETED",
            };
            let object = if self.is_metadata {
                metadata_of(&change.object)
            } else {
                Value::clone(&change.object)
            };
            lines.push_str(&json!({ "type": kind, "object": object }).to_string());
            lines.push('\n');
        }
        Some(Bytes::from(lines))
    }

    fn bookmark_line(&mut self) -> Bytes {
        self.told = self.server.state().store.version();
        let resource = self.asked.resource;
        let line = json!({ "type": "BOOKMARK", "object": {
            "kind": resource.kind(), "apiVersion": resource.api_version(),
            "metadata": { "resourceVersion": self.told.to_string() }, "spec": { "containers": [] },
        }});
        Bytes::from(format!("{line}\n"))
    }
}
