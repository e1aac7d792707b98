//! How lists of instances lie.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::Call;
use crate::clock::until;
use crate::faults::FaultKind;
use crate::world::Instance;

/// What faults do to one page of ListMachines.
#[derive(Debug, Default)]
pub(super) struct ListFaults {
    /// The page begins here.
    pub(super) offset: u64,
    /// The moment that is shown; `None` is now.
    pub(super) moment: Option<Timestamp>,
    hidden_age: Duration,
    is_empty: bool,
    is_short: bool,
    is_shuffled: bool,
    are_unknown: bool,
}

// === impl ListFaults ===

impl ListFaults {
    /// Asks the faults about the page that begins at `offset`.
    pub(super) fn of(call: &mut Call<'_>, offset: u64) -> Self {
        if call.faults.is_empty() {
            return Self { offset, ..Self::default() };
        }
        let mut faults = Self {
            offset,
            is_short: call.strikes(FaultKind::ListShort).is_some(),
            is_empty: call.strikes(FaultKind::ListEmpty).is_some(),
            is_shuffled: call.strikes(FaultKind::ListShuffled).is_some(),
            are_unknown: call.strikes(FaultKind::StatesUnknown).is_some(),
            hidden_age: call.strikes(FaultKind::ListHidesNew).map_or(Duration::ZERO, |s| s.delay),
            moment: stale_moment(call),
        };
        if offset > 0 {
            faults.is_empty |= call.strikes(FaultKind::ListLosesPage).is_some();
            faults.offset += u64::from(call.strikes(FaultKind::ListSkipsOne).is_some());
            faults.offset -= u64::from(call.strikes(FaultKind::ListRepeatsOne).is_some());
        }
        faults
    }

    /// Whether an instance that should be listed is.
    pub(super) fn shows(&self, instance: &Instance, now: Timestamp) -> bool {
        !self.is_empty && until(instance.created, now) >= self.hidden_age
    }

    /// Leaves out and reorders.
    pub(super) fn distort(&self, page: &mut Vec<Value>, call: &mut Call<'_>) {
        if self.is_short {
            let mut index = 0;
            page.retain(|_| {
                index += 1;
                index % 2 == 1
            });
        }
        if self.are_unknown {
            page.iter_mut().for_each(make_unknown);
        }
        if self.is_shuffled {
            for last in (1..page.len()).rev() {
                page.swap(last, call.faults.draw(last + 1));
            }
        }
    }
}

/// A state that says nothing.
pub(super) fn make_unknown(instance: &mut Value) {
    instance["state"] = "unknown".into();
}

/// The moment that reads of instances show, when they lag.
pub(super) fn stale_moment(call: &mut Call<'_>) -> Option<Timestamp> {
    let strike = call.strikes(FaultKind::StaleReads)?;
    call.now.checked_sub(strike.delay).ok()
}
