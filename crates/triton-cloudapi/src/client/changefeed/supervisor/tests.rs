use http::{HeaderMap, StatusCode};

use super::*;
use crate::client::ConnectionProblem;
use crate::error::ApiError;
use crate::request::Answer;

const ID: &str = "00000000-0000-4000-8000-000000000001";

/// A supervisor on a clock of its own, with the least jitter.
struct Bench {
    supervisor: Supervisor,
    start: Instant,
    now: Instant,
}

impl Bench {
    fn new(options: ChangefeedOptions) -> Self {
        let start = Instant::now();
        Self { supervisor: Supervisor::new(options, start), start, now: start }
    }

    /// Without regular lists, which most tests do not want to hear of.
    fn quiet() -> Self {
        Self::new(ChangefeedOptions { resync_every: None, ..ChangefeedOptions::default() })
    }

    fn take(&mut self, event: Event<'_>) -> Vec<String> {
        self.supervisor.step(event, self.now, 0.0).iter().map(shown).collect()
    }

    /// Connected and subscribed.
    fn follow(&mut self) {
        self.take(Event::Tick);
        self.take(Event::Opened);
        assert_eq!(self.take(Event::Pong)[0], "connected");
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    /// Goes to the next time that the supervisor wants to be woken; returns how many seconds that was and what it did.
    fn tick(&mut self) -> (u64, Vec<String>) {
        let before = self.now;
        self.now = self.now.max(self.supervisor.wake_at());
        let steps = self.take(Event::Tick);
        ((self.now - before).as_secs(), steps)
    }

    fn change(&mut self, published: u32, state: &str) -> Vec<String> {
        let frame = frame(ID, published, state);
        self.take(Event::Text(&frame))
    }

    fn seconds(&self) -> u64 {
        (self.now - self.start).as_secs()
    }
}

fn frame(id: &str, published: u32, state: &str) -> String {
    format!(r#"{{"changedResourceId":"{id}","published":"{published}","resourceState":"{state}"}}"#)
}

fn shown(step: &Step) -> String {
    match step {
        Step::Open => "open".to_owned(),
        Step::Subscribe => "subscribe".to_owned(),
        Step::Ping => "ping".to_owned(),
        Step::Close => "close".to_owned(),
        Step::Tell(ChangefeedItem::Change(change)) if change.is_late => {
            format!("late {}", change.state)
        }
        Step::Tell(ChangefeedItem::Change(change)) => change.state.to_string(),
        Step::Tell(item) => item.to_string(),
        Step::Fail(error) => format!("fail: {error}"),
    }
}

fn api(status: u16) -> ChangefeedError {
    let status = StatusCode::from_u16(status).unwrap();
    let answer = Answer { status, headers: &HeaderMap::new(), body: b"" };
    ChangefeedError::Call(Error::Api(ApiError::from_answer(&answer)))
}

#[test]
fn a_list_is_asked_for_when_the_server_has_read_the_subscription() {
    let mut bench = Bench::quiet();
    assert_eq!(bench.tick(), (0, vec!["open".to_owned()]));
    assert_eq!(bench.take(Event::Opened), ["subscribe", "ping"]);
    assert_eq!(bench.take(Event::Traffic), [""; 0]);
    assert_eq!(bench.take(Event::Pong), ["connected", "list again: the feed begins"]);
    assert_eq!(bench.take(Event::Pong), [""; 0]);
}

#[test]
fn a_change_before_the_pong_shows_the_same() {
    let mut bench = Bench::quiet();
    bench.tick();
    bench.take(Event::Opened);
    assert_eq!(bench.change(1, "running"), ["connected", "list again: the feed begins", "running"]);
    assert_eq!(bench.take(Event::Pong), [""; 0]);
}

#[test]
fn a_server_that_does_not_answer_the_first_ping_has_not_read_the_subscription() {
    let mut bench = Bench::quiet();
    bench.tick();
    bench.take(Event::Opened);
    bench.wait(9);
    // It lives, but that says nothing about the subscription.
    bench.take(Event::Traffic);
    let (seconds, steps) = bench.tick();
    assert_eq!((seconds, steps[0].as_str()), (1, "close"));
    assert_eq!(steps[1], "interrupted, trying again in 1.0 s: a ping was not answered");
}

#[test]
fn pings_go_out_all_the_time_and_must_be_answered() {
    let mut bench = Bench::quiet();
    bench.follow();
    for _ in 0..5 {
        assert_eq!(bench.tick(), (20, vec!["ping".to_owned()]));
        bench.take(Event::Pong);
    }
    bench.tick();
    let (seconds, steps) = bench.tick();
    assert_eq!((seconds, steps[0].as_str()), (10, "close"));
}

#[test]
fn whatever_comes_answers_a_ping() {
    let mut bench = Bench::quiet();
    bench.follow();
    bench.tick();
    bench.wait(9);
    bench.change(1, "running");
    assert_eq!(bench.tick(), (11, vec!["ping".to_owned()]));
}

#[test]
fn after_a_reconnect_the_caller_must_list_again() {
    let mut bench = Bench::quiet();
    bench.follow();
    let steps = bench.take(Event::Gone(Interruption::Closed(None)));
    assert_eq!(
        steps,
        ["close", "interrupted, trying again in 1.0 s: the server closed the connection"]
    );
    assert_eq!(bench.tick(), (1, vec!["open".to_owned()]));
    bench.take(Event::Opened);
    assert_eq!(
        bench.take(Event::Pong),
        ["connected", "list again: the connection was lost in between"]
    );
}

#[test]
fn failures_in_a_row_wait_longer_and_longer_and_a_stable_connection_ends_the_row() {
    let mut bench = Bench::quiet();
    let mut waits = Vec::new();
    bench.tick();
    for _ in 0..7 {
        bench.take(Event::NotOpened(api(503)));
        let (seconds, steps) = bench.tick();
        assert_eq!(steps, ["open"]);
        waits.push(seconds);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
    // One that breaks at once is no better than none.
    bench.take(Event::Opened);
    bench.take(Event::Pong);
    bench.take(Event::Gone(Interruption::Closed(None)));
    assert_eq!(bench.tick().0, 30);
    bench.take(Event::Opened);
    bench.take(Event::Pong);
    bench.wait(30);
    bench.take(Event::Gone(Interruption::Closed(None)));
    assert_eq!(bench.tick().0, 1);
}

#[test]
fn an_attempt_that_takes_too_long_is_given_up() {
    let mut bench = Bench::quiet();
    bench.tick();
    let (seconds, steps) = bench.tick();
    assert_eq!((seconds, steps[0].as_str()), (30, "close"));
    assert_eq!(bench.tick(), (1, vec!["open".to_owned()]));
}

#[test]
fn what_does_not_pass_ends_the_feed() {
    for status in [401, 403, 400, 406] {
        let mut bench = Bench::quiet();
        bench.tick();
        assert_eq!(bench.take(Event::NotOpened(api(status))), ["fail: opening the changefeed"]);
    }
    let mut bench = Bench::quiet();
    bench.tick();
    let steps = bench.take(Event::NotOpened(api(429)));
    assert_eq!(steps[0], "close");
}

#[test]
fn a_feed_that_was_open_once_waits_out_any_trouble_with_the_connection() {
    let untrusted = || {
        let (host, reason) = (String::new(), String::new());
        let problem = ConnectionProblem::Certificate { host, reason };
        let source = "x".into();
        ChangefeedError::Call(Error::Transport { sent: false, problem, source })
    };
    let mut bench = Bench::quiet();
    bench.tick();
    assert_eq!(bench.take(Event::NotOpened(untrusted())), ["fail: opening the changefeed"]);
    let mut bench = Bench::quiet();
    bench.follow();
    bench.take(Event::Gone(Interruption::Closed(None)));
    bench.tick();
    assert_eq!(bench.take(Event::NotOpened(untrusted()))[0], "close");
    bench.tick();
    assert_eq!(bench.take(Event::NotOpened(api(401))), ["fail: opening the changefeed"]);
}

#[test]
fn a_feed_that_only_answers_pings_is_opened_anew_at_once() {
    let mut bench = Bench::quiet();
    bench.follow();
    let steps = loop {
        let (_, steps) = bench.tick();
        if steps != ["ping"] {
            break steps;
        }
        bench.take(Event::Pong);
    };
    assert_eq!(bench.seconds(), 300);
    assert_eq!(
        steps,
        ["close", "interrupted, trying again in 0.0 s: pings are answered, but no changes come"]
    );
    assert_eq!(bench.tick(), (0, vec!["open".to_owned()]));
    bench.take(Event::Opened);
    assert_eq!(bench.take(Event::Pong), ["connected", "list again: the feed had fallen silent"]);
}

#[test]
fn an_announced_change_that_does_not_come_shows_a_stall_early() {
    let mut bench = Bench::quiet();
    bench.follow();
    bench.take(Event::Announced(ID.parse().unwrap()));
    assert_eq!(bench.tick(), (20, vec!["ping".to_owned()]));
    bench.take(Event::Pong);
    let (seconds, steps) = bench.tick();
    assert_eq!((seconds, steps[0].as_str()), (10, "close"));
    assert!(steps[1].contains("no changes come"), "{steps:?}");
}

#[test]
fn an_announced_change_that_comes_is_no_stall() {
    let mut bench = Bench::quiet();
    bench.follow();
    bench.take(Event::Announced(ID.parse().unwrap()));
    bench.change(1, "running");
    bench.tick();
    bench.take(Event::Pong);
    assert_eq!(bench.tick(), (20, vec!["ping".to_owned()]));
}

#[test]
fn an_announced_change_that_is_lost_among_others_asks_for_a_list() {
    let mut bench = Bench::quiet();
    bench.follow();
    bench.take(Event::Announced("00000000-0000-4000-8000-000000000002".parse().unwrap()));
    bench.wait(1);
    bench.change(1, "running");
    bench.tick();
    bench.take(Event::Pong);
    let (_, steps) = bench.tick();
    assert_eq!(steps, ["list again: a change that was announced did not come"]);
    assert_eq!(bench.seconds(), 30);
}

#[test]
fn announcements_have_a_limit() {
    let mut bench = Bench::quiet();
    bench.follow();
    for id in 0..2 * AWAITED_MAX {
        let id = format!("00000000-0000-4000-8000-{id:012}").parse().unwrap();
        bench.take(Event::Announced(id));
    }
    assert_eq!(bench.supervisor.awaited.len(), AWAITED_MAX);
}

#[test]
fn doubles_are_dropped_and_latecomers_marked_also_after_a_reconnect() {
    let mut bench = Bench::quiet();
    bench.follow();
    assert_eq!(bench.change(20, "running"), ["running"]);
    assert_eq!(bench.change(20, "running"), [""; 0]);
    assert_eq!(bench.change(10, "down"), ["late stopped"]);
    bench.take(Event::Gone(Interruption::Closed(None)));
    bench.tick();
    bench.take(Event::Opened);
    bench.take(Event::Pong);
    assert_eq!(bench.change(20, "running"), [""; 0]);
}

#[test]
fn frames_that_cannot_be_read_ask_for_a_list_now_and_then() {
    let mut bench = Bench::quiet();
    bench.follow();
    bench.wait(15);
    let list = "list again: a frame could not be read";
    assert_eq!(bench.take(Event::Text("{")), [list]);
    bench.wait(1);
    assert_eq!(bench.take(Event::Text("{")), [""; 0]);
    assert_eq!(bench.take(Event::Text("[]")), [""; 0]);
    let (seconds, steps) = bench.tick();
    assert_eq!((seconds, steps), (4, vec!["ping".to_owned()]));
    bench.take(Event::Pong);
    assert_eq!(bench.tick(), (5, vec![list.to_owned()]));
    assert_eq!(bench.tick(), (15, vec!["ping".to_owned()]));
}

#[test]
fn a_server_that_sends_nothing_readable_is_left() {
    let mut bench = Bench::quiet();
    bench.follow();
    bench.wait(40);
    let steps: Vec<String> = (0..10).flat_map(|_| bench.take(Event::Text("?"))).collect();
    assert_eq!(
        steps,
        [
            "list again: a frame could not be read",
            "close",
            "interrupted, trying again in 1.0 s: too many frames could not be read"
        ]
    );
}

#[test]
fn lists_are_asked_for_regularly_connected_or_not() {
    let mut bench = Bench::new(ChangefeedOptions::default());
    bench.tick();
    let mut lists = Vec::new();
    while bench.seconds() < 200 {
        let (_, steps) = bench.tick();
        if steps.contains(&"open".to_owned()) {
            bench.take(Event::NotOpened(api(503)));
        }
        if steps.contains(&"list again: it is time".to_owned()) {
            lists.push(bench.seconds());
        }
    }
    assert_eq!(lists, [60, 120, 180]);
}

#[test]
fn any_list_puts_the_regular_one_off() {
    let mut bench = Bench::new(ChangefeedOptions::default());
    bench.wait(50);
    bench.follow();
    loop {
        let (_, steps) = bench.tick();
        if steps.contains(&"list again: it is time".to_owned()) {
            break;
        }
        bench.take(Event::Pong);
    }
    assert_eq!(bench.seconds(), 110);
}

#[test]
fn options_that_make_no_sense_neither_spin_nor_overflow() {
    let never = Duration::MAX;
    let zero = Duration::ZERO;
    for [some, other] in [[zero, zero], [never, never], [zero, never], [never, zero]] {
        let mut bench = Bench::new(ChangefeedOptions {
            open_within: some,
            ping_every: other,
            pong_within: some,
            silence_max: other,
            announced_within: some,
            resync_every: Some(other),
            wait_min: some,
            wait_max: other,
            jitter: f64::NAN,
            ..ChangefeedOptions::default()
        });
        for _ in 0..50 {
            let (_, steps) = bench.tick();
            if steps.contains(&"open".to_owned()) {
                bench.take(Event::Opened);
                bench.take(Event::Pong);
                bench.take(Event::Announced(ID.parse().unwrap()));
            }
        }
        assert!(bench.seconds() >= 10, "{some:?} {other:?}: {} s", bench.seconds());
    }
}
