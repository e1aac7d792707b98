//! What happened in a run, in numbers.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Counts and longest times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Rounds that were run.
    pub rounds: u64,
    /// Times that troubles were made, by name.
    pub troubles: BTreeMap<String, u64>,
    /// Requests that faults of CloudAPI struck.
    pub struck: u64,
    /// Processes that were killed.
    pub kills: u64,
    /// Processes that ended without being told to, and were started again.
    pub ended_by_themselves: u64,
    /// Guests that were stopped, failed or destroyed behind the node's back.
    pub guests: u64,
    /// What users did.
    pub acts: u64,
    /// What users could not do, or do not know whether they did.
    pub failed_acts: u64,
    /// Pods that were ever bound to the node.
    pub pods: usize,
    /// Instances that were ever made for them.
    pub instances: usize,
    /// Pods that had two living instances at one time.
    pub twins: usize,
    /// For how long at most.
    pub longest_twins: Duration,
    /// The most requests of one kind that one process sent in ten seconds.
    pub requests_in_ten_seconds: usize,
    /// How often things were let come to rest, and did.
    pub rests: u64,
    /// How long that took at most.
    pub longest_rest: Duration,
    /// Questions that the oracle answered.
    pub judged: u64,
    /// Texts that were searched for the canary, and their bytes.
    pub searched: (usize, usize),
}

// === impl Tally ===

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |what: &str, number: &dyn fmt::Display| writeln!(f, "{what:<58}{number:>9}");
        let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
        line("rounds", &self.rounds)?;
        line("kinds of trouble", &self.troubles.len())?;
        line("processes killed (-9)", &self.kills)?;
        line("processes that ended by themselves, and were started", &self.ended_by_themselves)?;
        line("requests struck by faults of CloudAPI", &self.struck)?;
        line("guests stopped, failed, destroyed behind the node's back", &self.guests)?;
        line("acts of users", &self.acts)?;
        line("acts that failed, or whose outcome nobody knows", &self.failed_acts)?;
        line("pods bound", &self.pods)?;
        line("instances made", &self.instances)?;
        line("pods that ever had two living instances", &self.twins)?;
        line("longest such time", &seconds(self.longest_twins))?;
        line("most requests of one kind of one process in 10 s", &self.requests_in_ten_seconds)?;
        line("times everything came to rest", &self.rests)?;
        line("longest way to rest", &seconds(self.longest_rest))?;
        line("questions the oracle answered", &self.judged)?;
        line("texts searched for the canary Secret", &self.searched.0)?;
        line("bytes in them", &self.searched.1)
    }
}
