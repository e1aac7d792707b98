//! The account's configuration (manual, "Config").

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::answer::json;
use crate::endpoint::{Endpoint, Group};
use crate::ids::NetworkId;
use crate::lenient;
use crate::request::{Request, RequestError};
use crate::target::Target;

const GET: Endpoint = Endpoint::read("GetConfig", Group::Config);
const UPDATE: Endpoint = Endpoint::set("UpdateConfig", Group::Config);

/// The calls of this section of the manual.
pub const ENDPOINTS: &[Endpoint] = &[GET, UPDATE];

/// What the server assumes where a request says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AccountConfig {
    /// Fabric network that instances are put on.
    #[serde(
        default,
        deserialize_with = "lenient::parsed",
        skip_serializing_if = "Option::is_none"
    )]
    pub default_network: Option<NetworkId>,
}

/// GetConfig.
///
/// # Errors
///
/// [`RequestError`].
pub fn get() -> Result<Request<AccountConfig>, RequestError> {
    GET.get(&Target::new("/config"), json)
}

/// UpdateConfig: which of the account's fabric networks is the default.
///
/// # Errors
///
/// [`RequestError`].
pub fn update(default_network: NetworkId) -> Result<Request<AccountConfig>, RequestError> {
    UPDATE.put(&Target::new("/config"), &json!({"default_network": default_network}), json)
}
