//! Term after term: a process stands by, leads while it is elected, and stands by again.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::election::{Election, ElectionError, Term};

/// How long what was started for a term may take to end when the term is lost. It is fenced meanwhile, and then dropped.
const TERM_END: Duration = Duration::from_secs(10);

/// Before standing by again after a term that could not begin.
const FAILED_PAUSE: Duration = Duration::from_secs(5);

/// What a process does while it is elected.
pub trait Leader: Sync {
    /// Why it could not lead.
    type Error: Display + Send;

    /// Leads until `token` is cancelled, changing nothing but behind the [fence](Term::fence) of the term. Everything
    /// that it starts ends with the token; it may also cancel the token itself, to have a term begun anew.
    ///
    /// # Errors
    /// When it could not begin or go on.
    fn lead(
        &self,
        term: &Term,
        token: &CancellationToken,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Whether this error is one that no other term would mend, so that the process does not stand by again.
    /// `has_led`: an earlier term went well, or at least ended by losing the Lease.
    fn gives_up(&self, error: &Self::Error, has_led: bool) -> bool;
}

/// Why a process stands by no more although nobody asked it to stop.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeadError<E> {
    /// It can never be elected.
    #[error(transparent)]
    Election(#[from] ElectionError),
    /// It cannot lead, and has [given up](Leader::gives_up).
    #[error("{0}")]
    Leader(E),
}

// === impl Election ===

impl Election {
    /// Stands by, lets `leader` lead, and stands by again, until `shutdown`. When this returns, nothing of the leader
    /// acts any more and the Lease is given back.
    ///
    /// # Errors
    /// When this process can never be elected, or the leader gives up.
    pub async fn lead<L: Leader>(
        &self,
        leader: &L,
        shutdown: &CancellationToken,
    ) -> Result<(), LeadError<L::Error>> {
        let mut has_led = false;
        loop {
            let Some(term) = self.stand_by(shutdown).await? else { return Ok(()) };
            let ended = one_term(leader, &term, shutdown).await;
            let was_lost = term.lost().is_cancelled();
            term.resign().await;
            match ended {
                _ if shutdown.is_cancelled() => return Ok(()),
                Ok(()) => has_led = true,
                Err(error) if was_lost => {
                    has_led = true;
                    tracing::info!(lease = self.name(), %error, "the term ended with the lease");
                }
                Err(error) if leader.gives_up(&error, has_led) => {
                    return Err(LeadError::Leader(error));
                }
                Err(error) => {
                    tracing::error!(lease = self.name(), %error, "could not act for the node; standing by again");
                    let rest = tokio::time::sleep(FAILED_PAUSE);
                    shutdown.run_until_cancelled(rest).await;
                }
            }
        }
    }
}

/// Leads until the Lease is lost or `shutdown` comes.
async fn one_term<L: Leader>(
    leader: &L,
    term: &Term,
    shutdown: &CancellationToken,
) -> Result<(), L::Error> {
    let token = shutdown.child_token();
    // However this ends, nothing that was started goes on.
    let _guard = token.clone().drop_guard();
    let losing = async {
        term.lost().cancelled().await;
        token.cancel();
        tokio::time::sleep(TERM_END).await;
    };
    tokio::select! {
        // In order, so that a run in simulated time repeats.
        biased;
        ended = leader.lead(term, &token) => ended,
        () = losing => {
            tracing::warn!("parts of the lost term did not end in time; they are dropped");
            Ok(())
        }
    }
}
