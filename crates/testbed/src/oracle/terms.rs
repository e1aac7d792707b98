//! Who held the election's Lease when, and who changed something meanwhile.

use jiff::{SignedDuration, Timestamp};

use super::judge::LAG;

/// How long a change may be on its way from a process to where it is noted.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_secs(1);

/// Terms of holders, and changes that were asked for.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// When each holder acquired the Lease, oldest first. Holders are process ids.
    held: Vec<(Timestamp, String)>,
    asked: Vec<(Timestamp, String, String)>,
}

// === impl Terms ===

impl Terms {
    /// Somebody holds the Lease since then. Nobody (an empty name) may hold it, too.
    pub fn see_holder(&mut self, acquired: Timestamp, holder: &str) {
        if self.held.last().is_none_or(|(_, last)| last != holder) {
            self.held.push((acquired, holder.to_owned()));
        }
    }

    /// A process asked for a change.
    pub fn see_change(&mut self, at: Timestamp, by: &str, what: String) {
        self.asked.push((at, by.to_owned(), what));
    }

    /// The changes before `seen` that were not their process's to ask for.
    pub fn settle(&mut self, seen: Timestamp) -> Vec<(Timestamp, String)> {
        let ripe = |at: Timestamp| at.checked_add(LAG).is_ok_and(|due| due <= seen);
        let (ready, waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.asked).into_iter().partition(|asked| ripe(asked.0));
        self.asked = waiting;
        let wrong = ready.into_iter().filter_map(|(at, by, what)| {
            let holder = self.holder_until(at).filter(|holder| *holder != by)?;
            Some((at, format!("process {by} asked for {what} while {holder} held the Lease")))
        });
        wrong.collect()
    }

    /// Who has held the Lease for all of the moment that a change at `at` may have taken.
    fn holder_until(&self, at: Timestamp) -> Option<&str> {
        let sent = at.checked_sub(ON_ITS_WAY).unwrap_or(at);
        let last = self.held.iter().rposition(|(acquired, _)| *acquired <= at)?;
        let (acquired, holder) = &self.held[last];
        (*acquired <= sent).then_some(holder.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    #[track_caller]
    fn check(by: &str, millis: i64, wrong: bool) {
        let mut terms = Terms::default();
        terms.see_holder(at(1_000), "7");
        terms.see_holder(at(1_000), "7");
        terms.see_holder(at(20_000), "8");
        terms.see_change(at(millis), by, "DELETE".to_owned());
        assert_eq!(terms.settle(at(millis + 3_999)), []);
        assert_eq!(terms.settle(at(millis + 4_000)).len(), usize::from(wrong), "{by} {millis}");
        assert_eq!(terms.settle(at(millis + 9_000)), []);
    }

    #[test]
    fn who_does_not_hold_the_lease_must_not_change_anything() {
        check("7", 5_000, false);
        check("8", 5_000, true);
        check("8", 30_000, false);
        check("7", 30_000, true);
    }

    #[test]
    fn what_was_on_its_way_when_the_lease_changed_hands_is_forgiven() {
        check("7", 20_900, false);
        check("7", 21_000, true);
        check("8", 20_100, false);
    }

    #[test]
    fn without_a_lease_nobody_can_say() {
        check("9", 500, false);
    }
}
