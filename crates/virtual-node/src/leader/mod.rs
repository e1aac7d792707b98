//! Which process acts for a node: a Lease elects one, the others stand by.
//!
//! The rules are client-go's leader election, with three differences: a process that was stopped for a while goes on if
//! the Lease shows that nobody acted meanwhile, a holder that is provably dead is replaced without waiting, and the right
//! to act is a [`Fence`](crate::Fence) that is asked at the moment of sending instead of a flag.
//!
//! What is decided is in `decide.rs`, without clock or I/O; `election.rs` carries it out.

pub mod decide;
mod election;
pub mod holder;
pub mod identity;
pub mod record;
pub mod terms;

pub use decide::ElectionTimes;
pub use election::{DeathCheck, Election, ElectionError, Term};
pub use identity::Identity;
pub use terms::{LeadError, Leader};
