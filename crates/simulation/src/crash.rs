//! Every boundary of a script, with the process killed at each in turn.

use std::time::Duration;

use crate::boundary::Point;
use crate::oracle::Violation;
use crate::plan::{Deed, Kind, Plan};
use crate::world::Run;

/// How thoroughly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Depth {
    /// Each boundary once: changes after they were carried out, reads in turn before, after and when answered.
    Once,
    /// All three points of each boundary.
    All,
    /// Every two points of two boundaries of the short script, before they are sent and after they are carried out.
    Pairs,
}

/// What was reached, and what came of it.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Boundaries that the script has when nothing is killed.
    pub boundaries: usize,
    /// Boundaries at which a process was killed.
    pub killed_at: usize,
    /// Runs that it took.
    pub runs: usize,
    /// What should not have happened, with where the processes were killed and what that boundary is.
    pub violations: Vec<(Vec<Point>, String, Violation)>,
}

/// All that happens in a pod's life, twice over: create, run, a guest that stops, a port opened, delete, recreate.
#[must_use]
pub fn script() -> Plan {
    let at = Duration::from_secs;
    Plan {
        deeds: vec![
            (at(0), Deed::Create(Kind::Open, 1)),
            (at(1), Deed::Create(Kind::Protected, 1)),
            (at(12), Deed::GuestStops(0)),
            (at(45), Deed::Delete(0, Some(2))),
            (at(60), Deed::Recreate(0)),
        ],
        calm: at(75),
    }
}

/// One pod, made and deleted.
#[must_use]
pub fn short_script() -> Plan {
    Plan {
        deeds: vec![
            (Duration::ZERO, Deed::Create(Kind::Open, 1)),
            (Duration::from_secs(8), Deed::Delete(0, Some(1))),
        ],
        calm: Duration::from_secs(12),
    }
}

/// Runs a script once to count its boundaries, then once for each place to die.
///
/// # Errors
/// When a stage could not be set.
pub fn enumerate(plan: &Plan, seed: u64, depth: Depth) -> anyhow::Result<Coverage> {
    let whole = Run { seed, plan: plan.clone(), ..Run::default() }.go()?;
    let names = &whole.boundaries;
    let mut coverage = Coverage { boundaries: names.len(), ..Coverage::default() };
    let undisturbed = whole.violations.into_iter();
    coverage.violations.extend(undisturbed.map(|found| (Vec::new(), String::new(), found)));
    let mut is_reached = vec![false; names.len()];
    for deaths in deaths(names, depth) {
        let run = Run { seed, plan: plan.clone(), deaths: deaths.clone(), ..Run::default() };
        let outcome = run.go()?;
        coverage.runs += 1;
        for point in &outcome.died {
            if let Some(reached) = is_reached.get_mut(point.number() as usize) {
                *reached = true;
            }
        }
        let name = |point: &Point| names.get(point.number() as usize).cloned().unwrap_or_default();
        let named: Vec<String> = deaths.iter().map(name).collect();
        let found = outcome.violations.into_iter();
        coverage.violations.extend(found.map(|found| (deaths.clone(), named.join(", "), found)));
    }
    coverage.killed_at = is_reached.iter().filter(|reached| **reached).count();
    Ok(coverage)
}

fn deaths(names: &[String], depth: Depth) -> Vec<Vec<Point>> {
    let numbers = 0..names.len() as u64;
    match depth {
        Depth::All => numbers.flat_map(Point::all).map(|point| vec![point]).collect(),
        Depth::Once => numbers
            .zip(names)
            .map(|(number, name)| {
                let is_read = name.contains(" GET ");
                let turn = if is_read { number as usize % 3 } else { 1 };
                vec![Point::all(number)[turn]]
            })
            .collect(),
        Depth::Pairs => {
            let ends = |number| [Point::BeforeSend(number), Point::AfterCommit(number)];
            let first = numbers.flat_map(ends);
            // The second process goes another way than the first did, so its boundaries are counted on.
            first
                .flat_map(|first| {
                    let from = first.number() + 1;
                    (from..from + names.len() as u64)
                        .flat_map(ends)
                        .map(move |second| vec![first, second])
                })
                .collect()
        }
    }
}
