//! Policies: what the members of a role may do (manual, "Policies"). Changes are seen everywhere after seconds.

use serde::{Deserialize, Serialize};

use crate::answer::{json, page};
use crate::endpoint::{Endpoint, Group};
use crate::ids::PolicyId;
use crate::lenient;
use crate::page::Page;
use crate::request::{Request, RequestError, to_body};
use crate::target::Target;

const LIST: Endpoint = Endpoint::read("ListPolicies", Group::Policies);
const CREATE: Endpoint = Endpoint::once("CreatePolicy", Group::Policies);
const GET: Endpoint = Endpoint::read("GetPolicy", Group::Policies);
const UPDATE: Endpoint = Endpoint::set("UpdatePolicy", Group::Policies);
const DELETE: Endpoint = Endpoint::remove("DeletePolicy", Group::Policies);

/// The calls of this section of the manual.
pub const ENDPOINTS: &[Endpoint] = &[LIST, CREATE, GET, UPDATE, DELETE];

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Policy {
    /// Identity.
    pub id: PolicyId,
    /// Name, unique in the account.
    pub name: String,
    /// Rules, such as `CAN listmachines`; any of them allows.
    #[serde(default, deserialize_with = "lenient::text_or_texts")]
    pub rules: Vec<String>,
    /// Description.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub description: Option<String>,
}

/// Parameters of CreatePolicy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CreatePolicy {
    /// Name, unique in the account.
    pub name: String,
    /// Rules, such as `CAN listmachines`.
    pub rules: Vec<String>,
    /// Description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Parameters of UpdatePolicy; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UpdatePolicy {
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// All rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<String>>,
    /// Description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// ListPolicies.
///
/// # Errors
///
/// [`RequestError`].
pub fn list() -> Result<Request<Page<Policy>>, RequestError> {
    LIST.get(&Target::new("/policies"), page)
}

/// CreatePolicy.
///
/// # Errors
///
/// [`RequestError::Empty`] for no name or no rule.
pub fn create(create: &CreatePolicy) -> Result<Request<Policy>, RequestError> {
    if create.name.is_empty() {
        return Err(RequestError::Empty { what: WHAT });
    }
    if create.rules.is_empty() {
        return Err(RequestError::Empty { what: "the list of the policy's rules" });
    }
    CREATE.post(&Target::new("/policies"), &to_body(create)?, json)
}

/// GetPolicy, by UUID or name.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty name, which would be the list.
pub fn get(name: &str) -> Result<Request<Policy>, RequestError> {
    GET.get(&policy(name)?, json)
}

/// UpdatePolicy, by UUID or name.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty name.
pub fn update(name: &str, update: &UpdatePolicy) -> Result<Request<Policy>, RequestError> {
    UPDATE.post(&policy(name)?, &to_body(update)?, json)
}

/// DeletePolicy, by UUID or name. That it is not there is success.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty name.
pub fn delete(name: &str) -> Result<Request<()>, RequestError> {
    DELETE.delete(&policy(name)?)
}

const WHAT: &str = "the policy's name";

fn policy(name: &str) -> Result<Target, RequestError> {
    Target::new("/policies").named(WHAT, name)
}
