//! The networks of a new instance, or of a new NIC: which are meant, and an address on each.

use std::net::Ipv4Addr;

use uuid::Uuid;

use super::super::{Account, Network, Nic, Package, World};
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
    /// As [`World::check_address`], and 409 InvalidFabricPackage for a fabric network with a package that may not use one.
    pub(super) fn network_requests(
        &self,
        params: &CreateParams,
        account: &Account,
        package: &Package,
    ) -> Result<Vec<NetworkRequest>, Refusal> {
        let prefixes = &self.fabric_package_prefixes;
        let may_use_fabrics = prefixes.is_empty()
            || prefixes.iter().any(|prefix| package.name.starts_with(prefix.as_str()));
        let is_fabric =
            |id: Uuid| self.catalog.find_network(id).is_some_and(|network| network.fabric);
        if let Some(requests) = &params.networks {
            requests.iter().try_for_each(|request| self.check_address(account.id, request))?;
            if !may_use_fabrics && requests.iter().any(|request| is_fabric(request.network)) {
                let message = format!(
                    "Fabric network cannot be used with this package. Only packages with names starting with the \
                     following can be used with a fabric network: {}",
                    prefixes.join(", ")
                );
                return Err(Refusal::new(409, "InvalidFabricPackage", message));
            }
            return Ok(requests.clone());
        }
        let wants = |kind: &str| {
            params.default_networks.as_ref().is_none_or(|wanted| wanted.iter().any(|w| w == kind))
        };
        let external = self.usable_networks(account.id).find(|network| network.public);
        let external = external.map(|network| network.id).filter(|_| wants("external"));
        let internal = account.default_network.filter(|_| wants("internal"));
        let internal = internal.filter(|id| may_use_fabrics || !is_fabric(*id));
        let wanted = external.into_iter().chain(internal);
        Ok(wanted.map(|network| NetworkRequest { network, ip: None }).collect())
    }

    /// Addresses may be chosen on networks of the account only.
    ///
    /// # Errors
    /// 404 for an unknown network, 409 InvalidArgument for a pool, and for one that is everybody's.
    pub(crate) fn check_address(
        &self,
        owner: Uuid,
        request: &NetworkRequest,
    ) -> Result<(), Refusal> {
        let NetworkRequest { network: id, ip: Some(_) } = request else { return Ok(()) };
        if self.catalog.find_pool(*id).is_some() {
            let message = format!("ipv4_uuid: {id} cannot specify IP on a network pool");
            return Err(Refusal::invalid_argument(message));
        }
        let network = self.usable_networks(owner).find(|network| network.id == *id);
        let network = network
            .ok_or_else(|| Refusal::not_found(format!("ipv4_uuid: network {id} not found")))?;
        if network.owner.is_none() && !network.fabric {
            let message = format!("ipv4_uuid: {id} cannot specify IP on a public network");
            return Err(Refusal::invalid_argument(message));
        }
        Ok(())
    }

    /// The networks that are meant: of a pool the first that is not full.
    ///
    /// # Errors
    /// 409 InvalidArgument for networks that the account cannot use, and for too many public ones.
    pub(super) fn check_networks(
        &self,
        owner: Uuid,
        requests: &[NetworkRequest],
    ) -> Result<Vec<Network>, Refusal> {
        let find = |request: &NetworkRequest| self.find_room(owner, request.network).cloned();
        let networks: Vec<Network> = requests.iter().map(find).collect::<Result<_, Refusal>>()?;
        let public = networks.iter().filter(|network| network.public).count();
        if public > 1 && !self.features.multiple_public_networks {
            return Err(Refusal::invalid_argument("Can specify a maximum of 1 public networks"));
        }
        Ok(networks)
    }

    /// A network, or the first of a pool that is not full.
    ///
    /// # Errors
    /// 409 InvalidArgument for what the account cannot use.
    pub(crate) fn find_room(&self, owner: Uuid, id: Uuid) -> Result<&Network, Refusal> {
        let candidates = self.candidate_networks(owner, id)?;
        let has_room = |network: &&&Network| self.addresses.has_room(network.id);
        Ok(match candidates[..] {
            [only] => only,
            _ => candidates.iter().find(has_room).copied().unwrap_or(candidates[0]),
        })
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
    /// 507 SubnetFull, 409 for an address that is Triton's own or of another network, 422 for one that is in use.
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
        if !self.addresses.subnet(network.id).contains(ip) {
            return Err(Refusal::invalid_argument(format!("{ip} is not available on the network")));
        }
        if self.addresses.record(network.id, ip).managed {
            let message = format!("cannot use {ip} because it is a managed IP");
            return Err(Refusal::invalid_argument(message));
        }
        if !self.addresses.take(network.id, ip, instance) {
            return Err(Refusal::unprocessable("ip", "UsedBy", "IP in use"));
        }
        Ok(ip)
    }
}
