//! Access keys for object storage, of the account and of its sub-users (manual, "Access keys"; server 9.11 and later).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::answer::{json, page};
use crate::endpoint::{Endpoint, Group};
use crate::lenient;
use crate::page::Page;
use crate::request::{Request, RequestError};
use crate::secret::Secret;
use crate::target::Target;
use crate::text_enum::text_enum;
use crate::timestamp;
use crate::users::user;

const LIST: Endpoint = Endpoint::read("ListAccessKeys", Group::AccessKeys);
const CREATE: Endpoint = Endpoint::once("CreateAccessKey", Group::AccessKeys);
const GET: Endpoint = Endpoint::read("GetAccessKey", Group::AccessKeys);
const DELETE: Endpoint = Endpoint::remove("DeleteAccessKey", Group::AccessKeys);
const LIST_OF_USER: Endpoint = Endpoint::read("ListUserAccessKeys", Group::AccessKeys);
const CREATE_OF_USER: Endpoint = Endpoint::once("CreateUserAccessKey", Group::AccessKeys);
const GET_OF_USER: Endpoint = Endpoint::read("GetUserAccessKey", Group::AccessKeys);
const DELETE_OF_USER: Endpoint = Endpoint::remove("DeleteUserAccessKey", Group::AccessKeys);

/// The calls of this section of the manual.
pub const ENDPOINTS: &[Endpoint] =
    &[LIST, CREATE, GET, DELETE, LIST_OF_USER, CREATE_OF_USER, GET_OF_USER, DELETE_OF_USER];

/// An access key and its secret, which neither `Debug` nor `Serialize` shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AccessKey {
    /// What names it.
    #[serde(rename = "accesskeyid")]
    pub id: String,
    /// What it signs with.
    #[serde(rename = "accesskeysecret", default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// Whether it can be used.
    #[serde(default, deserialize_with = "lenient::text_as")]
    pub status: AccessKeyStatus,
    /// When it was made.
    #[serde(default, with = "timestamp", skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// When it last changed.
    #[serde(default, with = "timestamp", skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
}

/// Whether an access key can be used.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AccessKeyStatus {
    /// It can.
    Active,
    /// It cannot.
    Inactive,
    /// Something else, as it came.
    Other(String),
}

text_enum!(AccessKeyStatus, Other, {
    Active => "Active",
    Inactive => "Inactive",
});

/// ListAccessKeys.
///
/// # Errors
///
/// [`RequestError`].
pub fn list() -> Result<Request<Page<AccessKey>>, RequestError> {
    LIST.get(&Target::new(KEYS), page)
}

/// CreateAccessKey.
///
/// # Errors
///
/// [`RequestError`].
pub fn create() -> Result<Request<AccessKey>, RequestError> {
    CREATE.post_nothing(&Target::new(KEYS), json)
}

/// GetAccessKey.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty id, which would be the list.
pub fn get(id: &str) -> Result<Request<AccessKey>, RequestError> {
    GET.get(&Target::new(KEYS).named(WHAT, id)?, json)
}

/// DeleteAccessKey. That it is not there is success.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty id.
pub fn delete(id: &str) -> Result<Request<()>, RequestError> {
    DELETE.delete(&Target::new(KEYS).named(WHAT, id)?)
}

/// ListUserAccessKeys: of a sub-user, by UUID or login.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty login.
pub fn list_of_user(login: &str) -> Result<Request<Page<AccessKey>>, RequestError> {
    LIST_OF_USER.get(&of_user(login)?, page)
}

/// CreateUserAccessKey: for a sub-user, by UUID or login.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty login.
pub fn create_of_user(login: &str) -> Result<Request<AccessKey>, RequestError> {
    CREATE_OF_USER.post_nothing(&of_user(login)?, json)
}

/// GetUserAccessKey.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty login or id.
pub fn get_of_user(login: &str, id: &str) -> Result<Request<AccessKey>, RequestError> {
    GET_OF_USER.get(&of_user(login)?.named(WHAT, id)?, json)
}

/// DeleteUserAccessKey. That it is not there is success.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty login or id.
pub fn delete_of_user(login: &str, id: &str) -> Result<Request<()>, RequestError> {
    DELETE_OF_USER.delete(&of_user(login)?.named(WHAT, id)?)
}

const KEYS: &str = "/accesskeys";

const WHAT: &str = "the access key's id";

fn of_user(login: &str) -> Result<Target, RequestError> {
    Ok(user(login)?.fixed("accesskeys"))
}
