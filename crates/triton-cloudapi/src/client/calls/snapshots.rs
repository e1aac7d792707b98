//! Snapshots.

use crate::client::{Client, Error};
use crate::ids::InstanceId;
use crate::page::Page;
use crate::snapshots::{self, Snapshot};

impl Client {
    /// ListMachineSnapshots.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_snapshots(&self, instance: InstanceId) -> Result<Page<Snapshot>, Error> {
        self.send(snapshots::list(instance)?).await
    }

    /// CreateMachineSnapshot; named after the time if `name` is `None`. The answer is queued: read it until it is created.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn create_snapshot(
        &self,
        instance: InstanceId,
        name: Option<&str>,
    ) -> Result<Snapshot, Error> {
        self.send(snapshots::create(instance, name)?).await
    }

    /// GetMachineSnapshot. One that is not there is `deleted`, or a 404.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_snapshot(&self, instance: InstanceId, name: &str) -> Result<Snapshot, Error> {
        self.send(snapshots::get(instance, name)?).await
    }

    /// StartMachineFromSnapshot: stops the instance, takes it back to the snapshot and boots it. What came after is lost.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn start_from_snapshot(&self, instance: InstanceId, name: &str) -> Result<(), Error> {
        self.send(snapshots::start_from(instance, name)?).await
    }

    /// DeleteMachineSnapshot. That it is not there is success.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_snapshot(&self, instance: InstanceId, name: &str) -> Result<(), Error> {
        self.send(snapshots::delete(instance, name)?).await
    }
}
