//! Access keys, of the account and of its sub-users.

use serde_json::Value;
use uuid::Uuid;

use super::users::{user, user_of};
use super::{Answer, Call, Reply, Route};
use crate::refusal::Refusal;
use crate::world::AccessKey;

pub(super) const ROUTES: &[Route] = &[
    Route::get("/:account/accesskeys", "ListAccessKeys", "accesskeys", list),
    Route::post("/:account/accesskeys", "CreateAccessKey", "accesskeys", create),
    Route::get("/:account/accesskeys/:accesskeyid", "GetAccessKey", "accesskeys", get),
    Route::delete("/:account/accesskeys/:accesskeyid", "DeleteAccessKey", "accesskeys", delete),
    Route::get("/:account/users/:user/accesskeys", "ListUserAccessKeys", "accesskeys", list),
    Route::post("/:account/users/:user/accesskeys", "CreateUserAccessKey", "accesskeys", create),
    Route::get(
        "/:account/users/:user/accesskeys/:accesskeyid",
        "GetUserAccessKey",
        "accesskeys",
        get,
    ),
    Route::delete(
        "/:account/users/:user/accesskeys/:accesskeyid",
        "DeleteUserAccessKey",
        "accesskeys",
        delete,
    ),
];

/// At most so many for one person: nothing else bounds them.
const ACCESS_KEYS_MAX: usize = 1000;

fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let keys: Vec<Value> = keys(call)?.iter().map(AccessKey::to_json).collect();
    Ok(Answer::ok(keys.into()))
}

fn create(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let owner = owner(call)?;
    let key = AccessKey::new(call.world.random_bytes(), call.world.random_bytes(), call.now);
    let base = match owner {
        Some(_) => format!("/users/{}/accesskeys", call.params.str("user").unwrap_or_default()),
        None => "/accesskeys".to_owned(),
    };
    let (body, id) = (key.to_json(), key.id.clone());
    let keys = keys_mut(call, owner)?;
    if keys.len() >= ACCESS_KEYS_MAX {
        return Err(Refusal::invalid_argument("key is invalid"));
    }
    keys.push(key);
    call.resource = format!("{base}/{id}");
    let location = format!("/{}{}", call.account()?.login, call.resource);
    Ok(Reply::json(201, body).header("location", location).into())
}

fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let id = call.params.str("accesskeyid").unwrap_or_default();
    let key = keys(call)?.iter().find(|key| key.id == id);
    Ok(Answer::ok(key.ok_or_else(|| not_found(id))?.to_json()))
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let id = call.params.str("accesskeyid").unwrap_or_default().to_owned();
    let owner = owner(call)?;
    let keys = keys_mut(call, owner)?;
    let index = keys.iter().position(|key| key.id == id).ok_or_else(|| not_found(&id))?;
    keys.remove(index);
    Ok(Answer::empty(204))
}

/// The sub-user whose keys are meant, or `None` for the account's own.
fn owner(call: &Call<'_>) -> Result<Option<Uuid>, Refusal> {
    call.params.str("user").map(|_| user(call, "user").map(|user| user.id)).transpose()
}

/// The keys that are read; `sync` with any text goes past the cache.
fn keys<'a>(call: &'a Call<'_>) -> Result<&'a [AccessKey], Refusal> {
    let account =
        if call.params.is_truthy("sync") { call.account()? } else { call.account_as_read()? };
    match call.params.str("user") {
        Some(_) => Ok(&user_of(account, &call.params, "user")?.access_keys),
        None => Ok(&account.access_keys),
    }
}

fn keys_mut<'a>(
    call: &'a mut Call<'_>,
    owner: Option<Uuid>,
) -> Result<&'a mut Vec<AccessKey>, Refusal> {
    let account = call.world.account_mut(call.account)?;
    match owner {
        None => Ok(&mut account.access_keys),
        Some(id) => match account.users.get_mut(&id) {
            Some(user) => Ok(&mut user.access_keys),
            None => Err(not_found(&id.to_string())),
        },
    }
}

fn not_found(name: &str) -> Refusal {
    Refusal::not_found(format!("{name} does not exist"))
}
