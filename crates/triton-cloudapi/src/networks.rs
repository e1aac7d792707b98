//! Networks (manual, "Networks").

use http::Method;
use serde::{Deserialize, Serialize};

use crate::ids::NetworkId;
use crate::page::Page;
use crate::request::{Endpoint, Group, Request, RequestError};
use crate::target::Target;

/// A network or network pool that the account may use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Network {
    /// Identity.
    pub id: NetworkId,
    /// Name.
    pub name: String,
    /// Whether its addresses are public.
    #[serde(default)]
    pub public: bool,
    /// Whether it is a fabric network.
    #[serde(default)]
    pub fabric: bool,
    /// Description.
    #[serde(default)]
    pub description: Option<String>,
    /// CIDR (fabric networks only).
    #[serde(default)]
    pub subnet: Option<String>,
}

/// ListNetworks: networks and pools that the account may use.
///
/// # Errors
///
/// [`RequestError`].
pub fn list() -> Result<Request<Page<Network>>, RequestError> {
    let endpoint = Endpoint::read("ListNetworks", Group::Networks);
    Request::build(endpoint, Method::GET, &Target::new("/networks"), None, |answer| answer.page())
}

/// GetNetwork, pools too.
///
/// # Errors
///
/// [`RequestError`].
pub fn get(id: NetworkId) -> Result<Request<Network>, RequestError> {
    let endpoint = Endpoint::read("GetNetwork", Group::Networks);
    let target = Target::new("/networks").segment(id);
    Request::build(endpoint, Method::GET, &target, None, |answer| answer.json())
}
