//! A small stand-in for the node: asks the provider about each pod, one pass at a time, and writes down what it says.
//!
//! It decides with `virtual-node`'s own functions; only watching and patching are replaced.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use triton_sim::{InstanceRecord, Sim};
use virtual_node::pods::backoff;
use virtual_node::pods::decide::{Decision, Then, decide};
use virtual_node::pods::store::{Known, Memory};
use virtual_node::status::compose;
use virtual_node::{
    PodEvent, PodKey, Poked, Provider, ProviderError, ProviderErrorKind, Stop, StopRequest,
};

use super::pods::{Pods, is_over};
use super::stage::{CLUSTER, NODE, is_alive};
use crate::TritonProvider;
use crate::testing::MemoryCluster;

/// What the node works with.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) pods: Arc<Pods>,
    pub(crate) provider: Arc<TritonProvider<MemoryCluster>>,
    pub(crate) sim: Sim,
}

/// What follows a pass.
#[derive(Debug)]
enum Next {
    Rest,
    Again(Duration),
    Retry,
    Forget,
}

// === impl Node ===

impl Node {
    /// Attends to all pods until it is dropped.
    pub(crate) async fn run(self, mut poked: Poked) {
        let mut workers = JoinSet::new();
        let mut attended: HashMap<String, Arc<Notify>> = HashMap::new();
        let mut touched = self.pods.live();
        loop {
            for uid in touched {
                let wake = attended.entry(uid.clone()).or_insert_with(|| {
                    let wake = Arc::new(Notify::new());
                    workers.spawn(self.clone().attend(uid, Arc::clone(&wake)));
                    wake
                });
                wake.notify_one();
            }
            touched = tokio::select! {
                uid = poked.next() => uid.into_iter().filter(|uid| attended.contains_key(uid)).collect(),
                uids = self.pods.changed() => uids.into_iter().collect(),
                Some(ended) = workers.join_next() => {
                    if let Err(error) = ended {
                        self.pods.note_broken(format!("a pass ended badly: {error}"));
                    }
                    Vec::new()
                }
            };
        }
    }

    async fn attend(self, uid: String, wake: Arc<Notify>) {
        let mut memory = Memory::default();
        let mut failures = 0;
        loop {
            let next = self.pass(&uid, &mut memory).await;
            if !matches!(next, Next::Retry) {
                failures = 0;
            }
            let pause = match next {
                Next::Forget => return,
                Next::Rest => None,
                Next::Again(after) => Some(after),
                Next::Retry => {
                    failures += 1;
                    Some(backoff::pause(failures, 0.5))
                }
            };
            tokio::select! {
                () = wake.notified() => {}
                () = tokio::time::sleep(pause.unwrap_or_default()), if pause.is_some() => {}
            }
        }
    }

    async fn pass(&self, uid: &str, memory: &mut Memory) -> Next {
        let hosted = self.pods.get(uid);
        let pod = hosted.pod;
        let key = PodKey::of(&pod).unwrap();
        let now = self.sim.now();
        if pod.status.as_ref().is_some_and(is_over) {
            memory.stopping_since.get_or_insert(now);
        }
        let known = Known {
            key: key.clone(),
            pod: Some(Arc::clone(&pod)),
            departed: hosted.removed,
            memory: *memory,
        };
        match decide(&known, false, now) {
            Decision::Sync => match self.provider.sync(Arc::clone(&pod)).await {
                Ok(report) => {
                    self.pods.record(uid, report.events);
                    if let Some(status) = report.status {
                        if !self.pods.publish(uid, &status) {
                            return Next::Retry;
                        }
                        if is_over(&status) {
                            return Next::Again(Duration::ZERO);
                        }
                    }
                    report.again.map_or(Next::Rest, Next::Again)
                }
                Err(error) => self.failed(uid, &error),
            },
            Decision::Stop { grace_left, then } => {
                let request = StopRequest { key, pod: Some(Arc::clone(&pod)), grace_left };
                match self.provider.stop(request).await {
                    Ok(Stop::Going(report)) => {
                        self.pods.record(uid, report.events);
                        if let (Some(status), Then::Remove) = (report.status, then) {
                            self.pods.publish(uid, &status);
                        }
                        report.again.map_or(Next::Rest, Next::Again)
                    }
                    Ok(Stop::Gone(report)) => {
                        self.pods.record(uid, report.events);
                        memory.gone = true;
                        self.check_gone(uid);
                        match then {
                            Then::Remove => {
                                let last = compose::ended(&pod, report.status, now);
                                if !self.pods.publish(uid, &last) {
                                    return Next::Retry;
                                }
                                self.pods.remove(uid);
                                Next::Forget
                            }
                            Then::Keep => Next::Rest,
                            Then::Forget => Next::Forget,
                        }
                    }
                    Err(error) => {
                        self.pods.record(uid, vec![event(&error)]);
                        Next::Retry
                    }
                }
            }
            Decision::Reject { .. } | Decision::Leave(_) => Next::Rest,
        }
    }

    /// "Gone" is a promise that nothing of the pod runs or costs any more.
    fn check_gone(&self, uid: &str) {
        let is_its = |instance: &InstanceRecord| {
            [("k8s_cluster", CLUSTER), ("k8s_nodename", NODE), ("k8s_uid", uid)]
                .iter()
                .all(|(tag, value)| instance.tags.get(*tag).is_some_and(|found| found == value))
        };
        for instance in
            self.sim.instances().iter().filter(|instance| is_its(instance) && is_alive(instance))
        {
            self.pods.note_broken(format!("{uid} is said to be gone, but {instance:?} is there"));
        }
    }

    fn failed(&self, uid: &str, error: &ProviderError) -> Next {
        let pod = self.pods.get(uid).pod;
        self.pods.record(uid, vec![event(error)]);
        match error.kind {
            ProviderErrorKind::Invalid => {
                self.pods.publish(uid, &compose::rejected(&pod, &error.reason, &error.message));
                Next::Again(Duration::ZERO)
            }
            ProviderErrorKind::Busy => {
                if let Some(status) =
                    compose::waiting(&pod, &error.reason, &error.message, crate::clock::now())
                {
                    self.pods.publish(uid, &status);
                }
                Next::Retry
            }
            ProviderErrorKind::Unavailable => Next::Retry,
        }
    }
}

fn event(error: &ProviderError) -> PodEvent {
    PodEvent::warning(error.reason.clone(), error.message.clone())
}
