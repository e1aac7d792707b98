//! A map of resources that knows which of them may have changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::hash::{DefaultHasher, Hasher as _};
use std::ops::Deref;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::changes::ResourceKind;

/// A resource whose changes are told in the journal.
pub(crate) trait Watched {
    /// What it is.
    const KIND: ResourceKind;

    /// Whose it is; `None` is everybody's.
    fn owner(&self) -> Option<Uuid>;

    /// Its parts by the name a change goes by, each with a [`print_of`] what it holds.
    fn parts(&self) -> Vec<(&'static str, u64)>;

    /// Its state, in the words of the service that keeps it.
    fn state(&self) -> &'static str {
        "active"
    }

    /// Every state it has entered so far with the moment, for those that write that down.
    fn states(&self) -> Vec<(Timestamp, &'static str)> {
        Vec::new()
    }
}

/// A `BTreeMap` by UUID. Whoever takes hold of a value to change it leaves a mark, so no change goes untold.
///
/// Reading is by `Deref`; there is no way to a value for writing but the methods here.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent, bound(serialize = "V: Serialize", deserialize = "V: Deserialize<'de>"))]
pub(crate) struct Tracked<V> {
    map: BTreeMap<Uuid, V>,
    #[serde(skip)]
    touched: BTreeSet<Uuid>,
    #[serde(skip)]
    seen: BTreeMap<Uuid, Print>,
}

/// What a resource looked like when it was last told of.
#[derive(Debug, Clone)]
struct Print {
    owner: Option<Uuid>,
    parts: Box<[u64]>,
    states: usize,
}

/// Hashes what is written to it.
#[derive(Default)]
struct Inkpad(DefaultHasher);

/// What is different about one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) id: Uuid,
    pub(super) owner: Option<Uuid>,
    pub(super) parts: Vec<&'static str>,
    pub(super) state: &'static str,
    /// When, if the resource wrote it down itself.
    pub(super) at: Option<Timestamp>,
}

/// A number that is different when the value is, for all we need to know.
pub(crate) fn print_of(value: &impl fmt::Debug) -> u64 {
    let mut inkpad = Inkpad::default();
    // Only a broken `Debug` fails here: then whatever it wrote has to do.
    let _ = write!(inkpad, "{value:?}");
    inkpad.0.finish()
}

// === impl Inkpad ===

impl fmt::Write for Inkpad {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

// === impl Tracked ===

impl<V> Default for Tracked<V> {
    fn default() -> Self {
        Self { map: BTreeMap::new(), touched: BTreeSet::new(), seen: BTreeMap::new() }
    }
}

impl<V> Deref for Tracked<V> {
    type Target = BTreeMap<Uuid, V>;

    fn deref(&self) -> &Self::Target {
        &self.map
    }
}

impl<V: Watched> Tracked<V> {
    /// As [`BTreeMap::insert`].
    pub(crate) fn insert(&mut self, id: Uuid, value: V) -> Option<V> {
        self.touched.insert(id);
        self.map.insert(id, value)
    }

    /// As [`BTreeMap::remove`].
    pub(crate) fn remove(&mut self, id: &Uuid) -> Option<V> {
        self.touched.insert(*id);
        self.map.remove(id)
    }

    /// As [`BTreeMap::get_mut`].
    pub(crate) fn get_mut(&mut self, id: &Uuid) -> Option<&mut V> {
        let value = self.map.get_mut(id)?;
        self.touched.insert(*id);
        Some(value)
    }

    /// Which may have changed since the last [`Tracked::differences`].
    pub(super) fn touched(&self) -> impl Iterator<Item = &Uuid> {
        self.touched.iter()
    }

    /// As [`BTreeMap::values_mut`]; whoever asks touches all.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.touched.extend(self.map.keys());
        self.map.values_mut()
    }

    /// Takes everything there is for known, as after loading: nothing of it is news.
    pub(super) fn take_for_known(&mut self) {
        self.touched.clear();
        self.seen = self.map.iter().map(|(id, value)| (*id, Print::of(value))).collect();
    }

    /// What is different since the last time, in the order of the ids; what was only looked at is left out.
    pub(super) fn differences(&mut self) -> Vec<Difference> {
        let touched = std::mem::take(&mut self.touched);
        touched.into_iter().flat_map(|id| self.difference(id)).collect()
    }

    fn difference(&mut self, id: Uuid) -> Vec<Difference> {
        let Some(value) = self.map.get(&id) else { return self.gone(id).into_iter().collect() };
        let (parts, mut entered) = (value.parts(), value.states());
        let before = self.seen.insert(id, Print::of(value));
        let known = before.as_ref().map_or(0, |before| before.states);
        let is_new = |index: usize, print: u64| {
            before.as_ref().is_none_or(|before| before.parts.get(index) != Some(&print))
        };
        let parts: Vec<&'static str> = parts
            .into_iter()
            .enumerate()
            .filter(|(index, (_, print))| is_new(*index, *print))
            .map(|(_, (name, _))| name)
            .collect();
        let entered = entered.split_off(known.min(entered.len()));
        if parts.is_empty() && entered.is_empty() {
            return Vec::new();
        }
        let owner = value.owner();
        let last = Difference { id, owner, parts, state: value.state(), at: None };
        let Some((_, on_the_way)) = entered.split_last() else { return vec![last] };
        let passing = |(at, state): &(Timestamp, &'static str)| Difference {
            id,
            owner,
            parts: vec!["state"],
            state,
            at: Some(*at),
        };
        on_the_way.iter().map(passing).chain([last]).collect()
    }

    fn gone(&mut self, id: Uuid) -> Option<Difference> {
        let owner = self.seen.remove(&id)?.owner;
        Some(Difference { id, owner, parts: vec!["destroyed"], state: "destroyed", at: None })
    }
}

// === impl Print ===

impl Print {
    fn of(value: &impl Watched) -> Self {
        let parts = value.parts().into_iter().map(|(_, print)| print).collect();
        Self { owner: value.owner(), parts, states: value.states().len() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Instance, InstanceState};
    use super::*;

    fn tracked() -> (Tracked<Instance>, Uuid) {
        let instance = Instance::sample("web");
        let id = instance.id;
        let mut instances = Tracked::default();
        instances.insert(id, instance);
        instances.take_for_known();
        (instances, id)
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Instance), expected: &[(&str, &[&str])]) {
        let (mut instances, id) = tracked();
        change(instances.get_mut(&id).unwrap());
        let told = instances.differences();
        let told: Vec<_> = told.iter().map(|told| (told.state, &*told.parts)).collect();
        assert_eq!(told, expected);
        assert_eq!(instances.differences(), Vec::new(), "told once");
    }

    #[test]
    fn a_change_is_told_by_its_parts() {
        let at = Timestamp::UNIX_EPOCH;
        check(|_| (), &[]);
        check(|instance| instance.name = "db".into(), &[("running", &["alias"])]);
        check(
            |instance| {
                instance.tags.insert("a".into(), 1.into());
            },
            &[("running", &["tags"])],
        );
        check(
            |instance| {
                instance.metadata.insert("a".into(), "b".into());
            },
            &[("running", &["customer_metadata"])],
        );
        check(
            |instance| instance.enter(InstanceState::Stopping, at),
            &[("shutting_down", &["state", "zone_state"])],
        );
        check(
            |instance| instance.enter(InstanceState::Deleted, at),
            &[("destroyed", &["destroyed", "state", "zone_state"])],
        );
    }

    #[test]
    fn states_that_were_passed_through_are_told_too() {
        let at = Timestamp::UNIX_EPOCH;
        let reboot = |instance: &mut Instance| {
            instance.enter(InstanceState::Ready, at);
            instance.enter(InstanceState::Running, at);
        };
        check(reboot, &[("ready", &["state"]), ("running", &[])]);
    }

    #[test]
    fn what_appears_and_what_goes_is_told() {
        let (mut instances, id) = tracked();
        let other = Instance::sample("db");
        instances.insert(other.id, other);
        let told = instances.differences();
        assert!(told[0].parts.contains(&"owner_uuid"), "{told:?}");
        instances.remove(&id);
        assert_eq!(instances.differences()[0].parts, ["destroyed"]);
    }
}
