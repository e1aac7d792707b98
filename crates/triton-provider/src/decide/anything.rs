//! Whatever is seen and answered, in whatever order, however absurd: what must hold of a step all the same.

use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use triton_cloudapi::instances::InstanceState;
use triton_podspec::LivenessAction;

use super::fixtures::{Case, foreign, id, instance, list, protected};
use super::sight::is_ours;
use super::{
    Action, Effect, Event, Found, GivenUp, HookStand, Hooks, Leave, RestartPolicy, Standing, Why,
    Wish,
};
use crate::seen::Seen;

/// Something that happens.
#[derive(Clone, Debug)]
enum Happening {
    Time(u64),
    Listed(Vec<(u8, u8)>),
    Told(u8, u8),
    Published(Option<u8>),
    Unhealthy(bool),
    Hooks(u8, u8, bool),
    Policy(u8),
    Leaves(u64, bool),
    Answer(u8, u8, u8),
}

fn any_instance(n: u8, kind: u8) -> Arc<Seen> {
    let states = ["provisioning", "running", "stopping", "stopped", "failed", "deleted", "odd"];
    let state = states[usize::from(kind) % states.len()];
    match kind / 32 {
        0 => foreign(n.into(), state),
        1 => protected(n.into(), state),
        _ => instance(n.into(), state),
    }
}

fn happening() -> impl Strategy<Value = Happening> {
    let n = 1..4_u8;
    prop_oneof![
        3 => (0..400_u64).prop_map(Happening::Time),
        3 => vec((n.clone(), any::<u8>()), 0..3).prop_map(Happening::Listed),
        1 => (n.clone(), any::<u8>()).prop_map(|(n, kind)| Happening::Told(n, kind)),
        1 => proptest::option::of(n.clone()).prop_map(Happening::Published),
        1 => any::<bool>().prop_map(Happening::Unhealthy),
        2 => (any::<u8>(), any::<u8>(), any::<bool>()).prop_map(|(post, pre, of)| Happening::Hooks(post, pre, of)),
        1 => any::<u8>().prop_map(Happening::Policy),
        1 => (0..40_u64, any::<bool>()).prop_map(|(grace, may)| Happening::Leaves(grace, may)),
        8 => (any::<u8>(), n, any::<u8>()).prop_map(|(what, n, kind)| Happening::Answer(what, n, kind)),
    ]
}

/// What may be answered to an effect; an effect of the last pass may never be answered.
fn answer(case: &Case, effect: &Effect, what: u8, n: u8, kind: u8) -> Event {
    let asked_at = case.now;
    match effect {
        Effect::Prepare if what.is_multiple_of(4) => {
            Event::Refused { longest: Duration::from_secs(300) }
        }
        Effect::Prepare => Event::Prepared,
        Effect::Note => Event::Noted,
        Effect::DropNote => Event::NoteDropped,
        Effect::Post => match what % 4 {
            0 => Event::Ambiguous,
            1 => Event::NotMade,
            2 => Event::Refused { longest: Duration::from_secs(300) },
            _ => Event::Created(instance(n.into(), "provisioning")),
        },
        Effect::Read(id) => {
            let found = match what % 5 {
                0 => Found::NotFound,
                1 => Found::Destroyed,
                2 => Found::Foreign,
                _ => {
                    let n = u8::try_from(id.0.as_u128()).unwrap();
                    Found::Present(any_instance(n, kind))
                }
            };
            Event::Read { id: *id, asked_at, found }
        }
        Effect::List if what.is_multiple_of(2) => Event::Listed { asked_at, found: Vec::new() },
        Effect::List => Event::Listed { asked_at, found: vec![any_instance(n, kind)] },
        Effect::Act(action) => Event::Done(*action),
        Effect::Hook(..) => Event::HookBegun,
        Effect::End(..) => Event::Looked,
    }
}

/// What must hold between a step and the ones before it.
struct Judge {
    posted: Option<tokio::time::Instant>,
    restarts: i32,
}

// === impl Judge ===

impl Judge {
    fn judge(&mut self, case: &Case, event: &Event, effect: &Effect) {
        assert!(case.state.restarts.count >= self.restarts, "a restart was forgotten");
        self.restarts = case.state.restarts.count;
        if matches!(
            event,
            Event::NotMade | Event::Refused { .. } | Event::Created(_) | Event::Listed { .. }
        ) {
            self.posted = None;
        }
        // What is there answers for the create, whoever shows it.
        if case.state.known.as_ref().is_some_and(|known| known.last.is_some()) {
            self.posted = None;
        }
        match effect {
            Effect::Post => {
                let window = case.limits.ambiguity_window;
                assert!(
                    self.posted.is_none_or(|at| case.now > at + window),
                    "a second create within the window of the first"
                );
                assert!(case.state.noted && case.state.intent.is_some());
                assert!(matches!(event, Event::Noted), "a create without a note");
                self.posted = Some(case.now);
            }
            Effect::Act(Action::Delete(target, why)) => {
                let owner = super::fixtures::owner();
                case.with_view(&owner, |view| {
                    let known = case.state.known.as_ref().and_then(|known| known.last.as_ref());
                    let stopping = case.state.stopping.as_ref();
                    let aimed =
                        stopping.and_then(|stopping| stopping.targets.get(target)?.last.as_ref());
                    let listed = view.sighting.iter().flat_map(|sighting| &sighting.instances);
                    let seen = match why {
                        Why::PodLeaves => aimed,
                        Why::Failed => known,
                        Why::Twin => listed.clone().find(|instance| instance.id == *target),
                    };
                    assert!(seen.is_some_and(|seen| is_ours(seen, view)), "not ours: {target}");
                    assert!(*why != Why::Twin || view.published.instance != Some(*target));
                    assert_eq!(*why == Why::PodLeaves, matches!(view.wish, Wish::Leave(_)));
                });
            }
            Effect::End(Standing::GivenUp(why), _) => {
                let Wish::Run(run) = &case.wish else { panic!("a pod that leaves is given up") };
                assert!(match why {
                    GivenUp::Unhealthy => {
                        run.unhealthy && run.liveness_action == LivenessAction::Replace
                    }
                    GivenUp::CrashLoop { .. } => run.crash_loop_window.is_some(),
                });
                let known = case.state.known.as_ref().and_then(|known| known.last.as_ref());
                assert!(known.is_some_and(|last| last.state != InstanceState::Provisioning));
            }
            Effect::End(Standing::Gone, _) => {
                assert!(case.state.intent.is_none() && !case.state.noted);
                let stopping = case.state.stopping.as_ref().unwrap();
                assert!(stopping.targets.values().all(|target| target.gone));
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_events_makes_two_creates_or_deletes_what_is_not_ours(
        happenings in vec(happening(), 0..200),
    ) {
        let mut case = Case::new();
        let mut effect = Effect::End(Standing::Unchanged, None);
        let mut judge = Judge { posted: None, restarts: 0 };
        for happening in happenings {
            case.now += Duration::from_millis(1);
            match happening {
                Happening::Time(seconds) => case.now += Duration::from_secs(seconds),
                Happening::Listed(found) => {
                    let found: Vec<_> =
                        found.into_iter().map(|(n, kind)| any_instance(n, kind)).collect();
                    case.sighting = Some(list(case.now, &found));
                }
                Happening::Told(n, kind) => case.tell(any_instance(n, kind)),
                Happening::Published(n) => case.published.instance = n.map(|n| id(n.into())),
                Happening::Unhealthy(is) => {
                    if let Wish::Run(run) = &mut case.wish {
                        run.unhealthy = is;
                    }
                }
                Happening::Hooks(post, pre, present) => {
                    let stand = |n: u8| match n % 4 {
                        0 => HookStand::Unbegun,
                        1 => HookStand::Runs { since: case.now },
                        2 => HookStand::Ended,
                        _ => HookStand::Failed,
                    };
                    let restarts = if present { case.state.restarts.count } else { 0 };
                    case.hooks = Hooks { restarts, post_start: stand(post), pre_stop: stand(pre) };
                    if let Wish::Run(run) = &mut case.wish {
                        run.post_start = post < 128;
                        run.pre_stop = pre < 128;
                    }
                }
                Happening::Policy(n) => {
                    if let Wish::Run(run) = &mut case.wish {
                        let policies =
                            [RestartPolicy::Always, RestartPolicy::OnFailure, RestartPolicy::Never];
                        run.restart_policy = policies[usize::from(n) % 3];
                        run.liveness_action =
                            if n & 64 == 0 { LivenessAction::Reboot } else { LivenessAction::Replace };
                        run.crash_loop_window = (n & 128 != 0).then_some(Duration::from_secs(60));
                    }
                }
                Happening::Leaves(grace, may_lift_protection) => {
                    let grace_left = Duration::from_secs(grace);
                    case.wish = Wish::Leave(Leave { grace_left, may_lift_protection, pre_stop: true });
                    effect = Effect::End(Standing::Unchanged, None);
                }
                Happening::Answer(what, n, kind) => {
                    let event = answer(&case, &effect, what, n, kind);
                    effect = case.take(event.clone());
                    judge.judge(&case, &event, &effect);
                }
            }
        }
    }
}
