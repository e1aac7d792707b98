//! Instances: listing, making, changing and deleting them.

use crate::client::{Client, Error, list_all};
use crate::ids::InstanceId;
use crate::instances::{self, AuditEntry, CreateInstance, Instance, ListInstances, Presence};
use crate::page::Page;
use crate::request::Priority;

impl Client {
    /// ListMachines, all pages: every instance once, or an error.
    ///
    /// # Errors
    ///
    /// [`Error::Incomplete`] when something in the list cannot be read, or its pages do not fit together.
    pub async fn list_all_instances(&self, filter: &ListInstances) -> Result<Vec<Instance>, Error> {
        list_all::list_all(self, filter, Priority::List).await
    }

    /// As [`Client::list_all_instances`], for what is needed of each instance: a page is in memory at a time, not the
    /// whole list. `keep` is given every instance once.
    ///
    /// # Errors
    ///
    /// As [`Client::list_all_instances`].
    pub async fn collect_instances<T>(
        &self,
        filter: &ListInstances,
        keep: impl FnMut(Instance) -> Option<T>,
    ) -> Result<Vec<T>, Error> {
        list_all::collect(self, filter, Priority::List, keep).await
    }

    /// ListMachines, one page.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_instances(&self, list: &ListInstances) -> Result<Page<Instance>, Error> {
        self.send(instances::list(list)?).await
    }

    /// CreateMachine. Never sent twice; after an ambiguous error ([`Error::is_ambiguous`]) look before creating again.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn create_instance(&self, create: &CreateInstance) -> Result<Instance, Error> {
        self.send(instances::create(create)?).await
    }

    /// GetMachine, where not being there is an answer and not an error.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn find_instance(&self, id: InstanceId) -> Result<Presence, Error> {
        self.send(instances::find(id)?).await
    }

    /// GetMachine with the passwords that the server made for the guest: see [`instances::Metadata::credentials`].
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn find_instance_with_credentials(&self, id: InstanceId) -> Result<Presence, Error> {
        self.send(instances::find_with_credentials(id)?).await
    }

    /// DeleteMachine. That it is gone already (404, 410) is success; that it goes takes a while.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_instance(&self, id: InstanceId) -> Result<(), Error> {
        self.send(instances::delete(id)?).await
    }

    /// StartMachine. Accepted (202) in any state; only the audit tells whether it was any use.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn start_instance(&self, id: InstanceId) -> Result<(), Error> {
        self.send(instances::start(id)?).await
    }

    /// StopMachine. Accepted (202) in any state. The guest gets 60 s (zones) or 180 s (hardware virtual machines) to stop.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn stop_instance(&self, id: InstanceId) -> Result<(), Error> {
        self.send(instances::stop(id)?).await
    }

    /// RebootMachine.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn reboot_instance(&self, id: InstanceId) -> Result<(), Error> {
        self.send(instances::reboot(id)?).await
    }

    /// ResizeMachine, to a package by UUID or name. kvm cannot be resized (409), bhyve only while stopped.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn resize_instance(&self, id: InstanceId, package: &str) -> Result<(), Error> {
        self.send(instances::resize(id, package)?).await
    }

    /// RenameMachine.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn rename_instance(&self, id: InstanceId, name: &str) -> Result<(), Error> {
        self.send(instances::rename(id, name)?).await
    }

    /// EnableMachineFirewall.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn enable_firewall(&self, id: InstanceId) -> Result<(), Error> {
        self.send(instances::enable_firewall(id)?).await
    }

    /// DisableMachineFirewall.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn disable_firewall(&self, id: InstanceId) -> Result<(), Error> {
        self.send(instances::disable_firewall(id)?).await
    }

    /// EnableMachineDeletionProtection.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn enable_deletion_protection(&self, id: InstanceId) -> Result<(), Error> {
        self.send(instances::enable_deletion_protection(id)?).await
    }

    /// DisableMachineDeletionProtection.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn disable_deletion_protection(&self, id: InstanceId) -> Result<(), Error> {
        self.send(instances::disable_deletion_protection(id)?).await
    }

    /// MachineAudit, newest first.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_instance_audit(&self, id: InstanceId) -> Result<Page<AuditEntry>, Error> {
        self.send(instances::audit(id)?).await
    }
}
