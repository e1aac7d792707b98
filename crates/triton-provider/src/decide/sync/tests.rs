use std::time::Duration;

use super::super::fixtures::{id, instance, list, protected};
use super::*;
use crate::memory::{Misses, Pending};

/// A pod under decision; each test changes what it is about.
struct Case {
    now: Instant,
    sighting: Option<Sighting>,
    memory: Memory,
    published: Option<InstanceId>,
    policy: RestartPolicy,
    protect: bool,
    deadline: Option<Instant>,
    unhealthy: bool,
    limits: Limits,
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

// === impl Case ===

impl Case {
    /// A new pod, an hour after the process began, with an empty list of this moment.
    async fn new() -> Self {
        let now = Instant::now() + seconds(3600);
        Self {
            now,
            sighting: Some(list(now, &[])),
            memory: Memory::default(),
            published: None,
            policy: RestartPolicy::Always,
            protect: false,
            deadline: None,
            unhealthy: false,
            limits: Limits::default(),
        }
    }

    /// The pod's instance 1, seen a second ago in this state, and a list that shows it so.
    async fn known(state: &str) -> Self {
        let mut case = Self::new().await;
        let instance = instance(1, state);
        case.memory.known = Some(Known::seen(Arc::clone(&instance), case.now - seconds(1)));
        case.sighting = Some(list(case.now - seconds(1), &[instance]));
        case
    }

    fn ran(mut self) -> Self {
        self.memory.known.as_mut().unwrap().ran = true;
        self
    }

    fn next(&self) -> Step {
        next(&Facts {
            now: self.now,
            sighting: self.sighting.as_ref(),
            memory: &self.memory,
            published: self.published,
            restart_policy: self.policy,
            protect: self.protect,
            deadline: self.deadline,
            unhealthy: self.unhealthy,
            limits: &self.limits,
        })
    }

    #[track_caller]
    fn check(&self, expected: Step) {
        assert_eq!(self.next(), expected);
    }
}

// Look before create.

#[tokio::test]
async fn nothing_is_created_before_the_cloud_was_seen_whole() {
    let mut case = Case::new().await;
    case.sighting = None;
    case.check(Step::Wait { until: None, because: Because::CloudNotSeen });
}

#[tokio::test]
async fn a_new_pod_gets_one_create() {
    Case::new().await.check(Step::Create);
}

#[tokio::test]
async fn an_instance_that_is_there_is_adopted_not_made_again() {
    let mut case = Case::new().await;
    let found = instance(1, "provisioning");
    case.sighting = Some(list(case.now, &[Arc::clone(&found)]));
    case.check(Step::Adopt(found));
}

#[tokio::test]
async fn a_published_instance_is_read_before_anything_is_made() {
    let mut case = Case::new().await;
    case.published = Some(id(7));
    case.check(Step::Recall(id(7)));
    case.memory.known = Some(Known::recalled(id(7), case.now));
    case.check(Step::Read(id(7)));
}

// One create at a time.

#[tokio::test]
async fn an_unanswered_create_is_looked_for_and_not_repeated_within_its_window() {
    let mut case = Case::new().await;
    let mut intent = Intent::until(case.now + seconds(180));
    case.memory.intent = Some(intent.clone());
    case.check(Step::Resolve);
    intent.look(case.now);
    case.memory.intent = Some(intent.clone());
    case.check(Step::Wait {
        until: Some(case.now + seconds(1)),
        because: Because::CreateUnresolved,
    });
    // Whatever the number of looks, never a create before the window is over and a look was made after it.
    for _ in 0..100 {
        case.now += seconds(1);
        if case.now > intent.over {
            break;
        }
        if case.next() == Step::Resolve {
            intent.look(case.now);
        }
        case.memory.intent = Some(intent.clone());
        assert_ne!(case.next(), Step::Create);
        assert_ne!(case.next(), Step::GiveUpIntent);
    }
}

#[tokio::test]
async fn an_intent_is_given_up_only_after_a_look_that_was_made_when_its_window_was_over() {
    let mut case = Case::new().await;
    let mut intent = Intent::until(case.now);
    intent.look(case.now - seconds(5));
    case.memory.intent = Some(intent.clone());
    case.now += seconds(60);
    case.check(Step::Resolve);
    intent.look(case.now);
    case.memory.intent = Some(intent);
    case.check(Step::GiveUpIntent);
    case.memory.intent = None;
    case.check(Step::Create);
}

#[tokio::test]
async fn a_create_that_came_true_after_all_is_adopted_while_it_is_unresolved() {
    let mut case = Case::new().await;
    case.memory.intent = Some(Intent::until(case.now + seconds(180)));
    let found = instance(1, "provisioning");
    case.sighting = Some(list(case.now, &[Arc::clone(&found)]));
    case.check(Step::Adopt(found));
}

#[tokio::test]
async fn a_refused_create_waits_before_the_next() {
    let mut case = Case::new().await;
    let at = case.now + seconds(10);
    case.memory.retry_at = Some(at);
    case.check(Step::Wait { until: Some(at), because: Because::RetryLater });
    case.now = at;
    case.check(Step::Create);
}

// Twins.

#[tokio::test]
async fn of_twins_the_published_one_stays_else_the_oldest() {
    let mut case = Case::new().await;
    let (one, two) = (instance(1, "running"), instance(2, "running"));
    case.sighting = Some(list(case.now, &[Arc::clone(&two), Arc::clone(&one)]));
    case.check(Step::Adopt(Arc::clone(&one)));
    case.published = Some(id(2));
    case.check(Step::Adopt(two));
}

#[tokio::test]
async fn a_twin_is_removed_once_and_again_only_after_a_while() {
    let mut case = Case::known("running").await;
    let twin = instance(2, "running");
    case.sighting = Some(list(case.now - seconds(1), &[instance(1, "running"), Arc::clone(&twin)]));
    case.check(Step::RemoveTwin(Arc::clone(&twin)));
    case.memory.twins.insert(id(2), case.now);
    case.check(Step::Report(None));
    case.now += case.limits.action_patience;
    case.check(Step::RemoveTwin(twin));
}

#[tokio::test]
async fn what_was_discarded_is_neither_adopted_nor_recalled() {
    let mut case = Case::new().await;
    case.memory.discarded.insert(id(1));
    case.published = Some(id(1));
    case.sighting = Some(list(case.now, &[instance(1, "provisioning")]));
    case.check(Step::Create);
}

#[tokio::test]
async fn a_twin_is_not_removed_while_the_one_that_stays_is_not_there() {
    let twin = instance(2, "running");
    for state in ["failed", "deleted"] {
        let mut case = Case::known(state).await.ran();
        case.sighting = Some(list(case.now, &[instance(1, state), Arc::clone(&twin)]));
        case.check(Step::Adopt(Arc::clone(&twin)));
    }
    let mut case = Case::known("running").await;
    case.sighting = Some(list(case.now, &[Arc::clone(&twin)]));
    case.check(Step::Read(id(1)));
    case.memory.known.as_mut().unwrap().gone = true;
    case.check(Step::Adopt(twin));
}

// Unknown is not absent.

#[tokio::test]
async fn an_instance_missing_from_an_older_list_is_still_there() {
    let mut case = Case::known("provisioning").await;
    case.sighting = Some(list(case.now - seconds(5), &[]));
    case.check(Step::Report(None));
}

#[tokio::test]
async fn an_instance_missing_from_a_newer_list_is_read_twice_with_a_pause() {
    let mut case = Case::known("running").await;
    case.sighting = Some(list(case.now, &[]));
    case.check(Step::Read(id(1)));
    let misses = Misses { count: 1, last: Some(case.now) };
    case.memory.known.as_mut().unwrap().misses = misses;
    let again = case.now + case.limits.absence_confirm;
    case.check(Step::Wait { until: Some(again), because: Because::AbsenceUnconfirmed });
    case.now = again;
    case.check(Step::Read(id(1)));
}

#[tokio::test]
async fn an_instance_that_ran_and_is_gone_is_lost_and_not_made_again() {
    let mut case = Case::known("running").await;
    case.memory.known.as_mut().unwrap().gone = true;
    case.check(Step::Lost);
}

#[tokio::test]
async fn an_instance_that_never_ran_and_is_gone_is_made_again() {
    let mut case = Case::known("provisioning").await;
    case.memory.known.as_mut().unwrap().gone = true;
    case.check(Step::Retry(id(1)));
}

// States.

#[tokio::test]
async fn states_on_the_way_are_only_reported() {
    for state in ["provisioning", "ready", "stopping", "offline", "unknown", "whatever"] {
        Case::known(state).await.ran().check(Step::Report(None));
    }
    Case::known("running").await.check(Step::Report(None));
}

#[tokio::test]
async fn failure_is_provisionings_until_it_ran() {
    Case::known("failed").await.check(Step::Retry(id(1)));
    Case::known("failed").await.ran().check(Step::Lost);
    Case::known("deleted").await.ran().check(Step::Lost);
    Case::known("deleted").await.check(Step::Retry(id(1)));
}

#[tokio::test]
async fn a_newer_list_is_taken_note_of_first() {
    let mut case = Case::known("provisioning").await;
    let running = instance(1, "running");
    case.sighting = Some(list(case.now, &[Arc::clone(&running)]));
    case.check(Step::Adopt(running));
}

// Restarts.

#[tokio::test]
async fn a_guest_that_shut_down_is_started_for_always_and_done_for_the_others() {
    let mut case = Case::known("stopped").await.ran();
    case.check(Step::Start { id: id(1), counts: true });
    for policy in [RestartPolicy::OnFailure, RestartPolicy::Never] {
        case.policy = policy;
        case.memory.known.as_mut().unwrap().stopped_since = Some(case.now - seconds(1));
        case.check(Step::Settle);
        let sure = case.limits.completion_confirm;
        case.memory.known.as_mut().unwrap().stopped_since = Some(case.now - seconds(1) - sure);
        case.check(Step::Completed);
    }
}

#[tokio::test]
async fn somebody_elses_reboot_is_no_completion() {
    let mut case = Case::known("running").await;
    case.policy = RestartPolicy::Never;
    let stopped = instance(1, "stopped");
    let known = case.memory.known.as_mut().unwrap();
    known.see(Arc::clone(&stopped), case.now);
    assert_eq!(known.stopped_since, Some(case.now));
    case.sighting = Some(list(case.now, &[stopped]));
    case.now += seconds(60);
    // However long ago, it was seen stopped once only.
    case.check(Step::Settle);
    let known = case.memory.known.as_mut().unwrap();
    known.see(instance(1, "running"), case.now);
    assert_eq!(known.stopped_since, None);
}

#[tokio::test]
async fn restarts_wait_as_the_kubelets_do() {
    let mut case = Case::known("stopped").await.ran();
    case.memory.restarts.backoff.note(case.now);
    case.check(Step::Report(Some(case.now + seconds(10))));
    case.now += seconds(10);
    case.check(Step::Start { id: id(1), counts: true });
}

#[tokio::test]
async fn a_start_that_came_to_nothing_is_repeated_and_not_counted() {
    let mut case = Case::known("stopped").await.ran();
    case.memory.restarts.pending = Some(Pending { at: case.now, reboot: false, dipped: true });
    let again = case.now + case.limits.action_patience;
    case.check(Step::Report(Some(again)));
    case.now = again;
    case.check(Step::Start { id: id(1), counts: false });
}

#[tokio::test]
async fn an_unhealthy_instance_is_rebooted_or_killed_by_policy() {
    let mut case = Case::known("running").await;
    case.unhealthy = true;
    case.check(Step::Reboot(id(1)));
    case.policy = RestartPolicy::OnFailure;
    case.check(Step::Reboot(id(1)));
    case.policy = RestartPolicy::Never;
    case.check(Step::Kill(id(1)));
    case.memory.restarts.killed = Some(case.now);
    let again = case.now + case.limits.action_patience;
    case.check(Step::Report(Some(again)));
    case.now = again;
    case.check(Step::Kill(id(1)));
}

#[tokio::test]
async fn what_we_killed_is_not_completed() {
    let mut case = Case::known("stopped").await.ran();
    case.policy = RestartPolicy::Never;
    case.memory.restarts.killed = Some(case.now);
    case.check(Step::Killed);
}

#[tokio::test]
async fn a_reboot_waits_for_its_back_off() {
    let mut case = Case::known("running").await;
    case.unhealthy = true;
    case.memory.restarts.backoff.note(case.now);
    case.check(Step::Report(Some(case.now + seconds(10))));
}

#[tokio::test]
async fn a_pod_that_is_active_for_too_long_ends_whatever_else_is_to_do() {
    let mut case = Case::new().await;
    case.deadline = Some(case.now + seconds(1));
    case.check(Step::Create);
    case.now += seconds(1);
    case.check(Step::Expired);
}

#[tokio::test]
async fn protection_is_asked_for_once_it_runs_and_not_twice_in_a_row() {
    let mut case = Case::known("running").await;
    case.protect = true;
    case.check(Step::Protect(id(1)));
    case.memory.protect_asked = Some(case.now);
    case.check(Step::Report(None));
    case.memory.protect_asked = None;
    let instance = protected(1, "running");
    case.memory.known = Some(Known::seen(Arc::clone(&instance), case.now - seconds(1)));
    case.sighting = Some(list(case.now - seconds(1), &[instance]));
    case.check(Step::Report(None));
}
