//! Which network a NIC goes on, and with which address.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use crate::ids::NetworkId;
use crate::request::RequestError;

/// One NIC that an instance is to have (manual, "CreateMachine" and "AddNic").
///
/// CloudAPI makes one NIC a network, so a network named twice is refused here instead of being dropped there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkRequest {
    /// Network or network pool.
    pub network: NetworkId,
    /// This address; any free one if `None`. Only on fabric networks and others that belong to the account.
    pub ip: Option<Ipv4Addr>,
}

// === impl NetworkRequest ===

impl NetworkRequest {
    /// With this address.
    #[must_use]
    pub fn with_ip(mut self, ip: Ipv4Addr) -> Self {
        self.ip = Some(ip);
        self
    }

    pub(crate) fn to_object(&self) -> Value {
        match self.ip {
            Some(ip) => json!({"ipv4_uuid": self.network, "ipv4_ips": [ip]}),
            None => json!({"ipv4_uuid": self.network, "ipv4_count": 1}),
        }
    }
}

impl From<NetworkId> for NetworkRequest {
    fn from(network: NetworkId) -> Self {
        Self { network, ip: None }
    }
}

/// The list as CloudAPI reads it: UUIDs if that says all, else an object each, since the form of the first decides how
/// the server reads the others.
pub(super) fn to_list(networks: &[NetworkRequest]) -> Value {
    if networks.iter().all(|network| network.ip.is_none()) {
        return networks.iter().map(|network| network.network.to_string()).collect();
    }
    networks.iter().map(NetworkRequest::to_object).collect()
}

pub(super) fn check(networks: &[NetworkRequest]) -> Result<(), RequestError> {
    for (index, network) in networks.iter().enumerate() {
        if networks.iter().take(index).any(|earlier| earlier.network == network.network) {
            return Err(RequestError::invalid(
                "networks",
                network.network,
                "it is there twice, and an instance has one NIC a network",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "00000000-0000-4000-8000-0000000000a1";
    const B: &str = "00000000-0000-4000-8000-0000000000b1";

    fn network(id: &str) -> NetworkRequest {
        NetworkRequest::from(id.parse::<NetworkId>().unwrap())
    }

    #[test]
    fn the_two_forms_are_never_mixed() {
        assert_eq!(to_list(&[network(A), network(B)]), json!([A, B]));
        let fixed = network(A).with_ip(Ipv4Addr::new(10, 0, 0, 5));
        assert_eq!(
            to_list(&[network(B), fixed]),
            json!([
                {"ipv4_uuid": B, "ipv4_count": 1},
                {"ipv4_uuid": A, "ipv4_ips": ["10.0.0.5"]},
            ])
        );
        assert_eq!(to_list(&[]), json!([]));
    }

    #[test]
    fn a_network_is_there_once() {
        assert!(check(&[network(A), network(B)]).is_ok());
        let twice = [network(A), network(A).with_ip(Ipv4Addr::LOCALHOST)];
        assert!(matches!(check(&twice), Err(RequestError::Invalid { .. })));
    }
}
