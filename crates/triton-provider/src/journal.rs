//! The journal of creates in flight: intent is durable before effect.
//!
//! CloudAPI has no idempotency key, so a process that is killed between sending a create and learning its outcome
//! must leave a note. One small object per node holds the notes; creates that are about to be sent at the same time
//! share one write (group commit). Its version fences: a second process that acts for the same node takes the
//! journal over, and the first one's next write fails before its create is sent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::cluster::{Cluster, ClusterError, Stored};
use crate::pace::Pace;

/// How long notes that are no longer needed may stay before they are written away on their own.
const SWEEP: Duration = Duration::from_secs(30);
/// Notes older than this are dropped when the journal is opened: what they were about has long been found or given up.
const FORGET: SignedDuration = SignedDuration::from_hours(24);
/// Writes tried when the journal changed under us by our own earlier hand.
const WRITE_TRIES: u32 = 3;

/// A create in flight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When it was about to be sent.
    pub at: Timestamp,
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
    /// The journal was shut down.
    #[error("the journal is closed")]
    Closed,
}

/// Handle on the journal; cheap to clone.
#[derive(Clone, Debug)]
pub struct Journal {
    orders: mpsc::UnboundedSender<Order>,
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
    /// Takes the journal over as `holder` and returns it with the notes that an earlier process left.
    ///
    /// # Errors
    /// When the journal cannot be read or written.
    pub async fn open<C: Cluster>(
        cluster: Arc<C>,
        holder: String,
        now: Timestamp,
    ) -> Result<(Self, BTreeMap<String, Note>), JournalError> {
        let (mut document, version) = take_over(&*cluster, &holder).await?;
        document.intents.retain(|_, note| now.duration_since(note.at) < FORGET);
        let left = document.intents.clone();
        let (orders, inbox) = mpsc::unbounded_channel();
        let writer = Writer { cluster, document, version };
        tokio::spawn(writer.run(inbox));
        Ok((Self { orders }, left))
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
) -> Result<(Document, Option<String>), JournalError> {
    let mut tries = 0;
    loop {
        let Stored { version, text } = cluster.load_journal().await.map_err(write_error)?;
        let mut document: Document = match text.as_deref().map(serde_json::from_str) {
            Some(Ok(document)) => document,
            // Somebody edited it by hand into something else: start a new one rather than never start.
            Some(Err(_)) | None => Document::default(),
        };
        holder.clone_into(&mut document.holder);
        let text = render(&document);
        match cluster.save_journal(version, text).await {
            Ok(version) => return Ok((document, Some(version))),
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
}

// === impl Writer ===

impl<C: Cluster> Writer<C> {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Order>) {
        let mut stale = false;
        let mut pace = Pace::default();
        loop {
            let order = if stale {
                tokio::select! {
                    biased;
                    order = inbox.recv() => order,
                    () = tokio::time::sleep(SWEEP) => {
                        // A failed sweep leaves notes that are merely old; the next write carries them away.
                        stale = self.write().await.is_err();
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

    fn take(
        &mut self,
        order: Order,
        waiting: &mut Vec<(String, oneshot::Sender<Result<(), JournalError>>)>,
    ) {
        match order {
            Order::Record { uid, note, done } => {
                self.document.intents.insert(uid.clone(), note);
                waiting.push((uid, done));
            }
            Order::Clear { uid } => {
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

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn note(second: i64) -> Note {
        Note { at: Timestamp::from_second(second).unwrap() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_note_is_durable_when_record_returns() {
        let cluster = Arc::new(MemoryCluster::default());
        let (journal, left) =
            Journal::open(Arc::clone(&cluster), "a".to_owned(), NOW).await.unwrap();
        assert!(left.is_empty());
        journal.record("uid-1", note(1)).await.unwrap();
        assert!(cluster.journal_text().contains("uid-1"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_process_finds_what_the_last_one_left() {
        let cluster = Arc::new(MemoryCluster::default());
        let (journal, _) = Journal::open(Arc::clone(&cluster), "a".to_owned(), NOW).await.unwrap();
        journal.record("uid-1", note(1)).await.unwrap();
        journal.record("uid-2", note(2)).await.unwrap();
        journal.clear("uid-1");
        journal.record("uid-3", note(3)).await.unwrap();
        let (_, left) = Journal::open(cluster, "b".to_owned(), NOW).await.unwrap();
        assert_eq!(left.into_keys().collect::<Vec<_>>(), ["uid-2", "uid-3"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_was_taken_over_cannot_note_and_so_cannot_create() {
        let cluster = Arc::new(MemoryCluster::default());
        let (first, _) = Journal::open(Arc::clone(&cluster), "a".to_owned(), NOW).await.unwrap();
        first.record("uid-1", note(1)).await.unwrap();
        let (second, _) = Journal::open(Arc::clone(&cluster), "b".to_owned(), NOW).await.unwrap();
        let error = first.record("uid-2", note(2)).await.unwrap_err();
        assert!(
            matches!(error, JournalError::TakenOver { ref holder } if holder == "b"),
            "{error:?}"
        );
        second.record("uid-3", note(3)).await.unwrap();
        assert!(!cluster.journal_text().contains("uid-2"));
    }

    #[tokio::test(start_paused = true)]
    async fn notes_made_together_share_a_write() {
        let cluster = Arc::new(MemoryCluster::default());
        let (journal, _) = Journal::open(Arc::clone(&cluster), "a".to_owned(), NOW).await.unwrap();
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
        let (journal, _) = Journal::open(Arc::clone(&cluster), "a".to_owned(), NOW).await.unwrap();
        journal.record("uid-1", note(1)).await.unwrap();
        journal.clear("uid-1");
        tokio::time::sleep(SWEEP * 2).await;
        assert!(!cluster.journal_text().contains("uid-1"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_write_is_no_note() {
        let cluster = Arc::new(MemoryCluster::default());
        let (journal, _) = Journal::open(Arc::clone(&cluster), "a".to_owned(), NOW).await.unwrap();
        cluster.fail_journal(true);
        assert!(matches!(journal.record("uid-1", note(1)).await, Err(JournalError::Write(_))));
        cluster.fail_journal(false);
        journal.record("uid-2", note(2)).await.unwrap();
        assert!(!cluster.journal_text().contains("uid-1"));
    }
}
