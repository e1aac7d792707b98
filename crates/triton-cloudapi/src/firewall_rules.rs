//! Firewall rules (manual, "Firewall rules"). What they decide takes effect seconds after the answer.

use serde::{Deserialize, Serialize};

use crate::answer::{json, page};
use crate::endpoint::{Endpoint, Group};
use crate::ids::{FirewallRuleId, InstanceId};
use crate::instances::{self, Instance};
use crate::lenient;
use crate::page::Page;
use crate::request::{Request, RequestError, to_body};
use crate::target::Target;

const LIST: Endpoint = Endpoint::read("ListFirewallRules", Group::Machines);
const CREATE: Endpoint = Endpoint::once("CreateFirewallRule", Group::Machines);
const GET: Endpoint = Endpoint::read("GetFirewallRule", Group::Machines);
const UPDATE: Endpoint = Endpoint::set("UpdateFirewallRule", Group::Machines);
const ENABLE: Endpoint = Endpoint::set("EnableFirewallRule", Group::Machines);
const DISABLE: Endpoint = Endpoint::set("DisableFirewallRule", Group::Machines);
const DELETE: Endpoint = Endpoint::remove("DeleteFirewallRule", Group::Machines);
const LIST_INSTANCES: Endpoint = Endpoint::read("ListFirewallRuleMachines", Group::Machines);
const LIST_OF_INSTANCE: Endpoint = Endpoint::read("ListMachineFirewallRules", Group::Machines);

/// The calls of this section of the manual.
pub const ENDPOINTS: &[Endpoint] =
    &[LIST, CREATE, GET, UPDATE, ENABLE, DISABLE, DELETE, LIST_INSTANCES, LIST_OF_INSTANCE];

/// Characters of a rule's description.
pub const DESCRIPTION_CHARS_MAX: usize = 255;

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
    #[serde(default, deserialize_with = "lenient::flag")]
    pub enabled: bool,
    /// Whether connections are logged.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub log: bool,
    /// Whether it applies to every account; such a rule cannot be changed.
    #[serde(
        default,
        deserialize_with = "lenient::flag",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub global: bool,
    /// Up to 255 characters of the owner's.
    #[serde(
        default,
        deserialize_with = "lenient::text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub description: Option<String>,
}

/// Parameters of CreateFirewallRule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateFirewallRule {
    /// The rule's text.
    pub rule: String,
    /// Whether it filters from the start.
    pub enabled: bool,
    /// Whether TCP connections are logged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub log: bool,
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
    /// Whether TCP connections are logged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<bool>,
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
    LIST.get(&Target::new(RULES), page)
}

/// CreateFirewallRule. Sent twice, it makes two rules.
///
/// # Errors
///
/// [`RequestError::Invalid`] for a description that is too long.
pub fn create(create: &CreateFirewallRule) -> Result<Request<FirewallRule>, RequestError> {
    check_description(create.description.as_deref())?;
    CREATE.post(&Target::new(RULES), &to_body(create)?, json)
}

/// GetFirewallRule.
///
/// # Errors
///
/// [`RequestError`].
pub fn get(id: FirewallRuleId) -> Result<Request<FirewallRule>, RequestError> {
    GET.get(&rule(id), json)
}

/// UpdateFirewallRule. A global rule cannot be changed (409).
///
/// # Errors
///
/// [`RequestError::Invalid`] for a description that is too long.
pub fn update(
    id: FirewallRuleId,
    update: &UpdateFirewallRule,
) -> Result<Request<FirewallRule>, RequestError> {
    check_description(update.description.as_deref())?;
    UPDATE.post(&rule(id), &to_body(update)?, json)
}

/// EnableFirewallRule.
///
/// # Errors
///
/// [`RequestError`].
pub fn enable(id: FirewallRuleId) -> Result<Request<FirewallRule>, RequestError> {
    ENABLE.post_nothing(&rule(id).fixed("enable"), json)
}

/// DisableFirewallRule.
///
/// # Errors
///
/// [`RequestError`].
pub fn disable(id: FirewallRuleId) -> Result<Request<FirewallRule>, RequestError> {
    DISABLE.post_nothing(&rule(id).fixed("disable"), json)
}

/// DeleteFirewallRule. That it is not there (404) is success.
///
/// # Errors
///
/// [`RequestError`].
pub fn delete(id: FirewallRuleId) -> Result<Request<()>, RequestError> {
    DELETE.delete(&rule(id))
}

/// ListFirewallRuleMachines: the instances a rule is about.
///
/// # Errors
///
/// [`RequestError`].
pub fn list_instances(id: FirewallRuleId) -> Result<Request<Page<Instance>>, RequestError> {
    LIST_INSTANCES.get(&rule(id).fixed("machines"), page)
}

/// ListMachineFirewallRules: the rules that are about an instance.
///
/// # Errors
///
/// [`RequestError`].
pub fn list_of_instance(id: InstanceId) -> Result<Request<Page<FirewallRule>>, RequestError> {
    LIST_OF_INSTANCE.get(&instances::path(id).fixed("fwrules"), page)
}

const RULES: &str = "/fwrules";

fn rule(id: FirewallRuleId) -> Target {
    Target::new(RULES).segment(id)
}

fn check_description(description: Option<&str>) -> Result<(), RequestError> {
    let length = description.map_or(0, |description| description.chars().count());
    if length <= DESCRIPTION_CHARS_MAX {
        return Ok(());
    }
    Err(RequestError::invalid("description", format!("{length} characters"), "it has at most 255"))
}
