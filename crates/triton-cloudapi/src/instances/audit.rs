//! An instance's audit: which actions ended, and how (manual, "MachineAudit").

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::path;
use crate::answer::page;
use crate::endpoint::{Endpoint, Group};
use crate::ids::InstanceId;
use crate::lenient;
use crate::page::Page;
use crate::request::{Request, RequestError};
use crate::timestamp;

pub(super) const AUDIT: Endpoint = Endpoint::read("MachineAudit", Group::Machines);

/// One action that ended. Running and waiting ones are not shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditEntry {
    /// `provision`, `start`, `stop`, `reboot`, `destroy`, …
    pub action: String,
    /// `yes` or `no`.
    #[serde(default, deserialize_with = "lenient::text")]
    pub success: String,
    /// When it ended.
    #[serde(default, with = "timestamp")]
    pub time: Option<Timestamp>,
    /// Who asked for it.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub caller: AuditCaller,
}

/// Who asked for an action, as far as the server tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditCaller {
    /// `signature`, `token`, `basic` or `operator`.
    #[serde(rename = "type", default, deserialize_with = "lenient::text")]
    pub kind: String,
    /// Login, where it is known.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub user: Option<String>,
    /// Address it came from.
    #[serde(
        default,
        deserialize_with = "lenient::parsed",
        skip_serializing_if = "Option::is_none"
    )]
    pub ip: Option<IpAddr>,
    /// Key that signed.
    #[serde(
        rename = "keyId",
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub key_id: Option<String>,
}

// === impl AuditEntry ===

impl AuditEntry {
    /// Whether the action worked.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.success == "yes"
    }
}

/// MachineAudit, newest first.
///
/// # Errors
///
/// [`RequestError`].
pub fn audit(id: InstanceId) -> Result<Request<Page<AuditEntry>>, RequestError> {
    AUDIT.get(&path(id).fixed("audit"), page)
}
