//! What the people who run the datacenter and the cluster see to once nothing else is done.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use triton_cloudapi::InstanceId;
use triton_sim::{FaultKind, InstanceState};

use super::{World, is_terminal};
use crate::apiserver::{Resource, text};
use crate::life::{NODE, ORPHAN_RELEASE};
use crate::settled;

// === impl World ===

impl World {
    /// Sees to what no client of CloudAPI can: instances that are stuck in the datacenter itself, because a job of
    /// theirs never began or never ended. Whatever is asked of them waits behind it for ever.
    pub(super) async fn operate(&mut self, is_first: bool) {
        self.let_orphans_go();
        let struck = |kind: FaultKind| self.deeds.contains_key(kind.as_str());
        let has_lost_jobs = struck(FaultKind::JobNeverRuns);
        let has_stuck_jobs = has_lost_jobs || struck(FaultKind::DeleteNeverCompletes);
        for instance in self.instances(|_| true) {
            let is_wanted = self.kube.list(Resource::Pods).iter().any(|pod| {
                text(pod, "/metadata/uid") == settled::tag(&instance, "k8s_uid")
                    && pod.pointer("/metadata/deletionTimestamp").is_none()
                    && !is_terminal(pod)
            });
            if !is_wanted {
                // As the event says that tells why such an instance is kept.
                let id = InstanceId(instance.id);
                let _refused = self.admin.disable_deletion_protection(id).await;
            }
            match instance.state {
                InstanceState::Provisioning if is_first => {
                    self.sim.fail_behind_back(instance.id);
                }
                InstanceState::Stopping if is_first => {
                    self.sim.destroy_behind_back(instance.id);
                }
                InstanceState::Stopped if is_first && has_lost_jobs && is_wanted => {
                    self.sim.start_behind_back(instance.id);
                }
                // Only what the node has asked to go: what it forgets is for the run to show.
                _ if has_stuck_jobs && !is_wanted && self.history.was_told_to_go(instance.id) => {
                    self.sim.destroy_behind_back(instance.id);
                }
                _ => {}
            }
        }
    }

    /// Reads the condition that tells of orphans which are too many to go by themselves, looks for them with both APIs,
    /// and lets those go.
    fn let_orphans_go(&self) {
        let Some(node) = self.kube.get(Resource::Nodes, "", NODE) else { return };
        let conditions = node.pointer("/status/conditions").and_then(Value::as_array);
        let is_held =
            |condition: &Value| condition["type"] == "OrphansHeld" && condition["status"] == "True";
        if !conditions.is_some_and(|conditions| conditions.iter().any(is_held)) {
            return;
        }
        let pods = self.kube.list(Resource::Pods);
        let wanted: BTreeSet<String> = pods.iter().map(|pod| text(pod, "/metadata/uid")).collect();
        let tag = |instance: &_, name| settled::tag(instance, name);
        let cluster = self.cluster();
        let orphans = self.instances(|instance| {
            tag(instance, "k8s_cluster") == cluster
                && tag(instance, "k8s_nodename") == NODE
                && !wanted.contains(&tag(instance, "k8s_uid"))
        });
        let uids: BTreeSet<String> = orphans.iter().map(|it| tag(it, "k8s_uid")).collect();
        if uids.is_empty() {
            return;
        }
        let uids: Vec<String> = uids.into_iter().collect();
        let patch = json!({ "metadata": { "annotations": { ORPHAN_RELEASE: uids.join(",") } } });
        // A Node that went meanwhile comes back, and is looked at again.
        let _ = self.kube.edit(Resource::Nodes, "", NODE, &patch);
    }
}
