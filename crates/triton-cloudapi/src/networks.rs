//! Networks (manual, "Networks").

use serde::{Deserialize, Serialize};

use crate::ids::NetworkId;

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
