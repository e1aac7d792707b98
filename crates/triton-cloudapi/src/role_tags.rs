//! Role tags: which roles get at a thing (manual, "SetRoleTags").

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::answer::json;
use crate::endpoint::{Endpoint, Group};
use crate::ids::InstanceId;
use crate::lenient;
use crate::request::{Request, RequestError};
use crate::target::Target;
use crate::users::user;

const SET: Endpoint = Endpoint::set("SetRoleTags", Group::Resources);

/// The calls of this section of the manual.
pub const ENDPOINTS: &[Endpoint] = &[SET];

/// What can be tagged with roles.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Taggable {
    /// The account itself.
    Account,
    /// All things of a kind, for what applies to none of them in particular, such as listing: `machines`, `images`, ….
    All(String),
    /// One thing: its kind and what names it, `images` and a UUID.
    One(String, String),
    /// An instance.
    Instance(InstanceId),
    /// All keys of a sub-user, by UUID or login.
    UserKeys(String),
    /// A key of a sub-user: UUID or login, and name or fingerprint.
    UserKey(String, String),
}

/// The roles that something is tagged with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RoleTags {
    /// Its path.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: String,
    /// Names of the roles.
    #[serde(rename = "role-tag", default, deserialize_with = "lenient::texts")]
    pub role_tags: Vec<String>,
}

// === impl Taggable ===

impl Taggable {
    fn target(&self) -> Result<Target, RequestError> {
        const KIND: &str = "the kind of what is to be tagged";
        const NAME: &str = "the name of what is to be tagged";
        let root = Target::new("");
        Ok(match self {
            Self::Account => Target::new("/"),
            Self::All(kind) => root.named(KIND, kind)?,
            Self::One(kind, name) => root.named(KIND, kind)?.named(NAME, name)?,
            Self::Instance(id) => root.fixed("machines").segment(id),
            Self::UserKeys(login) => user(login)?.fixed("keys"),
            Self::UserKey(login, key) => user(login)?.fixed("keys").named(NAME, key)?,
        })
    }
}

/// SetRoleTags: replaces all role tags of something by these, by name.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty part of the path, which would then be about something else.
pub fn set(of: &Taggable, roles: &[String]) -> Result<Request<RoleTags>, RequestError> {
    SET.put(&of.target()?, &json!({"role-tag": roles}), json)
}
