//! Knowing a change that comes twice, and one that comes late.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};

use jiff::Timestamp;

use super::Change;
use crate::ids::InstanceId;

/// Changes and instances that are remembered: at least this many, at most twice as many.
pub const REMEMBERED_MAX: usize = 4096;

/// What a change is, next to those that came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Novelty {
    /// It is the newest of its instance.
    New,
    /// It is new, but older than one that came before.
    Late,
    /// It came before.
    Duplicate,
}

/// The changes that came lately.
///
/// Two generations, of which the older one is forgotten as a whole: no clock and no order to keep.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    young: Generation,
    old: Generation,
}

#[derive(Clone, Debug, Default)]
struct Generation {
    seen: HashSet<Print>,
    newest: HashMap<InstanceId, Timestamp>,
}

/// What makes a change the same as another, as a hash: with all its texts a change takes half a kilobyte. That two of
/// 8192 share one by chance is as likely as 1 to 10^12, and costs what a change that CloudAPI loses does.
type Print = u64;

// === impl Recent ===

impl Recent {
    /// Takes a change in. One without a time is always new: nothing tells it from another.
    pub fn observe(&mut self, change: &Change) -> Novelty {
        let Some(published) = change.published else { return Novelty::New };
        let key = print(change);
        if self.young.seen.contains(&key) || self.old.seen.contains(&key) {
            return Novelty::Duplicate;
        }
        if self.young.seen.len() >= REMEMBERED_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.seen.insert(key);
        let newest = self.newest(change.instance_id);
        let is_late = newest.is_some_and(|newest| published < newest);
        let newest = newest.map_or(published, |newest| newest.max(published));
        self.young.newest.insert(change.instance_id, newest);
        if is_late { Novelty::Late } else { Novelty::New }
    }

    fn newest(&self, instance_id: InstanceId) -> Option<Timestamp> {
        let of = |generation: &Generation| generation.newest.get(&instance_id).copied();
        of(&self.young).or_else(|| of(&self.old))
    }
}

fn print(change: &Change) -> Print {
    let Change { instance_id, published, raw_state, sub_resources, .. } = change;
    let mut hasher = DefaultHasher::new();
    (instance_id, published, raw_state, sub_resources).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(id: u32, published: i64, state: &str) -> Change {
        let published = if published < 0 { "null".to_owned() } else { format!("\"{published}\"") };
        Change::from_frame(&format!(
            r#"{{"changedResourceId":"00000000-0000-4000-8000-{id:012}","published":{published},"resourceState":"{state}"}}"#
        ))
        .unwrap()
    }

    #[track_caller]
    fn check(changes: &[(u32, i64, &str, Novelty)]) {
        let mut recent = Recent::default();
        for (id, published, state, expected) in changes {
            assert_eq!(
                recent.observe(&change(*id, *published, state)),
                *expected,
                "{id} {published} {state}"
            );
        }
    }

    #[test]
    fn the_same_change_is_told_once_even_with_others_between() {
        check(&[
            (1, 10, "running", Novelty::New),
            (1, 10, "running", Novelty::Duplicate),
            (2, 11, "running", Novelty::New),
            (1, 10, "running", Novelty::Duplicate),
            (1, 10, "stopped", Novelty::New),
        ]);
    }

    #[test]
    fn an_older_change_is_late_for_its_own_instance_only() {
        check(&[
            (1, 20, "running", Novelty::New),
            (1, 10, "down", Novelty::Late),
            (2, 10, "down", Novelty::New),
            (1, 20, "stopping", Novelty::New),
            (1, 15, "ready", Novelty::Late),
        ]);
    }

    #[test]
    fn without_a_time_nothing_is_a_duplicate() {
        check(&[(1, -1, "running", Novelty::New), (1, -1, "running", Novelty::New)]);
    }

    #[test]
    fn what_is_remembered_has_a_limit() {
        let mut recent = Recent::default();
        for id in 0..5 * REMEMBERED_MAX as u32 {
            recent.observe(&change(id, 10, "running"));
            assert!(recent.young.seen.len() + recent.old.seen.len() <= 2 * REMEMBERED_MAX);
            assert!(recent.young.newest.len() + recent.old.newest.len() <= 2 * REMEMBERED_MAX);
        }
        let last = 5 * REMEMBERED_MAX as u32 - 1;
        assert_eq!(recent.observe(&change(last, 10, "running")), Novelty::Duplicate);
        assert_eq!(recent.observe(&change(last, 9, "running")), Novelty::Late);
        assert_eq!(recent.observe(&change(0, 10, "running")), Novelty::New);
    }
}
