//! Roles: API 9 speaks of members and policies as objects, older versions as strings and `default_members`.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Answer, Call, Reply, Route};
use crate::refusal::Refusal;
use crate::version::ApiVersion;
use crate::world::{ADMINISTRATOR, Account, Member, MemberKind, Role};

const SINCE: ApiVersion = ApiVersion(7, 2, 0);
/// The first version with objects.
const OBJECTS: ApiVersion = ApiVersion(9, 0, 0);

pub(super) const ROUTES: &[Route] = &[
    Route::get("/:account/roles", "ListRoles", "roles", list).since(SINCE),
    Route::post("/:account/roles", "CreateRole", "roles", create).since(SINCE),
    Route::get("/:account/roles/:role", "GetRole", "roles", get).since(SINCE),
    Route::post("/:account/roles/:role", "UpdateRole", "roles", update).since(SINCE),
    Route::delete("/:account/roles/:role", "DeleteRole", "roles", delete).since(SINCE),
];

/// What a request says about a role; `None` is not said.
#[derive(Debug, Default)]
struct Entry {
    name: Option<String>,
    members: Option<Vec<Member>>,
    policies: Option<Vec<Uuid>>,
}

/// Something a request refers to: by id or by name, with what else it says.
#[derive(Debug, Clone, Default)]
struct Reference {
    id: Option<String>,
    name: Option<String>,
    kind: Option<MemberKind>,
    is_default: bool,
}

fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let account = call.account_as_read()?;
    let roles = account.roles.iter().map(|role| to_json(call, account, role));
    Ok(Answer::ok(roles.collect::<Vec<Value>>().into()))
}

fn create(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let entry = read(call)?;
    let Some(name) = entry.name.filter(|name| !name.is_empty()) else {
        let message = "Request is missing required parameter: name";
        return Err(Refusal::new(409, "MissingParameter", message));
    };
    check_free(call, &name, None)?;
    let role = Role {
        id: call.world.new_id(),
        name,
        members: entry.members.unwrap_or_default(),
        policies: entry.policies.unwrap_or_default(),
    };
    let (id, body) = (role.id, to_json(call, call.account()?, &role));
    let account = call.world.account_mut(call.account)?;
    account.roles.push(role);
    let location = format!("/{}/roles/{id}", account.login);
    call.resource = format!("/roles/{id}");
    Ok(Reply::json(201, body).header("location", location).into())
}

fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let wanted = call.params.str("role").unwrap_or_default();
    let account = call.account_as_read()?;
    let role = account.find_role(wanted).ok_or_else(|| not_found(wanted))?;
    Ok(Answer::ok(to_json(call, account, role)))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let entry = read(call)?;
    let Role { id, name, .. } = role(call)?.clone();
    if name == ADMINISTRATOR && entry.policies.is_some() {
        return Err(Refusal::invalid_argument("Administrator role cannot have policies"));
    }
    if let Some(name) = &entry.name {
        check_free(call, name, Some(id))?;
    }
    let roles = &mut call.world.account_mut(call.account)?.roles;
    if let Some(role) = roles.iter_mut().find(|role| role.id == id) {
        role.name = entry.name.unwrap_or(name);
        role.members = entry.members.unwrap_or_else(|| std::mem::take(&mut role.members));
        role.policies = entry.policies.unwrap_or_else(|| std::mem::take(&mut role.policies));
    }
    get_by_id(call, id)
}

fn get_by_id(call: &Call<'_>, id: Uuid) -> Result<Answer, Refusal> {
    let account = call.account()?;
    let role = account.roles.iter().find(|role| role.id == id);
    Ok(Answer::ok(to_json(call, account, role.ok_or_else(|| not_found(&id.to_string()))?)))
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let id = role(call)?.id;
    let account = call.world.account_mut(call.account)?;
    account.roles.retain(|role| role.id != id);
    account.role_tags.values_mut().for_each(|roles| roles.retain(|role| *role != id));
    account.role_tags.retain(|_, roles| !roles.is_empty());
    Ok(Answer::empty(204))
}

fn role<'a>(call: &'a Call<'_>) -> Result<&'a Role, Refusal> {
    let wanted = call.params.str("role").unwrap_or_default();
    call.account()?.find_role(wanted).ok_or_else(|| not_found(wanted))
}

fn not_found(name: &str) -> Refusal {
    Refusal::not_found(format!("{name} does not exist"))
}

fn check_free(call: &Call<'_>, name: &str, except: Option<Uuid>) -> Result<(), Refusal> {
    let mut roles = call.account()?.roles.iter();
    if roles.any(|role| role.name == name && Some(role.id) != except) {
        return Err(Refusal::invalid_argument(format!("{name} already exists")));
    }
    Ok(())
}

fn read(call: &Call<'_>) -> Result<Entry, Refusal> {
    let params = &call.params;
    let given = |key: &str| params.get(key).filter(|_| params.is_truthy(key));
    let (members, policies) = if call.version >= OBJECTS {
        let members = given("members").map(read_members).transpose()?;
        (members, given("policies").map(read_policies).transpose()?)
    } else {
        let names = |value: &Value| {
            let named = |name| Reference { name: Some(name), ..Reference::default() };
            names_of(value).into_iter().map(named).collect::<Vec<_>>()
        };
        (old_members(given("members"), given("default_members")), given("policies").map(names))
    };
    let name = match given("name") {
        None => None,
        Some(Value::String(name)) => Some(name.clone()),
        Some(_) => return Err(Refusal::invalid_argument("Role \"name\" must be a string")),
    };
    resolve(call, name, members, policies)
}

/// Looks up what the request refers to, and lists everything that is not there.
fn resolve(
    call: &Call<'_>,
    name: Option<String>,
    members: Option<Vec<Reference>>,
    policies: Option<Vec<Reference>>,
) -> Result<Entry, Refusal> {
    let account = call.account()?;
    let mut errors = Vec::new();
    if name.as_deref() == Some("true") {
        errors.push("\"true\" is not a valid role name".to_owned());
    }
    let members = members.map(|references| {
        let mut members: Vec<Member> = Vec::new();
        for reference in references {
            match find_member(call, account, &reference) {
                Some(member) if members.iter().all(|other| other.id != member.id) => {
                    members.push(member);
                }
                Some(member) => errors.push(format!("{} is not unique", member.id)),
                None => {
                    let kind = reference.kind.unwrap_or(MemberKind::SubUser).as_str();
                    errors.push(format!("Invalid {kind}: {}", reference.text()));
                }
            }
        }
        members
    });
    let policies = policies.map(|references| {
        if name.as_deref() == Some(ADMINISTRATOR) {
            errors.push("Administrator role cannot have policies".to_owned());
        }
        let mut policies: Vec<Uuid> = Vec::new();
        for reference in references {
            match account.find_policy(&reference.text()) {
                Some(policy) if !policies.contains(&policy.id) => policies.push(policy.id),
                Some(policy) => errors.push(format!("{} is not unique", policy.id)),
                None => errors.push(format!("Invalid policy: {}", reference.text())),
            }
        }
        policies
    });
    if !errors.is_empty() {
        return Err(Refusal::invalid_argument(errors.join(", ")));
    }
    Ok(Entry { name, members, policies })
}

fn find_member(call: &Call<'_>, account: &Account, reference: &Reference) -> Option<Member> {
    let kind = reference.kind.unwrap_or(MemberKind::SubUser);
    let wanted = reference.text();
    let id = match kind {
        MemberKind::SubUser => account.find_user(&wanted)?.id,
        MemberKind::Account => {
            let by_id = wanted.parse().ok().and_then(|id: Uuid| call.world.accounts.get(&id));
            by_id.or_else(|| call.world.find_account(&wanted))?.id
        }
    };
    Some(Member { id, kind, is_default: reference.is_default })
}

// === impl Reference ===

impl Reference {
    fn text(&self) -> String {
        self.id.clone().or_else(|| self.name.clone()).unwrap_or_default()
    }
}

/// API 9: `[{"type": "subuser", "login": "bob", "default": true}]`.
fn read_members(value: &Value) -> Result<Vec<Reference>, Refusal> {
    let refuse = |message: &str| Err(Refusal::invalid_argument(message));
    objects(value, "members")?
        .into_iter()
        .map(|object| {
            let kind = match object.get("type") {
                Some(Value::String(kind)) if kind == "subuser" => Some(MemberKind::SubUser),
                Some(Value::String(kind)) if kind == "account" => Some(MemberKind::Account),
                Some(Value::String(kind)) => {
                    return refuse(&format!("Member \"type\" is not supported: \"{kind}\""));
                }
                _ => {
                    return refuse(
                        "Role \"member\" references must have a string \"type\" property",
                    );
                }
            };
            let mut member = Reference { kind, ..Reference::default() };
            for (key, value) in object {
                match (key.as_str(), value) {
                    ("type", _) => {}
                    ("id", Value::String(id)) if id.parse::<Uuid>().is_ok() => {
                        member.id = Some(id.clone());
                    }
                    ("id", _) => return refuse("Member \"id\" property must be a string UUID"),
                    ("login", Value::String(login)) => member.name = Some(login.clone()),
                    ("login", _) => return refuse("Member \"login\" property must be a string"),
                    ("default", Value::Bool(flag)) => member.is_default = *flag,
                    ("default", _) => {
                        return refuse("Member \"default\" property must be a boolean");
                    }
                    (other, _) => {
                        return refuse(&format!(
                            "Member references may only contain \"type\", \"login\", \"id\", or \"default\" \
                             properties, not \"{other}\""
                        ));
                    }
                }
            }
            Ok(member)
        })
        .collect()
}

/// API 9: `[{"name": "read"}]`.
fn read_policies(value: &Value) -> Result<Vec<Reference>, Refusal> {
    let refuse = |message: &str| Err(Refusal::invalid_argument(message));
    objects(value, "policies")?
        .into_iter()
        .map(|object| {
            let mut policy = Reference::default();
            for (key, value) in object {
                match (key.as_str(), value) {
                    ("id", Value::String(id)) if id.parse::<Uuid>().is_ok() => {
                        policy.id = Some(id.clone());
                    }
                    ("id", _) => return refuse("Policy \"id\" property must be a string UUID"),
                    ("name", Value::String(name)) => policy.name = Some(name.clone()),
                    ("name", _) => return refuse("Policy \"name\" property must be a string"),
                    (other, _) => {
                        return refuse(&format!(
                            "Policy references may only contain \"name\" or \"id\" properties, not \"{other}\""
                        ));
                    }
                }
            }
            Ok(policy)
        })
        .collect()
}

fn objects<'a>(value: &'a Value, what: &str) -> Result<Vec<&'a Map<String, Value>>, Refusal> {
    let objects = value
        .as_array()
        .and_then(|items| items.iter().map(Value::as_object).collect::<Option<Vec<_>>>());
    objects.ok_or_else(|| {
        Refusal::invalid_argument(format!("Role \"{what}\" must be an array of objects"))
    })
}

/// Before API 9: logins in an array, in JSON text of one, or a single one. Default members are members.
fn old_members(members: Option<&Value>, defaults: Option<&Value>) -> Option<Vec<Reference>> {
    if members.is_none() && defaults.is_none() {
        return None;
    }
    let mut references: Vec<Reference> = Vec::new();
    let mut add = |login: String, is_default: bool| match references
        .iter_mut()
        .find(|known| known.name.as_deref() == Some(&login))
    {
        Some(known) => known.is_default |= is_default,
        None => {
            references.push(Reference { name: Some(login), is_default, ..Reference::default() })
        }
    };
    members.map(names_of).unwrap_or_default().into_iter().for_each(|login| add(login, false));
    defaults.map(names_of).unwrap_or_default().into_iter().for_each(|login| add(login, true));
    Some(references)
}

fn names_of(value: &Value) -> Vec<String> {
    let parsed = value.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let items = match parsed.as_ref().unwrap_or(value) {
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    };
    let names = items.iter().filter_map(Value::as_str).filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

/// CloudAPI's role object, as the version has it.
fn to_json(call: &Call<'_>, account: &Account, role: &Role) -> Value {
    let policies: Vec<_> = role
        .policies
        .iter()
        .filter_map(|id| account.policies.iter().find(|policy| policy.id == *id))
        .collect();
    let login = |member: &Member| match member.kind {
        MemberKind::SubUser => account.users.get(&member.id).map(|user| user.login.clone()),
        MemberKind::Account => call.world.account(member.id).ok().map(|a| a.login.clone()),
    };
    let members: Vec<(&Member, String)> =
        role.members.iter().filter_map(|member| Some((member, login(member)?))).collect();
    let mut body = json!({ "name": role.name, "id": role.id });
    if call.version < OBJECTS {
        let logins = |only_default: bool| -> Vec<&String> {
            let wanted = |(member, _): &&(&Member, String)| {
                member.kind == MemberKind::SubUser && (!only_default || member.is_default)
            };
            members.iter().filter(wanted).map(|(_, login)| login).collect()
        };
        body["members"] = json!(logins(false));
        body["default_members"] = json!(logins(true));
        body["policies"] = policies.iter().map(|policy| json!(policy.name)).collect();
        return body;
    }
    body["members"] = members
        .iter()
        .map(|(member, login)| {
            let mut shown =
                json!({ "id": member.id, "login": login, "type": member.kind.as_str() });
            if member.is_default {
                shown["default"] = json!(true);
            }
            shown
        })
        .collect();
    body["policies"] =
        policies.iter().map(|policy| json!({ "id": policy.id, "name": policy.name })).collect();
    if members.is_empty() && policies.is_empty() {
        // The real one translates nothing when there is nothing to translate, and the old field stays.
        body["default_members"] = json!([]);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_old(members: Option<Value>, defaults: Option<Value>, expected: &[(&str, bool)]) {
        let read = old_members(members.as_ref(), defaults.as_ref()).unwrap();
        let read: Vec<(&str, bool)> =
            read.iter().map(|m| (m.name.as_deref().unwrap(), m.is_default)).collect();
        assert_eq!(read, expected);
    }

    #[test]
    fn old_members_are_strings_in_many_wrappings() {
        check_old(Some(json!(["a", "b"])), None, &[("a", false), ("b", false)]);
        check_old(Some(json!("a")), Some(json!("a")), &[("a", true)]);
        check_old(Some(json!(r#"["a","b"]"#)), Some(json!(["b"])), &[("a", false), ("b", true)]);
        check_old(None, Some(json!(["c"])), &[("c", true)]);
        check_old(Some(json!("")), None, &[]);
    }

    #[track_caller]
    fn check_refused(members: Value, expected: &str) {
        let refusal = read_members(&members).unwrap_err();
        assert!(refusal.message.contains(expected), "{}", refusal.message);
    }

    #[test]
    fn new_members_are_objects_of_known_shape() {
        check_refused(json!("bob"), "must be an array of objects");
        check_refused(json!(["bob"]), "must be an array of objects");
        check_refused(json!([{ "login": "bob" }]), "string \"type\"");
        check_refused(json!([{ "type": "group", "login": "bob" }]), "not supported");
        check_refused(json!([{ "type": "subuser", "id": "bob" }]), "string UUID");
        check_refused(json!([{ "type": "subuser", "login": "bob", "default": "true" }]), "boolean");
        check_refused(json!([{ "type": "subuser", "login": "bob", "x": 1 }]), "not \"x\"");
        assert!(read_policies(&json!([{ "name": 7 }])).is_err());
    }
}
