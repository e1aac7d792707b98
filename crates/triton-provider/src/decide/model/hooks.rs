//! What may come of a hook. And what must never be done without one.

use super::super::{Action, Hook, HookStand, Hooks};
use super::moves::{Moved, Setting, Trouble};
use super::world::{World, number};

impl Setting {
    /// Hooks end, well or badly.
    pub(super) fn hook_moves(&self, world: &World, p: usize, moves: &mut Vec<Moved>) {
        if !self.hooks {
            return;
        }
        for pod in 0..world.pods.len() {
            for hook in [Hook::PostStart, Hook::PreStop] {
                let mut ended = world.clone();
                if !self.end_hook(&mut ended, p, pod, hook, HookStand::Ended) {
                    continue;
                }
                moves.push(Ok((self.label(|| format!("{p}: {hook:?} of {pod} ends")), ended)));
                if let Some(mut failed) = self.trouble(world, Trouble::HookFails) {
                    self.end_hook(&mut failed, p, pod, hook, HookStand::Failed);
                    moves
                        .push(Ok((self.label(|| format!("{p}: {hook:?} of {pod} fails")), failed)));
                }
            }
        }
    }

    /// A hook that runs comes to its end; false if there is none.
    pub(super) fn end_hook(
        &self,
        world: &mut World,
        p: usize,
        pod: usize,
        hook: Hook,
        end: HookStand,
    ) -> bool {
        let process = &mut world.processes[p];
        let hooks = &mut process.hooks[pod];
        let is_present = hooks.restarts == process.states[pod].restarts.count;
        let stand = hook_of(hooks, hook);
        if !matches!(stand, HookStand::Runs { .. }) {
            return false;
        }
        *stand = end;
        let known = process.states[pod].known.as_ref().map(|known| number(known.id));
        if hook == Hook::PostStart
            && end == HookStand::Ended
            && is_present
            && let Some(machine) = known.and_then(|id| world.machine_mut(id))
        {
            machine.hooked = true;
        }
        true
    }

    /// S7: no instance is shut down or rebooted whose preStop hook was not begun.
    pub(super) fn without_hook(&self, world: &World, p: usize, pod: usize, action: Action) -> bool {
        let (Action::Shutdown(id) | Action::Reboot(id)) = action else { return false };
        let is_pods = world.pods[pod].published.instance == Some(number(id));
        let begun = world.processes[p].hooks[pod].pre_stop != HookStand::Unbegun;
        self.hooks && is_pods && !begun
    }
}

impl World {
    /// A process begins a hook.
    pub(super) fn begin_hook(&mut self, p: usize, pod: usize, hook: Hook) {
        let since = self.now;
        let process = &mut self.processes[p];
        let restarts = process.states[pod].restarts.count;
        let hooks = &mut process.hooks[pod];
        if hooks.restarts != restarts {
            *hooks = Hooks { restarts, ..Hooks::default() };
        }
        *hook_of(hooks, hook) = HookStand::Runs { since };
    }
}

fn hook_of(hooks: &mut Hooks, hook: Hook) -> &mut HookStand {
    match hook {
        Hook::PostStart => &mut hooks.post_start,
        Hook::PreStop => &mut hooks.pre_stop,
    }
}
