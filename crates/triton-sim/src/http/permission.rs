//! Permissions: whether a caller may do what it asks for, and the roles that new resources are tagged with.

use http::Method;
use uuid::Uuid;

use super::{Answer, Call, Route};
use crate::auth::Authenticated;
use crate::refusal::Refusal;
use crate::world::{Attempt, Fact, Instance, active_roles, is_allowed};

/// Who asks, and what else rules ask about.
#[derive(Debug)]
pub(crate) struct Asking<'a> {
    pub(crate) caller: &'a Authenticated,
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) user_agent: Option<&'a str>,
    /// The `role-tag` header.
    pub(crate) role_tag: Option<&'a str>,
}

/// Everything below these is one resource with them.
const WHOLE: &str = "machines";
/// Groups of endpoints whose POST tags what it made or changed.
const TAGGING: [&str; 8] =
    ["account", "keys", "accesskeys", "users", "roles", "policies", "datasets", "fwrules"];

/// Checks that the caller may, and notes in which roles it acts.
///
/// An account on itself may do everything, and so may operators; sub-users and members of another account's roles need
/// an active role that the resource is tagged with, and a rule in a policy of it.
///
/// # Errors
/// 403 NotAuthorized.
pub(crate) fn authorize(
    call: &mut Call<'_>,
    route: &Route,
    asking: &Asking<'_>,
) -> Result<(), Refusal> {
    let Asking { caller, path, .. } = *asking;
    call.resource = resource_of(path);
    if caller.user.is_none() && caller.account.id == call.account {
        return Ok(());
    }
    let asked = call.params.str("as-role");
    if caller.user.is_none() {
        let acts_as_operator = if caller.account.role_operator {
            asked == Some("_operator")
        } else {
            caller.account.operator
        };
        if acts_as_operator {
            return Ok(());
        }
    }
    let forbidden = |what: &str| {
        Refusal::not_authorized(format!("You do not have permission to access {what}"))
    };
    let target = call.world.directory.get(call.account).ok_or_else(|| forbidden(path))?;
    let roles = active_roles(target, caller.id(), asked).ok_or_else(|| forbidden(&target.login))?;
    let action = route.permission(&call.params, asking.method);
    let instance = call.instance().ok();
    let facts = |name: &str| fact(call, asking, instance, &roles_of(&roles), name);
    let attempt =
        Attempt { principal: caller.login(), action: &action, resource: path, facts: &facts };
    // A sub-user works on its own account even when the path names another, whose resources nobody tagged.
    let login = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let is_ours = login == "my" || login == target.login;
    let tags = if is_ours { target.tags_of(&call.resource) } else { &[] };
    if !is_allowed(target, &roles, tags, &attempt) {
        return Err(forbidden(&format!("{path} ({action})")));
    }
    let roles = roles.iter().map(|role| role.id).collect();
    call.active_roles = Some(roles);
    Ok(())
}

/// Tags what a call made or changed with the roles its `role-tag` header names, or else those it acted in.
///
/// Names of no role are passed over in silence, as the real one does.
pub(crate) fn tag(call: &mut Call<'_>, route: &Route, asking: &Asking<'_>, answer: &Answer) {
    let is_tagging = *asking.method == Method::POST
        && matches!(answer.reply.status, 200 | 201)
        && (TAGGING.contains(&route.group) || route.name == "CreateMachine");
    if !is_tagging {
        return;
    }
    let named = asking.role_tag.map(|names| {
        let names: Vec<String> = names.split(',').map(str::to_owned).collect();
        call.account().and_then(|account| account.role_ids(&names))
    });
    let roles = match (named, &call.active_roles) {
        (Some(Ok(roles)), _) => roles,
        (Some(Err(_)), _) | (None, None) => return,
        // What has tags keeps them.
        (None, Some(active)) => match call.account().map(|a| a.tags_of(&call.resource)) {
            Ok([]) => active.clone(),
            _ => return,
        },
    };
    let resource = call.resource.clone();
    if let Ok(account) = call.world.account_mut(call.account) {
        account.tag(&resource, roles);
    }
}

/// Forgets the tags of what a call has deleted. An instance keeps them: it is still there for a while.
pub(crate) fn untag(call: &mut Call<'_>, asking: &Asking<'_>, answer: &Answer) {
    let depth = |path: &str| path.matches('/').count();
    let is_whole = depth(asking.path) == depth(&call.resource) + 1;
    let is_deleted = *asking.method == Method::DELETE && answer.reply.status == 204 && is_whole;
    if !is_deleted || call.resource.starts_with("/machines/") {
        return;
    }
    if call.account().is_ok_and(|account| account.tags_of(&call.resource).is_empty()) {
        return;
    }
    if let Ok(account) = call.world.account_mut(call.account) {
        account.tag(&call.resource, Vec::new());
    }
}

/// The value of the `role-tag` header of an answer about the resource.
pub(crate) fn shown_tags(call: &Call<'_>, method: &Method) -> Option<String> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let account = call.account().ok()?;
    let names = account.role_names(account.tags_of(&call.resource));
    (!names.is_empty()).then(|| names.join(","))
}

/// The resource a path is about, without the login: what role tags are kept by.
pub(crate) fn resource_of(path: &str) -> String {
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    let segments: Vec<&str> = decoded.trim_start_matches('/').split('/').skip(1).collect();
    let kept = match segments[..] {
        [] | [_] | [_, _] => segments.len(),
        ["users", _, "keys", ..] => segments.len().min(4),
        [WHOLE, ..] | [_, _, _] => 2,
        _ => 3,
    };
    segments[..kept].iter().map(|segment| format!("/{segment}")).collect()
}

fn roles_of(roles: &[&crate::world::Role]) -> Vec<Uuid> {
    roles.iter().map(|role| role.id).collect()
}

/// What conditions of rules may ask about a request.
fn fact(
    call: &Call<'_>,
    asking: &Asking<'_>,
    instance: Option<&Instance>,
    roles: &[Uuid],
    name: &str,
) -> Option<Fact> {
    let text = |text: &str| Some(Fact::Text(text.to_owned()));
    match name {
        "date" | "day" | "time" => Some(Fact::Time(call.now)),
        "user-agent" => text(asking.user_agent?),
        "sourceip" => text(&call.caller.ip),
        "method" => text(&asking.method.as_str().to_lowercase()),
        "datacenter" => text(super::services::DATACENTER),
        "activeRoles" => Some(Fact::List(roles.iter().map(ToString::to_string).collect())),
        "ip" => Some(Fact::List(instance?.nics.iter().map(|nic| nic.ip.to_string()).collect())),
        _ => match instance?.tags.get(name.strip_prefix("tag_")?)? {
            serde_json::Value::Bool(flag) => Some(Fact::Flag(*flag)),
            serde_json::Value::Number(number) => number.as_f64().map(Fact::Number),
            value => text(value.as_str()?),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: &str) {
        assert_eq!(resource_of(path), expected, "{path}");
    }

    #[test]
    fn everything_below_an_instance_is_the_instance() {
        check("/my", "");
        check("/my/machines", "/machines");
        check("/my/machines/x", "/machines/x");
        check("/my/machines/x/snapshots/y", "/machines/x");
        check("/my/keys/aa%3Abb", "/keys/aa:bb");
        check("/my/users/bob/keys", "/users/bob/keys");
        check("/my/users/bob/keys/x", "/users/bob/keys/x");
        check("/my/users/bob/change_password", "/users/bob");
        check("/my/fwrules/x/machines", "/fwrules/x");
        check("/my/fabrics/default/vlans/2/networks", "/fabrics/default/vlans");
    }
}
