//! Hooks on a paused clock.

use std::net::Ipv4Addr;

use probe_engine::Scheme;
use tokio::net::TcpListener;
use virtual_node::Poked;

use super::*;

const LOCALHOST: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
const PATIENCE: Duration = Duration::from_secs(60);

struct Bench {
    runner: HookRunner,
    opinions: Opinions,
    poked: Poked,
}

impl Bench {
    fn new() -> Self {
        let (pokes, poked) = virtual_node::pokes();
        let opinions = Opinions::default();
        let prober = NetworkProber::new().unwrap();
        let term = CancellationToken::new();
        let runner = HookRunner::new(prober, opinions.clone(), pokes, term, PATIENCE);
        Self { runner, opinions, poked }
    }

    fn stand(&self, life: &str, hook: Hook) -> HookStand {
        let hooks = self.runner.stands("u", life, 0);
        match hook {
            Hook::PostStart => hooks.post_start,
            Hook::PreStop => hooks.pre_stop,
        }
    }

    /// Runs a hook to its end; how it ended, how long it took, and what was told.
    async fn run(&mut self, order: Order) -> (HookStand, Duration, Vec<String>) {
        let began = Instant::now();
        let (life, hook) = (order.life.clone(), order.hook);
        self.runner.begin(order);
        assert_eq!(self.stand(&life, hook), HookStand::Runs { since: began });
        assert_eq!(self.poked.next().await.as_deref(), Some("u"));
        let took = began.elapsed();
        let events = self.opinions.take_events("u", "");
        let told = |event: PodEvent| {
            assert_eq!(event.container.as_deref(), Some("c"));
            format!("{}: {}", event.reason, event.message)
        };
        (self.stand(&life, hook), took, events.into_iter().map(told).collect())
    }
}

fn order(hook: Hook, deed: Deed, limit: u64) -> Order {
    Order {
        uid: "u".to_owned(),
        life: "i#0".to_owned(),
        container: "c".to_owned(),
        hook,
        deed,
        address: LOCALHOST,
        limit: Duration::from_secs(limit),
    }
}

fn sleep_of(seconds: u64) -> Deed {
    Deed::Sleep(Duration::from_secs(seconds))
}

fn get(port: u16) -> Deed {
    let (scheme, path, headers) = (Scheme::Http, "/".to_owned(), Vec::new());
    Deed::Deliver(Handler::HttpGet { scheme, host: None, port, path, headers })
}

async fn closed_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test(start_paused = true)]
async fn a_sleep_lasts_as_long_as_it_says_and_a_pre_stop_no_longer_than_it_may() {
    let mut bench = Bench::new();
    for (hook, sleeps, limit, lasts) in [
        (Hook::PreStop, 5, 30, 5),
        (Hook::PreStop, 0, 30, 0),
        (Hook::PreStop, 50, 30, 30),
        (Hook::PostStart, 5, 30, 5),
    ] {
        let (stand, took, told) = bench.run(order(hook, sleep_of(sleeps), limit)).await;
        assert_eq!((stand, took.as_secs(), told), (HookStand::Ended, lasts, vec![]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_post_start_without_end_fails() {
    let mut bench = Bench::new();
    let (stand, _, told) = bench.run(order(Hook::PostStart, sleep_of(50), 30)).await;
    assert_eq!(stand, HookStand::Failed);
    assert_eq!(told, ["FailedPostStartHook: PostStartHook failed: did not end within 30s"]);
    assert_eq!(bench.runner.failure("u", "i#0").as_deref(), Some("did not end within 30s"));
    assert_eq!(bench.runner.failure("u", "i#1"), None, "of another life");
}

#[tokio::test(start_paused = true)]
async fn a_guest_may_take_a_while_until_it_listens() {
    let mut bench = Bench::new();
    let port = closed_port().await;
    let (stand, took, told) = bench.run(order(Hook::PostStart, get(port), 3600)).await;
    assert_eq!((stand, took >= PATIENCE), (HookStand::Failed, true));
    let why =
        format!("Get \"http://127.0.0.1:{port}/\": dial tcp 127.0.0.1:{port}: connection refused");
    assert_eq!(told, [format!("FailedPostStartHook: PostStartHook failed: {why}")]);
}

#[tokio::test(start_paused = true)]
async fn a_pre_stop_that_reaches_nobody_fails_at_once() {
    let mut bench = Bench::new();
    let port = closed_port().await;
    let (stand, took, told) = bench.run(order(Hook::PreStop, get(port), 30)).await;
    assert_eq!((stand, took.as_secs()), (HookStand::Failed, 0));
    assert!(
        told[0].starts_with("FailedPreStopHook: PreStopHook failed: Get \"http://"),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_done_fails_and_says_why() {
    let mut bench = Bench::new();
    let (stand, _, told) = bench.run(order(Hook::PreStop, Deed::Invalid("invalid port"), 30)).await;
    assert_eq!(stand, HookStand::Failed);
    assert_eq!(told, ["FailedPreStopHook: PreStopHook failed: invalid port"]);
    let nowhere = Order { address: None, ..order(Hook::PreStop, get(80), 30) };
    let (_, _, told) = bench.run(nowhere).await;
    assert_eq!(told, ["FailedPreStopHook: PreStopHook failed: the instance has no address"]);
}

#[tokio::test(start_paused = true)]
async fn a_hook_of_an_earlier_life_is_given_up_and_says_nothing() {
    let mut bench = Bench::new();
    bench.runner.begin(order(Hook::PostStart, sleep_of(5), 30));
    assert_eq!(bench.stand("i#1", Hook::PostStart), HookStand::Unbegun);
    bench.runner.begin(order(Hook::PreStop, sleep_of(5), 30));
    bench.runner.give_up_start("u");
    let next = Order { life: "i#1".to_owned(), ..order(Hook::PostStart, sleep_of(9), 30) };
    let (stand, took, _) = bench.run(next).await;
    assert_eq!((stand, took.as_secs()), (HookStand::Ended, 9), "the first to poke");
    bench.runner.give_up_start("u");
    assert_eq!(bench.stand("i#1", Hook::PostStart), HookStand::Ended, "what has ended is known");
    bench.runner.forget("u");
    assert_eq!(bench.stand("i#1", Hook::PostStart), HookStand::Unbegun);
}
