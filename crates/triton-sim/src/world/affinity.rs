//! Where a new instance goes: affinity rules `<key><op><value>`, locality hints, and the compute nodes they leave.

use std::collections::BTreeSet;

use regex::Regex;
use uuid::Uuid;

use super::tags::text_of;
use super::{Instance, World};
use crate::refusal::Refusal;

/// One rule, parsed.
#[derive(Debug, Clone)]
pub(crate) struct AffinityRule {
    key: String,
    near: bool,
    soft: bool,
    matcher: Matcher,
}

#[derive(Debug, Clone)]
enum Matcher {
    Exact(String),
    Pattern(Regex),
}

/// The deprecated way to say the same about single instances.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Locality {
    pub(crate) strict: bool,
    pub(crate) near: Vec<Uuid>,
    pub(crate) far: Vec<Uuid>,
}

/// What a request says about where it wants to be; one set of compute nodes for each rule.
#[derive(Debug, Default)]
struct Wishes {
    required: Vec<BTreeSet<Uuid>>,
    forbidden: BTreeSet<Uuid>,
    preferred: Vec<BTreeSet<Uuid>>,
    avoided: Vec<BTreeSet<Uuid>>,
}

/// A compute node that could be chosen.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    id: Uuid,
    instances: u64,
}

// === impl AffinityRule ===

impl AffinityRule {
    /// Reads one rule. `==` is searched before `!=`, as CloudAPI does.
    ///
    /// # Errors
    /// 409 InvalidArgument.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        let refuse = || Refusal::invalid_argument(format!("invalid affinity rule: {text}"));
        let at = text.find("==").or_else(|| text.find("!=")).ok_or_else(refuse)?;
        let (key, rest) = text.split_at(at);
        let (operator, rest) = rest.split_at(2);
        let (soft, value) = match rest.strip_prefix('~') {
            Some(value) => (true, value),
            None => (false, rest),
        };
        if !is_key(key) || !is_value(value) {
            return Err(refuse());
        }
        let matcher = Matcher::parse(value).ok_or_else(refuse)?;
        Ok(Self { key: key.to_owned(), near: operator == "==", soft, matcher })
    }

    /// What an index can look up: a tag of this very text.
    fn exact_tag(&self) -> Option<(&str, &str)> {
        match (self.key.as_str(), &self.matcher) {
            ("instance" | "container", _) | (_, Matcher::Pattern(_)) => None,
            (key, Matcher::Exact(text)) => Some((key, text)),
        }
    }

    fn matches(&self, instance: &Instance) -> bool {
        match self.key.as_str() {
            "instance" | "container" => {
                let (id, docker_id) = (instance.id.to_string(), instance.id.simple().to_string());
                self.matcher.matches(&instance.name)
                    || self.matcher.matches(&id)
                    || self.matcher.is_prefix_of(&id)
                    || self.matcher.is_prefix_of(&docker_id)
            }
            tag => {
                instance.tags.get(tag).is_some_and(|value| self.matcher.matches(&text_of(value)))
            }
        }
    }
}

impl Matcher {
    fn parse(value: &str) -> Option<Self> {
        let inner = value.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
        // Two slashes with nothing between them are a value like any other.
        if let Some(inner) = inner.filter(|inner| !inner.is_empty()) {
            return Regex::new(inner).ok().map(Self::Pattern);
        }
        if value.contains('*') {
            let parts: Vec<String> = value.split('*').map(regex::escape).collect();
            return Regex::new(&format!("^{}$", parts.join(".*"))).ok().map(Self::Pattern);
        }
        Some(Self::Exact(value.to_owned()))
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(value) => value == text,
            Self::Pattern(pattern) => pattern.is_match(text),
        }
    }

    /// A UUID prefix or a Docker id names an instance too.
    fn is_prefix_of(&self, id: &str) -> bool {
        let bare = |text: &str| text.replace('-', "");
        matches!(self, Self::Exact(value) if value.len() >= 8 && bare(id).starts_with(&bare(value)))
    }
}

/// `/^[a-z_][a-z0-9\-_.]+$/i`
fn is_key(key: &str) -> bool {
    key.len() >= 2
        && key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// `/^[-a-z0-9:_\s.*/()?+[\]\\^$|]+$/i`
fn is_value(value: &str) -> bool {
    !value.is_empty()
        && value.chars().all(|c| {
            c.is_ascii_alphanumeric() || c.is_whitespace() || "-:_.*/()?+[]\\^$|".contains(c)
        })
}

// === impl World ===

impl World {
    /// Picks a compute node for a new instance of this size.
    ///
    /// # Errors
    /// 409 NoAllocatableServersError when none is up, has room and is left by the hard rules, as when `==` matches
    /// nothing.
    pub(crate) fn place(
        &self,
        owner: Uuid,
        rules: &[AffinityRule],
        locality: &Locality,
        memory_mib: u64,
    ) -> Result<Uuid, Refusal> {
        let candidates: Vec<Candidate> = self
            .compute_nodes
            .iter()
            .map(|node| (node, self.load(node.id)))
            .filter(|(node, load)| node.is_up() && node.has_room(load.memory_mib, memory_mib))
            .map(|(node, load)| Candidate { id: node.id, instances: load.instances })
            .collect();
        if candidates.is_empty() {
            return Err(no_server(format!("no server has {memory_mib} MiB of memory left")));
        }
        let mut wishes = Wishes::default();
        for rule in rules {
            wishes.add(rule.near, rule.soft, self.homes_of(owner, rule));
        }
        let homes = |ids: &[Uuid]| ids.iter().filter_map(|id| self.home_of(owner, *id)).collect();
        if !locality.near.is_empty() {
            wishes.add(true, !locality.strict, homes(&locality.near));
        }
        if !locality.far.is_empty() {
            wishes.add(false, !locality.strict, homes(&locality.far));
        }
        choose(&wishes, &candidates)
            .ok_or_else(|| no_server("affinity rules leave no server".to_owned()))
    }

    fn homes_of(&self, owner: Uuid, rule: &AffinityRule) -> BTreeSet<Uuid> {
        if let Some((key, text)) = rule.exact_tag() {
            return self
                .tagged(owner, key, Some(text))
                .into_iter()
                .filter_map(|i| i.home())
                .collect();
        }
        self.active_of(owner).filter(|i| rule.matches(i)).filter_map(|i| i.home()).collect()
    }

    fn home_of(&self, owner: Uuid, id: Uuid) -> Option<Uuid> {
        let instance = self.instances.get(&id).filter(|instance| instance.owner == owner)?;
        instance.home().filter(|_| instance.state.is_active())
    }
}

// === impl Wishes ===

impl Wishes {
    fn add(&mut self, near: bool, soft: bool, homes: BTreeSet<Uuid>) {
        match (near, soft) {
            (true, false) => self.required.push(homes),
            (false, false) => self.forbidden.extend(homes),
            (true, true) => self.preferred.push(homes),
            (false, true) => self.avoided.push(homes),
        }
    }
}

/// Hard rules leave some, soft rules order them, and the emptiest of the best wins.
fn choose(wishes: &Wishes, candidates: &[Candidate]) -> Option<Uuid> {
    let count =
        |sets: &[BTreeSet<Uuid>], node: &Uuid| sets.iter().filter(|set| set.contains(node)).count();
    candidates
        .iter()
        .filter(|node| !wishes.forbidden.contains(&node.id))
        .filter(|node| wishes.required.iter().all(|homes| homes.contains(&node.id)))
        .min_by_key(|node| {
            let liked = count(&wishes.preferred, &node.id);
            (count(&wishes.avoided, &node.id), usize::MAX - liked, node.instances)
        })
        .map(|node| node.id)
}

/// Whether these are affinity rules.
///
/// # Errors
/// 409 InvalidArgument.
pub(crate) fn check_rules<'a>(rules: impl IntoIterator<Item = &'a str>) -> Result<(), Refusal> {
    rules.into_iter().try_for_each(|rule| AffinityRule::parse(rule).map(|_| ()))
}

fn no_server(why: String) -> Refusal {
    let message = format!("No compute resources available: {why}");
    Refusal::new(409, "NoAllocatableServersError", message)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::Condition;
    use super::*;
    use crate::delays::Delays;

    #[track_caller]
    fn check(text: &str, good: bool) {
        assert_eq!(AffinityRule::parse(text).is_ok(), good, "{text}");
    }

    #[test]
    fn rules_have_a_grammar() {
        for good in [
            "instance!=web0",
            "instance==~/^db/",
            "k8s.app!=~nginx",
            "role==web*",
            "container==abc",
            "role==//",
        ] {
            check(good, true);
        }
        for bad in
            ["", "role", "role=web", "r==web", "a/b==web", "role==", "role==a,b", "role==/(/"]
        {
            check(bad, false);
        }
    }

    fn resident(name: &str, role: &str, node: Uuid) -> Instance {
        let mut instance = Instance::sample(name);
        instance.tags.insert("role".to_owned(), role.into());
        instance.compute_node = Some(node);
        instance
    }

    /// Three compute nodes; `db-0` is on the first and `web-0` on the second.
    fn world() -> (World, [Uuid; 3]) {
        let mut world = World::new(Delays::none(), 1, 0, 3);
        let nodes: Vec<Uuid> = world.compute_nodes.iter().map(|node| node.id).collect();
        for instance in [resident("db-0", "db", nodes[0]), resident("web-0", "web", nodes[1])] {
            world.instances.insert(instance.id, instance);
        }
        world.settle(Timestamp::UNIX_EPOCH);
        (world, [nodes[0], nodes[1], nodes[2]])
    }

    /// `expected` counts the compute nodes from 1.
    #[track_caller]
    fn check_place(rules: &[&str], expected: Option<usize>) {
        let (world, nodes) = world();
        let rules: Vec<AffinityRule> =
            rules.iter().map(|rule| AffinityRule::parse(rule).unwrap()).collect();
        let placed = world.place(Uuid::nil(), &rules, &Locality::default(), 1024).ok();
        assert_eq!(placed, expected.map(|number| nodes[number - 1]), "{rules:?}");
    }

    #[test]
    fn hard_rules_choose_and_soft_rules_prefer() {
        check_place(&[], Some(3));
        check_place(&["role==db"], Some(1));
        check_place(&["role==~db"], Some(1));
        check_place(&["role!=~/./"], Some(3));
        check_place(&["instance==web*"], Some(2));
        check_place(&["role==nobody"], None);
        check_place(&["role==~nobody"], Some(3));
        check_place(&["role==db", "instance!=db-0"], None);
        check_place(&["role==/b$/", "role!=~db"], Some(2));
    }

    #[test]
    fn an_instance_goes_by_its_ids_too() {
        let (world, nodes) = world();
        let id = world.active_of(Uuid::nil()).find(|i| i.name == "web-0").unwrap().id;
        for text in [
            id.to_string(),
            id.to_string()[..8].to_owned(),
            id.simple().to_string()[..12].to_owned(),
        ] {
            let rule = AffinityRule::parse(&format!("container=={text}")).unwrap();
            let placed = world.place(Uuid::nil(), &[rule], &Locality::default(), 1024);
            assert_eq!(placed.unwrap(), nodes[1], "{text}");
        }
    }

    #[test]
    fn locality_is_a_wish_unless_it_is_strict() {
        let (world, nodes) = world();
        let web = world.active_of(Uuid::nil()).find(|i| i.name == "web-0").unwrap().id;
        let near = Locality { near: vec![web], ..Locality::default() };
        let place = |locality| world.place(Uuid::nil(), &[], &locality, 1024).ok();
        assert_eq!(place(near.clone()), Some(nodes[1]));
        let unknown = Locality { near: vec![Uuid::nil()], ..Locality::default() };
        assert_eq!(place(unknown.clone()), Some(nodes[2]));
        assert_eq!(place(Locality { strict: true, ..unknown }), None);
        let far = Locality { far: vec![web], strict: true, ..Locality::default() };
        assert_ne!(place(far), Some(nodes[1]));
    }

    #[test]
    fn full_nodes_and_those_that_are_down_take_nobody() {
        let (mut world, nodes) = world();
        let place = |world: &World| {
            world.place(Uuid::nil(), &[], &Locality::default(), 1024).map_err(|r| r.code)
        };
        world.compute_nodes[2].condition = Condition::Down { instances_show: None };
        assert_eq!(place(&world), Ok(nodes[0]));
        world.compute_nodes[0].memory_mib = Some(2047);
        assert_eq!(place(&world), Ok(nodes[1]));
        world.compute_nodes[1].memory_mib = Some(0);
        assert_eq!(place(&world), Err("NoAllocatableServersError"));
    }
}
