//! One question: asked, counted, and taken in.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::engine::Core;
use crate::prober::{Ask, Outcome};
use crate::target::Question;

/// How often a question is asked that could not be asked, or not to the end.
pub(crate) const MAX_ATTEMPTS: u32 = 3;

/// How much longer than its timeout a prober may take. One that keeps to it never needs this; one that does not must not
/// keep others from their turn for ever.
pub(crate) const OVERTIME: Duration = Duration::from_secs(5);

/// Asks, unless nobody wants to know any more, and for as long as somebody does. Dropping this future at any await is
/// safe: belief only changes between them, under the target's lock.
pub(crate) async fn ask(core: &Core, question: &Question) {
    let Some(stop) = question.target.begin(question) else { return };
    let began = Instant::now();
    core.counters.begun(began.saturating_duration_since(question.place.due));
    let outcome = tokio::select! {
        biased;
        _ = stop => return,
        outcome = attempts(core, question) => outcome,
    };
    if question.target.answer(core, question, &outcome, began, Instant::now()) {
        core.counters.answered(question.probe.kind, &outcome);
    }
}

/// Asks until there is an answer of any kind, or attempts are used up.
async fn attempts(core: &Core, question: &Question) -> Outcome {
    let limit = question.probe.timing.with_defaults().timeout;
    let ask = Ask {
        target: question.target.name(),
        handler: &question.probe.handler,
        address: question.address,
        timeout: limit,
    };
    let mut outcome = Outcome::Unknown("not asked".into());
    for _ in 0..MAX_ATTEMPTS {
        let asking = core.prober.ask_any(ask);
        outcome = timeout(limit.saturating_add(OVERTIME), asking).await.unwrap_or_else(|_| {
            Outcome::Unknown(format!("the prober did not keep to its timeout of {limit:?}"))
        });
        if !matches!(outcome, Outcome::Unknown(_)) {
            break;
        }
    }
    outcome
}
