//! Networks and their addresses.

use std::net::IpAddr;

use crate::client::{Client, Error};
use crate::ids::NetworkId;
use crate::network_ips::{self, ListNetworkIps, NetworkIp};
use crate::networks::{self, ListNetworks, Network};
use crate::page::Page;

impl Client {
    /// ListNetworks: networks and pools that the account may use.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_networks(&self, filter: &ListNetworks) -> Result<Page<Network>, Error> {
        self.send(networks::list(filter)?).await
    }

    /// GetNetwork, pools too.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_network(&self, id: NetworkId) -> Result<Network, Error> {
        self.send(networks::get(id)?).await
    }

    /// ListNetworkIPs, one page.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn list_network_ips(
        &self,
        network: NetworkId,
        list: &ListNetworkIps,
    ) -> Result<Page<NetworkIp>, Error> {
        self.send(network_ips::list(network, list)?).await
    }

    /// GetNetworkIP.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn get_network_ip(&self, network: NetworkId, ip: IpAddr) -> Result<NetworkIp, Error> {
        self.send(network_ips::get(network, ip)?).await
    }

    /// UpdateNetworkIP: takes the address out of those that instances are given, or puts it back.
    ///
    /// Refused (409) on public networks and for addresses that Triton or another account uses.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn set_network_ip_reserved(
        &self,
        network: NetworkId,
        ip: IpAddr,
        reserved: bool,
    ) -> Result<NetworkIp, Error> {
        self.send(network_ips::set_reserved(network, ip, reserved)?).await
    }
}
