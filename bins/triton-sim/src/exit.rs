//! Exit codes, after `sysexits.h`: 0 stopped as asked, 64 usage, 69 an address is not to be had, 74 a file cannot be
//! written, 78 a file or a key is wrong.

use std::io::Write as _;
use std::process::ExitCode;

/// What kind of trouble ends the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The port is in use, or not ours.
    Unavailable,
    /// What should be written cannot be.
    Output,
    /// A file, a key or a flag's value is wrong.
    Config,
}

/// Why the program ends.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    error: anyhow::Error,
}

/// Adds the kind to an error.
pub(crate) trait Classify<T> {
    /// The error as a failure of this kind.
    fn or_fail(self, kind: Kind) -> Result<T, Failure>;
}

/// Wrong usage.
const USAGE: u8 = 64;

// === impl Kind ===

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Unavailable => 69,
            Self::Output => 74,
            Self::Config => 78,
        }
    }
}

impl<T, E: Into<anyhow::Error>> Classify<T> for Result<T, E> {
    fn or_fail(self, kind: Kind) -> Result<T, Failure> {
        self.map_err(|error| Failure { kind, error: error.into() })
    }
}

/// Ends the program: one line on standard error if it failed.
pub(crate) fn code(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { kind, error }) => {
            say(&format!("triton-sim: {error:#}\n"));
            ExitCode::from(kind.code())
        }
    }
}

/// What clap has to say: help and version are no failures.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    // With nowhere to print to, the code alone has to do.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS }
}

fn say(text: &str) {
    // With nowhere to print to, the code alone has to do.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
