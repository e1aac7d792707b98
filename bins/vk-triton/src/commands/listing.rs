//! Instances and what is done with each, printed as a table or as one JSON object.

use jiff::Timestamp;
use serde::Serialize;

use super::{age, print};
use crate::args::Output;
use crate::exit::Outcome;

const HEADS: [&str; 7] = ["INSTANCE", "NAME", "STATE", "AGE", "POD", "STANDING", "ACTION"];

/// What the rows of a listing have in common.
pub(super) trait Row: Serialize {
    /// Its instance.
    fn line(&self) -> Line<'_>;
}

/// The columns of a row.
pub(super) struct Line<'a> {
    pub(super) id: String,
    pub(super) name: &'a str,
    pub(super) state: &'a str,
    pub(super) created: Option<Timestamp>,
    pub(super) namespace: &'a str,
    pub(super) pod: &'a str,
    /// How it stands, in words.
    pub(super) standing: &'static str,
}

/// One instance.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Shown<'a, R> {
    #[serde(flatten)]
    pub(super) row: &'a R,
    /// What would be done, or what was.
    pub(super) action: &'static str,
}

/// Everything that is printed.
#[derive(Serialize)]
pub(super) struct Listing<'a, R> {
    pub(super) cluster: &'a str,
    pub(super) node: &'a str,
    pub(super) instances: &'a [Shown<'a, R>],
}

// === impl Listing ===

impl<R: Row> Listing<'_, R> {
    pub(super) fn print(&self, output: Output, now: Timestamp) -> Outcome<()> {
        let lines: Vec<[String; 7]> = self
            .instances
            .iter()
            .map(|shown| {
                let line = shown.row.line();
                [
                    line.id,
                    line.name.to_owned(),
                    line.state.to_owned(),
                    age(line.created, now),
                    format!("{}/{}", line.namespace, line.pod),
                    line.standing.to_owned(),
                    shown.action.to_owned(),
                ]
            })
            .collect();
        print(output, self, HEADS, &lines)
    }
}
