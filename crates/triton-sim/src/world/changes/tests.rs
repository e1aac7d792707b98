//! What the journal tells of an instance's life.

use super::super::CreateParams;
use super::super::create::tests::key;
use super::*;
use crate::delays::Delays;
use crate::world::{Caller, JobKind};

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn world() -> (World, Uuid) {
    let mut world = World::new(Delays::none(), 1, 0, 3);
    let account = world.add_account("jill", NOW);
    world.account_mut(account).unwrap().keys.add(key()).unwrap();
    (world, account)
}

fn create(world: &mut World, account: Uuid) -> Uuid {
    let params = CreateParams {
        package: Some("g4-highcpu-1G".to_owned()),
        image: Some("7b5981c4-1889-11e7-b4c5-3f3bdfc9b88b".to_owned()),
        ..CreateParams::default()
    };
    let id = world.create(account, params, NOW).unwrap();
    world.advance(NOW);
    id
}

fn told(world: &World, since: u64) -> Vec<String> {
    let told = world.journal.since(since);
    told.map(|record| format!("{} {}", record.state, record.sub_resources.join(","))).collect()
}

#[test]
fn a_life_is_told_step_by_step() {
    let (mut world, account) = world();
    let id = create(&mut world, account);
    let told_so_far = told(&world, 0);
    assert!(told_so_far[0].starts_with("provisioning alias,billing_id,"), "{told_so_far:?}");
    assert_eq!(
        told_so_far[1..],
        ["provisioning nics,server_uuid,last_modified", "running state,zone_state,last_modified"]
    );
    let before = world.journal.last();
    world.submit(id, JobKind::Reboot, Caller::default(), NOW);
    world.advance(NOW);
    let steps = ["shutting_down", "ready", "running"]
        .map(|s| format!("{s} state,zone_state,last_modified"));
    assert_eq!(told(&world, before), steps);
    let numbers: Vec<u64> = world.journal.since(0).map(|record| record.seq).collect();
    assert_eq!(numbers, (1..=world.journal.last()).collect::<Vec<_>>());
}

#[test]
fn it_is_told_who_did_it() {
    let (mut world, account) = world();
    let id = create(&mut world, account);
    let caller = Caller { ip: "198.51.100.4".to_owned(), key_id: "/jill/keys/aa".to_owned() };
    let before = world.journal.last();
    world.submit(id, JobKind::Stop, caller.clone(), NOW);
    world.advance(NOW);
    world.force(id, InstanceState::Deleted, NOW);
    world.advance(NOW);
    let by: Vec<ChangedBy> = world.journal.since(before).map(|record| record.by.clone()).collect();
    let request = ChangedBy::from(&caller);
    assert_eq!(by, [request.clone(), request, ChangedBy::Operator]);
}

#[test]
fn firewall_rules_are_told_too() {
    let (mut world, account) = world();
    let id = Uuid::from_u128(1);
    let rule = FirewallRule::read("FROM any TO all vms ALLOW tcp PORT 80").unwrap();
    let rule = FirewallRule {
        id,
        owner: Some(account),
        rule,
        enabled: true,
        log: false,
        description: None,
    };
    world.rules.insert(id, rule);
    world.settle(NOW);
    world.rules.get_mut(&id).unwrap().enabled = false;
    world.settle(NOW);
    world.rules.remove(&id);
    world.settle(NOW);
    let told: Vec<_> =
        world.journal.since(0).map(|r| (r.kind, r.sub_resources.join(","))).collect();
    let kind = ResourceKind::FirewallRule;
    let expected = ["rule,enabled,log,description", "enabled", "destroyed"];
    assert_eq!(told, expected.map(|parts| (kind, parts.to_owned())));
    assert!(world.journal.since(0).all(|record| record.owner == Some(account)));
}

#[test]
fn the_queue_fills_only_while_somebody_follows() {
    let (mut world, account) = world();
    create(&mut world, account);
    assert!(world.journal.take_queue().is_empty());
    world.journal.follow(true);
    let id = create(&mut world, account);
    let queue = world.journal.take_queue();
    assert_eq!(queue.len(), 3);
    let last = &queue[2];
    assert_eq!((last.id, last.owner, last.state), (id, account, "running"));
    assert_eq!(last.object["package"], "");
    assert_eq!(last.object["state"], "running");
    assert!(world.journal.take_queue().is_empty());
}
