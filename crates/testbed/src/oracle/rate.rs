//! How many requests of one kind each process sends in ten seconds.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

/// Over this time requests are counted.
const WINDOW: SignedDuration = SignedDuration::from_secs(10);
/// A bucket of 30 that was full, and 10 a second; a tenth on top for what a line may bunch up.
const MOST: usize = (30 + 10 * 10) * 11 / 10;

/// Requests of the last ten seconds, by process and kind.
#[derive(Clone, Debug, Default)]
pub struct Rates {
    sent: BTreeMap<String, VecDeque<Timestamp>>,
    most: usize,
}

// === impl Rates ===

impl Rates {
    /// A process sent a request. Says so when there were too many, once until there are few again.
    pub fn see_request(&mut self, at: Timestamp, by: &str) -> Option<String> {
        let sent = self.sent.entry(by.to_owned()).or_default();
        sent.push_back(at);
        while sent.front().is_some_and(|first| at.duration_since(*first) > WINDOW) {
            sent.pop_front();
        }
        self.most = self.most.max(sent.len());
        (sent.len() == MOST + 1)
            .then(|| format!("process {by} sent {} requests in 10 s", sent.len()))
    }

    /// The most requests of one process in ten seconds.
    #[must_use]
    pub fn most(&self) -> usize {
        self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(millis_between: i64, count: i64) -> (usize, usize) {
        let mut rates = Rates::default();
        let at = |request| Timestamp::from_millisecond(request * millis_between).unwrap();
        let said = (0..count).filter_map(|request| rates.see_request(at(request), "7")).count();
        (said, rates.most())
    }

    #[test]
    fn ten_a_second_are_fine_and_twenty_are_not() {
        assert_eq!(sent(100, 1_000), (0, 101));
        assert_eq!(sent(0, 130), (0, 130));
        assert_eq!(sent(50, 1_000), (1, 201));
    }

    #[test]
    fn each_process_has_its_own_bucket() {
        let mut rates = Rates::default();
        for request in 0..200 {
            let by = (request % 2).to_string();
            assert_eq!(rates.see_request(Timestamp::UNIX_EPOCH, &by), None);
        }
    }
}
