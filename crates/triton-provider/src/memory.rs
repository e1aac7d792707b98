//! What this process remembers of one pod between passes: the life of its instance, and what is around it.

use std::sync::Arc;

use tokio::time::Instant;

use crate::backoff::RestartBackoff;
use crate::decide::State;
use crate::decide::state::{Known, Misses, Restarts};
use crate::seen::Seen;
use crate::timeline::Timeline;

/// One pod's memory.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The life of its instance.
    pub life: State,
    /// What keeps the pod from having an instance, for its status.
    pub trouble: Option<Trouble>,
    /// The firewall rules were made or found since this process began.
    pub rules_ensured: bool,
    /// When to try to make them again.
    pub rules_retry_at: Option<Instant>,
    /// The last try to bring the instance in line with its pod's labels and annotations, until a list shows it so.
    pub edited: Option<Edited>,
    /// It would be given up, and too many others were.
    pub held: bool,
    /// How far its start is, until the pod has been ready; `None` of a pod whose beginning was not seen.
    pub timeline: Option<Timeline>,
    /// What tells the pod's labels and annotations, as they were last looked at, from others; 0 before the first look.
    pub text: u32,
}

/// A try to bring an instance in line with its pod.
#[derive(Clone, Debug)]
pub struct Edited {
    /// When.
    pub at: Instant,
    /// How it was seen then.
    pub seen: Arc<Seen>,
}

/// The memory of a pod to which nothing happens: an instance that was seen, and nothing else. That is what nearly all
/// pods come to, and a tenth of what [`Memory`] takes.
#[derive(Clone, Debug)]
pub(crate) struct Resting {
    last: Arc<Seen>,
    seen_at: Instant,
    since: Instant,
    ran: bool,
    rules_ensured: bool,
    text: u32,
}

/// What keeps a pod waiting, in its status' words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// CamelCase reason.
    pub reason: String,
    /// One sentence for a person.
    pub message: String,
}

// === impl Resting ===

impl Resting {
    /// All of this memory in short; `None` if there is more to it.
    pub(crate) fn of(memory: &Memory) -> Option<Self> {
        // Field by field, so that none that is added later is forgotten here.
        let Memory {
            life,
            trouble: None,
            rules_ensured,
            rules_retry_at: None,
            edited: None,
            held: false,
            timeline: None,
            text,
        } = memory
        else {
            return None;
        };
        let State {
            intent: None,
            noted: false,
            known: Some(known),
            discarded,
            twins,
            failures: 0,
            retry_at: None,
            restarts: Restarts { count: 0, backoff, pending: None, last_end: None },
            protect_asked: None,
            stopping: None,
        } = life
        else {
            return None;
        };
        let Known {
            id,
            last: Some(last),
            seen_at,
            misses,
            gone: false,
            ran,
            stopped_since: None,
            since,
        } = known
        else {
            return None;
        };
        let is_all = discarded.is_empty()
            && twins.is_empty()
            && *backoff == RestartBackoff::default()
            && *misses == Misses::default()
            && *id == last.id;
        is_all.then(|| Self {
            last: Arc::clone(last),
            seen_at: *seen_at,
            since: *since,
            ran: *ran,
            rules_ensured: *rules_ensured,
            text: *text,
        })
    }

    /// The memory again.
    pub(crate) fn wake(&self) -> Memory {
        let Self { last, seen_at, since, ran, rules_ensured, text } = self;
        let known = Known {
            id: last.id,
            last: Some(Arc::clone(last)),
            seen_at: *seen_at,
            misses: Misses::default(),
            gone: false,
            ran: *ran,
            stopped_since: None,
            since: *since,
        };
        let life = State { known: Some(known), ..State::default() };
        Memory { life, rules_ensured: *rules_ensured, text: *text, ..Memory::default() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::decide::fixtures::{id, instance};
    use crate::decide::state::{End, Intent, Pending, Stopping};

    fn running() -> Memory {
        let now = Instant::now();
        let mut known = Known::seen(instance(1, "running"), now);
        known.seen_at = now + Duration::from_secs(7);
        let life = State { known: Some(known), ..State::default() };
        Memory { life, rules_ensured: true, ..Memory::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn what_rests_wakes_as_it_was() {
        let mut memory = running();
        for ran in [true, false] {
            memory.life.known.as_mut().unwrap().ran = ran;
            memory.rules_ensured = !ran;
            let awake = Resting::of(&memory).unwrap().wake();
            assert_eq!(format!("{awake:?}"), format!("{memory:?}"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_more_to_remember_does_not_rest() {
        #[track_caller]
        fn check(what: &str, change: impl FnOnce(&mut Memory, &mut Known)) {
            let mut memory = running();
            let mut known = memory.life.known.take().unwrap();
            change(&mut memory, &mut known);
            memory.life.known = Some(known);
            assert!(Resting::of(&memory).is_none(), "{what}");
        }
        let now = Instant::now();
        let trouble = Trouble { reason: "R".to_owned(), message: "m".to_owned() };
        check("trouble", |memory, _| memory.trouble = Some(trouble));
        check("rules", |memory, _| memory.rules_retry_at = Some(now));
        check("intent", |memory, _| memory.life.intent = Some(Intent::until(now)));
        check("note", |memory, _| memory.life.noted = true);
        check("discarded", |memory, _| memory.life.discarded.extend([(id(2), now)]));
        check("twin", |memory, _| memory.life.twins.extend([(id(2), Default::default())]));
        check("failures", |memory, _| memory.life.failures = 1);
        check("retry", |memory, _| memory.life.retry_at = Some(now));
        check("restarts", |memory, _| memory.life.restarts.count = 1);
        check("back-off", |memory, _| memory.life.restarts.backoff.note(now));
        let pending = Pending { at: now, sent: false, reboot: true, dipped: false };
        check("a restart", |memory, _| memory.life.restarts.pending = Some(pending));
        let end = End { at: jiff::Timestamp::UNIX_EPOCH, killed: true };
        check("an end", |memory, _| memory.life.restarts.last_end = Some(end));
        check("protection", |memory, _| memory.life.protect_asked = Some(now));
        let stopping = Stopping { since: now, targets: Default::default() };
        check("stopping", |memory, _| memory.life.stopping = Some(stopping));
        check("never seen", |_, known| known.last = None);
        check("another's", |_, known| known.last = Some(instance(2, "running")));
        check("a miss", |_, known| known.misses.count = 1);
        check("gone", |_, known| known.gone = true);
        check("stopped", |_, known| known.stopped_since = Some(now));
        let nothing = Memory::default();
        assert!(Resting::of(&nothing).is_none(), "no instance");
    }

    #[test]
    fn rest_is_small() {
        let (rest, all) = (size_of::<Resting>(), size_of::<Memory>());
        assert!(rest <= 48 && all >= 8 * rest, "{rest} bytes instead of {all}");
    }
}
