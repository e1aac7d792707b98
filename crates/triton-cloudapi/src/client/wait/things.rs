//! Waiting for everything else that takes its time: snapshots, NICs, disks, images, volumes, migrations.

use super::{Verdict, Wait};
use crate::client::{Client, Error};
use crate::ids::{ImageId, InstanceId, VolumeId};
use crate::images::Image;
use crate::migrations::{Migration, MigrationState};
use crate::nics::{Nic, NicState};
use crate::snapshots::{Snapshot, SnapshotState};
use crate::volumes::{Volume, VolumeState};

// === impl Client ===

impl Client {
    /// Waits until a snapshot is created.
    pub fn wait_for_snapshot(&self, instance: InstanceId, name: &str) -> Wait<Snapshot> {
        let (client, name) = (self.clone(), name.to_owned());
        Wait::new(format!("snapshot {name} of instance {instance} created"), move || {
            let (client, name) = (client.clone(), name.clone());
            async move { Ok(snapshot_verdict(there(client.get_snapshot(instance, &name).await)?)) }
        })
    }

    /// Waits until a NIC that was added is up: running, or stopped on an instance that is.
    pub fn wait_for_nic(&self, instance: InstanceId, mac: &str) -> Wait<Nic> {
        let (client, mac) = (self.clone(), mac.to_owned());
        Wait::new(format!("NIC {mac} of instance {instance} up"), move || {
            let (client, mac) = (client.clone(), mac.clone());
            async move {
                // Not being there is how a NIC fails.
                let nic = there(client.get_nic(instance, &mac).await)?;
                Ok(decide(
                    nic,
                    |nic| match &nic.state {
                        NicState::Running | NicState::Stopped => Some(Ok(())),
                        _ => None,
                    },
                    |nic| nic.state.as_str().to_owned(),
                ))
            }
        })
    }

    /// Waits until an image that is being made or imported can be used.
    pub fn wait_for_image(&self, id: ImageId) -> Wait<Image> {
        let client = self.clone();
        Wait::new(format!("image {id} active"), move || {
            let client = client.clone();
            async move {
                let image = there(client.get_image(id).await)?;
                Ok(decide(
                    image,
                    |image| match image.state.as_str() {
                        "active" => Some(Ok(())),
                        "failed" => Some(Err(())),
                        _ => None,
                    },
                    |image| image.state.clone(),
                ))
            }
        })
    }

    /// Waits until a volume can be mounted.
    pub fn wait_for_volume(&self, id: VolumeId) -> Wait<Volume> {
        let client = self.clone();
        Wait::new(format!("volume {id} ready"), move || {
            let client = client.clone();
            async move {
                let volume = there(client.get_volume(id).await)?;
                Ok(decide(
                    volume,
                    |volume| match &volume.state {
                        VolumeState::Ready => Some(Ok(())),
                        VolumeState::Failed => Some(Err(())),
                        _ => None,
                    },
                    |volume| volume.state.as_str().to_owned(),
                ))
            }
        })
    }

    /// Waits until an instance's migration has come through.
    pub fn wait_for_migration(&self, instance: InstanceId) -> Wait<Migration> {
        let client = self.clone();
        Wait::new(format!("migration of instance {instance} done"), move || {
            let client = client.clone();
            async move {
                let migration = there(client.get_migration(instance).await)?;
                Ok(decide(
                    migration,
                    |migration| match &migration.state {
                        MigrationState::Successful => Some(Ok(())),
                        MigrationState::Failed | MigrationState::Aborted => Some(Err(())),
                        _ => None,
                    },
                    |migration| {
                        format!("{}, {}", migration.phase.as_str(), migration.state.as_str())
                    },
                ))
            }
        })
    }
}

fn snapshot_verdict(snapshot: Option<Snapshot>) -> Verdict<Snapshot> {
    let sort = |snapshot: &Snapshot| match &snapshot.state {
        SnapshotState::Created => Some(Ok(())),
        SnapshotState::Failed => Some(Err(())),
        _ => None,
    };
    decide(snapshot, sort, |snapshot| snapshot.state.as_str().to_owned())
}

/// `None` if the thing is not there (404, 410).
fn there<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(thing) => Ok(Some(thing)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// What a thing's state means: there, failed, or neither.
fn decide<T>(
    thing: Option<T>,
    sort: impl Fn(&T) -> Option<Result<(), ()>>,
    say: impl Fn(&T) -> String,
) -> Verdict<T> {
    let Some(thing) = thing else { return Verdict::Gone };
    match sort(&thing) {
        Some(Ok(())) => Verdict::Done(thing),
        Some(Err(())) => Verdict::Never(format!("it is {}", say(&thing))),
        None => Verdict::NotYet(say(&thing)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_thing_is_done_failed_under_way_or_gone() {
        let snapshot = |state: &str| -> Option<Snapshot> {
            Some(serde_json::from_value(json!({"name": "before", "state": state})).unwrap())
        };
        let look = |snapshot| snapshot_verdict(snapshot);
        assert!(matches!(look(snapshot("created")), Verdict::Done(_)));
        assert_eq!(look(snapshot("failed")), Verdict::Never("it is failed".to_owned()));
        assert_eq!(look(snapshot("queued")), Verdict::NotYet("queued".to_owned()));
        assert_eq!(look(None), Verdict::Gone);
    }
}
