//! Restarting a pod's instance in place, and stopping it for good.

use probe_engine::Kind;
use tokio::time::Instant;
use triton_cloudapi::InstanceId;
use virtual_node::{PodEvent, ProviderError};

use super::sync::{After, Pass};
use super::{action_failed, report};
use crate::cluster::Cluster;
use crate::memory::{End, Pending};
use crate::{clock, pod as read};

// === impl Pass ===

impl<C: Cluster> Pass<'_, C> {
    /// Starts an instance that has stopped.
    pub(super) async fn start(
        &mut self,
        id: InstanceId,
        counts: bool,
    ) -> Result<After, ProviderError> {
        let done = self.shared.client.start_instance(id).await;
        done.map_err(|error| action_failed(&format!("starting instance {id}"), error))?;
        self.shared.metrics.action("start");
        if counts {
            let name = read::container_name(&self.pod);
            let message = format!("Container {name} stopped, instance {id} is started again");
            self.events.push(PodEvent::normal("Restarting", message).in_container(name));
            self.count_restart(false);
        }
        self.restarted(Pending { at: Instant::now(), reboot: false, dipped: true });
        Ok(After::Decide)
    }

    /// Reboots an instance that a probe found unhealthy.
    pub(super) async fn reboot(&mut self, id: InstanceId) -> Result<After, ProviderError> {
        let name = read::container_name(&self.pod).to_owned();
        let probe = self.failed_probe_name();
        let done = self.shared.client.reboot_instance(id).await;
        done.map_err(|error| action_failed(&format!("rebooting instance {id}"), error))?;
        self.shared.metrics.action("reboot");
        let message = format!(
            "Container {name} failed {probe} probe, will be restarted: instance {id} is rebooted"
        );
        self.events.push(PodEvent::normal("Killing", message).in_container(name));
        self.count_restart(true);
        self.restarted(Pending { at: Instant::now(), reboot: true, dipped: false });
        Ok(After::Decide)
    }

    /// Stops an unhealthy instance for good.
    pub(super) async fn kill(&mut self, id: InstanceId) -> Result<After, ProviderError> {
        let name = read::container_name(&self.pod).to_owned();
        let probe = self.failed_probe_name();
        let done = self.shared.client.stop_instance(id).await;
        done.map_err(|error| action_failed(&format!("stopping instance {id}"), error))?;
        self.shared.metrics.action("kill");
        let message = format!("Container {name} failed {probe} probe, instance {id} is stopped");
        self.events.push(PodEvent::normal("Killing", message).in_container(name));
        self.memory.restarts.killed = Some(Instant::now());
        self.shared.observer.expect(&self.key.uid, true);
        Ok(After::Decide)
    }

    fn count_restart(&mut self, killed: bool) {
        let restarts = &mut self.memory.restarts;
        restarts.count = restarts.count.saturating_add(1);
        restarts.backoff.note(Instant::now());
        restarts.last_end = Some(End { at: clock::now(), killed });
    }

    /// A start or reboot was accepted: what was seen before it says nothing any more.
    fn restarted(&mut self, pending: Pending) {
        self.memory.restarts.pending = Some(pending);
        self.shared.observer.expect(&self.key.uid, true);
        report::tell_probes(self, false);
    }

    /// The name of the failed probe in the kubelet's messages.
    fn failed_probe_name(&self) -> &'static str {
        let instance = self.memory.known.as_ref().and_then(|known| known.last.as_ref());
        let life = instance.map(|instance| report::incarnation(instance, self.memory));
        match life.and_then(|life| self.failed_probe(&life)) {
            Some(Kind::Startup) => "startup",
            _ => "liveness",
        }
    }
}
