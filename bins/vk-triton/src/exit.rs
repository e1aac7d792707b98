//! Exit codes, after `sysexits.h`: 0 stopped as asked, 64 usage, 69 Kubernetes refuses us, 70 a bug, 78 the
//! configuration is wrong. A command ends with 1 when something is left to do.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

/// A command has found something to do that it was not told to do, or could not.
const SOMETHING_LEFT: u8 = 1;

/// Wrong usage.
const USAGE: u8 = 64;

/// Why the program ends, and with which code.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    error: anyhow::Error,
}

/// Kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A service that is needed to begin cannot be reached.
    Unavailable,
    /// What was asked for cannot be done as it was asked for.
    Usage,
    /// Our own fault.
    Bug,
    /// File, environment, flags or credentials are wrong.
    Config,
}

/// Result of the program.
pub(crate) type Outcome<T> = Result<T, Failure>;

/// How a command ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// There was nothing to do, or all of it is done.
    Nothing,
    /// Something is left to do.
    Something,
}

/// Adds the kind to an error.
pub(crate) trait Classify<T> {
    /// The error as a failure of this kind.
    fn or_fail(self, kind: Kind) -> Outcome<T>;
}

// === impl Failure ===

impl Failure {
    pub(crate) fn new(kind: Kind, error: impl Into<anyhow::Error>) -> Self {
        Self { kind, error: error.into() }
    }

    /// Our own fault?
    pub(crate) fn is_bug(&self) -> bool {
        self.kind == Kind::Bug
    }

    /// A service that is needed to begin is out of reach?
    pub(crate) fn is_unavailable(&self) -> bool {
        self.kind == Kind::Unavailable
    }

    /// The error of this type among its causes.
    pub(crate) fn cause<E: std::error::Error + Send + Sync + 'static>(&self) -> Option<&E> {
        self.error.downcast_ref()
    }

    /// The same failure, and which node it is about.
    pub(crate) fn about(self, node: &str) -> Self {
        let Self { kind, error } = self;
        Self { kind, error: error.context(format!("node {node}")) }
    }

    pub(crate) fn config(error: impl Into<anyhow::Error>) -> Self {
        Self::new(Kind::Config, error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&triton_provider::observer::chain(self.error.as_ref()))
    }
}

impl<T, E: Into<anyhow::Error>> Classify<T> for Result<T, E> {
    fn or_fail(self, kind: Kind) -> Outcome<T> {
        self.map_err(|error| Failure { kind, error: error.into() })
    }
}

// === impl Kind ===

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Usage => USAGE,
            Self::Unavailable => 69,
            Self::Bug => 70,
            Self::Config => 78,
        }
    }
}

/// Ends the program: one line on stderr if it failed.
pub(crate) fn code(outcome: Outcome<Left>) -> ExitCode {
    match outcome {
        Ok(Left::Nothing) => ExitCode::SUCCESS,
        Ok(Left::Something) => ExitCode::from(SOMETHING_LEFT),
        Err(failure) => {
            say(&format!("vk-triton: {failure}"));
            ExitCode::from(failure.kind.code())
        }
    }
}

/// Ends the program for what clap found: help and version are no errors.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    // Nobody is left to tell when the terminal is gone.
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS }
}

fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
