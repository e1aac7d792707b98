//! What a process publishes at the end of a pass. And what it must never say.

use triton_podspec::LivenessAction;

use super::super::hook::awaits_start;
use super::super::state::State;
use super::super::{GivenUp, Standing};
use super::moves::{Setting, Violation};
use super::world::{ApiPod, PublishedKey, Task, World, number};

impl Setting {
    /// The end of a pass, as far as others see it.
    pub(super) fn publish(
        &self,
        world: &mut World,
        p: usize,
        task: &Task,
        standing: Standing,
    ) -> Result<(), Violation> {
        let pod = task.pod;
        let known = world.processes[p].states[pod].known.clone();
        let api = world.pods[pod];
        let mut wanted = api;
        match standing {
            Standing::Waiting(_) if task.published.ran => {
                return Err(Violation("S4: a pod that ran waits for an instance".to_owned()));
            }
            Standing::Waiting(_) => wanted.published.instance = None,
            Standing::Instance | Standing::Starting => {
                let Some(known) = &known else { return Ok(()) };
                let running =
                    known.last.as_ref().is_some_and(|last| last.state.as_str() == "running");
                let process = &world.processes[p];
                let (state, hooks) = (&process.states[pod], &process.hooks[pod]);
                let started =
                    self.hooks && running && !awaits_start(state, &task.published.into(), hooks);
                let hooked = world.machine(number(known.id)).is_none_or(|machine| machine.hooked);
                if started && !hooked {
                    return Err(Violation("S8: started, and its hook was not run".to_owned()));
                }
                wanted.published = PublishedKey {
                    instance: Some(number(known.id)),
                    ran: task.published.ran || running,
                    restarts: state.restarts.count,
                    started,
                };
            }
            Standing::Ended { .. } | Standing::Lost | Standing::Expired => wanted.over = true,
            Standing::GivenUp(why) => {
                let wants = match why {
                    GivenUp::Unhealthy => self.liveness_action == LivenessAction::Replace,
                    GivenUp::CrashLoop { .. } => self.crash_loop_window.is_some(),
                };
                if !wants {
                    return Err(Violation(format!("S6: a pod is failed for {why:?}")));
                }
                wanted.over = true;
            }
            Standing::Gone => {
                if let Some(left) =
                    world.alive(pod).find(|machine| !machine.stray && !machine.going)
                {
                    return Err(Violation(format!("S3: gone, and {} is there", left.id)));
                }
                if world.flying.iter().any(|flying| flying.pod == pod) {
                    return Err(Violation("S3: gone, and a create is on its way".to_owned()));
                }
                let process = &mut world.processes[p];
                // A pod that is over stays; what an orphan's search finds later begins anew.
                process.gone[pod] = api.exists && !api.deleting;
                process.states[pod] = State::default();
                if api.deleting {
                    wanted.exists = false;
                }
            }
            Standing::Unchanged | Standing::Going | Standing::Blocked(_) => {}
        }
        if !api.exists {
            return Ok(());
        }
        if api.over && !wanted.over {
            return Err(Violation("S4: a terminal phase was left".to_owned()));
        }
        let (before, after) = (api.published, wanted.published);
        if !api.over
            && before.restarts > after.restarts
            && matches!(standing, Standing::Instance | Standing::Starting)
        {
            return Err(Violation("S4: a restart was forgotten".to_owned()));
        }
        if let (Some(old), Some(new)) = (before.instance, after.instance)
            && old != new
            && world.alive(pod).any(|machine| machine.id == old && !machine.going)
        {
            return Err(Violation(format!("S1: {new} is published while {old} lives")));
        }
        if let Some(new) = after.instance
            && world.machine(new).is_some_and(|machine| machine.pod != pod)
        {
            return Err(Violation(format!("S5: {new} is another pod's")));
        }
        // A pod that is over shows what it showed; its object goes with its last instance.
        let wanted = if api.over { ApiPod { exists: wanted.exists, ..api } } else { wanted };
        world.pods[pod] = wanted;
        world.processes[p].cache[pod] = wanted;
        Ok(())
    }
}
