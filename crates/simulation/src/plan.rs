//! What will happen in a run: drawn from the seed before it begins, so that it does not depend on what the node does.

use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use triton_sim::{Fault, FaultKind, FaultScope};

use crate::apiserver::KubeFault;
use crate::history::Side;
use crate::wire::{Cut, Doors};

/// Which kinds of things happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// Everything.
    #[default]
    All,
    /// People and guests do what they do, and nothing fails.
    Calm,
    /// The API server fails.
    Kube,
    /// CloudAPI fails.
    Cloud,
    /// Processes are killed, stopped, doubled and cut off.
    Crash,
    /// Creates fail in every way while processes are killed: what makes twins.
    Twins,
    /// Instances change behind the node's back.
    Guests,
    /// As [`Profile::Twins`], and single reads lag as far as lists do: an instance that lives is 404 for half a minute.
    Lag,
}

/// What kind of pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing special.
    Plain,
    /// `restartPolicy: Never`.
    Job,
    /// `restartPolicy: OnFailure`.
    OnFailure,
    /// A port that its firewall opens.
    Open,
    /// A member of a firewall group.
    Group,
    /// Deletion protection.
    Protected,
    /// A Secret in its environment.
    Secret,
    /// Something that no node could run.
    Broken,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Deed {
    /// So many new pods of this kind are bound to the node.
    Create(Kind, u32),
    /// A pod is deleted with this grace; `None` is its own. The number picks one.
    Delete(u32, Option<i64>),
    /// A pod is deleted by force and another of its name made at once.
    Recreate(u32),
    /// A guest shuts itself down.
    GuestStops(u32),
    /// A guest reboots.
    GuestReboots(u32),
    /// An instance is destroyed by somebody else.
    InstanceDeleted(u32),
    /// An instance becomes `failed`.
    InstanceFails(u32),
    /// An instance gets another name.
    InstanceRenamed(u32),
    /// An instance loses its tags.
    InstanceRetagged(u32),
    /// An instance gets other addresses.
    InstanceReaddressed(u32),
    /// An instance moves to another compute node.
    InstanceMigrates(u32),
    /// The API server has a fault: how often in 1000, how long.
    Kube(KubeFault, u32, Duration),
    /// CloudAPI has a fault.
    Cloud(FaultKind, Fault),
    /// Connections to CloudAPI have a fault: every so many, how long.
    Door(FaultKind, u64, Duration),
    /// The process is killed; the next one begins after this long.
    Kill(Duration),
    /// The process is asked to end, and the next one begins after it.
    Replace,
    /// A second process begins while the first runs; the first is killed after this long.
    Overlap(Duration),
    /// The process stops for a while, as by SIGSTOP.
    Freeze(Duration),
    /// A way is cut.
    CutOff(Way, Duration),
    /// The processes' wall clock jumps by so many seconds.
    ClockJumps(i64),
    /// The Node object is deleted.
    NodeDeleted,
    /// The node's Lease is deleted.
    LeaseDeleted,
    /// Somebody else takes the election's Lease, and then does nothing with it.
    ElectionStolen,
    /// The election's Lease is deleted.
    ElectionDeleted,
    /// Somebody else writes into the journal.
    JournalStolen,
    /// The journal is deleted.
    JournalDeleted,
}

/// Which way is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Nothing reaches this API.
    To(Side),
    /// Its answers are lost.
    From(Side),
    /// Nothing reaches either.
    All,
}

/// All that happens, with when.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// In order.
    pub deeds: Vec<(Duration, Deed)>,
    /// From then on nothing is done any more.
    pub calm: Duration,
}

/// How long a run is disturbed, at most.
const DISTURBED: u64 = 150_000;

// === impl Plan ===

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn draw(seed: u64, profile: Profile) -> Self {
        let mut luck = StdRng::seed_from_u64(seed);
        let end = luck.random_range(20_000..DISTURBED);
        let mut deeds = vec![(Duration::ZERO, create(&mut luck))];
        let count = luck.random_range(4..30);
        for _ in 0..count {
            let at = Duration::from_millis(luck.random_range(0..end));
            deeds.push((at, draw(&mut luck, profile)));
        }
        deeds.sort_by_key(|&(at, _)| at);
        Self { deeds, calm: Duration::from_millis(end) }
    }
}

fn draw(luck: &mut StdRng, profile: Profile) -> Deed {
    // Of ten: what people do, what guests do, then the faults of this profile.
    let (people, guests) = match profile {
        Profile::Calm => (8, 2),
        Profile::Guests => (4, 6),
        Profile::Twins | Profile::Lag => (4, 0),
        Profile::All | Profile::Kube | Profile::Cloud | Profile::Crash => (4, 1),
    };
    let die = luck.random_range(0..10);
    if die < people {
        return person(luck);
    }
    if die < people + guests {
        return guest(luck);
    }
    match profile {
        Profile::Kube => kube(luck),
        Profile::Cloud => cloud(luck),
        Profile::Crash => crash(luck),
        Profile::Twins => twins(luck, false),
        Profile::Lag => twins(luck, true),
        Profile::All | Profile::Calm | Profile::Guests => match luck.random_range(0..10) {
            0..3 => kube(luck),
            3..7 => cloud(luck),
            _ => crash(luck),
        },
    }
}

fn create(luck: &mut StdRng) -> Deed {
    let kinds = [
        Kind::Plain,
        Kind::Plain,
        Kind::Job,
        Kind::OnFailure,
        Kind::Open,
        Kind::Open,
        Kind::Group,
        Kind::Protected,
        Kind::Secret,
        Kind::Broken,
    ];
    let kind = kinds.choose(luck).copied().unwrap_or(Kind::Plain);
    let count =
        if luck.random_bool(0.1) { luck.random_range(6..14) } else { luck.random_range(1..4) };
    Deed::Create(kind, count)
}

fn person(luck: &mut StdRng) -> Deed {
    let which = luck.random();
    match luck.random_range(0..10) {
        0..4 => create(luck),
        4..7 => Deed::Delete(which, [None, Some(5), Some(1)][luck.random_range(0..3)]),
        7 => Deed::Delete(which, Some(0)),
        _ => Deed::Recreate(which),
    }
}

fn guest(luck: &mut StdRng) -> Deed {
    let which = luck.random();
    match luck.random_range(0..11) {
        0..3 => Deed::GuestStops(which),
        3 => Deed::GuestReboots(which),
        4..6 => Deed::InstanceDeleted(which),
        6 => Deed::InstanceFails(which),
        7 => Deed::InstanceRenamed(which),
        8 => Deed::InstanceRetagged(which),
        9 => Deed::InstanceReaddressed(which),
        _ => Deed::InstanceMigrates(which),
    }
}

fn kube(luck: &mut StdRng) -> Deed {
    let lasting = lasting(luck);
    match luck.random_range(0..20) {
        0 => Deed::NodeDeleted,
        1 => Deed::LeaseDeleted,
        2 => Deed::JournalStolen,
        3 => Deed::JournalDeleted,
        4 => Deed::ElectionStolen,
        5 => Deed::ElectionDeleted,
        _ => {
            let kind = KubeFault::ALL.choose(luck).copied().unwrap_or(KubeFault::Down);
            let often = if kind == KubeFault::Down { 1000 } else { luck.random_range(50..1001) };
            Deed::Kube(kind, often, lasting)
        }
    }
}

fn cloud(luck: &mut StdRng) -> Deed {
    let kind = FaultKind::ALL.choose(luck).copied().unwrap_or(FaultKind::Outage);
    cloud_fault(kind, false, luck)
}

fn cloud_fault(kind: FaultKind, lags: bool, luck: &mut StdRng) -> Deed {
    let lasting = lasting(luck);
    if Doors::KINDS.contains(&kind) {
        return Deed::Door(kind, luck.random_range(1..6), lasting);
    }
    let probability = f64::from(luck.random_range(1..11)) / 10.0;
    let mut fault = Fault::default().probability(probability).duration(lasting);
    let entry = kind.entry();
    match kind {
        // One such answer may be a mistake; that an API says so again and again makes it true.
        FaultKind::NotFound => fault = fault.times(1),
        // Two reads that say 404, two seconds apart, are believed; so single reads lag less than that.
        FaultKind::CreateInvisible if !lags => fault = fault.delay(Duration::from_millis(1500)),
        FaultKind::StaleReads if !lags => fault = fault.endpoint("ListMachines"),
        FaultKind::LargeBody | FaultKind::LargeHeader => fault = fault.size(200_000).times(2),
        FaultKind::EndlessBody => fault = fault.times(1),
        FaultKind::SlowLoris => fault = fault.delay(Duration::from_millis(20)).times(3),
        FaultKind::DeepNesting => fault = fault.size(2_000),
        _ if entry.scope == FaultScope::BehindBack => fault = fault.times(luck.random_range(1..3)),
        _ => {}
    }
    Deed::Cloud(kind, fault)
}

fn crash(luck: &mut StdRng) -> Deed {
    let millis = |luck: &mut StdRng, most| Duration::from_millis(luck.random_range(1..most));
    match luck.random_range(0..12) {
        0..4 => Deed::Kill(millis(luck, 5_000)),
        4 => Deed::Replace,
        5..7 => Deed::Overlap(millis(luck, 20_000)),
        7 => Deed::Freeze(millis(luck, 70_000)),
        8 => Deed::CutOff(Way::All, millis(luck, 60_000)),
        9 => Deed::CutOff(
            Way::From([Side::Kube, Side::Cloud][luck.random_range(0..2)]),
            millis(luck, 60_000),
        ),
        10 => Deed::CutOff(
            Way::To([Side::Kube, Side::Cloud][luck.random_range(0..2)]),
            millis(luck, 60_000),
        ),
        _ => Deed::ClockJumps(luck.random_range(-600..601)),
    }
}

fn twins(luck: &mut StdRng, lags: bool) -> Deed {
    let kinds = [
        FaultKind::CreateTwins,
        FaultKind::CreateAnswerLostAfterCommit,
        FaultKind::Create500AfterCommit,
        FaultKind::CreateInvisible,
        FaultKind::CreateAcceptedThenFailed,
        FaultKind::CreateNameTaken,
        FaultKind::StaleReads,
        FaultKind::ListHidesNew,
        FaultKind::ListShort,
        FaultKind::ListEmpty,
        FaultKind::Slow,
        FaultKind::HangAfterCommit,
        FaultKind::SlowAfterCommit,
        FaultKind::JobLate,
        FaultKind::Outage,
    ];
    match luck.random_range(0..3) {
        0 => crash(luck),
        _ => {
            let kind = kinds.choose(luck).copied().unwrap_or(FaultKind::Slow);
            cloud_fault(kind, lags, luck)
        }
    }
}

/// Mostly some seconds, now and then minutes.
fn lasting(luck: &mut StdRng) -> Duration {
    let most = if luck.random_bool(0.2) { 120_000 } else { 20_000 };
    Duration::from_millis(luck.random_range(500..most))
}

// === impl Deed ===

impl Deed {
    /// The name of the fault that it is; `None` for what people ordinarily do.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        Some(match self {
            Self::Create(..) | Self::Kube(..) | Self::Cloud(..) | Self::Door(..) => return None,
            Self::Delete(_, grace) => return (*grace == Some(0)).then_some("pod-force-deleted"),
            Self::Recreate(_) => "pod-recreated-in-one-gap",
            Self::GuestStops(_) => "guest-stops",
            Self::GuestReboots(_) => "guest-reboots",
            Self::InstanceDeleted(_) => "instance-deleted",
            Self::InstanceFails(_) => "instance-fails",
            Self::InstanceRenamed(_) => "instance-renamed",
            Self::InstanceRetagged(_) => "instance-retagged",
            Self::InstanceReaddressed(_) => "instance-readdressed",
            Self::InstanceMigrates(_) => "instance-migrates",
            Self::Kill(_) => "kill",
            Self::Replace => "rolling-replacement",
            Self::Overlap(_) => "two-processes",
            Self::Freeze(_) => "process-stopped",
            Self::CutOff(Way::All, _) => "partition",
            Self::CutOff(Way::To(Side::Kube), _) => "kube-unreachable",
            Self::CutOff(Way::To(Side::Cloud), _) => "cloud-unreachable",
            Self::CutOff(Way::From(Side::Kube), _) => "kube-answers-lost",
            Self::CutOff(Way::From(Side::Cloud), _) => "cloud-answers-lost",
            Self::ClockJumps(seconds) if *seconds < 0 => "clock-jumps-back",
            Self::ClockJumps(_) => "clock-jumps-ahead",
            Self::NodeDeleted => "node-deleted",
            Self::LeaseDeleted => "lease-deleted",
            Self::ElectionStolen => "election-stolen",
            Self::ElectionDeleted => "election-deleted",
            Self::JournalStolen => "journal-stolen",
            Self::JournalDeleted => "journal-deleted",
        })
    }

    /// Names of all faults that deeds are.
    pub const FAULTS: [&'static str; 27] = [
        "pod-force-deleted",
        "pod-recreated-in-one-gap",
        "guest-stops",
        "guest-reboots",
        "instance-deleted",
        "instance-fails",
        "instance-renamed",
        "instance-retagged",
        "instance-readdressed",
        "instance-migrates",
        "kill",
        "rolling-replacement",
        "two-processes",
        "process-stopped",
        "partition",
        "kube-unreachable",
        "cloud-unreachable",
        "kube-answers-lost",
        "cloud-answers-lost",
        "clock-jumps-back",
        "clock-jumps-ahead",
        "node-deleted",
        "lease-deleted",
        "election-stolen",
        "election-deleted",
        "journal-stolen",
        "journal-deleted",
    ];
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kube(kind, often, lasting) => {
                write!(f, "{} ({often} of 1000, {lasting:?})", kind.as_str())
            }
            Self::Cloud(kind, fault) => {
                let times = fault.times.map(|times| format!(", {times} times")).unwrap_or_default();
                let lasting = fault.duration.unwrap_or_default();
                write!(f, "{} (p {}, {lasting:?}{times})", kind.as_str(), fault.probability)
            }
            Self::Door(kind, every, lasting) => {
                write!(f, "{} (every {every}, {lasting:?})", kind.as_str())
            }
            other => write!(f, "{other:?}"),
        }
    }
}

// === impl Way ===

impl Way {
    pub(crate) fn cuts(self) -> Vec<Cut> {
        match self {
            Self::To(side) => vec![Cut::Requests(side)],
            Self::From(side) => vec![Cut::Answers(side)],
            Self::All => vec![Cut::Requests(Side::Kube), Cut::Requests(Side::Cloud)],
        }
    }
}
