//! Firewall rules: their language, their canonical text and whom they concern.

mod index;
mod parse;
mod print;
mod rule;
mod token;

pub(crate) use index::RuleIndex;
pub(crate) use parse::RuleText;
pub(crate) use rule::FirewallRule;
