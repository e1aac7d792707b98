use super::super::fixtures::{id, instance, list, protected};
use super::*;
use crate::memory::Misses;

struct Case {
    now: Instant,
    sighting: Option<Sighting>,
    stopping: Stopping,
    intent: Option<Intent>,
    grace_left: Duration,
    may_lift: bool,
    limits: Limits,
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

// === impl Case ===

impl Case {
    /// Stopping began ten seconds ago, a list of this moment shows nothing, nothing is known.
    async fn new() -> Self {
        let now = Instant::now() + seconds(3600);
        Self {
            now,
            sighting: Some(list(now, &[])),
            stopping: Stopping { since: now - seconds(10), targets: BTreeMap::new() },
            intent: None,
            grace_left: seconds(20),
            may_lift: false,
            limits: Limits::default(),
        }
    }

    /// Instance 1 is a target, listed a second ago in this state.
    async fn target(instance: Arc<Seen>) -> Self {
        let mut case = Self::new().await;
        let seen_at = Some(case.now - seconds(1));
        let target = Target { last: Some(Arc::clone(&instance)), seen_at, ..Target::default() };
        case.stopping.targets.insert(instance.id, target);
        case.sighting = Some(list(case.now - seconds(1), &[instance]));
        case
    }

    fn change(mut self, change: impl FnOnce(&mut Target)) -> Self {
        change(self.stopping.targets.get_mut(&id(1)).unwrap());
        self
    }

    #[track_caller]
    fn check(&self, expected: Step) {
        let step = next(&Facts {
            now: self.now,
            sighting: self.sighting.as_ref(),
            stopping: &self.stopping,
            intent: self.intent.as_ref(),
            grace_left: self.grace_left,
            may_lift_protection: self.may_lift,
            limits: &self.limits,
        });
        assert_eq!(step, expected);
    }
}

#[tokio::test]
async fn nothing_known_and_a_list_since_then_that_shows_nothing_is_gone() {
    Case::new().await.check(Step::Gone);
}

#[tokio::test]
async fn without_a_list_since_stopping_began_nothing_is_gone() {
    let mut case = Case::new().await;
    let later = case.now + case.limits.list_busy;
    case.sighting = Some(list(case.stopping.since, &[]));
    case.check(Step::Wait(later));
    case.sighting = None;
    case.check(Step::Wait(later));
}

#[tokio::test]
async fn what_a_list_shows_becomes_a_target() {
    let mut case = Case::new().await;
    let found = instance(1, "running");
    case.sighting = Some(list(case.now, &[Arc::clone(&found)]));
    case.check(Step::Note(found));
}

#[tokio::test]
async fn a_running_instance_is_shut_down_first_and_deleted_when_stopped_or_out_of_grace() {
    let case = Case::target(instance(1, "running")).await;
    case.check(Step::Shutdown(id(1)));
    let mut case = case.change(|target| target.stop_sent = target.seen_at);
    case.check(Step::Wait(case.now + case.grace_left));
    case.grace_left = Duration::ZERO;
    case.check(Step::Delete(id(1)));
    let case = Case::target(instance(1, "stopped"))
        .await
        .change(|target| target.stop_sent = target.seen_at);
    case.check(Step::Delete(id(1)));
}

#[tokio::test]
async fn without_grace_it_is_deleted_at_once() {
    let mut case = Case::target(instance(1, "running")).await;
    case.grace_left = Duration::ZERO;
    case.check(Step::Delete(id(1)));
}

#[tokio::test]
async fn what_never_ran_needs_no_shutdown() {
    for state in ["provisioning", "stopped", "failed", "offline"] {
        Case::target(instance(1, state)).await.check(Step::Delete(id(1)));
    }
}

#[tokio::test]
async fn a_delete_that_was_accepted_is_repeated_only_after_a_while() {
    let mut case = Case::target(instance(1, "running")).await;
    let sent = case.now;
    case = case.change(|target| target.delete_sent = Some(sent));
    let again = sent + case.limits.action_patience;
    case.check(Step::Wait(again));
    case.now = again;
    case.check(Step::Delete(id(1)));
}

#[tokio::test]
async fn absence_from_the_list_is_not_enough() {
    let mut case = Case::target(instance(1, "running"))
        .await
        .change(|target| target.delete_sent = target.seen_at);
    case.sighting = Some(list(case.now, &[]));
    case.check(Step::Read(id(1)));
    let at = case.now;
    case = case.change(|target| target.misses = Misses { count: 1, last: Some(at) });
    case.check(Step::Wait(at + case.limits.absence_confirm));
    case = case.change(|target| target.gone = true);
    case.check(Step::Gone);
}

#[tokio::test]
async fn an_instance_known_by_its_id_only_is_read() {
    let mut case = Case::new().await;
    case.stopping.targets.insert(id(1), Target::default());
    case.check(Step::Read(id(1)));
}

#[tokio::test]
async fn protection_is_lifted_only_for_a_pod_that_asked_for_it() {
    let mut case = Case::target(protected(1, "running")).await;
    case.check(Step::Blocked(id(1)));
    case.may_lift = true;
    case.check(Step::LiftProtection(id(1)));
}

#[tokio::test]
async fn twins_go_one_after_the_other_and_both_must_be_gone() {
    let mut case = Case::target(instance(1, "stopped")).await;
    let two = instance(2, "stopped");
    case.sighting = Some(list(case.now - seconds(1), &[instance(1, "stopped"), Arc::clone(&two)]));
    case.check(Step::Note(Arc::clone(&two)));
    let seen_at = Some(case.now - seconds(1));
    case.stopping.targets.insert(id(2), Target { last: Some(two), seen_at, ..Target::default() });
    let sent = case.now;
    case = case.change(|target| target.delete_sent = Some(sent));
    case.check(Step::Delete(id(2)));
    case = case.change(|target| target.gone = true);
    case.check(Step::Delete(id(2)));
}

#[tokio::test]
async fn an_unanswered_create_is_resolved_before_anything_is_gone() {
    let mut case = Case::new().await;
    let mut intent = Intent::until(case.now + seconds(100));
    case.intent = Some(intent.clone());
    case.check(Step::Resolve);
    intent.look(case.now);
    case.intent = Some(intent);
    case.check(Step::Wait(case.now + seconds(1)));
    case.now += seconds(200);
    case.check(Step::Resolve);
    let mut late = Intent::until(case.now - seconds(1));
    late.look(case.now);
    case.intent = Some(late);
    case.check(Step::GiveUpIntent);
}
