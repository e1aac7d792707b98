//! Fabric VLANs and fabric networks.

use crate::client::{Client, Error};
use crate::fabrics::{
    self, CreateFabricNetwork, CreateFabricVlan, FabricVlan, UpdateFabricNetwork, UpdateFabricVlan,
};
use crate::ids::NetworkId;
use crate::networks::Network;
use crate::page::Page;

impl Client {
    /// ListFabricVLANs.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_fabric_vlans(&self) -> Result<Page<FabricVlan>, Error> {
        self.send(fabrics::list_vlans()?).await
    }

    /// CreateFabricVLAN.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn create_fabric_vlan(&self, create: &CreateFabricVlan) -> Result<FabricVlan, Error> {
        self.send(fabrics::create_vlan(create)?).await
    }

    /// GetFabricVLAN.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_fabric_vlan(&self, vlan_id: u16) -> Result<FabricVlan, Error> {
        self.send(fabrics::get_vlan(vlan_id)?).await
    }

    /// UpdateFabricVLAN. The server may answer with nothing.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn update_fabric_vlan(
        &self,
        vlan_id: u16,
        update: &UpdateFabricVlan,
    ) -> Result<Option<FabricVlan>, Error> {
        self.send(fabrics::update_vlan(vlan_id, update)?).await
    }

    /// DeleteFabricVLAN; refused (409) while it has networks. That it is not there is success.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_fabric_vlan(&self, vlan_id: u16) -> Result<(), Error> {
        self.send(fabrics::delete_vlan(vlan_id)?).await
    }

    /// ListFabricNetworks: those on a VLAN.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_fabric_networks(&self, vlan_id: u16) -> Result<Page<Network>, Error> {
        self.send(fabrics::list_networks(vlan_id)?).await
    }

    /// CreateFabricNetwork.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn create_fabric_network(
        &self,
        vlan_id: u16,
        create: &CreateFabricNetwork,
    ) -> Result<Network, Error> {
        self.send(fabrics::create_network(vlan_id, create)?).await
    }

    /// GetFabricNetwork.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_fabric_network(&self, vlan_id: u16, id: NetworkId) -> Result<Network, Error> {
        self.send(fabrics::get_network(vlan_id, id)?).await
    }

    /// UpdateFabricNetwork.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn update_fabric_network(
        &self,
        vlan_id: u16,
        id: NetworkId,
        update: &UpdateFabricNetwork,
    ) -> Result<Network, Error> {
        self.send(fabrics::update_network(vlan_id, id, update)?).await
    }

    /// DeleteFabricNetwork; refused (409) while NICs are on it and if it is the default. That it is not there is success.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn delete_fabric_network(&self, vlan_id: u16, id: NetworkId) -> Result<(), Error> {
        self.send(fabrics::delete_network(vlan_id, id)?).await
    }
}
