//! Runs seeds, many or one, and says what came of them.

#![expect(clippy::print_stdout, reason = "what this program is for")]

use std::collections::BTreeMap;
use std::ops::Range;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use simulation::{Deed, Depth, Invariant, Outcome, Plan, Profile, Run, Violation, crash};
use triton_sim::FaultKind;

mod clock;

/// Runs the node in virtual time under faults that are drawn from seeds.
#[derive(Debug, Parser)]
struct Args {
    /// Which seeds, as FROM..TO.
    #[arg(long, default_value = "0..100", value_parser = range)]
    seeds: Range<u64>,
    /// Runs this seed alone, twice, and prints everything that happened.
    #[arg(long)]
    replay: Option<u64>,
    /// What happens.
    #[arg(long, value_enum, default_value_t)]
    profile: Profile,
    /// Kills the process at every boundary of a script instead of running seeds.
    #[arg(long, value_enum)]
    crash: Option<Depth>,
    /// Runs each seed twice, and counts as violations those that go another way the second time.
    #[arg(long)]
    twice: bool,
    /// Ends after so many minutes of real time.
    #[arg(long)]
    minutes: Option<u64>,
    /// Prints only the history of this pod (a part of its UID or its name), with --replay.
    #[arg(long)]
    only: Option<String>,
    /// Takes out of the plan what is not needed to break the same promise, and prints the small one's run, with --replay.
    #[arg(long)]
    shrink: bool,
    /// Which promise it is about, with --shrink; else the first that is broken.
    #[arg(long, value_enum)]
    breaks: Option<Invariant>,
    /// Prints logs, with --replay.
    #[arg(long)]
    logs: bool,
}

/// What many runs came to.
#[derive(Debug, Default)]
struct Total {
    runs: u64,
    lives: usize,
    kills: u64,
    crossed: u64,
    virtual_time: Duration,
    struck: BTreeMap<&'static str, u64>,
    violations: u64,
    bad_seeds: u64,
    by_invariant: BTreeMap<String, u64>,
    unstable_seeds: u64,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    match (args.replay, args.crash) {
        (Some(seed), _) => replay(seed, &args),
        (None, Some(depth)) => crash(depth, &args),
        (None, None) => many(&args),
    }
}

fn many(args: &Args) -> anyhow::Result<ExitCode> {
    let began = clock::now();
    let mut total = Total::default();
    for seed in args.seeds.clone() {
        let is_over = |minutes| began.elapsed() > Duration::from_secs(60 * minutes);
        if args.minutes.is_some_and(is_over) {
            break;
        }
        let outcome = Run { seed, plan: Plan::draw(seed, args.profile), ..Run::default() }.go()?;
        total.add(&outcome);
        for violation in &outcome.violations {
            println!("seed {seed}: {violation}");
        }
        if args.twice {
            let again =
                Run { seed, plan: Plan::draw(seed, args.profile), ..Run::default() }.go()?;
            total.unstable_seeds += u64::from(again.fingerprint != outcome.fingerprint);
            tell_difference(seed, &outcome, &again);
        }
    }
    total.print(began.elapsed());
    let is_well = total.violations == 0 && total.unstable_seeds == 0;
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn crash(depth: Depth, args: &Args) -> anyhow::Result<ExitCode> {
    let plan = if depth == Depth::Pairs { crash::short_script() } else { crash::script() };
    let began = clock::now();
    let coverage = crash::enumerate(&plan, args.seeds.start, depth)?;
    for (points, names, violation) in &coverage.violations {
        println!("killed at {points:?} ({names}): {violation}");
    }
    println!(
        "boundaries {}, killed at {} ({:.0} %), {} runs in {:.0} s, {} violations",
        coverage.boundaries,
        coverage.killed_at,
        100.0 * coverage.killed_at as f64 / coverage.boundaries.max(1) as f64,
        coverage.runs,
        began.elapsed().as_secs_f64(),
        coverage.violations.len()
    );
    let is_whole = coverage.killed_at == coverage.boundaries && coverage.violations.is_empty();
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn replay(seed: u64, args: &Args) -> anyhow::Result<ExitCode> {
    let mut plan = Plan::draw(seed, args.profile);
    if args.shrink {
        plan = shrink(seed, plan, args.breaks)?;
    }
    for (at, deed) in &plan.deeds {
        println!("plan {at:?}: {deed}");
    }
    println!("plan {:?}: calm", plan.calm);
    let log = args.logs.then(simulation::Log::default);
    let outcome = Run { seed, plan: plan.clone(), log: log.clone(), ..Run::default() }.go()?;
    for line in outcome.lines() {
        if args.only.as_ref().is_none_or(|only| line.contains(only)) {
            println!("{line}");
        }
    }
    if let Some(log) = log {
        println!("{}", log.text());
    }
    for violation in &outcome.violations {
        println!("seed {seed}: {violation}");
    }
    let again = Run { seed, plan, ..Run::default() }.go()?;
    let same = again.fingerprint == outcome.fingerprint;
    tell_difference(seed, &outcome, &again);
    println!(
        "seed {seed}: {} violations, fingerprint {:016x}, {}",
        outcome.violations.len(),
        outcome.fingerprint,
        if same { "the same when run again" } else { "ANOTHER WHEN RUN AGAIN" }
    );
    Ok(if same && outcome.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The small plan; as it was when it breaks nothing.
fn shrink(seed: u64, plan: Plan, breaks: Option<Invariant>) -> anyhow::Result<Plan> {
    let run = |plan: &Plan| Run { seed, plan: plan.clone(), ..Run::default() }.go();
    let first = run(&plan)?.violations.first().map(|violation| violation.invariant);
    let Some(wanted) = breaks.or(first) else { return Ok(plan) };
    let (before, mut runs) = (plan.deeds.len(), 0);
    let plan = plan.shrink(|plan| {
        runs += 1;
        let is_wanted = |violation: &Violation| violation.invariant == wanted;
        run(plan).is_ok_and(|outcome| outcome.violations.iter().any(is_wanted))
    });
    println!("{wanted:?} takes {} of {before} deeds ({runs} runs)", plan.deeds.len());
    Ok(plan)
}

fn tell_difference(seed: u64, one: &Outcome, other: &Outcome) {
    if let Some((number, one, other)) = one.differs_from(other) {
        println!("seed {seed}: runs differ from line {number}:\n  {one}\n  {other}");
    }
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("write FROM..TO")?;
    let number = |text: &str| text.parse::<u64>().map_err(|error| format!("{text:?}: {error}"));
    Ok(number(from)?..number(to)?)
}

// === impl Total ===

impl Total {
    fn add(&mut self, outcome: &Outcome) {
        self.runs += 1;
        self.lives += outcome.lives;
        self.kills += outcome.kills;
        self.crossed += outcome.boundaries.len() as u64;
        self.virtual_time += outcome.lasted;
        self.violations += outcome.violations.len() as u64;
        self.bad_seeds += u64::from(!outcome.violations.is_empty());
        for (&fault, times) in &outcome.struck {
            *self.struck.entry(fault).or_default() += times;
        }
        for violation in &outcome.violations {
            *self.by_invariant.entry(format!("{:?}", violation.invariant)).or_default() += 1;
        }
    }

    fn print(&self, took: Duration) {
        let seconds = took.as_secs_f64().max(0.001);
        println!(
            "{} runs, {} pod lives ({:.1}/s), {} processes killed, {} requests, {:.1} h of virtual time in {seconds:.0} s",
            self.runs,
            self.lives,
            self.lives as f64 / seconds,
            self.kills,
            self.crossed,
            self.virtual_time.as_secs_f64() / 3600.0,
        );
        let all = all_faults();
        let never: Vec<&str> =
            all.iter().copied().filter(|fault| !self.struck.contains_key(fault)).collect();
        let strikes: u64 = self.struck.values().sum();
        println!(
            "faults: {} of {} named ones struck, {strikes} times",
            all.len() - never.len(),
            all.len()
        );
        if !never.is_empty() {
            println!("never struck: {}", never.join(", "));
        }
        println!(
            "violations: {} in {} runs {:?}",
            self.violations, self.bad_seeds, self.by_invariant
        );
        if self.unstable_seeds > 0 {
            println!("{} seeds went another way the second time", self.unstable_seeds);
        }
    }
}

/// Names of all faults that there are.
fn all_faults() -> Vec<&'static str> {
    let cloud = FaultKind::ALL.into_iter().map(FaultKind::as_str);
    let kube = simulation::apiserver::KubeFault::ALL.into_iter().map(|fault| fault.as_str());
    cloud.chain(kube).chain(Deed::FAULTS).collect()
}
