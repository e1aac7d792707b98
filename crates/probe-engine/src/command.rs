//! Commands that are run inside a target, by whoever can get in there.

use std::fmt;
use std::time::Duration;

use futures::future::BoxFuture;

use crate::prober::Outcome;

/// How much of a command's output is kept (the kubelet's `maxReadLength`).
pub const MAX_OUTPUT: usize = 10 * 1024;

/// Runs commands inside targets, over SSH for example.
///
/// An implementation keeps to `timeout` by itself and must be cancel-safe.
pub trait Commands: Send + Sync {
    /// Runs `command`, program and arguments without a shell, in the target of this name, and waits for its end.
    ///
    /// # Errors
    /// When it did not end in time, or could not be run, or not to its end. That it ended with another code than 0 is no
    /// error.
    fn run(
        &self,
        target: &str,
        command: &[String],
        timeout: Duration,
    ) -> impl Future<Output = Result<Ran, CommandError>> + Send;
}

/// A command that ended by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// How it ended; 128 and more for a signal.
    pub exit_code: i32,
    /// What it wrote to both of its outputs, as it came. More than [`MAX_OUTPUT`] is cut off.
    pub output: Vec<u8>,
}

/// Why nothing is known of how a command ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// It took longer than it may: this counts as a failure.
    #[error("command did not end within {0:?}")]
    Timeout(Duration),
    /// It could not be run, or not to its end: this counts neither way.
    #[error("{0}")]
    Failed(String),
}

/// Nobody can run commands: what asks for one is told so, and never succeeds.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCommands;

/// [`Commands`] of any type.
pub(crate) trait AnyCommands: Send + Sync {
    fn run_any<'a>(
        &'a self,
        target: &'a str,
        command: &'a [String],
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Ran, CommandError>>;
}

/// Runs a command as a question.
pub(crate) async fn ask(
    commands: &dyn AnyCommands,
    target: &str,
    command: &[String],
    timeout: Duration,
) -> Outcome {
    match commands.run_any(target, command, timeout).await {
        Ok(Ran { exit_code, output }) => {
            let output = text(&output);
            if exit_code == 0 { Outcome::Success(output) } else { Outcome::Failure(output) }
        }
        Err(error @ CommandError::Timeout(_)) => Outcome::Failure(error.to_string()),
        Err(error @ CommandError::Failed(_)) => Outcome::Unknown(error.to_string()),
    }
}

/// What is kept of an output, as text.
pub(crate) fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(&output[..output.len().min(MAX_OUTPUT)]).into_owned()
}

// === impl NoCommands ===

impl Commands for NoCommands {
    async fn run(
        &self,
        _target: &str,
        _command: &[String],
        _timeout: Duration,
    ) -> Result<Ran, CommandError> {
        Err(CommandError::Failed("commands cannot be run here".to_owned()))
    }
}

// === impl AnyCommands ===

impl<C: Commands> AnyCommands for C {
    fn run_any<'a>(
        &'a self,
        target: &'a str,
        command: &'a [String],
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Ran, CommandError>> {
        Box::pin(self.run(target, command, timeout))
    }
}

impl fmt::Debug for dyn AnyCommands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Commands")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers with what it holds, if it is asked for what is expected.
    struct Script(Result<Ran, CommandError>);

    impl Commands for Script {
        async fn run(
            &self,
            target: &str,
            command: &[String],
            timeout: Duration,
        ) -> Result<Ran, CommandError> {
            assert_eq!((target, timeout), ("a", Duration::from_secs(1)));
            assert_eq!(command, ["/bin/bash", "-c", "some script"], "the words are left alone");
            self.0.clone()
        }
    }

    async fn check(answer: Result<Ran, CommandError>, expected: &Outcome) {
        let command = ["/bin/bash", "-c", "some script"].map(str::to_owned);
        let script = Script(answer);
        let asked = ask(&script, "a", &command, Duration::from_secs(1));
        assert_eq!(asked.await, *expected);
    }

    fn ran(exit_code: i32, output: &str) -> Result<Ran, CommandError> {
        Ok(Ran { exit_code, output: output.into() })
    }

    /// Rows of the kubelet's `exec_test.go`.
    #[tokio::test]
    async fn only_what_ends_with_0_in_time_is_success_and_what_could_not_be_run_counts_neither_way()
    {
        check(ran(0, "OK"), &Outcome::Success("OK".into())).await;
        check(ran(1, "Fail"), &Outcome::Failure("Fail".into())).await;
        check(ran(137, ""), &Outcome::Failure(String::new())).await;
        let late = CommandError::Timeout(Duration::from_secs(1));
        check(Err(late), &Outcome::Failure("command did not end within 1s".into())).await;
        let broken = CommandError::Failed("no route to host".into());
        check(Err(broken), &Outcome::Unknown("no route to host".into())).await;
    }

    #[tokio::test]
    async fn output_is_cut_at_10_kib() {
        let long = "x".repeat(MAX_OUTPUT + 1);
        check(ran(0, &long), &Outcome::Success(long[..MAX_OUTPUT].into())).await;
    }

    #[tokio::test]
    async fn where_nobody_can_run_commands_none_succeeds() {
        let command = ["true".to_owned()];
        let outcome = ask(&NoCommands, "a", &command, Duration::from_secs(1)).await;
        assert_eq!(outcome, Outcome::Unknown("commands cannot be run here".into()));
    }
}
