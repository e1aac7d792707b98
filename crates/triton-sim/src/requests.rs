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
    counts: BTreeMap<String, u64>,
}

/// Older records are forgotten.
const RECORDS_MAX: usize = 20_000;

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
        let first = self.records.partition_point(|record| record.seq <= query.since);
        self.records.range(first..).filter(|record| query.wants(record))
    }

    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        self.counts.clone()
    }

    /// Forgets the counts; the records stay.
    pub(crate) fn reset_counts(&mut self) {
        self.counts.clear();
    }
}
