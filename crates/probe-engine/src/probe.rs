//! A configured probe, and what is believed after running it.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// Which question a probe answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Has it started? Gates the other two.
    Startup,
    /// Should it be restarted?
    Liveness,
    /// Should it get traffic?
    Readiness,
}

/// A configured check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Which question it answers.
    pub kind: Kind,
    /// How it asks.
    pub handler: Handler,
    /// When it asks.
    pub timing: Timing,
    /// How many equal answers in a row are believed.
    pub thresholds: Thresholds,
}

/// How a probe asks. Ports are resolved numbers; `host: None` means the target's own address.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Handler {
    /// A TCP connection that opens is success.
    TcpSocket {
        /// Address or name to dial instead of the target's.
        host: Option<String>,
        /// Port.
        port: u16,
    },
    /// A GET that answers 200-399 is success.
    HttpGet {
        /// http or https (any certificate is accepted).
        scheme: Scheme,
        /// Address or name to dial instead of the target's.
        host: Option<String>,
        /// Port.
        port: u16,
        /// Path and query.
        path: String,
        /// Request headers in order; a repeated name is sent twice.
        headers: Vec<(String, String)>,
    },
    /// `grpc.health.v1.Health/Check` that answers SERVING is success.
    Grpc {
        /// Port.
        port: u16,
        /// Which service is asked about; empty is the server as a whole.
        service: String,
        /// Over TLS (any certificate is accepted), else over plain TCP.
        tls: bool,
    },
    /// A command in the target that ends with 0 is success. Who runs it is the owner's choice:
    /// [`NetworkProber::with_commands`](crate::NetworkProber::with_commands).
    Exec {
        /// Program and arguments; no shell is involved.
        command: Vec<String>,
    },
    /// Nothing that can be asked: each question errs with this, so the probe never succeeds and never fails.
    Invalid {
        /// What is wrong with it, for people.
        why: String,
    },
}

/// Scheme of an HTTP probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain.
    Http,
    /// TLS without verification, as the kubelet does.
    Https,
}

/// When a probe asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// No question before the target has run this long (whole seconds).
    pub initial_delay: Duration,
    /// Between questions.
    pub period: Duration,
    /// For one answer.
    pub timeout: Duration,
}

/// How many equal answers in a row are believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Successes.
    pub success: u32,
    /// Failures.
    pub failure: u32,
}

/// What is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Yes.
    Success,
    /// No.
    Failure,
    /// Nothing yet.
    Unknown,
}

/// What the engine must know of a target to decide whether and whom to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Which life of the target this is: a restart must change it, which resets what is believed. A startup or
    /// liveness probe that failed asks nothing more until it changes, or until the target is seen not running between.
    /// Empty means not known yet: nothing is asked.
    pub incarnation: String,
    /// Where it is, once known.
    pub address: Option<IpAddr>,
    /// For how long it had been running when this was observed; `None` when it is not running.
    pub running_for: Option<Duration>,
    /// It is being stopped: liveness and startup end, readiness goes on.
    pub terminating: bool,
    /// It was ready (and started) in this same incarnation before the engine began: believe so until a probe says
    /// otherwise, as the kubelet does since 1.35.
    pub was_ready: bool,
}

/// How the message of an [`Event::Unhealthy`] begins when no answer could be had, in the kubelet's words.
pub const ERRORED: &str = "errored and resulted in unknown state: ";

/// The longest period or timeout the API can say: an `int32` of seconds. Clocks can still be reckoned with it.
pub(crate) const LONGEST: Duration = Duration::from_secs(i32::MAX.unsigned_abs() as u64);

/// What the engine tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// What is believed has changed. A failed startup or liveness asks for a restart.
    Verdict {
        /// Target.
        target: String,
        /// Question.
        kind: Kind,
        /// Incarnation it is about.
        incarnation: String,
        /// Now believed.
        verdict: Verdict,
        /// The answer that tipped it (up to 10 KiB of a body), or what else did.
        message: String,
    },
    /// One answer was a failure (the threshold may not be reached yet), or could not be had at all: then the message
    /// begins with [`ERRORED`] and it counts neither way.
    Unhealthy {
        /// Target.
        target: String,
        /// Question.
        kind: Kind,
        /// The answer.
        message: String,
    },
    /// One answer was a success with a warning (a redirect to another host).
    Warning {
        /// Target.
        target: String,
        /// Question.
        kind: Kind,
        /// The answer.
        message: String,
    },
}

// === impl Kind ===

impl Kind {
    /// Every kind, in the order in which they gate each other.
    pub const ALL: [Self; 3] = [Self::Startup, Self::Liveness, Self::Readiness];
}

impl fmt::Display for Kind {
    /// The kubelet's word, as its events begin: `Readiness probe failed: …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Startup => "Startup",
            Self::Liveness => "Liveness",
            Self::Readiness => "Readiness",
        })
    }
}

// === impl Timing ===

impl Timing {
    /// A zero period or timeout is one that was not given: it takes the default, as the API server does. None is longer
    /// than [`LONGEST`].
    pub(crate) fn with_defaults(self) -> Self {
        let default = Self::default();
        let or = |given: Duration, default| if given.is_zero() { default } else { given };
        Self {
            initial_delay: self.initial_delay,
            period: or(self.period, default.period).min(LONGEST),
            timeout: or(self.timeout, default.timeout).min(LONGEST),
        }
    }
}

impl Default for Timing {
    /// The API server's defaults.
    fn default() -> Self {
        Self {
            initial_delay: Duration::ZERO,
            period: Duration::from_secs(10),
            timeout: Duration::from_secs(1),
        }
    }
}

// === impl Thresholds ===

impl Default for Thresholds {
    /// The API server's defaults.
    fn default() -> Self {
        Self { success: 1, failure: 3 }
    }
}
