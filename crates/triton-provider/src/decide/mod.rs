//! The life of an instance, decided without clock or I/O: `step(state, view, event) -> effect`.
//!
//! Read [`life`] from top to bottom: it is the algorithm of `docs/reliability/algorithm.md`, step by step. What the answer
//! to an effect changes is in [`answer`]; what a state of an instance that is there asks for (restarts, protection) in
//! [`restart`], and what its hooks ask for in [`hook`]; who stays of twins in [`twins`]; the words that go in and out are in [`words`], and what is remembered
//! between steps in [`state`].
//!
//! The rules that hold everything together:
//! - unknown is never absent: without a complete list of the cloud nothing is created and nothing is given up;
//! - one create at a time, and none while an earlier one may still come true;
//! - the same instance is kept by every process that looks at the same twins;
//! - nothing is deleted that does not carry this cluster, this node and this pod's UID.
//!
//! The caller (`passes`) performs an effect, makes its answer an event, and calls `step` again. An effect that failed is
//! no event: the state is as it was before it, and the next look decides again. Whatever must not be forgotten when the
//! process dies, or the answer never comes, is in the state before the effect is asked for.

pub mod answer;
#[cfg(test)]
mod anything;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod hook;
pub mod life;
#[cfg(test)]
mod model;
pub mod restart;
mod sight;
pub mod state;
pub mod twins;
pub mod words;

pub use life::step;
pub use state::State;
pub use words::{
    Action, Because, Effect, Event, Found, GivenUp, Hook, HookStand, Hooks, Leave, Published,
    RestartPolicy, Run, Standing, View, Why, Wish,
};

use std::sync::Arc;

use tokio::time::Instant;

use crate::seen::Seen;

/// What a complete list of our instances said of one pod.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// When the list was asked for: what happened later is not in it.
    pub taken_at: Instant,
    /// The pod's instances, by its UID tag; usually none or one.
    pub instances: Vec<Arc<Seen>>,
    /// What the changefeed has said of the pod's instances since then, the newest of each. Hints: the feed loses,
    /// repeats and reorders.
    pub told: Vec<Told>,
}

/// An instance as the changefeed told of it.
#[derive(Clone, Debug)]
pub struct Told {
    /// When the frame came. It may tell of an earlier moment than one that came before it.
    pub at: Instant,
    /// The instance.
    pub instance: Arc<Seen>,
}
