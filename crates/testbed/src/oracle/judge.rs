//! The oracle itself: facts in, violations out. It has no clock and asks nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::facts::{InstanceFact, Phase, PodFact, RequestFact};
use super::terms::Terms;
use super::violation::{Invariant, Violation};

/// How long after something happened it is judged: by then both worlds have shown what belongs to it.
pub const LAG: SignedDuration = SignedDuration::from_secs(4);

/// Longest a Lease may go without being renewed, as the controller of nodes sees it.
const HEARTBEAT_LIMIT: SignedDuration = SignedDuration::from_secs(40);

/// Endpoints that take an instance away, or down.
const TAKES_AWAY: [&str; 2] = ["DeleteMachine", "StopMachine"];
/// Endpoints that change an instance in another way.
const CHANGES: [&str; 8] = [
    "StartMachine",
    "RebootMachine",
    "ResizeMachine",
    "RenameMachine",
    "EnableMachineDeletionProtection",
    "DisableMachineDeletionProtection",
    "AddMachineTags",
    "DeleteMachineTag",
];

/// Sees what both worlds show, and remembers what it needs to judge.
#[derive(Debug)]
pub struct Oracle {
    cluster: String,
    node: String,
    pods: BTreeMap<String, Story>,
    instances: BTreeMap<String, InstanceFact>,
    /// Instances and rules that are not ours.
    foreign: BTreeSet<String>,
    due: Vec<(Timestamp, Question)>,
    violations: Vec<Violation>,
    terms: Terms,
    /// When the node last renewed its Lease.
    renewed: Option<Timestamp>,
    /// Since when nothing stands between the node and its API server.
    calm_since: Option<Timestamp>,
    /// What was said once is not said again.
    said: BTreeSet<(Invariant, String)>,
    judged: u64,
}

/// What is remembered of a pod.
#[derive(Debug)]
struct Story {
    last: PodFact,
    /// When it was first seen to have ended.
    ended: Option<Timestamp>,
    /// When it was first seen to be gone.
    gone: Option<Timestamp>,
}

/// What can be judged only when both worlds have caught up.
#[derive(Debug)]
enum Question {
    /// May this instance be taken away?
    TakenAway { instance: String, endpoint: String },
    /// Might the pod name another instance?
    Renamed { pod: String, from: String, to: String },
    /// Is the instance that the pod names the pod's?
    Named { pod: String, instance: String },
    /// Is the instance of a pod that says so really gone?
    Lost { pod: String, instance: String },
    /// Did the instance begin that often?
    Restarted { pod: String, instance: String, restarts: i32 },
}

/// Two living instances of one pod, at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Twins {
    /// UID of the pod.
    pub pod: String,
    /// The younger one.
    pub second: String,
    /// How long both lived.
    pub together: Duration,
}

// === impl Oracle ===

impl Oracle {
    /// An oracle for one node of one cluster.
    #[must_use]
    pub fn new(cluster: &str, node: &str) -> Self {
        Self {
            cluster: cluster.to_owned(),
            node: node.to_owned(),
            pods: BTreeMap::new(),
            instances: BTreeMap::new(),
            foreign: BTreeSet::new(),
            due: Vec::new(),
            violations: Vec::new(),
            terms: Terms::default(),
            renewed: None,
            calm_since: None,
            said: BTreeSet::new(),
            judged: 0,
        }
    }

    /// An instance or a rule that nobody may touch.
    pub fn see_foreign(&mut self, id: &str) {
        self.foreign.insert(id.to_owned());
    }

    /// Instances and rules that nobody may touch.
    #[must_use]
    pub fn foreign(&self) -> &BTreeSet<String> {
        &self.foreign
    }

    /// Terms of the election, to be told of holders and of changes.
    pub fn terms(&mut self) -> &mut Terms {
        &mut self.terms
    }

    /// From now on nothing stands between the node and its API server; or, with `None`, something does.
    pub fn see_calm(&mut self, since: Option<Timestamp>) {
        self.calm_since = since;
    }

    /// When the node's Lease was renewed last.
    pub fn see_heartbeat(&mut self, renewed: Option<Timestamp>) {
        self.renewed = renewed;
    }

    /// A pod, as a watch or a list showed it.
    pub fn see_pod(&mut self, at: Timestamp, pod: &PodFact) {
        if pod.node.as_deref() != Some(self.node.as_str()) {
            return;
        }
        let Some(story) = self.pods.get_mut(&pod.uid) else {
            self.begin(at, pod);
            return;
        };
        if story.gone.is_some() || story.last.version >= pod.version {
            return;
        }
        let last = std::mem::replace(&mut story.last, pod.clone());
        if pod.phase.is_final() {
            story.ended.get_or_insert(at);
        }
        let name = &pod.name;
        if pod.phase < last.phase || (last.phase.is_final() && pod.phase != last.phase) {
            let what = format!("pod {name} went from {:?} to {:?}", last.phase, pod.phase);
            self.say(Invariant::S4, at, what);
        }
        if pod.restarts < last.restarts {
            let what =
                format!("pod {name} had {} restarts and now {}", last.restarts, pod.restarts);
            self.say(Invariant::S4, at, what);
        }
        if let Some(from) = last.instance.filter(|from| pod.instance.as_ref() != Some(from)) {
            match &pod.instance {
                Some(to) => {
                    let question = Question::Renamed { pod: pod.uid.clone(), from, to: to.clone() };
                    self.ask(at, question);
                }
                None => self.say(
                    Invariant::S1,
                    at,
                    format!("pod {name} names no instance any more; it named {from}"),
                ),
            }
        }
        if last.phase != Phase::Failed && pod.phase == Phase::Failed {
            self.ask_about_loss(at, pod);
        }
        if pod.restarts > last.restarts {
            self.ask_about_restarts(at, pod);
        }
        self.ask_about_name(at, pod);
    }

    /// A pod is not there any more.
    pub fn see_pod_gone(&mut self, at: Timestamp, uid: &str) {
        if let Some(story) = self.pods.get_mut(uid) {
            story.gone.get_or_insert(at);
        }
    }

    /// All pods there are: whichever is not among them is gone.
    pub fn see_pods(&mut self, at: Timestamp, pods: &[PodFact]) {
        for pod in pods {
            self.see_pod(at, pod);
        }
        let there: BTreeSet<&str> = pods.iter().map(|pod| pod.uid.as_str()).collect();
        for (uid, story) in &mut self.pods {
            if !there.contains(uid.as_str()) {
                story.gone.get_or_insert(at);
            }
        }
    }

    /// All instances there are and were.
    pub fn see_instances(&mut self, instances: impl IntoIterator<Item = InstanceFact>) {
        for instance in instances {
            self.instances.insert(instance.id.clone(), instance);
        }
    }

    /// A request that CloudAPI got from the node.
    pub fn see_request(&mut self, request: &RequestFact) {
        let Some(about) = &request.about else { return };
        let takes_away = TAKES_AWAY.contains(&request.endpoint.as_str());
        let changes = takes_away || CHANGES.contains(&request.endpoint.as_str());
        let changes_rule =
            request.endpoint.ends_with("FirewallRule") && !request.endpoint.starts_with("Get");
        if self.foreign.contains(about) && (changes || changes_rule) {
            let invariant = if changes_rule { Invariant::S6 } else { Invariant::S2 };
            let what = format!("{} of {about}, which is not ours", request.endpoint);
            self.say(invariant, request.at, what);
        } else if takes_away {
            let question =
                Question::TakenAway { instance: about.clone(), endpoint: request.endpoint.clone() };
            self.ask(request.at, question);
        }
    }

    /// Judges what happened before `seen`, up to when both worlds have been seen whole.
    pub fn settle(&mut self, seen: Timestamp) {
        self.judge_heartbeat(seen);
        for (at, what) in self.terms.settle(seen) {
            self.say(Invariant::S10, at, what);
        }
        let ripe = |at: Timestamp| at.checked_add(LAG).is_ok_and(|due| due <= seen);
        let (ready, waiting) =
            std::mem::take(&mut self.due).into_iter().partition(|due| ripe(due.0));
        self.due = waiting;
        let ready: Vec<(Timestamp, Question)> = ready;
        for (at, question) in ready {
            self.judged += 1;
            if let Some((invariant, what)) = self.judge(at, &question) {
                self.say(invariant, at, what);
            }
        }
    }

    fn judge_heartbeat(&mut self, seen: Timestamp) {
        let Some(calm) = self.calm_since else { return };
        let from = self.renewed.map_or(calm, |renewed| renewed.max(calm));
        if seen.duration_since(from) > HEARTBEAT_LIMIT {
            let what = format!("the node's Lease was not renewed for 40 s from {from:.0}");
            self.say(Invariant::S8, from, what);
        }
    }

    /// Something that another part found.
    pub fn say(&mut self, invariant: Invariant, at: Timestamp, what: String) {
        if self.said.insert((invariant, what.clone())) {
            self.violations.push(Violation { invariant, at, what });
        }
    }

    /// What was found so far, in the order in which it was.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// How many questions were answered, right or wrong: an oracle that was asked nothing says nothing.
    #[must_use]
    pub fn judged(&self) -> u64 {
        self.judged
    }

    /// UUIDs of instances of this node that were ever seen, and of pods.
    #[must_use]
    pub fn totals(&self) -> (usize, usize) {
        let ours = |instance: &&InstanceFact| instance.is_of(&self.cluster, &self.node);
        (self.instances.values().filter(ours).count(), self.pods.len())
    }

    /// Pods that had two living instances at one time, the longest first. `now` ends lives that go on.
    #[must_use]
    pub fn twins(&self, now: Timestamp) -> Vec<Twins> {
        let mut lives: BTreeMap<&str, Vec<(Timestamp, Timestamp, &str)>> = BTreeMap::new();
        for instance in self.instances.values() {
            if let (true, Some(pod), Some(made)) =
                (instance.is_of(&self.cluster, &self.node), instance.pod(), instance.made())
            {
                let ended = instance.ended().unwrap_or(now);
                lives.entry(pod).or_default().push((made, ended, &instance.id));
            }
        }
        let mut twins = Vec::new();
        for (pod, mut lives) in lives {
            lives.sort();
            let overlaps = lives
                .windows(2)
                .map(|pair| (pair[0].1.min(pair[1].1).duration_since(pair[1].0), pair[1].2));
            if let Some((together, second)) = overlaps.max()
                && together.is_positive()
            {
                let (pod, second) = (pod.to_owned(), second.to_owned());
                twins.push(Twins { pod, second, together: together.unsigned_abs() });
            }
        }
        twins.sort_by_key(|twins| std::cmp::Reverse(twins.together));
        twins
    }

    fn begin(&mut self, at: Timestamp, pod: &PodFact) {
        let story =
            Story { last: pod.clone(), ended: pod.phase.is_final().then_some(at), gone: None };
        self.pods.insert(pod.uid.clone(), story);
        self.ask_about_name(at, pod);
        if pod.phase == Phase::Failed {
            self.ask_about_loss(at, pod);
        }
        if pod.restarts > 0 {
            self.ask_about_restarts(at, pod);
        }
    }

    fn ask(&mut self, at: Timestamp, question: Question) {
        self.due.push((at, question));
    }

    fn ask_about_name(&mut self, at: Timestamp, pod: &PodFact) {
        if let Some(instance) = &pod.instance {
            let question = Question::Named { pod: pod.uid.clone(), instance: instance.clone() };
            self.ask(at, question);
        }
    }

    fn ask_about_loss(&mut self, at: Timestamp, pod: &PodFact) {
        let is_loss = matches!(pod.reason.as_deref(), Some("InstanceGone" | "InstanceFailed"));
        if let Some(instance) = pod.instance.as_ref().filter(|_| is_loss) {
            let question = Question::Lost { pod: pod.uid.clone(), instance: instance.clone() };
            self.ask(at, question);
        }
    }

    fn ask_about_restarts(&mut self, at: Timestamp, pod: &PodFact) {
        if let Some(instance) = &pod.instance {
            let question = Question::Restarted {
                pod: pod.uid.clone(),
                instance: instance.clone(),
                restarts: pod.restarts,
            };
            self.ask(at, question);
        }
    }

    fn judge(&self, at: Timestamp, question: &Question) -> Option<(Invariant, String)> {
        let name = |uid: &str| {
            let name = self.pods.get(uid).map_or("unknown", |story| story.last.name.as_str());
            format!("pod {name} ({uid})")
        };
        match question {
            Question::TakenAway { instance, endpoint } => self
                .why_not_take_away(at, instance)
                .map(|why| (Invariant::S2, format!("{endpoint} of instance {instance}, {why}"))),
            Question::Renamed { pod, from, to } => {
                let lived = self.instances.get(from).is_some_and(|from| from.lived_at(at));
                lived.then(|| {
                    let what = format!("{} names {to} while {from} lives", name(pod));
                    (Invariant::S1, what)
                })
            }
            Question::Named { pod, instance } => {
                let owner = match self.instances.get(instance) {
                    None => Some("nobody: there is no such instance".to_owned()),
                    Some(found) => match found.pod() {
                        Some(uid) if uid == pod => None,
                        uid => Some(uid.unwrap_or("nobody").to_owned()),
                    },
                };
                owner.map(|owner| {
                    (Invariant::S5, format!("{} names {instance} of {owner}", name(pod)))
                })
            }
            Question::Lost { pod, instance } => {
                let lived = self.instances.get(instance).is_some_and(|found| found.lived_at(at));
                lived
                    .then(|| (Invariant::S8, format!("{} lost {instance}, which lives", name(pod))))
            }
            Question::Restarted { pod, instance, restarts } => {
                let runs = self.instances.get(instance).map_or(0, InstanceFact::runs);
                // One restart may be counted when it was accepted, before it shows.
                let most = i32::try_from(runs).unwrap_or(i32::MAX);
                (*restarts > most).then(|| {
                    let what = format!(
                        "{} counts {restarts} restarts of {instance}, which began {runs} times",
                        name(pod)
                    );
                    (Invariant::S4, what)
                })
            }
        }
    }

    /// Why an instance may not be deleted or stopped; `None` when it may.
    fn why_not_take_away(&self, at: Timestamp, id: &str) -> Option<String> {
        let instance = self.instances.get(id)?;
        if !instance.is_of(&self.cluster, &self.node) {
            return Some("which does not carry this cluster's and node's tags".to_owned());
        }
        let caught_up = at.checked_add(LAG).unwrap_or(at);
        let story = instance.pod().and_then(|uid| self.pods.get(uid))?;
        let by = |moment: Option<Timestamp>| moment.is_some_and(|moment| moment <= caught_up);
        if by(story.gone) || by(story.ended) || by(story.last.asked_to_go) {
            return None;
        }
        if by(instance.ended()) {
            return None;
        }
        let twin = |other: &&InstanceFact| {
            other.id != instance.id && other.pod() == instance.pod() && other.lived_at(at)
        };
        let is_named = story.last.instance.as_deref() == Some(id);
        let name = &story.last.name;
        match self.instances.values().find(twin) {
            Some(twin) if is_named => {
                Some(format!("which pod {name} names; its twin {} should have gone", twin.id))
            }
            Some(_) => None,
            None => Some(format!("whose pod {name} is there and may stay")),
        }
    }
}

#[cfg(test)]
#[path = "judge/tests.rs"]
mod tests;
