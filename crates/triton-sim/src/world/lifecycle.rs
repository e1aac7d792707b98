//! Jobs in time: what is due when, and what happens then.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::instance::{AuditEntry, Job};
use super::{Caller, ChangedBy, InstanceState, JobFate, JobKind, World};
use crate::clock::add;

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

/// How a state file holds what is due: in order.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    at: Timestamp,
    instance: Uuid,
    event: Event,
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

    fn forget(&mut self, instance: Uuid) {
        self.due.retain(|_, (id, _)| *id != instance);
    }
}

// === impl World ===

impl World {
    /// Runs everything that is due by `now`, each at the moment it was due.
    pub(crate) fn advance(&mut self, now: Timestamp) {
        self.replicate(now);
        self.advance_images(now);
        self.settle(now);
        while let Some((at, instance, event)) = self.agenda.take_due(now) {
            self.changes += 1;
            match event {
                Event::Allocated => self.allocated(instance, at),
                Event::Provisioned => self.provisioned(instance, at),
                Event::JobBegins => self.job_begins(instance, at),
                Event::JobEnds => self.job_ends(instance, at),
                Event::RuleInForce => self.rule_in_force(instance),
            }
            self.settle(at);
        }
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
        self.release_if_gone(id);
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
        instance.audit.push(entry);
        self.release_if_gone(id);
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
        if job.fate.fails || job.kind.begin(instance, at).is_err() {
            return self.finish_job(id, false, at);
        }
        if matches!(job.kind, JobKind::Destroy) && instance.fate.delete_sticks {
            return;
        }
        let delay = match job.kind {
            JobKind::Start => self.delays.start,
            JobKind::Stop => self.delays.stop,
            JobKind::Reboot => self.delays.reboot,
            JobKind::Destroy => self.delays.delete,
            _ => Duration::ZERO,
        };
        let delay = self.delayed(delay);
        self.agenda.add(add(at, delay), id, Event::JobEnds);
    }

    fn job_ends(&mut self, id: Uuid, at: Timestamp) {
        let Some(instance) = self.instances.get_mut(&id) else { return };
        let Some(job) = instance.jobs.front().cloned() else { return };
        self.journal.begin_by(ChangedBy::from(&job.caller));
        job.kind.end(instance, at);
        self.finish_job(id, true, at);
        self.release_if_gone(id);
    }

    /// Writes the audit, and lets the next job begin.
    fn finish_job(&mut self, id: Uuid, success: bool, at: Timestamp) {
        let Some(instance) = self.instances.get_mut(&id) else { return };
        let Some(job) = instance.jobs.pop_front() else { return };
        let entry =
            AuditEntry { action: job.kind.action().into(), success, at, caller: job.caller };
        instance.audit.push(entry);
        if matches!(job.kind, JobKind::Destroy) && !success {
            instance.is_deleting = false;
        }
        if !instance.jobs.is_empty() {
            self.agenda.add(at, id, Event::JobBegins);
        }
    }

    fn release_if_gone(&mut self, id: Uuid) {
        if self.instances.get(&id).is_some_and(|instance| !instance.state.is_active()) {
            self.addresses.release(id);
        }
    }
}

#[cfg(test)]
mod tests;
