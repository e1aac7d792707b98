//! The engine on a paused clock, with a prober that answers by script.

use std::net::{IpAddr, Ipv4Addr};

use tokio::sync::Notify;
use tokio::time::advance;

use super::*;
use crate::probe::{ERRORED, Handler, Thresholds, Timing};
use crate::prober::{Ask, Outcome};
use crate::stats::Counts;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const STARTUP: u16 = 1;
const LIVENESS: u16 = 2;
const READINESS: u16 = 3;

/// Answers by port, one letter each, the last one for ever: `.` success, `w` warning, `x` failure, `?` unknown, `p`
/// panic, `~` never, `g` failure once the gate opens.
struct Scripted {
    scripts: Mutex<HashMap<u16, String>>,
    asked: mpsc::UnboundedSender<Asked>,
    gate: Arc<Notify>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Asked {
    port: u16,
    at: Instant,
    timeout: Duration,
}

impl Prober for Scripted {
    async fn ask(&self, ask: Ask<'_>) -> Outcome {
        let Ask { handler, timeout, .. } = ask;
        let Handler::TcpSocket { port, .. } = *handler else { panic!("no script for {handler:?}") };
        // A test that is over does not listen.
        let _ = self.asked.send(Asked { port, at: Instant::now(), timeout });
        let letter = {
            let mut scripts = self.scripts.lock().unwrap();
            let script = scripts.get_mut(&port).expect("a script for each port");
            if script.len() > 1 { script.remove(0) } else { script.chars().next().unwrap() }
        };
        let message = || format!("answer of {port}");
        match letter {
            '.' => Outcome::Success(message()),
            'w' => Outcome::Warning(message()),
            'x' => Outcome::Failure(message()),
            '?' => Outcome::Unknown(message()),
            'g' => {
                self.gate.notified().await;
                Outcome::Failure(message())
            }
            '~' => std::future::pending().await,
            'p' => panic!("the script says so"),
            other => panic!("no such answer: {other}"),
        }
    }
}

/// An engine, and all that comes out of it.
struct Bench {
    engine: Engine,
    news: mpsc::UnboundedReceiver<Event>,
    asked: mpsc::UnboundedReceiver<Asked>,
    gate: Arc<Notify>,
    began: Instant,
}

impl Bench {
    fn new(scripts: &[(u16, &str)]) -> Self {
        Self::with_options(scripts, Options { phase: || 0.0, ..Options::default() })
    }

    fn with_options(scripts: &[(u16, &str)], options: Options) -> Self {
        let (asking, asked) = mpsc::unbounded_channel();
        let (events, news) = mpsc::unbounded_channel();
        let gate = Arc::new(Notify::new());
        let scripts = scripts.iter().map(|(port, script)| (*port, (*script).into())).collect();
        let scripts = Mutex::new(scripts);
        let prober = Scripted { scripts, asked: asking, gate: Arc::clone(&gate) };
        let engine = Engine::with_options(prober, events, options);
        Self { engine, news, asked, gate, began: Instant::now() }
    }

    /// Seconds from the beginning to each of the next questions.
    async fn next_asked(&mut self, count: usize) -> Vec<(u16, u64)> {
        let mut questions = Vec::new();
        for _ in 0..count {
            let asked = self.asked.recv().await.unwrap();
            questions.push((asked.port, (asked.at - self.began).as_secs()));
        }
        questions
    }

    async fn is_asked_no_more(&mut self) -> bool {
        timeout(HOUR, self.asked.recv()).await.is_err()
    }

    /// The next event: `Readiness H` for a verdict, `Readiness x text` for an answer, `Readiness w text`.
    async fn next(&mut self) -> String {
        match self.news.recv().await.unwrap() {
            Event::Verdict { kind, verdict: Verdict::Success, .. } => format!("{kind} H"),
            Event::Verdict { kind, verdict: Verdict::Failure, .. } => format!("{kind} U"),
            Event::Verdict { kind, verdict: Verdict::Unknown, .. } => format!("{kind} ?"),
            Event::Unhealthy { kind, message, .. } => format!("{kind} x {message}"),
            Event::Warning { kind, message, .. } => format!("{kind} w {message}"),
        }
    }

    fn is_silent(&mut self) -> bool {
        self.news.try_recv().is_err()
    }

    /// So many probes are left, and what was given up has ended.
    async fn probes(&self, count: usize) {
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert_eq!(self.engine.stats().probes, count);
    }

    fn verdict(&self, kind: Kind) -> Option<Verdict> {
        self.engine.verdict("a", kind)
    }
}

fn probe(kind: Kind) -> Probe {
    let port = match kind {
        Kind::Startup => STARTUP,
        Kind::Liveness => LIVENESS,
        Kind::Readiness => READINESS,
    };
    let handler = Handler::TcpSocket { host: None, port };
    Probe { kind, handler, timing: Timing::default(), thresholds: Thresholds::default() }
}

fn failing_at_once(kind: Kind) -> Probe {
    Probe { thresholds: Thresholds { success: 1, failure: 1 }, ..probe(kind) }
}

fn all() -> Vec<Probe> {
    Kind::ALL.map(probe).into()
}

fn running() -> Facts {
    Facts {
        incarnation: "1".into(),
        address: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        running_for: Some(Duration::ZERO),
        terminating: false,
        was_ready: false,
    }
}

fn down() -> Facts {
    Facts { running_for: None, ..running() }
}

mod asking {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_is_old_asks_at_once_and_then_every_period() {
        let options = Options { phase: || 0.5, ..Options::default() };
        let mut bench = Bench::with_options(&[(READINESS, ".")], options);
        advance(HOUR).await;
        bench.engine.set("a", vec![probe(Kind::Readiness)], running());
        let times = bench.next_asked(3).await;
        assert_eq!(times, [(READINESS, 3600), (READINESS, 3610), (READINESS, 3620)]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_is_young_spreads_its_first_questions() {
        let options = Options { phase: || 0.5, ..Options::default() };
        let mut bench = Bench::with_options(&[(READINESS, ".")], options);
        advance(2 * SECOND).await;
        bench.engine.set("a", vec![probe(Kind::Readiness)], running());
        assert_eq!(bench.next_asked(2).await, [(READINESS, 7), (READINESS, 17)]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_prober_gets_the_timeout_of_the_probe() {
        let mut bench = Bench::new(&[(READINESS, ".")]);
        let timing = Timing { timeout: 7 * SECOND, ..Timing::default() };
        bench.engine.set("a", vec![Probe { timing, ..probe(Kind::Readiness) }], running());
        assert_eq!(bench.asked.recv().await.unwrap().timeout, 7 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn a_timing_of_nought_is_the_default() {
        let mut bench = Bench::new(&[(READINESS, ".")]);
        let nought = Duration::ZERO;
        let timing = Timing { initial_delay: nought, period: nought, timeout: nought };
        bench.engine.set("a", vec![Probe { timing, ..probe(Kind::Readiness) }], running());
        assert_eq!(bench.asked.recv().await.unwrap().timeout, SECOND);
        assert_eq!(bench.next_asked(1).await, [(READINESS, 10)]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_initial_delay_is_waited_for() {
        let mut bench = Bench::new(&[(READINESS, ".")]);
        let timing = Timing { initial_delay: 15 * SECOND, ..Timing::default() };
        bench.engine.set("a", vec![Probe { timing, ..probe(Kind::Readiness) }], running());
        assert_eq!(bench.next_asked(1).await, [(READINESS, 20)]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_answer_is_tried_three_times_and_thrown_away() {
        let mut bench = Bench::new(&[(READINESS, ".???")]);
        bench.engine.set("a", vec![failing_at_once(Kind::Readiness)], running());
        assert_eq!(bench.next().await, "Readiness H");
        assert_eq!(bench.next().await, format!("Readiness x {ERRORED}answer of 3"));
        let times = [(READINESS, 0), (READINESS, 10), (READINESS, 10), (READINESS, 10)];
        assert_eq!(bench.next_asked(4).await, times);
        assert_eq!(bench.verdict(Kind::Readiness), Some(Verdict::Success));
        let counts = bench.engine.stats().readiness;
        assert_eq!(counts, Counts { success: 1, failure: 0, unknown: 1 });
    }

    #[tokio::test(start_paused = true)]
    async fn the_third_attempt_may_still_answer() {
        let mut bench = Bench::new(&[(READINESS, "??.")]);
        bench.engine.set("a", vec![probe(Kind::Readiness)], running());
        assert_eq!(bench.next().await, "Readiness H");
        assert_eq!(bench.next_asked(3).await, [(READINESS, 0); 3]);
        assert_eq!(bench.engine.stats().readiness.unknown, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_not_tried_again() {
        let mut bench = Bench::new(&[(READINESS, "?x")]);
        bench.engine.set("a", vec![probe(Kind::Readiness)], running());
        assert_eq!(bench.next().await, "Readiness x answer of 3");
        let times = bench.next_asked(3).await;
        assert_eq!(times, [(READINESS, 0), (READINESS, 0), (READINESS, 10)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_prober_that_panics_changes_nothing_and_ends_nothing() {
        let mut bench = Bench::new(&[(READINESS, ".pppw")]);
        bench.engine.set("a", vec![failing_at_once(Kind::Readiness)], running());
        assert_eq!(bench.next().await, "Readiness H");
        assert_eq!(bench.next().await, format!("Readiness x {ERRORED}the prober panicked"));
        assert_eq!(bench.verdict(Kind::Readiness), Some(Verdict::Success));
        assert_eq!(bench.next().await, "Readiness w answer of 3");
    }

    #[tokio::test(start_paused = true)]
    async fn a_prober_that_does_not_keep_to_its_timeout_is_given_up() {
        let mut bench = Bench::new(&[(READINESS, "~~~.")]);
        bench.engine.set("a", vec![probe(Kind::Readiness)], running());
        let text = "the prober did not keep to its timeout of 1s";
        assert_eq!(bench.next().await, format!("Readiness x {ERRORED}{text}"));
        assert_eq!(bench.next().await, "Readiness H");
    }

    #[tokio::test(start_paused = true)]
    async fn periods_missed_are_not_made_up_for() {
        // The first question takes three attempts of 1 + 5 seconds, so the one due at 10 comes late, and the next are
        // in step again.
        let mut bench = Bench::new(&[(READINESS, "~~~.")]);
        bench.engine.set("a", vec![probe(Kind::Readiness)], running());
        bench.next_asked(3).await;
        let times = bench.next_asked(3).await;
        assert_eq!(times, [(READINESS, 18), (READINESS, 20), (READINESS, 30)]);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_a_turn_makes_late_and_not_failed() {
        let options = Options { max_asking: 1, phase: || 0.0 };
        let mut bench = Bench::with_options(&[(LIVENESS, "~"), (READINESS, ".")], options);
        bench.engine.set("a", vec![probe(Kind::Liveness)], running());
        assert_eq!(bench.next_asked(1).await, [(LIVENESS, 0)]);
        assert_eq!(bench.engine.stats().asking, 1);
        bench.engine.set("b", vec![probe(Kind::Readiness)], running());
        assert!(timeout(17 * SECOND, bench.news.recv()).await.is_err(), "its turn came too early");
        bench.next_asked(2).await;
        assert_eq!(
            bench.next().await,
            format!("Liveness x {ERRORED}the prober did not keep to its timeout of 1s")
        );
        assert_eq!(bench.next().await, "Readiness H");
        let asked = bench.asked.recv().await.unwrap();
        assert_eq!((asked.port, asked.timeout), (READINESS, SECOND));
        let stats = bench.engine.stats();
        assert!(stats.lateness >= 18 * SECOND, "{stats:?}");
        assert_eq!(stats.readiness.failure, 0);
    }
}

mod telling {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_failure_is_told_and_a_verdict_only_when_it_changes() {
        let mut bench = Bench::new(&[(READINESS, "..xxxx.")]);
        bench.engine.set("a", vec![probe(Kind::Readiness)], running());
        let failed = "Readiness x answer of 3";
        for expected in
            ["Readiness H", failed, failed, failed, "Readiness U", failed, "Readiness H"]
        {
            assert_eq!(bench.next().await, expected);
        }
        let stats = bench.engine.stats();
        assert_eq!(stats.of(Kind::Readiness), Counts { success: 3, failure: 4, unknown: 0 });
    }

    #[tokio::test(start_paused = true)]
    async fn a_verdict_says_whom_it_is_about_and_why() {
        let mut bench = Bench::new(&[(LIVENESS, "x")]);
        bench.engine.set("a", vec![failing_at_once(Kind::Liveness)], running());
        let target = || "a".to_owned();
        let (kind, message) = (Kind::Liveness, "answer of 2".to_owned());
        let unhealthy = Event::Unhealthy { target: target(), kind, message: message.clone() };
        assert_eq!(bench.news.recv().await, Some(unhealthy));
        let (incarnation, verdict) = ("1".into(), Verdict::Failure);
        let failed = Event::Verdict { target: target(), kind, incarnation, verdict, message };
        assert_eq!(bench.news.recv().await, Some(failed));
    }

    #[tokio::test(start_paused = true)]
    async fn a_warning_is_told_and_counts_as_success() {
        let mut bench = Bench::new(&[(READINESS, "w")]);
        bench.engine.set("a", vec![probe(Kind::Readiness)], running());
        assert_eq!(bench.next().await, "Readiness w answer of 3");
        assert_eq!(bench.next().await, "Readiness H");
        assert_eq!(bench.engine.stats().readiness.success, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn probing_goes_on_when_nobody_listens() {
        let mut bench = Bench::new(&[(READINESS, "x")]);
        bench.news.close();
        bench.engine.set("a", vec![probe(Kind::Readiness)], running());
        assert_eq!(bench.next_asked(5).await[4], (READINESS, 40));
    }
}

mod gating {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn startup_comes_before_the_others_and_then_readiness_is_asked_at_once() {
        let mut bench = Bench::new(&[(STARTUP, "xx."), (LIVENESS, "."), (READINESS, ".")]);
        bench.engine.set("a", all(), running());
        assert!(!bench.engine.started("a"));
        let times = bench.next_asked(4).await;
        let startup = [(STARTUP, 0), (STARTUP, 10), (STARTUP, 20)];
        assert_eq!(times[..3], startup);
        assert!(times[3] == (READINESS, 20) || times[3] == (LIVENESS, 20), "{times:?}");
        assert!(bench.engine.started("a"));
        let later = bench.next_asked(20).await;
        assert!(later.iter().all(|(port, _)| *port != STARTUP), "{later:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn startup_that_fails_is_held_until_the_next_incarnation() {
        let mut bench = Bench::new(&[(STARTUP, "xxx."), (READINESS, ".")]);
        let probes = vec![probe(Kind::Startup), probe(Kind::Readiness)];
        bench.engine.set("a", probes.clone(), running());
        bench.next_asked(3).await;
        assert!(bench.is_asked_no_more().await);
        assert_eq!(bench.verdict(Kind::Startup), Some(Verdict::Failure));
        let reborn = Facts { incarnation: "2".into(), ..running() };
        bench.engine.set("a", probes, reborn);
        assert_eq!(bench.verdict(Kind::Startup), Some(Verdict::Unknown));
        assert_eq!(bench.next_asked(1).await[0].0, STARTUP);
        assert_eq!(bench.next_asked(1).await[0].0, READINESS);
    }

    #[tokio::test(start_paused = true)]
    async fn liveness_that_fails_is_held_until_the_next_incarnation() {
        let mut bench = Bench::new(&[(LIVENESS, "x.")]);
        let probes = vec![failing_at_once(Kind::Liveness)];
        bench.engine.set("a", probes.clone(), running());
        assert_eq!(bench.next().await, "Liveness x answer of 2");
        assert_eq!(bench.next().await, "Liveness U");
        bench.next_asked(1).await;
        bench.engine.set("a", probes.clone(), running());
        assert!(bench.is_asked_no_more().await);
        bench.engine.set("a", probes, Facts { incarnation: "2".into(), ..running() });
        assert_eq!(bench.verdict(Kind::Liveness), Some(Verdict::Success));
        assert_eq!(bench.next_asked(1).await[0].0, LIVENESS);
    }

    #[tokio::test(start_paused = true)]
    async fn an_instance_that_comes_up_is_asked_for_readiness_at_once() {
        let mut bench = Bench::new(&[(READINESS, ".")]);
        let probes = vec![probe(Kind::Readiness)];
        bench.engine.set("a", probes.clone(), Facts { address: None, ..down() });
        assert!(timeout(63 * SECOND, bench.asked.recv()).await.is_err());
        bench.engine.set("a", probes.clone(), Facts { address: None, ..running() });
        assert!(timeout(SECOND, bench.asked.recv()).await.is_err());
        bench.engine.set("a", probes, running());
        assert_eq!(bench.next_asked(2).await, [(READINESS, 64), (READINESS, 74)]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_observation_without_news_does_not_ask_out_of_turn() {
        let mut bench = Bench::new(&[(READINESS, "x")]);
        for second in 0..30 {
            let running_for = Some(Duration::from_secs(second));
            let facts = Facts { running_for, ..running() };
            bench.engine.set("a", vec![probe(Kind::Readiness)], facts);
            assert_eq!(timeout(SECOND, std::future::pending::<()>()).await.ok(), None);
        }
        let times = bench.next_asked(3).await;
        assert_eq!(times, [(READINESS, 0), (READINESS, 10), (READINESS, 20)]);
    }

    #[tokio::test(start_paused = true)]
    async fn termination_ends_startup_and_liveness_and_readiness_goes_on() {
        let mut bench = Bench::new(&[(LIVENESS, "."), (READINESS, ".")]);
        let probes = vec![probe(Kind::Liveness), probe(Kind::Readiness)];
        bench.engine.set("a", probes.clone(), running());
        bench.probes(2).await;
        let terminating = Facts { terminating: true, ..running() };
        bench.engine.set("a", probes.clone(), terminating.clone());
        bench.probes(1).await;
        assert_eq!(bench.verdict(Kind::Liveness), Some(Verdict::Success));
        bench.engine.set("a", probes, terminating);
        bench.probes(1).await;
        while bench.asked.try_recv().is_ok() {}
        assert!(bench.next_asked(5).await.iter().all(|(port, _)| *port == READINESS));
    }
}

mod believing {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn initial_verdicts_stand_when_set_returns() {
        let mut bench = Bench::new(&[(STARTUP, "x"), (LIVENESS, "x"), (READINESS, "x")]);
        bench.engine.set("a", all(), running());
        assert_eq!(bench.verdict(Kind::Startup), Some(Verdict::Unknown));
        assert_eq!(bench.verdict(Kind::Liveness), Some(Verdict::Success));
        assert_eq!(bench.verdict(Kind::Readiness), Some(Verdict::Failure));
        assert!(bench.is_silent());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_ready_stays_ready_until_a_probe_says_otherwise() {
        let mut bench = Bench::new(&[(STARTUP, "."), (READINESS, "x")]);
        let probes = vec![probe(Kind::Startup), probe(Kind::Readiness)];
        let facts = Facts { was_ready: true, ..running() };
        bench.engine.set("a", probes, facts);
        assert_eq!(bench.verdict(Kind::Readiness), Some(Verdict::Success));
        assert!(bench.engine.started("a"));
        assert_eq!(bench.next().await, "Startup H");
        assert_eq!(bench.next().await, "Readiness H");
        for _ in 0..3 {
            assert_eq!(bench.next().await, "Readiness x answer of 3");
        }
        assert_eq!(bench.next().await, "Readiness U");
        assert!(bench.next_asked(3).await.iter().all(|(port, _)| *port == READINESS));
    }

    #[tokio::test(start_paused = true)]
    async fn what_stops_is_not_ready_when_set_returns_and_liveness_is_not_told() {
        let mut bench = Bench::new(&[(LIVENESS, "."), (READINESS, ".")]);
        let probes = vec![probe(Kind::Liveness), probe(Kind::Readiness)];
        bench.engine.set("a", probes.clone(), running());
        assert_eq!(bench.next().await, "Readiness H");
        bench.engine.set("a", probes.clone(), down());
        assert_eq!(bench.verdict(Kind::Readiness), Some(Verdict::Failure));
        assert_eq!(bench.verdict(Kind::Liveness), Some(Verdict::Failure));
        assert!(!bench.engine.started("a"));
        assert_eq!(bench.next().await, "Readiness U");
        assert!(bench.is_silent());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_about_an_earlier_incarnation_is_dropped() {
        let mut bench = Bench::new(&[(LIVENESS, "g.")]);
        let probes = vec![failing_at_once(Kind::Liveness)];
        bench.engine.set("a", probes.clone(), running());
        bench.next_asked(1).await;
        bench.engine.set("a", probes, Facts { incarnation: "2".into(), ..running() });
        bench.gate.notify_one();
        bench.next_asked(1).await;
        assert!(bench.is_silent());
        assert_eq!(bench.verdict(Kind::Liveness), Some(Verdict::Success));
        assert_eq!(bench.engine.stats().liveness.failure, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_that_comes_after_termination_began_is_dropped() {
        let mut bench = Bench::new(&[(LIVENESS, "g"), (READINESS, ".")]);
        let probes = vec![failing_at_once(Kind::Liveness)];
        bench.engine.set("a", probes.clone(), running());
        bench.next_asked(1).await;
        bench.engine.set("a", probes, Facts { terminating: true, ..running() });
        bench.gate.notify_one();
        bench.probes(0).await;
        assert!(bench.is_silent());
        assert_eq!(bench.verdict(Kind::Liveness), Some(Verdict::Success));
    }

    #[tokio::test(start_paused = true)]
    async fn an_instance_that_runs_again_under_the_same_name_begins_anew() {
        let mut bench = Bench::new(&[(LIVENESS, "x")]);
        let probes = vec![failing_at_once(Kind::Liveness)];
        bench.engine.set("a", probes.clone(), running());
        bench.next().await;
        assert_eq!(bench.next().await, "Liveness U");
        bench.engine.set("a", probes.clone(), down());
        bench.engine.set("a", probes, running());
        assert_eq!(bench.verdict(Kind::Liveness), Some(Verdict::Success));
        assert_eq!(bench.next().await, "Liveness H");
        bench.next().await;
        assert_eq!(bench.next().await, "Liveness U");
    }

    #[tokio::test(start_paused = true)]
    async fn started_is_to_run_and_to_have_passed_the_startup_probe() {
        let bench = Bench::new(&[(STARTUP, "~"), (LIVENESS, "."), (READINESS, ".")]);
        let check = |probes: &[Kind], facts: Facts, expected: bool| {
            bench.engine.set("a", probes.iter().copied().map(probe).collect(), facts);
            assert_eq!(bench.engine.started("a"), expected, "{probes:?}");
        };
        assert!(!bench.engine.started("a"));
        check(&[], running(), true);
        check(&[], down(), false);
        check(&[Kind::Liveness], running(), true);
        check(&[Kind::Readiness], running(), true);
        check(&[Kind::Startup], running(), false);
        check(&[Kind::Startup], down(), false);
    }
}

mod ending {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_target_has_its_probes_and_no_others() {
        let bench = Bench::new(&[(STARTUP, "x"), (LIVENESS, "."), (READINESS, ".")]);
        bench.engine.set("a", Vec::new(), running());
        assert_eq!(bench.engine.stats().probes, 0);
        assert_eq!(bench.verdict(Kind::Readiness), None);
        bench.engine.set("a", all(), running());
        assert_eq!(bench.engine.stats().probes, 3);
        bench.engine.set("a", vec![probe(Kind::Readiness)], running());
        bench.probes(1).await;
        assert_eq!(bench.verdict(Kind::Liveness), None);
        bench.engine.set("a", all(), running());
        assert_eq!(bench.engine.stats().probes, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_changed_begins_anew() {
        let mut bench = Bench::new(&[(LIVENESS, "."), (READINESS, "."), (9, "x")]);
        bench.engine.set("a", vec![probe(Kind::Liveness), probe(Kind::Readiness)], running());
        bench.next_asked(2).await;
        assert_eq!(bench.next().await, "Readiness H");
        advance(3 * SECOND).await;
        let handler = Handler::TcpSocket { host: None, port: 9 };
        let changed = Probe { handler, ..probe(Kind::Readiness) };
        let facts = Facts { was_ready: true, ..running() };
        bench.engine.set("a", vec![probe(Kind::Liveness), changed], facts);
        assert_eq!(bench.verdict(Kind::Readiness), Some(Verdict::Failure));
        let times = bench.next_asked(3).await;
        assert_eq!(times, [(9, 3), (LIVENESS, 10), (9, 13)]);
        bench.probes(2).await;
    }

    #[tokio::test(start_paused = true)]
    async fn removing_gives_up_what_is_asked_and_leaves_others_alone() {
        let mut bench = Bench::new(&[(LIVENESS, "~"), (READINESS, ".")]);
        bench.engine.set("a", vec![probe(Kind::Liveness), probe(Kind::Readiness)], running());
        bench.engine.set("b", vec![probe(Kind::Readiness)], running());
        bench.next_asked(3).await;
        for _ in 0..10 {
            bench.engine.remove("a");
        }
        bench.probes(1).await;
        assert_eq!(bench.verdict(Kind::Liveness), None);
        assert_eq!(bench.engine.verdict("b", Kind::Readiness), Some(Verdict::Success));
        let stats = bench.engine.stats();
        assert_eq!((stats.probes, stats.asking), (1, 0));
    }

    /// `TestCleanupRepeated` and `TestCleanUp` of the kubelet's tests.
    #[tokio::test(start_paused = true)]
    async fn removing_a_hundred_targets_ten_times_is_removing_them_once() {
        let bench = Bench::new(&[(STARTUP, "."), (LIVENESS, "."), (READINESS, ".")]);
        for number in 0..100 {
            bench.engine.set(&format!("b{number}"), all(), running());
        }
        bench.engine.set("a", all(), running());
        bench.probes(303).await;
        for _ in 0..10 {
            for number in 0..100 {
                bench.engine.remove(&format!("b{number}"));
            }
        }
        bench.probes(3).await;
        assert_eq!(bench.engine.verdict("b7", Kind::Liveness), None);
        assert!(bench.verdict(Kind::Liveness).is_some(), "the other one is left alone");
    }

    /// What `prober_probe_total` and `prober_probe_duration_seconds` are made of.
    #[tokio::test(start_paused = true)]
    async fn answers_are_counted_for_each_probe_and_gone_with_it() {
        let mut bench = Bench::new(&[(LIVENESS, "x"), (READINESS, "..???x")]);
        let probes = vec![probe(Kind::Liveness), probe(Kind::Readiness)];
        bench.engine.set("a", probes.clone(), running());
        assert_eq!(bench.engine.answers(), [], "nothing was answered yet");
        bench.next_asked(9).await;
        tokio::time::sleep(SECOND).await;
        let counted = |bench: &Bench| -> Vec<_> {
            let answers = bench.engine.answers().into_iter();
            answers.map(|one| (one.kind, one.answers.successes, one.answers.failures)).collect()
        };
        assert_eq!(counted(&bench), [(Kind::Liveness, 0, 3), (Kind::Readiness, 2, 1)]);
        // Liveness is held now; termination ends it.
        bench.engine.set("a", probes, Facts { terminating: true, ..running() });
        assert_eq!(counted(&bench), [(Kind::Readiness, 2, 1)]);
        bench.engine.remove("a");
        assert_eq!(counted(&bench), []);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_told_of_a_target_once_it_is_removed() {
        let mut bench = Bench::new(&[(LIVENESS, "g")]);
        bench.engine.set("a", vec![failing_at_once(Kind::Liveness)], running());
        bench.next_asked(1).await;
        bench.engine.remove("a");
        bench.gate.notify_one();
        bench.probes(0).await;
        assert!(bench.is_silent());
    }

    #[tokio::test(start_paused = true)]
    async fn everything_ends_when_the_last_engine_is_dropped() {
        let Bench { engine, mut news, mut asked, .. } =
            Bench::new(&[(LIVENESS, "~"), (READINESS, ".")]);
        let clone = engine.clone();
        engine.set("a", vec![probe(Kind::Liveness), probe(Kind::Readiness)], running());
        drop(engine);
        assert!(asked.recv().await.is_some());
        assert!(news.recv().await.is_some());
        drop(clone);
        // Both channels close only when nothing is left that could use the prober or tell of it.
        while asked.recv().await.is_some() {}
        while news.recv().await.is_some() {}
    }

    #[tokio::test(start_paused = true)]
    async fn shutting_down_waits_for_questions_and_begins_no_more() {
        let bench = Bench::new(&[(LIVENESS, "~"), (READINESS, ".")]);
        for target in 0..100 {
            let probes = vec![probe(Kind::Liveness), probe(Kind::Readiness)];
            bench.engine.set(&target.to_string(), probes, running());
        }
        assert_eq!(bench.engine.stats().probes, 200);
        for _ in 0..10 {
            bench.engine.shutdown().await;
            assert_eq!(bench.engine.stats().probes, 0);
        }
        bench.engine.set("a", all(), running());
        assert_eq!(bench.engine.stats().probes, 0);
        assert_eq!(bench.verdict(Kind::Readiness), None);
    }
}
