//! Whether anyone is there (manual, "Ping").

use serde::{Deserialize, Serialize};

use crate::answer::json;
use crate::endpoint::{Endpoint, Group, Idempotency, Priority, Scope};
use crate::lenient;
use crate::request::{Request, RequestError};
use crate::server::ServerVersion;
use crate::target::Target;

const PING: Endpoint = Endpoint {
    name: "Ping",
    group: Group::Unlimited,
    idempotency: Idempotency::Read,
    priority: Priority::List,
    scope: Scope::Root,
};

/// The calls of this section of the manual.
pub const ENDPOINTS: &[Endpoint] = &[PING];

/// What the server says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Pong {
    /// `pong`.
    pub ping: String,
    /// API versions, where given.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub cloudapi: PongVersions,
    /// The datacenter's name, from the header `Triton-Datacenter-Name`.
    #[serde(skip)]
    pub datacenter: Option<String>,
    /// Version of the server's code, from the header `Server`.
    #[serde(skip)]
    pub server: Option<ServerVersion>,
}

/// API versions a server has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PongVersions {
    /// `7.0.0`, …, `9.0.0`.
    pub versions: Vec<String>,
}

/// Ping: whether anyone is there, without authentication.
///
/// # Errors
///
/// [`RequestError`].
pub fn ping() -> Result<Request<Pong>, RequestError> {
    PING.get(&Target::new("/--ping"), |answer| {
        let mut pong: Pong = json(answer)?;
        pong.datacenter = answer.header("triton-datacenter-name").map(str::to_owned);
        pong.server = answer.server_version();
        Ok(pong)
    })
}
