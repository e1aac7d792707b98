//! What this process remembers of one pod between passes: the life of its instance, and what is around it.

use tokio::time::Instant;

use crate::decide::State;

/// One pod's memory.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The life of its instance.
    pub life: State,
    /// What keeps the pod from having an instance, for its status.
    pub trouble: Option<Trouble>,
    /// The firewall rules were made or found since this process began.
    pub rules_ensured: bool,
    /// When to try to make them again.
    pub rules_retry_at: Option<Instant>,
}

/// What keeps a pod waiting, in its status' words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// CamelCase reason.
    pub reason: String,
    /// One sentence for a person.
    pub message: String,
}
