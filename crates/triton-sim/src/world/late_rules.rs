//! Firewall rules that were changed and are not in force yet: until then, what they were before is.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::lifecycle::Event;
use super::{FirewallRule, World};
use crate::clock::add;

// === impl World ===

impl World {
    /// A change of a rule takes effect after `delay`; `before` is what it was, if it was.
    pub(crate) fn delay_rule(
        &mut self,
        id: Uuid,
        before: Option<FirewallRule>,
        delay: Duration,
        now: Timestamp,
    ) {
        // Of two changes that wait, the first one knows what is in force.
        self.late_rules.entry(id).or_insert(before);
        self.changes += 1;
        self.agenda.add(add(now, delay), id, Event::RuleInForce);
        self.look_at_doors_of_rule(id);
    }

    pub(super) fn rule_in_force(&mut self, id: Uuid) {
        self.look_at_doors_of_rule(id);
        self.late_rules.remove(&id);
    }

    /// All rules as they are in force.
    #[cfg(test)]
    fn rules_in_force(&self) -> impl Iterator<Item = &FirewallRule> {
        let as_they_are = self.rules.iter().filter(|(id, _)| !self.late_rules.contains_key(id));
        let as_they_were = self.late_rules.values().flatten();
        as_they_are.map(|(_, rule)| rule).chain(as_they_were)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delays::Delays;

    fn rule(id: u128, text: &str) -> FirewallRule {
        FirewallRule {
            id: Uuid::from_u128(id),
            owner: None,
            rule: FirewallRule::read(text).unwrap(),
            enabled: true,
            log: false,
            description: None,
        }
    }

    #[test]
    fn until_a_change_is_in_force_the_rule_is_what_it_was() {
        let (start, delay) = (Timestamp::UNIX_EPOCH, Duration::from_secs(30));
        let old = rule(1, "FROM any TO all vms ALLOW tcp PORT 80");
        let new = rule(1, "FROM any TO all vms ALLOW tcp PORT 443");
        let mut world = World::new(Delays::none(), 1, 0, 1);
        let ports = |world: &World| -> Vec<String> {
            world.rules_in_force().map(|rule| rule.rule.to_string()).collect()
        };
        world.rules.insert(old.id, new.clone());
        world.delay_rule(old.id, Some(old.clone()), delay, start);
        world.delay_rule(old.id, Some(new.clone()), delay, start);
        assert_eq!(ports(&world), [old.rule.to_string()]);
        world.rules.insert(Uuid::from_u128(2), rule(2, "FROM any TO all vms ALLOW tcp PORT 22"));
        world.delay_rule(Uuid::from_u128(2), None, delay, start);
        assert_eq!(ports(&world), [old.rule.to_string()]);
        world.advance(add(start, delay));
        assert_eq!(ports(&world).len(), 2);
        assert!(ports(&world).contains(&new.rule.to_string()));
    }
}
