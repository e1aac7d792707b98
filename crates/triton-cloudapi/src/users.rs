//! Sub-users of the account (manual, "Users"). Changes are seen everywhere after seconds.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::account::Contact;
use crate::answer::{json, page};
use crate::endpoint::{Endpoint, Group};
use crate::ids::UserId;
use crate::lenient;
use crate::page::Page;
use crate::request::{Request, RequestError, to_body};
use crate::secret::Secret;
use crate::target::Target;
use crate::timestamp;

const LIST: Endpoint = Endpoint::read("ListUsers", Group::Users);
const CREATE: Endpoint = Endpoint::once("CreateUser", Group::Users);
const GET: Endpoint = Endpoint::read("GetUser", Group::Users);
const UPDATE: Endpoint = Endpoint::set("UpdateUser", Group::Users);
const CHANGE_PASSWORD: Endpoint = Endpoint::set("ChangeUserPassword", Group::Users);
const DELETE: Endpoint = Endpoint::remove("DeleteUser", Group::Users);

/// The calls of this section of the manual.
pub const ENDPOINTS: &[Endpoint] = &[LIST, CREATE, GET, UPDATE, CHANGE_PASSWORD, DELETE];

/// Somebody who may use a part of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct User {
    /// Identity.
    pub id: UserId,
    /// Login, unique in the account.
    pub login: String,
    /// Mail address.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub email: Option<String>,
    /// Who it is and where.
    #[serde(flatten)]
    pub contact: Contact,
    /// Roles it can take; only if they were asked for.
    #[serde(default, deserialize_with = "lenient::texts", skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Roles it has without taking them; only if they were asked for.
    #[serde(default, deserialize_with = "lenient::texts", skip_serializing_if = "Vec::is_empty")]
    pub default_roles: Vec<String>,
    /// When it was made.
    #[serde(default, with = "timestamp", skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// When it last changed.
    #[serde(default, with = "timestamp", skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
}

/// Parameters of CreateUser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateUser {
    /// Login, unique in the account.
    pub login: String,
    /// Mail address.
    pub email: String,
    /// Password for portals; CloudAPI itself takes keys only.
    pub password: Secret,
    /// Who it is and where.
    pub contact: Contact,
}

/// Parameters of UpdateUser; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UpdateUser {
    /// Login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// Mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Who it is and where.
    #[serde(flatten)]
    pub contact: Contact,
}

/// ListUsers.
///
/// # Errors
///
/// [`RequestError`].
pub fn list() -> Result<Request<Page<User>>, RequestError> {
    LIST.get(&Target::new("/users"), page)
}

/// CreateUser.
///
/// # Errors
///
/// [`RequestError::Empty`] for no login, mail address or password.
pub fn create(create: &CreateUser) -> Result<Request<User>, RequestError> {
    let required = [
        (LOGIN, create.login.as_str()),
        ("the user's mail address", &create.email),
        ("the user's password", create.password.expose()),
    ];
    if let Some((what, _)) = required.into_iter().find(|(_, text)| text.is_empty()) {
        return Err(RequestError::Empty { what });
    }
    let mut body = to_body(&create.contact)?;
    body["login"] = create.login.as_str().into();
    body["email"] = create.email.as_str().into();
    body["password"] = create.password.expose().into();
    CREATE.post(&Target::new("/users"), &body, json)
}

/// GetUser, by UUID or login.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty login, which would be the list.
pub fn get(login: &str) -> Result<Request<User>, RequestError> {
    GET.get(&user(login)?, json)
}

/// GetUser with the roles it has.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty login.
pub fn get_with_roles(login: &str) -> Result<Request<User>, RequestError> {
    GET.get(&user(login)?.query("membership", "true"), json)
}

/// UpdateUser, by UUID or login.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty login.
pub fn update(login: &str, update: &UpdateUser) -> Result<Request<User>, RequestError> {
    UPDATE.post(&user(login)?, &to_body(update)?, json)
}

/// ChangeUserPassword, by UUID or login.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty login or password.
pub fn change_password(login: &str, password: &Secret) -> Result<Request<User>, RequestError> {
    let password = password.expose();
    if password.is_empty() {
        return Err(RequestError::Empty { what: "the user's password" });
    }
    let body = json!({"password": password, "password_confirmation": password});
    CHANGE_PASSWORD.post(&user(login)?.fixed("change_password"), &body, json)
}

/// DeleteUser, by UUID or login. That it is not there is success.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty login.
pub fn delete(login: &str) -> Result<Request<()>, RequestError> {
    DELETE.delete(&user(login)?)
}

const LOGIN: &str = "the user's login";

/// A sub-user's path.
pub(crate) fn user(login: &str) -> Result<Target, RequestError> {
    Target::new("/users").named(LOGIN, login)
}
