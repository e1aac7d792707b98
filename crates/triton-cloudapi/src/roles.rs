//! Roles: which sub-users may do what their policies say (manual, "Roles"). Changes are seen everywhere after seconds.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::answer::{json, page};
use crate::endpoint::{Endpoint, Group};
use crate::ids::RoleId;
use crate::lenient;
use crate::page::Page;
use crate::request::{Request, RequestError, to_body};
use crate::target::Target;
use crate::text_enum::text_enum;

const LIST: Endpoint = Endpoint::read("ListRoles", Group::Roles);
const CREATE: Endpoint = Endpoint::once("CreateRole", Group::Roles);
const GET: Endpoint = Endpoint::read("GetRole", Group::Roles);
const UPDATE: Endpoint = Endpoint::set("UpdateRole", Group::Roles);
const DELETE: Endpoint = Endpoint::remove("DeleteRole", Group::Roles);

/// The calls of this section of the manual.
pub const ENDPOINTS: &[Endpoint] = &[LIST, CREATE, GET, UPDATE, DELETE];

/// A role.
///
/// API 8 and older tell members and policies by name and the default members apart; API 9 tells objects. Both are read
/// into the same, and it serializes as API 9.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Role {
    /// Identity.
    pub id: RoleId,
    /// Name, unique in the account.
    pub name: String,
    /// What its members may do.
    pub policies: Vec<PolicyRef>,
    /// Who has it.
    pub members: Vec<RoleMember>,
}

/// A policy of a role: by name, by identity or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRef {
    /// Identity.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub id: Option<String>,
    /// Name.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub name: Option<String>,
}

/// A member of a role: by login, by identity or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleMember {
    /// Sub-user or account.
    #[serde(rename = "type", default, deserialize_with = "lenient::text_as")]
    pub kind: MemberKind,
    /// Identity.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub id: Option<String>,
    /// Login.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub login: Option<String>,
    /// Whether it has the role without taking it (`as-role`).
    #[serde(default, deserialize_with = "lenient::flag")]
    pub default: bool,
}

/// What a member of a role is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MemberKind {
    /// A sub-user of the account.
    Subuser,
    /// Another account.
    Account,
    /// Something else, as it came.
    Other(String),
}

text_enum!(MemberKind, Other, {
    Subuser => "subuser",
    Account => "account",
});

/// Parameters of CreateRole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CreateRole {
    /// Name, unique in the account.
    pub name: String,
    /// What its members may do.
    pub policies: Vec<PolicyRef>,
    /// Who has it.
    pub members: Vec<RoleMember>,
}

/// Parameters of UpdateRole; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UpdateRole {
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// All that its members may do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policies: Option<Vec<PolicyRef>>,
    /// All who have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<RoleMember>>,
}

// === impl Role ===

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            id: RoleId,
            name: String,
            #[serde(default, deserialize_with = "lenient::or_default")]
            policies: Vec<Value>,
            #[serde(default, deserialize_with = "lenient::or_default")]
            members: Vec<Value>,
            #[serde(default, deserialize_with = "lenient::texts")]
            default_members: Vec<String>,
        }

        let wire = Wire::deserialize(deserializer)?;
        let policies = wire.policies.into_iter().filter_map(|policy| match policy {
            Value::String(name) => Some(PolicyRef::named(name)),
            policy => PolicyRef::deserialize(policy).ok(),
        });
        let mut members: Vec<_> = wire
            .members
            .into_iter()
            .filter_map(|member| match member {
                Value::String(login) => Some(RoleMember::subuser(login)),
                member => RoleMember::deserialize(member).ok(),
            })
            .collect();
        // Who is a default member is a member too, but older servers do not always say so.
        for login in wire.default_members {
            match members.iter_mut().find(|member| member.login.as_ref() == Some(&login)) {
                Some(member) => member.default = true,
                None => members.push(RoleMember::subuser(login).by_default()),
            }
        }
        Ok(Self { id: wire.id, name: wire.name, policies: policies.collect(), members })
    }
}

// === impl PolicyRef ===

impl PolicyRef {
    /// The policy of this name.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { id: None, name: Some(name.into()) }
    }
}

// === impl RoleMember ===

impl RoleMember {
    /// The sub-user of this login.
    #[must_use]
    pub fn subuser(login: impl Into<String>) -> Self {
        let login = Some(login.into());
        Self { kind: MemberKind::Subuser, id: None, login, default: false }
    }

    /// Has the role without taking it.
    #[must_use]
    pub fn by_default(mut self) -> Self {
        self.default = true;
        self
    }
}

/// ListRoles.
///
/// # Errors
///
/// [`RequestError`].
pub fn list() -> Result<Request<Page<Role>>, RequestError> {
    LIST.get(&Target::new("/roles"), page)
}

/// CreateRole.
///
/// # Errors
///
/// [`RequestError::Empty`] for no name.
pub fn create(create: &CreateRole) -> Result<Request<Role>, RequestError> {
    if create.name.is_empty() {
        return Err(RequestError::Empty { what: WHAT });
    }
    CREATE.post(&Target::new("/roles"), &to_body(create)?, json)
}

/// GetRole, by UUID or name.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty name, which would be the list.
pub fn get(name: &str) -> Result<Request<Role>, RequestError> {
    GET.get(&role(name)?, json)
}

/// UpdateRole, by UUID or name.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty name.
pub fn update(name: &str, update: &UpdateRole) -> Result<Request<Role>, RequestError> {
    UPDATE.post(&role(name)?, &to_body(update)?, json)
}

/// DeleteRole, by UUID or name. That it is not there is success.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty name.
pub fn delete(name: &str) -> Result<Request<()>, RequestError> {
    DELETE.delete(&role(name)?)
}

const WHAT: &str = "the role's name";

fn role(name: &str) -> Result<Target, RequestError> {
    Target::new("/roles").named(WHAT, name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "00000000-0000-4000-8000-000000000001";

    #[test]
    fn both_forms_of_a_role_are_read_into_the_same() {
        let old: Role = serde_json::from_value(json!({
            "id": ID, "name": "ops", "policies": ["read"], "members": ["bob", "eve"],
            "default_members": ["bob", "mia"],
        }))
        .unwrap();
        let new: Role = serde_json::from_value(json!({
            "id": ID, "name": "ops", "policies": [{"name": "read"}],
            "members": [
                {"type": "subuser", "login": "bob", "default": true},
                {"type": "subuser", "login": "eve", "default": false},
                {"type": "subuser", "login": "mia", "default": true},
            ],
        }))
        .unwrap();
        assert_eq!(old, new);
        let again: Role = serde_json::from_value(serde_json::to_value(&new).unwrap()).unwrap();
        assert_eq!(again, new);
    }

    #[test]
    fn a_role_without_anything_in_it_is_one() {
        for value in [
            json!({"id": ID, "name": "ops"}),
            json!({"id": ID, "name": "ops", "policies": null, "members": "x", "default_members": {}}),
            json!({"id": ID, "name": "ops", "policies": [7], "members": [null]}),
        ] {
            let role: Role = serde_json::from_value(value).unwrap();
            assert_eq!((role.policies.len(), role.members.len()), (0, 0));
        }
    }
}
