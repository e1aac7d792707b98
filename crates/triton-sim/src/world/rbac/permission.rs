//! Whether somebody may do something with a resource of an account.

use uuid::Uuid;

use super::Role;
use super::role::ADMINISTRATOR;
use super::rule::{Attempt, Rule};
use crate::world::Account;

/// The roles somebody acts in: those that were asked for, or else the default ones.
///
/// `None` when a role was asked for that is not theirs.
pub(crate) fn active_roles<'a>(
    account: &'a Account,
    member: Uuid,
    asked: Option<&str>,
) -> Option<Vec<&'a Role>> {
    let Some(asked) = asked else {
        let defaults = account.roles_of(member).filter(|(_, member)| member.is_default);
        return Some(defaults.map(|(role, _)| role).collect());
    };
    let find = |name: &str| {
        account.roles_of(member).find(|(role, _)| role.name == name).map(|(role, _)| role)
    };
    asked.split(',').map(find).collect()
}

/// Whether a rule of a policy of an active role that the resource is tagged with gives leave.
///
/// Members of the role `administrator` need no rule. A rule that cannot be decided ends it: nothing is allowed.
pub(crate) fn is_allowed(
    account: &Account,
    active: &[&Role],
    tags: &[Uuid],
    attempt: &Attempt<'_>,
) -> bool {
    if active.iter().any(|role| role.name == ADMINISTRATOR) {
        return true;
    }
    let tagged = active.iter().filter(|role| tags.contains(&role.id));
    let policies = tagged.flat_map(|role| role.policies.iter());
    let rules = policies
        .filter_map(|id| account.policies.iter().find(|policy| policy.id == *id))
        .flat_map(|policy| policy.rules.iter());
    for rule in rules {
        match Rule::parse(rule).and_then(|rule| rule.allows(attempt)) {
            Ok(true) => return true,
            Ok(false) => {}
            Err(_) => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::{Member, MemberKind, Policy};
    use super::*;

    const BOB: Uuid = Uuid::from_u128(1);
    const READER: Uuid = Uuid::from_u128(2);
    const WRITER: Uuid = Uuid::from_u128(3);

    /// Bob reads by default, and may write when he asks for it.
    fn account() -> Account {
        let mut account = Account::new(Uuid::nil(), "jill", Timestamp::UNIX_EPOCH);
        let role = |id, name: &str, policy: u128, is_default| Role {
            id,
            name: name.to_owned(),
            members: vec![Member { id: BOB, kind: MemberKind::SubUser, is_default }],
            policies: vec![Uuid::from_u128(policy)],
        };
        let policy = |id, rule: &str| Policy {
            id: Uuid::from_u128(id),
            name: id.to_string(),
            rules: vec![rule.to_owned()],
            description: None,
        };
        account.roles = vec![role(READER, "read", 10, true), role(WRITER, "write", 11, false)];
        account.policies = vec![policy(10, "CAN listmachines"), policy(11, "CAN *machine*")];
        account
    }

    #[track_caller]
    fn check(asked: Option<&str>, tags: &[Uuid], action: &str, expected: Option<bool>) {
        let account = account();
        let attempt =
            Attempt { principal: "bob", action, resource: "/jill/machines", facts: &|_| None };
        let active = active_roles(&account, BOB, asked);
        let allowed = active.map(|active| is_allowed(&account, &active, tags, &attempt));
        assert_eq!(allowed, expected, "{asked:?} {tags:?} {action}");
    }

    #[test]
    fn a_deed_needs_an_active_role_that_is_on_the_resource_and_a_rule() {
        check(None, &[READER, WRITER], "listmachines", Some(true));
        check(None, &[READER, WRITER], "createmachine", Some(false));
        check(None, &[WRITER], "listmachines", Some(false));
        check(None, &[], "listmachines", Some(false));
        check(Some("write"), &[READER, WRITER], "createmachine", Some(true));
        check(Some("write"), &[READER], "createmachine", Some(false));
        check(Some("read,write"), &[READER], "listmachines", Some(true));
        check(Some("read,admin"), &[READER], "listmachines", None);
    }

    #[test]
    fn administrators_need_no_rule() {
        let mut account = account();
        account.roles[0].name = ADMINISTRATOR.to_owned();
        account.roles[0].policies.clear();
        let active = active_roles(&account, BOB, None).unwrap();
        let attempt =
            Attempt { principal: "bob", action: "x", resource: "/jill", facts: &|_| None };
        assert!(is_allowed(&account, &active, &[], &attempt));
    }
}
