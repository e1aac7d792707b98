//! Fabrics: VLANs of the account's own, and networks on them (manual, "Fabrics"). Where fabrics are off, all of it is 501.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::answer::{json, json_if_any, page};
use crate::endpoint::{Endpoint, Group};
use crate::ids::NetworkId;
use crate::lenient;
use crate::networks::Network;
use crate::page::Page;
use crate::request::{Request, RequestError, to_body};
use crate::target::Target;

const LIST_VLANS: Endpoint = Endpoint::read("ListFabricVLANs", Group::Networks);
const CREATE_VLAN: Endpoint = Endpoint::once("CreateFabricVLAN", Group::Networks);
const GET_VLAN: Endpoint = Endpoint::read("GetFabricVLAN", Group::Networks);
const UPDATE_VLAN: Endpoint = Endpoint::set("UpdateFabricVLAN", Group::Networks);
const DELETE_VLAN: Endpoint = Endpoint::remove("DeleteFabricVLAN", Group::Networks);
const LIST_NETWORKS: Endpoint = Endpoint::read("ListFabricNetworks", Group::Networks);
const CREATE_NETWORK: Endpoint = Endpoint::once("CreateFabricNetwork", Group::Networks);
const GET_NETWORK: Endpoint = Endpoint::read("GetFabricNetwork", Group::Networks);
const UPDATE_NETWORK: Endpoint = Endpoint::set("UpdateFabricNetwork", Group::Networks);
const DELETE_NETWORK: Endpoint = Endpoint::remove("DeleteFabricNetwork", Group::Networks);

/// The calls of this section of the manual.
pub const ENDPOINTS: &[Endpoint] = &[
    LIST_VLANS,
    CREATE_VLAN,
    GET_VLAN,
    UPDATE_VLAN,
    DELETE_VLAN,
    LIST_NETWORKS,
    CREATE_NETWORK,
    GET_NETWORK,
    UPDATE_NETWORK,
    DELETE_NETWORK,
];

/// The highest VLAN number.
pub const VLAN_ID_MAX: u16 = 4095;

/// DNS servers that a network can name.
pub const RESOLVERS_MAX: usize = 4;

/// A VLAN of the account's fabric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FabricVlan {
    /// Number, 0-4095.
    pub vlan_id: u16,
    /// Name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: String,
    /// Description.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub description: Option<String>,
}

/// Parameters of CreateFabricVLAN.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CreateFabricVlan {
    /// Number, 0-4095.
    pub vlan_id: u16,
    /// Name.
    pub name: String,
    /// Description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Parameters of UpdateFabricVLAN; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UpdateFabricVlan {
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Parameters of CreateFabricNetwork.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CreateFabricNetwork {
    /// Name.
    pub name: String,
    /// CIDR, `10.50.1.0/24`.
    pub subnet: String,
    /// First address that instances get.
    pub provision_start_ip: IpAddr,
    /// Last address that instances get.
    pub provision_end_ip: IpAddr,
    /// Gateway; without one instances reach this network only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
    /// DNS servers, at most 4.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resolvers: Vec<IpAddr>,
    /// Routes: destination (CIDR or address) and gateway.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub routes: BTreeMap<String, IpAddr>,
    /// Description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether its instances reach the internet through address translation. The server says yes by default; with a
    /// gateway it makes a zone for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internet_nat: Option<bool>,
}

/// Parameters of UpdateFabricNetwork; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UpdateFabricNetwork {
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// First address that instances get.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provision_start_ip: Option<IpAddr>,
    /// Last address that instances get.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provision_end_ip: Option<IpAddr>,
    /// DNS servers, at most 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolvers: Option<Vec<IpAddr>>,
    /// Routes: destination (CIDR or address) and gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routes: Option<BTreeMap<String, IpAddr>>,
}

/// ListFabricVLANs.
///
/// # Errors
///
/// [`RequestError`].
pub fn list_vlans() -> Result<Request<Page<FabricVlan>>, RequestError> {
    LIST_VLANS.get(&Target::new(VLANS), page)
}

/// CreateFabricVLAN.
///
/// # Errors
///
/// [`RequestError::Invalid`] for a number above 4095, [`RequestError::Empty`] for no name.
pub fn create_vlan(create: &CreateFabricVlan) -> Result<Request<FabricVlan>, RequestError> {
    check_vlan(create.vlan_id)?;
    check_name(&create.name)?;
    CREATE_VLAN.post(&Target::new(VLANS), &to_body(create)?, json)
}

/// GetFabricVLAN.
///
/// # Errors
///
/// [`RequestError::Invalid`] for a number above 4095.
pub fn get_vlan(vlan_id: u16) -> Result<Request<FabricVlan>, RequestError> {
    GET_VLAN.get(&vlan(vlan_id)?, json)
}

/// UpdateFabricVLAN. The server may answer with nothing.
///
/// # Errors
///
/// [`RequestError::Invalid`] for a number above 4095.
pub fn update_vlan(
    vlan_id: u16,
    update: &UpdateFabricVlan,
) -> Result<Request<Option<FabricVlan>>, RequestError> {
    UPDATE_VLAN.put(&vlan(vlan_id)?, &to_body(update)?, json_if_any)
}

/// DeleteFabricVLAN; refused (409) while it has networks. That it is not there is success.
///
/// # Errors
///
/// [`RequestError::Invalid`] for a number above 4095.
pub fn delete_vlan(vlan_id: u16) -> Result<Request<()>, RequestError> {
    DELETE_VLAN.delete(&vlan(vlan_id)?)
}

/// ListFabricNetworks: those on a VLAN.
///
/// # Errors
///
/// [`RequestError::Invalid`] for a number above 4095.
pub fn list_networks(vlan_id: u16) -> Result<Request<Page<Network>>, RequestError> {
    LIST_NETWORKS.get(&networks(vlan_id)?, page)
}

/// CreateFabricNetwork.
///
/// # Errors
///
/// [`RequestError::Invalid`] for a number above 4095 or more than 4 resolvers, [`RequestError::Empty`] for no name.
pub fn create_network(
    vlan_id: u16,
    create: &CreateFabricNetwork,
) -> Result<Request<Network>, RequestError> {
    check_name(&create.name)?;
    check_resolvers(&create.resolvers)?;
    CREATE_NETWORK.post(&networks(vlan_id)?, &to_body(create)?, json)
}

/// GetFabricNetwork.
///
/// # Errors
///
/// [`RequestError::Invalid`] for a number above 4095.
pub fn get_network(vlan_id: u16, id: NetworkId) -> Result<Request<Network>, RequestError> {
    GET_NETWORK.get(&networks(vlan_id)?.segment(id), json)
}

/// UpdateFabricNetwork.
///
/// # Errors
///
/// [`RequestError::Invalid`] for a number above 4095 or more than 4 resolvers.
pub fn update_network(
    vlan_id: u16,
    id: NetworkId,
    update: &UpdateFabricNetwork,
) -> Result<Request<Network>, RequestError> {
    check_resolvers(update.resolvers.as_deref().unwrap_or_default())?;
    UPDATE_NETWORK.put(&networks(vlan_id)?.segment(id), &to_body(update)?, json)
}

/// DeleteFabricNetwork; refused (409) while NICs are on it and if it is the default. That it is not there is success.
///
/// # Errors
///
/// [`RequestError::Invalid`] for a number above 4095.
pub fn delete_network(vlan_id: u16, id: NetworkId) -> Result<Request<()>, RequestError> {
    DELETE_NETWORK.delete(&networks(vlan_id)?.segment(id))
}

const VLANS: &str = "/fabrics/default/vlans";

fn vlan(vlan_id: u16) -> Result<Target, RequestError> {
    check_vlan(vlan_id)?;
    Ok(Target::new(VLANS).segment(vlan_id))
}

fn networks(vlan_id: u16) -> Result<Target, RequestError> {
    Ok(vlan(vlan_id)?.fixed("networks"))
}

fn check_vlan(vlan_id: u16) -> Result<(), RequestError> {
    if vlan_id <= VLAN_ID_MAX {
        return Ok(());
    }
    Err(RequestError::invalid("vlan_id", vlan_id, "it is a number from 0 to 4095"))
}

fn check_name(name: &str) -> Result<(), RequestError> {
    if name.is_empty() { Err(RequestError::Empty { what: "name" }) } else { Ok(()) }
}

fn check_resolvers(resolvers: &[IpAddr]) -> Result<(), RequestError> {
    if resolvers.len() <= RESOLVERS_MAX {
        return Ok(());
    }
    Err(RequestError::invalid("resolvers", resolvers.len(), "there are at most 4"))
}
