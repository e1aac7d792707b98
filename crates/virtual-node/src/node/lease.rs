//! The node's Lease in `kube-node-lease`: the heartbeat that the node controller watches.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, OwnerReference};
use kube_client::Client;
use kube_client::api::{Api, PostParams};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::api::{CallError, call_within, chain};
use crate::config::Heartbeat;
use crate::metrics::{KubeWrite, Metrics};

/// Where node leases live; the API server makes this namespace.
pub const NAMESPACE: &str = "kube-node-lease";

/// Tries per renewal, as the kubelet's `maxUpdateRetries`.
pub const TRIES: u32 = 5;

/// Renewals are spread by up to this share of the interval, as the kubelet's.
pub const JITTER: f64 = 0.04;

/// One call of a renewal; five of them still fit into a lease.
const RENEW_TIMEOUT: Duration = Duration::from_secs(5);

/// Between two tries of one renewal.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// Renews the lease of one node.
pub(crate) struct Renewal {
    pub(crate) leases: Api<Lease>,
    pub(crate) node: String,
    pub(crate) times: Heartbeat,
    pub(crate) metrics: Arc<Metrics>,
}

/// The lease to write. `held` is what the server has: its resource version makes the write optimistic.
#[must_use]
pub fn renewed(
    held: Option<&Lease>,
    node: &str,
    node_uid: Option<&str>,
    lease: Duration,
    now: Timestamp,
) -> Lease {
    let mut next = held.cloned().unwrap_or_default();
    next.metadata = ObjectMeta {
        name: Some(node.to_owned()),
        namespace: Some(NAMESPACE.to_owned()),
        owner_references: node_uid.map(|uid| {
            vec![OwnerReference {
                api_version: "v1".to_owned(),
                kind: "Node".to_owned(),
                name: node.to_owned(),
                uid: uid.to_owned(),
                ..OwnerReference::default()
            }]
        }),
        ..next.metadata
    };
    next.spec = Some(LeaseSpec {
        holder_identity: Some(node.to_owned()),
        lease_duration_seconds: Some(i32::try_from(lease.as_secs()).unwrap_or(i32::MAX)),
        renew_time: Some(MicroTime(now)),
        ..next.spec.unwrap_or_default()
    });
    next
}

/// The pause before the next renewal; `spread` is in 0..1.
#[must_use]
pub fn pause(interval: Duration, spread: f64) -> Duration {
    interval.mul_f64(1.0 + JITTER * spread.clamp(0.0, 1.0))
}

// === impl Renewal ===

impl Renewal {
    pub(crate) fn new(client: Client, node: &str, times: Heartbeat, metrics: Arc<Metrics>) -> Self {
        Self { leases: Api::namespaced(client, NAMESPACE), node: node.to_owned(), times, metrics }
    }

    /// Renews for ever. A lease is made only once the Node's UID is known, so that it goes with its Node; an outage of
    /// the provider does not stop the renewals.
    pub(crate) async fn run(
        self,
        mut node_uid: watch::Receiver<Option<String>>,
        shutdown: CancellationToken,
    ) {
        let mut held: Option<Lease> = None;
        let mut renewed_at: Option<Instant> = None;
        let known = node_uid.wait_for(Option::is_some);
        if shutdown.run_until_cancelled(known).await.is_none_or(|uid| uid.is_err()) {
            return;
        }
        loop {
            let uid = node_uid.borrow_and_update().clone();
            let renewal = self.renew(held.take(), uid.as_deref());
            let Some(outcome) = shutdown.run_until_cancelled(renewal).await else { return };
            match outcome {
                Ok(lease) => {
                    held = Some(lease);
                    let late = renewed_at
                        .map_or(Duration::ZERO, |at| at.elapsed().saturating_sub(self.times.renew));
                    renewed_at = Some(Instant::now());
                    self.metrics.lease_renewed(true, late);
                }
                Err(error) => {
                    self.metrics.lease_renewed(false, Duration::ZERO);
                    tracing::warn!(error = chain(&error), "could not renew the node's lease");
                }
            }
            let rest = tokio::time::sleep(pause(self.times.renew, crate::chance::chance()));
            if shutdown.run_until_cancelled(rest).await.is_none() {
                return;
            }
        }
    }

    async fn renew(&self, mut held: Option<Lease>, uid: Option<&str>) -> Result<Lease, CallError> {
        let mut tries = 1;
        loop {
            let error = match self.try_once(&mut held, uid).await {
                Ok(lease) => return Ok(lease),
                Err(error) => error,
            };
            if tries >= TRIES {
                return Err(error);
            }
            tries += 1;
            tracing::debug!(error = chain(&error), "a try to renew the node's lease failed");
            // Whatever went wrong, the next try starts from what the server has.
            held = None;
            tokio::time::sleep(RETRY_PAUSE).await;
        }
    }

    async fn try_once(
        &self,
        held: &mut Option<Lease>,
        uid: Option<&str>,
    ) -> Result<Lease, CallError> {
        if held.is_none() {
            *held =
                call_within(RENEW_TIMEOUT, "reading the lease", self.leases.get_opt(&self.node))
                    .await?;
        }
        let next = renewed(held.as_ref(), &self.node, uid, self.times.lease, crate::clock::now());
        let params = PostParams::default();
        self.metrics.kube_write(KubeWrite::Lease);
        match held {
            Some(_) => {
                call_within(
                    RENEW_TIMEOUT,
                    "renewing the lease",
                    self.leases.replace(&self.node, &params, &next),
                )
                .await
            }
            None => {
                call_within(RENEW_TIMEOUT, "creating the lease", self.leases.create(&params, &next))
                    .await
            }
        }
    }
}

#[cfg(test)]
mod tests;
