//! How long things take in the simulated datacenter.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long each step of an instance's life takes.
///
/// The default suits a laptop: seconds where a datacenter takes tens of them. [`Delays::none`] is for tests that
/// do not care about time. As JSON (`PUT /--sim/delays`) every field is a number of milliseconds, and fields that
/// are left out keep their value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "DelaysPatch")]
pub struct Delays {
    /// From the arrival of CreateMachine to its answer: allocation and NIC provisioning. 200 ms.
    #[serde(serialize_with = "as_millis")]
    pub create: Duration,
    /// From allocation to `running`. 2 s.
    #[serde(serialize_with = "as_millis")]
    pub provision: Duration,
    /// From the start of a start job to `running`. 1 s.
    #[serde(serialize_with = "as_millis")]
    pub start: Duration,
    /// From the start of a stop job to `stopped`. 1 s.
    #[serde(serialize_with = "as_millis")]
    pub stop: Duration,
    /// From the start of a reboot job to `running`. 1 s.
    #[serde(serialize_with = "as_millis")]
    pub reboot: Duration,
    /// From the start of a destroy job to `deleted`. 1 s.
    #[serde(serialize_with = "as_millis")]
    pub delete: Duration,
    /// From the acceptance of any job to its start; tag and metadata changes show after this. 500 ms.
    #[serde(serialize_with = "as_millis")]
    pub job: Duration,
    /// From the start of a job on disks or snapshots to its end. 1 s.
    #[serde(serialize_with = "as_millis")]
    pub disk: Duration,
    /// From the start of each phase of a migration to its end. 2 s.
    #[serde(serialize_with = "as_millis")]
    pub migrate: Duration,
    /// From CreateVolume to `ready`. 2 s.
    #[serde(serialize_with = "as_millis")]
    pub volume: Duration,
    /// From a change of an instance to the change of its DNS names. 1 s.
    #[serde(serialize_with = "as_millis")]
    pub cns: Duration,
    /// From CreateImageFromMachine to `active`. 2 s.
    #[serde(serialize_with = "as_millis")]
    pub image: Duration,
    /// From a change of keys, sub-users, roles, policies or role tags until signatures and permissions follow it. 0.
    #[serde(serialize_with = "as_millis")]
    pub replication: Duration,
    /// At most this much is added to each delay, drawn from the simulator's seed. 0.
    #[serde(serialize_with = "as_millis")]
    pub jitter: Duration,
}

/// A change to some of the [`Delays`], in milliseconds.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DelaysPatch {
    create: Option<u64>,
    provision: Option<u64>,
    start: Option<u64>,
    stop: Option<u64>,
    reboot: Option<u64>,
    delete: Option<u64>,
    job: Option<u64>,
    disk: Option<u64>,
    migrate: Option<u64>,
    volume: Option<u64>,
    cns: Option<u64>,
    image: Option<u64>,
    replication: Option<u64>,
    jitter: Option<u64>,
}

// === impl Delays ===

impl Delays {
    /// Everything happens at once.
    #[must_use]
    pub const fn none() -> Self {
        let zero = Duration::ZERO;
        Self {
            create: zero,
            provision: zero,
            start: zero,
            stop: zero,
            reboot: zero,
            delete: zero,
            job: zero,
            disk: zero,
            migrate: zero,
            volume: zero,
            cns: zero,
            image: zero,
            replication: zero,
            jitter: zero,
        }
    }

    /// These delays with those of `patch` that are set.
    pub(crate) fn patched(mut self, patch: DelaysPatch) -> Self {
        for (field, millis) in [
            (&mut self.create, patch.create),
            (&mut self.provision, patch.provision),
            (&mut self.start, patch.start),
            (&mut self.stop, patch.stop),
            (&mut self.reboot, patch.reboot),
            (&mut self.delete, patch.delete),
            (&mut self.job, patch.job),
            (&mut self.disk, patch.disk),
            (&mut self.migrate, patch.migrate),
            (&mut self.volume, patch.volume),
            (&mut self.cns, patch.cns),
            (&mut self.image, patch.image),
            (&mut self.replication, patch.replication),
            (&mut self.jitter, patch.jitter),
        ] {
            if let Some(millis) = millis {
                *field = Duration::from_millis(millis);
            }
        }
        self
    }
}

impl Default for Delays {
    fn default() -> Self {
        let second = Duration::from_secs(1);
        Self {
            create: Duration::from_millis(200),
            provision: 2 * second,
            start: second,
            stop: second,
            reboot: second,
            delete: second,
            job: Duration::from_millis(500),
            disk: second,
            migrate: 2 * second,
            volume: 2 * second,
            cns: second,
            image: 2 * second,
            replication: Duration::ZERO,
            jitter: Duration::ZERO,
        }
    }
}

impl From<DelaysPatch> for Delays {
    fn from(patch: DelaysPatch) -> Self {
        Self::default().patched(patch)
    }
}

fn as_millis<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_changes_only_what_it_names() {
        let patch: DelaysPatch = serde_json::from_str(r#"{"provision": 5}"#).unwrap();
        let patched = Delays::none().patched(patch);
        assert_eq!(patched, Delays { provision: Duration::from_millis(5), ..Delays::none() });
        assert!(serde_json::from_str::<DelaysPatch>(r#"{"provission": 5}"#).is_err());
    }
}
