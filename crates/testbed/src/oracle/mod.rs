//! An oracle that sees only the two APIs: pods through the API server, instances, requests and rules through the
//! simulator's journals. It knows nothing of the node's own state, and believes nothing the node says of itself.
//!
//! [`Oracle`] judges what happens while it happens, [`AtRest`] what is left when faults have ended; both are plain
//! functions of facts. [`Watch`] brings them the facts, past every proxy.

mod facts;
mod judge;
mod report;
mod rest;
mod terms;
mod violation;
mod watch;

pub use facts::{InstanceFact, Phase, PodFact, RequestFact, RuleFact};
pub use judge::{LAG, Oracle, Twins};
pub use report::table;
pub use rest::{AtRest, Discrepancy};
pub use terms::Terms;
pub use violation::{Invariant, Violation};
pub use watch::Watch;
