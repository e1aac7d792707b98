//! Which addresses and ports answer: those of running instances.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use uuid::Uuid;

use super::tags::text_of;
use super::{Instance, InstanceState, World};

/// The metadata key that replaces the image's ports: a comma list.
const PORTS_KEY: &str = "sim.ports";
/// The metadata key that sets the status of HTTP answers.
const HTTP_STATUS_KEY: &str = "sim.http-status";
/// A guest does not listen on more than this.
const PORTS_MAX: usize = 32;

/// What a port says to who connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// An SSH banner.
    Ssh,
    /// An HTTP answer with this status.
    Http(u16),
}

/// The sockets one instance should be listening on now.
pub(crate) type Doors = BTreeMap<SocketAddrV4, Door>;

/// Who connects.
#[derive(Debug, Clone, Copy)]
enum Visitor<'a> {
    /// This computer, which is no instance.
    Outside,
    Instance(&'a Instance),
}

// === impl World ===

impl World {
    /// Begins to note whose ports may have changed; at first everybody's.
    pub(crate) fn watch_doors(&mut self) {
        self.doors_due = Some(self.instances.keys().copied().collect());
    }

    /// Those whose ports may have changed since the last time, each with the ports that should be open.
    pub(crate) fn take_doors(&mut self) -> Vec<(Uuid, Doors)> {
        let due = self.doors_due.as_mut().map(std::mem::take).unwrap_or_default();
        due.into_iter().map(|id| (id, self.doors(id))).collect()
    }

    /// Whether the firewall lets somebody at `from` connect to this port of an instance.
    pub(crate) fn admits(&self, from: Ipv4Addr, to: Uuid, port: u16) -> bool {
        let Some(to) = self.instances.get(&to) else { return false };
        let visitor = self.addresses.holder(from).and_then(|id| self.instances.get(&id));
        self.lets_in(visitor.map_or(Visitor::Outside, Visitor::Instance), to, port)
    }

    /// Notes whose ports the touched instances and rules may change.
    pub(super) fn settle_doors(&mut self) {
        let of_rules = self.settle_rules();
        if let Some(due) = &mut self.doors_due {
            due.extend(self.instances.touched());
            due.extend(of_rules);
        }
    }

    /// A rule is in force, or not yet.
    pub(super) fn look_at_doors_of_rule(&mut self, id: Uuid) {
        let named = self.settle_rule(id);
        if let Some(due) = &mut self.doors_due {
            due.extend(named);
        }
    }

    fn doors(&self, id: Uuid) -> Doors {
        let instance = self.instances.get(&id);
        let is_up = |i: &&Instance| i.state == InstanceState::Running && self.is_home_up(id);
        let Some(instance) = instance.filter(is_up) else { return Doors::new() };
        doors_of(instance)
            .filter(|(address, _)| self.lets_in(Visitor::Outside, instance, address.port()))
            .collect()
    }

    /// Firewalls that are off let everybody through. One that is on blocks what comes in and lets out what goes, unless a
    /// rule says otherwise.
    ///
    /// A real one drops packets; here the port is closed, so a caller learns at once what it would learn from a timeout.
    fn lets_in(&self, visitor: Visitor<'_>, to: &Instance, port: u16) -> bool {
        let comes_in = !to.firewall_enabled || {
            let rules = self.rules_in_force_about(to);
            let verdicts = rules.iter().filter_map(|rule| match visitor {
                Visitor::Outside => rule.verdict(to, port),
                Visitor::Instance(from) => rule.inbound(from, to, port),
            });
            // Of equal priority the one that differs from the default wins: here ALLOW.
            verdicts.max().is_some_and(|(_, allow)| allow)
        };
        let goes_out = match visitor {
            Visitor::Instance(from) if from.firewall_enabled => {
                let rules = self.rules_in_force_about(from);
                let verdicts = rules.iter().filter_map(|rule| rule.outbound(from, to, port));
                // And here BLOCK.
                let strongest = verdicts.max_by_key(|(priority, allow)| (*priority, !allow));
                strongest.is_none_or(|(_, allow)| allow)
            }
            _ => true,
        };
        comes_in && goes_out
    }
}

fn doors_of(instance: &Instance) -> impl Iterator<Item = (SocketAddrV4, Door)> + '_ {
    let metadata = |key: &str| instance.metadata.get(key).map(text_of);
    let ports: Vec<u16> = match metadata(PORTS_KEY) {
        Some(list) => {
            list.split(',').filter_map(|port| port.trim().parse().ok()).take(PORTS_MAX).collect()
        }
        None => instance.ports.clone(),
    };
    let status =
        metadata(HTTP_STATUS_KEY).and_then(|status| status.trim().parse().ok()).unwrap_or(200);
    // Addresses of a user's own fabric exist on no interface of this computer.
    let addresses = instance.nics.iter().map(|nic| nic.ip).filter(Ipv4Addr::is_loopback);
    let addresses: Vec<Ipv4Addr> = addresses.collect();
    addresses.into_iter().flat_map(move |ip| {
        let door = move |port| if port == 22 { Door::Ssh } else { Door::Http(status) };
        ports.clone().into_iter().map(move |port| (SocketAddrV4::new(ip, port), door(port)))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{FirewallRule, Nic, seed};
    use super::*;
    use crate::delays::Delays;

    fn world_with(metadata: serde_json::Value, state: InstanceState) -> World {
        let mut world = World::new(Delays::none(), 1, 0, 1);
        let mut instance = Instance::sample("web");
        instance.state = state;
        instance.metadata = metadata.as_object().unwrap().clone();
        let subnet = world.addresses.subnet(seed::EXTERNAL_NETWORK);
        let nic = Nic {
            mac: [0; 6],
            ip: subnet.first(),
            primary: true,
            network: seed::EXTERNAL_NETWORK,
            subnet,
        };
        instance.nics = vec![nic];
        world.instances.insert(Uuid::nil(), instance);
        world
    }

    #[track_caller]
    fn check(metadata: serde_json::Value, state: InstanceState, expected: &[(u16, Door)]) {
        let doors = world_with(metadata, state).doors(Uuid::nil());
        let doors: Vec<(u16, Door)> =
            doors.into_iter().map(|(address, door)| (address.port(), door)).collect();
        assert_eq!(doors, expected);
    }

    #[test]
    fn only_running_instances_answer() {
        check(json!({}), InstanceState::Running, &[(22, Door::Ssh)]);
        check(json!({}), InstanceState::Stopping, &[]);
        check(json!({}), InstanceState::Provisioning, &[]);
    }

    #[test]
    fn a_firewall_closes_what_no_rule_opens() {
        let mut world = world_with(json!({ "sim.ports": "22,80" }), InstanceState::Running);
        let ports = |world: &World| {
            world.doors(Uuid::nil()).keys().map(SocketAddrV4::port).collect::<Vec<_>>()
        };
        let rule = |text: &str| FirewallRule {
            id: Uuid::new_v4(),
            owner: None,
            rule: FirewallRule::read(text).unwrap(),
            enabled: true,
            log: false,
            description: None,
        };
        world.instances.get_mut(&Uuid::nil()).unwrap().firewall_enabled = true;
        assert!(ports(&world).is_empty());
        world.rules.insert(Uuid::from_u128(1), rule("FROM any TO all vms ALLOW tcp PORT ALL"));
        world.rules.insert(Uuid::from_u128(2), rule("FROM any TO all vms BLOCK tcp PORT 22"));
        assert_eq!(ports(&world), [22, 80]);
        world
            .rules
            .insert(Uuid::from_u128(3), rule("FROM any TO all vms BLOCK tcp PORT 22 PRIORITY 1"));
        assert_eq!(ports(&world), [80]);
    }

    #[test]
    fn metadata_chooses_ports_and_status() {
        let metadata = json!({ "sim.ports": "22, 8080", "sim.http-status": "503" });
        check(metadata, InstanceState::Running, &[(22, Door::Ssh), (8080, Door::Http(503))]);
        check(json!({ "sim.ports": "" }), InstanceState::Running, &[]);
    }
}
