//! The lives of one pod's containers, as a function of time: no clock, no chance.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated,
    ContainerStateWaiting, ContainerStatus, Pod,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use virtual_node::PodEvent;
use virtual_node::status::derive::Containers;

/// The pause before a container that ended is started again; it doubles, as the kubelet's.
const FIRST_PAUSE: Duration = Duration::from_secs(10);

/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// All containers of one pod.
#[derive(Debug)]
pub(crate) struct Lives {
    uid: String,
    init: Vec<Life>,
    regular: Vec<Life>,
}

/// One container.
#[derive(Debug)]
struct Life {
    name: String,
    image: String,
    policy: Policy,
    is_sidecar: bool,
    plan: Plan,
    /// From the start until it is ready.
    ready_after: Duration,
    state: State,
    restarts: u32,
    last: Option<Ended>,
}

/// When it is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    Always,
    OnFailure,
    Never,
}

/// What a container does with its life: what its command says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    /// It runs until it is told not to.
    Forever,
    /// It ends by itself.
    End { after: Duration, exit_code: i32 },
}

#[derive(Clone, Debug)]
enum State {
    Waiting,
    Running { since: Timestamp },
    Ended(Ended),
}

#[derive(Clone, Debug)]
struct Ended {
    started: Timestamp,
    finished: Timestamp,
    exit_code: i32,
    life: u32,
}

/// A container that runs.
pub(crate) struct Running<'a> {
    pub(crate) name: &'a str,
    pub(crate) since: Timestamp,
}

// === impl Lives ===

impl Lives {
    /// The containers of a pod, none of which has begun.
    pub(crate) fn of(pod: &Pod) -> Self {
        let spec = pod.spec.clone().unwrap_or_default();
        let policy = match spec.restart_policy.as_deref() {
            Some("Never") => Policy::Never,
            Some("OnFailure") => Policy::OnFailure,
            _ => Policy::Always,
        };
        // A regular init container that has done its work is done, whatever the policy.
        let init_policy = if policy == Policy::Always { Policy::OnFailure } else { policy };
        let init = spec.init_containers.unwrap_or_default();
        Self {
            uid: pod.metadata.uid.clone().unwrap_or_default(),
            init: init.iter().map(|container| Life::of(container, init_policy)).collect(),
            regular: spec.containers.iter().map(|container| Life::of(container, policy)).collect(),
        }
    }

    /// Lets time pass: containers end, start again, start for the first time.
    pub(crate) fn pass(&mut self, now: Timestamp) -> Vec<PodEvent> {
        let mut events = Vec::new();
        for life in self.init.iter_mut().chain(&mut self.regular) {
            life.pass(now, &mut events);
        }
        for life in &mut self.init {
            life.begin(now, &mut events);
            if !life.lets_others_begin() {
                return events;
            }
        }
        for life in &mut self.regular {
            life.begin(now, &mut events);
        }
        let is_over = self.regular.iter().all(|life| life.is_over());
        for sidecar in self.init.iter_mut().filter(|life| is_over && life.is_sidecar) {
            sidecar.end_for_good(now);
        }
        events
    }

    /// Ends everything that runs; each says yes to SIGTERM.
    pub(crate) fn end(&mut self, now: Timestamp) {
        for life in self.init.iter_mut().chain(&mut self.regular) {
            life.end_for_good(now);
        }
    }

    /// How long until something changes by itself.
    pub(crate) fn next(&self, now: Timestamp) -> Option<Duration> {
        let all = self.init.iter().chain(&self.regular);
        let at = all.filter_map(|life| life.next(now)).min()?;
        Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
    }

    /// As the node wants to know it.
    pub(crate) fn containers(&self, now: Timestamp) -> Containers {
        let statuses =
            |lives: &[Life]| lives.iter().map(|life| life.status(&self.uid, now)).collect();
        Containers {
            init: statuses(&self.init),
            regular: statuses(&self.regular),
            ready_to_start: true,
        }
    }

    /// What runs now.
    pub(crate) fn running(&self) -> impl Iterator<Item = Running<'_>> {
        self.init.iter().chain(&self.regular).filter_map(|life| match life.state {
            State::Running { since } => Some(Running { name: &life.name, since }),
            State::Waiting | State::Ended(_) => None,
        })
    }
}

// === impl Life ===

impl Life {
    fn of(container: &Container, policy: Policy) -> Self {
        let is_sidecar = container.restart_policy.as_deref() == Some("Always");
        let delay =
            container.readiness_probe.as_ref().and_then(|probe| probe.initial_delay_seconds);
        Self {
            name: container.name.clone(),
            image: container.image.clone().unwrap_or_default(),
            policy: if is_sidecar { Policy::Always } else { policy },
            is_sidecar,
            plan: Plan::of(container),
            ready_after: seconds(delay.unwrap_or_default().into()),
            state: State::Waiting,
            restarts: 0,
            last: None,
        }
    }

    /// It ends by itself, and begins again after a pause.
    fn pass(&mut self, now: Timestamp, events: &mut Vec<PodEvent>) {
        if let (State::Running { since }, Plan::End { after, exit_code }) = (&self.state, self.plan)
        {
            let finished = later(*since, after);
            if finished <= now {
                self.end(finished, exit_code);
            }
        }
        let State::Ended(ended) = &self.state else { return };
        if self.begins_again(ended) && later(ended.finished, self.pause()) <= now {
            self.last = Some(ended.clone());
            self.restarts += 1;
            self.start(now, events);
        }
    }

    fn begin(&mut self, now: Timestamp, events: &mut Vec<PodEvent>) {
        if matches!(self.state, State::Waiting) {
            self.start(now, events);
        }
    }

    fn start(&mut self, now: Timestamp, events: &mut Vec<PodEvent>) {
        self.state = State::Running { since: now };
        let name = &self.name;
        let said = [("Created", "Created container: "), ("Started", "Started container ")];
        events.extend(said.map(|(reason, message)| {
            PodEvent::normal(reason, format!("{message}{name}")).in_container(name)
        }));
    }

    fn end(&mut self, finished: Timestamp, exit_code: i32) {
        if let State::Running { since: started } = self.state {
            self.state = State::Ended(Ended { started, finished, exit_code, life: self.restarts });
        }
    }

    /// It obeys, and nobody wants it any more.
    fn end_for_good(&mut self, now: Timestamp) {
        self.end(now, 0);
        self.policy = Policy::Never;
    }

    fn begins_again(&self, ended: &Ended) -> bool {
        match self.policy {
            Policy::Always => true,
            Policy::OnFailure => ended.exit_code != 0,
            Policy::Never => false,
        }
    }

    /// Before the next life; the first end is forgiven at once.
    fn pause(&self) -> Duration {
        match self.restarts.checked_sub(1) {
            None => Duration::ZERO,
            Some(n) => FIRST_PAUSE.saturating_mul(1 << n.min(8)).min(LONGEST_PAUSE),
        }
    }

    /// Whether those after this init container may begin.
    fn lets_others_begin(&self) -> bool {
        match &self.state {
            State::Waiting => false,
            State::Running { .. } => self.is_sidecar,
            State::Ended(ended) => self.is_sidecar || ended.exit_code == 0,
        }
    }

    fn is_over(&self) -> bool {
        matches!(&self.state, State::Ended(ended) if !self.begins_again(ended))
    }

    fn next(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.state {
            State::Waiting => None,
            State::Running { since } => {
                let ready = Some(later(*since, self.ready_after)).filter(|ready| *ready > now);
                let end = match self.plan {
                    Plan::Forever => None,
                    Plan::End { after, .. } => Some(later(*since, after)),
                };
                ready.into_iter().chain(end).min()
            }
            State::Ended(ended) => {
                self.begins_again(ended).then(|| later(ended.finished, self.pause()))
            }
        }
    }

    fn status(&self, uid: &str, now: Timestamp) -> ContainerStatus {
        let id = |life: u32| format!("mock://{uid}/{}/{life}", self.name);
        let ended = |ended: &Ended| ContainerState {
            terminated: Some(ContainerStateTerminated {
                container_id: Some(id(ended.life)),
                exit_code: ended.exit_code,
                reason: Some(if ended.exit_code == 0 { "Completed" } else { "Error" }.to_owned()),
                started_at: Some(Time(ended.started)),
                finished_at: Some(Time(ended.finished)),
                ..ContainerStateTerminated::default()
            }),
            ..ContainerState::default()
        };
        let waiting = |reason: &str| ContainerState {
            waiting: Some(ContainerStateWaiting {
                reason: Some(reason.to_owned()),
                ..ContainerStateWaiting::default()
            }),
            ..ContainerState::default()
        };
        let mut last = self.last.clone();
        let (runs, state) = match &self.state {
            State::Waiting => (None, waiting("PodInitializing")),
            State::Running { since } => {
                let started_at = Some(Time(*since));
                let running = Some(ContainerStateRunning { started_at });
                (Some(*since), ContainerState { running, ..ContainerState::default() })
            }
            State::Ended(now) if self.begins_again(now) => {
                last = Some(now.clone());
                (None, waiting("CrashLoopBackOff"))
            }
            State::Ended(now) => (None, ended(now)),
        };
        let begun = !matches!(self.state, State::Waiting);
        ContainerStatus {
            name: self.name.clone(),
            image: self.image.clone(),
            image_id: if begun { format!("mock://{}", self.image) } else { String::new() },
            container_id: begun.then(|| id(self.restarts)),
            ready: runs.is_some_and(|since| later(since, self.ready_after) <= now),
            started: Some(runs.is_some()),
            restart_count: i32::try_from(self.restarts).unwrap_or(i32::MAX),
            state: Some(state),
            last_state: last.as_ref().map(ended),
            ..ContainerStatus::default()
        }
    }
}

// === impl Plan ===

impl Plan {
    /// `sleep N` ends well after so many seconds, `exit CODE` at once; whatever else it is runs for ever.
    fn of(container: &Container) -> Self {
        let words = container.command.iter().flatten().chain(container.args.iter().flatten());
        let words: Vec<&str> = words.map(String::as_str).collect();
        match words[..] {
            ["sleep", time] => match time.parse() {
                Ok(time) => Self::End { after: seconds(time), exit_code: 0 },
                Err(_) => Self::End { after: Duration::ZERO, exit_code: 1 },
            },
            ["exit", code] => {
                Self::End { after: Duration::ZERO, exit_code: code.parse().unwrap_or(1) }
            }
            _ => Self::Forever,
        }
    }
}

fn seconds(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}

fn later(from: Timestamp, by: Duration) -> Timestamp {
    from.checked_add(by).unwrap_or(Timestamp::MAX)
}
