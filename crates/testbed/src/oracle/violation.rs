//! What the oracle finds.

use std::fmt;

use jiff::Timestamp;

/// A promise, by the name it has in docs/RELIABILITY.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// At most one living instance is ever reported for a pod, and a second one does not stay.
    S1,
    /// Nothing is stopped or deleted that is not ours, or whose pod is there and may stay.
    S2,
    /// No instance of ours without a pod is left.
    S3,
    /// Phases and restart counts only go forward, and a restart has a cause in the cloud.
    S4,
    /// A pod never shows another pod's instance or address.
    S5,
    /// No firewall rule of ours without an owner is left, and no rule of others is touched.
    S6,
    /// A secret is nowhere but where it must be.
    S7,
    /// What is unknown is not taken for gone, and the heart beats.
    S8,
    /// Requests to CloudAPI are bounded.
    S9,
    /// Who has lost the Lease changes nothing.
    S10,
    /// When faults end, what is becomes what is wanted, and stays.
    L1,
}

/// One breach of a promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Of which.
    pub invariant: Invariant,
    /// When it happened.
    pub at: Timestamp,
    /// What happened, with the names and UUIDs it happened to.
    pub what: String,
}

// === impl Invariant ===

impl Invariant {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::S1,
        Self::S2,
        Self::S3,
        Self::S4,
        Self::S5,
        Self::S6,
        Self::S7,
        Self::S8,
        Self::S9,
        Self::S10,
        Self::L1,
    ];

    /// The promise in a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::S1 => "one instance for each pod",
            Self::S2 => "no wrong stop or delete",
            Self::S3 => "no instance left over",
            Self::S4 => "phases and restarts only go forward",
            Self::S5 => "no pod shows another's instance",
            Self::S6 => "firewall rules: none left, none of others touched",
            Self::S7 => "secrets stay where they belong",
            Self::S8 => "unknown is not gone; the heart beats",
            Self::S9 => "requests are bounded",
            Self::S10 => "who lost the Lease changes nothing",
            Self::L1 => "all is as wanted, and stays",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} {}: {}", self.at, self.invariant, self.what)
    }
}
