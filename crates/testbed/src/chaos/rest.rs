//! Troubles have ended: everything must become as it is wanted, and stay so.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::run::{Chaos, LOOK_EVERY};
use crate::clock::now;
use crate::oracle::{AtRest, Discrepancy, Invariant, LAG, Twins};

/// Longest everything may take to be as wanted when troubles have ended: the windows above, the longest wait between
/// tries that a few rounds lead to, and provisioning.
const REST_LIMIT: Duration = Duration::from_secs(300);
/// How long it must stay so.
const REST_STAYS: Duration = Duration::from_secs(6);

// === impl Chaos ===

impl Chaos {
    /// Waits until all is as wanted, and stays so.
    pub(super) async fn rest(&mut self, after: &str) -> Result<()> {
        self.tell(&format!("rest after {after}"));
        self.workload.end_jobs().await?;
        let begun = Instant::now();
        loop {
            self.start_what_ended()?;
            let wanted = self.workload.wanted().await?;
            let world = self.watch.at_rest(&wanted).await?;
            let found = world.discrepancies();
            if found.is_empty() {
                let took = begun.elapsed();
                if self.stays(&wanted, &world).await? {
                    self.tally.rests += 1;
                    self.tally.longest_rest = self.tally.longest_rest.max(took);
                    self.tell(&format!(
                        "  all as wanted after {:.1} s: {} pods, {} instances, {} rules",
                        took.as_secs_f64(),
                        world.pods.iter().filter(|pod| !pod.phase.is_final()).count(),
                        world.ours().count(),
                        world.rules.len(),
                    ));
                    break;
                }
            } else if begun.elapsed() > REST_LIMIT {
                self.break_off(&found);
                break;
            }
            sleep(LOOK_EVERY).await;
        }
        self.look_until_seen().await?;
        self.note_requests();
        self.judge_twins();
        let broken = self.watch.oracle().violations().len();
        if broken > 0 {
            self.tell(&format!("  promises broken so far: {broken}"));
        }
        Ok(())
    }

    /// Whether nothing changes for a while.
    async fn stays(&self, wanted: &BTreeMap<String, usize>, before: &AtRest) -> Result<bool> {
        sleep(REST_STAYS).await;
        let after = self.watch.at_rest(wanted).await?;
        let found = after.discrepancies();
        if let Some((invariant, what)) = found.first() {
            self.note(format!("it did not stay: {invariant}: {what}"));
        }
        Ok(found.is_empty() && after.instances.len() == before.instances.len())
    }

    /// Nothing here delays a create for longer than the node is told to wait for it, so there is no excuse for a twin.
    fn judge_twins(&self) {
        let mut oracle = self.watch.oracle();
        for Twins { pod, second, .. } in oracle.twins(now()) {
            let what = format!("pod {pod} had a second instance, {second}, while the first lived");
            oracle.say(Invariant::S1, now(), what);
        }
    }

    /// What still does not hold is a broken promise.
    fn break_off(&self, found: &[Discrepancy]) {
        let at = now();
        for (invariant, what) in found {
            let what = format!("{what}, {} s after the last trouble", REST_LIMIT.as_secs());
            self.watch.oracle().say(*invariant, at, what);
        }
    }

    /// Looks until all that has happened until now was judged.
    pub(super) async fn look_until_seen(&self) -> Result<()> {
        let until = now() + LAG;
        while now() <= until {
            sleep(LOOK_EVERY).await;
            self.watch.look().await?;
        }
        Ok(())
    }
}
