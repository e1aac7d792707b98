//! The networks of a new instance, or of a new NIC: which are meant, and an address on each.

use std::net::Ipv4Addr;

use uuid::Uuid;

use super::super::{Account, Network, Nic, World};
use super::CreateParams;
use crate::refusal::Refusal;

/// A NIC that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NetworkRequest {
    pub(crate) network: Uuid,
    pub(crate) ip: Option<Ipv4Addr>,
}

// === impl World ===

impl World {
    /// What was asked for, or the defaults: one public network and the account's default fabric.
    ///
    /// # Errors
    /// As [`World::check_address`].
    pub(super) fn network_requests(
        &self,
        params: &CreateParams,
        account: &Account,
    ) -> Result<Vec<NetworkRequest>, Refusal> {
        if let Some(requests) = &params.networks {
            requests.iter().try_for_each(|request| self.check_address(request))?;
            return Ok(requests.clone());
        }
        let wants = |kind: &str| {
            params.default_networks.as_ref().is_none_or(|wanted| wanted.iter().any(|w| w == kind))
        };
        let external = self.catalog.networks.iter().find(|network| network.public);
        let external = external.map(|network| network.id).filter(|_| wants("external"));
        let internal = account.default_network.filter(|_| wants("internal"));
        let wanted = external.into_iter().chain(internal);
        Ok(wanted.map(|network| NetworkRequest { network, ip: None }).collect())
    }

    /// Addresses may be chosen on networks of the account only.
    ///
    /// # Errors
    /// 404 for an unknown network, 409 InvalidArgument for one that is everybody's.
    pub(crate) fn check_address(&self, request: &NetworkRequest) -> Result<(), Refusal> {
        let NetworkRequest { network: id, ip: Some(_) } = request else { return Ok(()) };
        let network = self
            .catalog
            .find_network(*id)
            .ok_or_else(|| Refusal::not_found(format!("ipv4_uuid: network {id} not found")))?;
        if !network.fabric {
            return Err(Refusal::invalid_argument(format!(
                "ipv4_uuid: {id} cannot specify IP on a public network"
            )));
        }
        Ok(())
    }

    /// # Errors
    /// 409 InvalidArgument for networks that are not there, and for too many public ones.
    pub(super) fn check_networks(
        &self,
        owner: Uuid,
        requests: &[NetworkRequest],
    ) -> Result<Vec<Network>, Refusal> {
        let choose = |request: &NetworkRequest| self.choose_network(owner, request.network);
        let networks: Vec<Network> = requests.iter().map(choose).collect::<Result<_, _>>()?;
        let public = networks.iter().filter(|network| network.public).count();
        if public > 1 && !self.features.multiple_public_networks {
            return Err(Refusal::invalid_argument("Can specify a maximum of 1 public networks"));
        }
        Ok(networks)
    }

    /// One NIC a network, each with an address; the first public one is the primary. All or none.
    ///
    /// # Errors
    /// As [`World::take_address`].
    pub(super) fn make_nics(
        &mut self,
        instance: Uuid,
        requests: &[NetworkRequest],
        networks: &[Network],
    ) -> Result<Vec<Nic>, Refusal> {
        let primary = networks.iter().position(|network| network.public).unwrap_or(0);
        let mut nics = Vec::new();
        for (index, (request, network)) in requests.iter().zip(networks).enumerate() {
            match self.take_address(request, network, instance) {
                Ok(ip) => nics.push(self.make_nic(network.id, ip, index == primary)),
                Err(refusal) => {
                    self.addresses.release(instance);
                    return Err(refusal);
                }
            }
        }
        Ok(nics)
    }

    pub(crate) fn make_nic(&mut self, network: Uuid, ip: Ipv4Addr, primary: bool) -> Nic {
        let subnet = self.addresses.subnet(network);
        Nic { mac: self.new_mac(), ip, primary, network, subnet }
    }

    /// # Errors
    /// 507 SubnetFull, 409 for an address the network does not hand out, 422 for one that is in use.
    pub(crate) fn take_address(
        &mut self,
        request: &NetworkRequest,
        network: &Network,
        instance: Uuid,
    ) -> Result<Ipv4Addr, Refusal> {
        let Some(ip) = request.ip else {
            let full = || Refusal::new(507, "SubnetFull", "no more free IPs");
            return self.addresses.take_next(network.id, instance).ok_or_else(full);
        };
        let is_managed = self.addresses.record(network.id, ip).managed;
        if is_managed || !self.addresses.subnet(network.id).contains(ip) {
            let message = format!("cannot use {ip} because it is a managed IP");
            return Err(Refusal::invalid_argument(message));
        }
        if !self.addresses.take(network.id, ip, instance) {
            return Err(Refusal::unprocessable("ip", "UsedBy", "IP in use"));
        }
        Ok(ip)
    }
}
