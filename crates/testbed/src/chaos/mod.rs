//! Chaos: the real programs, a real control plane, and everything that can go wrong going wrong, by name and by seed.
//!
//! [`Plan`] draws rounds of [`Trouble`]s, [`Workload`] does what users do, [`Crew`] are the node's processes behind
//! proxies, and the [oracle](crate::oracle) judges what both APIs show of it.
//!
//! ```no_run
//! use std::time::Duration;
//! use testbed::chaos::{Chaos, ChaosOptions};
//!
//! # async fn example() -> anyhow::Result<()> {
//! let options =
//!     ChaosOptions { seed: 1, rounds: 7, length: Duration::from_secs(60), processes: 2 };
//! let outcome = Chaos::start(&options).await?.run(&options).await?;
//! assert_eq!(outcome.violations, []);
//! # Ok(()) }
//! ```

mod bystanders;
mod crew;
mod plan;
mod run;
mod tally;
mod trouble;
mod workload;

pub use crew::{Crew, Member};
pub use plan::{Plan, Round};
pub use run::{Chaos, ChaosOptions, Outcome};
pub use tally::Tally;
pub use trouble::{CLOUD_FAULTS, CloudFault, Trouble};
pub use workload::{Act, Workload};
