//! What an API server does to those who depend on it, by name.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::Instant;

use super::route::{Asked, Resource, Verb};

/// A kind of trouble with the API server or on the way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KubeFault {
    /// Connections are refused, and those that are open are cut.
    Down,
    /// A request waits for two seconds first.
    Slow,
    /// A request is never looked at; after a minute the connection is reset.
    Hang,
    /// 401: the token has expired.
    Unauthorized,
    /// 403: the role was taken away.
    Forbidden,
    /// 429 with Retry-After.
    TooManyRequests,
    /// 500 without anything done.
    InternalError,
    /// A change is refused because an admission webhook does not answer.
    WebhookDown,
    /// A change is refused as if somebody else had been faster.
    Conflict,
    /// A change is made, and its answer is lost.
    AnswerLost,
    /// A list shows what was there ten seconds ago, as from a follower that lags.
    StaleList,
    /// The second page of a list has expired.
    ListExpires,
    /// A watch is cut in the middle of an object.
    WatchCut,
    /// A watch is told that its version is too old, by an event or by the answer's status.
    WatchGone,
    /// A watch ends as if its time were over.
    WatchEnds,
    /// A watch says nothing although things happen.
    WatchStalls,
    /// All versions so far are forgotten.
    Compaction,
}

/// A fault that is set.
#[derive(Clone, Copy, Debug)]
struct Set {
    kind: KubeFault,
    probability: f64,
    until: Instant,
}

/// The faults that are set, and how often each struck.
#[derive(Debug)]
pub(crate) struct Faults {
    set: Vec<Set>,
    struck: BTreeMap<KubeFault, u64>,
    luck: StdRng,
}

// === impl KubeFault ===

impl KubeFault {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Down,
        Self::Slow,
        Self::Hang,
        Self::Unauthorized,
        Self::Forbidden,
        Self::TooManyRequests,
        Self::InternalError,
        Self::WebhookDown,
        Self::Conflict,
        Self::AnswerLost,
        Self::StaleList,
        Self::ListExpires,
        Self::WatchCut,
        Self::WatchGone,
        Self::WatchEnds,
        Self::WatchStalls,
        Self::Compaction,
    ];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Down => "kube-down",
            Self::Slow => "kube-slow",
            Self::Hang => "kube-hang",
            Self::Unauthorized => "kube-401",
            Self::Forbidden => "kube-403",
            Self::TooManyRequests => "kube-429",
            Self::InternalError => "kube-500",
            Self::WebhookDown => "kube-webhook-down",
            Self::Conflict => "kube-conflict",
            Self::AnswerLost => "kube-answer-lost-after-commit",
            Self::StaleList => "kube-stale-list",
            Self::ListExpires => "kube-list-expires",
            Self::WatchCut => "kube-watch-cut",
            Self::WatchGone => "kube-watch-gone",
            Self::WatchEnds => "kube-watch-ends",
            Self::WatchStalls => "kube-watch-stalls",
            Self::Compaction => "kube-compaction",
        }
    }

    /// Whether it can strike such a request at all.
    fn concerns(self, asked: &Asked) -> bool {
        match self {
            Self::Down
            | Self::Slow
            | Self::Hang
            | Self::Unauthorized
            | Self::TooManyRequests
            | Self::InternalError => true,
            // Roles name what they forbid; the node's own lease is in another one.
            Self::Forbidden => asked.resource != Resource::Leases,
            Self::WebhookDown | Self::AnswerLost => asked.verb.is_change(),
            Self::Conflict => matches!(asked.verb, Verb::Update | Verb::Patch | Verb::Delete),
            Self::StaleList => asked.verb == Verb::List,
            Self::ListExpires => asked.verb == Verb::List && asked.query.contains_key("continue"),
            Self::WatchCut
            | Self::WatchGone
            | Self::WatchEnds
            | Self::WatchStalls
            | Self::Compaction => asked.verb == Verb::Watch,
        }
    }
}

// === impl Faults ===

impl Faults {
    pub(crate) fn new(seed: u64) -> Self {
        Self { set: Vec::new(), struck: BTreeMap::new(), luck: StdRng::seed_from_u64(seed) }
    }

    pub(crate) fn set(&mut self, kind: KubeFault, probability: f64, until: Instant) {
        self.set.retain(|set| set.kind != kind);
        self.set.push(Set { kind, probability, until });
    }

    pub(crate) fn clear(&mut self) {
        self.set.clear();
    }

    /// Whether a fault of this kind strikes now.
    pub(crate) fn strikes(&mut self, kind: KubeFault, asked: &Asked, now: Instant) -> bool {
        if !kind.concerns(asked) {
            return false;
        }
        let Some(set) = self.set.iter().find(|set| set.kind == kind && now < set.until) else {
            return false;
        };
        let strikes = set.probability >= 1.0 || self.luck.random_bool(set.probability);
        if strikes {
            *self.struck.entry(kind).or_default() += 1;
        }
        strikes
    }

    pub(crate) fn struck(&self) -> &BTreeMap<KubeFault, u64> {
        &self.struck
    }
}
