//! The journal of creates in flight: intent is durable before effect.
//!
//! CloudAPI has no idempotency key, so a process that is killed between sending a create and learning its outcome
//! must leave a note. One small object per node holds the notes; creates that are about to be sent at the same time
//! share one write (group commit). Its version fences: a second process that acts for the same node takes the
//! journal over, and the first one's next write fails before its create is sent.

mod document;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::document::Document;
use crate::cluster::{Cluster, ClusterError, Stored};
use crate::pace::Pace;

/// How long notes that are no longer needed may stay before they are written away on their own.
const SWEEP: Duration = Duration::from_secs(30);
/// How long after their creates can come true the notes of an earlier process are kept, for lists that lag behind.
const LEFT_MARGIN: Duration = Duration::from_secs(60);
/// Creates at once that are not answered: what an outage can leave in doubt.
const OPEN_MAX: usize = 64;
/// Notes at once: what bounds the journal to less than 32 KiB. A note stays until the pod's status names the instance, so
/// in a burst there are many more than creates that are not answered.
const NOTES_MAX: usize = 256;
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
    /// Notes were lost, now or less than a window before an earlier process ended: any pod may have a create in flight.
    pub in_doubt: bool,
}

/// Who acted for this node before, as far as is known without the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nobody: that there is no journal yet is as it should be.
    Nobody,
    /// Somebody, perhaps: if there is no journal, it was deleted, and with it the notes of creates in flight.
    Somebody,
    /// Somebody who wrote the journal while this process was using it: whatever it says, notes may be missing.
    Forger,
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
    #[error("{} creates are unresolved already, or {} not yet in a status", OPEN_MAX, NOTES_MAX)]
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
    Answered { uid: String },
    Clear { uid: String },
}

// === impl Journal ===

impl Journal {
    /// Takes the journal over as `holder` and returns it with what an earlier process left. Nothing of that can come
    /// true later than `window` from now: measured from when it is read, as nobody knows which clock wrote it.
    ///
    /// A write waits for company, but not for more than `company` notes: the creates that may be on their way at once.
    ///
    /// A journal that was deleted or edited by hand leaves every pod in doubt. That too is noted in it: the process
    /// after this one would know nothing of it otherwise.
    ///
    /// # Errors
    /// When the journal cannot be read or written.
    pub async fn open<C: Cluster>(
        cluster: Arc<C>,
        holder: String,
        window: Duration,
        company: usize,
        before: Before,
    ) -> Result<(Self, Left), JournalError> {
        let (document, version) = take_over(&*cluster, &holder, before).await?;
        let uids = document.intents.keys().cloned().collect();
        let left = Left { uids, in_doubt: document.in_doubt };
        let (orders, inbox) = mpsc::unbounded_channel();
        let left_until = Instant::now() + window + LEFT_MARGIN;
        let lost = CancellationToken::new();
        let writer = Writer {
            cluster,
            document,
            version,
            left: left.uids.clone(),
            answered: BTreeSet::new(),
            left_until,
            company,
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

    /// Says that a create was answered with an instance. Its note stays for the next process, but is no doubt of this one.
    pub fn answered(&self, uid: &str) {
        // As for `clear`.
        let _ = self.orders.send(Order::Answered { uid: uid.to_owned() });
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
    before: Before,
) -> Result<(Document, Option<String>), JournalError> {
    let mut tries = 0;
    loop {
        let Stored { version, text } = cluster.load_journal().await.map_err(write_error)?;
        let mut document = match text.as_deref().map(Document::read) {
            Some(Some(document)) => document,
            // It was edited by hand: what was taken out of it nobody knows.
            Some(None) => Document::doubtful(),
            None if before == Before::Nobody => Document::default(),
            // It was deleted, with all its notes.
            None => Document::doubtful(),
        };
        document.in_doubt |= before == Before::Forger;
        holder.clone_into(&mut document.holder);
        match cluster.save_journal(version, document.write()).await {
            Ok(version) => return Ok((document, Some(version))),
            Err(ClusterError::Conflict) if tries < WRITE_TRIES => tries += 1,
            Err(error) => return Err(write_error(error)),
        }
    }
}

fn write_error(error: ClusterError) -> JournalError {
    JournalError::Write(Arc::new(error))
}

/// Who waits for a note to be durable.
type Waiting = (String, oneshot::Sender<Result<(), JournalError>>);

/// The one task that writes.
struct Writer<C> {
    cluster: Arc<C>,
    document: Document,
    version: Option<String>,
    /// Notes of an earlier process.
    left: BTreeSet<String>,
    /// Notes of ours whose creates were answered.
    answered: BTreeSet<String>,
    /// When none of them is needed any more: whoever takes over after that lists first, and sees what they made.
    left_until: Instant,
    /// So many notes wait for no more.
    company: usize,
    /// To be told when somebody else has taken over.
    lost: CancellationToken,
}

// === impl Writer ===

impl<C> Drop for Writer<C> {
    /// A writer that panics takes the term with it, and what it had taken in is in doubt.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.lost.cancel();
        }
    }
}

impl<C: Cluster> Writer<C> {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Order>) {
        let mut stale = false;
        let mut pace = Pace::default();
        loop {
            let order = if stale || !self.left.is_empty() || self.document.in_doubt {
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
            self.gather(rest, &mut inbox, &mut waiting).await;
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

    /// Takes in what comes within `rest`, or until all are there who can come.
    async fn gather(
        &mut self,
        rest: Duration,
        inbox: &mut mpsc::UnboundedReceiver<Order>,
        waiting: &mut Vec<Waiting>,
    ) {
        let over = tokio::time::sleep(rest);
        tokio::pin!(over);
        while waiting.len() < self.company {
            tokio::select! {
                biased;
                order = inbox.recv() => match order {
                    Some(order) => self.take(order, waiting),
                    None => return,
                },
                () = &mut over => return,
            }
        }
    }

    /// Notes of an earlier process whose pods nobody asked about again, and doubt about the others.
    fn forget_left(&mut self) -> bool {
        let is_nothing = self.left.is_empty() && !self.document.in_doubt;
        if is_nothing || Instant::now() < self.left_until {
            return false;
        }
        self.document.in_doubt = false;
        for uid in std::mem::take(&mut self.left) {
            self.document.intents.remove(&uid);
        }
        true
    }

    fn take(&mut self, order: Order, waiting: &mut Vec<Waiting>) {
        match order {
            Order::Record { uid, note, done } => {
                let intents = &mut self.document.intents;
                let settled = self.left.len() + self.answered.len();
                let full = intents.len() >= NOTES_MAX || intents.len() >= OPEN_MAX + settled;
                if full && !intents.contains_key(&uid) {
                    // A caller that went away does not mind.
                    let _ = done.send(Err(JournalError::Full));
                    return;
                }
                self.left.remove(&uid);
                self.answered.remove(&uid);
                intents.insert(uid.clone(), note);
                waiting.push((uid, done));
            }
            Order::Answered { uid } => {
                if self.document.intents.contains_key(&uid) {
                    self.answered.insert(uid);
                }
            }
            Order::Clear { uid } => {
                self.left.remove(&uid);
                self.answered.remove(&uid);
                self.document.intents.remove(&uid);
            }
        }
    }

    async fn write(&mut self) -> Result<(), JournalError> {
        for _ in 0..WRITE_TRIES {
            match self.cluster.save_journal(self.version.clone(), self.document.write()).await {
                Ok(version) => {
                    self.version = Some(version);
                    return Ok(());
                }
                Err(ClusterError::Conflict) => {
                    // Our own write whose answer was lost, a deleted object, or another process.
                    let stored = self.cluster.load_journal().await.map_err(write_error)?;
                    let holder = stored.text.as_deref().and_then(Document::holder_in);
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
mod tests;
