//! What a task prints.

use std::fmt::Display;
use std::io::Write;

/// Prints one line to stdout. A reader that has gone (`| head`) is no reason to leave a walkthrough half done.
pub(crate) fn print(line: impl Display) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Prints a text of several lines, indented.
pub(crate) fn print_indented(text: &str) {
    for line in text.trim_end().lines() {
        print(format_args!("      {line}").to_string().trim_end());
    }
}
