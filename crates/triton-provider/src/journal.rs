//! The journal of creates in flight: intent is durable before effect.
//!
//! CloudAPI has no idempotency key, so a process that is killed between sending a create and learning its outcome
//! must leave a note. One small object per node holds the notes; creates that are about to be sent at the same time
//! share one write (group commit). Its version fences: a second process that acts for the same node takes the
//! journal over, and the first one's next write fails before its create is sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cluster::{Cluster, ClusterError, Stored};
use crate::pace::Pace;

/// How long notes that are no longer needed may stay before they are written away on their own.
const SWEEP: Duration = Duration::from_secs(30);
/// How long after their creates can come true the notes of an earlier process are kept, for lists that lag behind.
const LEFT_MARGIN: Duration = Duration::from_secs(60);
/// Notes at once: what bounds the journal to less than 8 KiB, and what an outage can leave in doubt.
const NOTES_MAX: usize = 64;
/// Writes tried when the journal changed under us by our own earlier hand.
const WRITE_TRIES: u32 = 3;

/// A create in flight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When it was about to be sent, for people who read the journal. No decision rests on it: clocks jump.
    pub at: Timestamp,
}

/// What an earlier process left in the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// The pods that may have a create in flight, by UID.
    pub uids: BTreeSet<String>,
    /// The journal could not be read as one: any pod may have a create in flight.
    pub unreadable: bool,
}

/// Why a note could not be made.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Another process took the journal over: it acts for this node now, we must not.
    #[error("another vk-triton process ({holder}) acts for this node now")]
    TakenOver {
        /// Its identity.
        holder: String,
    },
    /// The write failed.
    #[error("writing the journal of creates in flight")]
    Write(#[source] Arc<ClusterError>),
    /// So many creates are unresolved that no more are begun.
    #[error("{} creates are unresolved already", NOTES_MAX)]
    Full,
    /// The journal was shut down.
    #[error("the journal is closed")]
    Closed,
}

/// Handle on the journal; cheap to clone.
#[derive(Clone, Debug)]
pub struct Journal {
    orders: mpsc::UnboundedSender<Order>,
    lost: CancellationToken,
}

/// What the writer is asked.
#[derive(Debug)]
enum Order {
    Record { uid: String, note: Note, done: oneshot::Sender<Result<(), JournalError>> },
    Clear { uid: String },
}

/// The journal's text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Document {
    holder: String,
    #[serde(default)]
    intents: BTreeMap<String, Note>,
}

// === impl Journal ===

impl Journal {
    /// Takes the journal over as `holder` and returns it with what an earlier process left. Nothing of that can come
    /// true later than `window` from now: measured from when it is read, as nobody knows which clock wrote it.
    ///
    /// # Errors
    /// When the journal cannot be read or written.
    pub async fn open<C: Cluster>(
        cluster: Arc<C>,
        holder: String,
        window: Duration,
    ) -> Result<(Self, Left), JournalError> {
        let (document, version, left) = take_over(&*cluster, &holder).await?;
        let (orders, inbox) = mpsc::unbounded_channel();
        let left_until = Instant::now() + window + LEFT_MARGIN;
        let lost = CancellationToken::new();
        let writer = Writer {
            cluster,
            document,
            version,
            left: left.uids.clone(),
            left_until,
            lost: lost.clone(),
        };
        tokio::spawn(writer.run(inbox));
        Ok((Self { orders, lost }, left))
    }

    /// Cancelled when somebody else has taken the journal over: nothing can be created with this one any more.
    #[must_use]
    pub fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// Notes a create and returns once the note is durable.
    ///
    /// # Errors
    /// When it is not: the create must not be sent.
    pub async fn record(&self, uid: &str, note: Note) -> Result<(), JournalError> {
        let (done, answer) = oneshot::channel();
        let order = Order::Record { uid: uid.to_owned(), note, done };
        self.orders.send(order).map_err(|_closed| JournalError::Closed)?;
        answer.await.map_err(|_closed| JournalError::Closed)?
    }

    /// Forgets a note whose outcome is known and can be found by other means. Not urgent: it is written away with the
    /// next note, or after a while.
    pub fn clear(&self, uid: &str) {
        // A closed journal belongs to a stopped process: the next one resolves what is left.
        let _ = self.orders.send(Order::Clear { uid: uid.to_owned() });
    }
}

/// Loads the journal and writes ourselves in as its holder.
async fn take_over<C: Cluster>(
    cluster: &C,
    holder: &str,
) -> Result<(Document, Option<String>, Left), JournalError> {
    let mut tries = 0;
    loop {
        let Stored { version, text } = cluster.load_journal().await.map_err(write_error)?;
        let (mut document, unreadable) = match text.as_deref().map(serde_json::from_str) {
            Some(Ok(document)) => (document, false),
            // Somebody edited it by hand into something else.
            Some(Err(_)) => (Document::default(), true),
            None => (Document::default(), false),
        };
        holder.clone_into(&mut document.holder);
        let text = render(&document);
        match cluster.save_journal(version, text).await {
            Ok(version) => {
                let uids = document.intents.keys().cloned().collect();
                return Ok((document, Some(version), Left { uids, unreadable }));
            }
            Err(ClusterError::Conflict) if tries < WRITE_TRIES => tries += 1,
            Err(error) => return Err(write_error(error)),
        }
    }
}

fn render(document: &Document) -> String {
    // Strings, numbers and maps with string keys always serialise.
    serde_json::to_string(document).unwrap_or_default()
}

fn write_error(error: ClusterError) -> JournalError {
    JournalError::Write(Arc::new(error))
}

/// The one task that writes.
struct Writer<C> {
    cluster: Arc<C>,
    document: Document,
    version: Option<String>,
    /// Notes of an earlier process.
    left: BTreeSet<String>,
    /// When none of them is needed any more: whoever takes over after that lists first, and sees what they made.
    left_until: Instant,
    /// To be told when somebody else has taken over.
    lost: CancellationToken,
}

// === impl Writer ===

impl<C: Cluster> Writer<C> {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Order>) {
        let mut stale = false;
        let mut pace = Pace::default();
        loop {
            let order = if stale || !self.left.is_empty() {
                tokio::select! {
                    biased;
                    order = inbox.recv() => order,
                    () = tokio::time::sleep(SWEEP) => {
                        stale |= self.forget_left();
                        // A failed sweep leaves notes that are merely old; the next write carries them away.
                        stale = stale && self.write().await.is_err();
                        continue;
                    }
                }
            } else {
                inbox.recv().await
            };
            let Some(first) = order else { return };
            let mut waiting = Vec::new();
            self.take(first, &mut waiting);
            while let Ok(order) = inbox.try_recv() {
                self.take(order, &mut waiting);
            }
            if waiting.is_empty() {
                stale = true;
                continue;
            }
            let rest = pace.rest(Instant::now());
            if !rest.is_zero() {
                tokio::time::sleep(rest).await;
                while let Ok(order) = inbox.try_recv() {
                    self.take(order, &mut waiting);
                }
            }
            let result = self.write().await;
            pace.wrote(Instant::now());
            stale = false;
            for (uid, done) in waiting {
                if result.is_err() {
                    self.document.intents.remove(&uid);
                }
                // A caller that went away does not send its create; its note is resolved as "nothing came".
                let _ = done.send(result.clone());
            }
        }
    }

    /// Notes of an earlier process whose pods nobody asked about again.
    fn forget_left(&mut self) -> bool {
        if self.left.is_empty() || Instant::now() < self.left_until {
            return false;
        }
        for uid in std::mem::take(&mut self.left) {
            self.document.intents.remove(&uid);
        }
        true
    }

    fn take(
        &mut self,
        order: Order,
        waiting: &mut Vec<(String, oneshot::Sender<Result<(), JournalError>>)>,
    ) {
        match order {
            Order::Record { uid, note, done } => {
                let intents = &mut self.document.intents;
                if intents.len() >= NOTES_MAX && !intents.contains_key(&uid) {
                    // A caller that went away does not mind.
                    let _ = done.send(Err(JournalError::Full));
                    return;
                }
                self.left.remove(&uid);
                intents.insert(uid.clone(), note);
                waiting.push((uid, done));
            }
            Order::Clear { uid } => {
                self.left.remove(&uid);
                self.document.intents.remove(&uid);
            }
        }
    }

    async fn write(&mut self) -> Result<(), JournalError> {
        for _ in 0..WRITE_TRIES {
            match self.cluster.save_journal(self.version.clone(), render(&self.document)).await {
                Ok(version) => {
                    self.version = Some(version);
                    return Ok(());
                }
                Err(ClusterError::Conflict) => {
                    // Our own write whose answer was lost, a deleted object, or another process.
                    let stored = self.cluster.load_journal().await.map_err(write_error)?;
                    let holder = stored
                        .text
                        .as_deref()
                        .and_then(|text| serde_json::from_str::<Document>(text).ok())
                        .map(|document| document.holder);
                    if let Some(holder) = holder.filter(|holder| *holder != self.document.holder) {
                        self.lost.cancel();
                        return Err(JournalError::TakenOver { holder });
                    }
                    self.version = stored.version;
                }
                Err(error) => return Err(write_error(error)),
            }
        }
        Err(write_error(ClusterError::Conflict))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MemoryCluster;

    const WINDOW: Duration = Duration::from_secs(180);

    fn note(second: i64) -> Note {
        Note { at: Timestamp::from_second(second).unwrap() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_note_is_durable_when_record_returns() {
        let cluster = Arc::new(MemoryCluster::default());
        let (journal, left) =
            Journal::open(Arc::clone(&cluster), "a".to_owned(), WINDOW).await.unwrap();
        assert_eq!(left, Left::default());
        journal.record("uid-1", note(1)).await.unwrap();
        assert!(cluster.journal_text().contains("uid-1"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_process_finds_what_the_last_one_left() {
        let cluster = Arc::new(MemoryCluster::default());
        let (journal, _) =
            Journal::open(Arc::clone(&cluster), "a".to_owned(), WINDOW).await.unwrap();
        journal.record("uid-1", note(1)).await.unwrap();
        journal.record("uid-2", note(2)).await.unwrap();
        journal.clear("uid-1");
        journal.record("uid-3", note(3)).await.unwrap();
        let (_, left) = Journal::open(cluster, "b".to_owned(), WINDOW).await.unwrap();
        assert_eq!(left.uids.into_iter().collect::<Vec<_>>(), ["uid-2", "uid-3"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_was_taken_over_cannot_note_and_so_cannot_create() {
        let cluster = Arc::new(MemoryCluster::default());
        let (first, _) = Journal::open(Arc::clone(&cluster), "a".to_owned(), WINDOW).await.unwrap();
        first.record("uid-1", note(1)).await.unwrap();
        let (second, _) =
            Journal::open(Arc::clone(&cluster), "b".to_owned(), WINDOW).await.unwrap();
        let error = first.record("uid-2", note(2)).await.unwrap_err();
        assert!(
            matches!(error, JournalError::TakenOver { ref holder } if holder == "b"),
            "{error:?}"
        );
        assert!(first.lost().is_cancelled() && !second.lost().is_cancelled());
        second.record("uid-3", note(3)).await.unwrap();
        assert!(!cluster.journal_text().contains("uid-2"));
    }

    #[tokio::test(start_paused = true)]
    async fn notes_made_together_share_a_write() {
        let cluster = Arc::new(MemoryCluster::default());
        let (journal, _) =
            Journal::open(Arc::clone(&cluster), "a".to_owned(), WINDOW).await.unwrap();
        let before = cluster.journal_writes();
        let names: Vec<String> = (0..20).map(|n| format!("uid-{n}")).collect();
        let all = names.iter().map(|uid| journal.record(uid, note(1)));
        futures::future::try_join_all(all).await.unwrap();
        let writes = cluster.journal_writes() - before;
        assert!(writes <= 2, "20 notes took {writes} writes");
    }

    #[tokio::test(start_paused = true)]
    async fn cleared_notes_are_written_away_after_a_while() {
        let cluster = Arc::new(MemoryCluster::default());
        let (journal, _) =
            Journal::open(Arc::clone(&cluster), "a".to_owned(), WINDOW).await.unwrap();
        journal.record("uid-1", note(1)).await.unwrap();
        journal.clear("uid-1");
        tokio::time::sleep(SWEEP * 2).await;
        assert!(!cluster.journal_text().contains("uid-1"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_write_is_no_note() {
        let cluster = Arc::new(MemoryCluster::default());
        let (journal, _) =
            Journal::open(Arc::clone(&cluster), "a".to_owned(), WINDOW).await.unwrap();
        cluster.fail_journal(true);
        assert!(matches!(journal.record("uid-1", note(1)).await, Err(JournalError::Write(_))));
        cluster.fail_journal(false);
        journal.record("uid-2", note(2)).await.unwrap();
        assert!(!cluster.journal_text().contains("uid-1"));
    }

    #[tokio::test(start_paused = true)]
    async fn notes_that_nobody_asks_about_are_dropped_when_they_cannot_come_true_any_more() {
        let cluster = Arc::new(MemoryCluster::default());
        let (first, _) = Journal::open(Arc::clone(&cluster), "a".to_owned(), WINDOW).await.unwrap();
        for uid in ["left", "again"] {
            first.record(uid, note(1)).await.unwrap();
        }
        let (second, left) =
            Journal::open(Arc::clone(&cluster), "b".to_owned(), WINDOW).await.unwrap();
        assert_eq!(left.uids.len(), 2);
        tokio::time::sleep(WINDOW).await;
        second.record("again", note(2)).await.unwrap();
        tokio::time::sleep(LEFT_MARGIN / 2).await;
        assert_eq!(cluster.noted(), ["again", "left"]);
        tokio::time::sleep(LEFT_MARGIN + SWEEP).await;
        assert_eq!(cluster.noted(), ["again"], "a note that was made again is another one");
    }

    #[tokio::test(start_paused = true)]
    async fn a_journal_that_cannot_be_read_leaves_every_pod_in_doubt() {
        let cluster = Arc::new(MemoryCluster::default());
        let (journal, _) =
            Journal::open(Arc::clone(&cluster), "a".to_owned(), WINDOW).await.unwrap();
        journal.record("uid-1", note(1)).await.unwrap();
        for text in ["", "{", "[]", "{\"intents\": 3}"] {
            cluster
                .save_journal(cluster.load_journal().await.unwrap().version, text.to_owned())
                .await
                .unwrap();
            let (_, left) =
                Journal::open(Arc::clone(&cluster), "b".to_owned(), WINDOW).await.unwrap();
            assert!(left.unreadable, "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_journal_stays_below_eight_kilobytes_and_then_takes_no_more() {
        let cluster = Arc::new(MemoryCluster::default());
        let (journal, _) =
            Journal::open(Arc::clone(&cluster), "a".to_owned(), WINDOW).await.unwrap();
        let uid = |n: usize| uuid::Uuid::from_u128(n as u128).to_string();
        let at = "2026-01-02T03:04:05.123456789Z".parse().unwrap();
        for n in 0..NOTES_MAX {
            journal.record(&uid(n), Note { at }).await.unwrap();
        }
        let refused = journal.record(&uid(NOTES_MAX), Note { at }).await;
        assert!(matches!(refused, Err(JournalError::Full)), "{refused:?}");
        journal.record(&uid(0), Note { at }).await.unwrap();
        assert!(cluster.journal_text().len() < 8 * 1024);
        journal.clear(&uid(0));
        journal.record(&uid(NOTES_MAX), Note { at }).await.unwrap();
    }
}
