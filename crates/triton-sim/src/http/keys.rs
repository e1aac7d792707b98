//! The account's SSH keys.

use serde_json::Value;

use super::{Answer, Call, Reply, Route};
use crate::refusal::Refusal;
use crate::world::AccountKey;

pub(super) const ROUTES: &[Route] = &[
    Route::get("/:account/keys", "ListKeys", "keys", list),
    Route::post("/:account/keys", "CreateKey", "keys", create),
    Route::get("/:account/keys/:name", "GetKey", "keys", get),
    Route::delete("/:account/keys/:name", "DeleteKey", "keys", delete),
];

fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let keys: Vec<Value> = call.account()?.keys.iter().map(AccountKey::to_json).collect();
    Ok(Answer::ok(keys.into()))
}

fn create(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let text = call.params.str("key").ok_or_else(|| Refusal::missing_parameter("key"))?;
    let key = AccountKey::from_openssh(text, call.params.str("name"))
        .map_err(|error| Refusal::invalid_argument(format!("key is invalid: {error}")))?;
    let (body, name) = (key.to_json(), key.name.clone());
    let account = call.world.account_mut(call.account)?;
    account.add_key(key)?;
    Ok(Reply::json(201, body).header("location", format!("/{}/keys/{name}", account.login)).into())
}

fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let name = call.params.str("name").unwrap_or_default();
    let key = call.account()?.find_key(name);
    Ok(Answer::ok(key.ok_or_else(|| not_found(name))?.to_json()))
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let name = call.params.str("name").unwrap_or_default().to_owned();
    if !call.world.account_mut(call.account)?.remove_key(&name) {
        return Err(not_found(&name));
    }
    Ok(Answer::empty(204))
}

fn not_found(name: &str) -> Refusal {
    Refusal::not_found(format!("{name} does not exist"))
}
