//! Firewall rules of the account, and those of one instance.

use serde_json::Value;
use uuid::Uuid;

use super::{Answer, Call, Reply, Route};
use crate::refusal::Refusal;
use crate::world::FirewallRule;

pub(super) const ROUTES: &[Route] = &[
    Route::get("/:account/fwrules", "ListFirewallRules", "fwrules", list),
    Route::post("/:account/fwrules", "CreateFirewallRule", "fwrules", create),
    Route::get("/:account/fwrules/:id", "GetFirewallRule", "fwrules", get),
    Route::post("/:account/fwrules/:id", "UpdateFirewallRule", "fwrules", update),
    Route::post("/:account/fwrules/:id/enable", "EnableFirewallRule", "fwrules", enable),
    Route::post("/:account/fwrules/:id/disable", "DisableFirewallRule", "fwrules", disable),
    Route::delete("/:account/fwrules/:id", "DeleteFirewallRule", "fwrules", delete),
    Route::get("/:account/fwrules/:id/machines", "ListFirewallRuleMachines", "fwrules", instances),
    Route::get(
        "/:account/machines/:machine/fwrules",
        "ListMachineFirewallRules",
        "machines",
        of_instance,
    ),
];

fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let rules = call.world.rules.values().filter(|rule| is_visible(rule, call.account));
    Ok(Answer::ok(rules.map(FirewallRule::to_json).collect::<Vec<Value>>().into()))
}

fn create(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let params = &call.params;
    let text = params.str("rule").ok_or_else(|| Refusal::missing_parameter("rule"))?;
    let rule = FirewallRule::read(text)?;
    let description = params.str("description").map(str::to_owned);
    description.as_deref().map_or(Ok(()), FirewallRule::check_description)?;
    let (enabled, log) =
        (params.bool("enabled").unwrap_or(false), params.bool("log").unwrap_or(false));
    let rule = FirewallRule {
        id: call.world.new_id(),
        owner: Some(call.account),
        rule,
        enabled,
        log,
        description,
    };
    call.resource = format!("/fwrules/{}", rule.id);
    let location = format!("/{}{}", call.account()?.login, call.resource);
    let body = rule.to_json();
    call.world.rules.insert(rule.id, rule);
    call.world.changes += 1;
    Ok(Reply::json(201, body).header("location", location).into())
}

fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(rule(call)?.to_json()))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let text = call.params.str("rule").map(FirewallRule::read).transpose()?;
    let (enabled, log) = (call.params.bool("enabled"), call.params.bool("log"));
    let description = call.params.str("description").map(str::to_owned);
    description.as_deref().map_or(Ok(()), FirewallRule::check_description)?;
    let rule = rule_mut(call)?;
    if let Some(text) = text {
        rule.rule = text;
    }
    rule.enabled = enabled.unwrap_or(rule.enabled);
    rule.log = log.unwrap_or(rule.log);
    rule.description = description.or_else(|| rule.description.take());
    Ok(Answer::ok(rule.to_json()))
}

fn enable(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    set_enabled(call, true)
}

fn disable(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    set_enabled(call, false)
}

fn set_enabled(call: &mut Call<'_>, enabled: bool) -> Result<Answer, Refusal> {
    let rule = rule_mut(call)?;
    rule.enabled = enabled;
    Ok(Answer::ok(rule.to_json()))
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let id = rule_mut(call)?.id;
    call.world.rules.remove(&id);
    Ok(Answer::empty(204))
}

fn instances(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let concerned = call.world.instances_of_rule(rule(call)?).into_iter();
    let concerned = concerned.filter(|instance| instance.owner == call.account);
    let bodies: Vec<Value> = concerned.map(|instance| call.instance_json(instance)).collect();
    let count = bodies.len();
    Ok(Reply::json(200, bodies.into()).header("x-resource-count", count).into())
}

fn of_instance(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let rules = call.world.rules_about(call.instance()?);
    Ok(Answer::ok(rules.into_iter().map(FirewallRule::to_json).collect::<Vec<Value>>().into()))
}

fn is_visible(rule: &FirewallRule, account: Uuid) -> bool {
    rule.owner.is_none_or(|owner| owner == account)
}

/// # Errors
/// 404 for an unknown rule, 403 Forbidden for somebody else's.
fn rule<'a>(call: &'a Call<'_>) -> Result<&'a FirewallRule, Refusal> {
    let id = call.params.str("id").and_then(|id| id.parse::<Uuid>().ok());
    let rule = id.and_then(|id| call.world.rules.get(&id));
    let rule = rule.ok_or_else(|| Refusal::not_found("firewall rule not found"))?;
    if !is_visible(rule, call.account) {
        return Err(Refusal::new(403, "Forbidden", "the rule belongs to another account"));
    }
    Ok(rule)
}

/// # Errors
/// As [`rule`], and 409 for a global rule.
fn rule_mut<'a>(call: &'a mut Call<'_>) -> Result<&'a mut FirewallRule, Refusal> {
    let found = rule(call)?;
    if found.owner.is_none() {
        return Err(Refusal::invalid_argument("global rules cannot be modified"));
    }
    let id = found.id;
    call.world.changes += 1;
    call.world.rules.get_mut(&id).ok_or_else(|| Refusal::not_found("firewall rule not found"))
}
