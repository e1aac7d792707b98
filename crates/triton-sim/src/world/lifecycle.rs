//! Jobs in time: what is due when, and what happens then.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::instance::{AuditEntry, Job};
use super::snapshot::Execution;
use super::{Caller, ChangedBy, InstanceState, JobFate, JobKind, World};
use crate::clock::{add, until};

/// What happens to one instance at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Event {
    /// Compute node and NICs appear.
    Allocated,
    /// The first boot is over.
    Provisioned,
    /// The instance's first job starts.
    JobBegins,
    /// The instance's first job is done.
    JobEnds,
    /// A volume is ready.
    VolumeMade,
    /// A volume's deletion is done.
    VolumeGone,
    /// CNS looks at the instance.
    CnsLooks,
    /// Not an instance's: a firewall rule is in force as it now is.
    RuleInForce,
}

/// Events by the moment they are due; of one moment, first come first served.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(into = "Vec<Entry>", from = "Vec<Entry>")]
pub(super) struct Agenda {
    due: BTreeMap<(Timestamp, u64), (Uuid, Event)>,
    next: u64,
}

/// Events whose compute node is down, in order.
pub(super) type Stalled = VecDeque<(Uuid, Event)>;

/// More instances than this that are deleted or failed are not remembered.
const GRAVES_MAX: usize = 100_000;

/// How a state file holds what is due: in order.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    at: Timestamp,
    instance: Uuid,
    event: Event,
}

// === impl Event ===

impl Event {
    /// Whether only a compute node that is up can make it happen.
    fn needs_home(self) -> bool {
        matches!(self, Self::Allocated | Self::Provisioned | Self::JobBegins | Self::JobEnds)
    }
}

// === impl Agenda ===

impl From<Agenda> for Vec<Entry> {
    fn from(agenda: Agenda) -> Self {
        let due = agenda.due.into_iter();
        due.map(|((at, _), (instance, event))| Entry { at, instance, event }).collect()
    }
}

impl From<Vec<Entry>> for Agenda {
    fn from(entries: Vec<Entry>) -> Self {
        let mut agenda = Self::default();
        for Entry { at, instance, event } in entries {
            agenda.add(at, instance, event);
        }
        agenda
    }
}

impl Agenda {
    pub(super) fn add(&mut self, at: Timestamp, instance: Uuid, event: Event) {
        self.due.insert((at, self.next), (instance, event));
        self.next += 1;
    }

    fn take_due(&mut self, now: Timestamp) -> Option<(Timestamp, Uuid, Event)> {
        let entry = self.due.first_entry().filter(|entry| entry.key().0 <= now)?;
        let at = entry.key().0;
        let (instance, event) = entry.remove();
        Some((at, instance, event))
    }

    /// No job of the instance goes on.
    fn forget(&mut self, instance: Uuid) {
        self.due.retain(|_, (id, event)| *id != instance || !event.needs_home());
    }
}

// === impl World ===

impl World {
    /// Runs everything that is due by `now`, each at the moment it was due.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        self.replicate(now);
        self.advance_images(now);
        self.settle(now);
        while let Some((at, id, event)) = self.agenda.take_due(now) {
            self.changes += 1;
            if event.needs_home() && !self.is_home_up(id) {
                self.stalled.push_back((id, event));
                continue;
            }
            match event {
                Event::Allocated => self.allocated(id, at),
                Event::Provisioned => self.provisioned(id, at),
                Event::JobBegins => self.job_begins(id, at),
                Event::JobEnds => self.job_ends(id, at),
                Event::VolumeMade => self.volume_is_made(id),
                Event::VolumeGone => self.volume_is_gone(id),
                Event::CnsLooks => {
                    self.cns_due.remove(&id);
                    self.publish(id);
                }
                Event::RuleInForce => self.rule_in_force(id),
            }
            self.settle(at);
        }
        self.purge(now);
    }

    /// What waited for compute nodes that are up again happens now.
    pub(super) fn resume(&mut self, now: Timestamp) {
        for (id, event) in std::mem::take(&mut self.stalled) {
            self.agenda.add(now, id, event);
        }
    }

    /// Forgets instances that have been deleted or failed for long, and the oldest when there are too many.
    fn purge(&mut self, now: Timestamp) {
        while let Some((gone_at, id)) = self.graves.front().copied() {
            if until(gone_at, now) < self.history && self.graves.len() <= GRAVES_MAX {
                break;
            }
            self.graves.pop_front();
            if self.instances.get(&id).is_some_and(|instance| !instance.state.is_active()) {
                self.instances.remove(&id);
            }
        }
    }

    /// A new volume is ready after a while.
    pub(super) fn schedule_volume(&mut self, id: Uuid, now: Timestamp) {
        let delay = self.delayed(self.delays.volume);
        self.agenda.add(add(now, delay), id, Event::VolumeMade);
    }

    /// A volume that is being deleted is gone after a while.
    pub(super) fn schedule_volume_deletion(&mut self, id: Uuid, now: Timestamp) {
        let delay = self.delayed(self.delays.delete);
        self.agenda.add(add(now, delay), id, Event::VolumeGone);
    }

    /// CNS looks at an instance after a while.
    pub(super) fn schedule_cns(&mut self, id: Uuid, now: Timestamp) {
        if self.cns_due.insert(id) {
            let delay = self.delayed(self.delays.cns);
            self.agenda.add(add(now, delay), id, Event::CnsLooks);
        }
    }

    /// The job at work is done now.
    pub(super) fn hasten_job(&mut self, id: Uuid, now: Timestamp) {
        self.agenda.forget(id);
        self.agenda.add(now, id, Event::JobEnds);
    }

    /// When something happens next.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.agenda.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// Starts the life of an instance that was just recorded.
    pub(super) fn schedule_allocation(&mut self, id: Uuid, now: Timestamp) {
        self.changes += 1;
        let at = add(now, self.delays.create);
        self.agenda.add(at, id, Event::Allocated);
    }

    /// Accepts a job. Jobs of one instance run one after the other.
    pub(crate) fn submit(&mut self, id: Uuid, kind: JobKind, caller: Caller, now: Timestamp) {
        let delay = self.delayed(self.delays.job);
        let Some(instance) = self.instances.get_mut(&id) else { return };
        if matches!(kind, JobKind::Destroy) {
            instance.is_deleting = true;
        }
        if let Some(name) = kind.snapshot() {
            instance.snapshot_queued(name);
        }
        instance.jobs.push_back(Job { kind, caller, fate: JobFate::default() });
        self.submitted = Some(id);
        self.changes += 1;
        if instance.jobs.len() == 1 {
            self.agenda.add(add(now, delay), id, Event::JobBegins);
        }
    }

    /// Decides what becomes of the job that an instance accepted last.
    pub(crate) fn decide_last_job(&mut self, id: Uuid, fate: JobFate) {
        let Some(instance) = self.instances.get_mut(&id) else { return };
        if let Some(job) = instance.jobs.back_mut() {
            job.fate = fate;
        }
    }

    /// Forces a state, as an operator or a crash would: no job, no audit.
    pub(crate) fn force(&mut self, id: Uuid, state: InstanceState, now: Timestamp) -> bool {
        let Some(instance) = self.instances.get_mut(&id) else { return false };
        if let Some(allocation) = instance.allocation.take() {
            instance.compute_node = Some(allocation.compute_node);
            instance.nics = allocation.nics;
        }
        instance.jobs.clear();
        instance.is_deleting = false;
        instance.enter(state, now);
        self.journal.begin_by(ChangedBy::Operator);
        self.changes += 1;
        self.agenda.forget(id);
        self.stalled.retain(|(stalled, _)| *stalled != id);
        self.release_if_gone(id, now);
        true
    }

    /// `base` plus the jitter the seed gives.
    fn delayed(&mut self, base: Duration) -> Duration {
        let jitter = u64::try_from(self.delays.jitter.as_nanos()).unwrap_or(u64::MAX);
        if jitter == 0 {
            return base;
        }
        base + Duration::from_nanos(self.random.random_range(0..=jitter))
    }

    fn allocated(&mut self, id: Uuid, at: Timestamp) {
        let delay = self.delayed(self.delays.provision);
        let Some(instance) = self.instances.get_mut(&id) else { return };
        let Some(allocation) = instance.allocation.take() else { return };
        instance.compute_node = Some(allocation.compute_node);
        instance.nics = allocation.nics;
        instance.updated = at;
        if !instance.fate.provision_sticks {
            self.agenda.add(add(at, delay), id, Event::Provisioned);
        }
    }

    fn provisioned(&mut self, id: Uuid, at: Timestamp) {
        let Some(instance) = self.instances.get_mut(&id) else { return };
        // Who deletes an instance while it is made sees it fail: it never runs.
        if instance.state != InstanceState::Provisioning || instance.is_deleting {
            return;
        }
        let failed = instance.fate.provision_fails;
        instance.enter(if failed { InstanceState::Failed } else { InstanceState::Running }, at);
        let entry = AuditEntry {
            action: "provision".into(),
            success: !failed,
            at,
            caller: Caller::default(),
        };
        instance.audited(entry);
        self.release_if_gone(id, at);
    }

    fn job_begins(&mut self, id: Uuid, at: Timestamp) {
        let Some(instance) = self.instances.get_mut(&id) else { return };
        let Some(job) = instance.jobs.front_mut() else { return };
        if let Some(late) = job.fate.late.take() {
            return self.agenda.add(add(at, late), id, Event::JobBegins);
        }
        let job = job.clone();
        if job.fate.sticks {
            return;
        }
        self.journal.begin_by(ChangedBy::from(&job.caller));
        let was_up = instance.state == InstanceState::Running;
        if job.fate.fails || job.kind.begin(instance, at).is_err() {
            return self.finish_job(id, false, at);
        }
        if let Some(name) = job.kind.snapshot() {
            instance.snapshot_job_is(name, Execution::Running);
        }
        if matches!(job.kind, JobKind::Destroy) && instance.fate.delete_sticks {
            return;
        }
        if let JobKind::Migrate(phase) = job.kind
            && !self.migration_begins(id, phase, at)
        {
            return self.finish_job(id, false, at);
        }
        let delay = match job.kind {
            JobKind::Start => self.delays.start,
            JobKind::Stop => self.delays.stop,
            JobKind::Reboot => self.delays.reboot,
            JobKind::AddNic(_) | JobKind::RemoveNic(_) if was_up => self.delays.reboot,
            JobKind::Destroy => self.delays.delete,
            JobKind::CreateDisk(..) | JobKind::ResizeDisk(..) | JobKind::DeleteDisk(_) => {
                self.delays.disk
            }
            JobKind::CreateSnapshot(_)
            | JobKind::RollbackSnapshot(_)
            | JobKind::DeleteSnapshot(_) => self.delays.disk,
            JobKind::Migrate(_) => self.delays.migrate,
            _ => Duration::ZERO,
        };
        let delay = self.delayed(delay);
        self.agenda.add(add(at, delay), id, Event::JobEnds);
    }

    fn job_ends(&mut self, id: Uuid, at: Timestamp) {
        let Some(instance) = self.instances.get_mut(&id) else { return };
        let Some(job) = instance.jobs.front().cloned() else { return };
        self.journal.begin_by(ChangedBy::from(&job.caller));
        let removed = match job.kind {
            JobKind::RemoveNic(mac) => instance.nics.iter().find(|nic| nic.mac == mac),
            _ => None,
        };
        let freed = removed.map(|nic| (nic.network, nic.ip));
        job.kind.clone().end(instance, at);
        if let Some((network, ip)) = freed {
            self.addresses.release_one(id, network, ip);
        }
        self.finish_job(id, true, at);
        if let JobKind::Migrate(phase) = job.kind
            && let Some(next) = self.migration_ends(id, phase, at)
        {
            self.submit(id, JobKind::Migrate(next), job.caller, at);
        }
        self.release_if_gone(id, at);
    }

    /// Writes the audit, and lets the next job begin.
    fn finish_job(&mut self, id: Uuid, success: bool, at: Timestamp) {
        let Some(instance) = self.instances.get_mut(&id) else { return };
        let Some(job) = instance.jobs.pop_front() else { return };
        if let Some(name) = job.kind.snapshot() {
            let ended = if success { Execution::Succeeded } else { Execution::Failed };
            instance.snapshot_job_is(name, ended);
        }
        let entry =
            AuditEntry { action: job.kind.action().into(), success, at, caller: job.caller };
        instance.audited(entry);
        if matches!(job.kind, JobKind::Destroy) && !success {
            instance.is_deleting = false;
        }
        if !instance.jobs.is_empty() {
            self.agenda.add(at, id, Event::JobBegins);
        }
    }

    fn release_if_gone(&mut self, id: Uuid, at: Timestamp) {
        let Some(instance) = self.instances.get(&id).filter(|i| !i.state.is_active()) else {
            return;
        };
        let has_volumes = !instance.volumes.is_empty();
        self.addresses.release(id);
        if has_volumes {
            self.unmount(id);
        }
        self.graves.push_back((at, id));
    }
}

#[cfg(test)]
mod tests;
