//! The faults around a call: those that strike before it is looked at, and those that hide what came of it.

use std::time::Duration;

use super::Arrived;
use super::decide::Decision;
use super::finish::End;
use super::instead::{instead, unavailable};
use crate::faults::{FaultKind, FaultScope, Faults, Strike, Trouble};
use crate::http::{Answer, Body, Reply};
use crate::refusal::Refusal;
use crate::sim::Sim;
use jiff::Timestamp;

/// What becomes of a request before anybody looks at it.
pub(super) enum Go {
    On,
    Refused(Refusal),
    Reset,
}

/// A request that nothing has happened to.
pub(super) fn begin(arrived: &Arrived, endpoint: &'static str) -> Trouble {
    Trouble { endpoint, account: claimed_login(arrived), struck: Vec::new() }
}

/// Who the caller says to be.
fn claimed_login(arrived: &Arrived) -> Option<String> {
    let (_, key_id) = arrived.header("authorization")?.split_once("keyId=\"/")?;
    key_id.split('/').next().map(str::to_owned)
}

/// Lets the faults of scope Request strike: it may have to wait, and the first one that ends it does.
pub(super) async fn before(sim: &Sim, arrived: &Arrived, trouble: &mut Trouble) -> Go {
    let (wait, go) = sim.with(|state, now| {
        let mut wait = Duration::ZERO;
        for kind in of(FaultScope::Request) {
            // That one has had its chance, before the body came.
            if kind == FaultKind::ResetBeforeBody {
                continue;
            }
            let Some(strike) = state.faults.strikes(kind, trouble, now) else { continue };
            wait += strike.delay;
            match kind {
                FaultKind::Slow => continue,
                FaultKind::ResetBeforeCommit => return (wait, Go::Reset),
                _ => {}
            }
            let refusal = instead(kind, arrived.uri.path()).unwrap_or_else(unavailable);
            return (wait, Go::Refused(refusal));
        }
        (wait, Go::On)
    });
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    go
}

/// Which faults strike the answer that was decided: one that hides it, or several that distort it.
pub(super) fn after(faults: &mut Faults, decision: &mut Decision, now: Timestamp) {
    let mut strikes = |kind| faults.strikes(kind, &mut decision.trouble, now);
    if decision.caught.is_none() && decision.result.is_ok() {
        decision.caught = of(FaultScope::Commit).find_map(&mut strikes);
    }
    let has_json = match &decision.result {
        Ok(Answer { reply, read_back, .. }) => {
            matches!(reply.body, Body::Json(_)) || read_back.is_some()
        }
        Err(_) => true,
    };
    let has_answer = decision.caught.is_none_or(|strike| strike.kind == FaultKind::SlowAfterCommit);
    if has_answer {
        let body = of(FaultScope::Body).filter(|_| has_json);
        decision.strikes = body.chain(of(FaultScope::Wire)).filter_map(strikes).collect();
    }
}

/// What a caller sees of an answer that a fault hides.
pub(super) async fn hide(strike: Strike, result: Result<Reply, Refusal>) -> End {
    tokio::time::sleep(strike.delay).await;
    match strike.kind {
        FaultKind::AnswerLostAfterCommit | FaultKind::CreateAnswerLostAfterCommit => {
            End::Reset(status_of(&result))
        }
        FaultKind::HangAfterCommit => End::Answer(Err(unavailable())),
        FaultKind::SlowAfterCommit => End::Answer(result),
        _ => End::Answer(Err(Refusal::internal("Internal Error"))),
    }
}

pub(super) fn status_of(result: &Result<Reply, Refusal>) -> u16 {
    match result {
        Ok(reply) => reply.status,
        Err(refusal) => refusal.status,
    }
}

fn of(scope: FaultScope) -> impl Iterator<Item = FaultKind> {
    FaultKind::ALL.into_iter().filter(move |kind| kind.entry().scope == scope)
}
