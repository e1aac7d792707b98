//! The words of a step: what is seen, what has happened, what is to be done.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use triton_cloudapi::InstanceId;
use triton_podspec::LivenessAction;
use triton_podspec::ownership::Owner;

use super::Sighting;
use crate::limits::Limits;
use crate::seen::Seen;

/// What a step may rest on beside the state: all of it is somebody else's, and may have changed since the last step.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Now.
    pub now: Instant,
    /// Now, on the wall: only for what is published.
    pub wall: Timestamp,
    /// Whose an instance must be to be this pod's.
    pub owner: &'a Owner,
    /// The last complete list; `None` until the first one.
    pub sighting: Option<&'a Sighting>,
    /// The pod's published status.
    pub published: Published,
    /// How the pod's hooks stand.
    pub hooks: Hooks,
    /// What the pod wants.
    pub wish: Wish,
    /// Waits and bounds.
    pub limits: &'a Limits,
}

/// What the published status says. It outlives the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// The instance.
    pub instance: Option<InstanceId>,
    /// It has been running at some time.
    pub ran: bool,
    /// `restartCount`.
    pub restarts: i32,
    /// Its container is running (`state.running`), in the life that `restarts` tells.
    pub started: bool,
}

/// How the hooks stand in one life of the pod's instance, as far as this process ran them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// Which life: the one after so many restarts.
    pub restarts: i32,
    /// `lifecycle.postStart`.
    pub post_start: HookStand,
    /// `lifecycle.preStop`.
    pub pre_stop: HookStand,
}

/// How a hook stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HookStand {
    /// This process has not begun it.
    #[default]
    Unbegun,
    /// It runs.
    Runs {
        /// Since when.
        since: Instant,
    },
    /// It came to its end; or, a preStop hook, to the end of its time.
    Ended,
    /// It failed.
    Failed,
}

/// A lifecycle hook of the container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hook {
    /// Run when the instance runs; the container has started when it ends, and is killed when it fails.
    PostStart,
    /// Run before the guest is told to shut down or is rebooted, within the grace period.
    PreStop,
}

/// What the pod wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To run.
    Run(Run),
    /// To be gone.
    Leave(Leave),
}

/// A pod that should run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// What to do when the guest stops.
    pub restart_policy: RestartPolicy,
    /// The pod asks for deletion protection.
    pub protect: bool,
    /// When `activeDeadlineSeconds` is over, if the pod has one.
    pub deadline: Option<Instant>,
    /// Liveness (or startup) is believed to have failed in the instance's present life.
    pub unhealthy: bool,
    /// What that leads to, where the restart policy wants another run.
    pub liveness_action: LivenessAction,
    /// So long after the first of the restarts in a row the pod is failed; `None` for never.
    pub crash_loop_window: Option<Duration>,
    /// It has a postStart hook.
    pub post_start: bool,
    /// It has a preStop hook.
    pub pre_stop: bool,
    /// What a preStop hook may take when the instance is to be restarted: the grace period of the probe that failed, else
    /// the pod's.
    pub kill_grace: Duration,
}

/// A pod that should be gone: deleted, or over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leave {
    /// What is left of the grace period.
    pub grace_left: Duration,
    /// The pod itself asked for deletion protection, so that we may lift it. Its instance's tags may say the same.
    pub may_lift_protection: bool,
    /// It has a preStop hook.
    pub pre_stop: bool,
}

/// What a pod's `restartPolicy` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RestartPolicy {
    /// Restart whatever happened.
    Always,
    /// Restart what failed.
    OnFailure,
    /// Never.
    Never,
}

/// What has happened since the last step.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Nothing: a pass begins.
    Looked,
    /// All that a create needs is at hand.
    Prepared,
    /// The create was not sent, or refused for what is none of the pod's business: it made nothing.
    NotMade,
    /// The create was refused, before or when it was sent, and made nothing. Back off, for no longer than this.
    Refused {
        /// The longest wait before the next try.
        longest: Duration,
    },
    /// The note is durable.
    Noted,
    /// The journal was told that the note is not needed any more.
    NoteDropped,
    /// The create was answered with the instance.
    Created(Arc<Seen>),
    /// The create may have been carried out, or may yet be.
    Ambiguous,
    /// One instance was read.
    Read {
        /// Which.
        id: InstanceId,
        /// When it was asked for.
        asked_at: Instant,
        /// What was found.
        found: Found,
    },
    /// All instances with the pod's UID tag were listed.
    Listed {
        /// When the list was asked for.
        asked_at: Instant,
        /// What was found.
        found: Vec<Arc<Seen>>,
    },
    /// CloudAPI has accepted an action.
    Done(Action),
    /// A hook was begun; it runs by itself.
    HookBegun,
}

/// What a read of one instance found.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// It is there (in whatever state, and whichever pod's it is).
    Present(Arc<Seen>),
    /// It is there, without all of our tags: whose it is cannot be known.
    Foreign,
    /// It is destroyed, and CloudAPI remembers that.
    Destroyed,
    /// CloudAPI knows nothing of it.
    NotFound,
}

/// What to do next. All but `End` are answered by an [`Event`].
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Make ready all that a create needs: the translated pod, its firewall rules, the signed request.
    Prepare,
    /// Write a note of the create where the next process finds it.
    Note,
    /// Send the create, once.
    Post,
    /// The note is not needed any more: what the create made, if anything, can be found without it.
    DropNote,
    /// Read this one instance.
    Read(InstanceId),
    /// List the instances with the pod's UID tag.
    List,
    /// Change an instance.
    Act(Action),
    /// Begin a hook of this instance.
    Hook(Hook, InstanceId),
    /// Nothing before then (`None`: before something is seen): say how it stands.
    End(Standing, Option<Instant>),
}

/// A change to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Start it; `counts` when this is a restart and not the repetition of one.
    Start {
        /// Which.
        id: InstanceId,
        /// Whether it is a new restart.
        counts: bool,
    },
    /// Reboot it. The restart is counted, and published, before.
    Reboot(InstanceId),
    /// Switch deletion protection on.
    Protect(InstanceId),
    /// Switch deletion protection off.
    Unprotect(InstanceId),
    /// Ask the guest to shut down.
    Shutdown(InstanceId),
    /// Remove it.
    Delete(InstanceId, Why),
}

/// Why an instance is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// Another one is the pod's.
    Twin,
    /// Provisioning failed.
    Failed,
    /// Its pod goes.
    PodLeaves,
}

/// How a pod stands at the end of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Nothing new is known: what is published stays.
    Unchanged,
    /// There is no instance yet.
    Waiting(Because),
    /// There is an instance.
    Instance,
    /// There is an instance, and its container has yet to start: its postStart hook runs, or has failed.
    Starting,
    /// The instance has stopped, or will be stopped as its pod is over, and stays so.
    Ended {
        /// By us, for a failed probe or postStart hook; else the guest shut down by itself.
        killed: bool,
    },
    /// It could be restarted, and its pod is failed instead, so that its controller makes another.
    GivenUp(GivenUp),
    /// The instance is gone and was not ours to remove.
    Lost,
    /// The pod was active for longer than it may be.
    Expired,
    /// On its way out.
    Going,
    /// Somebody else protects this instance: the pod stays until they let go.
    Blocked(InstanceId),
    /// Nothing is left.
    Gone,
}

/// Why a pod is failed that could be restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GivenUp {
    /// A probe failed, and the pod wants to be replaced then.
    Unhealthy,
    /// It was restarted again and again for longer than it may be.
    CrashLoop {
        /// By us, for a failed probe, the last time too; else the guest shut down by itself.
        killed: bool,
    },
}

/// Why there is no instance yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Because {
    /// A create may still come true.
    CreateUnresolved,
    /// The last create failed or was refused a short while ago.
    RetryLater,
    /// This instance was removed before it ever ran, and not by us.
    NeverRan(InstanceId),
}
