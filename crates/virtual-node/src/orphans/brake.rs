//! What becomes of orphans that are held back: the Node says so, and an operator may let them go.

use k8s_openapi::api::core::v1::Node;
use kube_client::api::{Api, Patch, PatchParams};
use serde_json::json;

use super::Search;
use super::judge::{Brake, Verdict};
use super::release::Release;
use crate::api::{CallError, call, chain};
use crate::events::Subject;
use crate::metrics::KubeWrite;
use crate::node::extra::Extra;
use crate::provider::{Held, PodEvent, Provider};

/// The Node's condition that says whether orphans are held back.
const CONDITION: &str = "OrphansHeld";

/// The same is told again after this long.
const QUIET: std::time::Duration = std::time::Duration::from_secs(300);

/// How many of those that are held back are named.
const NAMED: usize = 3;

/// A release as the Node carries it.
struct Written {
    value: String,
    /// The version of the Node it was read at.
    version: Option<String>,
}

// === impl Search ===

impl<P: Provider> Search<P> {
    /// What of the held back an operator lets go. A release on the Node is taken off before anything is stopped: it
    /// can be used up without effect, but never twice.
    pub(super) async fn release(&self, verdict: &Verdict, at_start: &mut usize) -> Vec<Held> {
        let by_flag = Release::UpTo(*at_start).choose(&verdict.held_back);
        if !by_flag.is_empty() {
            *at_start = at_start.saturating_sub(by_flag.len());
            tracing::warn!(orphans = by_flag.len(), "released at the start of the process");
            return by_flag;
        }
        let Some(key) = self.config.orphan_release.as_deref() else { return Vec::new() };
        match self.release_by_annotation(key, verdict).await {
            Ok(chosen) => chosen,
            Err(error) => {
                tracing::warn!(
                    error = chain(&error),
                    "could not see whether orphans may go; they stay"
                );
                Vec::new()
            }
        }
    }

    async fn release_by_annotation(
        &self,
        key: &str,
        verdict: &Verdict,
    ) -> Result<Vec<Held>, CallError> {
        let Some(written) = self.written(key).await? else { return Ok(Vec::new()) };
        if verdict.found == 0 {
            // A release must not lie in wait for orphans that nobody has seen when it was written.
            self.take_off(key, written.version).await?;
            let message = format!("nothing is held back; the annotation {key} was removed unused");
            self.tell(PodEvent::normal("OrphanReleaseUnused", message));
            return Ok(Vec::new());
        }
        let release = match written.value.parse::<Release>() {
            Ok(release) => release,
            Err(error) => {
                self.tell(PodEvent::warning(
                    "InvalidOrphanRelease",
                    format!("annotation {key}: {error}"),
                ));
                return Ok(Vec::new());
            }
        };
        let chosen = release.choose(&verdict.held_back);
        if chosen.is_empty() {
            return Ok(chosen);
        }
        self.take_off(key, written.version).await?;
        let message = format!(
            "{} of {} that were held back are stopped, as the annotation {key}={} allowed; it was removed",
            chosen.len(),
            verdict.held_back.len(),
            written.value
        );
        tracing::warn!(message, "orphans were released");
        self.tell(PodEvent::normal("OrphansReleased", message));
        Ok(chosen)
    }

    /// The release on the Node, from the API server itself.
    async fn written(&self, key: &str) -> Result<Option<Written>, CallError> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let node = call("reading the Node", nodes.get_metadata_opt(&self.config.name)).await?;
        Ok(node.and_then(|node| {
            let value = node.metadata.annotations?.remove(key)?;
            Some(Written { value, version: node.metadata.resource_version })
        }))
    }

    /// Removes the release, unless the Node was changed since it was read.
    async fn take_off(&self, key: &str, version: Option<String>) -> Result<(), CallError> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let patch =
            json!({ "metadata": { "resourceVersion": version, "annotations": { key: null } } });
        self.metrics.kube_write(KubeWrite::Node);
        let params = PatchParams::default();
        let patch = Patch::Merge(patch);
        let patching = nodes.patch_metadata(&self.config.name, &params, &patch);
        call("taking the release off the Node", patching).await.map(drop)
    }

    /// Says what is held back: condition, event, metrics.
    pub(super) fn tell_held_back(&self, verdict: &Verdict, released: &[Held]) {
        let left: Vec<&Held> =
            verdict.held_back.iter().filter(|held| !released.contains(held)).collect();
        self.metrics.orphans_held_back(left.len());
        let (Some(brake), Some(_)) = (&verdict.brake, left.first()) else {
            self.conditions.set(CONDITION, Extra::no("NoOrphansHeld", "nothing is held back"));
            return;
        };
        self.metrics.orphan_brake();
        let message =
            message(brake, &left, &self.config.name, self.config.orphan_release.as_deref());
        tracing::error!(message, "orphans are held back");
        self.conditions.set(CONDITION, Extra::yes(brake.reason(), message.clone()));
        self.tell(PodEvent::warning(brake.reason(), message));
    }

    fn tell(&self, event: PodEvent) {
        self.events.tell(Subject::Node(self.config.name.clone()), event, QUIET);
    }
}

/// What is held back, why, and what to do.
fn message(brake: &Brake, left: &[&Held], node: &str, annotation: Option<&str>) -> String {
    // In an order that does not change from round to round, or every round would be news.
    let mut names: Vec<String> = left
        .iter()
        .map(|held| format!("{} of pod {}/{}", held.describe, held.key.namespace, held.key.name))
        .collect();
    names.sort();
    names.truncate(NAMED);
    let more = left.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let advice = match annotation {
        Some(key) => format!(
            "If they are really left over, let them go: kubectl annotate node {node} {key}={}",
            left.len()
        ),
        None => "If they are really left over, raise the limit or remove them by hand".to_owned(),
    };
    format!("{brake}. Held back: {}{more}. {advice}", names.join(", "))
}

// === impl Brake ===

impl Brake {
    /// Reason of condition and event.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooMany { .. } => "TooManyOrphans",
            Self::NoPods { .. } => "NoPodsForOrphans",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::PodKey;

    #[test]
    fn the_message_names_a_few_and_says_how_to_let_all_go() {
        let held = |n: usize| Held {
            key: PodKey { namespace: "shop".into(), name: format!("web-{n}"), uid: n.to_string() },
            since: None,
            describe: format!("instance {n}"),
        };
        let all: Vec<Held> = (0..5).map(held).collect();
        let left: Vec<&Held> = all.iter().rev().collect();
        let brake = Brake::TooMany { ripe: 5, allowed: 2, held: 9 };
        let text = message(&brake, &left, "vk", Some("example.com/allow"));
        assert!(text.contains("Held back: instance 0 of pod shop/web-0, "), "{text}");
        assert!(text.contains("and 2 more. "), "{text}");
        assert!(text.ends_with("kubectl annotate node vk example.com/allow=5"), "{text}");
        assert!(message(&brake, &left, "vk", None).ends_with("remove them by hand"));
    }
}
