//! Roles: who has which policies.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Members of a role of this name may do everything; it carries no policies.
pub(crate) const ADMINISTRATOR: &str = "administrator";

/// A role of an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Role {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) members: Vec<Member>,
    pub(crate) policies: Vec<Uuid>,
}

/// Somebody who may take the role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) id: Uuid,
    pub(crate) kind: MemberKind,
    /// Has the role without asking for it.
    pub(crate) is_default: bool,
}

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MemberKind {
    /// A sub-user of the account.
    SubUser,
    /// Another account.
    Account,
}

// === impl Role ===

impl Role {
    /// The membership of a sub-user or an account.
    pub(crate) fn member(&self, id: Uuid) -> Option<&Member> {
        self.members.iter().find(|member| member.id == id)
    }
}

// === impl MemberKind ===

impl MemberKind {
    /// As API 9 spells it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::SubUser => "subuser",
            Self::Account => "account",
        }
    }
}
