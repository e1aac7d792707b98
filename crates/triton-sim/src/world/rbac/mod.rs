//! Who may do what in an account: policies of rules, roles that carry them, and the tags that tie roles to resources.

mod condition;
mod permission;
mod policy;
mod role;
mod rule;
mod token;

pub(crate) use condition::Fact;
pub(crate) use permission::{active_roles, is_allowed};
pub(crate) use policy::Policy;
pub(crate) use role::{ADMINISTRATOR, Member, MemberKind, Role};
pub(crate) use rule::{Attempt, Rule};
