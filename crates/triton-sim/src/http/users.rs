//! Sub-users.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answer, Call, Params, Reply, Route};
use crate::refusal::Refusal;
use crate::version::ApiVersion;
use crate::world::{CONTACT_FIELDS, SubUser, check_email, check_login};

const SINCE: ApiVersion = ApiVersion(7, 2, 0);

pub(super) const ROUTES: &[Route] = &[
    Route::get("/:account/users", "ListUsers", "users", list).since(SINCE),
    Route::post("/:account/users", "CreateUser", "users", create).since(SINCE),
    Route::get("/:account/users/:uuid", "GetUser", "users", get).since(SINCE),
    Route::post("/:account/users/:uuid", "UpdateUser", "users", update).since(SINCE),
    Route::post("/:account/users/:uuid/change_password", "ChangeUserPassword", "users", password)
        .since(SINCE),
    Route::delete("/:account/users/:uuid", "DeleteUser", "users", delete).since(SINCE),
];

fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let users = call.account()?.users.values();
    Ok(Answer::ok(users.map(SubUser::to_json).collect::<Vec<Value>>().into()))
}

fn create(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let params = &call.params;
    let missing: Vec<String> = ["email", "login", "password"]
        .into_iter()
        .filter(|name| params.str(name).is_none())
        .map(|name| format!("{name} is required"))
        .collect();
    require(&missing)?;
    let text = |name| params.str(name).unwrap_or_default().to_owned();
    let (login, password) = (text("login"), text("password"));
    check_email(&text("email"))?;
    let contact = contact_of(params).into_iter().filter_map(|(k, v)| Some((k, v?))).collect();
    check_free(call, &login, None)?;
    let id = call.world.new_id();
    let mut user = SubUser::new(id, &login, contact, call.now)?;
    user.set_password(&password)?;
    let body = user.to_json();
    let account = call.world.account_mut(call.account)?;
    account.users.insert(id, user);
    let location = format!("/{}/users/{login}", account.login);
    call.resource = format!("/users/{id}");
    Ok(Reply::json(201, body).header("location", location).into())
}

fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let user = user(call, "uuid")?;
    let mut body = user.to_json();
    if call.params.is_truthy("membership") {
        let names = |only_default: bool| -> Result<Vec<&str>, Refusal> {
            let roles = call.account()?.roles_of(user.id);
            let wanted = roles.filter(|(_, member)| !only_default || member.is_default);
            Ok(wanted.map(|(role, _)| role.name.as_str()).collect())
        };
        body["roles"] = json!(names(false)?);
        body["default_roles"] = json!(names(true)?);
    }
    Ok(Answer::ok(body))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let id = user(call, "uuid")?.id;
    let login = call.params.str("login").map(str::to_owned);
    if let Some(login) = &login {
        check_login(login)?;
        check_free(call, login, Some(id))?;
    }
    if let Some(email) = call.params.str("email") {
        check_email(email)?;
    }
    let contact = contact_of(&call.params);
    change(call, id, |user| {
        user.login = login.unwrap_or_else(|| std::mem::take(&mut user.login));
        for (field, value) in contact {
            match value {
                Some(value) => user.contact.insert(field, value),
                None if field == "email" => None,
                None => user.contact.remove(&field),
            };
        }
        Ok(())
    })
}

fn password(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let missing: Vec<String> = ["password", "password_confirmation"]
        .into_iter()
        .filter(|name| call.params.str(name).is_none())
        .map(|name| format!("{name} is required"))
        .collect();
    require(&missing)?;
    let password = call.params.str("password").unwrap_or_default().to_owned();
    if call.params.str("password_confirmation") != Some(&password) {
        let message = "password and password_confirmation must have the same value";
        return Err(Refusal::invalid_argument(message));
    }
    let id = user(call, "uuid")?.id;
    change(call, id, |user| user.set_password(&password))
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let id = user(call, "uuid")?.id;
    call.world.account_mut(call.account)?.remove_user(id);
    Ok(Answer::empty(204))
}

/// The sub-user a parameter names by login or id.
///
/// # Errors
/// 404.
pub(super) fn user<'a>(call: &'a Call<'_>, param: &str) -> Result<&'a SubUser, Refusal> {
    let wanted = call.params.str(param).unwrap_or_default();
    let user = call.account()?.find_user(wanted);
    user.ok_or_else(|| Refusal::not_found(format!("{wanted} does not exist")))
}

/// Changes a sub-user of the account, and answers with it.
fn change(
    call: &mut Call<'_>,
    id: Uuid,
    work: impl FnOnce(&mut SubUser) -> Result<(), Refusal>,
) -> Result<Answer, Refusal> {
    let now = call.now;
    let user = call.world.account_mut(call.account)?.users.get_mut(&id);
    let user = user.ok_or_else(|| Refusal::not_found(format!("{id} does not exist")))?;
    work(user)?;
    user.updated = now;
    Ok(Answer::ok(user.to_json()))
}

/// The contact fields that are given; empty text takes one away.
fn contact_of(params: &Params) -> BTreeMap<String, Option<String>> {
    let given = |field: &&str| params.get(field).is_some_and(Value::is_string);
    let read = |field: &str| (field.to_owned(), params.str(field).map(str::to_owned));
    CONTACT_FIELDS.into_iter().filter(given).map(read).collect()
}

fn check_free(call: &Call<'_>, login: &str, except: Option<Uuid>) -> Result<(), Refusal> {
    let mut users = call.account()?.users.values();
    if users.any(|user| user.login == login && Some(user.id) != except) {
        return Err(Refusal::invalid_argument(format!("{login} already exists")));
    }
    Ok(())
}

/// # Errors
/// 409 MissingParameter when anything is missing.
pub(super) fn require(missing: &[String]) -> Result<(), Refusal> {
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("Request is missing required parameters: {}", missing.join(", "));
    Err(Refusal::new(409, "MissingParameter", message))
}
