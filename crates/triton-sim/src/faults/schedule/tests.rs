//! When faults strike, call by call.

use super::*;

const KIND: FaultKind = FaultKind::InternalError;

fn asks(endpoint: &'static str) -> Trouble {
    Trouble { endpoint, account: Some("jill".to_owned()), ..Trouble::default() }
}

/// `x` strikes, `.` does not; one mark a call, one call a second.
#[track_caller]
fn check(faults: &[Fault], endpoint: &'static str, expected: &str) {
    let start = Timestamp::UNIX_EPOCH;
    let mut set = Faults::new(1);
    set.replace(faults.iter().map(|fault| (KIND, fault.clone())).collect(), start);
    let marks = (0..expected.len() as u64).map(|second| {
        let now = add(start, Duration::from_secs(second));
        if set.strikes(KIND, &mut asks(endpoint), now).is_some() { 'x' } else { '.' }
    });
    assert_eq!(marks.collect::<String>(), expected, "{faults:?}");
}

#[test]
fn a_fault_strikes_as_it_was_told() {
    let fault = Fault::default;
    check(&[fault()], "ListMachines", "xxxx");
    check(&[fault().times(2)], "ListMachines", "xx..");
    check(&[fault().times(0)], "ListMachines", "....");
    check(&[fault().after_calls(2).times(1)], "ListMachines", "..x.");
    check(&[fault().endpoint("listmachines")], "ListMachines", "xx");
    check(&[fault().endpoint("GetMachine")], "ListMachines", "..");
    check(&[fault().account("jill")], "ListMachines", "xx");
    check(&[fault().account("jack")], "ListMachines", "..");
    check(&[fault().probability(0.0)], "ListMachines", "....");
}

#[test]
fn a_fault_has_its_time() {
    let seconds = Duration::from_secs;
    check(&[Fault::default().duration(seconds(2))], "ping", "xx....");
    check(&[Fault::default().at(seconds(3))], "ping", "...xxx");
    check(&[Fault::default().at(seconds(1)).duration(seconds(2))], "ping", ".xx...");
    // Calls before it began do not count.
    check(&[Fault::default().at(seconds(2)).after_calls(1)], "ping", "...xxx");
}

#[test]
fn several_of_one_kind_take_turns() {
    let seconds = Duration::from_secs;
    let first = Fault::default().duration(seconds(1));
    let second = Fault::default().at(seconds(3)).duration(seconds(1));
    check(&[first, second], "ping", "x..x..");
    let (once, twice) = (Fault::default().times(1), Fault::default().times(2));
    check(&[once, twice], "ping", "xxx...");
}

#[test]
fn setting_replaces_what_is_for_the_same_endpoint_and_account() {
    let mut faults = Faults::new(1);
    let now = Timestamp::UNIX_EPOCH;
    faults.set(KIND, Fault::default().times(1), now);
    faults.set(KIND, Fault::default().times(2), now);
    faults.set(KIND, Fault::default().endpoint("GetMachine"), now);
    faults.set(KIND, Fault::default().endpoint("GetMachine").account("jill"), now);
    assert_eq!(faults.all().len(), 3);
    assert_eq!(faults.all()[0].1.times, Some(2));
    assert!(faults.clear(KIND) && !faults.clear(KIND) && faults.is_empty());
}

#[test]
fn what_struck_is_remembered_with_its_measures() {
    let mut faults = Faults::new(1);
    let now = Timestamp::UNIX_EPOCH;
    faults.set(FaultKind::Slow, Fault::default(), now);
    faults.set(FaultKind::LargeBody, Fault::default().size(7), now);
    let mut trouble = asks("ping");
    let slow = faults.strikes(FaultKind::Slow, &mut trouble, now).unwrap();
    let large = faults.strikes(FaultKind::LargeBody, &mut trouble, now).unwrap();
    assert_eq!((slow.delay, large.size), (Duration::from_secs(5), 7));
    assert_eq!(trouble.struck, [FaultKind::Slow, FaultKind::LargeBody]);
    assert_eq!(faults.all()[0].2, 1);
}

#[test]
fn luck_comes_from_the_seed() {
    let run = |seed| {
        let mut faults = Faults::new(seed);
        faults.set(KIND, Fault::default().probability(0.5), Timestamp::UNIX_EPOCH);
        let strikes = |_| faults.strikes(KIND, &mut asks("ping"), Timestamp::UNIX_EPOCH).is_some();
        (0..64).map(strikes).collect::<Vec<bool>>()
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
