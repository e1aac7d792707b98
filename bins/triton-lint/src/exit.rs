//! Exit codes: 0 nothing is denied, 1 something is, 2 wrong usage or what was asked for cannot be done.

use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Nothing is denied; there may be warnings.
    Clean,
    /// A finding is denied.
    Findings,
    /// Wrong usage, a file that cannot be read, a CloudAPI that does not answer.
    Usage,
}

// === impl Exit ===

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Clean => Self::SUCCESS,
            Exit::Findings => Self::from(1),
            Exit::Usage => Self::from(2),
        }
    }
}
