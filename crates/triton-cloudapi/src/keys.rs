//! SSH keys of the account and of its sub-users (manual, "Keys" and "User SSH keys").
//!
//! A new key signs after seconds, when all servers know it; who asks sooner gets a 401.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::answer::{json, page};
use crate::endpoint::{Endpoint, Group};
use crate::lenient;
use crate::page::Page;
use crate::request::{Request, RequestError};
use crate::target::Target;
use crate::users::user;

const LIST: Endpoint = Endpoint::read("ListKeys", Group::Keys);
const CREATE: Endpoint = Endpoint::once("CreateKey", Group::Keys);
const GET: Endpoint = Endpoint::read("GetKey", Group::Keys);
const DELETE: Endpoint = Endpoint::remove("DeleteKey", Group::Keys);
const LIST_OF_USER: Endpoint = Endpoint::read("ListUserKeys", Group::Keys);
const CREATE_OF_USER: Endpoint = Endpoint::once("CreateUserKey", Group::Keys);
const GET_OF_USER: Endpoint = Endpoint::read("GetUserKey", Group::Keys);
const DELETE_OF_USER: Endpoint = Endpoint::remove("DeleteUserKey", Group::Keys);

/// The calls of this section of the manual.
pub const ENDPOINTS: &[Endpoint] =
    &[LIST, CREATE, GET, DELETE, LIST_OF_USER, CREATE_OF_USER, GET_OF_USER, DELETE_OF_USER];

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Key {
    /// Name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: String,
    /// MD5 fingerprint with colons.
    pub fingerprint: String,
    /// The key, in OpenSSH's one-line form.
    #[serde(default, deserialize_with = "lenient::text")]
    pub key: String,
    /// Whether a hardware token vouched for it.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub attested: bool,
    /// What the token asks for before it signs: `pin`, `touch`.
    #[serde(default, deserialize_with = "lenient::texts", skip_serializing_if = "Vec::is_empty")]
    pub multifactor: Vec<String>,
}

/// Parameters of CreateKey.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateKey {
    /// Name; the fingerprint if `None`.
    pub name: Option<String>,
    /// The key, in OpenSSH's one-line form.
    pub key: String,
    /// Certificates by which a hardware token vouches for it, in PEM.
    pub attestation: Vec<String>,
}

/// ListKeys.
///
/// # Errors
///
/// [`RequestError`].
pub fn list() -> Result<Request<Page<Key>>, RequestError> {
    LIST.get(&Target::new(KEYS), page)
}

/// CreateKey.
///
/// # Errors
///
/// [`RequestError::Invalid`] for what is no public key; the key itself is not told, in case it is a private one.
pub fn create(create: &CreateKey) -> Result<Request<Key>, RequestError> {
    CREATE.post(&Target::new(KEYS), &create.to_body()?, json)
}

/// GetKey, by name or MD5 fingerprint.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty name, which would be the list.
pub fn get(name: &str) -> Result<Request<Key>, RequestError> {
    GET.get(&Target::new(KEYS).named(WHAT, name)?, json)
}

/// GetKey past the server's cache, which may not know the key yet.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty name.
pub fn get_fresh(name: &str) -> Result<Request<Key>, RequestError> {
    GET.get(&Target::new(KEYS).named(WHAT, name)?.query("sync", "true"), json)
}

/// DeleteKey, by name or MD5 fingerprint. That it is not there is success.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty name.
pub fn delete(name: &str) -> Result<Request<()>, RequestError> {
    DELETE.delete(&Target::new(KEYS).named(WHAT, name)?)
}

/// ListUserKeys: of a sub-user, by UUID or login.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty login.
pub fn list_of_user(login: &str) -> Result<Request<Page<Key>>, RequestError> {
    LIST_OF_USER.get(&of_user(login)?, page)
}

/// CreateUserKey: for a sub-user, by UUID or login.
///
/// # Errors
///
/// As [`create`], and [`RequestError::Empty`] for an empty login.
pub fn create_of_user(login: &str, create: &CreateKey) -> Result<Request<Key>, RequestError> {
    CREATE_OF_USER.post(&of_user(login)?, &create.to_body()?, json)
}

/// GetUserKey: of a sub-user, by name or MD5 fingerprint.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty login or name.
pub fn get_of_user(login: &str, name: &str) -> Result<Request<Key>, RequestError> {
    GET_OF_USER.get(&of_user(login)?.named(WHAT, name)?, json)
}

/// DeleteUserKey: of a sub-user, by name or MD5 fingerprint. That it is not there is success.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty login or name.
pub fn delete_of_user(login: &str, name: &str) -> Result<Request<()>, RequestError> {
    DELETE_OF_USER.delete(&of_user(login)?.named(WHAT, name)?)
}

// === impl CreateKey ===

impl CreateKey {
    fn to_body(&self) -> Result<serde_json::Value, RequestError> {
        // `TYPE BASE64 COMMENT` on one line; a private key has many.
        let key = self.key.trim();
        if key.lines().count() != 1 || key.split_whitespace().nth(1).is_none() {
            return Err(RequestError::invalid(
                "key",
                "(not shown)",
                "it is a public key in OpenSSH's form, on one line",
            ));
        }
        let mut body = json!({"key": key});
        if let Some(name) = &self.name {
            body["name"] = name.as_str().into();
        }
        if !self.attestation.is_empty() {
            body["attestation"] = self.attestation.clone().into();
        }
        Ok(body)
    }
}

const KEYS: &str = "/keys";

const WHAT: &str = "the key's name";

fn of_user(login: &str) -> Result<Target, RequestError> {
    Ok(user(login)?.fixed("keys"))
}
