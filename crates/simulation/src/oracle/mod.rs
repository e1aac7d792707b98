//! What must never happen, judged by what the two APIs saw and by nothing else.
//!
//! The history is gone through once, in order; each promise has a function that looks at each entry with everything
//! before it at hand. What must be true in the end (S3, L1) is watched while the run goes on.

mod creates;
mod deletes;
mod requests;
mod scene;
mod status;
#[cfg(test)]
mod tests;

use std::fmt;

use jiff::Timestamp;
use uuid::Uuid;

use crate::history::{Entry, What};
use scene::Scene;

/// A promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub enum Invariant {
    /// At most one living instance is ever reported for a pod, and no create is sent while another may come true.
    S1,
    /// Nothing is deleted that is not ours, or whose pod wants it.
    S2,
    /// Nothing outlives its pod.
    S3,
    /// Phases go forward, ends are final, restarts are only counted up, Ready is true.
    S4,
    /// A pod never shows what is another's.
    S5,
    /// Firewall rules that we made go with their users, and no others do.
    S6,
    /// No secret is shown anywhere.
    S7,
    /// The Node lives whatever CloudAPI does, and no pod fails because nobody knows how it is.
    S8,
    /// Requests are bounded.
    S9,
    /// Who has lost the lease changes nothing.
    S10,
    /// When nothing is done any more, everything comes to be as it should.
    L1,
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// When it showed.
    pub at: Timestamp,
    /// The pod's UID, if it is about one.
    pub pod: Option<String>,
    /// How.
    pub message: String,
}

/// What the oracle is told beforehand.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// UID of the cluster.
    pub cluster: String,
    /// Name of the node.
    pub node: String,
    /// Instances that belong to others.
    pub strangers: Vec<Uuid>,
}

/// Judges a history.
#[must_use]
pub fn judge(entries: &[Entry], facts: &Facts) -> Vec<Violation> {
    let mut scene = Scene::new(facts);
    let mut violations = Vec::new();
    for entry in entries {
        let at = entry.at;
        let mut tell = |invariant, pod: Option<&str>, message: String| {
            violations.push(Violation { invariant, at, pod: pod.map(ToOwned::to_owned), message });
        };
        match &entry.what {
            What::Object(change) => {
                status::check(&scene, change, &mut tell);
                requests::check_object(&scene, change, &mut tell);
            }
            What::Call(call) => {
                creates::check(&scene, call, &mut tell);
                deletes::check(&scene, call, &mut tell);
                requests::check(&mut scene, call, &mut tell);
            }
            What::Instance(record) => requests::check_instance(record, &mut tell),
            What::Shown(..) | What::Life(..) | What::Deed(_) | What::Calm => {}
        }
        scene.take(entry);
    }
    violations
}

/// Takes violations in: which promise, whose pod, how.
type Tell<'a> = dyn FnMut(Invariant, Option<&str>, String) + 'a;

// === impl Violation ===

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pod = self.pod.as_deref().unwrap_or("-");
        write!(f, "{:?} at {} pod {pod}: {}", self.invariant, self.at, self.message)
    }
}
