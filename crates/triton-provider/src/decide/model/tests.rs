use super::moves::Trouble;
use super::*;

const ALL: [Trouble; 19] = [
    Trouble::Crash,
    Trouble::AnswerLost,
    Trouble::CommitLate,
    Trouble::Refused,
    Trouble::Hidden,
    Trouble::ShortList,
    Trouble::WrongNotFound,
    Trouble::ProvisionFails,
    Trouble::ActionLost,
    Trouble::NoteFails,
    Trouble::WriteFails,
    Trouble::Delete,
    Trouble::Force,
    Trouble::GuestStops,
    Trouble::Sickens,
    Trouble::Vanishes,
    Trouble::Retag,
    Trouble::Restore,
    Trouble::Twin,
];

/// How many more troubles than in a test of every day: `VK_TRITON_MODEL_MORE=1`.
fn more() -> u8 {
    std::env::var("VK_TRITON_MODEL_MORE").ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn plan(pods: usize, troubles: u8, restart_policy: RestartPolicy, kinds: &[Trouble]) -> Plan {
    let kinds = kinds.to_vec();
    let (worlds_max, settle_each) = if more() == 0 { (300_000, 4) } else { (20_000_000, 16) };
    Plan {
        pods,
        troubles,
        kinds,
        restart_policy,
        liveness_action: LivenessAction::Reboot,
        crash_loop_window: None,
        hooks: false,
        worlds_max,
        settle_each,
    }
}

#[track_caller]
fn check(pods: usize, troubles: u8, restart_policy: RestartPolicy, kinds: &[Trouble]) {
    check_plan(&plan(pods, troubles + more(), restart_policy, kinds));
}

/// The same, of a pod with hooks.
#[track_caller]
fn check_hooks(troubles: u8, kinds: &[Trouble]) {
    let plan = plan(1, troubles + more(), RestartPolicy::Always, kinds);
    check_plan(&Plan { hooks: true, ..plan });
}

#[track_caller]
fn check_plan(plan: &Plan) {
    match explore(plan) {
        Ok(explored) => println!(
            "{} pods, hooks: {}, {} troubles of {}, {:?}: {} worlds, {} moves, {} of them settled",
            plan.pods,
            plan.hooks,
            plan.troubles,
            plan.kinds.len(),
            plan.restart_policy,
            explored.worlds,
            explored.moves,
            explored.settled
        ),
        Err(story) => panic!("{story}"),
    }
}

#[test]
fn any_one_trouble() {
    check(1, 1, RestartPolicy::Always, &ALL);
}

/// A hook is lost in no crash, and nothing is made or removed twice for it.
#[test]
fn any_one_trouble_with_hooks() {
    let kinds: Vec<_> = ALL.into_iter().chain([Trouble::HookFails]).collect();
    check_hooks(1, &kinds);
}

#[test]
fn two_troubles_with_a_hook() {
    let kinds = [Trouble::Crash, Trouble::HookFails, Trouble::GuestStops, Trouble::WriteFails];
    check_hooks(2, &kinds);
}

/// Whatever happens to a create, at any time, and to the process.
#[test]
fn two_troubles_with_a_create() {
    let kinds = [
        Trouble::Crash,
        Trouble::AnswerLost,
        Trouble::CommitLate,
        Trouble::Hidden,
        Trouble::ProvisionFails,
    ];
    check(1, 2, RestartPolicy::Always, &kinds);
}

/// Whatever is lost between the process, the cluster and the cloud.
#[test]
fn two_troubles_on_the_way() {
    let kinds = [
        Trouble::Crash,
        Trouble::NoteFails,
        Trouble::WriteFails,
        Trouble::ShortList,
        Trouble::Force,
    ];
    check(1, 2, RestartPolicy::Always, &kinds);
}

/// What others do to a pod and its instance.
#[test]
fn two_troubles_by_others() {
    let kinds = [Trouble::Crash, Trouble::Vanishes];
    check(1, 2, RestartPolicy::Always, &kinds);
}

/// Tags come and go, and what was given up meanwhile is the pod's again.
#[test]
fn two_troubles_with_tags() {
    let kinds = [Trouble::Retag, Trouble::Restore, Trouble::ShortList, Trouble::WrongNotFound];
    check(1, 2, RestartPolicy::Always, &kinds);
}

/// Instances that hang, in pods that want to be replaced then.
#[test]
fn two_troubles_where_the_unhealthy_are_replaced() {
    let kinds = [Trouble::Sickens, Trouble::Crash, Trouble::WriteFails, Trouble::ActionLost];
    let plan = plan(1, 2 + more(), RestartPolicy::Always, &kinds);
    check_plan(&Plan { liveness_action: LivenessAction::Replace, ..plan });
}

/// The same, in pods with hooks.
#[test]
fn two_troubles_where_the_unhealthy_have_hooks_and_are_replaced() {
    let kinds = [Trouble::Sickens, Trouble::Crash, Trouble::HookFails, Trouble::WriteFails];
    let plan = plan(1, 2 + more(), RestartPolicy::Always, &kinds);
    check_plan(&Plan { liveness_action: LivenessAction::Replace, hooks: true, ..plan });
}

/// Guests that stop again and again, in pods that may do so for a while only.
#[test]
fn crash_loops_that_end() {
    let kinds = [Trouble::GuestStops, Trouble::WriteFails];
    let plan = plan(1, 5 + more(), RestartPolicy::Always, &kinds);
    check_plan(&Plan { crash_loop_window: Some(Duration::from_secs(30)), ..plan });
}

/// A long history, chosen move by move.
fn walk(pods: usize, choices: &[u16]) -> Result<(), String> {
    let mut plan = plan(pods, u8::MAX, RestartPolicy::Always, &ALL);
    let wants = choices.first().copied().unwrap_or_default();
    if wants & 1 == 1 {
        plan.liveness_action = LivenessAction::Replace;
    }
    plan.crash_loop_window = (wants & 2 == 2).then_some(Duration::from_secs(30));
    let setting = Setting { telling: true, ..Setting::new(&plan) };
    let home = Instant::now() + Duration::from_secs(3600);
    let mut world = World::new(home, pods, u8::MAX);
    let mut told = Vec::new();
    for choice in choices {
        let mut moves = setting.moves(&world);
        // Most of what happens is no trouble.
        let plain: Vec<_> = (0..moves.len())
            .filter(|n| moves[*n].as_ref().is_ok_and(|(_, next)| next.troubles == world.troubles))
            .collect();
        let at = usize::from(choice / 16);
        let chosen = if choice.is_multiple_of(16) || plain.is_empty() {
            at % moves.len()
        } else {
            plain[at % plain.len()]
        };
        match moves.swap_remove(chosen) {
            Ok((label, next)) => {
                told.push(label);
                world = next;
            }
            Err((label, Violation(what))) => {
                told.push(format!("{label}: {what}"));
                return Err(told.join("\n  "));
            }
        }
        normal::normalise(&mut world, home);
    }
    settle(&setting, &world, home, &mut HashMap::new())
        .map_err(|why| format!("{}\n  {why}", told.join("\n  ")))
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config {
        cases: 64, failure_persistence: None, ..Default::default()
    })]

    #[test]
    fn long_histories_of_one_pod_hold_all_promises(
        choices in proptest::collection::vec(0..u16::MAX, 0..400),
    ) {
        walk(1, &choices).map_err(proptest::test_runner::TestCaseError::fail)?;
    }

    #[test]
    fn long_histories_of_two_pods_hold_all_promises(
        choices in proptest::collection::vec(0..u16::MAX, 0..400),
    ) {
        walk(2, &choices).map_err(proptest::test_runner::TestCaseError::fail)?;
    }
}
