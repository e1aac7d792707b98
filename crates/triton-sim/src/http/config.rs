//! The account's configuration and limits.

use serde_json::json;
use uuid::Uuid;

use super::{Answer, Call, Route};
use crate::refusal::Refusal;
use crate::world::property;

pub(super) const ROUTES: &[Route] = &[
    Route::get("/:account/config", "GetConfig", "config", get),
    Route::put("/:account/config", "UpdateConfig", "config", update),
    Route::get_only("/:account/limits", "GetProvisioningLimits", "account", limits),
];

fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(json!({ "default_network": call.account()?.default_network })))
}

/// The default network is one of the account's fabric networks.
fn update(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let known = ["account", "default_network"];
    if let Some((name, _)) = call.params.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        return Err(property(name, "unsupported property"));
    }
    let text = call.params.str("default_network");
    let text = text.ok_or_else(|| property("default_network", "is missing and it is required"))?;
    let id: Uuid = text.parse().map_err(|_| property("default_network", "must be a UUID"))?;
    call.world
        .fabric_network(call.account, id)
        .map_err(|_| Refusal::invalid_argument("unknown network"))?;
    call.world.account_mut(call.account)?.default_network = Some(id);
    get(call)
}

/// Empty unless an operator has set limits.
fn limits(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(call.world.limits_json(call.account)))
}
