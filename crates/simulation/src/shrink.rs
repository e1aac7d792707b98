//! From a plan that breaks a promise to a small one that still does: what a person can read.

use crate::plan::{Deed, Plan};

// === impl Plan ===

impl Plan {
    /// Takes out of the plan whatever is not needed for `breaks` to be true of it.
    ///
    /// Deeds go by halves, quarters and so on down to single ones, until none can be spared ("ddmin" of Zeller and
    /// Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002); then bursts of pods become smaller. Deeds
    /// keep their moments, and so does the calm.
    #[must_use]
    pub fn shrink(mut self, mut breaks: impl FnMut(&Self) -> bool) -> Self {
        let mut chunk = self.deeds.len().div_ceil(2);
        while chunk > 0 {
            let has_shrunk = self.spare(chunk, &mut breaks);
            chunk = match (chunk, has_shrunk) {
                // What could not be spared before may be now.
                (1, true) => 1,
                (1, false) => 0,
                (chunk, _) => chunk.div_ceil(2),
            };
        }
        for place in 0..self.deeds.len() {
            self.make_fewer(place, &mut breaks);
        }
        self
    }

    /// Goes through the deeds in chunks and takes out those that are not needed; says whether there were any.
    fn spare(&mut self, chunk: usize, breaks: &mut impl FnMut(&Self) -> bool) -> bool {
        let before = self.deeds.len();
        let mut from = 0;
        while from < self.deeds.len() {
            let mut less = self.clone();
            less.deeds.drain(from..(from + chunk).min(self.deeds.len()));
            if breaks(&less) {
                *self = less;
            } else {
                from += chunk;
            }
        }
        self.deeds.len() < before
    }

    /// Lets a burst of pods be of fewer.
    fn make_fewer(&mut self, place: usize, breaks: &mut impl FnMut(&Self) -> bool) {
        while let Some(&(_, Deed::Create(kind, count))) = self.deeds.get(place)
            && count > 1
        {
            let is_smaller = [count / 2, count - 1].into_iter().any(|fewer| {
                let mut less = self.clone();
                less.deeds[place].1 = Deed::Create(kind, fewer);
                let is_enough = breaks(&less);
                if is_enough {
                    *self = less;
                }
                is_enough
            });
            if !is_smaller {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::plan::Kind;

    fn plan(deeds: Vec<Deed>) -> Plan {
        let at = |place| Duration::from_secs(place as u64);
        let deeds = deeds.into_iter().enumerate().map(|(place, deed)| (at(place), deed)).collect();
        Plan { deeds, calm: Duration::from_secs(60) }
    }

    fn shown(plan: &Plan) -> Vec<String> {
        plan.deeds.iter().map(|(at, deed)| format!("{} {deed}", at.as_secs())).collect()
    }

    #[test]
    fn what_is_not_needed_goes_and_what_is_needed_together_stays() {
        let mut deeds = vec![Deed::NodeDeleted; 20];
        deeds[0] = Deed::Create(Kind::Plain, 9);
        deeds[3] = Deed::Recreate(7);
        deeds[17] = Deed::ClockJumps(5);
        let breaks = |plan: &Plan| {
            let pods = plan.deeds.iter().any(|(_, deed)| matches!(deed, Deed::Create(_, 3..)));
            let has = |wanted: &str| shown(plan).iter().any(|deed| deed == wanted);
            pods && has("3 Recreate(7)") && has("17 ClockJumps(5)")
        };
        let small = plan(deeds).shrink(breaks);
        assert_eq!(shown(&small), ["0 Create(Plain, 3)", "3 Recreate(7)", "17 ClockJumps(5)"]);
        assert_eq!(small.calm, Duration::from_secs(60));
    }

    #[test]
    fn a_plan_that_needs_nothing_becomes_empty() {
        assert!(plan(vec![Deed::NodeDeleted; 5]).shrink(|_| true).deeds.is_empty());
    }
}
