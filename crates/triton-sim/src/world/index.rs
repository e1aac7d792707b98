//! Finds instances without looking at each: by owner, name and tag.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::Value;
use uuid::Uuid;

use super::tags::text_of;
use super::{Instance, InstanceFilter, StateFilter, World};

/// Where to look for instances.
///
/// [`World::settle`] keeps it in step with [`World::instances`]. Until it does, lookups also consider the few that
/// were touched, and look at each instance they find, so they are never wrong.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Owner and id of all.
    owned: BTreeSet<(Uuid, Uuid)>,
    /// Owner and id of those that are neither deleted nor failed; the indexes below hold only these.
    active: BTreeSet<(Uuid, Uuid)>,
    /// Owner, name and id.
    names: BTreeSet<(Uuid, String, Uuid)>,
    /// Digest of owner and tag, with and without its value, and id.
    tags: BTreeSet<(u64, Uuid)>,
    /// What is on each compute node, or on its way there.
    loads: BTreeMap<Uuid, Load>,
    /// What has to be taken out when an instance changes.
    held: BTreeMap<Uuid, Held>,
}

/// What the index holds of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    owner: Uuid,
    /// `None` when it is deleted or failed.
    active: Option<Indexed>,
}

/// What the index holds of an active instance.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Indexed {
    name: String,
    tags: Box<[u64]>,
    home: Option<Uuid>,
    memory_mib: u64,
}

/// What a compute node carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) instances: u64,
    pub(crate) memory_mib: u64,
}

// === impl Index ===

impl Index {
    /// Follows one instance; `None` is gone for good.
    pub(super) fn follow(&mut self, id: Uuid, instance: Option<&Instance>) {
        let wanted = instance.map(Held::of);
        if self.held.get(&id) == wanted.as_ref() {
            return;
        }
        if let Some(old) = self.held.remove(&id) {
            self.take_out(id, &old);
        }
        if let Some(new) = wanted {
            self.put_in(id, &new);
            self.held.insert(id, new);
        }
    }

    fn put_in(&mut self, id: Uuid, held: &Held) {
        self.owned.insert((held.owner, id));
        let Some(indexed) = &held.active else { return };
        self.active.insert((held.owner, id));
        self.names.insert((held.owner, indexed.name.clone(), id));
        self.tags.extend(indexed.tags.iter().map(|digest| (*digest, id)));
        if let Some(home) = indexed.home {
            let load = self.loads.entry(home).or_default();
            load.instances += 1;
            load.memory_mib += indexed.memory_mib;
        }
    }

    fn take_out(&mut self, id: Uuid, held: &Held) {
        self.owned.remove(&(held.owner, id));
        let Some(indexed) = &held.active else { return };
        self.active.remove(&(held.owner, id));
        self.names.remove(&(held.owner, indexed.name.clone(), id));
        for digest in &indexed.tags {
            self.tags.remove(&(*digest, id));
        }
        if let Some(load) = indexed.home.and_then(|home| self.loads.get_mut(&home)) {
            load.instances = load.instances.saturating_sub(1);
            load.memory_mib = load.memory_mib.saturating_sub(indexed.memory_mib);
        }
    }
}

// === impl World ===

impl World {
    /// An account's instances that are neither deleted nor failed, by id.
    pub(crate) fn active_of(&self, owner: Uuid) -> impl DoubleEndedIterator<Item = &Instance> {
        let range = (owner, Uuid::nil())..=(owner, Uuid::max());
        let settled = self.index.active.range(range).filter_map(|(_, id)| self.instances.get(id));
        let is_new = |instance: &&Instance| !self.index.active.contains(&(owner, instance.id));
        let mut both: Vec<&Instance> = self.fresh(owner).filter(is_new).collect();
        if both.is_empty() {
            return Either::Settled(settled.filter(|instance| instance.state.is_active()));
        }
        // In one order, although the fresh ones are not yet where they belong.
        both.extend(settled);
        both.sort_unstable_by_key(|instance| instance.id);
        Either::Collected(both.into_iter().filter(|instance| instance.state.is_active()))
    }

    /// Whether another active instance of the owner holds this name.
    pub(crate) fn is_name_taken(&self, owner: Uuid, name: &str, except: Option<Uuid>) -> bool {
        let holds = |instance: &Instance| {
            instance.state.is_active() && instance.name == name && Some(instance.id) != except
        };
        let range = (owner, name.to_owned(), Uuid::nil())..=(owner, name.to_owned(), Uuid::max());
        let settled = self.index.names.range(range);
        settled.filter_map(|(_, _, id)| self.instances.get(id)).any(holds)
            || self.fresh(owner).any(holds)
    }

    /// Active instances of the owner whose tag has this text, by id; with `None` whatever its text.
    pub(crate) fn tagged(&self, owner: Uuid, key: &str, text: Option<&str>) -> Vec<&Instance> {
        let is_text = |value: &Value| text.is_none_or(|text| text_of(value) == text);
        let has = |instance: &&Instance| {
            instance.owner == owner
                && instance.state.is_active()
                && instance.tags.get(key).is_some_and(is_text)
        };
        let digest = tag_digest(owner, key, text);
        let settled = self.index.tags.range((digest, Uuid::nil())..=(digest, Uuid::max()));
        let settled = settled.filter_map(|(_, id)| self.instances.get(id));
        let found = settled.chain(self.fresh(owner)).filter(has);
        let found: BTreeMap<Uuid, &Instance> =
            found.map(|instance| (instance.id, instance)).collect();
        found.into_values().collect()
    }

    /// What ListMachines shows before it is cut into pages, in its order: UUIDs descending.
    pub(crate) fn listed<'a>(
        &'a self,
        owner: Uuid,
        filter: &'a InstanceFilter,
    ) -> Box<dyn Iterator<Item = &'a Instance> + 'a> {
        let is_wanted = move |instance: &&Instance| filter.matches(instance);
        if !filter.is_about_active() {
            let range = (owner, Uuid::nil())..=(owner, Uuid::max());
            let all = self.index.owned.range(range).rev();
            return Box::new(all.filter_map(|(_, id)| self.instances.get(id)).filter(is_wanted));
        }
        if let Some((key, text)) = filter.indexed_tag() {
            return Box::new(self.tagged(owner, key, text).into_iter().rev().filter(is_wanted));
        }
        if let Some(prefix) = filter.name_prefix.as_deref().filter(|_| !filter.any_tag) {
            return Box::new(self.named(owner, prefix).into_iter().rev().filter(is_wanted));
        }
        Box::new(self.active_of(owner).rev().filter(is_wanted))
    }

    /// Instances of the owner whose name begins so, by id, and perhaps others.
    fn named(&self, owner: Uuid, prefix: &str) -> Vec<&Instance> {
        let from = (owner, prefix.to_owned(), Uuid::nil());
        let settled = self.index.names.range(from..);
        let settled = settled.take_while(|(of, name, _)| *of == owner && name.starts_with(prefix));
        let settled = settled.filter_map(|(_, _, id)| self.instances.get(id));
        let found: BTreeMap<Uuid, &Instance> =
            settled.chain(self.fresh(owner)).map(|instance| (instance.id, instance)).collect();
        found.into_values().collect()
    }

    /// What a compute node carries.
    pub(crate) fn load(&self, node: Uuid) -> Load {
        self.index.loads.get(&node).copied().unwrap_or_default()
    }

    /// Brings the index up to date with what was touched.
    pub(super) fn settle_index(&mut self) {
        for id in self.instances.touched() {
            self.index.follow(*id, self.instances.get(id));
        }
    }

    /// Builds the index anew, as after loading.
    pub(super) fn rebuild_index(&mut self) {
        self.index = Index::default();
        for (id, instance) in self.instances.iter() {
            self.index.follow(*id, Some(instance));
        }
        let gone = self.instances.values().filter(|instance| !instance.state.is_active());
        let mut graves: Vec<_> = gone.map(|instance| (instance.updated, instance.id)).collect();
        graves.sort_unstable();
        self.graves = graves.into();
    }

    /// Touched since the index was brought up to date.
    fn fresh(&self, owner: Uuid) -> impl Iterator<Item = &Instance> {
        let touched = self.instances.touched().filter_map(|id| self.instances.get(id));
        touched.filter(move |instance| instance.owner == owner)
    }
}

// === impl Held ===

impl Held {
    fn of(instance: &Instance) -> Self {
        let active = instance.state.is_active().then(|| Indexed::of(instance));
        Self { owner: instance.owner, active }
    }
}

// === impl Indexed ===

impl Indexed {
    fn of(instance: &Instance) -> Self {
        let digests = instance.tags.iter().flat_map(|(key, value)| {
            [
                tag_digest(instance.owner, key, None),
                tag_digest(instance.owner, key, Some(&text_of(value))),
            ]
        });
        Self {
            name: instance.name.clone(),
            tags: digests.collect(),
            home: instance.home(),
            memory_mib: instance.memory_mib,
        }
    }
}

/// Eight bytes that stand for a tag; who finds something by it looks at the instance itself.
fn tag_digest(owner: Uuid, key: &str, text: Option<&str>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (owner, key, text).hash(&mut hasher);
    hasher.finish()
}

/// One of two iterators.
enum Either<A, B> {
    Collected(A),
    Settled(B),
}

// === impl Either ===

impl<T, A: Iterator<Item = T>, B: Iterator<Item = T>> Iterator for Either<A, B> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        match self {
            Self::Collected(iterator) => iterator.next(),
            Self::Settled(iterator) => iterator.next(),
        }
    }
}

impl<T, A, B> DoubleEndedIterator for Either<A, B>
where
    A: DoubleEndedIterator<Item = T>,
    B: DoubleEndedIterator<Item = T>,
{
    fn next_back(&mut self) -> Option<T> {
        match self {
            Self::Collected(iterator) => iterator.next_back(),
            Self::Settled(iterator) => iterator.next_back(),
        }
    }
}

// === impl StateFilter ===

impl StateFilter {
    /// Whether everything it lets through is neither deleted nor failed.
    pub(super) fn is_about_active(self) -> bool {
        match self {
            Self::Active => true,
            Self::Tombstones => false,
            Self::Exactly(state) => state.is_active(),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::super::InstanceState;
    use super::*;
    use crate::delays::Delays;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn named(number: u128, name: &str, role: &str) -> Instance {
        let mut instance = Instance::sample(name);
        instance.id = Uuid::from_u128(number);
        instance.tags = json!({ "role": role }).as_object().unwrap().clone();
        instance
    }

    fn three() -> World {
        let mut world = World::new(Delays::none(), 1, 0, 1);
        for (number, name, role) in [(1, "web-0", "web"), (2, "web-1", "web"), (3, "db-0", "db")] {
            world.instances.insert(Uuid::from_u128(number), named(number, name, role));
        }
        world
    }

    fn names<'a>(found: impl IntoIterator<Item = &'a Instance>) -> String {
        found.into_iter().map(|i| i.name.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// Every lookup, before and after the index follows.
    #[track_caller]
    fn check(world: &mut World, web: &str, prefix: &str, active: &str) {
        let filter = InstanceFilter { name_prefix: Some("web".into()), ..Default::default() };
        for _ in 0..2 {
            assert_eq!(names(world.tagged(Uuid::nil(), "role", Some("web"))), web);
            assert_eq!(names(world.listed(Uuid::nil(), &filter)), prefix);
            assert_eq!(names(world.active_of(Uuid::nil())), active);
            world.settle(NOW);
        }
    }

    #[test]
    fn lookups_are_right_at_once_and_after_settling() {
        let mut world = three();
        check(&mut world, "web-0 web-1", "web-1 web-0", "web-0 web-1 db-0");
        let first = world.instances.get_mut(&Uuid::from_u128(1)).unwrap();
        first.name = "api".to_owned();
        first.tags.insert("role".to_owned(), json!("api"));
        check(&mut world, "web-1", "web-1", "api web-1 db-0");
        world.instances.get_mut(&Uuid::from_u128(2)).unwrap().state = InstanceState::Failed;
        check(&mut world, "", "", "api db-0");
        world.instances.insert(Uuid::from_u128(4), named(4, "web-9", "web"));
        check(&mut world, "web-9", "web-9", "api db-0 web-9");
        world.instances.remove(&Uuid::from_u128(4));
        check(&mut world, "", "", "api db-0");
        assert!(world.is_name_taken(Uuid::nil(), "api", None));
        assert!(!world.is_name_taken(Uuid::nil(), "api", Some(Uuid::from_u128(1))));
        assert!(!world.is_name_taken(Uuid::from_u128(9), "api", None));
        assert!(!world.is_name_taken(Uuid::nil(), "web-1", None), "a failed one frees its name");
    }

    #[test]
    fn tombstones_are_listed_when_asked_for() {
        let mut world = three();
        world.instances.get_mut(&Uuid::from_u128(2)).unwrap().state = InstanceState::Deleted;
        world.settle(NOW);
        let list = |state| {
            let filter = InstanceFilter { state, ..Default::default() };
            names(world.listed(Uuid::nil(), &filter).collect::<Vec<_>>())
        };
        assert_eq!(list(StateFilter::Active), "db-0 web-0");
        assert_eq!(list(StateFilter::Tombstones), "db-0 web-1 web-0");
        assert_eq!(list(StateFilter::Exactly(InstanceState::Deleted)), "web-1");
    }

    #[test]
    fn loads_follow_their_instances() {
        let (a, b) = (Uuid::from_u128(70), Uuid::from_u128(71));
        let mut world = three();
        for number in 1..=3 {
            let instance = world.instances.get_mut(&Uuid::from_u128(number));
            instance.unwrap().compute_node = Some(a);
        }
        world.settle(NOW);
        assert_eq!(world.load(a), Load { instances: 3, memory_mib: 3 * 1024 });
        world.instances.get_mut(&Uuid::from_u128(1)).unwrap().compute_node = Some(b);
        world.instances.get_mut(&Uuid::from_u128(2)).unwrap().state = InstanceState::Deleted;
        world.settle(NOW);
        assert_eq!((world.load(a).instances, world.load(b).instances), (1, 1));
        world.rebuild_index();
        assert_eq!((world.load(a).instances, world.load(b).instances), (1, 1));
        world.instances.remove(&Uuid::from_u128(1));
        world.settle(NOW);
        assert_eq!(world.load(b), Load::default());
    }
}
