//! SSH keys, of the account and of its sub-users.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use uuid::Uuid;

use super::users::user;
use super::{Answer, Call, Reply, Route};
use crate::refusal::Refusal;
use crate::version::ApiVersion;
use crate::world::{AccountKey, KeyRing};

const SINCE: ApiVersion = ApiVersion(7, 2, 0);

pub(super) const ROUTES: &[Route] = &[
    Route::get("/:account/keys", "ListKeys", "keys", list),
    Route::post("/:account/keys", "CreateKey", "keys", create),
    Route::get("/:account/keys/:name", "GetKey", "keys", get),
    Route::delete("/:account/keys/:name", "DeleteKey", "keys", delete),
    Route::get("/:account/users/:user/keys", "ListUserKeys", "keys", list).since(SINCE),
    Route::post("/:account/users/:user/keys", "CreateUserKey", "keys", create).since(SINCE),
    Route::get("/:account/users/:user/keys/:name", "GetUserKey", "keys", get).since(SINCE),
    Route::delete("/:account/users/:user/keys/:name", "DeleteUserKey", "keys", delete).since(SINCE),
];

fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let keys: Vec<Value> = ring(call)?.iter().map(AccountKey::to_json).collect();
    Ok(Answer::ok(keys.into()))
}

fn create(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let key = read(call)?;
    let owner = owner(call)?;
    let base = match owner {
        Some(_) => format!("/users/{}/keys", call.params.str("user").unwrap_or_default()),
        None => "/keys".to_owned(),
    };
    let (body, fingerprint) = (key.to_json(), key.fingerprint.clone());
    ring_mut(call, owner)?.add(key)?;
    let encoded = utf8_percent_encode(&fingerprint, NON_ALPHANUMERIC);
    let location = format!("/{}{base}/{encoded}", call.account()?.login);
    call.resource = format!("{base}/{fingerprint}");
    Ok(Reply::json(201, body).header("location", location).into())
}

fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let name = call.params.str("name").unwrap_or_default();
    let key = ring(call)?.find(name);
    Ok(Answer::ok(key.ok_or_else(|| not_found(name))?.to_json()))
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let name = call.params.str("name").unwrap_or_default().to_owned();
    let owner = owner(call)?;
    ring_mut(call, owner)?.remove(&name).ok_or_else(|| not_found(&name))?;
    Ok(Answer::empty(204))
}

/// The key of a CreateKey; without a name it is called by its comment, and without that by its fingerprint.
fn read(call: &Call<'_>) -> Result<AccountKey, Refusal> {
    let text = match call.params.get("key") {
        None => return Err(Refusal::new(409, "MissingParameter", "key is a required argument")),
        Some(Value::String(text)) => text,
        Some(_) => return Err(Refusal::invalid_argument("key must be a String")),
    };
    if !text.contains(' ') {
        return Err(Refusal::invalid_argument("key is invalid"));
    }
    let name = call.params.str("name").or_else(|| AccountKey::comment(text));
    let key = AccountKey::from_openssh(text, name)
        .map_err(|_| Refusal::invalid_argument("key already exists or is invalid"))?;
    let attested = match call.params.get("attestation") {
        None => false,
        Some(Value::Array(items)) if items.iter().all(Value::is_string) => !items.is_empty(),
        Some(_) => {
            return Err(Refusal::invalid_argument("attestation must be an Array of Strings"));
        }
    };
    Ok(AccountKey { attested, ..key })
}

/// The sub-user whose keys are meant, or `None` for the account's own.
fn owner(call: &Call<'_>) -> Result<Option<Uuid>, Refusal> {
    call.params.str("user").map(|_| user(call, "user").map(|user| user.id)).transpose()
}

fn ring<'a>(call: &'a Call<'_>) -> Result<&'a KeyRing, Refusal> {
    match call.params.str("user") {
        Some(_) => Ok(&user(call, "user")?.keys),
        None => Ok(&call.account()?.keys),
    }
}

fn ring_mut<'a>(call: &'a mut Call<'_>, owner: Option<Uuid>) -> Result<&'a mut KeyRing, Refusal> {
    let account = call.world.account_mut(call.account)?;
    match owner {
        None => Ok(&mut account.keys),
        Some(id) => match account.users.get_mut(&id) {
            Some(user) => Ok(&mut user.keys),
            None => Err(not_found(&id.to_string())),
        },
    }
}

fn not_found(name: &str) -> Refusal {
    Refusal::not_found(format!("{name} does not exist"))
}
