//! Accounts: who pays, who signs, and who works for them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::access_key::AccessKey;
use super::fabric::{DEFAULT_VLAN, Vlan};
use super::rbac::{ADMINISTRATOR, Member, Policy, Role};
use super::{AccountKey, KeyRing, SubUser};
use crate::refusal::Refusal;

/// The contact fields UpdateAccount and UpdateUser take, as they are spelled on the wire.
pub(crate) const CONTACT_FIELDS: [&str; 10] = [
    "email",
    "companyName",
    "firstName",
    "lastName",
    "address",
    "postalCode",
    "city",
    "state",
    "country",
    "phone",
];

/// A CloudAPI account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) id: Uuid,
    pub(crate) login: String,
    pub(crate) contact: BTreeMap<String, String>,
    pub(crate) cns_enabled: bool,
    pub(crate) keys: KeyRing,
    pub(crate) disabled: bool,
    /// May act on others' accounts.
    pub(crate) operator: bool,
    /// The same, but only when it asks `as-role=_operator`.
    #[serde(default)]
    pub(crate) role_operator: bool,
    /// Not allowed in this datacenter.
    #[serde(default)]
    pub(crate) barred: bool,
    /// Cannot create instances: the operator has not approved it.
    #[serde(default)]
    pub(crate) unapproved: bool,
    pub(crate) default_network: Option<Uuid>,
    #[serde(default)]
    pub(crate) vlans: BTreeMap<u16, Vlan>,
    #[serde(default)]
    pub(crate) access_keys: Vec<AccessKey>,
    #[serde(default)]
    pub(crate) users: BTreeMap<Uuid, SubUser>,
    #[serde(default)]
    pub(crate) roles: Vec<Role>,
    #[serde(default)]
    pub(crate) policies: Vec<Policy>,
    /// Which roles reach which resource: by its path after the login, such as `/machines`.
    #[serde(default)]
    pub(crate) role_tags: BTreeMap<String, Vec<Uuid>>,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
}

// === impl Account ===

impl Account {
    /// A new account without keys.
    pub(crate) fn new(id: Uuid, login: &str, now: Timestamp) -> Self {
        let contact = [("email", format!("{login}@example.com")), ("firstName", login.to_owned())];
        Self {
            id,
            login: login.to_owned(),
            contact: contact.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
            cns_enabled: false,
            keys: KeyRing::default(),
            disabled: false,
            operator: false,
            role_operator: false,
            barred: false,
            unapproved: false,
            default_network: None,
            vlans: BTreeMap::from([(DEFAULT_VLAN, Vlan::default_one())]),
            access_keys: Vec::new(),
            users: BTreeMap::new(),
            roles: Vec::new(),
            policies: Vec::new(),
            role_tags: BTreeMap::new(),
            created: now,
            updated: now,
        }
    }

    /// The key with this name or MD5 fingerprint.
    pub(crate) fn find_key(&self, name_or_fingerprint: &str) -> Option<&AccountKey> {
        self.keys.find(name_or_fingerprint)
    }

    /// The sub-user with this login or id.
    pub(crate) fn find_user(&self, login_or_id: &str) -> Option<&SubUser> {
        let fits = |user: &&SubUser| user.login == login_or_id;
        let by_id = login_or_id.parse().ok().and_then(|id: Uuid| self.users.get(&id));
        by_id.or_else(|| self.users.values().find(fits))
    }

    /// The role with this name or id.
    pub(crate) fn find_role(&self, name_or_id: &str) -> Option<&Role> {
        let id: Option<Uuid> = name_or_id.parse().ok();
        self.roles.iter().find(|role| Some(role.id) == id || role.name == name_or_id)
    }

    /// The policy with this name or id.
    pub(crate) fn find_policy(&self, name_or_id: &str) -> Option<&Policy> {
        let id: Option<Uuid> = name_or_id.parse().ok();
        self.policies.iter().find(|policy| Some(policy.id) == id || policy.name == name_or_id)
    }

    /// The roles a sub-user or another account is a member of.
    pub(crate) fn roles_of(&self, member: Uuid) -> impl Iterator<Item = (&Role, &Member)> {
        self.roles.iter().filter_map(move |role| Some((role, role.member(member)?)))
    }

    /// The roles that reach a resource.
    pub(crate) fn tags_of(&self, resource: &str) -> &[Uuid] {
        self.role_tags.get(resource).map(Vec::as_slice).unwrap_or_default()
    }

    /// Ties exactly these roles to a resource.
    pub(crate) fn tag(&mut self, resource: &str, roles: Vec<Uuid>) {
        if roles.is_empty() {
            self.role_tags.remove(resource);
        } else {
            self.role_tags.insert(resource.to_owned(), roles);
        }
    }

    /// The ids of roles by their names.
    ///
    /// # Errors
    /// 409 InvalidArgument that lists the names without a role.
    pub(crate) fn role_ids(&self, names: &[String]) -> Result<Vec<Uuid>, Refusal> {
        let find = |name: &String| self.roles.iter().find(|role| role.name == *name);
        let unknown: Vec<&str> =
            names.iter().filter(|name| find(name).is_none()).map(String::as_str).collect();
        if !unknown.is_empty() {
            let message = format!("Role(s) {} not found", unknown.join(", "));
            return Err(Refusal::invalid_argument(message));
        }
        Ok(names.iter().filter_map(|name| find(name).map(|role| role.id)).collect())
    }

    /// The names of roles by their ids; ids of roles that are gone are left out.
    pub(crate) fn role_names(&self, ids: &[Uuid]) -> Vec<&str> {
        let name = |id: &Uuid| {
            self.roles.iter().find(|role| role.id == *id).map(|role| role.name.as_str())
        };
        ids.iter().filter_map(name).collect()
    }

    /// Forgets a sub-user, also as a member of roles.
    pub(crate) fn remove_user(&mut self, id: Uuid) {
        self.users.remove(&id);
        self.roles.iter_mut().for_each(|role| role.members.retain(|member| member.id != id));
    }

    /// Every key that opens new instances: the account's own, and those of the default members of its administrator role.
    pub(crate) fn keys_to_the_door(&self) -> impl Iterator<Item = &AccountKey> {
        let roles = self.roles.iter().filter(|role| role.name == ADMINISTRATOR);
        let members = roles.flat_map(|role| role.members.iter()).filter(|member| member.is_default);
        let users = members.filter_map(|member| self.users.get(&member.id));
        self.keys.iter().chain(users.flat_map(|user| user.keys.iter()))
    }

    /// What every new instance gets as metadata `root_authorized_keys`.
    pub(crate) fn root_authorized_keys(&self) -> String {
        self.keys_to_the_door().map(|key| format!("{}\n", key.text)).collect()
    }

    /// CloudAPI's account object.
    pub(crate) fn to_json(&self) -> Value {
        let mut body = json!({
            "id": self.id,
            "login": self.login,
            "created": super::iso(self.created),
            "updated": super::iso(self.updated),
            "triton_cns_enabled": self.cns_enabled,
        });
        for (field, value) in &self.contact {
            body[field] = json!(value);
        }
        body
    }
}

#[cfg(test)]
mod tests {
    use super::super::rbac::MemberKind;
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti me@laptop";

    fn crowded() -> Account {
        let mut account = Account::new(Uuid::from_u128(1), "jill", Timestamp::UNIX_EPOCH);
        account.keys.add(AccountKey::from_openssh(KEY, None).unwrap()).unwrap();
        let bob = Uuid::from_u128(2);
        let contact = BTreeMap::from([("email".to_owned(), "bob@example.com".to_owned())]);
        let mut user = SubUser::new(bob, "bob", contact, Timestamp::UNIX_EPOCH).unwrap();
        user.set_password("s3cretive").unwrap();
        user.keys.add(AccountKey::from_openssh(KEY, Some("desk")).unwrap()).unwrap();
        account.users.insert(bob, user);
        let member = Member { id: bob, kind: MemberKind::SubUser, is_default: true };
        let (id, name) = (Uuid::from_u128(3), ADMINISTRATOR.to_owned());
        account.roles.push(Role { id, name, members: vec![member], policies: Vec::new() });
        account.access_keys.push(AccessKey::new([1; 16], [2; 36], Timestamp::UNIX_EPOCH));
        account.tag("/machines", vec![id]);
        account
    }

    #[test]
    fn a_state_file_holds_everything_an_account_has() {
        let account = crowded();
        let text = serde_json::to_string(&account).unwrap();
        let back: Account = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&back).unwrap(), text);
        let mut user = back.users.into_values().next().unwrap();
        assert!(user.set_password("s3cretive").is_err(), "even its old passwords");
    }

    #[test]
    fn a_sub_user_that_goes_leaves_its_roles() {
        let mut account = crowded();
        assert_eq!(account.keys_to_the_door().count(), 2);
        account.remove_user(Uuid::from_u128(2));
        assert!(account.roles[0].members.is_empty());
        assert_eq!(account.keys_to_the_door().count(), 1);
    }

    #[test]
    fn tags_name_roles_and_forget_those_that_are_gone() {
        let mut account = crowded();
        let role = Uuid::from_u128(3);
        assert_eq!(account.tags_of("/machines"), [role]);
        assert_eq!(account.role_names(&[role, Uuid::nil()]), [ADMINISTRATOR]);
        assert!(account.role_ids(&["nobody".to_owned()]).is_err());
        account.tag("/machines", Vec::new());
        assert!(account.tags_of("/machines").is_empty() && account.role_tags.is_empty());
    }
}
