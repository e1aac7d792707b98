//! Sub-users, policies, roles and role tags that an account starts with.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::{SeedError, SimBuilder};
use crate::refusal::Refusal;
use crate::world::{Account, AccountKey, Member, MemberKind, Policy, Role, SubUser, World};

/// Who works for an account and may do what.
#[derive(Debug, Clone, Default)]
pub(super) struct People {
    users: Vec<User>,
    policies: Vec<(String, Vec<String>)>,
    roles: Vec<RoleSeed>,
    role_tags: Vec<(String, Vec<String>)>,
}

#[derive(Debug, Clone, Default)]
struct User {
    login: String,
    keys: Vec<String>,
}

#[derive(Debug, Clone, Default)]
struct RoleSeed {
    name: String,
    policies: Vec<String>,
    members: Vec<(String, bool)>,
}

// === impl SimBuilder ===

impl SimBuilder {
    /// Adds a sub-user to the account, who signs with keys of its own; `sub_user_key` gives it one.
    ///
    /// It may do nothing until a role lets it: see [`SimBuilder::role`].
    #[must_use]
    pub fn sub_user(mut self, login: impl Into<String>) -> Self {
        self.last().people.users.push(User { login: login.into(), ..User::default() });
        self
    }

    /// Gives the sub-user that was added last a key: one line of OpenSSH public key text.
    #[must_use]
    pub fn sub_user_key(mut self, openssh: impl Into<String>) -> Self {
        let users = &mut self.last().people.users;
        if users.is_empty() {
            users.push(User::default());
        }
        let last = users.len() - 1;
        users[last].keys.push(openssh.into());
        self
    }

    /// Adds a policy to the account: rules such as `CAN listmachines`.
    #[must_use]
    pub fn policy<R: Into<String>>(
        mut self,
        name: impl Into<String>,
        rules: impl IntoIterator<Item = R>,
    ) -> Self {
        let rules = rules.into_iter().map(Into::into).collect();
        self.last().people.policies.push((name.into(), rules));
        self
    }

    /// Adds a role to the account that carries these policies; its members come from [`SimBuilder::member`] and
    /// [`SimBuilder::default_member`].
    #[must_use]
    pub fn role<P: Into<String>>(
        mut self,
        name: impl Into<String>,
        policies: impl IntoIterator<Item = P>,
    ) -> Self {
        let policies = policies.into_iter().map(Into::into).collect();
        let role = RoleSeed { name: name.into(), policies, members: Vec::new() };
        self.last().people.roles.push(role);
        self
    }

    /// Lets a sub-user take the role that was added last, when it asks for it with `as-role`.
    #[must_use]
    pub fn member(self, login: impl Into<String>) -> Self {
        self.add_member(login.into(), false)
    }

    /// Gives a sub-user the role that was added last.
    #[must_use]
    pub fn default_member(self, login: impl Into<String>) -> Self {
        self.add_member(login.into(), true)
    }

    /// Ties roles to a resource of the account, by its path after the login: `/machines`, or nothing for the account itself.
    #[must_use]
    pub fn role_tag<R: Into<String>>(
        mut self,
        resource: impl Into<String>,
        roles: impl IntoIterator<Item = R>,
    ) -> Self {
        let roles = roles.into_iter().map(Into::into).collect();
        self.last().people.role_tags.push((resource.into(), roles));
        self
    }

    fn add_member(mut self, login: String, is_default: bool) -> Self {
        let roles = &mut self.last().people.roles;
        if roles.is_empty() {
            roles.push(RoleSeed::default());
        }
        let last = roles.len() - 1;
        roles[last].members.push((login, is_default));
        self
    }
}

// === impl People ===

impl People {
    /// Puts them into their account.
    ///
    /// # Errors
    /// [`SeedError`] for what CloudAPI itself would refuse.
    pub(super) fn settle(
        &self,
        world: &mut World,
        login: &str,
        now: Timestamp,
    ) -> Result<(), SeedError> {
        let Some(id) = world.find_account(login).map(|account| account.id) else {
            return Err(SeedError::NoAccount);
        };
        let refused = |what: String| {
            move |refusal: Refusal| SeedError::Refused { what, reason: refusal.message }
        };
        for seed in &self.users {
            let email = format!("{}@example.com", seed.login);
            let contact = BTreeMap::from([("email".to_owned(), email)]);
            let what = format!("sub-user {} of account {login}", seed.login);
            let mut user = SubUser::new(world.new_id(), &seed.login, contact, now)
                .map_err(refused(what.clone()))?;
            for text in &seed.keys {
                let key = AccountKey::from_openssh(text, None)
                    .map_err(|source| SeedError::Key { login: seed.login.clone(), source })?;
                user.keys.add(key).map_err(refused(what.clone()))?;
            }
            if let Ok(account) = world.account_mut(id) {
                account.users.insert(user.id, user);
            }
        }
        for (name, rules) in &self.policies {
            let what = format!("policy {name} of account {login}");
            let rules = Policy::read_rules(&json!(rules)).map_err(refused(what))?;
            let policy =
                Policy { id: world.new_id(), name: name.clone(), rules, description: None };
            if let Ok(account) = world.account_mut(id) {
                account.policies.push(policy);
            }
        }
        for seed in &self.roles {
            let role_id = world.new_id();
            let Ok(account) = world.account_mut(id) else { return Err(SeedError::NoAccount) };
            let role = seed.role(account, role_id).map_err(|reason| SeedError::Refused {
                what: format!("role {} of account {login}", seed.name),
                reason,
            })?;
            account.roles.push(role);
        }
        for (resource, roles) in &self.role_tags {
            let Ok(account) = world.account_mut(id) else { return Err(SeedError::NoAccount) };
            let what = format!("role tags of {resource} of account {login}");
            let roles = account.role_ids(roles).map_err(refused(what))?;
            account.tag(resource, roles);
        }
        Ok(())
    }
}

// === impl RoleSeed ===

impl RoleSeed {
    fn role(&self, account: &Account, id: uuid::Uuid) -> Result<Role, String> {
        let member = |(login, is_default): &(String, bool)| {
            let user = account.find_user(login).ok_or_else(|| format!("no sub-user {login}"))?;
            Ok(Member { id: user.id, kind: MemberKind::SubUser, is_default: *is_default })
        };
        let policy = |name: &String| {
            let policy = account.find_policy(name).ok_or_else(|| format!("no policy {name}"))?;
            Ok(policy.id)
        };
        Ok(Role {
            id,
            name: self.name.clone(),
            members: self.members.iter().map(member).collect::<Result<_, String>>()?,
            policies: self.policies.iter().map(policy).collect::<Result<_, String>>()?,
        })
    }
}
