//! Lives of instances, step by step.

use serde_json::{Map, json};

use super::super::{CreateParams, Fate};
use super::*;
use crate::delays::Delays;

fn at(seconds: u64) -> Timestamp {
    add(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds))
}

/// Allocation takes 1 s, provisioning 10 s, a job 1 s to begin, and 5 s from there.
fn world() -> (World, Uuid) {
    let [one, five, ten] = [1, 5, 10].map(Duration::from_secs);
    let delays = Delays {
        create: one,
        provision: ten,
        start: five,
        stop: five,
        reboot: five,
        delete: five,
        job: one,
        disk: five,
        migrate: five,
        volume: five,
        ..Delays::none()
    };
    let mut world = World::new(delays, 1, 0, 3);
    let account = world.add_account("jill", at(0));
    world.account_mut(account).unwrap().keys.add(super::super::create::tests::key()).unwrap();
    (world, account)
}

fn create(world: &mut World, account: Uuid, fate: Fate) -> Uuid {
    let params = CreateParams {
        package: Some("g4-highcpu-1G".to_owned()),
        image: Some("7b5981c4-1889-11e7-b4c5-3f3bdfc9b88b".to_owned()),
        ..CreateParams::default()
    };
    let id = world.create(account, params, at(0)).unwrap();
    world.instances.get_mut(&id).unwrap().fate = fate;
    id
}

/// Advances second by second and writes `state@second` at each change.
#[track_caller]
fn check_life(world: &mut World, id: Uuid, until: u64, expected: &str) {
    world.advance(at(until));
    let life: Vec<String> = world.instances[&id]
        .transitions
        .iter()
        .map(|step| format!("{}@{}", step.to.as_str(), step.at.as_second()))
        .collect();
    assert_eq!(life.join(" "), expected);
}

#[test]
fn a_created_instance_runs_after_allocation_and_provisioning() {
    let (mut world, account) = world();
    let id = create(&mut world, account, Fate::default());
    assert_eq!(world.instances[&id].compute_node, None);
    assert!(world.instances[&id].nics.is_empty());
    world.advance(at(1));
    assert!(world.instances[&id].compute_node.is_some());
    assert!(!world.instances[&id].nics.is_empty());
    check_life(&mut world, id, 60, "provisioning@0 running@11");
    assert_eq!(world.next_due(), None);
}

#[test]
fn stop_start_and_reboot_go_through_their_states() {
    let (mut world, account) = world();
    let id = create(&mut world, account, Fate::default());
    world.advance(at(20));
    for kind in [JobKind::Stop, JobKind::Start, JobKind::Reboot] {
        world.submit(id, kind, Caller::default(), at(20));
    }
    let life = "provisioning@0 running@11 stopping@21 stopped@26 running@31 stopping@31 ready@36 running@36";
    check_life(&mut world, id, 60, life);
}

#[test]
fn a_job_in_the_wrong_state_fails_where_only_the_audit_tells() {
    let (mut world, account) = world();
    let id = create(&mut world, account, Fate::default());
    world.advance(at(20));
    world.submit(id, JobKind::Start, Caller::default(), at(20));
    check_life(&mut world, id, 60, "provisioning@0 running@11");
    let audit: Vec<_> = world.instances[&id]
        .audit
        .iter()
        .map(|entry| (entry.action.as_ref(), entry.success))
        .collect();
    assert_eq!(audit, [("provision", true), ("start", false)]);
}

#[test]
fn deleting_while_provisioning_ends_in_failed() {
    let (mut world, account) = world();
    let id = create(&mut world, account, Fate::default());
    world.advance(at(2));
    world.submit(id, JobKind::Destroy, Caller::default(), at(2));
    check_life(&mut world, id, 60, "provisioning@0 failed@8");
}

#[test]
fn deleting_frees_name_and_addresses_only_at_the_end() {
    let (mut world, account) = world();
    let id = create(&mut world, account, Fate::default());
    world.advance(at(20));
    let (name, network) = (world.instances[&id].name.clone(), world.instances[&id].nics[0].network);
    world.submit(id, JobKind::Destroy, Caller::default(), at(20));
    world.advance(at(25));
    assert!(world.is_name_taken(account, &name, None));
    assert_eq!(world.addresses.holders(network).count(), 1);
    check_life(&mut world, id, 60, "provisioning@0 running@11 stopping@21 deleted@26");
    assert!(!world.is_name_taken(account, &name, None));
    assert_eq!(world.addresses.holders(network).count(), 0);
}

#[test]
fn fates_change_a_life() {
    let (mut world, account) = world();
    let failing = create(&mut world, account, Fate { provision_fails: true, ..Fate::default() });
    let stuck = create(&mut world, account, Fate { provision_sticks: true, ..Fate::default() });
    let lasting = create(&mut world, account, Fate::default());
    check_life(&mut world, failing, 20, "provisioning@0 failed@11");
    check_life(&mut world, stuck, 20, "provisioning@0");
    world.instances.get_mut(&lasting).unwrap().fate.delete_sticks = true;
    world.submit(lasting, JobKind::Destroy, Caller::default(), at(20));
    check_life(&mut world, lasting, 600, "provisioning@0 running@11 stopping@21");
}

#[test]
fn tag_changes_show_after_the_jobs_delay() {
    let (mut world, account) = world();
    let id = create(&mut world, account, Fate::default());
    let tags: Map<_, _> = [("role".to_owned(), json!("web"))].into_iter().collect();
    world.submit(id, JobKind::AddTags(tags), Caller::default(), at(0));
    assert!(world.instances[&id].tags.is_empty());
    world.advance(at(1));
    assert_eq!(world.instances[&id].tags["role"], "web");
}

#[test]
fn force_needs_no_job_and_leaves_none() {
    let (mut world, account) = world();
    let id = create(&mut world, account, Fate::default());
    assert!(world.force(id, InstanceState::Deleted, at(3)));
    check_life(&mut world, id, 60, "provisioning@0 deleted@3");
    assert!(world.instances[&id].audit.is_empty());
    assert!(!world.force(Uuid::nil(), InstanceState::Deleted, at(3)));
}

#[test]
fn one_seed_gives_one_history() {
    let run = || {
        let (mut world, account) = world();
        world.delays.jitter = Duration::from_secs(3);
        let id = create(&mut world, account, Fate::default());
        world.advance(at(60));
        (id, world.instances[&id].transitions.clone())
    };
    assert_eq!(run(), run());
}
