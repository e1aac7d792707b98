//! Finds the rules that name an instance, and the instances that a rule names, without looking at each.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::FirewallRule;
use super::parse::Target;
use crate::world::{Instance, World, text_of};

/// Where to look for rules. [`World::settle`] keeps it in step with [`World::rules`].
#[derive(Debug, Default)]
pub(crate) struct RuleIndex {
    named: BTreeMap<Name, BTreeSet<Uuid>>,
    /// Each rule as it was when it was last looked at.
    held: BTreeMap<Uuid, FirewallRule>,
}

/// What a rule may say to mean an instance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    All,
    Vm(Uuid),
    Tag(String, Option<String>),
}

// === impl RuleIndex ===

impl RuleIndex {
    fn follow(&mut self, id: Uuid, rule: Option<FirewallRule>) {
        if let Some(old) = self.held.remove(&id) {
            for name in names_in(&old) {
                if let Some(rules) = self.named.get_mut(&name) {
                    rules.remove(&id);
                    if rules.is_empty() {
                        self.named.remove(&name);
                    }
                }
            }
        }
        if let Some(new) = rule {
            for name in names_in(&new) {
                self.named.entry(name).or_default().insert(id);
            }
            self.held.insert(id, new);
        }
    }

    /// Ids of rules that may name the instance on either side.
    fn about(&self, instance: &Instance) -> BTreeSet<Uuid> {
        let tags = instance.tags.iter().flat_map(|(key, value)| {
            [Name::Tag(key.clone(), None), Name::Tag(key.clone(), Some(text_of(value)))]
        });
        let names = [Name::All, Name::Vm(instance.id)].into_iter().chain(tags);
        names.filter_map(|name| self.named.get(&name)).flatten().copied().collect()
    }
}

// === impl World ===

impl World {
    /// Rules about an instance, on either side, by id.
    pub(crate) fn rules_about(&self, instance: &Instance) -> Vec<&FirewallRule> {
        let mut ids = self.rule_index.about(instance);
        ids.extend(self.rules.touched());
        let rules = ids.iter().filter_map(|id| self.rules.get(id));
        rules.filter(|rule| rule.concerns(instance)).collect()
    }

    /// Rules about an instance as they are in force.
    pub(in crate::world) fn rules_in_force_about(&self, instance: &Instance) -> Vec<&FirewallRule> {
        let as_they_are = self.rules_about(instance).into_iter();
        let as_they_are = as_they_are.filter(|rule| !self.late_rules.contains_key(&rule.id));
        let as_they_were = self.late_rules.values().flatten();
        as_they_are.chain(as_they_were.filter(|rule| rule.concerns(instance))).collect()
    }

    /// Active instances that a rule names on either side, by id.
    pub(crate) fn instances_of_rule(&self, rule: &FirewallRule) -> Vec<&Instance> {
        let Some(owner) = rule.owner else {
            let all = self.accounts.keys().flat_map(|owner| self.active_of(*owner));
            return all.filter(|instance| rule.concerns(instance)).collect();
        };
        let mut found: BTreeMap<Uuid, &Instance> = BTreeMap::new();
        for name in names_in(rule) {
            match name {
                Name::All => return self.active_of(owner).collect(),
                Name::Vm(id) => found.extend(self.instances.get(&id).map(|i| (id, i))),
                Name::Tag(key, text) => {
                    let tagged = self.tagged(owner, &key, text.as_deref());
                    found.extend(tagged.into_iter().map(|instance| (instance.id, instance)));
                }
            }
        }
        let concerned = |i: &&Instance| i.state.is_active() && rule.concerns(i);
        found.into_values().filter(concerned).collect()
    }

    /// Brings the index up to date with what was touched; returns the instances whose ports that may change.
    pub(in crate::world) fn settle_rules(&mut self) -> BTreeSet<Uuid> {
        let touched: Vec<Uuid> = self.rules.touched().copied().collect();
        touched.into_iter().flat_map(|id| self.settle_rule(id)).collect()
    }

    /// Looks at one rule anew; returns those that it names, or named.
    pub(in crate::world) fn settle_rule(&mut self, id: Uuid) -> BTreeSet<Uuid> {
        let new = self.rules.get(&id).cloned();
        let late = self.late_rules.get(&id).cloned().flatten();
        let versions = [self.rule_index.held.get(&id).cloned(), new.clone(), late];
        let named = versions.iter().flatten().flat_map(|rule| self.instances_of_rule(rule));
        let named = named.map(|instance| instance.id).collect();
        self.rule_index.follow(id, new);
        named
    }

    /// Builds the index anew, as after loading.
    pub(in crate::world) fn rebuild_rule_index(&mut self) {
        self.rule_index = RuleIndex::default();
        for (id, rule) in self.rules.iter() {
            self.rule_index.follow(*id, Some(rule.clone()));
        }
    }
}

fn names_in(rule: &FirewallRule) -> BTreeSet<Name> {
    let targets = rule.rule.from.iter().chain(&rule.rule.to);
    targets
        .filter_map(|target| match target {
            Target::AllVms => Some(Name::All),
            Target::Vm(id) => Some(Name::Vm(*id)),
            Target::Tag(key, text) => Some(Name::Tag(key.clone(), text.clone())),
            Target::Any | Target::Ip(_) | Target::Subnet(..) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::delays::Delays;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn stage() -> World {
        let mut world = World::new(Delays::none(), 1, 0, 1);
        let owner = world.add_account("jill", NOW);
        for (number, role) in [(1, "web"), (2, "web"), (3, "db")] {
            let mut instance = Instance::sample(&format!("i{number}"));
            (instance.id, instance.owner) = (Uuid::from_u128(number), owner);
            instance.tags = json!({ "role": role }).as_object().unwrap().clone();
            world.instances.insert(instance.id, instance);
        }
        world
    }

    fn add(world: &mut World, number: u128, text: &str) -> FirewallRule {
        let rule = FirewallRule {
            id: Uuid::from_u128(number),
            owner: world.accounts.keys().next().copied(),
            rule: FirewallRule::read(text).unwrap(),
            enabled: true,
            log: false,
            description: None,
        };
        world.rules.insert(rule.id, rule.clone());
        rule
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut world = stage();
        let rule = add(&mut world, 9, text);
        for _ in 0..2 {
            let found = world.instances_of_rule(&rule).into_iter().map(|i| i.name.clone());
            assert_eq!(found.collect::<Vec<_>>().join(" "), expected, "{text}");
            for instance in world.instances.values() {
                let is_about = !world.rules_about(instance).is_empty();
                assert_eq!(
                    is_about,
                    expected.contains(&instance.name),
                    "{text}: {}",
                    instance.name
                );
            }
            world.settle(NOW);
        }
    }

    #[test]
    fn rules_and_instances_find_each_other() {
        check("FROM any TO tag role = web ALLOW tcp PORT 80", "i1 i2");
        check("FROM tag role TO any BLOCK tcp PORT 80", "i1 i2 i3");
        check("FROM tag role = db TO tag role = web ALLOW tcp PORT 80", "i1 i2 i3");
        check("FROM any TO all vms ALLOW tcp PORT 80", "i1 i2 i3");
        check("FROM any TO vm 00000000-0000-0000-0000-000000000003 ALLOW tcp PORT 80", "i3");
        check("FROM any TO tag role = api ALLOW tcp PORT 80", "");
    }

    #[test]
    fn a_changed_rule_concerns_those_it_named_before_too() {
        let mut world = stage();
        add(&mut world, 9, "FROM any TO tag role = web ALLOW tcp PORT 80");
        world.settle(NOW);
        add(&mut world, 9, "FROM any TO tag role = db ALLOW tcp PORT 80");
        assert_eq!(world.settle_rules().len(), 3);
        world.settle(NOW);
        world.rules.remove(&Uuid::from_u128(9));
        assert_eq!(world.settle_rules(), [Uuid::from_u128(3)].into());
        assert!(world.rule_index.named.is_empty());
    }
}
