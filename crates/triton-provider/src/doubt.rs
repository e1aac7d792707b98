//! What a process knows of its journal from one term to the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

use crate::journal::Before;

/// Whether notes may be missing from the journal, because somebody else wrote it while a provider of this process was
/// using it, or deleted it. Any pod without an instance may then have a create on its way. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct JournalDoubt(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    /// A provider of this process has had the journal.
    was_open: AtomicBool,
    /// Somebody else wrote it then.
    was_lost: AtomicBool,
}

// === impl JournalDoubt ===

impl JournalDoubt {
    /// What a journal must be that is opened now. `is_first`: nobody acted for the node before this term.
    pub(crate) fn before(&self, is_first: bool) -> Before {
        if self.0.was_lost.load(Ordering::Relaxed) {
            Before::Forger
        } else if is_first && !self.0.was_open.load(Ordering::Relaxed) {
            Before::Nobody
        } else {
            Before::Somebody
        }
    }

    /// The journal is open, and what doubt there was is in it. Ends the term as soon as it is `lost`, and leaves that
    /// doubt to the next one.
    pub(crate) fn end_with(&self, lost: CancellationToken, term: CancellationToken) {
        self.0.was_open.store(true, Ordering::Relaxed);
        self.0.was_lost.store(false, Ordering::Relaxed);
        let doubt = self.clone();
        tokio::spawn(async move {
            if term.run_until_cancelled(lost.cancelled()).await.is_some() {
                doubt.0.was_lost.store(true, Ordering::Relaxed);
                tracing::warn!(
                    "the journal of creates is not as this process left it, or could not be kept; beginning anew"
                );
                term.cancel();
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lost_journal_ends_the_term_and_is_doubted_until_it_is_open_again() {
        let doubt = JournalDoubt::default();
        assert_eq!(doubt.before(true), Before::Nobody);
        assert_eq!(doubt.before(false), Before::Somebody);
        let (lost, term) = (CancellationToken::new(), CancellationToken::new());
        doubt.clone().end_with(lost.clone(), term.clone());
        assert_eq!(doubt.before(true), Before::Somebody, "this process acted before");
        lost.cancel();
        term.cancelled().await;
        assert_eq!(doubt.before(true), Before::Forger);
        assert_eq!(doubt.before(false), Before::Forger, "as often as opening it fails");
        doubt.end_with(CancellationToken::new(), CancellationToken::new());
        assert_eq!(doubt.before(false), Before::Somebody);
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
        assert_eq!(doubt.before(false), Before::Somebody);
    }
}
