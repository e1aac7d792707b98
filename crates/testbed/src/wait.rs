//! Waiting for a condition, with a deadline and the last thing that was seen.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What one look found.
#[derive(Debug)]
pub enum Seen<T> {
    /// The condition holds.
    Done(T),
    /// It does not hold yet; the text says what was seen instead.
    NotYet(String),
}

/// Looks until the condition holds.
///
/// A look that fails counts as "not yet": servers that are starting refuse connections.
///
/// # Errors
/// After `limit`, names `what` and what was seen last.
pub async fn until<T, F, Fut>(what: &str, limit: Duration, mut look: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Seen<T>>>,
{
    let deadline = Instant::now() + limit;
    loop {
        // A look that hangs must not outlive the deadline.
        let last = match tokio::time::timeout_at(deadline, look()).await {
            Ok(Ok(Seen::Done(value))) => return Ok(value),
            Ok(Ok(Seen::NotYet(seen))) => seen,
            Ok(Err(error)) => format!("{error:#}"),
            Err(_) => "no answer".to_owned(),
        };
        if Instant::now() + LOOK_EVERY > deadline {
            bail!("waited {} s for {what}; last seen: {last}", limit.as_secs());
        }
        sleep(LOOK_EVERY).await;
    }
}

/// [`Seen::Done`] if it holds, else what was seen.
pub fn seen_if(holds: bool, seen: impl Display) -> Result<Seen<()>> {
    Ok(if holds { Seen::Done(()) } else { Seen::NotYet(seen.to_string()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_returns_as_soon_as_the_condition_holds() {
        let mut looks = 0;
        let value = until("three looks", Duration::from_secs(60), || {
            looks += 1;
            let seen =
                if looks == 3 { Seen::Done(looks) } else { Seen::NotYet("too few".to_owned()) };
            async move { Ok(seen) }
        })
        .await
        .unwrap();
        assert_eq!(value, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_missed_deadline_tells_what_was_seen_last() {
        let error = until("the pod to be Ready", Duration::from_secs(5), || async {
            seen_if(false, "phase Pending")
        })
        .await
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "waited 5 s for the pod to be Ready; last seen: phase Pending"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_hangs_ends_at_the_deadline() {
        let error = until::<(), _, _>("an answer", Duration::from_secs(1), std::future::pending)
            .await
            .unwrap_err();
        assert!(error.to_string().ends_with("last seen: no answer"), "{error}");
    }
}
