//! One run: a cluster, a datacenter and the processes between them, from the first pod to the last.

mod operate;
mod outcome;
mod perform;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::time::Instant;
use triton_cloudapi::client::Client;
use triton_sim::{InstanceRecord, Sim};

use crate::apiserver::{ApiServer, Resource, text};
use crate::boundary::{Boundaries, Point};
use crate::canary;
use crate::cloud::{self, Strangers};
use crate::history::{History, What};
use crate::life::{Life, NODE};
use crate::luck::Luck;
use crate::oracle::{self, Facts, Invariant, Violation};
use crate::plan::Plan;
use crate::settled;
use crate::trace::Fingerprint;
use crate::wire::{Doors, Line, Wire};
pub use outcome::Outcome;

/// How often the world looks around.
const TICK: Duration = Duration::from_millis(250);

/// Within which everything must be as it should be once nothing is done any more: an ambiguity window, an orphan's age,
/// the longest pause between two tries, and what work there is in between.
const CONVERGES: Duration = Duration::from_secs(900);

/// For how long it must stay so.
const STAYS: Duration = Duration::from_secs(20);

/// Every so often in the calm somebody sees to instances that the datacenter itself has lost track of.
const OPERATOR: Duration = Duration::from_secs(60);

/// What to run.
#[derive(Clone, Default)]
pub struct Run {
    /// From which everything is drawn.
    pub seed: u64,
    /// What happens.
    pub plan: Plan,
    /// Where processes die, beside what the plan says.
    pub deaths: Vec<Point>,
    /// Where logs go that the canary looks through; `None`: nothing is logged.
    pub log: Option<crate::log::Log>,
}

struct World {
    seed: u64,
    kube: ApiServer,
    sim: Sim,
    admin: Client,
    wire: Wire,
    history: History,
    luck: Luck,
    doors: Doors,
    strangers: Strangers,
    lives: Vec<Life>,
    /// When the next process begins.
    next_life: Option<Instant>,
    /// When the older of two processes is killed.
    overlap_ends: Option<Instant>,
    begun: u32,
    kills: u64,
    made: usize,
    deeds: BTreeMap<&'static str, u64>,
    shown: Vec<Violation>,
    /// A fault was set by which instances change without us, others' too.
    has_planned_behind_back: bool,
}

// === impl Run ===

impl Run {
    /// Runs it to its end, in this thread.
    ///
    /// # Errors
    /// When the stage could not be set; what goes wrong on it is in the outcome.
    pub fn go(self) -> anyhow::Result<Outcome> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()?;
        let log = self.log.clone();
        let _guard = log.map(|log| tracing::subscriber::set_default(log.subscriber()));
        runtime.block_on(self.play())
    }

    async fn play(self) -> anyhow::Result<Outcome> {
        let began = Instant::now();
        let boundaries = Boundaries::with_deaths(&self.deaths);
        let mut world = World::set(self.seed, boundaries.clone()).await?;
        let _installed = world.luck.install(&world.sim, self.seed);
        world.begin_life();
        for (at, deed) in &self.plan.deeds {
            world.until(began + *at).await;
            world.history.add(world.sim.now(), What::Deed(deed.to_string()));
            world.perform(deed);
        }
        world.until(began + self.plan.calm).await;
        world.calm_down();
        if world.settle(false).await {
            world.delete_all();
            world.settle(true).await;
        }
        for life in std::mem::take(&mut world.lives) {
            world.look_for_canary("metrics", &life.metrics());
            life.stop().await;
        }
        if let Some(log) = &self.log {
            world.look_for_canary("logs", &log.text());
        }
        world.check_strangers().await?;
        Ok(world.end(began.elapsed(), &boundaries))
    }
}

// === impl World ===

impl World {
    async fn set(seed: u64, boundaries: Boundaries) -> anyhow::Result<Self> {
        let history = History::default();
        let sim = cloud::datacenter(seed)?;
        let clock = sim.clone();
        let kube = ApiServer::new(seed, Arc::new(move || clock.now()), history.tickets());
        for name in ["kube-system", "default", "kube-node-lease"] {
            kube.create(Resource::Namespaces, "", json!({ "metadata": { "name": name } }))?;
        }
        kube.create(Resource::Secrets, "default", canary::secret())?;
        let admin = cloud::admin(&sim)?;
        let strangers = cloud::strangers(&admin).await?;
        let doors = Doors::default();
        let wire = Wire {
            life: Line::new(0),
            kube: kube.clone(),
            sim: sim.clone(),
            router: sim.router(),
            history: history.clone(),
            boundaries,
            doors: doors.clone(),
        };
        Ok(Self {
            seed,
            kube,
            sim,
            admin,
            wire,
            history,
            luck: Luck::new(seed),
            doors,
            strangers,
            lives: Vec::new(),
            next_life: None,
            overlap_ends: None,
            begun: 0,
            kills: 0,
            made: 0,
            deeds: BTreeMap::new(),
            shown: Vec::new(),
            has_planned_behind_back: false,
        })
    }

    fn begin_life(&mut self) {
        self.begun += 1;
        self.next_life = None;
        self.history.add(self.sim.now(), What::Life(self.begun, true));
        let wire = Wire { life: Line::new(self.begun), ..self.wire.clone() };
        self.lives.push(Life::begin(wire, &self.luck));
    }

    /// Kills the process that began first.
    fn kill_oldest(&mut self) {
        if self.lives.is_empty() {
            return;
        }
        let life = self.lives.remove(0);
        self.look_for_canary("metrics", &life.metrics());
        self.history.add(self.sim.now(), What::Life(life.line.id, false));
        self.kills += 1;
        life.kill();
    }

    /// Lets time go by, and keeps a process running meanwhile.
    async fn until(&mut self, end: Instant) {
        loop {
            self.supervise();
            let now = Instant::now();
            if now >= end {
                return;
            }
            tokio::time::sleep_until(end.min(now + TICK)).await;
        }
    }

    /// What systemd, or a Deployment, does.
    fn supervise(&mut self) {
        self.history.follow(&self.sim);
        let now = Instant::now();
        if self.overlap_ends.is_some_and(|at| at <= now) {
            self.overlap_ends = None;
            if self.lives.len() > 1 {
                self.kill_oldest();
            }
        }
        let over = self.lives.iter().position(Life::is_over);
        if let Some(place) = over {
            let life = self.lives.remove(place);
            self.look_for_canary("metrics", &life.metrics());
            self.history.add(self.sim.now(), What::Life(life.line.id, false));
            self.kills += u64::from(life.line.is_dead());
            life.kill();
        }
        if self.lives.is_empty() {
            match self.next_life {
                None => {
                    let pause = Duration::from_millis(500).mul_f64(1.0 + 4.0 * self.luck.chance());
                    self.next_life = Some(now + pause);
                }
                Some(at) if at <= now => self.begin_life(),
                Some(_) => {}
            }
        }
    }

    /// Living instances of the node.
    fn instances(&self, wanted: impl Fn(&InstanceRecord) -> bool) -> Vec<InstanceRecord> {
        let strangers = &self.strangers.instances;
        let is_ours = |instance: &InstanceRecord| {
            settled::is_alive(instance) && !strangers.contains(&instance.id) && wanted(instance)
        };
        self.sim.instances().into_iter().filter(is_ours).collect()
    }

    fn calm_down(&mut self) {
        self.history.follow(&self.sim);
        self.count_strikes();
        self.sim.clear_faults();
        self.kube.clear_faults();
        self.doors.clear();
        self.lives.iter().for_each(|life| life.line.heal());
        self.luck.skew().set(SignedDuration::ZERO);
        self.overlap_ends = None;
        while self.lives.len() > 1 {
            self.kill_oldest();
        }
        if self.deeds.contains_key("journal-stolen") {
            // Who has lost the journal makes nothing until it is started anew.
            self.kill_oldest();
        }
        self.history.add(self.sim.now(), What::Calm);
    }

    fn count_strikes(&mut self) {
        // A fault that was set again counts anew, so the journal of requests is asked, not the faults that are set.
        for record in self.sim.journal() {
            for kind in record.struck {
                *self.deeds.entry(kind.as_str()).or_default() += 1;
            }
        }
        for (kind, times) in self.doors.struck() {
            *self.deeds.entry(kind.as_str()).or_default() += times;
        }
        for (kind, times) in self.kube.struck() {
            *self.deeds.entry(kind.as_str()).or_default() += times;
        }
    }

    /// Waits until everything is as it should be, and says whether it came to that.
    async fn settle(&mut self, is_end: bool) -> bool {
        let began = Instant::now();
        let mut since: Option<Instant> = None;
        let mut operated = 0;
        loop {
            let now = Instant::now();
            self.until(now + 8 * TICK).await;
            if now - began > OPERATOR * (operated + 1) {
                operated += 1;
                self.operate(operated == 1).await;
            }
            match self.is_settled(is_end).await {
                Ok(()) => {
                    let since = *since.get_or_insert(now);
                    if now - since >= STAYS {
                        return true;
                    }
                }
                Err(reason) => {
                    since = None;
                    if now - began > CONVERGES {
                        let invariant = settled::invariant(&reason, is_end);
                        self.violate(invariant, format!("after {CONVERGES:?} of calm: {reason}"));
                        return false;
                    }
                }
            }
        }
    }

    async fn is_settled(&self, is_end: bool) -> Result<(), String> {
        let pods = self.kube.list(Resource::Pods);
        settled::instances(&pods, &self.instances(|_| true), &self.cluster())?;
        if is_end {
            if let Some(pod) = pods.first() {
                return Err(format!("pod {} is still there", text(pod, "/metadata/name")));
            }
            let rules =
                self.admin.list_firewall_rules().await.map_err(|error| error.to_string())?;
            let mark = format!("vk-triton cluster={} node={NODE}", self.cluster());
            for rule in rules.items {
                if rule.description.as_deref().is_some_and(|text| text.starts_with(&mark)) {
                    return Err(format!("rule {} is left: {:?}", rule.id, rule.description));
                }
            }
        }
        Ok(())
    }

    fn delete_all(&self) {
        for pod in self.kube.list(Resource::Pods) {
            // It may go by itself in the same moment.
            let _ =
                self.kube.delete(Resource::Pods, "default", &text(&pod, "/metadata/name"), None);
        }
    }

    async fn check_strangers(&mut self) -> anyhow::Result<()> {
        for id in self.strangers.instances.clone() {
            // Somebody in the datacenter; that none of our requests did it is for the oracle. Whether one was among
            // requests that are never answered no record says, so what was planned counts.
            let is_behind_back = self.has_planned_behind_back;
            let lives = self.sim.instance(id).is_some_and(|instance| settled::is_alive(&instance));
            if !lives && !is_behind_back {
                self.violate(Invariant::S2, format!("instance {id} of somebody else is gone"));
            }
        }
        let rules = self.admin.list_firewall_rules().await.context("reading rules at the end")?;
        if !rules.items.iter().any(|rule| rule.id.to_string() == self.strangers.rule) {
            self.violate(Invariant::S6, "a rule of somebody else is gone".to_owned());
        }
        Ok(())
    }

    fn look_for_canary(&mut self, place: &str, text: &str) {
        if let Some(around) = canary::find(text) {
            self.violate(Invariant::S7, format!("{place} show a secret: …{around}…"));
        }
    }

    fn violate(&mut self, invariant: Invariant, message: String) {
        self.shown.push(Violation { invariant, at: self.sim.now(), pod: None, message });
    }

    fn cluster(&self) -> String {
        let namespace = self.kube.get(Resource::Namespaces, "", "kube-system");
        namespace.map(|namespace| text(&namespace, "/metadata/uid")).unwrap_or_default()
    }

    fn end(mut self, lasted: Duration, boundaries: &Boundaries) -> Outcome {
        self.history.follow(&self.sim);
        let cluster = self.cluster();
        let entries = self.history.with(self.kube.history());
        let facts =
            Facts { cluster, node: NODE.to_owned(), strangers: self.strangers.instances.clone() };
        let mut violations = oracle::judge(&entries, &facts);
        violations.append(&mut self.shown);
        let pods: BTreeSet<String> = entries
            .iter()
            .filter_map(|entry| match &entry.what {
                What::Object(change) if change.resource == Resource::Pods => {
                    Some(text(&change.object, "/metadata/uid"))
                }
                _ => None,
            })
            .collect();
        Outcome {
            seed: self.seed,
            fingerprint: Fingerprint::of(&entries),
            violations,
            entries,
            lives: pods.len(),
            kills: self.kills,
            struck: self.deeds,
            lasted,
            boundaries: boundaries.crossed(),
            died: boundaries.died(),
        }
    }
}

/// A pod as JSON, for those who look at it.
pub(crate) fn is_terminal(pod: &Value) -> bool {
    matches!(text(pod, "/status/phase").as_str(), "Succeeded" | "Failed")
}
