//! Firewall rules (manual, "Firewall rules").

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::{FirewallRuleId, InstanceId};
use crate::instances::Instance;
use crate::page::Page;
use crate::request::{Endpoint, Group, Idempotency, Priority, Request, RequestError};
use crate::target::Target;

/// A firewall rule as the server keeps it: the text is canonical, so compare by [`FirewallRule::description`] or
/// normalise first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FirewallRule {
    /// Identity.
    pub id: FirewallRuleId,
    /// `FROM … TO … ALLOW|BLOCK …`.
    pub rule: String,
    /// Whether it filters.
    #[serde(default)]
    pub enabled: bool,
    /// Whether it applies to every account; such a rule cannot be changed.
    #[serde(default)]
    pub global: bool,
    /// Up to 255 characters of the owner's.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether connections are logged.
    #[serde(default)]
    pub log: bool,
}

/// Parameters of CreateFirewallRule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateFirewallRule {
    /// The rule's text.
    pub rule: String,
    /// Whether it filters from the start.
    pub enabled: bool,
    /// Up to 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Parameters of UpdateFirewallRule; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateFirewallRule {
    /// The rule's text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Whether it filters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Up to 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// ListFirewallRules: the account's and the global ones, in one page.
///
/// # Errors
///
/// [`RequestError`].
pub fn list() -> Result<Request<Page<FirewallRule>>, RequestError> {
    let endpoint = Endpoint::read("ListFirewallRules", Group::Machines);
    Request::build(endpoint, Method::GET, &Target::new("/fwrules"), None, |answer| answer.page())
}

/// CreateFirewallRule. Sent twice, it makes two rules.
///
/// # Errors
///
/// [`RequestError`].
pub fn create(create: &CreateFirewallRule) -> Result<Request<FirewallRule>, RequestError> {
    let endpoint = change("CreateFirewallRule", Idempotency::Never);
    let body = to_value(create)?;
    Request::build(endpoint, Method::POST, &Target::new("/fwrules"), Some(&body), |answer| {
        answer.json()
    })
}

/// GetFirewallRule.
///
/// # Errors
///
/// [`RequestError`].
pub fn get(id: FirewallRuleId) -> Result<Request<FirewallRule>, RequestError> {
    let endpoint = Endpoint::read("GetFirewallRule", Group::Machines);
    Request::build(endpoint, Method::GET, &rule(id), None, |answer| answer.json())
}

/// UpdateFirewallRule. A global rule cannot be changed (409).
///
/// # Errors
///
/// [`RequestError`].
pub fn update(
    id: FirewallRuleId,
    update: &UpdateFirewallRule,
) -> Result<Request<FirewallRule>, RequestError> {
    let endpoint = change("UpdateFirewallRule", Idempotency::Idempotent);
    let body = to_value(update)?;
    Request::build(endpoint, Method::POST, &rule(id), Some(&body), |answer| answer.json())
}

/// EnableFirewallRule.
///
/// # Errors
///
/// [`RequestError`].
pub fn enable(id: FirewallRuleId) -> Result<Request<FirewallRule>, RequestError> {
    let endpoint = change("EnableFirewallRule", Idempotency::Idempotent);
    Request::build(endpoint, Method::POST, &rule(id).fixed("enable"), None, |answer| answer.json())
}

/// DisableFirewallRule.
///
/// # Errors
///
/// [`RequestError`].
pub fn disable(id: FirewallRuleId) -> Result<Request<FirewallRule>, RequestError> {
    let endpoint = change("DisableFirewallRule", Idempotency::Idempotent);
    Request::build(endpoint, Method::POST, &rule(id).fixed("disable"), None, |answer| answer.json())
}

/// DeleteFirewallRule. That it is not there (404) is success.
///
/// # Errors
///
/// [`RequestError`].
pub fn delete(id: FirewallRuleId) -> Result<Request<()>, RequestError> {
    let endpoint = Endpoint::new(
        "DeleteFirewallRule",
        Group::Machines,
        Idempotency::Idempotent,
        Priority::Delete,
    );
    Request::build(endpoint, Method::DELETE, &rule(id), None, |answer| answer.nothing_or_gone())
}

/// ListFirewallRuleMachines: the instances a rule is about.
///
/// # Errors
///
/// [`RequestError`].
pub fn list_instances(id: FirewallRuleId) -> Result<Request<Page<Instance>>, RequestError> {
    let endpoint = Endpoint::read("ListFirewallRuleMachines", Group::Machines);
    Request::build(endpoint, Method::GET, &rule(id).fixed("machines"), None, |answer| answer.page())
}

/// ListMachineFirewallRules: the rules that are about an instance.
///
/// # Errors
///
/// [`RequestError`].
pub fn list_of_instance(id: InstanceId) -> Result<Request<Page<FirewallRule>>, RequestError> {
    let endpoint = Endpoint::read("ListMachineFirewallRules", Group::Machines);
    let target = Target::new("/machines").segment(id).fixed("fwrules");
    Request::build(endpoint, Method::GET, &target, None, |answer| answer.page())
}

fn change(name: &'static str, idempotency: Idempotency) -> Endpoint {
    Endpoint::new(name, Group::Machines, idempotency, Priority::Create)
}

fn rule(id: FirewallRuleId) -> Target {
    Target::new("/fwrules").segment(id)
}

fn to_value(parameters: &impl Serialize) -> Result<Value, RequestError> {
    serde_json::to_value(parameters).map_err(RequestError::Json)
}
