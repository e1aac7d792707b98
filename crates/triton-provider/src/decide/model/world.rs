//! What there is beside the decisions: an API server, a journal, a cloud that does what clouds do, and processes that die.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use triton_cloudapi::InstanceId;
use triton_podspec::ownership::Owner;

use super::super::fixtures::{id, instance, owned, owner};
use super::super::{Effect, Hooks, Published, State};
use crate::seen::Seen;

/// Time goes by in steps of this: longer than `action_patience`, a third of the window, and far from a multiple of
/// either, so that the milliseconds between two events never matter.
pub(super) const TICK: Duration = Duration::from_secs(61);
/// Between two events.
pub(super) const MOMENT: Duration = Duration::from_millis(1);
/// How long after it was sent a create may be stored, and how long it may then be missing from lists.
pub(super) const LATEST: Duration = Duration::from_secs(180);
/// At most so many instances in one history.
pub(super) const MACHINES_MAX: u8 = 6;

/// Everything at one moment.
#[derive(Clone)]
pub(super) struct World {
    pub(super) now: Instant,
    /// Troubles that may still happen.
    pub(super) troubles: u8,
    pub(super) pods: Vec<ApiPod>,
    /// The journal: which pods have a note.
    pub(super) notes: Vec<bool>,
    pub(super) machines: Vec<Machine>,
    /// Creates that were sent and are neither stored nor lost.
    pub(super) flying: Vec<Flying>,
    /// Instances that failed, or that somebody destroyed or took from us, and when.
    pub(super) ends: Vec<(u8, Instant)>,
    pub(super) next_id: u8,
    pub(super) processes: Vec<Process>,
}

/// A pod object in the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ApiPod {
    pub(super) exists: bool,
    pub(super) deleting: bool,
    /// Its phase is terminal.
    pub(super) over: bool,
    pub(super) published: PublishedKey,
}

/// [`Published`], hashable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct PublishedKey {
    pub(super) instance: Option<u8>,
    pub(super) ran: bool,
    pub(super) restarts: i32,
    /// Told of pods with hooks only.
    pub(super) started: bool,
}

/// An instance in the cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) id: u8,
    pub(super) pod: usize,
    pub(super) state: Power,
    /// Its liveness probe fails.
    pub(super) sick: bool,
    /// It carries our tags.
    pub(super) ours: bool,
    /// No list shows it yet.
    pub(super) hidden: bool,
    /// Its delete was accepted.
    pub(super) going: bool,
    /// It was made by nobody's create: a clone, or a slip that nothing here explains.
    pub(super) stray: bool,
    /// When its create was sent.
    pub(super) sent: Instant,
    /// The postStart hook was run to its end since it was last booted.
    pub(super) hooked: bool,
}

/// States of an instance, as far as they matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Power {
    Provisioning,
    Running,
    Stopped,
    Failed,
}

/// A create on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flying {
    pub(super) pod: usize,
    pub(super) sent: Instant,
}

/// A life of vk-triton.
#[derive(Clone)]
pub(super) struct Process {
    /// It holds the journal: nobody has taken it over since.
    pub(super) holds: bool,
    /// It holds the Lease: whatever changes something goes through its fence.
    pub(super) leads: bool,
    pub(super) states: Vec<State>,
    /// The pods as its watch last showed them.
    pub(super) cache: Vec<ApiPod>,
    /// It has seen the end of this pod.
    pub(super) gone: Vec<bool>,
    pub(super) list: Option<List>,
    pub(super) task: Option<Task>,
    /// The hooks it has begun, of each pod.
    pub(super) hooks: Vec<Hooks>,
}

/// A complete list of the account's instances.
#[derive(Clone)]
pub(super) struct List {
    pub(super) taken_at: Instant,
    pub(super) machines: Vec<Machine>,
}

/// A pass in progress.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) pod: usize,
    pub(super) leaving: bool,
    /// What the pass takes the published status for.
    pub(super) published: PublishedKey,
    /// What is to be done next.
    pub(super) effect: Effect,
}

/// Instances as the client would give them, made once.
pub(super) struct Cast {
    owners: Vec<Owner>,
    instances: Vec<Arc<Seen>>,
}

// === impl World ===

impl World {
    /// `pods` new pods, an idle journal, an empty cloud, no process.
    pub(super) fn new(now: Instant, pods: usize, troubles: u8) -> Self {
        let pod = ApiPod {
            exists: true,
            deleting: false,
            over: false,
            published: PublishedKey::default(),
        };
        Self {
            now,
            troubles,
            pods: vec![pod; pods],
            notes: vec![false; pods],
            machines: Vec::new(),
            flying: Vec::new(),
            ends: Vec::new(),
            next_id: 1,
            processes: Vec::new(),
        }
    }

    pub(super) fn machine(&self, id: u8) -> Option<&Machine> {
        self.machines.iter().find(|machine| machine.id == id)
    }

    pub(super) fn machine_mut(&mut self, id: u8) -> Option<&mut Machine> {
        self.machines.iter_mut().find(|machine| machine.id == id)
    }

    /// What a process's own probes tell of the instance that it holds to be the pod's.
    pub(super) fn is_sick(&self, p: usize, pod: usize) -> bool {
        let known = self.processes[p].states[pod].known.as_ref();
        let machine = known.and_then(|known| self.machine(number(known.id)));
        machine.is_some_and(|machine| machine.sick && machine.state == Power::Running)
    }

    /// What costs money for this pod.
    pub(super) fn alive(&self, pod: usize) -> impl Iterator<Item = &Machine> {
        self.machines.iter().filter(move |machine| {
            machine.pod == pod && machine.ours && machine.state != Power::Failed
        })
    }

    /// The cloud stores an instance.
    pub(super) fn store(&mut self, pod: usize, sent: Instant, hidden: bool) -> u8 {
        let id = self.next_id;
        self.next_id += 1;
        self.machines.push(Machine {
            id,
            pod,
            state: Power::Provisioning,
            sick: false,
            ours: true,
            hidden,
            going: false,
            stray: false,
            sent,
            hooked: false,
        });
        id
    }
}

// === impl Published ===

impl From<PublishedKey> for Published {
    fn from(key: PublishedKey) -> Self {
        Self {
            instance: key.instance.map(|n| id(n.into())),
            ran: key.ran,
            restarts: key.restarts,
            started: key.started,
        }
    }
}

// === impl Cast ===

impl Cast {
    pub(super) fn new() -> Self {
        let owners: Vec<_> =
            ["uid", "uid-2"].map(|uid| Owner { uid: uid.to_owned(), ..owner() }).into();
        let mut instances = Vec::new();
        for n in 0..=MACHINES_MAX {
            for state in ["provisioning", "running", "stopped", "failed"] {
                for owner in &owners {
                    for ours in [true, false] {
                        let node = if ours { owner.node.clone() } else { "another".to_owned() };
                        let owner = Owner { node, ..owner.clone() };
                        instances.push(owned(&instance(n.into(), state), owner));
                    }
                }
            }
        }
        Self { owners, instances }
    }

    pub(super) fn owner(&self, pod: usize) -> &Owner {
        &self.owners[pod]
    }

    pub(super) fn instance(&self, machine: &Machine) -> Arc<Seen> {
        let state = machine.state as usize;
        let ours = usize::from(!machine.ours);
        let at = ((usize::from(machine.id) * 4 + state) * 2 + machine.pod) * 2 + ours;
        Arc::clone(&self.instances[at])
    }
}

/// The number of an instance.
pub(super) fn number(id: InstanceId) -> u8 {
    u8::try_from(id.0.as_u128()).unwrap()
}
