//! The account's configuration and limits.

use serde_json::json;
use uuid::Uuid;

use super::{Answer, Call, Route};
use crate::refusal::Refusal;

pub(super) const ROUTES: &[Route] = &[
    Route::get("/:account/config", "GetConfig", "config", get),
    Route::put("/:account/config", "UpdateConfig", "config", update),
    Route::get_only("/:account/limits", "GetProvisioningLimits", "account", limits),
];

fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(json!({ "default_network": call.account()?.default_network })))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    if let Some(text) = call.params.str("default_network") {
        let id: Option<Uuid> = text.parse().ok();
        let network =
            id.and_then(|id| call.world.catalog.find_network(id)).filter(|network| network.fabric);
        let network = network
            .ok_or_else(|| Refusal::invalid_argument("default_network is no fabric network"))?
            .id;
        call.world.account_mut(call.account)?.default_network = Some(network);
    }
    get(call)
}

/// Empty unless an operator has set limits.
fn limits(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(call.world.limits_json(call.account)))
}
