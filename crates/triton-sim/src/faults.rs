//! Scripted trouble: which faults are set, and when they strike.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::{Deserialize, Serialize};

/// A kind of trouble. On the control API it goes by its kebab-case name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FaultKind {
    /// HAProxy answers 503 for everything: no CloudAPI process is there.
    Outage,
    /// The request is not carried out, and HAProxy gives up after 120 s with 503.
    Hang,
    /// The request is carried out after [`Fault::delay`] (default 5 s).
    Slow,
    /// CreateMachine is carried out and the connection is reset before the answer.
    CreateAnswerLostAfterCommit,
    /// CreateMachine is carried out and answers 500.
    #[serde(rename = "create-500-after-commit")]
    Create500AfterCommit,
    /// CreateMachine answers 201, and provisioning ends in `failed`.
    CreateAcceptedThenFailed,
    /// CreateMachine answers 201, and provisioning never ends.
    StuckProvisioning,
    /// 429 TooManyRequestsError, whatever the real rate.
    #[serde(rename = "429")]
    TooManyRequests,
    /// 500 InternalError; the request is not carried out.
    #[serde(rename = "500")]
    InternalError,
    /// ListMachines leaves out every second instance.
    ListShort,
    /// ListMachines is empty.
    ListEmpty,
    /// ListMachines leaves out instances younger than [`Fault::delay`] (default 5 s).
    ListHidesNew,
    /// DeleteMachine answers 204, and the instance never goes away.
    DeleteNeverCompletes,
}

/// When a fault strikes. The default is: always, at every endpoint it can.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// How likely each time, from 0 to 1.
    pub probability: f64,
    /// How often at most; `None` is without end.
    pub times: Option<u32>,
    /// How many calls are let through first.
    pub after_calls: u32,
    /// Only at this endpoint, by CloudAPI's name (`ListMachines`), in any letter case.
    pub endpoint: Option<String>,
    /// For kinds that take a time, in milliseconds on the wire.
    #[serde(rename = "delay_ms", with = "millis")]
    pub delay: Option<Duration>,
}

/// A name that is no fault's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a fault: the faults are {}", FaultKind::ALL.map(FaultKind::as_str).join(", "))]
pub struct UnknownFault {
    /// What was asked for.
    pub name: String,
}

/// The faults that are set.
#[derive(Debug)]
pub(crate) struct Faults {
    set: BTreeMap<FaultKind, Fault>,
    random: StdRng,
}

const DELAY_DEFAULT: Duration = Duration::from_secs(5);

// === impl FaultKind ===

impl FaultKind {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Outage,
        Self::Hang,
        Self::Slow,
        Self::CreateAnswerLostAfterCommit,
        Self::Create500AfterCommit,
        Self::CreateAcceptedThenFailed,
        Self::StuckProvisioning,
        Self::TooManyRequests,
        Self::InternalError,
        Self::ListShort,
        Self::ListEmpty,
        Self::ListHidesNew,
        Self::DeleteNeverCompletes,
    ];

    /// The name on the control API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Outage => "outage",
            Self::Hang => "hang",
            Self::Slow => "slow",
            Self::CreateAnswerLostAfterCommit => "create-answer-lost-after-commit",
            Self::Create500AfterCommit => "create-500-after-commit",
            Self::CreateAcceptedThenFailed => "create-accepted-then-failed",
            Self::StuckProvisioning => "stuck-provisioning",
            Self::TooManyRequests => "429",
            Self::InternalError => "500",
            Self::ListShort => "list-short",
            Self::ListEmpty => "list-empty",
            Self::ListHidesNew => "list-hides-new",
            Self::DeleteNeverCompletes => "delete-never-completes",
        }
    }
}

impl FromStr for FaultKind {
    type Err = UnknownFault;

    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == name);
        found.ok_or_else(|| UnknownFault { name: name.to_owned() })
    }
}

// === impl Fault ===

impl Default for Fault {
    fn default() -> Self {
        Self { probability: 1.0, times: None, after_calls: 0, endpoint: None, delay: None }
    }
}

impl Fault {
    /// Strikes this often and no more.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Lets this many calls through first.
    #[must_use]
    pub fn after_calls(mut self, calls: u32) -> Self {
        self.after_calls = calls;
        self
    }

    /// Strikes with this probability, from 0 to 1.
    #[must_use]
    pub fn probability(mut self, probability: f64) -> Self {
        self.probability = probability;
        self
    }

    /// Strikes only at this endpoint.
    #[must_use]
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }

    /// For kinds that take a time.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }
}

// === impl Faults ===

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self { set: BTreeMap::new(), random: StdRng::seed_from_u64(seed) }
    }

    pub(crate) fn set(&mut self, kind: FaultKind, fault: Fault) {
        self.set.insert(kind, fault);
    }

    /// Takes a fault away; says whether it was there.
    pub(crate) fn clear(&mut self, kind: FaultKind) -> bool {
        self.set.remove(&kind).is_some()
    }

    pub(crate) fn clear_all(&mut self) {
        self.set.clear();
    }

    /// The faults that are set, by name.
    pub(crate) fn all(&self) -> BTreeMap<&'static str, Fault> {
        self.set.iter().map(|(kind, fault)| (kind.as_str(), fault.clone())).collect()
    }

    /// Whether this fault strikes now, and with which delay. Each asking counts as one call.
    pub(crate) fn strikes(&mut self, kind: FaultKind, endpoint: &str) -> Option<Duration> {
        let fault = self.set.get_mut(&kind)?;
        if fault.endpoint.as_ref().is_some_and(|wanted| !wanted.eq_ignore_ascii_case(endpoint)) {
            return None;
        }
        if fault.after_calls > 0 {
            fault.after_calls -= 1;
            return None;
        }
        if fault.times == Some(0) || self.random.random::<f64>() >= fault.probability {
            return None;
        }
        fault.times = fault.times.map(|times| times - 1);
        Some(fault.delay.unwrap_or(DELAY_DEFAULT))
    }
}

/// `Option<Duration>` as a number of milliseconds.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(
        delay: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        delay
            .map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX))
            .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `x` strikes, `.` does not, one mark a call.
    #[track_caller]
    fn check(fault: Fault, endpoint: &str, expected: &str) {
        let mut faults = Faults::new(1);
        faults.set(FaultKind::InternalError, fault);
        let marks =
            expected.chars().map(|_| match faults.strikes(FaultKind::InternalError, endpoint) {
                Some(_) => 'x',
                None => '.',
            });
        assert_eq!(marks.collect::<String>(), expected);
    }

    #[test]
    fn a_fault_strikes_as_it_was_told() {
        check(Fault::default(), "ListMachines", "xxxx");
        check(Fault::default().times(2), "ListMachines", "xx..");
        check(Fault::default().after_calls(2).times(1), "ListMachines", "..x.");
        check(Fault::default().endpoint("listmachines"), "ListMachines", "xx");
        check(Fault::default().endpoint("GetMachine"), "ListMachines", "..");
        check(Fault::default().probability(0.0), "ListMachines", "....");
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for kind in FaultKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert!("outrage".parse::<FaultKind>().unwrap_err().to_string().contains("outage"));
    }
}
