//! Policies.

use serde_json::Value;
use uuid::Uuid;

use super::users::require;
use super::{Answer, Call, Reply, Route};
use crate::refusal::Refusal;
use crate::version::ApiVersion;
use crate::world::Policy;

const SINCE: ApiVersion = ApiVersion(7, 2, 0);

pub(super) const ROUTES: &[Route] = &[
    Route::get("/:account/policies", "ListPolicies", "policies", list).since(SINCE),
    Route::post("/:account/policies", "CreatePolicy", "policies", create).since(SINCE),
    Route::get("/:account/policies/:policy", "GetPolicy", "policies", get).since(SINCE),
    Route::post("/:account/policies/:policy", "UpdatePolicy", "policies", update).since(SINCE),
    Route::delete("/:account/policies/:policy", "DeletePolicy", "policies", delete).since(SINCE),
];

fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let policies = call.account()?.policies.iter();
    Ok(Answer::ok(policies.map(Policy::to_json).collect::<Vec<Value>>().into()))
}

fn create(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let params = &call.params;
    let mut missing = Vec::new();
    if params.str("name").is_none() {
        missing.push("name is required".to_owned());
    }
    if !params.is_truthy("rules") {
        missing.push("rules is required".to_owned());
    }
    require(&missing)?;
    let name = params.str("name").unwrap_or_default().to_owned();
    let rules = Policy::read_rules(params.get("rules").unwrap_or(&Value::Null))?;
    let description = params.str("description").map(str::to_owned);
    check_free(call, &name, None)?;
    let policy = Policy { id: call.world.new_id(), name, rules, description };
    let (id, body) = (policy.id, policy.to_json());
    let account = call.world.account_mut(call.account)?;
    account.policies.push(policy);
    let location = format!("/{}/policies/{id}", account.login);
    call.resource = format!("/policies/{id}");
    Ok(Reply::json(201, body).header("location", location).into())
}

fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(policy(call)?.to_json()))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let id = policy(call)?.id;
    let rules = call.params.get("rules").filter(|_| call.params.is_truthy("rules"));
    let rules = rules.map(Policy::read_rules).transpose()?;
    let name = call.params.str("name").map(str::to_owned);
    if let Some(name) = &name {
        check_free(call, name, Some(id))?;
    }
    let description = call.params.get("description").and_then(Value::as_str).map(str::to_owned);
    let account = call.world.account_mut(call.account)?;
    let policy = account.policies.iter_mut().find(|policy| policy.id == id);
    let policy = policy.ok_or_else(|| not_found(&id.to_string()))?;
    policy.name = name.unwrap_or_else(|| std::mem::take(&mut policy.name));
    policy.rules = rules.unwrap_or_else(|| std::mem::take(&mut policy.rules));
    if let Some(description) = description {
        // Empty text takes it away.
        policy.description = Some(description).filter(|text| !text.is_empty());
    }
    Ok(Answer::ok(policy.to_json()))
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let id = policy(call)?.id;
    let account = call.world.account_mut(call.account)?;
    account.policies.retain(|policy| policy.id != id);
    account.roles.iter_mut().for_each(|role| role.policies.retain(|policy| *policy != id));
    Ok(Answer::empty(204))
}

fn policy<'a>(call: &'a Call<'_>) -> Result<&'a Policy, Refusal> {
    let wanted = call.params.str("policy").unwrap_or_default();
    call.account()?.find_policy(wanted).ok_or_else(|| not_found(wanted))
}

fn not_found(name: &str) -> Refusal {
    Refusal::not_found(format!("{name} does not exist"))
}

fn check_free(call: &Call<'_>, name: &str, except: Option<Uuid>) -> Result<(), Refusal> {
    let mut policies = call.account()?.policies.iter();
    if policies.any(|policy| policy.name == name && Some(policy.id) != except) {
        return Err(Refusal::invalid_argument(format!("{name} already exists")));
    }
    Ok(())
}
