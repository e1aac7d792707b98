//! When a fault strikes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When a fault strikes. The default is: always, at every endpoint it can.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// How likely each time, from 0 to 1.
    pub probability: f64,
    /// How often at most; `None` is without end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// How many calls are let through first: 4 strikes at the fifth.
    pub after_calls: u32,
    /// Only at this endpoint, by CloudAPI's name (`ListMachines`), in any letter case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Only when this account calls, by login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Begins this long after it was set; in milliseconds on the wire.
    #[serde(rename = "at_ms", with = "millis", skip_serializing_if = "Option::is_none")]
    pub at: Option<Duration>,
    /// Wears off this long after it began; in milliseconds on the wire.
    #[serde(rename = "duration_ms", with = "millis", skip_serializing_if = "Option::is_none")]
    pub duration: Option<Duration>,
    /// For kinds that take a time; in milliseconds on the wire.
    #[serde(rename = "delay_ms", with = "millis", skip_serializing_if = "Option::is_none")]
    pub delay: Option<Duration>,
    /// For kinds that take a size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

// === impl Fault ===

impl Default for Fault {
    fn default() -> Self {
        Self {
            probability: 1.0,
            times: None,
            after_calls: 0,
            endpoint: None,
            account: None,
            at: None,
            duration: None,
            delay: None,
            size: None,
        }
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

    /// Strikes only when this account calls.
    #[must_use]
    pub fn account(mut self, login: impl Into<String>) -> Self {
        self.account = Some(login.into());
        self
    }

    /// Begins this long after it was set.
    #[must_use]
    pub fn at(mut self, at: Duration) -> Self {
        self.at = Some(at);
        self
    }

    /// Wears off this long after it began.
    #[must_use]
    pub fn duration(mut self, duration: Duration) -> Self {
        self.duration = Some(duration);
        self
    }

    /// For kinds that take a time.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// For kinds that take a size.
    #[must_use]
    pub fn size(mut self, size: u64) -> Self {
        self.size = Some(size);
        self
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
