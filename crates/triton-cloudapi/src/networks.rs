//! Networks (manual, "Networks").

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::answer::{json, page};
use crate::endpoint::{Endpoint, Group};
use crate::ids::NetworkId;
use crate::lenient;
use crate::page::Page;
use crate::request::{Request, RequestError};
use crate::target::Target;

const LIST: Endpoint = Endpoint::read("ListNetworks", Group::Networks);
const GET: Endpoint = Endpoint::read("GetNetwork", Group::Networks);

/// The calls of this section of the manual.
pub const ENDPOINTS: &[Endpoint] = &[LIST, GET];

/// A network or network pool that the account may use. All from [`Network::subnet`] on is known of fabric networks only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Network {
    /// Identity.
    pub id: NetworkId,
    /// Name.
    pub name: String,
    /// Whether its addresses are public.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub public: bool,
    /// Whether it is a fabric network.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub fabric: bool,
    /// Description.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub description: Option<String>,
    /// Suffixes under which CNS names instances on it.
    #[serde(default, deserialize_with = "lenient::texts", skip_serializing_if = "Vec::is_empty")]
    pub suffixes: Vec<String>,
    /// CIDR.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub subnet: Option<String>,
    /// First address that instances get.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub provision_start_ip: Option<String>,
    /// Last address that instances get.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub provision_end_ip: Option<String>,
    /// Gateway.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_not_empty",
        skip_serializing_if = "Option::is_none"
    )]
    pub gateway: Option<String>,
    /// DNS servers.
    #[serde(default, deserialize_with = "lenient::texts", skip_serializing_if = "Vec::is_empty")]
    pub resolvers: Vec<String>,
    /// Routes: destination and gateway.
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub routes: BTreeMap<String, String>,
    /// Whether its instances reach the internet through address translation.
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Option::is_none"
    )]
    pub internet_nat: Option<bool>,
    /// VLAN it is on.
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Option::is_none"
    )]
    pub vlan_id: Option<u16>,
}

/// Filters of ListNetworks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListNetworks {
    /// Only fabric networks, or only others.
    pub fabric: Option<bool>,
}

/// ListNetworks: networks and pools that the account may use.
///
/// # Errors
///
/// [`RequestError`].
pub fn list(filter: &ListNetworks) -> Result<Request<Page<Network>>, RequestError> {
    LIST.get(&Target::new("/networks").query_if("fabric", filter.fabric), page)
}

/// GetNetwork, pools too.
///
/// # Errors
///
/// [`RequestError`].
pub fn get(id: NetworkId) -> Result<Request<Network>, RequestError> {
    GET.get(&path(id), json)
}

/// A network's path.
pub(crate) fn path(id: NetworkId) -> Target {
    Target::new("/networks").segment(id)
}
