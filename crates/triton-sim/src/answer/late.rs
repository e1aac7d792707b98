//! Faults of what a call sets off: its job, and the firewall rule it changes.

use http::Method;
use uuid::Uuid;

use crate::faults::FaultKind;
use crate::http::{Answer, Body, Call, Route};
use crate::refusal::Refusal;
use crate::world::JobFate;

/// Runs the handler, and lets the faults of scope Job strike what it has set off.
///
/// # Errors
/// The handler's.
pub(super) fn handle(call: &mut Call<'_>, route: &Route) -> Result<Answer, Refusal> {
    if call.faults.is_empty() {
        return (route.handler)(call);
    }
    let is_rule_change = route.path.contains("fwrules") && route.method != Method::GET;
    let rule: Option<Uuid> = call.params.str("id").and_then(|id| id.parse().ok());
    let before = rule.and_then(|id| call.world.rules.get(&id).cloned());
    call.world.submitted = None;
    let answer = (route.handler)(call)?;
    if let Some(instance) = call.world.submitted.take() {
        let fate = JobFate {
            fails: call.strikes(FaultKind::JobFails).is_some(),
            sticks: call.strikes(FaultKind::JobNeverRuns).is_some(),
            late: call.strikes(FaultKind::JobLate).map(|strike| strike.delay),
        };
        call.world.decide_last_job(instance, fate);
    }
    let rule = rule.or_else(|| created_id(&answer));
    if let (true, Some(rule)) = (is_rule_change, rule)
        && let Some(strike) = call.strikes(FaultKind::FirewallLate)
    {
        call.world.delay_rule(rule, before, strike.delay, call.now);
    }
    Ok(answer)
}

fn created_id(answer: &Answer) -> Option<Uuid> {
    match &answer.reply.body {
        Body::Json(body) => body["id"].as_str()?.parse().ok(),
        Body::Empty | Body::Text(_) | Body::MigrationEvents(_) => None,
    }
}
