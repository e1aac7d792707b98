//! The account itself (manual, "Account").

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::answer::json;
use crate::endpoint::{Endpoint, Group};
use crate::lenient;
use crate::request::{Request, RequestError, to_body};
use crate::target::Target;
use crate::timestamp;

const GET: Endpoint = Endpoint::read("GetAccount", Group::Account);
const UPDATE: Endpoint = Endpoint::set("UpdateAccount", Group::Account);

/// The calls of this section of the manual.
pub const ENDPOINTS: &[Endpoint] = &[GET, UPDATE];

/// The account that the key belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Account {
    /// Identity.
    pub id: uuid::Uuid,
    /// Login, as in paths and key ids.
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
    /// When it was made.
    #[serde(default, with = "timestamp", skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// When it last changed.
    #[serde(default, with = "timestamp", skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
    /// Whether CNS names instances of this account; then names have at most 63 characters.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub triton_cns_enabled: bool,
}

/// Who an account or sub-user is and where. What is `None` is not known, or stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// Company.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub company_name: Option<String>,
    /// First name.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub first_name: Option<String>,
    /// Last name.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_name: Option<String>,
    /// Street and number.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub address: Option<String>,
    /// Postal code.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub postal_code: Option<String>,
    /// City.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub city: Option<String>,
    /// State or province.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub state: Option<String>,
    /// Country.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub country: Option<String>,
    /// Telephone.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub phone: Option<String>,
}

/// Parameters of UpdateAccount; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UpdateAccount {
    /// Mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Who it is and where.
    #[serde(flatten)]
    pub contact: Contact,
    /// Whether CNS names its instances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub triton_cns_enabled: Option<bool>,
}

/// GetAccount.
///
/// # Errors
///
/// [`RequestError`], as for every function that makes a request.
pub fn get() -> Result<Request<Account>, RequestError> {
    GET.get(&Target::new("/"), json)
}

/// UpdateAccount.
///
/// # Errors
///
/// [`RequestError`].
pub fn update(update: &UpdateAccount) -> Result<Request<Account>, RequestError> {
    UPDATE.post(&Target::new("/"), &to_body(update)?, json)
}
