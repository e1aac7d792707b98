//! What the oracle has to say at the end, as a table.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::violation::{Invariant, Violation};

/// How often each promise was broken.
#[must_use]
pub fn table(violations: &[Violation]) -> String {
    let mut counts: BTreeMap<Invariant, usize> = BTreeMap::new();
    for violation in violations {
        *counts.entry(violation.invariant).or_default() += 1;
    }
    let mut text = String::new();
    for invariant in Invariant::ALL {
        let count = counts.get(&invariant).copied().unwrap_or_default();
        // Writing to a String cannot fail.
        let name = invariant.to_string();
        let _ = writeln!(text, "{name:<4} {:<52} {count:>4}", invariant.title());
    }
    let _ = writeln!(text, "     {:<52} {:>4}", "violations", violations.len());
    text
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn every_promise_has_a_line_and_the_last_one_is_the_sum() {
        let violation =
            |invariant| Violation { invariant, at: Timestamp::UNIX_EPOCH, what: String::new() };
        let text =
            table(&[violation(Invariant::S2), violation(Invariant::S2), violation(Invariant::L1)]);
        assert_eq!(text.lines().count(), Invariant::ALL.len() + 1);
        assert!(text.lines().any(|line| line.starts_with("S2 ") && line.ends_with(" 2")), "{text}");
        assert!(text.trim_end().ends_with(" 3"), "{text}");
    }
}
