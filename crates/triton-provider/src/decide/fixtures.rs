//! Instances, sightings and a pod under decision, for the tests of decisions.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use triton_cloudapi::InstanceId;
use triton_podspec::LivenessAction;
use triton_podspec::ownership::Owner;
use uuid::Uuid;

use super::state::{Known, State, Target};
use super::{
    Effect, Event, Hooks, Leave, Published, RestartPolicy, Run, Sighting, Standing, Told, View,
    Wish, step,
};
use crate::limits::Limits;
use crate::seen::Seen;

/// A pod under decision; each test changes what it is about.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) now: Instant,
    pub(crate) sighting: Option<Sighting>,
    pub(crate) state: State,
    pub(crate) published: Published,
    pub(crate) hooks: Hooks,
    pub(crate) wish: Wish,
    pub(crate) limits: Limits,
}

pub(crate) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Whose the instances of these tests are.
pub(crate) fn owner() -> Owner {
    Owner {
        cluster: "cluster".to_owned(),
        node: "node".to_owned(),
        namespace: "default".to_owned(),
        name: "web".to_owned(),
        uid: "uid".to_owned(),
    }
}

// === impl Case ===

impl Case {
    fn with(wish: Wish) -> Self {
        let now = Instant::now() + seconds(3600);
        Self {
            now,
            sighting: Some(list(now, &[])),
            state: State::default(),
            published: Published::default(),
            hooks: Hooks::default(),
            wish,
            limits: Limits::default(),
        }
    }

    /// A new pod, an hour after the process began, with an empty list of this moment.
    pub(crate) fn new() -> Self {
        Self::with(Wish::Run(Run {
            restart_policy: RestartPolicy::Always,
            protect: false,
            deadline: None,
            unhealthy: false,
            liveness_action: LivenessAction::Reboot,
            crash_loop_window: None,
            post_start: false,
            pre_stop: false,
            kill_grace: seconds(30),
        }))
    }

    /// The pod's instance 1, seen a second ago in this state, published, and in a list that shows it so.
    pub(crate) fn known(state: &str) -> Self {
        let mut case = Self::new();
        let instance = instance(1, state);
        case.state.known = Some(Known::seen(Arc::clone(&instance), case.now - seconds(1)));
        case.sighting = Some(list(case.now - seconds(1), &[instance]));
        case.published.instance = Some(id(1));
        case
    }

    /// A pod on its way out, of which nothing is known; stopping began ten seconds ago.
    pub(crate) fn leaving() -> Self {
        let leave = Leave { grace_left: seconds(20), may_lift_protection: false, pre_stop: false };
        let mut case = Self::with(Wish::Leave(leave));
        case.now -= seconds(10);
        let sighting = case.sighting.take();
        let _ = case.step();
        case.now += seconds(10);
        case.sighting = sighting;
        case
    }

    /// A pod on its way out whose instance was listed a second ago.
    pub(crate) fn target(instance: Arc<Seen>) -> Self {
        let mut case = Self::leaving();
        let seen_at = Some(case.now - seconds(1));
        let target = Target { last: Some(Arc::clone(&instance)), seen_at, ..Target::default() };
        case.targets().insert(instance.id, target);
        case.sighting = Some(list(case.now - seconds(1), &[instance]));
        case
    }

    pub(crate) fn targets(&mut self) -> &mut std::collections::BTreeMap<InstanceId, Target> {
        &mut self.state.stopping.as_mut().unwrap().targets
    }

    pub(crate) fn change(mut self, change: impl FnOnce(&mut Target)) -> Self {
        change(self.targets().get_mut(&id(1)).unwrap());
        self
    }

    pub(crate) fn run(&mut self) -> &mut Run {
        match &mut self.wish {
            Wish::Run(run) => run,
            Wish::Leave(_) => panic!("a pod on its way out"),
        }
    }

    pub(crate) fn leave(&mut self) -> &mut Leave {
        match &mut self.wish {
            Wish::Leave(leave) => leave,
            Wish::Run(_) => panic!("a pod that should run"),
        }
    }

    pub(crate) fn ran(mut self) -> Self {
        self.state.known.as_mut().unwrap().ran = true;
        self.published.ran = true;
        self
    }

    pub(crate) fn with_view<T>(&self, owner: &Owner, see: impl FnOnce(&View<'_>) -> T) -> T {
        see(&View {
            now: self.now,
            wall: jiff::Timestamp::UNIX_EPOCH,
            owner,
            sighting: self.sighting.as_ref(),
            published: self.published,
            hooks: self.hooks,
            wish: self.wish,
            limits: &self.limits,
        })
    }

    pub(crate) fn take(&mut self, event: Event) -> Effect {
        let mut state = std::mem::take(&mut self.state);
        let effect = self.with_view(&owner(), |view| step(&mut state, view, event));
        self.state = state;
        effect
    }

    /// Looks, and stays with what follows.
    pub(crate) fn step(&mut self) -> Effect {
        self.take(Event::Looked)
    }

    /// Looks, and forgets what would follow.
    #[track_caller]
    pub(crate) fn check(&self, expected: Effect) {
        assert_eq!(self.clone().step(), expected);
    }

    #[track_caller]
    pub(crate) fn check_end(&self, standing: Standing, until: Option<Instant>) {
        self.check(Effect::End(standing, until));
    }

    /// The instance that is held to be the pod's after a look.
    #[track_caller]
    pub(crate) fn check_known(&self, expected: Option<u128>) {
        let mut case = self.clone();
        let _ = case.step();
        assert_eq!(case.state.known.map(|known| known.id), expected.map(id));
    }

    pub(crate) fn tell(&mut self, instance: Arc<Seen>) {
        let at = self.now;
        self.sighting.as_mut().unwrap().told.push(Told { at, instance });
    }
}

pub(crate) fn id(n: u128) -> InstanceId {
    InstanceId(Uuid::from_u128(n))
}

/// Instance `n`, created in second `n`.
pub(crate) fn instance(n: u128, state: &str) -> Arc<Seen> {
    let created = jiff::Timestamp::from_second(i64::try_from(n).unwrap()).unwrap();
    let value = serde_json::json!({
        "id": id(n), "name": format!("web-{n}"), "state": state, "brand": "lx", "tags": {}, "created": created.to_string(),
    });
    Arc::new(Seen::with_owner(&serde_json::from_value(value).unwrap(), owner()))
}

pub(crate) fn protected(n: u128, state: &str) -> Arc<Seen> {
    let mut instance = Arc::unwrap_or_clone(instance(n, state));
    instance.deletion_protection = true;
    Arc::new(instance)
}

/// Another node's.
pub(crate) fn foreign(n: u128, state: &str) -> Arc<Seen> {
    let owner = Owner { node: "another".to_owned(), ..owner() };
    owned(&instance(n, state), owner)
}

/// The same, of another pod.
pub(crate) fn owned(instance: &Seen, owner: Owner) -> Arc<Seen> {
    let value = serde_json::json!({
        "id": instance.id, "name": instance.name, "state": instance.state.as_str(), "brand": "lx", "tags": {},
        "created": instance.created.map(|created| created.to_string()),
    });
    Arc::new(Seen::with_owner(&serde_json::from_value(value).unwrap(), owner))
}

pub(crate) fn list(taken_at: Instant, instances: &[Arc<Seen>]) -> Sighting {
    Sighting { taken_at, instances: instances.to_vec(), told: Vec::new() }
}
