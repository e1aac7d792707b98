//! Every wait and bound of the life cycle, by name.

use std::time::Duration;

/// How long things may take before the next thing is done about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// After a create whose answer is not known, how long an instance may still appear: no second create before this
    /// has passed. Longer than the proxy's 120 s in front of CloudAPI plus the 60 s an allocation ticket lives.
    pub ambiguity_window: Duration,
    /// Between two reads that say "no such instance" before it is believed.
    pub absence_confirm: Duration,
    /// How many such reads.
    pub absence_reads: u32,
    /// After a start or delete was accepted and nothing came of it, when to ask again.
    pub action_patience: Duration,
    /// After a provisioning failed or was refused, the first wait before the next try; doubles to `retry_max`.
    pub retry_first: Duration,
    /// The longest such wait.
    pub retry_max: Duration,
    /// The longest such wait for what is missing in the cluster or the catalog (a ConfigMap, a package): finding out
    /// costs CloudAPI next to nothing.
    pub missing_retry_max: Duration,
    /// How many creates may be on their way at once.
    pub creates_in_flight: usize,
    /// How many instances may be brought in line with the labels and annotations of their pods at once.
    pub edits_in_flight: usize,
    /// Between lists of the account's instances while something is expected to change.
    pub list_busy: Duration,
    /// Between lists while nothing is.
    pub list_idle: Duration,
    /// The same while the changefeed tells what happens; twice that when the list has more than one page.
    pub list_idle_feed: Duration,
    /// Follow the changefeed, where CloudAPI has one.
    pub changefeed: bool,
    /// How long an instance must be seen stopped before its pod counts as completed: somebody else's reboot passes
    /// through the same state.
    pub completion_confirm: Duration,
    /// So long after the first of its restarts in a row a pod is failed, unless it says otherwise; `None`: never, as
    /// under a kubelet.
    pub crash_loop_window: Option<Duration>,
    /// How long a postStart hook that finds nobody listening is tried again: a guest runs long before it has booted.
    pub post_start_patience: Duration,
    /// Between looks for firewall rules without users.
    pub firewall_sweep: Duration,
    /// How long a firewall rule that this process has not met a user of must seem unused before it is removed.
    pub firewall_leftover: Duration,
    /// How long packages, images and networks are believed.
    pub catalog_life: Duration,
    /// The soonest a catalog is read again because a pod names something that is not in it.
    pub catalog_retry: Duration,
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            ambiguity_window: Duration::from_secs(180),
            absence_confirm: Duration::from_secs(2),
            absence_reads: 2,
            action_patience: Duration::from_secs(60),
            retry_first: Duration::from_secs(10),
            retry_max: Duration::from_secs(300),
            missing_retry_max: Duration::from_secs(20),
            creates_in_flight: 16,
            edits_in_flight: 4,
            list_busy: Duration::from_secs(1),
            list_idle: Duration::from_secs(12),
            list_idle_feed: Duration::from_secs(38),
            changefeed: true,
            completion_confirm: Duration::from_secs(15),
            crash_loop_window: None,
            post_start_patience: Duration::from_secs(60),
            firewall_sweep: Duration::from_secs(600),
            firewall_leftover: Duration::from_secs(90),
            catalog_life: Duration::from_secs(300),
            catalog_retry: Duration::from_secs(10),
        }
    }
}
