//! NICs of an instance.

use serde_json::Value;

use super::{Answer, Call, Route};
use crate::refusal::Refusal;
use crate::version::ApiVersion;

pub(super) const ROUTES: &[Route] = &[
    Route::get("/:account/machines/:machine/nics", "ListNics", "nics", list)
        .since(ApiVersion(7, 2, 0)),
    Route::get("/:account/machines/:machine/nics/:mac", "GetNic", "nics", get)
        .since(ApiVersion(7, 2, 0)),
];

fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let instance = call.instance()?;
    Ok(Answer::ok(
        instance.nics.iter().map(|nic| nic.to_json(instance.state)).collect::<Vec<Value>>().into(),
    ))
}

/// The path holds the MAC address without colons.
fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let wanted = call.params.str("mac").unwrap_or_default().to_ascii_lowercase();
    let instance = call.instance()?;
    let nic = instance.nics.iter().find(|nic| nic.mac().replace(':', "") == wanted);
    Ok(Answer::ok(nic.ok_or_else(|| Refusal::not_found("nic not found"))?.to_json(instance.state)))
}
