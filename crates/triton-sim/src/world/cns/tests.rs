//! Names, before and after things happen to instances.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::super::{Condition, Nic, seed};
use super::*;
use crate::clock::add;
use crate::delays::Delays;

fn at(seconds: u64) -> Timestamp {
    add(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds))
}

/// Two running members of service `web`, on the public network and the fabric; CNS looks 10 s after each change.
struct Stage {
    world: World,
    owner: Uuid,
    ids: [Uuid; 2],
}

impl Stage {
    fn new() -> Self {
        let delays = Delays { cns: Duration::from_secs(10), ..Delays::none() };
        let mut world = World::new(delays, 1, 0, 1);
        let owner = world.add_account("jill", at(0));
        world.account_mut(owner).unwrap().cns_enabled = true;
        let home = world.compute_nodes[0].id;
        let ids = ["web_0", "web.1"].map(|name| {
            let mut instance = Instance::sample(name);
            (instance.owner, instance.compute_node) = (owner, Some(home));
            let tags = json!({ "triton.cns.services": "web:80,api" });
            instance.tags = tags.as_object().unwrap().clone();
            instance.nics =
                [seed::EXTERNAL_NETWORK, seed::FABRIC_NETWORK].map(|id| nic(&mut world, id)).into();
            let id = instance.id;
            world.instances.insert(id, instance);
            id
        });
        world.advance(at(0));
        Self { world, owner, ids }
    }

    fn change(&mut self, index: usize, now: u64, change: impl FnOnce(&mut Instance)) {
        change(self.world.instances.get_mut(&self.ids[index]).unwrap());
        self.world.advance(at(now));
    }

    /// How many addresses a name has, `None` without the name.
    #[track_caller]
    fn check(&self, name: &str, expected: Option<usize>) {
        let resolved = self.world.resolve(&format!("{name}.{}.{ZONE}.", self.owner));
        assert_eq!(resolved.map(|resolved| resolved.addresses.len()), expected, "{name}");
    }
}

fn nic(world: &mut World, network: Uuid) -> Nic {
    let ip = world.addresses.take_next(network, Uuid::nil()).unwrap();
    world.make_nic(network, ip, false)
}

#[test]
fn names_follow_after_a_while() {
    let mut stage = Stage::new();
    stage.check("web.svc", None);
    assert!(stage.world.dns_names(stage.ids[0]).is_empty());
    stage.world.advance(at(10));
    stage.check("web.svc", Some(4));
    stage.check("WEB.svc", Some(4));
    stage.check("my-fabric-network.web.svc", Some(2));
    stage.check("web-0.inst", Some(2));
    stage.check("my-fabric-network.web-1.inst", Some(1));
    stage.check(&format!("{}.inst", stage.ids[0]), Some(2));
    stage.check("db.svc", None);
    let resolved = stage.world.resolve(&format!("web.svc.{}.{ZONE}", stage.owner)).unwrap();
    let target = (format!("web-0.inst.{}.{ZONE}", stage.owner), 80);
    assert!(resolved.services.contains(&target), "{resolved:?}");
    assert_eq!((resolved.texts.len(), resolved.ttl_seconds), (2, 30));
    assert_eq!(stage.world.dns_names(stage.ids[0]).len(), 8);
    stage.change(0, 11, |instance| instance.name = "api".to_owned());
    stage.check("web-0.inst", Some(2));
    stage.world.advance(at(30));
    stage.check("web-0.inst", None);
    stage.check("api.inst", Some(2));
}

#[test]
fn only_those_that_are_up_serve() {
    let mut stage = Stage::new();
    stage.world.advance(at(20));
    stage.change(0, 20, |i| {
        i.metadata.insert("triton.cns.status".to_owned(), "down".into());
    });
    stage.world.advance(at(40));
    stage.check("web.svc", Some(2));
    stage.check("web-0.inst", Some(2));
    stage.change(0, 40, |i| {
        i.metadata.insert("triton.cns.status".to_owned(), "up".into());
    });
    stage.change(1, 40, |i| i.enter(InstanceState::Stopped, at(40)));
    stage.world.advance(at(60));
    stage.check("web.svc", Some(2));
    stage.check("web-1.inst", Some(2));
    let home = stage.world.compute_nodes[0].id;
    stage.world.set_condition(home, Condition::Down { instances_show: None }, at(60));
    stage.world.advance(at(60));
    stage.world.advance(at(80));
    stage.check("web.svc", Some(0));
    stage.check("web-0.inst", Some(2));
    stage.change(0, 80, |i| i.enter(InstanceState::Deleted, at(80)));
    stage.change(1, 80, |i| {
        i.tags.insert("triton.cns.disable".to_owned(), true.into());
    });
    stage.world.advance(at(100));
    assert!(stage.world.cns_names().is_empty());
}

#[test]
fn an_account_without_cns_has_no_names_but_a_reverse_one() {
    let mut stage = Stage::new();
    stage.world.advance(at(20));
    stage.world.account_mut(stage.owner).unwrap().cns_enabled = false;
    stage.change(0, 20, |i| {
        i.tags.insert("triton.cns.reverse_ptr".to_owned(), "web.example.com".into());
    });
    stage.world.advance(at(40));
    stage.check("web-0.inst", Some(2));
    stage.check("web.svc", Some(0));
    stage.check("web-1.inst", None);
}

#[test]
fn challenges_are_texts() {
    let mut stage = Stage::new();
    stage.change(0, 10, |i| {
        i.metadata.insert("triton.cns.acme-challenge".to_owned(), "one two".into());
    });
    stage.world.advance(at(20));
    let name = format!("_acme-challenge.web-0.inst.{}.{ZONE}", stage.owner);
    assert_eq!(stage.world.resolve(&name).unwrap().texts, ["one", "two"]);
}

#[test]
fn labels_are_lower_case_and_dashes() {
    assert_eq!(dnsify("Web_0..A"), "web-0-a");
}
