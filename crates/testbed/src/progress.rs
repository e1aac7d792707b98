//! What a developer sees while they wait.

use std::fmt::Display;
use std::io::Write;

/// Writes one line to stderr. A closed stderr is no reason to stop.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
