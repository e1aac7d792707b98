//! Disks.

use crate::client::{Client, Error};
use crate::disks::{self, AddDisk, Disk};
use crate::ids::{DiskId, InstanceId};
use crate::page::Page;

impl Client {
    /// ListMachineDisks.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_disks(&self, instance: InstanceId) -> Result<Page<Disk>, Error> {
        self.send(disks::list(instance)?).await
    }

    /// CreateMachineDisk. The server describes the new disk only if a slot was given; else look at the list.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn create_disk(
        &self,
        instance: InstanceId,
        disk: &AddDisk,
    ) -> Result<Option<Disk>, Error> {
        self.send(disks::create(instance, disk)?).await
    }

    /// GetMachineDisk.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_disk(&self, instance: InstanceId, id: DiskId) -> Result<Disk, Error> {
        self.send(disks::get(instance, id)?).await
    }

    /// ResizeMachineDisk, to a size in MiB.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn resize_disk(
        &self,
        instance: InstanceId,
        id: DiskId,
        size_mib: u64,
    ) -> Result<(), Error> {
        self.send(disks::resize(instance, id, size_mib)?).await
    }

    /// ResizeMachineDisk to a smaller size: what is beyond it is lost, and a file system that reaches there is broken.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn shrink_disk(
        &self,
        instance: InstanceId,
        id: DiskId,
        size_mib: u64,
    ) -> Result<(), Error> {
        self.send(disks::shrink(instance, id, size_mib)?).await
    }

    /// DeleteMachineDisk. That it is not there is success.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_disk(&self, instance: InstanceId, id: DiskId) -> Result<(), Error> {
        self.send(disks::delete(instance, id)?).await
    }
}
