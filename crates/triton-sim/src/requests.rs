//! The journal of requests: what was asked, and how it was answered.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::Serialize;

use crate::faults::FaultKind;

/// One request that was answered, or whose answer was lost on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestRecord {
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
    /// Status of the answer.
    pub status: u16,
    /// The faults that struck it, in the order they did.
    pub struck: Vec<FaultKind>,
}

/// The last requests, and how many there were of each endpoint.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    records: VecDeque<RequestRecord>,
    counts: BTreeMap<String, u64>,
}

/// Older records are forgotten.
const RECORDS_MAX: usize = 20_000;

// === impl Requests ===

impl Requests {
    pub(crate) fn add(&mut self, record: RequestRecord) {
        *self.counts.entry(record.endpoint.clone()).or_default() += 1;
        if self.records.len() == RECORDS_MAX {
            self.records.pop_front();
        }
        self.records.push_back(record);
    }

    pub(crate) fn records(&self) -> Vec<RequestRecord> {
        self.records.iter().cloned().collect()
    }

    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        self.counts.clone()
    }

    /// Forgets the counts; the records stay.
    pub(crate) fn reset_counts(&mut self) {
        self.counts.clear();
    }
}
