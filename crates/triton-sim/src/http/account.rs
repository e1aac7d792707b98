//! The account itself.

use super::{Answer, Call, Route};
use crate::refusal::Refusal;
use crate::world::CONTACT_FIELDS;

pub(super) const ROUTES: &[Route] = &[
    Route::get("/:account", "GetAccount", "account", get),
    Route::post("/:account", "UpdateAccount", "account", update),
];

fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(call.account()?.to_json()))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let (params, now) = (&call.params, call.now);
    let cns_enabled = params.bool("triton_cns_enabled");
    if params.get("triton_cns_enabled").is_some() && cns_enabled.is_none() {
        let message = "triton_cns_enabled must be either \"true\" or \"false\"";
        return Err(Refusal::invalid_argument(message));
    }
    let account = call.world.account_mut(call.account)?;
    for field in CONTACT_FIELDS {
        if let Some(value) = params.str(field) {
            account.contact.insert(field.to_owned(), value.to_owned());
        }
    }
    if let Some(enabled) = cns_enabled {
        account.cns_enabled = enabled;
    }
    account.updated = now;
    Ok(Answer::ok(account.to_json()))
}
