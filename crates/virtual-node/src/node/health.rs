//! From pings to what the Node says of its provider.

/// Pings that must fail in a row before the provider is called out of reach: one lost packet must not keep pods away.
pub const FAILURES_BEFORE_UNREACHABLE: u32 = 2;

/// What is known of the provider's health.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    failures: u32,
    verdict: Verdict,
}

/// What is believed of the provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// It has not been asked often enough to say anything.
    #[default]
    NotYet,
    /// It answers.
    Reachable,
    /// It does not.
    Unreachable {
        /// Why, in the words of the last failure.
        message: String,
    },
}

// === impl Health ===

impl Health {
    /// Takes one ping's outcome in and says whether the verdict changed.
    pub fn observe(&mut self, outcome: Result<(), String>) -> bool {
        let before = self.verdict.clone();
        match outcome {
            Ok(()) => *self = Self { failures: 0, verdict: Verdict::Reachable },
            Err(message) => {
                self.failures = self.failures.saturating_add(1);
                if self.failures >= FAILURES_BEFORE_UNREACHABLE {
                    self.verdict = Verdict::Unreachable { message };
                }
            }
        }
        self.verdict != before
    }

    /// What is believed now.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `.` is a good ping, `x` a failed one; the answer is what is believed after each: `R`eachable, `-` not, `?`.
    #[track_caller]
    fn check(pings: &str, believed: &str) {
        let mut health = Health::default();
        let seen: String = pings
            .chars()
            .map(|ping| {
                health.observe(if ping == '.' { Ok(()) } else { Err("no route".to_owned()) });
                match health.verdict() {
                    Verdict::NotYet => '?',
                    Verdict::Reachable => 'R',
                    Verdict::Unreachable { .. } => '-',
                }
            })
            .collect();
        assert_eq!(seen, believed);
    }

    #[test]
    fn failures_must_come_in_a_row() {
        check(".x.x.x", "RRRRRR");
        check(".xx", "RR-");
        check(".xxxx", "RR---");
    }

    #[test]
    fn one_success_is_enough_to_be_reachable_again() {
        check(".xx.x.xx", "RR-RRRR-");
    }

    #[test]
    fn nothing_is_believed_before_the_first_answer_or_the_second_failure() {
        check("x.", "?R");
        check("xx.", "?-R");
    }

    #[test]
    fn a_new_message_is_a_change() {
        let mut health = Health::default();
        assert!(!health.observe(Err("a".to_owned())));
        assert!(health.observe(Err("a".to_owned())));
        assert!(!health.observe(Err("a".to_owned())));
        assert!(health.observe(Err("b".to_owned())));
        assert!(health.observe(Ok(())));
        assert!(!health.observe(Ok(())));
    }
}
