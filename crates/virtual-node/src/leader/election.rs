//! The election, carried out: reads and writes one Lease.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube_client::Client;
use kube_client::api::{Api, PostParams};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::decide::{Decision, ElectionTimes, Life, Role, Sight, decide};
use super::holder;
use super::identity::Identity;
use super::record::{Entry, Record};
use crate::api::{CallError, call_within, chain};
use crate::fence::{Fence, Until};
use crate::live::has_node;
use crate::metrics::Metrics;

/// How long a refusal is taken for one that will pass: an API server that has just begun knows no rights yet.
const REFUSED_MAX: Duration = Duration::from_secs(30);

/// Says whether the holder that a Lease names is gone for good.
pub type DeathCheck = Arc<dyn Fn(&Identity) -> Life + Send + Sync>;

/// One process's part in the election for one node. Cheap to clone.
#[derive(Clone)]
pub struct Election {
    leases: Api<Lease>,
    namespace: String,
    name: String,
    me: Identity,
    times: ElectionTimes,
    death_check: DeathCheck,
    metrics: Metrics,
}

/// Why a process cannot even stand by.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ElectionError {
    /// The API server will never let us: a right or the namespace is missing.
    #[error(
        "holding the lease {namespace}/{name}, which elects the acting process: it takes get, create and update of \
         leases (coordination.k8s.io) in namespace {namespace}"
    )]
    Forbidden {
        /// Of the Lease.
        namespace: String,
        /// Of the Lease.
        name: String,
        /// What the API server said.
        #[source]
        source: CallError,
    },
}

/// The time in which this process acts for the node. Dropped without [`Term::resign`], it ends as by a crash.
#[derive(Debug)]
pub struct Term {
    fence: Fence,
    is_first: bool,
    lost: CancellationToken,
    resigned: CancellationToken,
    renewing: JoinHandle<()>,
}

/// What a holder remembers.
struct Held {
    version: String,
    entry: Entry,
    fence: Fence,
    is_first: bool,
}

// === impl Election ===

impl Election {
    /// An election by the Lease `namespace/name`.
    ///
    /// The client should have connections of its own, so that nothing about pods can delay a renewal; its requests must
    /// not be fenced.
    #[must_use]
    pub fn new(client: Client, namespace: &str, name: &str, me: Identity) -> Self {
        Self {
            leases: Api::namespaced(client, namespace),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            me,
            times: ElectionTimes::default(),
            death_check: Arc::new(holder::look),
            metrics: Metrics::default(),
        }
    }

    /// Other times than the usual ones. Every process that takes part must have the same.
    #[must_use]
    pub fn with_times(mut self, times: ElectionTimes) -> Self {
        self.times = times;
        self
    }

    /// Another way to find out whether a holder is dead than to look into /proc.
    #[must_use]
    pub fn with_death_check(mut self, death_check: DeathCheck) -> Self {
        self.death_check = death_check;
        self
    }

    /// Metrics that someone reads.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// The name of the Lease.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Stands by until this process is elected; `None` when told to stop before that.
    ///
    /// # Errors
    /// When the first answer of the API server says that it never will be: a right or the namespace is missing.
    pub async fn stand_by(
        &self,
        shutdown: &CancellationToken,
    ) -> Result<Option<Term>, ElectionError> {
        self.metrics.leader(false);
        let mut seen: Option<Sight> = None;
        let mut told: Option<String> = None;
        let mut has_worked = false;
        let begun = Instant::now();
        loop {
            let looking = self.look_and_take(&mut seen, &mut told);
            let until = match shutdown.run_until_cancelled(looking).await {
                None => return Ok(None),
                Some(Ok(Looked::Elected(held))) => return Ok(Some(self.begin(held))),
                Some(Ok(looked)) => {
                    has_worked = true;
                    if let Looked::Wait(until) = looked { Some(until) } else { None }
                }
                Some(Err(source))
                    if !has_worked
                        && matches!(source.code(), Some(403 | 404))
                        && begun.elapsed() >= REFUSED_MAX =>
                {
                    let (namespace, name) = (self.namespace.clone(), self.name.clone());
                    return Err(ElectionError::Forbidden { namespace, name, source });
                }
                Some(Err(error)) => {
                    tracing::warn!(
                        lease = self.name,
                        error = chain(&error),
                        "standing by: could not use the lease"
                    );
                    None
                }
            };
            let next = Instant::now() + self.times.pause(crate::chance::chance());
            let next = until.map_or(next, |until| until.min(next));
            if shutdown.run_until_cancelled(tokio::time::sleep_until(next)).await.is_none() {
                return Ok(None);
            }
        }
    }

    /// One look at the Lease, and a try to take it if it is to be had.
    async fn look_and_take(
        &self,
        seen: &mut Option<Sight>,
        told: &mut Option<String>,
    ) -> Result<Looked, CallError> {
        let asked_at = Instant::now();
        let record = self.read().await?;
        let sight = seen.insert(Sight::next(seen.as_ref(), record, asked_at));
        let record = sight.record.as_ref().or(sight.deleted.as_ref());
        let holder = record.and_then(|record| record.holder.clone());
        let life = holder
            .as_deref()
            .map_or(Life::Possible, |holder| (self.death_check)(&Identity::named(holder)));
        let now = Instant::now();
        match decide(&Role::Standby, sight, self.me.as_str(), life, &self.times, now) {
            Decision::Acquire => {
                let taken = self.take(sight, holder.as_deref(), life).await?;
                Ok(taken.map_or(Looked::Again, Looked::Elected))
            }
            Decision::Wait { until } => {
                if *told != holder {
                    tracing::info!(
                        lease = self.name,
                        holder,
                        "standing by: another process acts for the node"
                    );
                    *told = holder;
                }
                Ok(Looked::Wait(until))
            }
            // A standby neither renews nor loses.
            Decision::Renew { .. } | Decision::Lost => Ok(Looked::Again),
        }
    }

    /// Takes the Lease from what was seen; `None` when somebody was faster.
    async fn take(
        &self,
        sight: &Sight,
        from: Option<&str>,
        life: Life,
    ) -> Result<Option<Held>, CallError> {
        let seen = sight.record.as_ref();
        let now = crate::clock::now();
        let entry = Entry {
            replaces: seen.map(|record| record.version.clone()),
            holder: self.me.as_str().to_owned(),
            duration: self.times.lease,
            acquired: now,
            renewed: now,
            transitions: seen.map_or(0, |record| record.transitions.saturating_add(1)),
        };
        let until = self.until();
        match self.write(&entry).await {
            Ok(record) => {
                let is_dead = life == Life::Over;
                tracing::info!(lease = self.name, me = %self.me, from, is_dead, "elected: this process acts for the node");
                let fence = Fence::closed();
                fence.open_until(until);
                let is_first = seen.is_none() && sight.deleted.is_none();
                Ok(Some(Held { version: record.version, entry, fence, is_first }))
            }
            Err(error) if error.is_conflict() => Ok(None),
            // It was deleted since we read it.
            Err(error) if error.is_not_found() && seen.is_some() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn begin(&self, held: Held) -> Term {
        self.metrics.leader(true);
        let fence = held.fence.clone();
        let is_first = held.is_first;
        let (lost, resigned) = (CancellationToken::new(), CancellationToken::new());
        let renewing = self.clone().keep(held, lost.clone(), resigned.clone());
        Term { fence, is_first, lost, resigned, renewing: tokio::spawn(renewing) }
    }

    /// Renews until the Lease is lost, which cancels `lost`, or until it is to be given back.
    async fn keep(self, mut held: Held, lost: CancellationToken, resigned: CancellationToken) {
        // Whatever ends this, nobody acts on without it.
        let fence = held.fence.clone();
        let _shut = Shut { fence, lost: lost.clone(), metrics: self.metrics.clone() };
        loop {
            let rest = tokio::time::sleep(self.times.pause(crate::chance::chance()));
            if resigned.run_until_cancelled(rest).await.is_none() {
                return self.give_back(held).await;
            }
            match self.renew(&mut held).await {
                Ok(Renewed::Yes) => self.metrics.election_renewed(true),
                Ok(Renewed::No { holder }) => {
                    self.metrics.election_renewed(false);
                    tracing::warn!(
                        lease = self.name,
                        holder,
                        "lost the lease: another process acts for the node"
                    );
                    return;
                }
                Err(error) => {
                    self.metrics.election_renewed(false);
                    let may_act = held.fence.is_open();
                    tracing::warn!(
                        lease = self.name,
                        may_act,
                        error = chain(&error),
                        "could not renew the lease"
                    );
                }
            }
        }
    }

    /// One renewal: a write, and if it is refused a look at what happened and another write.
    async fn renew(&self, held: &mut Held) -> Result<Renewed, CallError> {
        let refused = match self.rewrite(held).await {
            Ok(()) => return Ok(Renewed::Yes),
            Err(error) if error.is_conflict() || error.is_not_found() => error,
            // Perhaps it was written and perhaps not: the next one finds out.
            Err(error) => return Err(error),
        };
        let asked_at = Instant::now();
        let seen = Sight::next(None, self.read().await?, asked_at);
        let role =
            Role::Holder { version: held.version.clone(), transitions: held.entry.transitions };
        let me = self.me.as_str();
        match decide(&role, &seen, me, Life::Possible, &self.times, Instant::now()) {
            // The server said so, and then showed the version that we gave: not worth guessing about.
            Decision::Renew { version } if version == held.version => Err(refused),
            Decision::Renew { version } => {
                held.version = version;
                self.rewrite(held).await.map(|()| Renewed::Yes)
            }
            _ => Ok(Renewed::No { holder: seen.record.and_then(|record| record.holder) }),
        }
    }

    /// Writes the Lease over the version that we hold, and moves the fence if that went well.
    async fn rewrite(&self, held: &mut Held) -> Result<(), CallError> {
        held.entry.replaces = Some(held.version.clone());
        held.entry.renewed = crate::clock::now();
        let until = self.until();
        held.version = self.write(&held.entry).await?.version;
        held.fence.open_until(until);
        Ok(())
    }

    /// Lets the next process begin at once.
    async fn give_back(&self, mut held: Held) {
        held.fence.shut();
        held.entry.holder = String::new();
        // What it says of the duration is for nobody any more.
        match self.renew(&mut held).await {
            Ok(Renewed::Yes) => tracing::info!(lease = self.name, "gave the lease back"),
            Ok(Renewed::No { .. }) => {}
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(
                    lease = self.name,
                    error,
                    "could not give the lease back; the next process waits for it"
                );
            }
        }
    }

    /// Until when a write that begins now lets us act.
    fn until(&self) -> Until {
        let span = self.times.renew_deadline;
        Until { monotonic: Instant::now() + span, wall: crate::clock::now() + span }
    }

    async fn read(&self) -> Result<Option<Record>, CallError> {
        let reading = self.leases.get_opt(&self.name);
        let lease = call_within(self.times.call, "reading the election's lease", reading).await?;
        Ok(lease.as_ref().and_then(Record::of))
    }

    async fn write(&self, entry: &Entry) -> Result<Record, CallError> {
        let lease = entry.lease(&self.namespace, &self.name);
        let params = PostParams::default();
        let written = match entry.replaces {
            Some(_) => {
                let replacing = self.leases.replace(&self.name, &params, &lease);
                call_within(self.times.call, "writing the election's lease", replacing).await?
            }
            None => {
                let creating = self.leases.create(&params, &lease);
                call_within(self.times.call, "creating the election's lease", creating).await?
            }
        };
        // An API server gives every object a version; an empty one would only cost us a conflict.
        let version = written.metadata.resource_version.clone().unwrap_or_default();
        Ok(Record::of(&written).unwrap_or(Record {
            version,
            holder: Some(entry.holder.clone()),
            duration: Some(entry.duration),
            renewed: Some(entry.renewed),
            transitions: entry.transitions,
        }))
    }
}

/// What came of one look.
enum Looked {
    Elected(Held),
    Wait(Instant),
    Again,
}

/// What came of one renewal.
enum Renewed {
    Yes,
    No { holder: Option<String> },
}

/// Ends a term, however its renewing ends.
struct Shut {
    fence: Fence,
    lost: CancellationToken,
    metrics: Metrics,
}

impl Drop for Shut {
    fn drop(&mut self) {
        self.fence.shut();
        self.lost.cancel();
        self.metrics.leader(false);
    }
}

// === impl Term ===

impl Term {
    /// What everything that changes something must ask.
    #[must_use]
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// Whether nobody can have acted for this node before: this process made the Lease and never saw another one, and
    /// the cluster has no Node of this name. Whoever deletes a Lease has not deleted what was created. False when that
    /// could not be found out.
    pub async fn nobody_acted_before(&self, client: &Client, node: &str) -> bool {
        self.is_first && matches!(has_node(client, node).await, Ok(false))
    }

    /// Cancelled when the Lease is lost: everything that was started for this term must end.
    #[must_use]
    pub fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// Gives the Lease back, so that another process can begin at once. To be called when nothing of this term acts any
    /// more. A Lease that was lost is left alone.
    pub async fn resign(mut self) {
        self.resigned.cancel();
        // A task that panicked has shut the fence all the same.
        let _ = (&mut self.renewing).await;
    }
}

impl Drop for Term {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

#[cfg(test)]
mod tests;
