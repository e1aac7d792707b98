//! Addresses of a network (manual, "Network IPs"). Pools have none of their own (409).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::answer::{json, page};
use crate::endpoint::{Endpoint, Group};
use crate::ids::NetworkId;
use crate::lenient;
use crate::networks::path;
use crate::page::{Page, check_limit};
use crate::request::{Request, RequestError};
use crate::target::Target;

const LIST: Endpoint = Endpoint::read("ListNetworkIPs", Group::Networks);
const GET: Endpoint = Endpoint::read("GetNetworkIP", Group::Networks);
const UPDATE: Endpoint = Endpoint::set("UpdateNetworkIP", Group::Networks);

/// The calls of this section of the manual.
pub const ENDPOINTS: &[Endpoint] = &[LIST, GET, UPDATE];

/// An address that is used or reserved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NetworkIp {
    /// The address.
    pub ip: IpAddr,
    /// Whether instances are not given it unless they ask for it.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub reserved: bool,
    /// Whether Triton itself uses it (gateways, for instance).
    #[serde(default, deserialize_with = "lenient::flag")]
    pub managed: bool,
    /// Account that uses it.
    #[serde(
        default,
        deserialize_with = "lenient::parsed",
        skip_serializing_if = "Option::is_none"
    )]
    pub owner_uuid: Option<Uuid>,
    /// Instance that has it, or what else.
    #[serde(
        default,
        deserialize_with = "lenient::parsed",
        skip_serializing_if = "Option::is_none"
    )]
    pub belongs_to_uuid: Option<Uuid>,
}

/// Which part of a network's addresses to list. A page that is shorter than its limit is the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListNetworkIps {
    /// Page size, 1-1000; the server's default and maximum is 1000.
    pub limit: Option<u32>,
    /// Addresses to skip.
    pub offset: Option<u32>,
}

/// ListNetworkIPs, one page.
///
/// # Errors
///
/// [`RequestError::Invalid`] for a limit out of 1-1000.
pub fn list(
    network: NetworkId,
    list: &ListNetworkIps,
) -> Result<Request<Page<NetworkIp>>, RequestError> {
    check_limit(list.limit)?;
    let target = ips(network).query_if("limit", list.limit).query_if("offset", list.offset);
    LIST.get(&target, page)
}

/// GetNetworkIP.
///
/// # Errors
///
/// [`RequestError`].
pub fn get(network: NetworkId, ip: IpAddr) -> Result<Request<NetworkIp>, RequestError> {
    GET.get(&ips(network).segment(ip), json)
}

/// UpdateNetworkIP: takes the address out of those that instances are given, or puts it back.
///
/// Refused (409) on public networks and for addresses that Triton or another account uses.
///
/// # Errors
///
/// [`RequestError`].
pub fn set_reserved(
    network: NetworkId,
    ip: IpAddr,
    reserved: bool,
) -> Result<Request<NetworkIp>, RequestError> {
    UPDATE.put(&ips(network).segment(ip), &json!({"reserved": reserved}), json)
}

fn ips(network: NetworkId) -> Target {
    path(network).fixed("ips")
}
