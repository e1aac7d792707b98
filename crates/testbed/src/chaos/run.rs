//! A run: troubles and users' acts in rounds, rests in between, and the oracle's word at the end.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};

use super::bystanders;
use super::crew::Crew;
use super::plan::{Plan, Round};
use super::tally::Tally;
use super::trouble::Trouble;
use super::workload::Workload;
use crate::binaries::Binaries;
use crate::canary::Canary;
use crate::clock::now;
use crate::luck::Luck;
use crate::node::NodeOptions;
use crate::oracle::{Invariant, Oracle, Rates, Violation, Watch};
use crate::progress::say;
use crate::scene::Scene;
use crate::simulator::SimulatorOptions;
use crate::stack::StackOptions;

/// Waits of the node that suit a run of minutes: what the proxies hold back comes within the window, and what is left
/// over is found soon. Everything else is as users have it.
const SETTINGS: &str =
    "[limits]\nambiguity_window = \"30s\"\norphan_age = \"40s\"\norphans_per_round = 40\n";
/// Between two looks.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a process sleeps: longer than a Lease of 15 s.
const SLEEP: Duration = Duration::from_secs(19);
/// How long a server that went down stays away.
const AWAY: (u64, u64) = (2_000, 6_000);

/// How a run is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChaosOptions {
    /// Decides about everything that is drawn.
    pub seed: u64,
    /// Rounds between two rests.
    pub rounds: u32,
    /// After this no new round begins. At least one block of rounds is run, whatever this says.
    pub length: Duration,
    /// Processes of the node.
    pub processes: usize,
}

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// Promises that were broken, as they were.
    pub violations: Vec<Violation>,
    /// What happened.
    pub tally: Tally,
}

/// A run under way. Its fields are in the order in which they must end.
pub struct Chaos {
    pub(super) watch: Watch,
    pub(super) crew: Crew,
    pub(super) scene: Scene,
    pub(super) workload: Workload,
    pub(super) canary: Canary,
    pub(super) luck: Luck,
    pub(super) tally: Tally,
    pub(super) rates: Rates,
}

/// When what is due next.
struct Due {
    act: Instant,
    kill: Option<Instant>,
    guest: Option<Instant>,
    look: Instant,
}

// === impl Chaos ===

impl Chaos {
    /// Starts everything: control plane, simulator, bystanders, the node's processes behind their proxies, workload,
    /// oracle.
    ///
    /// # Errors
    /// When a part cannot be started.
    pub async fn start(binaries: &Binaries, options: &ChaosOptions) -> Result<Self> {
        let luck = Luck::new(options.seed);
        let simulator = SimulatorOptions { keeps_state: true, ..SimulatorOptions::default() };
        let stack = StackOptions { simulator, node: None, ..StackOptions::default() };
        let scene = Scene::start_with("chaos", binaries, &stack).await?;
        let node = NodeOptions { config: SETTINGS.to_owned(), ..NodeOptions::default() };
        let stack = &scene.stack;
        let cluster = scene.cluster_uid().await?;
        let mut oracle = Oracle::new(&cluster, &node.name);
        for id in bystanders::make(stack.cloud(), &cluster, &node.name).await? {
            oracle.see_foreign(&id);
        }
        let crew = Crew::start(stack, &node, options.processes, luck.named("crew")).await?;
        let eyes = (stack.client(), scene.fate().clone(), stack.cloud().clone());
        let watch = Watch::start(scene.dir(), oracle, (&cluster, &node.name), eyes)?;
        let workload = Workload::begin(stack.client(), &node.name).await?;
        let canary = scene.canary().clone();
        let (tally, rates) = (Tally::default(), Rates::default());
        Ok(Self { watch, crew, scene, workload, canary, luck, tally, rates })
    }

    /// Runs rounds and rests until the time is over, then ends the workload and looks what is left.
    ///
    /// # Errors
    /// When something of the testbed itself fails. Broken promises are no error: they are in the outcome.
    pub async fn run(mut self, options: &ChaosOptions) -> Result<Outcome> {
        let ran = self.run_all(options).await;
        let mut violations = self.watch.oracle().violations().to_vec();
        violations.sort_by_key(|violation| violation.at);
        if ran.is_err() || !violations.is_empty() {
            self.scene.keep();
            say(format_args!("what happened is in {}:", self.scene.dir().display()));
            say("  less oracle.history    # pods, requests that change something, troubles");
            say("  less vk-triton-1.log   # the node's decisions; one file for each process");
        }
        if ran.is_err() {
            // Whoever reads the error must not miss them.
            violations.iter().for_each(say);
        }
        ran?;
        Ok(Outcome { violations, tally: self.tally })
    }

    async fn run_all(&mut self, options: &ChaosOptions) -> Result<()> {
        self.rest("the beginning").await?;
        let end = Instant::now() + options.length;
        let mut plan = Plan::new(self.luck);
        loop {
            for _ in 0..options.rounds {
                let Some(round) = plan.next() else { bail!("a plan without end has ended") };
                self.round(&round).await?;
            }
            self.rest("the rounds").await?;
            if Instant::now() >= end {
                break;
            }
        }
        let carried = self.canary.carried(&self.scene.stack).await?;
        let living = self.workload.pods().await?.len();
        if living > 0 && carried == 0 {
            bail!("no instance carries the canary Secret: the search for it would mean nothing");
        }
        self.workload.end().await?;
        self.rest("the end of the workload").await?;
        self.search().await?;
        self.count().await;
        Ok(())
    }

    async fn round(&mut self, round: &Round) -> Result<()> {
        self.tally.rounds += 1;
        let luck = self.luck.named("round").of(self.tally.rounds);
        let names: Vec<String> = round.troubles.iter().map(ToString::to_string).collect();
        let what = format!(
            "round {:>3}, {:>2} s: {}",
            self.tally.rounds,
            round.length.as_secs(),
            names.join(" + ")
        );
        self.tell(&what);
        for name in names {
            *self.tally.troubles.entry(name).or_default() += 1;
        }
        if round.troubles.iter().any(|trouble| trouble.disturbs_cluster()) {
            self.watch.oracle().see_calm(None);
        }
        let until = Instant::now() + round.length;
        let mut asleep = None;
        for trouble in &round.troubles {
            self.begin(*trouble, luck, &mut asleep).await?;
        }
        let has = |trouble| round.troubles.contains(&trouble);
        let soon = |wanted: bool| wanted.then(Instant::now);
        let mut due = Due {
            act: Instant::now(),
            kill: soon(has(Trouble::Kills)),
            guest: soon(has(Trouble::Guests)),
            look: Instant::now(),
        };
        let mut tick = 0;
        while Instant::now() < until {
            tick += 1;
            self.tick(luck.of(tick), &mut due).await?;
            if let Some((number, wakes)) = asleep.filter(|(_, wakes)| Instant::now() >= *wakes) {
                self.crew.members()[number].node.runs().resume();
                self.note(format!("process {number} goes on, {:.1?} late", wakes.elapsed()));
                asleep = None;
            }
            let next = [Some(due.act), due.kill, due.guest, Some(due.look)];
            let next = next.into_iter().flatten().min().unwrap_or(until).min(until);
            sleep_until(next).await;
        }
        if let Some((number, _)) = asleep {
            self.crew.members()[number].node.runs().resume();
        }
        self.heal(luck).await
    }

    /// Makes a trouble. Those that end by themselves have ended when this returns.
    async fn begin(
        &mut self,
        trouble: Trouble,
        luck: Luck,
        asleep: &mut Option<(usize, Instant)>,
    ) -> Result<()> {
        let away = Duration::from_millis(luck.named("away").between(AWAY.0, AWAY.1));
        match trouble {
            Trouble::Kills | Trouble::Guests => {}
            Trouble::CloudLine(name) => {
                // Names are no protection: what CloudAPI looks at when two creates meet is older than both.
                self.scene.fate().set_fault("create-twins", &json!({})).await?;
                self.crew.set_cloud_lines(Some(name.parse()?));
            }
            Trouble::ClusterLine(name) => self.crew.set_cluster_lines(Some(name.parse()?)),
            Trouble::Cloud(fault) => {
                self.scene.fate().set_fault(fault.name, &fault.settings()).await?;
            }
            Trouble::Sleep => {
                let number = self.acting().await;
                self.crew.members()[number].node.runs().pause();
                self.note(format!("process {number} sleeps"));
                *asleep = Some((number, Instant::now() + SLEEP));
            }
            Trouble::Rolling => {
                let number = self.acting().await;
                self.note(format!("process {number} is asked to end"));
                let member = &mut self.crew.members()[number];
                member.node.runs().end();
                member.start_again()?;
            }
            Trouble::CloudDown => {
                self.crew.set_cloud_lines(Some("refuse".parse()?));
                // Its journals end with it: what is in them must be seen before.
                self.look_until_seen().await?;
                self.scene.stack.simulator.stop();
                sleep(away).await;
                self.scene.stack.simulator.start_again().await?;
                self.watch.simulator_started_anew();
                self.crew.set_cloud_lines(None);
            }
            Trouble::ApiserverCrash | Trouble::EtcdCrash => {
                let cluster = self.scene.stack.cluster.as_mut().context("finding the cluster")?;
                let process = if trouble == Trouble::EtcdCrash {
                    cluster.etcd()
                } else {
                    cluster.apiserver()
                };
                process.crash()?;
                sleep(away).await;
                process.start_again()?;
                cluster.wait_until_ready().await?;
            }
        }
        Ok(())
    }

    /// Does what is due.
    async fn tick(&mut self, luck: Luck, due: &mut Due) -> Result<()> {
        let now = Instant::now();
        let later = |name: &str, first: u64, last: u64| {
            Instant::now() + Duration::from_millis(luck.named(name).between(first, last))
        };
        if due.kill.is_some_and(|at| at <= now) {
            let number = self.acting().await;
            self.note(format!("process {number} is killed"));
            self.crew.kill(number)?;
            self.tally.kills += 1;
            due.kill = Some(later("kill", 500, 5_000));
        }
        if due.guest.is_some_and(|at| at <= now) {
            self.strike_a_guest(luck.named("guest")).await;
            due.guest = Some(later("next guest", 1_000, 3_000));
        }
        if due.act <= now {
            self.tally.acts += 1;
            match self.workload.act(luck.named("act")).await {
                Ok(act) => self.note(format!("a user: {act:?}")),
                Err(error) => {
                    self.tally.failed_acts += 1;
                    self.note(format!("a user: {error:#}"));
                }
            }
            due.act = later("next act", 400, 2_200);
        }
        if due.look <= now {
            self.start_what_ended()?;
            self.note_requests();
            due.look = Instant::now() + LOOK_EVERY;
        }
        Ok(())
    }

    /// What keeps programs running elsewhere: systemd, a kubelet.
    pub(super) fn start_what_ended(&mut self) -> Result<()> {
        self.tally.ended_by_themselves += u64::from(self.crew.start_what_ended()?);
        if let Some(cluster) = &mut self.scene.stack.cluster {
            let started = cluster.start_what_ended()?;
            if started > 0 {
                self.note(format!("{started} parts of the control plane were started again"));
            }
        }
        Ok(())
    }

    /// Whose turn it is, as Kubernetes says.
    async fn acting(&self) -> usize {
        self.crew.acting(self.scene.stack.client()).await
    }

    async fn strike_a_guest(&mut self, luck: Luck) {
        let deed = match luck.named("deed").below(10) {
            0..=5 => "stop",
            6 | 7 => "destroy",
            _ => "fail",
        };
        let foreign = self.watch.oracle().foreign().clone();
        let Ok(mut running) = self.scene.fate().living().await else { return };
        running.retain(|one| one.state == "running" && !foreign.contains(&one.id));
        let Some(victim) = luck.named("victim").pick(&running) else { return };
        if self.scene.fate().behind_our_back(&victim.id, deed).await.is_ok() {
            self.tally.guests += 1;
            self.note(format!("fate: {deed} {}", victim.id));
        }
    }

    /// Ends all troubles. Sometimes connections are cut as well, as by a switch that was replaced.
    async fn heal(&mut self, luck: Luck) -> Result<()> {
        let struck = self.scene.fate().struck().await?;
        self.tally.struck += struck.values().sum::<u64>();
        self.scene.fate().clear_faults().await?;
        self.crew.set_cloud_lines(None);
        self.crew.set_cluster_lines(None);
        if luck.named("cut").strikes(0.5) {
            for member in self.crew.members() {
                member.cloud.cut();
                member.cluster.cut();
            }
        }
        self.start_what_ended()?;
        self.note("healed".to_owned());
        self.watch.oracle().see_calm(Some(now()));
        Ok(())
    }

    /// Tells the oracle which process asked for which changes.
    pub(super) fn note_requests(&mut self) {
        for asked in self.crew.take_requests() {
            if let Some(what) = self.rates.see_request(asked.at, &asked.by) {
                self.watch.oracle().say(Invariant::S9, asked.at, what);
            }
            if asked.head.is_change() {
                let what = format!("{} {}", asked.head.method, asked.head.path);
                self.note(format!("process {} asked for {what}", asked.by));
                self.watch.oracle().terms().see_change(asked.at, &asked.by, what);
            }
        }
    }

    /// Searches for the canary.
    async fn search(&mut self) -> Result<()> {
        let mut places = self.canary.search(self.scene.dir(), &self.scene.stack).await?;
        for member in self.crew.members() {
            places.push(self.canary.search_text("metrics", &member.node.metrics().await?));
        }
        for place in &places {
            self.tally.searched.0 += 1;
            self.tally.searched.1 += place.size;
            if place.is_hit {
                let what = format!("the canary Secret is in {}", place.name);
                self.watch.oracle().say(Invariant::S7, now(), what);
            }
        }
        Ok(())
    }

    async fn count(&mut self) {
        let oracle = self.watch.oracle();
        (self.tally.instances, self.tally.pods) = oracle.totals();
        self.tally.judged = oracle.judged();
        let twins = oracle.twins(now());
        self.tally.requests_in_ten_seconds = self.rates.most();
        self.tally.twins = twins.len();
        self.tally.longest_twins = twins.first().map(|twins| twins.together).unwrap_or_default();
    }

    pub(super) fn note(&self, what: String) {
        self.watch.note(&what);
    }

    pub(super) fn tell(&self, what: &str) {
        self.watch.note(what);
        say(what);
    }
}
