//! How a pod came to run: what it waited for, and how long.
//!
//! Only of pods that this process has seen come and made itself: of others the beginning is not known.

use std::time::Duration;

use tokio::time::Instant;

/// When a pod came how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// The pod was first looked at.
    came: Instant,
    /// It was its turn to be made, the last time.
    turn: Option<Instant>,
    /// All but the leave of the rate limit was at hand.
    asked: Option<Instant>,
    /// It had that leave.
    allowed: Option<Instant>,
    /// The create was answered.
    created: Option<Instant>,
    /// The instance was seen running.
    ran: Option<Instant>,
}

/// A step on the way. Each pod that is made takes all of them, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Milestone {
    /// It is its turn to be made.
    Turn,
    /// All but the leave of the rate limit is at hand.
    Asked,
    /// It has that leave.
    Allowed,
    /// The create is answered.
    Created,
    /// The instance runs.
    Ran,
}

/// What a pod waited for, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    /// One word, also the label of the metric.
    pub name: &'static str,
    /// How long.
    pub took: Duration,
}

// === impl Timeline ===

impl Timeline {
    /// A pod that has just come.
    #[must_use]
    pub fn began(now: Instant) -> Self {
        Self { came: now, turn: None, asked: None, allowed: None, created: None, ran: None }
    }

    /// Notes a step. A create that is tried again takes its first steps anew; what comes after stays.
    pub fn note(&mut self, milestone: Milestone, now: Instant) {
        let at = match milestone {
            Milestone::Turn => &mut self.turn,
            Milestone::Asked => &mut self.asked,
            Milestone::Allowed => &mut self.allowed,
            Milestone::Created => &mut self.created,
            Milestone::Ran => {
                self.ran.get_or_insert(now);
                return;
            }
        };
        *at = Some(now);
    }

    /// The phases up to the answer of the create; `None` before it.
    #[must_use]
    pub fn until_created(&self) -> Option<[Phase; 4]> {
        let Self { came, turn, asked, allowed, created, ran: _ } = *self;
        let (turn, asked, allowed) = (turn?, asked?, allowed?);
        Some([
            phase("queued", came, turn),
            phase("prepared", turn, asked),
            phase("throttled", asked, allowed),
            phase("created", allowed, created?),
        ])
    }

    /// The phase from there to where the instance runs.
    #[must_use]
    pub fn provisioning(&self) -> Option<Phase> {
        Some(phase("provisioned", self.created?, self.ran?))
    }

    /// The phase from there to where the pod is ready, and the whole.
    #[must_use]
    pub fn until_ready(&self, now: Instant) -> Option<[Phase; 2]> {
        Some([phase("ready", self.ran?, now), phase("total", self.came, now)])
    }
}

fn phase(name: &'static str, from: Instant, to: Instant) -> Phase {
    Phase { name, took: to.saturating_duration_since(from) }
}

/// `queued 0.1 s, throttled 2.5 s`, without what took no time that a person would notice.
#[must_use]
pub fn describe(phases: &[Phase]) -> String {
    const NOTICED: Duration = Duration::from_millis(50);
    let told: Vec<String> = phases
        .iter()
        .filter(|phase| phase.took >= NOTICED)
        .map(|phase| format!("{} {:.1} s", phase.name, phase.took.as_secs_f64()))
        .collect();
    told.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_phases_of_a_start_add_up_to_the_whole() {
        let began = Instant::now();
        let at = |millis| began + Duration::from_millis(millis);
        let mut timeline = Timeline::began(began);
        assert_eq!(timeline.until_created(), None);
        let steps = [
            (Milestone::Turn, 200),
            (Milestone::Asked, 210),
            (Milestone::Allowed, 1710),
            (Milestone::Created, 2710),
            (Milestone::Ran, 30_000),
            // It is seen running again, after a restart.
            (Milestone::Ran, 31_000),
        ];
        for (milestone, millis) in steps {
            timeline.note(milestone, at(millis));
        }
        let created = timeline.until_created().unwrap();
        assert_eq!(describe(&created), "queued 0.2 s, throttled 1.5 s, created 1.0 s");
        let [ready, total] = timeline.until_ready(at(33_000)).unwrap();
        let parts = created.into_iter().chain(timeline.provisioning()).chain([ready]);
        assert_eq!(parts.map(|phase| phase.took).sum::<Duration>(), total.took);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pod_whose_create_was_not_ours_has_no_timeline() {
        let began = Instant::now();
        let mut timeline = Timeline::began(began);
        timeline.note(Milestone::Ran, began);
        assert_eq!((timeline.until_created(), timeline.provisioning()), (None, None));
    }
}
