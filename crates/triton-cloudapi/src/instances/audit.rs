//! An instance's audit: which actions ended, and how.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One action that ended (manual, "MachineAudit"). Running and waiting ones are not shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuditEntry {
    /// `provision`, `start`, `stop`, `reboot`, `destroy`, …
    pub action: String,
    /// `yes` or `no`.
    #[serde(default)]
    pub success: String,
    /// When it ended.
    #[serde(default)]
    pub time: Option<Timestamp>,
}

// === impl AuditEntry ===

impl AuditEntry {
    /// Whether the action worked.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.success == "yes"
    }
}
