//! Which run of the container this is.

use k8s_openapi::api::core::v1::ContainerStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::published::between_runs;
use super::view::{BACKING_OFF, Container, State};
use super::{Restarts, StatusInputs, Termination, time};

/// Which run of the container this is, compared with what was published.
pub(super) struct Run {
    pub(super) count: i32,
    /// When a present run began.
    pub(super) started_at: Time,
    /// When this run began, if it is over, as far as is known.
    pub(super) began: Option<Time>,
    /// When the run before it began, if that is news.
    pub(super) before: Option<Time>,
    /// Whether the published run is over, so that its end is news for `lastState`.
    pub(super) is_new: bool,
    /// How the previous run ended.
    pub(super) ended: Option<Termination>,
}

// === impl Run ===

impl Run {
    pub(super) fn of(
        inputs: &StatusInputs<'_>,
        container: &Container,
        published: Option<&ContainerStatus>,
    ) -> Self {
        let restarts: &Restarts = inputs.restarts;
        let old = published.map_or(0, |status| status.restart_count);
        let state = published.and_then(|status| status.state.as_ref());
        let running = state.and_then(|state| state.running.as_ref());
        let end = state.and_then(|state| state.terminated.as_ref());
        let before = running
            .and_then(|running| running.started_at.clone())
            .or_else(|| end.and_then(|end| end.started_at.clone()));
        let waited = published.and_then(between_runs).is_some();
        let mut count = old.max(i32::try_from(restarts.count).unwrap_or(i32::MAX));
        // It runs although its end, or a wait before its restart, was published: someone started it, and be it an
        // operator. A restart that was carried out before it was published is in the published count already.
        let backing_off = state
            .and_then(|state| state.waiting.as_ref())
            .is_some_and(|waiting| waiting.reason.as_deref() == Some(BACKING_OFF));
        let revived =
            matches!(container.state, State::Running) && (end.is_some() || (waited && backing_off));
        if revived && count == old {
            count = old.saturating_add(1);
        }
        let left = (running.is_some() || end.is_some())
            && matches!(container.state, State::Waiting { .. });
        let is_new = (count > old && !waited) || left;
        let ended = is_new.then(|| {
            // The end that was published is that of the last run; what the provider holds may be older.
            let known = end.map(Termination::of).or_else(|| restarts.last.clone());
            known.unwrap_or_else(Termination::unknown)
        });
        let same_run =
            running.filter(|_| count == old).and_then(|running| running.started_at.clone());
        let started_at =
            same_run.unwrap_or_else(|| restarts.running_since.map_or_else(|| inputs.time(), time));
        let began = if count > old { restarts.running_since.map(time) } else { before.clone() };
        Self { count, started_at, began, before, is_new, ended }
    }
}
