//! Time and chance from outside, so that a whole node replays from a seed. Only with the feature `simulation`.
//!
//! What is installed holds for the calling thread, so it is for runtimes of one thread with a paused clock. Without it,
//! and on all other threads, the machine's clock and its randomness are used as ever.

use std::cell::RefCell;
use std::rc::Rc;

use jiff::Timestamp;

/// Where a simulated node gets the time of day and its luck from.
#[derive(Clone)]
pub struct Source {
    /// The wall clock.
    pub now: Rc<dyn Fn() -> Timestamp>,
    /// Random bits, all of them.
    pub bits: Rc<dyn Fn() -> u128>,
}

thread_local! {
    static SOURCE: RefCell<Option<Source>> = const { RefCell::new(None) };
}

/// From now on this thread has its time and luck from `source`; `None` gives it the machine's again.
pub fn install(source: Option<Source>) {
    SOURCE.with(|held| *held.borrow_mut() = source);
}

/// The simulated time of day, if there is one.
#[must_use]
pub fn now() -> Option<Timestamp> {
    source().map(|source| (source.now)())
}

/// Simulated random bits, if there are any.
#[must_use]
pub fn bits() -> Option<u128> {
    source().map(|source| (source.bits)())
}

fn source() -> Option<Source> {
    SOURCE.with(|held| held.borrow().clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_holds_for_its_thread_until_it_is_taken_away() {
        let now = Timestamp::from_second(1_000).unwrap();
        install(Some(Source { now: Rc::new(move || now), bits: Rc::new(|| 7) }));
        assert_eq!((crate::clock::now(), bits()), (now, Some(7)));
        assert_eq!(std::thread::spawn(bits).join().unwrap(), None);
        install(None);
        assert_ne!(crate::clock::now(), now);
    }
}
