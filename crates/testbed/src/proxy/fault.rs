//! What a proxy does to what passes through it, by name.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Error, Result};

use super::requests::RequestHead;
use crate::luck::Luck;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client to the server.
    Request,
    /// From the server to the client.
    Answer,
}

/// Which requests are meant, where the proxy understands them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// `POST /ACCOUNT/machines`: what a second one of makes a twin.
    Creates,
    /// Whatever is neither GET nor HEAD.
    Changes,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Effect {
    /// Nothing listens, and what was connected is reset.
    Refuse,
    /// A connection is accepted and reset.
    ResetOnAccept,
    /// Bytes are taken and vanish, one way or both; such a connection is reset when the fault ends.
    Swallow(Option<Way>),
    /// The first bytes each way wait, then everything goes on.
    Stall(Duration),
    /// The connection is reset after so many bytes of one way at most.
    Reset {
        /// Of which way.
        way: Way,
        /// Bytes; how many it really is, luck says.
        within: u64,
    },
    /// The client is told that the answer is over after so many bytes at most; the connection stays open.
    HalfClose {
        /// Bytes.
        within: u64,
    },
    /// So many bytes in a second, each way.
    Throttle {
        /// Bytes.
        bytes_per_second: u64,
    },
    /// Every piece is late.
    Delay {
        /// By at least this.
        by: Duration,
        /// And at most this on top.
        jitter: Duration,
    },
    /// The request is passed on and carried out; instead of the answer the client gets a reset.
    LoseAnswer(Which),
    /// The request waits, and is passed on then, even if the client has gone in the meantime.
    Late {
        /// Which requests.
        which: Which,
        /// How long at most.
        by: Duration,
    },
}

/// An effect, and how often it strikes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProxyFault {
    /// What happens.
    pub effect: Effect,
    /// To which share of the connections, or of the requests where the effect is about those.
    pub probability: f64,
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Every effect with the name it goes by.
pub const EFFECTS: &[(&str, Effect)] = &[
    ("refuse", Effect::Refuse),
    ("reset-on-accept", Effect::ResetOnAccept),
    ("blackhole", Effect::Swallow(None)),
    ("swallow-requests", Effect::Swallow(Some(Way::Request))),
    ("swallow-answers", Effect::Swallow(Some(Way::Answer))),
    ("stall", Effect::Stall(millis(7_000))),
    ("reset-request", Effect::Reset { way: Way::Request, within: 2_000 }),
    ("reset-answer", Effect::Reset { way: Way::Answer, within: 4_000 }),
    ("half-close", Effect::HalfClose { within: 2_000 }),
    ("throttle", Effect::Throttle { bytes_per_second: 4_000 }),
    ("delay", Effect::Delay { by: millis(200), jitter: millis(800) }),
    ("lose-answers-of-creates", Effect::LoseAnswer(Which::Creates)),
    ("lose-answers-of-changes", Effect::LoseAnswer(Which::Changes)),
    ("late-creates", Effect::Late { which: Which::Creates, by: millis(8_000) }),
    ("late-changes", Effect::Late { which: Which::Changes, by: millis(5_000) }),
];

// === impl Effect ===

impl Effect {
    /// Whether it is about requests: then the proxy must understand them.
    #[must_use]
    pub fn is_about_requests(self) -> bool {
        matches!(self, Self::LoseAnswer(_) | Self::Late { .. })
    }

    /// Whether what was open before must not stay open.
    pub(super) fn ends_connections(self) -> bool {
        matches!(self, Self::Refuse | Self::ResetOnAccept)
    }
}

// === impl Which ===

impl Which {
    fn means(self, request: &RequestHead) -> bool {
        match self {
            Self::Creates => request.is_create(),
            Self::Changes => request.is_change(),
        }
    }
}

// === impl ProxyFault ===

impl ProxyFault {
    /// An effect that strikes every time.
    #[must_use]
    pub const fn always(effect: Effect) -> Self {
        Self { effect, probability: 1.0 }
    }
}

impl FromStr for ProxyFault {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = EFFECTS.iter().find(|(known, _)| *known == name);
        let (_, effect) = found.with_context(|| format!("{name:?} is no fault of a proxy"))?;
        Ok(Self::always(*effect))
    }
}

impl fmt::Display for ProxyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = EFFECTS.iter().find(|(_, effect)| *effect == self.effect);
        f.write_str(named.map_or("a fault of its own", |(name, _)| name))?;
        if self.probability < 1.0 {
            write!(f, " ({:.0} %)", self.probability * 100.0)?;
        }
        Ok(())
    }
}

/// What becomes of a piece of bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fate {
    /// It goes on.
    Pass,
    /// It goes on after this.
    PassAfter(Duration),
    /// It vanishes.
    Vanish,
    /// So much of it goes on, then the connection is reset.
    ResetAfter(usize),
    /// So much of it goes on, then the receiver is told that this was all.
    EndAfter(usize),
}

/// What has passed one way since the fault was set, and the luck of this connection under it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passing {
    pub(super) way: Way,
    /// Bytes that went on.
    pub(super) before: u64,
    /// Pieces that did.
    pub(super) pieces: u64,
    pub(super) luck: Luck,
}

/// What becomes of the next `length` bytes.
pub(super) fn fate_of_bytes(fault: Option<ProxyFault>, passing: Passing, length: usize) -> Fate {
    let Some(fault) = fault.filter(|fault| passing.luck.of(0).strikes(fault.probability)) else {
        return Fate::Pass;
    };
    let within = |within: u64| {
        let at = passing.luck.of(1).between(1, within);
        let left = usize::try_from(at.saturating_sub(passing.before)).unwrap_or(usize::MAX);
        (left < length).then_some(left)
    };
    match fault.effect {
        Effect::Refuse | Effect::ResetOnAccept => Fate::ResetAfter(0),
        Effect::Swallow(way) if way.is_none_or(|way| way == passing.way) => Fate::Vanish,
        Effect::Stall(by) if passing.pieces == 0 => Fate::PassAfter(by),
        Effect::Reset { way, within: bytes } if way == passing.way => {
            within(bytes).map_or(Fate::Pass, Fate::ResetAfter)
        }
        Effect::HalfClose { within: bytes } if passing.way == Way::Answer => {
            within(bytes).map_or(Fate::Pass, Fate::EndAfter)
        }
        Effect::Throttle { bytes_per_second } => {
            let micros = length as u64 * 1_000_000 / bytes_per_second.max(1);
            Fate::PassAfter(Duration::from_micros(micros))
        }
        Effect::Delay { by, jitter } => {
            let most = u64::try_from(jitter.as_millis()).unwrap_or(u64::MAX);
            Fate::PassAfter(by + millis(passing.luck.of(2 + passing.pieces).between(0, most)))
        }
        Effect::Swallow(_)
        | Effect::Stall(_)
        | Effect::Reset { .. }
        | Effect::HalfClose { .. }
        | Effect::LoseAnswer(_)
        | Effect::Late { .. } => Fate::Pass,
    }
}

/// What becomes of a request as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestFate {
    /// What becomes of its bytes.
    AsBytes,
    /// It is passed on after this, whoever waits for the answer.
    Late(Duration),
    /// It is passed on, and its answer is lost.
    LoseAnswer,
}

/// What becomes of a request that the proxy understands.
pub(super) fn fate_of_request(
    fault: Option<ProxyFault>,
    request: &RequestHead,
    luck: Luck,
) -> RequestFate {
    match fault.filter(|fault| luck.of(0).strikes(fault.probability)).map(|fault| fault.effect) {
        Some(Effect::LoseAnswer(which)) if which.means(request) => RequestFate::LoseAnswer,
        Some(Effect::Late { which, by }) if which.means(request) => {
            let most = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
            RequestFate::Late(millis(luck.of(1).between(most / 4, most)))
        }
        _ => RequestFate::AsBytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, way: Way, before: u64, length: usize, expected: Fate) {
        let fault: ProxyFault = name.parse().unwrap();
        let passing = Passing { way, before, pieces: before.min(1), luck: Luck::new(1) };
        assert_eq!(fate_of_bytes(Some(fault), passing, length), expected, "{name}");
    }

    #[test]
    fn every_effect_has_a_name_of_its_own() {
        for (name, effect) in EFFECTS {
            let fault: ProxyFault = name.parse().unwrap();
            assert_eq!((fault.effect, fault.to_string().as_str()), (*effect, *name));
        }
        assert!("sulk".parse::<ProxyFault>().is_err());
    }

    #[test]
    fn bytes_meet_the_fate_of_their_way() {
        check("blackhole", Way::Request, 0, 10, Fate::Vanish);
        check("blackhole", Way::Answer, 0, 10, Fate::Vanish);
        check("swallow-answers", Way::Answer, 0, 10, Fate::Vanish);
        check("swallow-answers", Way::Request, 0, 10, Fate::Pass);
        check("stall", Way::Request, 0, 10, Fate::PassAfter(millis(7_000)));
        check("stall", Way::Request, 10, 10, Fate::Pass);
        check("throttle", Way::Answer, 0, 4_000, Fate::PassAfter(millis(1_000)));
        check("reset-answer", Way::Request, 0, 9_999, Fate::Pass);
        check("lose-answers-of-creates", Way::Answer, 0, 10, Fate::Pass);
    }

    #[test]
    fn a_reset_comes_at_one_byte_however_the_bytes_are_cut() {
        let fault = Some("reset-answer".parse().unwrap());
        let passing = |before| Passing { way: Way::Answer, before, pieces: 0, luck: Luck::new(5) };
        let Fate::ResetAfter(at) = fate_of_bytes(fault, passing(0), 1 << 20) else { panic!() };
        assert!((1..=4_000).contains(&at));
        let half = at / 2;
        assert_eq!(fate_of_bytes(fault, passing(0), half), Fate::Pass);
        assert_eq!(
            fate_of_bytes(fault, passing(half as u64), 1 << 20),
            Fate::ResetAfter(at - half)
        );
    }

    #[test]
    fn a_fault_that_strikes_some_leaves_the_others_alone() {
        let fault = ProxyFault { probability: 0.5, ..ProxyFault::always(Effect::Swallow(None)) };
        let passing =
            |luck| Passing { way: Way::Request, before: 0, pieces: 0, luck: Luck::new(luck) };
        let fates: Vec<Fate> =
            (0..50).map(|luck| fate_of_bytes(Some(fault), passing(luck), 1)).collect();
        assert!(fates.contains(&Fate::Vanish) && fates.contains(&Fate::Pass));
    }

    #[test]
    fn requests_meet_theirs_by_what_they_ask() {
        let head = |method: &str, path: &str| RequestHead {
            method: method.to_owned(),
            path: path.to_owned(),
            ..RequestHead::default()
        };
        let fate = |name: &str, method: &str, path: &str| {
            fate_of_request(Some(name.parse().unwrap()), &head(method, path), Luck::new(1))
        };
        let (create, delete) = ("/demo/machines", "/demo/machines/1b2c");
        assert_eq!(fate("lose-answers-of-creates", "POST", create), RequestFate::LoseAnswer);
        assert_eq!(fate("lose-answers-of-creates", "GET", create), RequestFate::AsBytes);
        assert_eq!(fate("lose-answers-of-creates", "DELETE", delete), RequestFate::AsBytes);
        assert_eq!(fate("lose-answers-of-changes", "DELETE", delete), RequestFate::LoseAnswer);
        let RequestFate::Late(by) = fate("late-creates", "POST", create) else { panic!() };
        assert!(by >= millis(2_000) && by <= millis(8_000));
        assert_eq!(fate("blackhole", "POST", create), RequestFate::AsBytes);
    }
}
