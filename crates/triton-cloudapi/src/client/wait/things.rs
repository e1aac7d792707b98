//! Waiting for everything else that takes its time: snapshots, NICs, images, volumes, migrations.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Verdict, Wait};
use crate::client::{Client, Error};
use crate::ids::{ImageId, InstanceId, VolumeId};
use crate::images::Image;
use crate::migrations::{Migration, MigrationState};
use crate::nics::{Nic, NicState};
use crate::snapshots::{Snapshot, SnapshotState};
use crate::volumes::{Volume, VolumeState};

/// How often in a row a thing is not found before it is taken for gone.
const NOT_FOUND_MAX: u32 = 2;

/// What a thing's state means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Ready,
    UnderWay,
    Failed,
}

// === impl Client ===

impl Client {
    /// Waits until a snapshot is created.
    pub fn wait_for_snapshot(&self, instance: InstanceId, name: &str) -> Wait<Snapshot> {
        let what = format!("snapshot {name} of instance {instance} created");
        let (client, name) = (self.clone(), name.to_owned());
        let get = move || {
            let (client, name) = (client.clone(), name.clone());
            async move { client.get_snapshot(instance, &name).await }
        };
        wait(what, get, |snapshot| (snapshot_stage(&snapshot.state), snapshot.state.to_string()))
    }

    /// Waits until a NIC that was added is up: running, or stopped on an instance that is. One that fails goes away.
    pub fn wait_for_nic(&self, instance: InstanceId, mac: &str) -> Wait<Nic> {
        let what = format!("NIC {mac} of instance {instance} up");
        let (client, mac) = (self.clone(), mac.to_owned());
        let get = move || {
            let (client, mac) = (client.clone(), mac.clone());
            async move { client.get_nic(instance, &mac).await }
        };
        wait(what, get, |nic| (nic_stage(&nic.state), nic.state.to_string()))
    }

    /// Waits until an image that is being made or imported can be used.
    pub fn wait_for_image(&self, id: ImageId) -> Wait<Image> {
        let client = self.clone();
        let get = move || {
            let client = client.clone();
            async move { client.get_image(id).await }
        };
        wait(format!("image {id} active"), get, |image| {
            (image_stage(&image.state), image.state.clone())
        })
    }

    /// Waits until a volume can be mounted.
    pub fn wait_for_volume(&self, id: VolumeId) -> Wait<Volume> {
        let client = self.clone();
        let get = move || {
            let client = client.clone();
            async move { client.get_volume(id).await }
        };
        wait(format!("volume {id} ready"), get, |volume| {
            (volume_stage(&volume.state), volume.state.to_string())
        })
    }

    /// Waits until an instance's migration has come through.
    pub fn wait_for_migration(&self, instance: InstanceId) -> Wait<Migration> {
        let client = self.clone();
        let get = move || {
            let client = client.clone();
            async move { client.get_migration(instance).await }
        };
        wait(format!("migration of instance {instance} done"), get, |migration| {
            let seen = format!("{}, {}", migration.phase, migration.state);
            (migration_stage(&migration.state), seen)
        })
    }
}

/// A wait that gets the thing again and again; `judge` says what its state means, and what to call it.
fn wait<T, F>(
    what: String,
    get: impl Fn() -> F + Send + 'static,
    judge: fn(&T) -> (Stage, String),
) -> Wait<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    let not_found = Arc::new(AtomicU32::new(0));
    Wait::new(what, move || {
        let (getting, not_found) = (get(), Arc::clone(&not_found));
        async move {
            match getting.await {
                Ok(thing) => {
                    not_found.store(0, Ordering::Relaxed);
                    let (stage, seen) = judge(&thing);
                    Ok(verdict(thing, stage, seen))
                }
                Err(error) if error.is_not_found() => {
                    let times = not_found.fetch_add(1, Ordering::Relaxed) + 1;
                    let is_gone = times >= NOT_FOUND_MAX;
                    Ok(if is_gone {
                        Verdict::Gone
                    } else {
                        Verdict::NotYet("not found".to_owned())
                    })
                }
                Err(error) => Err(error),
            }
        }
    })
}

fn verdict<T>(thing: T, stage: Stage, seen: String) -> Verdict<T> {
    match stage {
        Stage::Ready => Verdict::Done(thing),
        Stage::UnderWay => Verdict::NotYet(seen),
        Stage::Failed => Verdict::Never(format!("it is {seen}")),
    }
}

fn snapshot_stage(state: &SnapshotState) -> Stage {
    match state {
        SnapshotState::Created => Stage::Ready,
        SnapshotState::Failed => Stage::Failed,
        _ => Stage::UnderWay,
    }
}

fn nic_stage(state: &NicState) -> Stage {
    match state {
        NicState::Running | NicState::Stopped => Stage::Ready,
        _ => Stage::UnderWay,
    }
}

fn image_stage(state: &str) -> Stage {
    match state {
        "active" => Stage::Ready,
        "failed" => Stage::Failed,
        _ => Stage::UnderWay,
    }
}

fn volume_stage(state: &VolumeState) -> Stage {
    match state {
        VolumeState::Ready => Stage::Ready,
        VolumeState::Failed => Stage::Failed,
        _ => Stage::UnderWay,
    }
}

fn migration_stage(state: &MigrationState) -> Stage {
    match state {
        MigrationState::Successful => Stage::Ready,
        MigrationState::Failed | MigrationState::Aborted => Stage::Failed,
        _ => Stage::UnderWay,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::client::WaitError;
    use crate::error::ApiError;
    use crate::request::Answer;

    fn not_found() -> Error {
        let status = StatusCode::NOT_FOUND;
        Error::Api(ApiError::from_answer(&Answer { status, headers: &HeaderMap::new(), body: b"" }))
    }

    /// A wait for an image that is found in these states, one after the other; the empty one is none.
    async fn wait_over(states: &'static [&'static str]) -> Result<String, WaitError> {
        let looks = AtomicU32::new(0);
        let get = move || {
            let look = looks.fetch_add(1, Ordering::Relaxed) as usize;
            async move {
                let state = states[look];
                if state.is_empty() { Err(not_found()) } else { Ok(state.to_owned()) }
            }
        };
        wait("it".to_owned(), get, |state: &String| (image_stage(state), state.clone())).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_thing_is_waited_for_until_it_is_ready_has_failed_or_is_gone() {
        assert_eq!(wait_over(&["creating", "", "unactivated", "active"]).await.unwrap(), "active");
        let error = wait_over(&["creating", "failed"]).await.unwrap_err();
        assert_eq!(error.to_string(), "it: it is failed");
        let error = wait_over(&["creating", "", ""]).await.unwrap_err();
        assert!(matches!(error, WaitError::Gone { .. }), "{error}");
    }

    #[test]
    fn each_state_is_ready_failed_or_under_way() {
        assert_eq!(snapshot_stage(&SnapshotState::Created), Stage::Ready);
        assert_eq!(snapshot_stage(&SnapshotState::Queued), Stage::UnderWay);
        assert_eq!(snapshot_stage(&SnapshotState::Failed), Stage::Failed);
        assert_eq!(nic_stage(&NicState::Running), Stage::Ready);
        assert_eq!(nic_stage(&NicState::Provisioning), Stage::UnderWay);
        assert_eq!(volume_stage(&VolumeState::Ready), Stage::Ready);
        assert_eq!(volume_stage(&VolumeState::Creating), Stage::UnderWay);
        assert_eq!(volume_stage(&VolumeState::Failed), Stage::Failed);
        assert_eq!(migration_stage(&MigrationState::Successful), Stage::Ready);
        assert_eq!(migration_stage(&MigrationState::Running), Stage::UnderWay);
        assert_eq!(migration_stage(&MigrationState::Aborted), Stage::Failed);
    }
}
