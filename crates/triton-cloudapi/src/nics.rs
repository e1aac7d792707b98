//! NICs of instances (manual, "Nics"). Adding and removing one reboots the instance.

use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::answer::{json, page};
use crate::endpoint::{Endpoint, Group};
use crate::ids::{InstanceId, NetworkId};
use crate::instances::{NetworkRequest, path};
use crate::lenient;
use crate::page::Page;
use crate::request::{Answer, AnswerError, Request, RequestError};
use crate::target::Target;
use crate::text_enum::text_enum;

const LIST: Endpoint = Endpoint::read("ListNics", Group::Nics);
const ADD: Endpoint = Endpoint::once("AddNic", Group::Nics);
const GET: Endpoint = Endpoint::read("GetNic", Group::Nics);
const REMOVE: Endpoint = Endpoint::remove("RemoveNic", Group::Nics);

/// The calls of this section of the manual.
pub const ENDPOINTS: &[Endpoint] = &[LIST, ADD, GET, REMOVE];

/// A network interface of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Nic {
    /// MAC address, colons included.
    #[serde(default, deserialize_with = "lenient::text")]
    pub mac: String,
    /// Whether its address is the primary one.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub primary: bool,
    /// IPv4 or IPv6 address, or `dhcp`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub ip: String,
    /// Netmask.
    #[serde(default, deserialize_with = "lenient::text")]
    pub netmask: String,
    /// Gateway, if any.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_not_empty",
        skip_serializing_if = "Option::is_none"
    )]
    pub gateway: Option<String>,
    /// Whether it can be used.
    #[serde(default, deserialize_with = "lenient::text_as")]
    pub state: NicState,
    /// Network it is on.
    #[serde(
        default,
        deserialize_with = "lenient::parsed",
        skip_serializing_if = "Option::is_none"
    )]
    pub network: Option<NetworkId>,
}

/// Where a NIC is in its life.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NicState {
    /// Being added. If it then is not found, that failed.
    Provisioning,
    /// In use.
    Running,
    /// Its instance is stopped.
    Stopped,
    /// Something else, as it came.
    Other(String),
}

text_enum!(NicState, Other, {
    Provisioning => "provisioning",
    Running => "running",
    Stopped => "stopped",
});

/// What became of adding a NIC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddedNic {
    /// It is being added.
    Added(Nic),
    /// The instance has a NIC on that network already; nothing was done.
    Exists {
        /// MAC address of the one that is there, without colons, where the server says so.
        mac: Option<String>,
    },
}

/// ListNics.
///
/// # Errors
///
/// [`RequestError`].
pub fn list(instance: InstanceId) -> Result<Request<Page<Nic>>, RequestError> {
    LIST.get(&nics(instance), page)
}

/// AddNic; the instance is rebooted. `primary` makes its address the instance's primary one.
///
/// # Errors
///
/// [`RequestError`].
pub fn add(
    instance: InstanceId,
    network: &NetworkRequest,
    primary: bool,
) -> Result<Request<AddedNic>, RequestError> {
    let mut body = serde_json::json!({"network": match network.ip {
        Some(_) => network.to_object(),
        None => network.network.to_string().into(),
    }});
    if primary {
        body["primary"] = true.into();
    }
    ADD.post(&nics(instance), &body, added)
}

/// GetNic, by MAC address with or without colons.
///
/// # Errors
///
/// [`RequestError::Invalid`] for what is no MAC address.
pub fn get(instance: InstanceId, mac: &str) -> Result<Request<Nic>, RequestError> {
    GET.get(&nic(instance, mac)?, json)
}

/// RemoveNic, by MAC address with or without colons; the instance is rebooted. That it is not there is success.
///
/// # Errors
///
/// [`RequestError::Invalid`] for what is no MAC address.
pub fn remove(instance: InstanceId, mac: &str) -> Result<Request<()>, RequestError> {
    REMOVE.delete(&nic(instance, mac)?)
}

fn nics(instance: InstanceId) -> Target {
    path(instance).fixed("nics")
}

fn nic(instance: InstanceId, mac: &str) -> Result<Target, RequestError> {
    let digits: String = mac.chars().filter(|c| *c != ':').collect();
    if digits.len() != 12 || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err(RequestError::invalid(
            "a MAC address",
            mac,
            "it has 12 hexadecimal digits, with or without colons",
        ));
    }
    Ok(nics(instance).segment(digits.to_ascii_lowercase()))
}

fn added(answer: &Answer<'_>) -> Result<AddedNic, AnswerError> {
    if answer.status != StatusCode::FOUND {
        return json(answer).map(AddedNic::Added);
    }
    let location = answer.header("location").and_then(|location| location.rsplit('/').next());
    Ok(AddedNic::Exists { mac: location.filter(|mac| !mac.is_empty()).map(str::to_owned) })
}
