//! What was done to an instance.

use serde_json::{Value, json};

use super::{Answer, Call, Route};
use crate::faults::FaultKind;
use crate::refusal::Refusal;
use crate::world::iso;

pub(super) const ROUTES: &[Route] =
    &[Route::get("/:account/machines/:machine/audit", "MachineAudit", "machines", audit)];

/// Jobs that ended, newest first.
fn audit(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    if call.strikes(FaultKind::AuditMissing).is_some() {
        return Ok(Answer::ok(json!([])));
    }
    let entries = call.instance()?.audit.iter().rev().map(|entry| {
        let caller = if entry.caller.key_id.is_empty() {
            json!({ "type": "operator" })
        } else {
            json!({ "type": "signature", "ip": entry.caller.ip, "keyId": entry.caller.key_id })
        };
        json!({
            "action": entry.action,
            "success": if entry.success { "yes" } else { "no" },
            "time": iso(entry.at),
            "caller": caller,
        })
    });
    Ok(Answer::ok(entries.collect::<Vec<Value>>().into()))
}
