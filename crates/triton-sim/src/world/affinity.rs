//! Affinity rules: `<key><op><value>`, and which compute nodes they leave.

use std::collections::BTreeSet;

use regex::Regex;
use uuid::Uuid;

use super::Instance;
use super::tags::text_of;
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

/// An instance can live on several compute nodes only before it is placed; this is where `==` asks it to be.
#[derive(Debug, Default)]
struct Wishes {
    required: Vec<BTreeSet<Uuid>>,
    forbidden: BTreeSet<Uuid>,
    preferred: Vec<BTreeSet<Uuid>>,
    avoided: Vec<BTreeSet<Uuid>>,
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

    fn matches(&self, instance: &Instance) -> bool {
        match self.key.as_str() {
            "instance" | "container" => {
                let id = instance.id.to_string();
                self.matcher.matches(&instance.name)
                    || self.matcher.matches(&id)
                    || self.matcher.is_prefix_of(&id)
            }
            tag => {
                instance.tags.get(tag).is_some_and(|value| self.matcher.matches(&text_of(value)))
            }
        }
    }
}

impl Matcher {
    fn parse(value: &str) -> Option<Self> {
        if let Some(inner) = value.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
            return (!inner.is_empty())
                .then(|| Regex::new(inner).ok())
                .flatten()
                .map(Self::Pattern);
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

/// Picks a compute node: hard rules leave some, soft rules order them, and the emptiest of the best wins.
///
/// # Errors
/// 409 NoAllocatableServersError when hard rules leave none, as when `==` matches nothing.
pub(crate) fn place(
    rules: &[AffinityRule],
    nodes: &[Uuid],
    residents: &[&Instance],
) -> Result<Uuid, Refusal> {
    let mut wishes = Wishes::default();
    for rule in rules {
        let homes: BTreeSet<Uuid> =
            residents.iter().filter(|i| rule.matches(i)).filter_map(|i| i.home()).collect();
        match (rule.near, rule.soft) {
            (true, false) => wishes.required.push(homes),
            (false, false) => wishes.forbidden.extend(homes),
            (true, true) => wishes.preferred.push(homes),
            (false, true) => wishes.avoided.push(homes),
        }
    }
    let count =
        |sets: &[BTreeSet<Uuid>], node: &Uuid| sets.iter().filter(|set| set.contains(node)).count();
    let residents_of = |node: &Uuid| residents.iter().filter(|i| i.home() == Some(*node)).count();
    nodes
        .iter()
        .filter(|node| !wishes.forbidden.contains(node))
        .filter(|node| wishes.required.iter().all(|homes| homes.contains(node)))
        .min_by_key(|node| {
            let liked = count(&wishes.preferred, node);
            (count(&wishes.avoided, node), usize::MAX - liked, residents_of(node))
        })
        .copied()
        .ok_or_else(|| {
            let message = "No compute resources available: affinity rules leave no server";
            Refusal::new(409, "NoAllocatableServersError", message)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        ] {
            check(good, true);
        }
        for bad in [
            "",
            "role",
            "role=web",
            "r==web",
            "a/b==web",
            "role==",
            "role==a,b",
            "role==//",
            "role==/(/",
        ] {
            check(bad, false);
        }
    }

    fn resident(name: &str, role: &str, node: Uuid) -> Instance {
        let mut instance = Instance::sample(name);
        instance.tags.insert("role".to_owned(), role.into());
        instance.compute_node = Some(node);
        instance
    }

    #[track_caller]
    fn check_place(rules: &[&str], expected: Option<u128>) {
        let nodes = [Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3)];
        let residents = [resident("db-0", "db", nodes[0]), resident("web-0", "web", nodes[1])];
        let residents: Vec<&Instance> = residents.iter().collect();
        let rules: Vec<AffinityRule> =
            rules.iter().map(|rule| AffinityRule::parse(rule).unwrap()).collect();
        let placed = place(&rules, &nodes, &residents).ok();
        assert_eq!(placed, expected.map(Uuid::from_u128), "{rules:?}");
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
    }
}
