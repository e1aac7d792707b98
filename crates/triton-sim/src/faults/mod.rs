//! Scripted trouble: which kinds there are, which are set, and when they strike.

mod catalog;
mod fault;
mod schedule;
mod script;

pub use catalog::{FaultEntry, FaultKind, FaultScope, UnknownFault};
pub use fault::Fault;
pub(crate) use schedule::{Faults, Strike, Trouble};
pub(crate) use script::read_fault;
pub use script::{FaultError, FaultScript, ScriptError};

/// `; did you mean "…"?` with the candidate that is least unlike `text`.
fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let unlike = |candidate: &&str| strsim::damerau_levenshtein(text, candidate);
    let nearest = candidates.into_iter().min_by_key(unlike);
    nearest.map(|nearest| format!("; did you mean {nearest:?}?")).unwrap_or_default()
}
