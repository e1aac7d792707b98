//! Datacenters that the account can use (manual, "Datacenters").

use std::collections::BTreeMap;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::answer::{json, page, texts};
use crate::endpoint::{Endpoint, Group};
use crate::lenient;
use crate::page::Page;
use crate::request::{Answer, AnswerError, Request, RequestError};
use crate::secret::Secret;
use crate::target::Target;

const LIST: Endpoint = Endpoint::read("ListDatacenters", Group::Datacenters);
const GET: Endpoint = Endpoint::read("GetDatacenter", Group::Datacenters);
const LIST_FOREIGN: Endpoint = Endpoint::read("ListForeignDatacenters", Group::Datacenters);
const ADD_FOREIGN: Endpoint = Endpoint::set("AddForeignDatacenter", Group::Datacenters);

/// The calls of this section of the manual.
pub const ENDPOINTS: &[Endpoint] = &[LIST, GET, LIST_FOREIGN, ADD_FOREIGN];

/// A datacenter of another installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ForeignDatacenter {
    /// Name.
    #[serde(rename = "foreigndc", alias = "name")]
    pub name: String,
    /// Its CloudAPI.
    #[serde(default, deserialize_with = "lenient::text")]
    pub url: String,
}

/// Parameters of AddForeignDatacenter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddForeignDatacenter {
    /// Name.
    pub name: String,
    /// Its CloudAPI.
    pub url: String,
    /// What the portal authenticates with there.
    pub token: Secret,
}

/// ListDatacenters: names and URLs.
///
/// # Errors
///
/// [`RequestError`].
pub fn list() -> Result<Request<BTreeMap<String, String>>, RequestError> {
    LIST.get(&Target::new("/datacenters"), texts)
}

/// GetDatacenter: its URL. The server answers with a redirect there, which is not followed.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty name, which would be the list.
pub fn get(name: &str) -> Result<Request<String>, RequestError> {
    let target = Target::new("/datacenters").named("the datacenter's name", name)?;
    GET.get(&target, location)
}

/// ListForeignDatacenters: those of other installations that the account may use through a portal.
///
/// For portals, which act with a token of the account's (header `X-Auth-Token`); others get a 403.
///
/// # Errors
///
/// [`RequestError`].
pub fn list_foreign(token: &Secret) -> Result<Request<Page<ForeignDatacenter>>, RequestError> {
    LIST_FOREIGN.get(&Target::new("/foreigndatacenters"), page)?.with_auth_token(token)
}

/// AddForeignDatacenter, or replaces the one of that name; answers with all. For portals; others get a 403.
///
/// # Errors
///
/// [`RequestError::Empty`] for a datacenter without name or URL.
pub fn add_foreign(
    token: &Secret,
    add: &AddForeignDatacenter,
) -> Result<Request<Page<ForeignDatacenter>>, RequestError> {
    for (what, text) in [("the datacenter's name", &add.name), ("the datacenter's URL", &add.url)] {
        if text.is_empty() {
            return Err(RequestError::Empty { what });
        }
    }
    let body = json!({"name": add.name, "url": add.url, "token": add.token.expose()});
    ADD_FOREIGN.post(&Target::new("/foreigndatacenters"), &body, page)?.with_auth_token(token)
}

fn location(answer: &Answer<'_>) -> Result<String, AnswerError> {
    match (answer.status, answer.header("location")) {
        (StatusCode::FOUND, Some(location)) => Ok(location.to_owned()),
        _ => {
            answer.refusal()?;
            // Success without a place to go to: nothing that the manual knows.
            json(answer)
        }
    }
}
