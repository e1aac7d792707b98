//! All our instances at one moment.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::time::Instant;
use triton_cloudapi::InstanceId;

use crate::decide::Sighting;
use crate::seen::Seen;

/// All our instances at one moment: what a complete list showed.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When the list was asked for.
    pub taken_at: Instant,
    /// Sorted by the UID of their pod, then by their own id.
    instances: Vec<Arc<Seen>>,
}

// === impl Snapshot ===

impl Snapshot {
    /// A complete list of instances that are ours. What looks as in `earlier` is kept once for both.
    #[must_use]
    pub fn new(taken_at: Instant, seen: Vec<Seen>, earlier: Option<&Self>) -> Self {
        let mut instances: Vec<Arc<Seen>> = Vec::with_capacity(seen.len());
        for seen in seen {
            let known = earlier.and_then(|earlier| earlier.find(&seen.mark.uid, seen.id));
            let same = known.filter(|known| ***known == seen).cloned();
            instances.push(same.unwrap_or_else(|| Arc::new(seen)));
        }
        instances.sort_unstable_by(|one, other| place(one).cmp(&place(other)));
        Self { taken_at, instances }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Seen>> {
        self.instances.iter()
    }

    /// How many instances it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.instances.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.instances.is_empty()
    }

    /// The instances of one pod: usually one.
    #[must_use]
    pub fn of(&self, uid: &str) -> &[Arc<Seen>] {
        let from = self.instances.partition_point(|seen| *seen.mark.uid < *uid);
        let rest = self.instances.get(from..).unwrap_or_default();
        let count = rest.iter().take_while(|seen| *seen.mark.uid == *uid).count();
        rest.get(..count).unwrap_or_default()
    }

    /// One instance of one pod.
    #[must_use]
    pub fn find(&self, uid: &str, id: InstanceId) -> Option<&Arc<Seen>> {
        self.of(uid).iter().find(|seen| seen.id == id)
    }

    /// What it says of one pod.
    #[must_use]
    pub fn sighting(&self, uid: &str) -> Sighting {
        let instances = self.of(uid).to_vec();
        Sighting { taken_at: self.taken_at, instances, told: Vec::new() }
    }

    /// The UIDs of pods for which something differs from `earlier`.
    #[must_use]
    pub fn changed_since<'a>(&'a self, earlier: Option<&'a Self>) -> BTreeSet<&'a str> {
        let earlier = earlier.map(|earlier| &*earlier.instances).unwrap_or_default();
        differing(&self.instances, earlier).into_iter().map(|seen| &*seen.mark.uid).collect()
    }

    /// The instances that have come, gone or changed their state since `earlier`.
    #[must_use]
    pub fn moved_since(&self, earlier: Option<&Self>) -> Vec<InstanceId> {
        let Some(earlier) = earlier else { return Vec::new() };
        let differing = differing(&self.instances, &earlier.instances).into_iter();
        let has_moved = |seen: &&Arc<Seen>| {
            let uid = &seen.mark.uid;
            match (self.find(uid, seen.id), earlier.find(uid, seen.id)) {
                (Some(now), Some(before)) => now.state != before.state,
                _ => true,
            }
        };
        differing.filter(has_moved).map(|seen| seen.id).collect()
    }
}

/// Where an instance stands in a snapshot.
fn place(seen: &Seen) -> (&str, InstanceId) {
    (&seen.mark.uid, seen.id)
}

/// What is in only one of two sorted lists, or looks otherwise in the other.
fn differing<'a>(new: &'a [Arc<Seen>], old: &'a [Arc<Seen>]) -> Vec<&'a Arc<Seen>> {
    let mut differing = Vec::new();
    let (mut new, mut old) = (new.iter().peekable(), old.iter().peekable());
    while let (Some(ours), Some(theirs)) = (new.peek(), old.peek()) {
        match place(ours).cmp(&place(theirs)) {
            Ordering::Less => differing.extend(new.next()),
            Ordering::Greater => differing.extend(old.next()),
            Ordering::Equal => {
                let (ours, theirs) = (new.next(), old.next());
                differing.extend(ours.filter(|_| ours != theirs));
            }
        }
    }
    differing.extend(new.chain(old));
    differing
}

#[cfg(test)]
mod tests {
    use tokio::time::Duration;

    use super::*;
    use crate::decide::fixtures::{id, instance};

    /// Instances by pod, number and state.
    fn snapshot(seen: &[(&str, u128, &str)], earlier: Option<&Snapshot>, at: Instant) -> Snapshot {
        let seen = seen.iter().map(|(uid, n, state)| {
            let mut seen = Arc::unwrap_or_clone(instance(*n, state));
            seen.mark.uid = (*uid).into();
            seen
        });
        Snapshot::new(at, seen.collect(), earlier)
    }

    #[track_caller]
    fn check(now: &[(&str, u128, &str)], changed: &[&str]) {
        let at = Instant::now();
        let before =
            [("a", 1, "running"), ("b", 2, "running"), ("b", 3, "running"), ("c", 4, "running")];
        let before = snapshot(&before, None, at);
        let now = snapshot(now, Some(&before), at + Duration::from_secs(1));
        let found: Vec<&str> = now.changed_since(Some(&before)).into_iter().collect();
        assert_eq!(found, changed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pod_has_changed_when_one_of_its_instances_has() {
        let same =
            [("c", 4, "running"), ("b", 3, "running"), ("b", 2, "running"), ("a", 1, "running")];
        check(&same, &[]);
        check(&[], &["a", "b", "c"]);
        check(&[("a", 1, "running"), ("b", 2, "running"), ("c", 4, "stopped")], &["b", "c"]);
        check(
            &[
                ("0", 9, "running"),
                ("a", 1, "running"),
                ("b", 2, "running"),
                ("b", 3, "running"),
                ("c", 4, "running"),
                ("d", 5, "running"),
            ],
            &["0", "d"],
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_not_changed_is_kept_once() {
        let at = Instant::now();
        let before = snapshot(&[("a", 1, "running"), ("b", 2, "provisioning")], None, at);
        let now = snapshot(&[("a", 1, "running"), ("b", 2, "running")], Some(&before), at);
        let same =
            |uid, n| Arc::ptr_eq(before.find(uid, id(n)).unwrap(), now.find(uid, id(n)).unwrap());
        assert!(same("a", 1) && !same("b", 2));
        assert_eq!(
            (now.of("b").len(), now.of("bb").len(), now.of("").len(), now.len()),
            (1, 0, 0, 2)
        );
    }
}
