//! Firewall rules: made before the instances that need them, shared by all that need the same, removed after the
//! last.
//!
//! A rule is recognised by its description, which names the cluster, the node and the tag it is about; a rule
//! without our mark is never touched.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::time::Instant;
use triton_cloudapi::FirewallRuleId;
use triton_cloudapi::client::{Client, Error};
use triton_cloudapi::firewall_rules::{CreateFirewallRule, FirewallRule};
use triton_podspec::plan::FirewallRulePlan;

use crate::seen::Seen;

/// Longest tag value that a description shows whole; CloudAPI takes descriptions of up to 255 characters.
const VALUE_MAX: usize = 48;

/// Longest description that CloudAPI takes.
const DESCRIPTION_MAX: usize = 255;

/// Makes and removes our rules; one at a time, so that two pods that need one rule do not make it twice.
#[derive(Debug)]
pub struct Firewall {
    client: Client,
    mark: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Rules that pods need, by pod UID: covers creates whose instance no list shows yet.
    needs: HashMap<String, BTreeSet<FirewallRulePlan>>,
    /// Our rules as last listed or made; `None` before the first list.
    made: Option<BTreeMap<String, Vec<FirewallRuleId>>>,
    /// Descriptions of rules that a pod has needed in this life of the process.
    known: BTreeSet<String>,
    /// Rules of an earlier life that nobody seems to need, since when.
    suspects: BTreeMap<FirewallRuleId, Instant>,
}

/// What a sweep removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused {
    /// Rule to remove.
    pub id: FirewallRuleId,
    /// Its description.
    pub description: String,
}

/// Why a rule could not be made.
#[derive(Debug, thiserror::Error)]
#[error("making the firewall rule `{rule}`")]
pub struct EnsureError {
    /// The rule's text.
    pub rule: String,
    /// CloudAPI's answer.
    #[source]
    pub source: Error,
}

/// The mark that begins the description of every rule of this cluster and node.
#[must_use]
pub fn mark(cluster: &str, node: &str) -> String {
    format!("vk-triton cluster={cluster} node={node} ")
}

/// A rule's description: whose it is, which tag it is about and what for. Different rules never share one.
#[must_use]
pub fn description(mark: &str, plan: &FirewallRulePlan) -> String {
    let (key, value) = &plan.tag;
    let mut text = format!("{mark}{}{}", about(key, value), plan.purpose);
    if text.chars().count() > DESCRIPTION_MAX {
        // A long node name or purpose: what is cut off is told apart by a hash of it all.
        let hash = hash(&text);
        let room = DESCRIPTION_MAX - hash.len() - 1;
        text = text.chars().take(room).collect();
        text.push('~');
        text.push_str(&hash);
    }
    text
}

/// The part of a description that says which tag it is about.
fn about(key: &str, value: &str) -> String {
    if value.chars().count() <= VALUE_MAX {
        return format!("tag={key}={value} for=");
    }
    let start: String = value.chars().take(VALUE_MAX / 2).collect();
    format!("tag={key}={start}~{} for=", hash(value))
}

/// Sixteen hex digits that tell texts apart.
fn hash(text: &str) -> String {
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Our rules among all of the account, by description. Two of one description are twins: one too many.
#[must_use]
pub fn ours(rules: &[FirewallRule], mark: &str) -> BTreeMap<String, Vec<FirewallRuleId>> {
    let mut found: BTreeMap<String, Vec<FirewallRuleId>> = BTreeMap::new();
    for rule in rules.iter().filter(|rule| !rule.global) {
        if let Some(description) = rule.description.as_deref().filter(|text| text.starts_with(mark))
        {
            found.entry(description.to_owned()).or_default().push(rule.id);
        }
    }
    for ids in found.values_mut() {
        ids.sort_unstable();
    }
    found
}

/// The rules that nobody needs: no pod has asked for them, and no instance carries the tag they are about. Of twins
/// all but the first go.
#[must_use]
pub fn unused(
    made: &BTreeMap<String, Vec<FirewallRuleId>>,
    needed: &BTreeSet<String>,
    tags: &BTreeSet<(String, String)>,
) -> Vec<Unused> {
    let mut unused = Vec::new();
    for (description, ids) in made {
        let used = needed.contains(description)
            || tags.iter().any(|(key, value)| description.contains(&about(key, value)));
        let keep = usize::from(used);
        unused.extend(
            ids.iter().skip(keep).map(|id| Unused { id: *id, description: description.clone() }),
        );
    }
    unused
}

/// The tags that rules of ours may be about, as instances carry them.
#[must_use]
pub fn rule_tags<'a>(instances: impl IntoIterator<Item = &'a Seen>) -> BTreeSet<(String, String)> {
    let pairs = instances.into_iter().flat_map(|instance| instance.rule_tags.iter());
    pairs.map(|(key, value)| (key.as_ref().to_owned(), value.as_ref().to_owned())).collect()
}

// === impl Firewall ===

impl Firewall {
    /// A keeper for the rules of this cluster and node.
    #[must_use]
    pub fn new(client: Client, cluster: &str, node: &str) -> Self {
        Self { client, mark: mark(cluster, node), state: Mutex::new(State::default()) }
    }

    /// Makes sure that every rule of `plans` exists, and remembers that this pod needs them.
    ///
    /// # Errors
    /// The first rule that could not be made.
    pub async fn ensure(&self, uid: &str, plans: &[FirewallRulePlan]) -> Result<(), EnsureError> {
        if plans.is_empty() {
            return Ok(());
        }
        let mut state = self.state.lock().await;
        state.needs.insert(uid.to_owned(), plans.iter().cloned().collect());
        state.known.extend(plans.iter().map(|plan| description(&self.mark, plan)));
        if state.made.is_none() {
            let rule = plans.first().map(|plan| plan.rule.clone()).unwrap_or_default();
            let rules = self
                .client
                .list_firewall_rules()
                .await
                .map_err(|source| EnsureError { rule, source })?;
            state.made = Some(ours(&rules.items, &self.mark));
        }
        for plan in plans {
            let description = description(&self.mark, plan);
            if state.made.as_ref().is_some_and(|made| made.contains_key(&description)) {
                continue;
            }
            let request = CreateFirewallRule {
                rule: plan.rule.clone(),
                enabled: true,
                description: Some(description.clone()),
                ..CreateFirewallRule::default()
            };
            match self.client.create_firewall_rule(&request).await {
                Ok(rule) => {
                    state.made.get_or_insert_default().insert(description, vec![rule.id]);
                }
                Err(source) => {
                    // It may exist after all: look before the next try.
                    state.made = None;
                    return Err(EnsureError { rule: plan.rule.clone(), source });
                }
            }
        }
        Ok(())
    }

    /// The pod needs no rules any more. Returns whether that may have left rules without users.
    pub async fn release(&self, uid: &str) -> bool {
        self.state.lock().await.needs.remove(uid).is_some()
    }

    /// Removes our rules that nobody needs, given the instances of a complete and recent list. Returns how many.
    ///
    /// A rule that no pod has needed in this life of the process was left by an earlier one, or is that of an instance
    /// which has not been met yet: it goes only if it still seems unused after `patience`.
    ///
    /// # Errors
    /// When rules could not be listed or removed; what is left goes with the next sweep.
    pub async fn sweep<'a>(
        &self,
        instances: impl IntoIterator<Item = &'a Seen>,
        patience: Duration,
    ) -> Result<usize, Error> {
        let tags = rule_tags(instances);
        let mut state = self.state.lock().await;
        let rules = self.client.list_firewall_rules().await?;
        let made = ours(&rules.items, &self.mark);
        let needed: BTreeSet<String> =
            state.needs.values().flatten().map(|plan| description(&self.mark, plan)).collect();
        let now = Instant::now();
        let mut unused = unused(&made, &needed, &tags);
        let State { known, suspects, .. } = &mut *state;
        let ids: BTreeSet<_> = unused.iter().map(|rule| rule.id).collect();
        suspects.retain(|id, _| ids.contains(id));
        unused.retain(|rule| {
            let since = *suspects.entry(rule.id).or_insert(now);
            known.contains(&rule.description) || now.duration_since(since) >= patience
        });
        // From here on the cache is wrong until the removals are known to be done.
        state.made = None;
        for rule in &unused {
            tracing::info!(rule = %rule.id, description = %rule.description, "removing a firewall rule without users");
            match self.client.delete_firewall_rule(rule.id).await {
                Err(error) if !error.is_not_found() => return Err(error),
                _ => {}
            }
        }
        let mut left = made;
        for rule in &unused {
            if let Some(ids) = left.get_mut(&rule.description) {
                ids.retain(|id| *id != rule.id);
            }
        }
        left.retain(|_, ids| !ids.is_empty());
        state.made = Some(left);
        Ok(unused.len())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(n: u128) -> FirewallRuleId {
        FirewallRuleId(Uuid::from_u128(n))
    }

    fn plan(port: u16) -> FirewallRulePlan {
        FirewallRulePlan {
            rule: format!("FROM any TO tag \"k8s_fwports\" = \"tcp-{port}\" ALLOW tcp PORT {port}"),
            purpose: format!("tcp {port} from anywhere"),
            tag: ("k8s_fwports".to_owned(), format!("tcp-{port}")),
        }
    }

    fn made(plans: &[(u16, &[u128])]) -> BTreeMap<String, Vec<FirewallRuleId>> {
        let mark = mark("c", "n");
        plans
            .iter()
            .map(|(port, ids)| {
                (description(&mark, &plan(*port)), ids.iter().map(|n| id(*n)).collect())
            })
            .collect()
    }

    fn gone(unused: &[Unused]) -> Vec<FirewallRuleId> {
        unused.iter().map(|rule| rule.id).collect()
    }

    #[test]
    fn a_rule_is_kept_while_a_pod_asks_for_it_or_an_instance_carries_its_tag() {
        let rules = made(&[(22, &[1]), (80, &[2]), (443, &[3])]);
        let needed = BTreeSet::from([description(&mark("c", "n"), &plan(22))]);
        let tags = BTreeSet::from([("k8s_fwports".to_owned(), "tcp-80".to_owned())]);
        assert_eq!(gone(&unused(&rules, &needed, &tags)), [id(3)]);
    }

    #[test]
    fn a_tag_that_merely_begins_like_the_rules_does_not_keep_it() {
        let rules = made(&[(22, &[1])]);
        let tags = BTreeSet::from([("k8s_fwports".to_owned(), "tcp-2".to_owned())]);
        assert_eq!(gone(&unused(&rules, &BTreeSet::new(), &tags)), [id(1)]);
    }

    #[test]
    fn of_twin_rules_one_stays() {
        let rules = made(&[(22, &[1, 2, 3])]);
        let needed = BTreeSet::from([description(&mark("c", "n"), &plan(22))]);
        assert_eq!(gone(&unused(&rules, &needed, &BTreeSet::new())), [id(2), id(3)]);
    }

    #[test]
    fn rules_of_others_are_not_ours() {
        let rule = |n: u128, description: Option<&str>, global: bool| -> FirewallRule {
            serde_json::from_value(serde_json::json!({
                "id": id(n), "rule": "FROM any TO all vms ALLOW icmp TYPE 8", "enabled": true,
                "global": global, "description": description,
            }))
            .unwrap()
        };
        let mark = mark("c", "n");
        let other = super::mark("c", "n2");
        let rules = [
            rule(1, None, false),
            rule(2, Some("ssh"), false),
            rule(3, Some(&format!("{other}tag=a=b for=c")), false),
            rule(4, Some(&format!("{mark}tag=a=b for=c")), true),
            rule(5, Some(&format!("{mark}tag=a=b for=c")), false),
        ];
        let found = ours(&rules, &mark);
        assert_eq!(found.into_values().flatten().collect::<Vec<_>>(), [id(5)]);
    }

    #[test]
    fn descriptions_fit_what_cloudapi_takes_and_stay_apart() {
        let cluster = "3a4f1c6e-0d4b-4f57-9a39-5b2f1f5f8e11";
        for node in ["n", "a-node-with-a-name-of-sixty-three-characters-which-is-the-longest"] {
            let mark = mark(cluster, node);
            let ports: Vec<u16> = (2000..2060).collect();
            let value =
                ports.iter().map(|port| format!("tcp-{port}")).collect::<Vec<_>>().join(".");
            let descriptions: BTreeSet<String> = ports
                .iter()
                .map(|port| {
                    let mut plan = plan(*port);
                    plan.tag.1.clone_from(&value);
                    description(&mark, &plan)
                })
                .collect();
            assert_eq!(descriptions.len(), ports.len());
            assert!(descriptions.iter().all(|text| text.chars().count() <= DESCRIPTION_MAX));
            let made = descriptions.into_iter().map(|text| (text, vec![id(1)])).collect();
            let tags = BTreeSet::from([("k8s_fwports".to_owned(), value)]);
            assert_eq!(
                unused(&made, &BTreeSet::new(), &tags),
                [],
                "an instance with the tag keeps them all"
            );
        }
    }
}
