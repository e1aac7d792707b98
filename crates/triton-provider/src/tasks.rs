//! The provider's own tasks. None of them ends before its term does; one that ends by a bug takes the term with it.

use tokio_util::sync::CancellationToken;

/// Runs a task until `term` ends. If it ends before, by itself or by a panic, the term ends too: whoever holds the Lease
/// then begins anew with all tasks, and a provider that has lost its eyes or its memory does not go on.
pub(crate) fn keep(
    name: &'static str,
    term: CancellationToken,
    task: impl Future<Output = ()> + Send + 'static,
) {
    let ending = term.clone();
    let task = tokio::spawn(async move { term.run_until_cancelled(task).await.is_none() });
    tokio::spawn(async move {
        let ended = task.await;
        if !matches!(ended, Ok(true)) && !ending.is_cancelled() {
            let panicked = ended.is_err();
            tracing::error!(task = name, panicked, "a task has ended by itself; beginning anew");
            ending.cancel();
        }
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_or_returns_takes_the_term_with_it() {
        let tasks: [fn(); 2] = [|| {}, || panic!("a bug")];
        for ends in tasks {
            let term = CancellationToken::new();
            keep("test", term.clone(), async move {
                tokio::task::yield_now().await;
                ends();
            });
            tokio::time::timeout(Duration::from_secs(1), term.cancelled()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_task_ends_with_its_term() {
        let term = CancellationToken::new();
        let (held, dropped) = tokio::sync::oneshot::channel::<()>();
        keep("test", term.clone(), async move {
            let _held = held;
            std::future::pending().await
        });
        term.cancel();
        assert!(dropped.await.is_err(), "what the task held is let go");
    }
}
