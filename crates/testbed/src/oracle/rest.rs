//! What must hold when faults have ended and things have come to rest.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{InstanceFact, Phase, PodFact, RuleFact};
use super::violation::Invariant;

/// Both worlds at one moment, and what they should be.
#[derive(Clone, Debug, Default)]
pub struct AtRest {
    /// UID of the cluster.
    pub cluster: String,
    /// Name of the node.
    pub node: String,
    /// All pods of the node.
    pub pods: Vec<PodFact>,
    /// All instances there are and were.
    pub instances: Vec<InstanceFact>,
    /// All firewall rules.
    pub rules: Vec<RuleFact>,
    /// How many pods should run, by the label `app`.
    pub wanted: BTreeMap<String, usize>,
    /// Instances and rules of others that must still be there.
    pub foreign: BTreeSet<String>,
}

/// What does not hold.
pub type Discrepancy = (Invariant, String);

// === impl AtRest ===

impl AtRest {
    /// Everything that does not hold; nothing when all is as wanted.
    #[must_use]
    pub fn discrepancies(&self) -> Vec<Discrepancy> {
        let mut found = Vec::new();
        self.compare_counts(&mut found);
        for pod in self.going_on() {
            self.look_at_pod(pod, &mut found);
        }
        self.look_at_instances(&mut found);
        self.look_at_rules(&mut found);
        found
    }

    /// Living instances of ours.
    pub fn ours(&self) -> impl Iterator<Item = &InstanceFact> {
        self.instances
            .iter()
            .filter(|instance| instance.lives() && instance.is_of(&self.cluster, &self.node))
    }

    /// Pods that have not ended.
    fn going_on(&self) -> impl Iterator<Item = &PodFact> {
        self.pods.iter().filter(|pod| !pod.phase.is_final())
    }

    fn compare_counts(&self, found: &mut Vec<Discrepancy>) {
        for (app, wanted) in &self.wanted {
            let is = |pod: &&PodFact| pod.app.as_ref() == Some(app);
            let there = self.going_on().filter(is).count();
            if there != *wanted {
                let what = format!("{there} pods of {app}, and {wanted} are wanted");
                found.push((Invariant::L1, what));
            }
        }
    }

    fn look_at_pod(&self, pod: &PodFact, found: &mut Vec<Discrepancy>) {
        let name = &pod.name;
        let mut say =
            |invariant, what: String| found.push((invariant, format!("pod {name} {what}")));
        if pod.asked_to_go.is_some() {
            return say(Invariant::L1, "is asked to go and is still there".to_owned());
        }
        if pod.phase != Phase::Running || !pod.ready {
            return say(Invariant::L1, format!("is {:?}, ready: {}", pod.phase, pod.ready));
        }
        let own: Vec<&InstanceFact> =
            self.ours().filter(|instance| instance.pod() == Some(pod.uid.as_str())).collect();
        let [own] = own.as_slice() else {
            let ids: Vec<&str> = own.iter().map(|instance| instance.id.as_str()).collect();
            return say(Invariant::S1, format!("has {} instances: {}", own.len(), ids.join(", ")));
        };
        if pod.instance.as_ref() != Some(&own.id) {
            say(Invariant::S5, format!("names {:?} and has {}", pod.instance, own.id));
        }
        if own.state != "running" {
            say(Invariant::L1, format!("is Running, and {} is {}", own.id, own.state));
        }
        if pod.ip != own.ip {
            say(Invariant::S5, format!("shows {:?}, and {} has {:?}", pod.ip, own.id, own.ip));
        }
        if usize::try_from(pod.restarts).is_ok_and(|restarts| restarts >= own.runs().max(1)) {
            let what = format!("counts {} restarts of {} runs", pod.restarts, own.runs());
            say(Invariant::S4, what);
        }
    }

    fn look_at_instances(&self, found: &mut Vec<Discrepancy>) {
        let pods: BTreeSet<&str> = self.going_on().map(|pod| pod.uid.as_str()).collect();
        for instance in self.ours() {
            if instance.pod().is_none_or(|pod| !pods.contains(pod)) {
                let what = format!("instance {} ({}) has no pod", instance.id, instance.state);
                found.push((Invariant::S3, what));
            }
        }
        let living: BTreeSet<&str> =
            self.instances.iter().filter(|one| one.lives()).map(|one| one.id.as_str()).collect();
        let rules: BTreeSet<&str> = self.rules.iter().map(|rule| rule.id.as_str()).collect();
        for id in &self.foreign {
            if !living.contains(id.as_str()) && !rules.contains(id.as_str()) {
                found.push((Invariant::S2, format!("{id}, which is not ours, is gone")));
            }
        }
    }

    fn look_at_rules(&self, found: &mut Vec<Discrepancy>) {
        let ours: Vec<&RuleFact> =
            self.rules.iter().filter(|rule| rule.is_of(&self.cluster, &self.node)).collect();
        let carried: BTreeSet<(&str, &str)> = self
            .ours()
            .flat_map(|instance| instance.tags.iter().map(|(name, value)| (&**name, &**value)))
            .collect();
        let mut served: BTreeSet<(String, String)> = BTreeSet::new();
        for rule in &ours {
            let tags = rule.tags();
            if !tags.iter().any(|(name, value)| carried.contains(&(name.as_str(), value.as_str())))
            {
                let what = format!("rule {} ({}) has no owner", rule.id, rule.rule);
                found.push((Invariant::S6, what));
            }
            served.extend(tags);
        }
        for (name, value) in carried {
            let is_for_rules = matches!(name, "k8s_fwports" | "k8s_fwgroup");
            if is_for_rules && !served.contains(&(name.to_owned(), value.to_owned())) {
                found.push((Invariant::S6, format!("no rule is about the tag {name}={value}")));
            }
        }
        let mut texts: BTreeSet<&str> = BTreeSet::new();
        for rule in ours {
            if !texts.insert(&rule.rule) {
                found.push((Invariant::S6, format!("there are two rules {}", rule.rule)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    /// One pod with its instance and its rule.
    fn healthy() -> AtRest {
        let at = Timestamp::UNIX_EPOCH;
        let tags = [
            ("k8s_cluster", "c"),
            ("k8s_nodename", "n"),
            ("k8s_uid", "u"),
            ("k8s_fwports", "tcp-22"),
        ];
        let instance = InstanceFact {
            id: "i".to_owned(),
            tags: tags.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            state: "running".to_owned(),
            ip: Some("127.64.0.1".to_owned()),
            states: vec![(at, "provisioning".to_owned()), (at, "running".to_owned())],
        };
        let pod = PodFact {
            uid: "u".to_owned(),
            name: "default/web-1".to_owned(),
            app: Some("web".to_owned()),
            node: Some("n".to_owned()),
            phase: Phase::Running,
            instance: Some("i".to_owned()),
            ip: Some("127.64.0.1".to_owned()),
            ready: true,
            ..PodFact::default()
        };
        let rule = RuleFact {
            id: "r".to_owned(),
            rule: r#"FROM any TO tag "k8s_fwports" = "tcp-22" ALLOW tcp PORT 22"#.to_owned(),
            description: "vk-triton cluster=c node=n k8s_fwports=tcp-22 ports".to_owned(),
        };
        AtRest {
            cluster: "c".to_owned(),
            node: "n".to_owned(),
            pods: vec![pod],
            instances: vec![instance],
            rules: vec![rule],
            wanted: BTreeMap::from([("web".to_owned(), 1)]),
            foreign: BTreeSet::new(),
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut AtRest), expected: &[Invariant]) {
        let mut world = healthy();
        change(&mut world);
        let found = world.discrepancies();
        let invariants: Vec<Invariant> = found.iter().map(|(invariant, _)| *invariant).collect();
        assert_eq!(invariants, expected, "{found:?}");
    }

    #[test]
    fn rest_is_when_every_pod_has_its_one_instance() {
        check(|_| {}, &[]);
        check(|world| world.pods[0].ready = false, &[Invariant::L1]);
        check(|world| world.pods[0].asked_to_go = Some(Timestamp::UNIX_EPOCH), &[Invariant::L1]);
        check(|world| world.wanted = BTreeMap::from([("web".to_owned(), 2)]), &[Invariant::L1]);
        check(|world| world.instances[0].state = "stopped".to_owned(), &[Invariant::L1]);
        check(|world| world.pods[0].ip = None, &[Invariant::S5]);
        check(|world| world.pods[0].instance = Some("j".to_owned()), &[Invariant::S5]);
        check(|world| world.pods[0].restarts = 1, &[Invariant::S4]);
    }

    #[test]
    fn twins_leaks_and_losses_are_found() {
        let twin = |world: &mut AtRest| {
            let twin = InstanceFact { id: "j".to_owned(), ..world.instances[0].clone() };
            world.instances.push(twin);
        };
        check(twin, &[Invariant::S1]);
        let leak = |world: &mut AtRest| {
            world.pods.clear();
            world.wanted.clear();
        };
        check(leak, &[Invariant::S3]);
        check(|world| world.pods[0].phase = Phase::Succeeded, &[Invariant::L1, Invariant::S3]);
        let lost = |world: &mut AtRest| {
            world.instances.clear();
            world.rules.clear();
        };
        check(lost, &[Invariant::S1]);
        check(|world| world.foreign = BTreeSet::from(["f".to_owned()]), &[Invariant::S2]);
        check(|world| world.foreign = BTreeSet::from(["r".to_owned()]), &[]);
    }

    #[test]
    fn rules_have_owners_and_owners_their_rules() {
        let others = |world: &mut AtRest| {
            let rule = RuleFact { description: "mine".to_owned(), ..world.rules[0].clone() };
            world.rules.push(rule);
        };
        check(others, &[]);
        let orphan = |world: &mut AtRest| {
            let mut rule = world.rules[0].clone();
            rule.rule = rule.rule.replace("tcp-22", "tcp-23");
            world.rules.push(rule);
        };
        check(orphan, &[Invariant::S6]);
        check(|world| world.rules.clear(), &[Invariant::S6]);
        check(|world| world.rules.push(world.rules[0].clone()), &[Invariant::S6]);
    }
}
