//! Every kind of trouble that chaos makes, by name.

use std::fmt;

use serde_json::{Value, json};

use crate::proxy::EFFECTS;

/// One kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trouble {
    /// The acting process is killed (SIGKILL) every 0.5 to 5 s, and started again at once.
    Kills,
    /// The acting process is asked to end, and another one takes its place before it has.
    Rolling,
    /// The acting process stands still for longer than its Lease lasts, and then goes on as if nothing had happened.
    Sleep,
    /// A fault of the line to CloudAPI, by its name in [`EFFECTS`].
    CloudLine(&'static str),
    /// A fault of the line to the API server.
    ClusterLine(&'static str),
    /// A fault of CloudAPI itself.
    Cloud(CloudFault),
    /// CloudAPI is down for a while, and comes back as it was.
    CloudDown,
    /// The API server is killed, and started again after a while.
    ApiserverCrash,
    /// etcd is killed, and started again after a while.
    EtcdCrash,
    /// Guests shut down, and instances fail and vanish, by themselves.
    Guests,
}

/// A fault of the simulator with its settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CloudFault {
    /// Its name there.
    pub name: &'static str,
    /// How many of a hundred requests it strikes.
    pub percent: u8,
    /// How long it takes, where it takes time.
    pub delay_ms: Option<u32>,
    /// How large it is, where it has a size.
    pub size: Option<u32>,
}

const fn fault(name: &'static str, percent: u8) -> CloudFault {
    CloudFault { name, percent, delay_ms: None, size: None }
}

const fn timed(name: &'static str, percent: u8, delay_ms: u32) -> CloudFault {
    CloudFault { name, percent, delay_ms: Some(delay_ms), size: None }
}

/// Faults of CloudAPI after which all must be well again.
///
/// Those are not among them that never end for what they have struck (`stuck-provisioning`, `delete-never-completes`,
/// `job-never-runs`, lost tags and names), nor those that lie about what is gone (`404`, `delete-404`, `delete-410`):
/// CloudAPI's word twice is what a loss is believed by.
pub const CLOUD_FAULTS: &[CloudFault] = &[
    timed("connect-refused", 5, 1_000),
    timed("connect-dropped", 5, 2_000),
    fault("reset-on-connect", 30),
    timed("handshake-stalls", 10, 3_000),
    timed("slow", 40, 3_000),
    fault("reset-before-body", 30),
    fault("reset-before-commit", 40),
    fault("outage", 100),
    timed("hang", 40, 6_000),
    fault("proxy-500", 40),
    fault("proxy-400", 30),
    fault("proxy-408", 40),
    fault("502", 40),
    fault("503", 40),
    fault("504", 40),
    fault("500-empty", 40),
    fault("502-empty", 40),
    fault("503-empty", 40),
    fault("504-empty", 40),
    fault("login-page", 40),
    fault("redirect", 40),
    timed("clock-skew", 50, 600_000),
    fault("401", 50),
    fault("invalid-version", 40),
    fault("403", 50),
    timed("read-only", 60, 5_000),
    fault("429", 60),
    fault("500", 40),
    fault("500-no-code", 40),
    fault("workflow-down", 60),
    fault("unallocated-vm", 60),
    fault("create-twins", 100),
    fault("create-name-taken", 60),
    fault("create-no-capacity", 60),
    fault("create-subnet-full", 60),
    fault("create-quota", 60),
    fault("create-answer-lost-after-commit", 60),
    fault("create-500-after-commit", 60),
    fault("create-accepted-then-failed", 50),
    timed("create-invisible", 60, 10_000),
    fault("list-short", 60),
    fault("list-empty", 60),
    timed("list-hides-new", 70, 8_000),
    fault("list-loses-page", 60),
    fault("list-skips-one", 60),
    fault("list-repeats-one", 60),
    fault("list-shuffled", 100),
    timed("stale-reads", 70, 8_000),
    fault("states-unknown", 60),
    fault("audit-missing", 100),
    fault("delete-protected", 60),
    fault("job-fails", 50),
    timed("job-late", 70, 6_000),
    timed("firewall-late", 100, 8_000),
    fault("answer-lost-after-commit", 40),
    fault("500-after-commit", 40),
    timed("hang-after-commit", 40, 6_000),
    timed("slow-after-commit", 40, 5_000),
    fault("truncated-json", 40),
    fault("garbage-body", 40),
    fault("empty-body", 40),
    fault("wrong-types", 40),
    fault("null-fields", 40),
    fault("missing-fields", 40),
    fault("unknown-state", 60),
    fault("odd-instance", 60),
    fault("extra-fields", 100),
    fault("duplicate-keys", 60),
    fault("deep-nesting", 60),
    CloudFault { name: "large-body", percent: 10, delay_ms: None, size: Some(5_000_000) },
    fault("answer-cut", 40),
    timed("slow-loris", 30, 20),
    timed("content-length-long", 30, 3_000),
    fault("content-length-short", 30),
    fault("not-http", 30),
    fault("large-header", 30),
    fault("connection-close", 60),
    fault("no-date", 60),
    timed("wrong-date", 60, 86_400_000),
    timed("idle-408", 60, 500),
    timed("connection-dies", 20, 3_000),
    fault("feed-loses", 60),
    fault("feed-duplicates", 60),
    fault("feed-reorders", 80),
    fault("feed-stalls", 100),
    fault("feed-closes", 60),
    fault("feed-bogus-frame", 60),
    fault("feed-deaf", 100),
];

// === impl CloudFault ===

impl CloudFault {
    /// The settings as the simulator's control paths read them.
    #[must_use]
    pub fn settings(&self) -> Value {
        let mut settings = json!({"probability": f64::from(self.percent) / 100.0});
        if let Some(delay_ms) = self.delay_ms {
            settings["delay_ms"] = delay_ms.into();
        }
        if let Some(size) = self.size {
            settings["size"] = size.into();
        }
        settings
    }
}

// === impl Trouble ===

impl Trouble {
    /// All of them.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let own = [
            Self::Kills,
            Self::Rolling,
            Self::Sleep,
            Self::CloudDown,
            Self::ApiserverCrash,
            Self::EtcdCrash,
            Self::Guests,
        ];
        // TLS hides requests from a proxy.
        let opaque = EFFECTS.iter().filter(|(_, effect)| !effect.is_about_requests());
        own.into_iter()
            .chain(EFFECTS.iter().map(|(name, _)| Self::CloudLine(name)))
            .chain(opaque.map(|(name, _)| Self::ClusterLine(name)))
            .chain(CLOUD_FAULTS.iter().copied().map(Self::Cloud))
            .collect()
    }

    /// Whether the node may be kept from its API server by it.
    #[must_use]
    pub fn disturbs_cluster(self) -> bool {
        !matches!(self, Self::CloudLine(_) | Self::Cloud(_) | Self::CloudDown | Self::Guests)
    }

    /// Whether two of them can be made at one time.
    #[must_use]
    pub fn goes_with(self, other: Self) -> bool {
        use Trouble::{
            ApiserverCrash, Cloud, CloudDown, CloudLine, ClusterLine, EtcdCrash, Guests, Kills,
            Rolling, Sleep,
        };
        let place = |trouble| match trouble {
            Kills | Rolling | Sleep => 0,
            CloudLine(_) => 1,
            ClusterLine(_) => 2,
            Cloud(_) | CloudDown => 3,
            ApiserverCrash | EtcdCrash => 4,
            Guests => 5,
        };
        // What happens to guests is ordered from the simulator, which must be there for that.
        let needs_cloud = |one, other| matches!((one, other), (CloudDown, Cloud(_) | Guests));
        place(self) != place(other) && !needs_cloud(self, other) && !needs_cloud(other, self)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kills => f.write_str("kill -9"),
            Self::Rolling => f.write_str("rolling update"),
            Self::Sleep => f.write_str("SIGSTOP past the Lease"),
            Self::CloudLine(name) => write!(f, "line to CloudAPI: {name}"),
            Self::ClusterLine(name) => write!(f, "line to the API server: {name}"),
            Self::Cloud(fault) => write!(f, "CloudAPI: {} ({} %)", fault.name, fault.percent),
            Self::CloudDown => f.write_str("CloudAPI down"),
            Self::ApiserverCrash => f.write_str("API server killed"),
            Self::EtcdCrash => f.write_str("etcd killed"),
            Self::Guests => f.write_str("guests stop, fail, vanish"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_more_than_seventy_and_each_has_a_name_of_its_own() {
        let all = Trouble::all();
        let names: BTreeSet<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), all.len());
        assert!(all.len() >= 70, "{}", all.len());
    }

    #[test]
    fn what_lies_about_a_loss_or_never_ends_is_not_among_them() {
        let names: BTreeSet<&str> = CLOUD_FAULTS.iter().map(|fault| fault.name).collect();
        for name in ["404", "delete-404", "delete-410", "stuck-provisioning", "job-never-runs"] {
            assert!(!names.contains(name), "{name}");
        }
    }

    #[test]
    fn troubles_of_one_place_exclude_each_other() {
        let cloud = Trouble::Cloud(CLOUD_FAULTS[0]);
        assert!(!Trouble::Kills.goes_with(Trouble::Sleep));
        assert!(!Trouble::CloudDown.goes_with(cloud) && !cloud.goes_with(Trouble::CloudDown));
        assert!(!Trouble::Guests.goes_with(Trouble::CloudDown));
        assert!(Trouble::Kills.goes_with(cloud) && cloud.goes_with(Trouble::Guests));
    }

    #[test]
    fn settings_are_what_the_simulator_reads() {
        let settings = timed("slow", 40, 3_000).settings();
        assert_eq!(settings, json!({"probability": 0.4, "delay_ms": 3_000}));
    }
}
