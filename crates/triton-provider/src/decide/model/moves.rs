//! What can happen next in a world: everything that processes, the cloud, users and trouble may do.

use std::time::Duration;

use tokio::time::Instant;
use triton_podspec::LivenessAction;

use super::super::state::{Intent, State};
use super::super::{Action, Hooks, RestartPolicy};
use super::world::{
    Cast, LATEST, List, MACHINES_MAX, MOMENT, Machine, Power, Process, TICK, World, number,
};
use crate::limits::Limits;

/// What must never be is.
#[derive(Clone, Debug)]
pub(super) struct Violation(pub(super) String);

/// A move, or the violation it is.
pub(super) type Moved = Result<(String, World), (String, Violation)>;

/// What holds in all worlds of one exploration.
pub(super) struct Setting {
    pub(super) cast: Cast,
    pub(super) limits: Limits,
    pub(super) restart_policy: RestartPolicy,
    /// What pods want where their instances are unhealthy.
    pub(super) liveness_action: LivenessAction,
    /// How long pods may crash.
    pub(super) crash_loop_window: Option<Duration>,
    /// Pods have a postStart and a preStop hook.
    pub(super) hooks: bool,
    /// Moves say what they are: only for a history that is told, as it takes time.
    pub(super) telling: bool,
    /// Which troubles there are; each may happen as often as there are troubles left.
    pub(super) troubles: Vec<Trouble>,
}

/// What can go wrong, or be done by others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Trouble {
    /// The process dies.
    Crash,
    /// Another process takes over while this one lives.
    Takeover,
    /// A create is carried out and its answer lost.
    AnswerLost,
    /// A create is not answered; it may be carried out for as long as it can, or never.
    CommitLate,
    /// A create is refused.
    Refused,
    /// A new instance is missing from lists for as long as it can.
    Hidden,
    /// A list lacks an instance.
    ShortList,
    /// A read says that what is there does not exist.
    WrongNotFound,
    /// A provisioning fails.
    ProvisionFails,
    /// An accepted action is never carried out, or carried out and not answered.
    ActionLost,
    /// The journal is not written, or is and does not say so.
    NoteFails,
    /// A status is not written.
    WriteFails,
    /// Somebody deletes the pod.
    Delete,
    /// Somebody deletes the pod by force: its object is gone at once.
    Force,
    /// A guest shuts down.
    GuestStops,
    /// A guest hangs: its probe fails until it is rebooted.
    Sickens,
    /// Somebody destroys an instance.
    Vanishes,
    /// Somebody takes our tags off an instance.
    Retag,
    /// Somebody puts our tags back onto an instance that had lost them.
    Restore,
    /// A second instance with a pod's tags appears.
    Twin,
    /// A hook fails.
    HookFails,
}

impl Setting {
    /// Everything that can happen next.
    pub(super) fn moves(&self, world: &World) -> Vec<Moved> {
        let mut moves = Vec::new();
        for p in 0..world.processes.len() {
            self.process_moves(world, p, &mut moves);
        }
        self.cloud_moves(world, &mut moves);
        self.user_moves(world, &mut moves);
        moves
    }

    pub(super) fn label(&self, label: impl FnOnce() -> String) -> String {
        if self.telling { label() } else { String::new() }
    }

    pub(super) fn trouble(&self, world: &World, trouble: Trouble) -> Option<World> {
        if world.troubles == 0 || !self.troubles.contains(&trouble) {
            return None;
        }
        let mut next = world.clone();
        next.troubles -= 1;
        Some(next)
    }

    // The cloud.

    fn cloud_moves(&self, world: &World, moves: &mut Vec<Moved>) {
        let mut go = |label: String, next: World| moves.push(Ok((label, next)));
        for (n, flying) in world.flying.iter().enumerate() {
            let mut lost = world.clone();
            lost.flying.remove(n);
            if world.next_id <= MACHINES_MAX {
                for hidden in [false, true] {
                    let mut stored = lost.clone();
                    stored.store(flying.pod, flying.sent, hidden);
                    go(
                        self.label(|| format!("a create is carried out late, hidden: {hidden}")),
                        stored,
                    );
                }
            }
            go(self.label(|| "a create comes to nothing".to_owned()), lost);
        }
        for machine in &world.machines {
            let id = machine.id;
            let changed = |change: &dyn Fn(&mut Machine)| {
                let mut next = world.clone();
                next.machine_mut(id).into_iter().for_each(change);
                next
            };
            if machine.hidden {
                go(
                    self.label(|| format!("lists show {id}")),
                    changed(&|machine| machine.hidden = false),
                );
            }
            if machine.going {
                let mut next = world.clone();
                next.destroy(id);
                go(self.label(|| format!("{id} is destroyed")), next);
                if machine.state == Power::Provisioning {
                    let mut failed = changed(&|machine| machine.state = Power::Failed);
                    failed.end(id);
                    go(self.label(|| format!("{id} fails as it is deleted")), failed);
                }
                continue;
            }
            if machine.state == Power::Provisioning {
                go(
                    self.label(|| format!("{id} runs")),
                    changed(&|machine| machine.state = Power::Running),
                );
            }
            type Kind = (Trouble, &'static str, fn(&mut Machine));
            let kinds: [Kind; 5] = [
                (Trouble::ProvisionFails, "fails", |machine| machine.state = Power::Failed),
                (Trouble::GuestStops, "stops", |machine| machine.state = Power::Stopped),
                (Trouble::Sickens, "sickens", |machine| machine.sick = true),
                (Trouble::Retag, "loses our tags", |machine| machine.ours = false),
                (Trouble::Vanishes, "is destroyed by somebody", |machine| machine.going = true),
            ];
            for (trouble, what, change) in kinds {
                let may = match trouble {
                    Trouble::ProvisionFails => machine.state == Power::Provisioning,
                    Trouble::GuestStops => machine.state == Power::Running,
                    Trouble::Sickens => machine.state == Power::Running && !machine.sick,
                    _ => machine.ours,
                };
                if let Some(mut next) = self.trouble(world, trouble).filter(|_| may) {
                    next.machine_mut(id).into_iter().for_each(change);
                    if !matches!(trouble, Trouble::GuestStops | Trouble::Sickens) {
                        next.now += MOMENT;
                        next.ends.push((id, next.now));
                    }
                    go(self.label(|| format!("{id} {what}")), next);
                }
            }
            // As with a stray one, an instance of a pod that is over is not looked for.
            if !machine.ours
                && !world.pods[machine.pod].over
                && let Some(mut next) = self.trouble(world, Trouble::Restore)
            {
                // Until a list shows it again, nobody can know.
                next.machine_mut(id).into_iter().for_each(|machine| {
                    machine.ours = true;
                    machine.stray = true;
                });
                go(self.label(|| format!("{id} gets our tags back")), next);
            }
        }
        if let Some(time) = self.tick(world) {
            go(self.label(|| "time goes by".to_owned()), time);
        }
    }

    /// Time goes by, if nothing must happen before.
    pub(super) fn tick(&self, world: &World) -> Option<World> {
        let now = world.now + TICK;
        let in_time = |sent: Instant| now <= sent + LATEST;
        let flying = world.flying.iter().all(|flying| in_time(flying.sent));
        let hidden = world.machines.iter().all(|machine| !machine.hidden || in_time(machine.sent));
        (flying && hidden).then(|| World { now, ..world.clone() })
    }

    // Users and operators.

    fn user_moves(&self, world: &World, moves: &mut Vec<Moved>) {
        let mut go = |label: String, next: World| moves.push(Ok((label, next)));
        for (n, pod) in world.pods.iter().enumerate() {
            if pod.exists
                && !pod.deleting
                && let Some(mut next) = self.trouble(world, Trouble::Delete)
            {
                next.pods[n].deleting = true;
                go(self.label(|| format!("pod {n} is deleted")), next);
            }
            if pod.exists
                && let Some(mut next) = self.trouble(world, Trouble::Force)
            {
                next.pods[n].exists = false;
                go(self.label(|| format!("pod {n} is deleted by force")), next);
            }
            // One of a pod that is over, and of which nothing was left, is not looked for.
            if world.next_id <= MACHINES_MAX
                && !pod.over
                && let Some(mut next) = self.trouble(world, Trouble::Twin)
            {
                let id = next.store(n, world.now, false);
                if let Some(machine) = next.machine_mut(id) {
                    machine.stray = true;
                    machine.state = Power::Running;
                }
                go(self.label(|| format!("a stray instance {id} of pod {n} appears")), next);
            }
        }
        let living = world.processes.len();
        if living == 0 {
            go(self.label(|| "a process begins".to_owned()), self.take_over(world.clone()));
        } else if living == 1
            && let Some(next) = self.trouble(world, Trouble::Takeover)
        {
            go(self.label(|| "another process takes over".to_owned()), self.take_over(next));
        }
    }

    /// A process begins: it takes the journal over, and what was left in it is in doubt for a whole window.
    pub(super) fn take_over(&self, mut world: World) -> World {
        for old in &mut world.processes {
            old.holds = false;
            old.leads = false;
        }
        let states = world.pods.iter().zip(&world.notes).map(|(pod, noted)| {
            let mut state = State::default();
            state.restarts.count = pod.published.restarts;
            if *noted {
                state.intent = Some(Intent::until(world.now + self.limits.ambiguity_window));
                state.noted = true;
            }
            state
        });
        let states = states.collect();
        let gone = vec![false; world.pods.len()];
        let cache = world.pods.clone();
        world.processes.push(Process {
            holds: true,
            leads: true,
            states,
            cache,
            gone,
            list: None,
            task: None,
            hooks: vec![Hooks::default(); world.pods.len()],
        });
        world
    }
}

// === impl World ===

impl World {
    /// A process lists; what a list leaves out is nobody's word that it is not there.
    pub(super) fn list(&mut self, p: usize, left_out: Option<u8>) {
        self.now += MOMENT;
        let taken_at = self.now;
        let shown = |machine: &&Machine| !machine.hidden && Some(machine.id) != left_out;
        let seen = |machine: &Machine| Machine { sent: taken_at, hooked: false, ..*machine };
        let machines = self.machines.iter().filter(shown).map(seen).collect();
        self.processes[p].list = Some(List { taken_at, machines });
        self.now += MOMENT;
    }

    /// What was asked to go is gone.
    pub(super) fn destroy(&mut self, id: u8) {
        self.machines.retain(|machine| machine.id != id);
        self.end(id);
    }

    fn end(&mut self, id: u8) {
        self.now += MOMENT;
        let now = self.now;
        self.ends.iter_mut().filter(|end| end.0 == id).for_each(|end| end.1 = now);
    }

    /// Whether a list would show something else now.
    pub(super) fn differs_from(&self, list: Option<&List>) -> bool {
        let facts = |machine: &Machine| (machine.id, machine.state, machine.ours);
        let shown = self.machines.iter().filter(|machine| !machine.hidden).map(facts);
        list.is_none_or(|list| !shown.eq(list.machines.iter().map(facts)))
    }

    /// The cloud does what it was asked.
    pub(super) fn carry_out(&mut self, action: Action) {
        match action {
            Action::Delete(id, _) => {
                if let Some(machine) = self.machine_mut(number(id)) {
                    machine.going = true;
                }
            }
            Action::Start { id, .. } => {
                if let Some(machine) = self.machine_mut(number(id))
                    && machine.state == Power::Stopped
                {
                    machine.state = Power::Running;
                    machine.hooked = false;
                    machine.sick = false;
                }
            }
            Action::Reboot(id) => {
                if let Some(machine) = self.machine_mut(number(id)) {
                    machine.hooked = false;
                    machine.sick = false;
                }
            }
            Action::Shutdown(id) => {
                if let Some(machine) = self.machine_mut(number(id))
                    && machine.state == Power::Running
                {
                    machine.state = Power::Stopped;
                }
            }
            Action::Protect(_) | Action::Unprotect(_) => {}
        }
    }
}
