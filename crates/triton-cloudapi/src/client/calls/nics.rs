//! NICs.

use crate::client::{Client, Error};
use crate::ids::InstanceId;
use crate::instances::NetworkRequest;
use crate::nics::{self, AddedNic, Nic};
use crate::page::Page;

impl Client {
    /// ListNics.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_nics(&self, instance: InstanceId) -> Result<Page<Nic>, Error> {
        self.send(nics::list(instance)?).await
    }

    /// AddNic; the instance is rebooted. `primary` makes its address the instance's primary one.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn add_nic(
        &self,
        instance: InstanceId,
        network: &NetworkRequest,
        primary: bool,
    ) -> Result<AddedNic, Error> {
        self.send(nics::add(instance, network, primary)?).await
    }

    /// GetNic, by MAC address with or without colons.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_nic(&self, instance: InstanceId, mac: &str) -> Result<Nic, Error> {
        self.send(nics::get(instance, mac)?).await
    }

    /// RemoveNic, by MAC address with or without colons; the instance is rebooted. That it is not there is success.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn remove_nic(&self, instance: InstanceId, mac: &str) -> Result<(), Error> {
        self.send(nics::remove(instance, mac)?).await
    }
}
