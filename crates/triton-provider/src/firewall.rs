//! Firewall rules: made before the instances that need them, shared by all that need the same, removed after the
//! last.
//!
//! A rule is recognised by its description, which names the cluster, the node and the tag it is about; a rule
//! without our mark is never touched.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
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

/// Makes and removes our rules.
///
/// Pods that need the same rule wait for one request; those that need others wait for nobody. No lock is held while
/// CloudAPI is asked, except the one of the very rule.
#[derive(Debug)]
pub struct Firewall {
    client: Client,
    mark: String,
    state: Mutex<State>,
    /// Held while all rules are listed for those who make rules: who comes meanwhile waits for that list.
    listing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// The rules that each pod needs, by pod UID: covers creates whose instance no list shows yet.
    needs: HashMap<String, Arc<[Arc<str>]>>,
    /// What is to be in each rule that a pod has needed in this life of the process, by description.
    plans: BTreeMap<Arc<str>, FirewallRulePlan>,
    /// Our rules as last listed or made.
    made: BTreeMap<String, Vec<Made>>,
    /// When our rules were last listed.
    listed_at: Option<Instant>,
    /// When an answer last did not come: what a list shows that was asked for before may not be all there is.
    doubted_at: Option<Instant>,
    /// Held while the rule of a description is made.
    making: HashMap<String, Arc<tokio::sync::Mutex<()>>>,
    /// Rules of an earlier life that nobody seems to need, since when.
    suspects: BTreeMap<FirewallRuleId, Instant>,
}

/// A rule that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Made {
    id: FirewallRuleId,
    /// When that was known: a list asked for before says nothing about it.
    at: Instant,
}

/// What a sweep removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused {
    /// Rule to remove.
    pub id: FirewallRuleId,
    /// Its description.
    pub description: String,
}

/// What a sweep does.
struct Sweep {
    unused: Vec<Unused>,
    /// Rules to make again, with their descriptions.
    missing: Vec<(Arc<str>, FirewallRulePlan)>,
    /// When to look again for rules that only seem unused.
    again: Option<Duration>,
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
    needed: &BTreeSet<&str>,
    tags: &BTreeSet<(String, String)>,
) -> Vec<Unused> {
    let mut unused = Vec::new();
    for (description, ids) in made {
        let used = needed.contains(description.as_str())
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

// === impl State ===

impl State {
    /// Takes in a list of our rules that was asked for then: what was made since is not in it.
    fn listed(&mut self, listed: BTreeMap<String, Vec<FirewallRuleId>>, asked_at: Instant) {
        let earlier = std::mem::take(&mut self.made);
        for (description, ids) in listed {
            let made = ids.into_iter().map(|id| Made { id, at: asked_at });
            self.made.insert(description, made.collect());
        }
        for (description, made) in earlier {
            for made in made.into_iter().filter(|made| made.at > asked_at) {
                let known = self.made.entry(description.clone()).or_default();
                if known.iter().all(|known| known.id != made.id) {
                    known.push(made);
                }
            }
        }
        self.listed_at = Some(asked_at);
    }

    /// Whether `made` holds all our rules.
    fn is_complete(&self) -> bool {
        self.listed_at.is_some_and(|at| self.doubted_at.is_none_or(|doubted_at| at > doubted_at))
    }

    /// The descriptions that pods need.
    fn needed(&self) -> BTreeSet<&str> {
        self.needs.values().flat_map(|needs| needs.iter().map(AsRef::as_ref)).collect()
    }

    /// Notes what a pod needs; texts are kept once.
    fn need(&mut self, uid: &str, plans: &[FirewallRulePlan], mark: &str) -> Arc<[Arc<str>]> {
        let descriptions = plans.iter().map(|plan| {
            let description = description(mark, plan);
            match self.plans.get_key_value(description.as_str()) {
                Some((known, _)) => Arc::clone(known),
                None => {
                    let new: Arc<str> = description.into();
                    self.plans.insert(Arc::clone(&new), plan.clone());
                    new
                }
            }
        });
        let needs: Arc<[Arc<str>]> = descriptions.collect();
        self.needs.insert(uid.to_owned(), Arc::clone(&needs));
        needs
    }
}

// === impl Firewall ===

impl Firewall {
    /// A keeper for the rules of this cluster and node.
    #[must_use]
    pub fn new(client: Client, cluster: &str, node: &str) -> Self {
        Self {
            client,
            mark: mark(cluster, node),
            state: Mutex::default(),
            listing: tokio::sync::Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sure that every rule of `plans` exists, and remembers that this pod needs them.
    ///
    /// # Errors
    /// The first rule that could not be made.
    pub async fn ensure(&self, uid: &str, plans: &[FirewallRulePlan]) -> Result<(), EnsureError> {
        if plans.is_empty() {
            return Ok(());
        }
        let needs = self.state().need(uid, plans, &self.mark);
        for (plan, description) in plans.iter().zip(needs.iter()) {
            self.ensure_one(plan, description)
                .await
                .map_err(|source| EnsureError { rule: plan.rule.clone(), source })?;
        }
        Ok(())
    }

    /// Makes sure that one rule exists. Who asks for the same rule meanwhile waits for the same answer.
    async fn ensure_one(&self, plan: &FirewallRulePlan, description: &str) -> Result<(), Error> {
        let making = {
            let mut state = self.state();
            if state.is_complete() && state.made.contains_key(description) {
                return Ok(());
            }
            Arc::clone(state.making.entry(description.to_owned()).or_default())
        };
        let held = making.lock().await;
        let made = self.make(plan, description).await;
        drop(held);
        let mut state = self.state();
        // The last one out: the map has one entry, and this is the other.
        if Arc::strong_count(&making) == 2 {
            state.making.remove(description);
        }
        made
    }

    /// Makes a rule unless it is there by now.
    async fn make(&self, plan: &FirewallRulePlan, description: &str) -> Result<(), Error> {
        self.complete().await?;
        if self.state().made.contains_key(description) {
            return Ok(());
        }
        let request = CreateFirewallRule {
            rule: plan.rule.clone(),
            enabled: true,
            description: Some(description.to_owned()),
            ..CreateFirewallRule::default()
        };
        let created = self.client.create_firewall_rule(&request).await;
        let mut state = self.state();
        match created {
            Ok(rule) => {
                let made = Made { id: rule.id, at: Instant::now() };
                state.made.entry(description.to_owned()).or_default().push(made);
                Ok(())
            }
            Err(error) => {
                // It may exist after all: look before the next try.
                state.doubted_at = Some(Instant::now());
                Err(error)
            }
        }
    }

    /// Lists our rules unless all of them are known.
    async fn complete(&self) -> Result<(), Error> {
        let _one_at_a_time = self.listing.lock().await;
        if self.state().is_complete() {
            return Ok(());
        }
        let asked_at = Instant::now();
        let rules = self.client.list_firewall_rules().await?;
        self.state().listed(ours(&rules.items, &self.mark), asked_at);
        Ok(())
    }

    /// The pod needs no rules any more. Returns whether that may have left rules without users.
    pub async fn release(&self, uid: &str) -> bool {
        self.state().needs.remove(uid).is_some()
    }

    /// Removes our rules that nobody needs, given the instances of a complete and recent list, and makes those again
    /// that pods need and that are not there any more. Returns when to look again for rules that only seem unused.
    ///
    /// A rule that no pod has needed in this life of the process was left by an earlier one, or is that of an instance
    /// which has not been met yet: it goes only if it still seems unused after `patience`.
    ///
    /// # Errors
    /// When rules could not be listed, removed or made; what is left is done by the next sweep.
    pub async fn sweep<'a>(
        &self,
        instances: impl IntoIterator<Item = &'a Seen>,
        patience: Duration,
    ) -> Result<Option<Duration>, Error> {
        let tags = rule_tags(instances);
        let asked_at = Instant::now();
        let rules = self.client.list_firewall_rules().await?;
        let Sweep { unused, missing, again } = self.judge(&rules.items, &tags, asked_at, patience);
        for rule in &unused {
            tracing::info!(rule = %rule.id, description = %rule.description, "removing a firewall rule without users");
            match self.client.delete_firewall_rule(rule.id).await {
                Err(error) if !error.is_not_found() => {
                    self.state().doubted_at = Some(Instant::now());
                    return Err(error);
                }
                _ => {}
            }
        }
        for (description, plan) in &missing {
            tracing::warn!(%description, "a firewall rule was removed by somebody else; making it again");
            self.ensure_one(plan, description).await?;
        }
        Ok(again)
    }

    /// Decides what a sweep does. What is to be removed counts as gone from here on: a pod that needs such a rule
    /// meanwhile makes another.
    fn judge(
        &self,
        rules: &[FirewallRule],
        tags: &BTreeSet<(String, String)>,
        asked_at: Instant,
        patience: Duration,
    ) -> Sweep {
        let now = Instant::now();
        let mut state = self.state();
        let listed = ours(rules, &self.mark);
        state.listed(listed.clone(), asked_at);
        let needed = state.needed();
        let mut unused = unused(&listed, &needed, tags);
        let missing = state.plans.iter().filter(|(description, _)| {
            needed.contains(description.as_ref()) && !state.made.contains_key(description.as_ref())
        });
        let missing: Vec<_> =
            missing.map(|(description, plan)| (Arc::clone(description), plan.clone())).collect();

        let State { plans, suspects, made, .. } = &mut *state;
        let ids: BTreeSet<_> = unused.iter().map(|rule| rule.id).collect();
        suspects.retain(|id, _| ids.contains(id));
        let mut again: Option<Duration> = None;
        unused.retain(|rule| {
            let since = *suspects.entry(rule.id).or_insert(now);
            let left = (since + patience).saturating_duration_since(now);
            if left.is_zero() || plans.contains_key(rule.description.as_str()) {
                return true;
            }
            again = Some(again.map_or(left, |again| again.min(left)));
            false
        });
        for rule in &unused {
            if let Some(known) = made.get_mut(&rule.description) {
                known.retain(|made| made.id != rule.id);
            }
        }
        made.retain(|_, known| !known.is_empty());
        Sweep { unused, missing, again }
    }
}

#[cfg(test)]
mod tests;
