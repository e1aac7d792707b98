//! The election's Lease, read and written.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};

/// What a Lease says, as far as an election is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// `metadata.resourceVersion`: every write names the one it replaces.
    pub version: String,
    /// Who holds it; `None` when it was released.
    pub holder: Option<String>,
    /// For how long the holder asked to be left alone after a renewal.
    pub duration: Option<Duration>,
    /// When it was renewed, by the holder's clock. Compared with itself only, never with a clock of ours.
    pub renewed: Option<Timestamp>,
    /// How often it changed hands.
    pub transitions: i32,
}

/// What a write says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The version it replaces; `None` creates the Lease.
    pub replaces: Option<String>,
    /// Who holds it from now on; empty releases it.
    pub holder: String,
    /// `spec.leaseDurationSeconds`.
    pub duration: Duration,
    /// When the present holder got it, by its clock.
    pub acquired: Timestamp,
    /// Now, by the wall clock.
    pub renewed: Timestamp,
    /// How often it changed hands, this time included.
    pub transitions: i32,
}

// === impl Record ===

impl Record {
    /// Reads a Lease; one without a version did not come from an API server.
    #[must_use]
    pub fn of(lease: &Lease) -> Option<Self> {
        let version = lease.metadata.resource_version.clone()?;
        let spec = lease.spec.clone().unwrap_or_default();
        let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        Some(Self {
            version,
            holder: spec.holder_identity.filter(|holder| !holder.is_empty()),
            duration: seconds.map(Duration::from_secs),
            renewed: spec.renew_time.map(|time| time.0),
            transitions: spec.lease_transitions.unwrap_or_default(),
        })
    }

    /// Whether the other one says the same. A new version alone is no sign of life: somebody may have put a label on
    /// the object.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        Self { version: String::new(), ..self.clone() }
            == Self { version: String::new(), ..other.clone() }
    }
}

// === impl Entry ===

impl Entry {
    /// The Lease to write.
    #[must_use]
    pub fn lease(&self, namespace: &str, name: &str) -> Lease {
        Lease {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some(namespace.to_owned()),
                resource_version: self.replaces.clone(),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.holder.clone()),
                // The API server refuses zero.
                lease_duration_seconds: Some(
                    i32::try_from(self.duration.as_secs()).unwrap_or(i32::MAX).max(1),
                ),
                acquire_time: Some(MicroTime(self.acquired)),
                renew_time: Some(MicroTime(self.renewed)),
                lease_transitions: Some(self.transitions),
                ..LeaseSpec::default()
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            replaces: Some("7".to_owned()),
            holder: "a".to_owned(),
            duration: Duration::from_secs(15),
            acquired: Timestamp::UNIX_EPOCH,
            renewed: Timestamp::from_second(5).unwrap(),
            transitions: 3,
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let record = Record::of(&entry().lease("kube-system", "vk-triton-n")).unwrap();
        assert_eq!(
            record,
            Record {
                version: "7".to_owned(),
                holder: Some("a".to_owned()),
                duration: Some(Duration::from_secs(15)),
                renewed: Some(Timestamp::from_second(5).unwrap()),
                transitions: 3,
            }
        );
    }

    #[test]
    fn an_empty_holder_is_none() {
        let released = Entry { holder: String::new(), ..entry() };
        assert_eq!(Record::of(&released.lease("n", "l")).unwrap().holder, None);
    }

    #[test]
    fn a_label_is_no_sign_of_life() {
        let record = Record::of(&entry().lease("n", "l")).unwrap();
        assert!(record.says_the_same(&Record { version: "8".to_owned(), ..record.clone() }));
        assert!(!record.says_the_same(&Record { renewed: None, ..record.clone() }));
        assert!(!record.says_the_same(&Record { holder: None, ..record.clone() }));
    }
}
