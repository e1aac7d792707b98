//! The journal of requests: what was asked, and how it was answered.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::faults::FaultKind;

/// One request that was answered, or whose answer was lost on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestRecord {
    /// Counts up by one, from 1.
    pub seq: u64,
    /// When it arrived, by the simulator's clock.
    pub at: Timestamp,
    /// HTTP method.
    pub method: String,
    /// Path as it came.
    pub path: String,
    /// Query as it came, if there was one.
    pub query: Option<String>,
    /// CloudAPI's name for the endpoint, for example `ListMachines`; empty for an unknown path.
    pub endpoint: String,
    /// Login of the caller, once known.
    pub account: Option<String>,
    /// Status of the answer, or that it would have had if it had not been lost; 0 if the request was not looked at.
    pub status: u16,
    /// The faults that struck it, in the order they did.
    pub struck: Vec<FaultKind>,
}

/// Which requests are wanted; the default is all that are remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestQuery {
    /// Only those with a greater [`RequestRecord::seq`].
    pub since: u64,
    /// Only of this endpoint, in any letter case.
    pub endpoint: Option<String>,
    /// Only with this status.
    pub status: Option<u16>,
    /// Only of this account, by login.
    pub account: Option<String>,
    /// Only those that this fault struck.
    pub struck: Option<FaultKind>,
}

/// The last requests, and how many there were of each endpoint.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    records: VecDeque<RequestRecord>,
    last: u64,
    /// How many there were in each of the last seconds that had any.
    seconds: VecDeque<(i64, u32)>,
    counts: BTreeMap<String, u64>,
}

/// Older records are forgotten.
const RECORDS_MAX: usize = 20_000;
/// For so many seconds it is known how many requests there were.
pub(crate) const RATE_SECONDS: i64 = 60;

// === impl RequestQuery ===

impl RequestQuery {
    fn wants(&self, record: &RequestRecord) -> bool {
        let endpoint = |wanted: &String| wanted.eq_ignore_ascii_case(&record.endpoint);
        self.endpoint.as_ref().is_none_or(endpoint)
            && self.status.is_none_or(|status| status == record.status)
            && self.struck.is_none_or(|kind| record.struck.contains(&kind))
            && self.account.as_ref().is_none_or(|login| Some(login) == record.account.as_ref())
    }
}

// === impl Requests ===

impl Requests {
    /// Writes a record down, under the next number.
    pub(crate) fn add(&mut self, mut record: RequestRecord) {
        self.last += 1;
        record.seq = self.last;
        self.count_second(record.at.as_second());
        match self.counts.get_mut(&record.endpoint) {
            Some(count) => *count += 1,
            None => drop(self.counts.insert(record.endpoint.clone(), 1)),
        }
        if self.records.len() == RECORDS_MAX {
            self.records.pop_front();
        }
        self.records.push_back(record);
    }

    pub(crate) fn records(&self) -> Vec<RequestRecord> {
        self.records.iter().cloned().collect()
    }

    /// Those that are asked for, oldest first.
    pub(crate) fn query<'a>(
        &'a self,
        query: &'a RequestQuery,
    ) -> impl Iterator<Item = &'a RequestRecord> {
        self.since(query.since).filter(|record| query.wants(record))
    }

    /// Those with a greater number, oldest first.
    pub(crate) fn since(&self, since: u64) -> impl Iterator<Item = &RequestRecord> {
        let first = self.records.partition_point(|record| record.seq <= since);
        self.records.range(first..)
    }

    /// The number of the last one; 0 when there is none.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// How many arrived in each of the last [`RATE_SECONDS`], the present one last.
    pub(crate) fn rate(&self, now: Timestamp) -> Vec<u32> {
        let first = now.as_second() + 1 - RATE_SECONDS;
        let mut rate = vec![0; usize::try_from(RATE_SECONDS).unwrap_or(0)];
        for (second, count) in &self.seconds {
            let bar = usize::try_from(second - first).ok().and_then(|index| rate.get_mut(index));
            if let Some(bar) = bar {
                *bar += count;
            }
        }
        rate
    }

    /// Requests are written down when they are answered, so one may belong to a second before the last.
    fn count_second(&mut self, second: i64) {
        match self.seconds.iter_mut().rev().find(|(known, _)| *known == second) {
            Some((_, count)) => *count += 1,
            None => self.seconds.push_back((second, 1)),
        }
        while i64::try_from(self.seconds.len()).unwrap_or(i64::MAX) > RATE_SECONDS {
            self.seconds.pop_front();
        }
    }

    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        self.counts.clone()
    }

    /// Forgets the counts; the records stay.
    pub(crate) fn reset_counts(&mut self) {
        self.counts.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> RequestRecord {
        RequestRecord {
            seq: 0,
            at: Timestamp::from_second(second).unwrap(),
            method: String::new(),
            path: String::new(),
            query: None,
            endpoint: "ListMachines".to_owned(),
            account: None,
            status: 200,
            struck: Vec::new(),
        }
    }

    #[test]
    fn the_rate_is_that_of_the_last_minute() {
        let mut requests = Requests::default();
        for second in [100, 159, 160, 159, 100, 160] {
            requests.add(at(second));
        }
        let rate = requests.rate(Timestamp::from_second(160).unwrap());
        assert_eq!((rate.len(), &rate[57..]), (60, &[0, 2, 2][..]));
        assert_eq!(rate.iter().sum::<u32>(), 4, "what is older is not in it");
        assert_eq!(requests.since(4).count(), 2);
    }
}
