//! From pings to the Ready condition.

/// Pings that must fail in a row before the node is called not ready: one lost packet must not make
/// the node controller mark every pod of the node unready.
pub const FAILURES_BEFORE_NOT_READY: u32 = 2;

/// The reason of `Ready=False`.
pub const PROVIDER_UNAVAILABLE: &str = "ProviderUnavailable";

/// What is known of the provider's health.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    failures: u32,
    /// The last failure's message, once there were enough of them.
    trouble: Option<String>,
}

// === impl Health ===

impl Health {
    /// Takes one ping's outcome in and says whether the verdict changed.
    pub fn observe(&mut self, outcome: Result<(), String>) -> bool {
        let before = self.trouble.clone();
        match outcome {
            Ok(()) => *self = Self::default(),
            Err(message) => {
                self.failures = self.failures.saturating_add(1);
                if self.failures >= FAILURES_BEFORE_NOT_READY {
                    self.trouble = Some(message);
                }
            }
        }
        self.trouble != before
    }

    /// Why the node is not ready; `None` when it is.
    #[must_use]
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `.` is a good ping, `x` a failed one; the answer is whether the node is ready after each.
    #[track_caller]
    fn check(pings: &str, ready: &str) {
        let mut health = Health::default();
        let seen: String = pings
            .chars()
            .map(|ping| {
                health.observe(if ping == '.' { Ok(()) } else { Err("no route".to_owned()) });
                if health.trouble().is_none() { 'R' } else { '-' }
            })
            .collect();
        assert_eq!(seen, ready);
    }

    #[test]
    fn failures_must_come_in_a_row() {
        check("x.x.x", "RRRRR");
        check("xx", "R-");
        check("xxxx", "R---");
    }

    #[test]
    fn one_success_is_enough_to_be_ready_again() {
        check("xx.x.xx", "R-RRRR-");
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
