//! The whole node in one thread, in virtual time and from one seed, against two APIs that fail in every way known.
//!
//! A [`Run`] has a cluster ([`apiserver`]), a datacenter (the simulator, in process) and processes of the node between
//! them, which are killed, doubled, stopped and cut off by a [`Plan`] drawn from the seed. An [`oracle`] that sees only
//! the two APIs says what should not have happened. The same seed makes the same run, to the last byte.
//!
//! ```
//! use simulation::{Plan, Profile, Run};
//!
//! # fn main() -> anyhow::Result<()> {
//! let plan = Plan::draw(1, Profile::Calm);
//! let outcome = Run { seed: 1, plan, ..Run::default() }.go()?;
//! assert_eq!(outcome.violations, []);
//! # Ok(())
//! # }
//! ```

pub mod apiserver;
pub mod boundary;
pub mod canary;
mod cloud;
pub mod crash;
pub mod history;
mod life;
pub mod log;
mod luck;
pub mod oracle;
pub mod plan;
mod pods;
mod settled;
mod shrink;
mod ticket;
mod trace;
mod wire;
mod world;

pub use boundary::Point;
pub use crash::{Coverage, Depth};
pub use log::Log;
pub use oracle::{Invariant, Violation};
pub use plan::{Deed, Plan, Profile};
pub use ticket::Tickets;
pub use world::{Outcome, Run};
