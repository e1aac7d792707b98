//! What a process knows of its journal from one term to the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

/// Whether notes may be missing from the journal, because somebody else wrote it while a provider of this process was
/// using it. Any pod without an instance may then have a create on its way. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct JournalDoubt(Arc<AtomicBool>);

// === impl JournalDoubt ===

impl JournalDoubt {
    /// The doubt of the term before, which the new provider now has.
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }

    /// Ends the term as soon as the journal is `lost`, and leaves the doubt to the next one.
    pub(crate) fn end_with(&self, lost: CancellationToken, term: CancellationToken) {
        let doubt = self.clone();
        tokio::spawn(async move {
            if term.run_until_cancelled(lost.cancelled()).await.is_some() {
                doubt.0.store(true, Ordering::Relaxed);
                tracing::warn!("somebody else has written the journal of creates; beginning anew");
                term.cancel();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lost_journal_ends_the_term_and_the_next_one_doubts_once() {
        let doubt = JournalDoubt::default();
        let (lost, term) = (CancellationToken::new(), CancellationToken::new());
        doubt.clone().end_with(lost.clone(), term.clone());
        assert!(!doubt.take());
        lost.cancel();
        term.cancelled().await;
        assert_eq!((doubt.take(), doubt.take()), (true, false));
    }

    #[tokio::test]
    async fn a_term_that_ends_otherwise_leaves_no_doubt() {
        let doubt = JournalDoubt::default();
        let (lost, term) = (CancellationToken::new(), CancellationToken::new());
        doubt.end_with(lost.clone(), term.clone());
        term.cancel();
        tokio::task::yield_now().await;
        lost.cancel();
        tokio::task::yield_now().await;
        assert!(!doubt.take());
    }
}
