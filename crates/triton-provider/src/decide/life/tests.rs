use triton_podspec::ownership::Owner;

use super::super::fixtures::{Case, foreign, id, instance, list, owned, owner, protected, seconds};
use super::super::sight::SIGHT_GOOD;
use super::super::state::Misses;
use super::super::words::{Found, RestartPolicy};
use super::*;

const NOTHING: Option<Instant> = None;

fn act(action: Action) -> Effect {
    Effect::Act(action)
}

fn waiting(because: Because, until: Instant) -> Effect {
    Effect::End(Standing::Waiting(because), Some(until))
}

// Step 1, look.

#[test]
fn nothing_is_created_before_the_cloud_was_seen_whole() {
    let mut case = Case::new();
    case.sighting = None;
    case.check_end(Standing::Unchanged, NOTHING);
    assert_eq!(case.take(Event::Prepared), Effect::End(Standing::Unchanged, NOTHING));
}

#[test]
fn an_instance_that_is_there_is_adopted_not_made_again() {
    let mut case = Case::new();
    case.sighting = Some(list(case.now, &[instance(1, "provisioning")]));
    case.check_known(Some(1));
    case.check_end(Standing::Instance, NOTHING);
}

#[test]
fn what_does_not_carry_our_tags_is_not_adopted() {
    let mut case = Case::new();
    case.sighting = Some(list(case.now, &[foreign(1, "running")]));
    case.check_known(None);
    case.check(Effect::Prepare);
}

#[test]
fn another_cluster_another_node_and_another_pod_are_somebody_else() {
    let another = || "another".to_owned();
    for somebody in [
        Owner { cluster: another(), ..owner() },
        Owner { node: another(), ..owner() },
        Owner { uid: another(), ..owner() },
    ] {
        let mut case = Case::new();
        case.sighting = Some(list(case.now, &[owned(&instance(1, "running"), somebody)]));
        case.check_known(None);
    }
}

#[test]
fn a_published_instance_is_read_before_anything_is_made() {
    let mut case = Case::new();
    case.published.instance = Some(id(7));
    case.check(Effect::Read(id(7)));
}

#[test]
fn a_published_instance_that_a_list_does_not_show_is_read_before_another_is_the_pods() {
    let mut case = Case::new();
    case.published.instance = Some(id(7));
    case.sighting = Some(list(case.now - seconds(1), &[instance(1, "running")]));
    assert_eq!(case.step(), Effect::Read(id(7)));
    let read = |found| Event::Read { id: id(7), asked_at: case.now, found };
    let there = |event| {
        let mut case = case.clone();
        let _ = case.take(event);
        case.state.known.map(|known| known.id)
    };
    assert_eq!(there(read(Found::Present(instance(7, "running")))), Some(id(7)));
    assert_eq!(
        there(read(Found::Destroyed)),
        Some(id(1)),
        "then the one that lives takes its place"
    );
}

#[test]
fn an_instance_that_appears_while_its_create_is_made_ready_is_adopted() {
    for event in [Event::Prepared, Event::Noted] {
        let mut case = Case::new();
        case.sighting = Some(list(case.now, &[instance(1, "running")]));
        assert!(matches!(case.take(event), Effect::End(Standing::Instance, _)));
        assert_eq!(case.state.intent, None);
    }
}

#[test]
fn a_newer_list_is_taken_note_of_first() {
    let mut case = Case::known("provisioning");
    case.sighting = Some(list(case.now, &[instance(1, "running")]));
    let _ = case.step();
    assert!(case.state.known.unwrap().ran);
}

// Steps 2 and 3, note and post.

#[test]
fn a_new_pod_gets_one_create_and_a_note_before_it() {
    let mut case = Case::new();
    assert_eq!(case.step(), Effect::Prepare);
    assert_eq!(case.take(Event::Prepared), Effect::Note);
    assert!(case.state.noted, "the write may have been made whatever is answered");
    assert_eq!(case.state.intent, None);
    assert_eq!(case.take(Event::Noted), Effect::Post);
    let intent = case.state.intent.clone().unwrap();
    assert!(intent.over >= case.now + case.limits.ambiguity_window);
    assert_eq!(case.step(), Effect::List, "a pass that was dropped leaves an intent");
}

#[test]
fn a_note_stays_until_the_instance_is_published() {
    let mut case = Case::new();
    case.state.noted = true;
    case.state.intent = Some(Intent::until(case.now + seconds(180)));
    let soon = Some(case.now + PUBLISHED_SOON);
    let created = case.take(Event::Created(instance(1, "provisioning")));
    assert_eq!(created, Effect::End(Standing::Instance, soon));
    assert_eq!((case.state.intent.clone(), case.state.noted), (None, true));
    case.published.instance = Some(id(1));
    assert_eq!(case.step(), Effect::DropNote);
    assert_eq!(case.take(Event::NoteDropped), Effect::End(Standing::Instance, NOTHING));
    assert!(!case.state.noted);
}

#[test]
fn a_refused_create_waits_before_the_next_and_longer_each_time() {
    let mut case = Case::new();
    for wait in [10, 20, 40, 80, 160, 300, 300] {
        case.state.intent = Some(Intent::until(case.now + seconds(180)));
        let at = case.now + seconds(wait);
        let effect = case.take(Event::Refused { longest: seconds(300) });
        assert_eq!(effect, waiting(Because::RetryLater, at));
        case.now = at;
        case.check(Effect::Prepare);
    }
}

#[test]
fn a_create_that_made_nothing_may_be_made_again() {
    let mut case = Case::new();
    case.state.intent = Some(Intent::until(case.now + seconds(180)));
    assert_eq!(case.take(Event::NotMade), Effect::Prepare);
}

// Step 4, resolve.

#[test]
fn an_unanswered_create_is_looked_for_and_not_repeated_within_its_window() {
    let mut case = Case::new();
    let sent = case.now;
    assert_eq!(case.take(Event::Ambiguous), Effect::List);
    let mut looks = Vec::new();
    loop {
        let asked_at = case.now;
        match case.take(Event::Listed { asked_at, found: Vec::new() }) {
            Effect::End(Standing::Waiting(Because::CreateUnresolved), Some(at)) => {
                looks.push(at.duration_since(case.now).as_secs());
                case.now = at;
                case.check(Effect::List);
            }
            Effect::Prepare => break,
            other => panic!("{other:?}"),
        }
        case.sighting = Some(list(case.now, &[]));
    }
    assert_eq!(looks[..6], [1, 2, 4, 8, 10, 10]);
    assert!(case.now > sent + case.limits.ambiguity_window);
}

#[test]
fn the_last_look_comes_after_the_window() {
    let mut case = Case::new();
    case.state.intent = Some(Intent::until(case.now - seconds(1)));
    case.check(Effect::List);
}

#[test]
fn a_look_that_was_asked_for_within_the_window_is_not_the_last_however_late_its_answer_is() {
    let mut case = Case::new();
    case.state.intent = Some(Intent::until(case.now + seconds(1)));
    let asked_at = case.now;
    case.now += seconds(5);
    assert_eq!(case.take(Event::Listed { asked_at, found: Vec::new() }), Effect::List);
}

#[test]
fn what_is_not_ours_and_what_was_given_up_does_not_answer_for_a_create() {
    let mut case = Case::new();
    case.state.intent = Some(Intent::until(case.now + seconds(180)));
    case.state.discarded.insert(id(2), case.now);
    for other in [foreign(1, "running"), instance(2, "running")] {
        let _ = case.take(Event::Listed { asked_at: case.now, found: vec![other] });
        assert!(case.state.intent.is_some() && case.state.known.is_none());
    }
}

#[test]
fn a_create_that_came_true_after_all_is_adopted_while_it_is_unresolved() {
    let mut case = Case::new();
    case.state.intent = Some(Intent::until(case.now + seconds(180)));
    let mut listed = case.clone();
    listed.sighting = Some(list(case.now, &[instance(1, "provisioning")]));
    listed.check_known(Some(1));
    let found = vec![foreign(2, "running"), instance(1, "provisioning")];
    let _ = case.take(Event::Listed { asked_at: case.now, found });
    assert_eq!(case.state.known.map(|known| known.id), Some(id(1)));
    assert_eq!(case.state.intent, None);
}

#[test]
fn a_failed_instance_does_not_answer_for_a_create_that_is_unresolved() {
    let mut case = Case::new();
    case.published.instance = Some(id(1));
    case.state.intent = Some(Intent::until(case.now + seconds(180)));
    assert_eq!(case.step(), Effect::Read(id(1)));
    let found = Found::Present(instance(1, "failed"));
    let failed = case.take(Event::Read { id: id(1), asked_at: case.now, found });
    assert_eq!(failed, act(Action::Delete(id(1), Why::Failed)));
    case.now += seconds(20);
    assert!(case.state.intent.is_some());
    let next = case.take(Event::Done(Action::Delete(id(1), Why::Failed)));
    assert_eq!(next, Effect::List);
}

// Step 5, twins.

#[test]
fn of_twins_the_published_one_stays_else_the_oldest() {
    let mut case = Case::new();
    case.sighting = Some(list(case.now, &[instance(2, "running"), instance(1, "running")]));
    case.check_known(Some(1));
    case.published.instance = Some(id(2));
    case.check_known(Some(2));
}

#[test]
fn of_twins_of_one_moment_the_lower_uuid_stays_and_what_has_no_birthday_goes() {
    let born = |n, second: Option<i64>| {
        let mut seen = Arc::unwrap_or_clone(instance(n, "running"));
        seen.created = second.map(|second| jiff::Timestamp::from_second(second).unwrap());
        Arc::new(seen)
    };
    let mut case = Case::new();
    case.sighting = Some(list(case.now, &[born(3, Some(9)), born(2, Some(9)), born(1, None)]));
    case.check_known(Some(2));
}

#[test]
fn what_has_failed_never_stays_in_the_place_of_what_lives() {
    let mut case = Case::new();
    case.sighting = Some(list(case.now, &[instance(1, "failed"), instance(2, "running")]));
    case.check_known(Some(2));
    case.published.instance = Some(id(1));
    case.check_known(Some(2));
}

#[test]
fn an_older_list_puts_nothing_in_the_place_of_the_instance() {
    let mut case = Case::known("running");
    case.state.known.as_mut().unwrap().misses.count = 1;
    case.sighting = Some(list(case.now - seconds(5), &[instance(2, "running")]));
    case.check_known(Some(1));
    case.published.instance = Some(id(2));
    case.check_known(Some(1));
}

#[test]
fn who_finds_another_one_published_gives_way() {
    let mut case = Case::known("running");
    case.published.instance = Some(id(2));
    case.sighting = Some(list(case.now, &[instance(1, "running"), instance(2, "running")]));
    case.check_known(Some(2));
}

#[test]
fn a_twin_is_read_and_removed_and_again_only_after_a_while() {
    let mut case = Case::known("running");
    case.sighting = Some(list(case.now, &[instance(1, "running"), instance(2, "running")]));
    assert_eq!(case.step(), Effect::Read(id(2)));
    let read = |case: &Case, instance| Event::Read {
        id: id(2),
        asked_at: case.now,
        found: Found::Present(instance),
    };
    let mut other = case.clone();
    let soon = Some(case.now + case.limits.list_busy);
    let not_ours = other.take(read(&case, foreign(2, "running")));
    assert_eq!(not_ours, Effect::End(Standing::Instance, soon), "it was given to somebody else");
    let mut other = case.clone();
    let over = other.take(read(&case, instance(2, "failed")));
    assert_eq!(over, Effect::End(Standing::Instance, soon));
    let both = case.take(read(&case, instance(2, "running")));
    assert_eq!(both, Effect::Read(id(1)), "the one that stays is read last");
    let asked_at = case.now + seconds(1);
    let mut other = case.clone();
    let _ = other.take(Event::Read { id: id(1), asked_at, found: Found::Destroyed });
    assert_eq!(other.state.known.map(|known| known.id), Some(id(2)), "the other is all there is");
    let found = Found::Present(instance(1, "running"));
    let removed = case.take(Event::Read { id: id(1), asked_at, found });
    assert_eq!(removed, act(Action::Delete(id(2), Why::Twin)));
    assert_eq!(case.step(), Effect::End(Standing::Instance, soon));
    case.now += case.limits.action_patience;
    case.sighting = Some(list(case.now, &[instance(1, "running"), instance(2, "running")]));
    case.check(Effect::Read(id(2)));
}

#[test]
fn no_twin_goes_before_the_one_that_stays_is_published() {
    let mut case = Case::known("running");
    case.sighting = Some(list(case.now, &[instance(1, "running"), instance(2, "running")]));
    case.published.instance = None;
    case.check_end(Standing::Instance, Some(case.now + case.limits.list_busy));
}

#[test]
fn what_does_not_carry_our_tags_is_not_even_read_as_a_twin() {
    let mut case = Case::known("running");
    case.sighting = Some(list(case.now, &[instance(1, "running"), foreign(2, "running")]));
    case.check_end(Standing::Instance, NOTHING);
}

#[test]
fn a_twin_is_not_removed_while_the_one_that_stays_is_not_there() {
    let twin = instance(2, "running");
    for state in ["failed", "deleted"] {
        let mut case = Case::known(state).ran();
        case.sighting = Some(list(case.now, &[instance(1, state), Arc::clone(&twin)]));
        case.check_known(Some(2));
    }
    let mut case = Case::known("running");
    case.sighting = Some(list(case.now, &[Arc::clone(&twin)]));
    case.check(Effect::Read(id(1)));
    case.state.known.as_mut().unwrap().gone = true;
    case.check_known(Some(2));
}

#[test]
fn a_twin_is_not_removed_while_a_read_that_is_newer_than_the_list_speaks_against_the_other() {
    let both = |case: &Case| {
        Some(list(case.now - seconds(5), &[instance(1, "running"), instance(2, "running")]))
    };
    let mut case = Case::known("failed").ran();
    case.sighting = both(&case);
    case.check_end(Standing::Lost, NOTHING);
    let mut case = Case::known("running");
    case.sighting = both(&case);
    case.state.known.as_mut().unwrap().misses = Misses { count: 1, last: Some(case.now) };
    case.check_end(Standing::Unchanged, Some(case.now + case.limits.absence_confirm));
}

#[test]
fn what_was_discarded_is_neither_adopted_nor_recalled() {
    let mut case = Case::new();
    case.state.discarded.insert(id(1), case.now);
    case.published.instance = Some(id(1));
    case.sighting = Some(list(case.now, &[instance(1, "provisioning")]));
    case.check(Effect::Prepare);
}

#[test]
fn what_was_given_up_without_its_tags_is_the_pods_again_with_them() {
    let mut case = Case::known("provisioning");
    case.published.instance = None;
    let found = Found::Present(foreign(1, "provisioning"));
    let taken = Event::Read { id: id(1), asked_at: case.now, found };
    let at = case.now + case.limits.retry_first;
    assert_eq!(case.take(taken), waiting(Because::NeverRan(id(1)), at));
    case.now = at + seconds(1);
    case.check(Effect::Prepare);
    case.sighting = Some(list(case.now, &[instance(1, "running")]));
    case.check_known(Some(1));
    // A list may lag by the life of the one that was given up, and says nothing of a create that was sent since.
    let mut unresolved = case.clone();
    unresolved.state.intent = Some(Intent::until(case.now + seconds(100)));
    unresolved.check(Effect::List);
    let found = vec![instance(1, "running")];
    let _ = unresolved.take(Event::Listed { asked_at: case.now, found });
    assert!(unresolved.state.known.is_none() && unresolved.state.intent.is_some());
    case.sighting = Some(list(case.now, &[instance(1, "failed")]));
    case.check_known(None);
}

#[test]
fn a_protected_instance_has_run_and_is_not_replaced_when_it_failed() {
    let mut case = Case::new();
    case.published.instance = Some(id(1));
    case.sighting = Some(list(case.now, &[protected(1, "failed")]));
    assert_eq!(case.step(), Effect::Read(id(1)));
    let found = Found::Present(protected(1, "failed"));
    let read = Event::Read { id: id(1), asked_at: case.now, found };
    assert_eq!(case.take(read), Effect::End(Standing::Lost, NOTHING));
}

#[test]
fn what_is_the_pods_again_is_seen_as_any_other() {
    let mut case = Case::new();
    case.state.discarded.insert(id(1), case.now);
    case.now += seconds(1);
    case.sighting = Some(list(case.now, &[instance(1, "running")]));
    let _ = case.step();
    assert_eq!(case.state.known.as_ref().map(|known| known.id), Some(id(1)));
    case.now += seconds(1);
    case.sighting = Some(list(case.now, &[instance(1, "failed")]));
    case.check_end(Standing::Lost, None);
}

/// A delete that is answered by an error is decided again by the next pass, and by then much may have changed.
#[test]
fn nothing_is_deleted_on_an_old_sight() {
    let mut leaving = Case::target(instance(1, "stopped"));
    leaving.check(act(Action::Delete(id(1), Why::PodLeaves)));
    leaving.now += SIGHT_GOOD;
    leaving.check(Effect::Read(id(1)));
    let mut failed = Case::known("failed");
    failed.check(act(Action::Delete(id(1), Why::Failed)));
    failed.now += SIGHT_GOOD;
    failed.check(Effect::Read(id(1)));

    let mut twins = Case::known("running");
    let both = [instance(1, "running"), instance(2, "running")];
    twins.sighting = Some(list(twins.now, &both));
    twins.now += seconds(1);
    let read = |case: &mut Case, n: u128| {
        let found = Found::Present(Arc::clone(&both[n as usize - 1]));
        case.take(Event::Read { id: id(n), asked_at: case.now, found })
    };
    twins.check(Effect::Read(id(2)));
    assert_eq!(read(&mut twins, 2), Effect::Read(id(1)));
    twins.now += SIGHT_GOOD;
    twins.check(Effect::Read(id(2)));
    assert_eq!(read(&mut twins, 2), Effect::Read(id(1)));
    assert_eq!(read(&mut twins, 1), act(Action::Delete(id(2), Why::Twin)));

    let mut stays = Case::known("running");
    stays.sighting = Some(list(stays.now, &both));
    stays.now += seconds(1);
    assert_eq!(read(&mut stays, 1), Effect::Read(id(2)));
    stays.now += SIGHT_GOOD;
    assert_eq!(read(&mut stays, 2), Effect::Read(id(1)), "the one that stays was read long ago");
    assert_eq!(read(&mut stays, 1), act(Action::Delete(id(2), Why::Twin)));
}

// Unknown is not absent.

#[test]
fn an_instance_missing_from_an_older_list_is_still_there() {
    let mut case = Case::known("provisioning");
    case.sighting = Some(list(case.now - seconds(5), &[]));
    case.check_end(Standing::Instance, Some(case.now + case.limits.list_idle));
}

#[test]
fn an_instance_that_was_not_found_once_is_left_alone_until_it_is_read_again() {
    let mut case = Case::known("stopped").ran();
    let second = case.now + case.limits.absence_confirm;
    case.state.known.as_mut().unwrap().misses = Misses { count: 1, last: Some(case.now) };
    case.check_end(Standing::Unchanged, Some(second));
    case.now = second;
    case.check(Effect::Read(id(1)));
}

#[test]
fn an_instance_that_a_list_shows_without_our_tags_is_asked_for() {
    let mut case = Case::known("running");
    case.sighting = Some(list(case.now, &[foreign(1, "running")]));
    case.check(Effect::Read(id(1)));
}

#[test]
fn an_instance_missing_from_a_newer_list_is_read_twice_with_a_pause() {
    let mut case = Case::known("running");
    case.state.known.as_mut().unwrap().since = case.now - case.limits.ambiguity_window;
    case.sighting = Some(list(case.now, &[]));
    assert_eq!(case.step(), Effect::Read(id(1)));
    let not_found =
        |case: &Case| Event::Read { id: id(1), asked_at: case.now, found: Found::NotFound };
    let again = case.now + case.limits.absence_confirm;
    let once = case.take(not_found(&case));
    assert_eq!(once, Effect::End(Standing::Unchanged, Some(again)));
    case.now = again;
    case.check(Effect::Read(id(1)));
    assert_eq!(case.take(not_found(&case)), Effect::End(Standing::Lost, NOTHING));
}

/// A part of CloudAPI that lags says 404 of what another has made. What is destroyed answers 410.
#[test]
fn an_instance_that_is_there_and_in_no_list_is_asked_for_again_by_itself() {
    // Lists that go on hiding it, or hide that it is gone by then, all look the same.
    let mut case = Case::known("running").ran();
    case.sighting = Some(list(case.now, &[]));
    assert_eq!(case.step(), Effect::Read(id(1)));
    case.now += seconds(1);
    let found = Found::Present(instance(1, "running"));
    let effect = case.take(Event::Read { id: id(1), asked_at: case.now, found });
    let again = case.now + case.limits.list_idle;
    assert_eq!(effect, Effect::End(Standing::Instance, Some(again)));
    case.now = again;
    case.sighting = Some(list(case.now, &[]));
    case.check(Effect::Read(id(1)));
    case.sighting = Some(list(case.now, &[instance(1, "running")]));
    case.check_end(Standing::Instance, NOTHING);
}

#[test]
fn an_instance_that_is_young_is_not_gone_however_often_it_is_not_found() {
    let mut case = Case::known("running");
    let born = case.now;
    while case.now < born + case.limits.ambiguity_window {
        case.sighting = Some(list(case.now, &[]));
        let not_found = Event::Read { id: id(1), asked_at: case.now, found: Found::NotFound };
        let Effect::End(Standing::Unchanged, Some(again)) = case.take(not_found) else {
            panic!("believed after {:?}", case.now - born)
        };
        assert!(again > case.now && again <= case.now + seconds(32));
        case.now = again;
    }
    let not_found = Event::Read { id: id(1), asked_at: case.now, found: Found::NotFound };
    assert_eq!(case.take(not_found), Effect::End(Standing::Lost, NOTHING));
    let mut young = Case::known("running");
    let destroyed = Event::Read { id: id(1), asked_at: young.now, found: Found::Destroyed };
    assert_eq!(young.take(destroyed), Effect::End(Standing::Lost, NOTHING));
}

#[test]
fn an_instance_that_ran_and_is_gone_is_lost_and_not_made_again() {
    let mut case = Case::known("running");
    case.state.known.as_mut().unwrap().gone = true;
    case.check_end(Standing::Lost, NOTHING);
    for state in ["failed", "deleted"] {
        Case::known(state).ran().check_end(Standing::Lost, NOTHING);
    }
}

#[test]
fn an_instance_that_ran_for_an_earlier_process_and_is_gone_is_not_made_again() {
    let mut case = Case::new();
    (case.published.instance, case.published.ran) = (Some(id(1)), true);
    case.sighting = Some(list(case.now, &[instance(1, "stopped")]));
    let _ = case.step();
    let destroyed =
        case.take(Event::Read { id: id(1), asked_at: case.now, found: Found::Destroyed });
    assert_eq!(destroyed, Effect::End(Standing::Lost, NOTHING));
}

#[test]
fn an_instance_that_is_first_seen_running_has_run() {
    let mut case = Case::new();
    case.sighting = Some(list(case.now, &[instance(1, "running")]));
    let _ = case.step();
    assert!(case.state.known.unwrap().ran);
}

#[test]
fn only_an_instance_that_runs_ends_a_row_of_failures() {
    for (state, failures) in [("provisioning", 3), ("stopped", 3), ("running", 0)] {
        let mut case = Case::known("provisioning");
        case.state.failures = 3;
        case.sighting = Some(list(case.now, &[instance(1, state)]));
        let _ = case.step();
        assert_eq!(case.state.failures, failures, "{state}");
    }
}

#[test]
fn an_instance_that_never_ran_and_is_gone_is_made_again() {
    let mut case = Case::known("provisioning");
    case.state.known.as_mut().unwrap().gone = true;
    let at = case.now + case.limits.retry_first;
    assert_eq!(case.step(), waiting(Because::NeverRan(id(1)), at));
    case.now = at;
    case.check(Effect::Prepare);
}

#[test]
fn failure_is_provisionings_until_it_ran() {
    let mut case = Case::known("failed");
    assert_eq!(case.step(), act(Action::Delete(id(1), Why::Failed)));
    let at = case.now + case.limits.retry_first;
    let done = case.take(Event::Done(Action::Delete(id(1), Why::Failed)));
    assert_eq!(done, waiting(Because::RetryLater, at));
    assert!(case.state.discarded.contains_key(&id(1)));
}

#[test]
fn what_was_not_made_by_us_is_given_up_and_not_deleted() {
    let mut case = Case::known("provisioning");
    let last = Some(foreign(1, "failed"));
    case.state.known.as_mut().unwrap().last = last;
    let at = case.now + case.limits.retry_first;
    assert_eq!(case.step(), waiting(Because::NeverRan(id(1)), at));
}

// The changefeed.

#[test]
fn what_is_told_to_run_after_provisioning_runs() {
    let mut case = Case::known("provisioning");
    case.tell(instance(1, "running"));
    let _ = case.step();
    assert!(case.state.known.as_ref().unwrap().ran);
}

#[test]
fn nothing_else_is_believed_of_the_changefeed() {
    #[track_caller]
    fn check(before: &str, told: Arc<Seen>) {
        let mut case = Case::known(before).ran();
        case.tell(told);
        let mut next = case.clone();
        let _ = next.step();
        let seen = next.state.known.unwrap().last.unwrap().state.clone();
        assert_eq!(seen.as_str(), before);
    }
    for told in ["stopped", "failed", "deleted", "running"] {
        check("stopped", instance(1, told));
        check("running", instance(1, told));
    }
    check("provisioning", instance(1, "deleted"));
    check("provisioning", foreign(1, "running"));
    check("provisioning", instance(2, "running"));
    let mut case = Case::new();
    case.tell(instance(1, "running"));
    case.check_known(None);
    // Told before it was last seen.
    let mut case = Case::known("provisioning");
    case.now -= seconds(5);
    case.tell(instance(1, "running"));
    case.now += seconds(5);
    let _ = case.step();
    assert!(!case.state.known.unwrap().ran);
}

#[test]
fn the_end_of_what_we_deleted_is_believed_of_the_changefeed_and_nothing_else_is() {
    let case = Case::target(instance(1, "stopped"));
    let sent = case.now - seconds(1);
    let told = |mut case: Case, instance| {
        case.tell(instance);
        case
    };
    let deleted = case.clone().change(|target| target.delete_sent = Some(sent));
    told(deleted.clone(), instance(1, "deleted")).check_end(Standing::Gone, NOTHING);
    let wait = sent + case.limits.action_patience;
    told(deleted.clone(), instance(1, "failed")).check_end(Standing::Going, Some(wait));
    told(deleted, foreign(1, "deleted")).check_end(Standing::Going, Some(wait));
    told(case, instance(1, "deleted")).check(act(Action::Delete(id(1), Why::PodLeaves)));
}

// The end of a pod that should run.

#[test]
fn a_pod_that_is_active_for_too_long_ends_whatever_else_is_to_do() {
    let mut case = Case::new();
    case.run().deadline = Some(case.now + seconds(1));
    case.check(Effect::Prepare);
    case.now += seconds(1);
    case.check_end(Standing::Expired, NOTHING);
    assert_eq!(case.take(Event::Noted), Effect::End(Standing::Expired, NOTHING));
}

// Step 7, leave.

#[test]
fn nothing_known_and_a_list_since_then_that_shows_nothing_is_gone() {
    Case::leaving().check_end(Standing::Gone, NOTHING);
}

#[test]
fn without_a_list_since_stopping_began_nothing_is_gone() {
    let mut case = Case::leaving();
    let later = case.now + case.limits.list_busy;
    case.sighting = Some(list(case.state.stopping.as_ref().unwrap().since, &[]));
    case.check_end(Standing::Going, Some(later));
    case.sighting = None;
    case.check_end(Standing::Going, Some(later));
}

#[test]
fn a_note_goes_before_its_pod_and_not_before_its_instance() {
    let mut case = Case::target(instance(1, "stopped"));
    case.state.noted = true;
    case.check(act(Action::Delete(id(1), Why::PodLeaves)));
    let mut case = case.change(|target| target.gone = true);
    assert_eq!(case.step(), Effect::DropNote);
    assert_eq!(case.take(Event::NoteDropped), Effect::End(Standing::Gone, NOTHING));
}

#[test]
fn what_is_known_published_or_listed_becomes_a_target_unless_it_is_not_ours() {
    let mut case = Case::known("running");
    case.published.instance = Some(id(3));
    case.wish = Case::leaving().wish;
    let listed = [instance(1, "running"), instance(2, "running"), foreign(4, "running")];
    case.sighting = Some(list(case.now, &listed));
    let _ = case.step();
    assert_eq!(case.targets().keys().copied().collect::<Vec<_>>(), [id(1), id(2), id(3)]);
}

#[test]
fn a_running_instance_is_shut_down_first_and_deleted_when_stopped_or_out_of_grace() {
    let mut case = Case::target(instance(1, "running"));
    assert_eq!(case.step(), act(Action::Shutdown(id(1))));
    let grace_end = case.now + case.leave().grace_left;
    let going = case.take(Event::Done(Action::Shutdown(id(1))));
    assert_eq!(going, Effect::End(Standing::Going, Some(grace_end)));
    case.leave().grace_left = Duration::ZERO;
    case.check(act(Action::Delete(id(1), Why::PodLeaves)));
    let case =
        Case::target(instance(1, "stopped")).change(|target| target.stop_sent = target.seen_at);
    case.check(act(Action::Delete(id(1), Why::PodLeaves)));
}

#[test]
fn what_never_ran_needs_no_shutdown() {
    for state in ["provisioning", "stopped", "failed", "offline"] {
        let case = Case::target(instance(1, state));
        case.check(act(Action::Delete(id(1), Why::PodLeaves)));
    }
}

#[test]
fn what_does_not_carry_our_tags_is_not_deleted() {
    let mut case = Case::target(foreign(1, "stopped"));
    assert_eq!(case.step(), Effect::Read(id(1)));
    let asked_at = case.now;
    let found = Found::Present(foreign(1, "stopped"));
    let left = case.take(Event::Read { id: id(1), asked_at, found });
    assert_eq!(left, Effect::End(Standing::Gone, NOTHING), "it is left alone");
}

#[test]
fn a_delete_that_was_accepted_is_repeated_only_after_a_while() {
    let mut case = Case::target(instance(1, "running"));
    case.leave().grace_left = Duration::ZERO;
    let again = case.now + case.limits.action_patience;
    let done = case.take(Event::Done(Action::Delete(id(1), Why::PodLeaves)));
    assert_eq!(done, Effect::End(Standing::Going, Some(again)));
    case.now = again;
    assert_eq!(case.step(), Effect::Read(id(1)), "what was seen before is too old");
    let found = Found::Present(instance(1, "running"));
    let read = Event::Read { id: id(1), asked_at: case.now, found };
    assert_eq!(case.take(read), act(Action::Delete(id(1), Why::PodLeaves)));
}

#[test]
fn absence_from_the_list_is_not_enough() {
    let sent = |target: &mut Target| target.delete_sent = target.seen_at;
    let mut case = Case::target(instance(1, "running")).change(sent);
    case.sighting = Some(list(case.now, &[]));
    assert_eq!(case.step(), Effect::Read(id(1)));
    let not_found =
        |case: &Case| Event::Read { id: id(1), asked_at: case.now, found: Found::NotFound };
    let again = case.now + case.limits.absence_confirm;
    let once = case.take(not_found(&case));
    assert_eq!(once, Effect::End(Standing::Going, Some(again)));
    let misses = Misses { count: 1, last: Some(case.now) };
    assert_eq!(case.targets()[&id(1)].misses, misses);
    case.now = again;
    assert_eq!(case.step(), Effect::Read(id(1)));
    assert_eq!(case.take(not_found(&case)), Effect::End(Standing::Gone, NOTHING));
}

#[test]
fn what_is_destroyed_or_failed_after_its_delete_is_gone() {
    for (found, gone) in [
        (Found::Destroyed, true),
        (Found::Present(instance(1, "failed")), true),
        (Found::Present(instance(1, "stopped")), false),
    ] {
        let mut case = Case::target(instance(1, "deleted"))
            .change(|target| target.delete_sent = target.seen_at);
        assert_eq!(case.step(), Effect::Read(id(1)));
        let asked_at = case.now;
        let _ = case.take(Event::Read { id: id(1), asked_at, found: found.clone() });
        assert_eq!(case.targets()[&id(1)].gone, gone, "{found:?}");
    }
}

#[test]
fn an_instance_known_by_its_id_only_is_read() {
    let mut case = Case::leaving();
    case.targets().insert(id(1), Target::default());
    case.check(Effect::Read(id(1)));
}

#[test]
fn protection_is_lifted_only_for_a_pod_that_asked_for_it() {
    let mut case = Case::target(protected(1, "running"));
    case.check_end(Standing::Blocked(id(1)), NOTHING);
    case.leave().may_lift_protection = true;
    assert_eq!(case.step(), act(Action::Unprotect(id(1))));
    let lifted = case.take(Event::Done(Action::Unprotect(id(1))));
    assert_eq!(lifted, Effect::Read(id(1)), "not known to have taken effect");
    case.now += seconds(1);
    let asked_at = case.now;
    let found = Found::Present(instance(1, "running"));
    let next = case.take(Event::Read { id: id(1), asked_at, found });
    assert_eq!(next, act(Action::Shutdown(id(1))));
}

#[test]
fn twins_go_one_after_the_other_and_both_must_be_gone() {
    let mut case = Case::target(instance(1, "stopped"));
    case.sighting = Some(list(case.now, &[instance(1, "stopped"), instance(2, "stopped")]));
    assert_eq!(case.step(), act(Action::Delete(id(1), Why::PodLeaves)));
    let next = case.take(Event::Done(Action::Delete(id(1), Why::PodLeaves)));
    assert_eq!(next, act(Action::Delete(id(2), Why::PodLeaves)));
    let mut case = case.change(|target| target.gone = true);
    case.check(act(Action::Delete(id(2), Why::PodLeaves)));
    case.targets().get_mut(&id(2)).unwrap().gone = true;
    case.check_end(Standing::Gone, NOTHING);
}

#[test]
fn an_unanswered_create_is_resolved_before_anything_is_gone_and_killed_on_sight() {
    let mut case = Case::leaving();
    case.state.intent = Some(Intent::until(case.now + seconds(100)));
    assert_eq!(case.step(), Effect::List);
    let asked_at = case.now;
    let mut other = case.clone();
    let none = other.take(Event::Listed { asked_at, found: Vec::new() });
    assert_eq!(none, Effect::End(Standing::Going, Some(case.now + seconds(1))));
    other.now += seconds(200);
    other.sighting = Some(list(other.now, &[]));
    assert_eq!(other.step(), Effect::List);
    let asked_at = other.now;
    let none = other.take(Event::Listed { asked_at, found: Vec::new() });
    assert_eq!(none, Effect::End(Standing::Gone, NOTHING));
    let found = vec![instance(1, "provisioning")];
    let one = case.take(Event::Listed { asked_at: case.now, found });
    assert_eq!(one, act(Action::Delete(id(1), Why::PodLeaves)));
    assert_eq!(case.state.intent, None);
}

#[test]
fn a_pod_that_runs_again_begins_its_next_end_anew() {
    let mut case = Case::target(instance(1, "running"));
    case.wish = Case::new().wish;
    let _ = case.step();
    assert!(case.state.stopping.is_none());
}

// Step 6, keep: see also `restart`.

#[test]
fn states_on_the_way_are_only_reported() {
    for state in ["provisioning", "ready", "stopping", "offline", "unknown", "running"] {
        Case::known(state).ran().check_end(Standing::Instance, NOTHING);
    }
}

#[test]
fn an_unhealthy_instance_that_must_not_restart_ends_its_pod_first() {
    let mut case = Case::known("running").ran();
    case.run().unhealthy = true;
    case.run().restart_policy = RestartPolicy::Never;
    case.check_end(Standing::Ended { killed: true }, NOTHING);
}
