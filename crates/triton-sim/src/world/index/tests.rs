//! Lookups, against looking at every instance.

use jiff::Timestamp;
use proptest::prelude::*;
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

/// Something that happens to one of a few instances.
#[derive(Debug, Clone)]
enum Step {
    Insert(u128, u8),
    Rename(u128, u8),
    Retag(u128, u8),
    Enter(u128, InstanceState),
    Move(u128, u128),
    Remove(u128),
    Settle,
}

fn step() -> impl Strategy<Value = Step> {
    use InstanceState::{Deleted, Failed, Running, Stopped};
    let id = || 1..6_u128;
    prop_oneof![
        (id(), 0..3_u8).prop_map(|(id, name)| Step::Insert(id, name)),
        (id(), 0..3_u8).prop_map(|(id, name)| Step::Rename(id, name)),
        (id(), 0..3_u8).prop_map(|(id, tag)| Step::Retag(id, tag)),
        (id(), prop::sample::select(vec![Deleted, Failed, Running, Stopped]))
            .prop_map(|(id, state)| Step::Enter(id, state)),
        (id(), 70..73_u128).prop_map(|(id, node)| Step::Move(id, node)),
        id().prop_map(Step::Remove),
        Just(Step::Settle),
    ]
}

fn take(world: &mut World, step: Step) {
    let mut change = |id: u128, change: &dyn Fn(&mut Instance)| {
        world.instances.get_mut(&Uuid::from_u128(id)).into_iter().for_each(change);
    };
    match step {
        Step::Insert(id, name) => {
            let instance = named(id, &format!("name-{name}"), "web");
            world.instances.insert(instance.id, instance);
        }
        Step::Rename(id, name) => change(id, &|i| i.name = format!("name-{name}")),
        Step::Retag(id, tag) => change(id, &|i| {
            i.tags.insert("role".to_owned(), json!(format!("role-{tag}")));
        }),
        Step::Enter(id, state) => change(id, &|i| i.state = state),
        Step::Move(id, node) => change(id, &|i| i.compute_node = Some(Uuid::from_u128(node))),
        Step::Remove(id) => {
            world.instances.remove(&Uuid::from_u128(id));
        }
        Step::Settle => world.settle(NOW),
    }
}

/// Ids of those that a condition picks, in order.
fn pick(world: &World, condition: impl Fn(&Instance) -> bool) -> Vec<Uuid> {
    world.instances.values().filter(|i| condition(i)).map(|i| i.id).collect()
}

fn ids<'a>(found: impl IntoIterator<Item = &'a Instance>) -> Vec<Uuid> {
    found.into_iter().map(|instance| instance.id).collect()
}

proptest! {
    #[test]
    fn every_lookup_finds_what_looking_at_all_finds(steps in prop::collection::vec(step(), 1..40)) {
        let mut world = World::new(Delays::none(), 1, 0, 1);
        let owner = Uuid::nil();
        for step in steps {
            take(&mut world, step);
            let active = |i: &Instance| i.state.is_active();
            prop_assert_eq!(ids(world.active_of(owner)), pick(&world, active));
            for number in 0..3 {
                let (name, role) = (format!("name-{number}"), format!("role-{number}"));
                let is_named = |i: &Instance| active(i) && i.name == name;
                let taken = world.is_name_taken(owner, &name, None);
                prop_assert_eq!(taken, !pick(&world, is_named).is_empty());
                let has_role = |i: &Instance| active(i) && i.tags["role"] == role.as_str();
                let tagged = ids(world.tagged(owner, "role", Some(&role)));
                prop_assert_eq!(tagged, pick(&world, has_role));
                let filter = InstanceFilter { name_prefix: Some(name.clone()), ..Default::default() };
                let mut listed = ids(world.listed(owner, &filter).collect::<Vec<_>>());
                listed.reverse();
                prop_assert_eq!(listed, pick(&world, is_named));
            }
        }
        world.settle(NOW);
        for node in (70..73).map(Uuid::from_u128) {
            let here = pick(&world, |i| i.state.is_active() && i.compute_node == Some(node));
            prop_assert_eq!(world.load(node).instances, here.len() as u64);
        }
        prop_assert_eq!(world.index.held.len(), world.instances.len());
    }
}
