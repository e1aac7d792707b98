//! Every history of small worlds: production's own [`step`](super::step), one or two pods, processes that die and take
//! over, a cloud that stores late, loses answers and shows late, and any so many troubles at any time.
//!
//! A breadth-first search visits each world once. In every one of them nothing may be that must never be (S1 to S8),
//! and from every one of them, when no more trouble comes, all must end well (L1).

mod hooks;
mod moves;
mod normal;
mod process;
mod publish;
mod tests;
mod world;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;
use triton_podspec::LivenessAction;

use self::moves::{Setting, Trouble, Violation};
use self::world::{Cast, Power, World};
use super::{Effect, Hook, HookStand, RestartPolicy};
use crate::limits::Limits;

/// After so many rounds without trouble all must have ended well.
const ROUNDS_MAX: u32 = 24;
/// Steps of one pass.
const STEPS_MAX: u32 = 60;

/// What was seen.
#[derive(Debug, Default)]
struct Explored {
    worlds: usize,
    moves: usize,
    settled: usize,
}

/// What to explore.
struct Plan {
    pods: usize,
    troubles: u8,
    kinds: Vec<Trouble>,
    restart_policy: RestartPolicy,
    liveness_action: LivenessAction,
    crash_loop_window: Option<Duration>,
    hooks: bool,
    /// At most so many worlds; more is a failure of the plan.
    worlds_max: usize,
    /// From one of so many worlds it is checked that all ends well.
    settle_each: u64,
}

/// Explores all of it.
///
/// # Errors
/// The history that leads to what must never be, for a person.
fn explore(plan: &Plan) -> Result<Explored, String> {
    let setting = Setting::new(plan);
    let home = Instant::now() + Duration::from_secs(3600);
    let mut first = World::new(home, plan.pods, plan.troubles);
    let begin = normal::normalise(&mut first, home);
    let mut explored = Explored::default();
    // How each world was reached, for the story of a failure.
    let mut reached: HashMap<u64, (u64, usize)> = HashMap::new();
    let mut settled: HashMap<u64, ()> = HashMap::new();
    reached.insert(begin, (begin, 0));
    let mut queue = VecDeque::from([(begin, first.clone())]);
    let tell = |reached: &_, key, what: &str| {
        story(&Setting { telling: true, ..Setting::new(plan) }, &first, home, reached, key, what)
    };
    while let Some((key, world)) = queue.pop_front() {
        explored.worlds += 1;
        if explored.worlds > plan.worlds_max {
            return Err(tell(&reached, key, &format!("more than {} worlds", plan.worlds_max)));
        }
        if key.is_multiple_of(plan.settle_each) {
            explored.settled += 1;
            settle(&setting, &world, home, &mut settled)
                .map_err(|why| tell(&reached, key, &why))?;
        }
        for (n, moved) in setting.moves(&world).into_iter().enumerate() {
            explored.moves += 1;
            let (_, mut next) = match moved {
                Ok(moved) => moved,
                Err((_, Violation(what))) => return Err(tell(&reached, key, &what)),
            };
            let next_key = normal::normalise(&mut next, home);
            if let std::collections::hash_map::Entry::Vacant(entry) = reached.entry(next_key) {
                entry.insert((key, n));
                queue.push_back((next_key, next));
            }
        }
    }
    Ok(explored)
}

/// How the world `key` was reached, move by move, and what is wrong with it.
fn story(
    telling: &Setting,
    first: &World,
    home: Instant,
    reached: &HashMap<u64, (u64, usize)>,
    mut key: u64,
    what: &str,
) -> String {
    let mut path = Vec::new();
    while let Some((from, n)) = reached.get(&key).filter(|(from, _)| *from != key) {
        path.push(*n);
        key = *from;
    }
    let mut world = first.clone();
    let mut lines = vec!["in the beginning".to_owned()];
    for n in path.into_iter().rev() {
        match telling.moves(&world).swap_remove(n) {
            Ok((label, next)) => {
                lines.push(label);
                world = next;
                normal::normalise(&mut world, home);
            }
            Err((label, Violation(what))) => lines.push(format!("{label}: {what}")),
        }
    }
    lines.push(what.to_owned());
    for moved in telling.moves(&world) {
        if let Err((label, Violation(what))) = moved {
            lines.push(format!("next, {label}: {what}"));
        }
    }
    lines.join("\n  ")
}

// === impl Setting ===

impl Setting {
    fn new(plan: &Plan) -> Self {
        Self {
            cast: Cast::new(),
            limits: Limits::default(),
            restart_policy: plan.restart_policy,
            liveness_action: plan.liveness_action,
            crash_loop_window: plan.crash_loop_window,
            hooks: plan.hooks,
            telling: false,
            troubles: plan.kinds.clone(),
        }
    }
}

/// L1: with no more trouble, all ends well, and stays so.
fn settle(
    setting: &Setting,
    world: &World,
    home: Instant,
    settled: &mut HashMap<u64, ()>,
) -> Result<(), String> {
    let mut world = world.clone();
    world.troubles = 0;
    let mut path = Vec::new();
    for _ in 0..ROUNDS_MAX {
        let key = normal::normalise(&mut world, home);
        if settled.contains_key(&key) {
            settled.extend(path.into_iter().map(|key| (key, ())));
            return Ok(());
        }
        path.push(key);
        let was_well = unwell(setting, &world).is_none();
        round(setting, &mut world).map_err(|Violation(what)| format!("without trouble: {what}"))?;
        if was_well && unwell(setting, &world).is_none() {
            settled.extend(path.into_iter().map(|key| (key, ())));
            return Ok(());
        }
    }
    Err(format!("L1: {}", unwell(setting, &world).unwrap_or_default()))
}

/// A round in which everything happens that should: what was sent arrives, lists are complete, every pod has its pass.
fn round(setting: &Setting, world: &mut World) -> Result<(), Violation> {
    for flying in std::mem::take(&mut world.flying) {
        world.store(flying.pod, flying.sent, false);
    }
    let going = |machine: &&world::Machine| machine.going;
    for id in world.machines.iter().filter(going).map(|machine| machine.id).collect::<Vec<_>>() {
        world.destroy(id);
    }
    for machine in &mut world.machines {
        machine.hidden = false;
        if machine.state == Power::Provisioning {
            machine.state = Power::Running;
        }
    }
    world.processes.retain(|process| process.leads);
    if world.processes.is_empty() {
        *world = setting.take_over(world.clone());
    }
    finish(setting, world)?;
    world.processes[0].cache.clone_from(&world.pods);
    world.list(0, None);
    for pod in 0..world.pods.len() {
        if let Some(begun) = setting.begin(world, 0, pod) {
            *world = begun?;
            finish(setting, world)?;
        }
        for hook in [Hook::PostStart, Hook::PreStop] {
            setting.end_hook(world, 0, pod, hook, HookStand::Ended);
        }
    }
    if let Some(later) = setting.tick(world) {
        *world = later;
    }
    Ok(())
}

/// Lets a pass come to its end, with every effect carried out as asked.
fn finish(setting: &Setting, world: &mut World) -> Result<(), Violation> {
    for _ in 0..STEPS_MAX {
        let Some(task) = world.processes[0].task.clone() else { return Ok(()) };
        let mut moves = Vec::new();
        setting.performances(world, 0, &task, &mut moves);
        // Without trouble the last of what may come is what was asked for.
        match moves.pop() {
            Some(Ok((_, next))) => *world = next,
            Some(Err((label, Violation(what)))) => {
                return Err(Violation(format!("{label}: {what}")));
            }
            None => return Err(Violation(format!("nothing can come of {:?}", task.effect))),
        }
    }
    Err(Violation("a pass without an end".to_owned()))
}

/// What is not as it should be when all has come to rest.
fn unwell(setting: &Setting, world: &World) -> Option<String> {
    if world.notes.contains(&true) {
        return Some("a note is left".to_owned());
    }
    if !world.flying.is_empty()
        || world.machines.iter().any(|machine| machine.going || machine.hidden)
    {
        return Some("the cloud is at work".to_owned());
    }
    if let Some(process) = world.processes.iter().find(|process| process.task.is_some()) {
        let effect: Option<&Effect> = process.task.as_ref().map(|task| &task.effect);
        return Some(format!("a pass is not at its end: {effect:?}"));
    }
    for (n, pod) in world.pods.iter().enumerate() {
        let alive: Vec<_> = world.alive(n).collect();
        let wanted = pod.exists && !pod.deleting && !pod.over;
        let well = match alive.as_slice() {
            [one] => {
                wanted
                    && one.state == Power::Running
                    && !one.sick
                    && pod.published.instance == Some(one.id)
                    && pod.published.ran
                    && pod.published.started == setting.hooks
            }
            // An object on its way out goes with the last of its instances.
            [] => !pod.exists || (pod.over && !pod.deleting),
            _ => false,
        };
        if !well {
            return Some(format!("{pod:?} has {alive:?}"));
        }
    }
    None
}
