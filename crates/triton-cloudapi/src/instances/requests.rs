//! The calls about instances.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use serde_json::{Map, Value};

use super::create::tag_value;
use super::{AuditEntry, CreateInstance, Instance, ListInstances, Presence};
use crate::ids::InstanceId;
use crate::page::Page;
use crate::request::{
    Answer, AnswerError, Endpoint, Group, Idempotency, Priority, Request, RequestError,
};
use crate::tags::{TagValue, Tags};
use crate::target::Target;

/// Keys that CloudAPI would take for parameters of the call itself, since it merges body, query and path.
const RESERVED_KEYS: [&str; 12] = [
    "account",
    "action",
    "context",
    "dataset",
    "id",
    "image",
    "machine",
    "network",
    "networks",
    "owner_uuid",
    "package",
    "uuid",
];

/// CreateMachine. Sent twice, it makes two instances.
///
/// # Errors
///
/// [`RequestError::TooLarge`], [`RequestError::TagValue`].
pub fn create(create: &CreateInstance) -> Result<Request<Instance>, RequestError> {
    let endpoint = change("CreateMachine", Idempotency::Never);
    let body = create.to_body()?;
    Request::build(endpoint, Method::POST, &Target::new("/machines"), Some(&body), |answer| {
        answer.json()
    })
}

/// ListMachines, one page.
///
/// # Errors
///
/// [`RequestError`].
pub fn list(list: &ListInstances) -> Result<Request<Page<Instance>>, RequestError> {
    let endpoint = Endpoint::read("ListMachines", Group::Machines);
    Request::build(endpoint, Method::GET, &list.target(), None, |answer| answer.page())
}

/// GetMachine, where not being there is an answer and not an error.
///
/// # Errors
///
/// [`RequestError`].
pub fn find(id: InstanceId) -> Result<Request<Presence>, RequestError> {
    let endpoint =
        Endpoint::new("GetMachine", Group::Machines, Idempotency::Read, Priority::Delete);
    Request::build(endpoint, Method::GET, &instance(id), None, move |answer| presence(id, answer))
}

/// DeleteMachine. That it is gone already (404, 410) is success.
///
/// # Errors
///
/// [`RequestError`].
pub fn delete(id: InstanceId) -> Result<Request<()>, RequestError> {
    let endpoint =
        Endpoint::new("DeleteMachine", Group::Machines, Idempotency::Idempotent, Priority::Delete);
    Request::build(endpoint, Method::DELETE, &instance(id), None, |answer| answer.nothing_or_gone())
}

/// StartMachine. Accepted (202) in any state; only the audit tells whether it was any use.
///
/// # Errors
///
/// [`RequestError`].
pub fn start(id: InstanceId) -> Result<Request<()>, RequestError> {
    action(id, "StartMachine", "start", Idempotency::Never)
}

/// StopMachine. Accepted (202) in any state.
///
/// # Errors
///
/// [`RequestError`].
pub fn stop(id: InstanceId) -> Result<Request<()>, RequestError> {
    action(id, "StopMachine", "stop", Idempotency::Never)
}

/// RebootMachine.
///
/// # Errors
///
/// [`RequestError`].
pub fn reboot(id: InstanceId) -> Result<Request<()>, RequestError> {
    action(id, "RebootMachine", "reboot", Idempotency::Never)
}

/// RenameMachine.
///
/// # Errors
///
/// [`RequestError`].
pub fn rename(id: InstanceId, name: &str) -> Result<Request<()>, RequestError> {
    let endpoint = change("RenameMachine", Idempotency::Idempotent);
    let target = instance(id).query("action", "rename").query("name", name);
    Request::build(endpoint, Method::POST, &target, None, |answer| answer.nothing())
}

/// EnableMachineFirewall.
///
/// # Errors
///
/// [`RequestError`].
pub fn enable_firewall(id: InstanceId) -> Result<Request<()>, RequestError> {
    action(id, "EnableMachineFirewall", "enable_firewall", Idempotency::Idempotent)
}

/// DisableMachineFirewall.
///
/// # Errors
///
/// [`RequestError`].
pub fn disable_firewall(id: InstanceId) -> Result<Request<()>, RequestError> {
    action(id, "DisableMachineFirewall", "disable_firewall", Idempotency::Idempotent)
}

/// EnableMachineDeletionProtection.
///
/// # Errors
///
/// [`RequestError`].
pub fn enable_deletion_protection(id: InstanceId) -> Result<Request<()>, RequestError> {
    action(
        id,
        "EnableMachineDeletionProtection",
        "enable_deletion_protection",
        Idempotency::Idempotent,
    )
}

/// DisableMachineDeletionProtection.
///
/// # Errors
///
/// [`RequestError`].
pub fn disable_deletion_protection(id: InstanceId) -> Result<Request<()>, RequestError> {
    action(
        id,
        "DisableMachineDeletionProtection",
        "disable_deletion_protection",
        Idempotency::Idempotent,
    )
}

/// MachineAudit, newest first.
///
/// # Errors
///
/// [`RequestError`].
pub fn audit(id: InstanceId) -> Result<Request<Page<AuditEntry>>, RequestError> {
    let endpoint = Endpoint::read("MachineAudit", Group::Machines);
    Request::build(endpoint, Method::GET, &instance(id).fixed("audit"), None, |answer| {
        answer.page()
    })
}

/// ListMachineTags.
///
/// # Errors
///
/// [`RequestError`].
pub fn list_tags(id: InstanceId) -> Result<Request<Tags>, RequestError> {
    let endpoint = Endpoint::read("ListMachineTags", Group::Machines);
    Request::build(endpoint, Method::GET, &instance(id).fixed("tags"), None, |answer| answer.json())
}

/// AddMachineTags. The answer is what the tags will be; the change itself takes seconds.
///
/// # Errors
///
/// [`RequestError::ReservedKey`], [`RequestError::TagValue`], and [`RequestError::Empty`] for no tag at all.
pub fn add_tags(id: InstanceId, tags: &Tags) -> Result<Request<Tags>, RequestError> {
    let endpoint = change("AddMachineTags", Idempotency::Idempotent);
    if tags.is_empty() {
        return Err(RequestError::Empty { what: "the set of tags" });
    }
    let body = tags_body(tags)?;
    Request::build(endpoint, Method::POST, &instance(id).fixed("tags"), Some(&body), |answer| {
        answer.json()
    })
}

/// ReplaceMachineTags. The answer is what the tags will be; the change itself takes seconds.
///
/// # Errors
///
/// As [`add_tags`], and [`RequestError::FalsyTag`] for values that the server would lose.
pub fn replace_tags(id: InstanceId, tags: &Tags) -> Result<Request<Tags>, RequestError> {
    let endpoint = change("ReplaceMachineTags", Idempotency::Idempotent);
    if let Some((key, _)) = tags.iter().find(|(_, value)| is_falsy(value)) {
        return Err(RequestError::FalsyTag { key: key.clone() });
    }
    let body = tags_body(tags)?;
    Request::build(endpoint, Method::PUT, &instance(id).fixed("tags"), Some(&body), |answer| {
        answer.json()
    })
}

/// DeleteMachineTag. That it is not there is success.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty name, which would delete all.
pub fn delete_tag(id: InstanceId, name: &str) -> Result<Request<()>, RequestError> {
    let endpoint = change("DeleteMachineTag", Idempotency::Idempotent);
    delete_below(endpoint, instance(id).fixed("tags"), "the tag's name", name)
}

/// ListMachineMetadata.
///
/// # Errors
///
/// [`RequestError`].
pub fn list_metadata(id: InstanceId) -> Result<Request<BTreeMap<String, Value>>, RequestError> {
    let endpoint = Endpoint::read("ListMachineMetadata", Group::Machines);
    Request::build(endpoint, Method::GET, &instance(id).fixed("metadata"), None, |answer| {
        answer.json()
    })
}

/// AddMachineMetadata (the manual: UpdateMachineMetadata).
///
/// # Errors
///
/// [`RequestError::ReservedKey`], also for `credentials` and `…_pw`, which the server would drop.
pub fn add_metadata(
    id: InstanceId,
    metadata: &BTreeMap<String, String>,
) -> Result<Request<BTreeMap<String, Value>>, RequestError> {
    let endpoint = change("AddMachineMetadata", Idempotency::Idempotent);
    let mut body = Map::new();
    for (key, value) in metadata {
        if RESERVED_KEYS.contains(&key.as_str()) || key == "credentials" || key.ends_with("_pw") {
            return Err(RequestError::ReservedKey { key: key.clone() });
        }
        body.insert(key.clone(), value.as_str().into());
    }
    let target = instance(id).fixed("metadata");
    Request::build(endpoint, Method::POST, &target, Some(&Value::Object(body)), |answer| {
        answer.json()
    })
}

/// DeleteMachineMetadata, one key. That it is not there is success.
///
/// # Errors
///
/// [`RequestError::Empty`] for an empty name, which would delete all.
pub fn delete_metadata(id: InstanceId, key: &str) -> Result<Request<()>, RequestError> {
    let endpoint = change("DeleteMachineMetadata", Idempotency::Idempotent);
    delete_below(endpoint, instance(id).fixed("metadata"), "the metadata key", key)
}

fn change(name: &'static str, idempotency: Idempotency) -> Endpoint {
    Endpoint::new(name, Group::Machines, idempotency, Priority::Create)
}

fn instance(id: InstanceId) -> Target {
    Target::new("/machines").segment(id)
}

fn action(
    id: InstanceId,
    name: &'static str,
    action: &str,
    idempotency: Idempotency,
) -> Result<Request<()>, RequestError> {
    let target = instance(id).query("action", action);
    Request::build(change(name, idempotency), Method::POST, &target, None, |answer| {
        answer.nothing()
    })
}

fn delete_below(
    endpoint: Endpoint,
    target: Target,
    what: &'static str,
    name: &str,
) -> Result<Request<()>, RequestError> {
    if name.is_empty() {
        return Err(RequestError::Empty { what });
    }
    // Only 404 about the key is success here, but a 404 about the instance leaves no such key either.
    let read = |answer: &Answer<'_>| answer.nothing_or_gone();
    Request::build(endpoint, Method::DELETE, &target.segment(name), None, read)
}

fn presence(id: InstanceId, answer: &Answer<'_>) -> Result<Presence, AnswerError> {
    match answer.status {
        StatusCode::NOT_FOUND => Ok(Presence::NotFound),
        StatusCode::GONE => {
            // The status is the fact; the body is a courtesy, and its shape has varied.
            let instance =
                serde_json::from_slice(answer.body).unwrap_or_else(|_| Instance::destroyed(id));
            Ok(Presence::Destroyed(Box::new(instance)))
        }
        _ => Ok(Presence::Present(Box::new(answer.json()?))),
    }
}

fn tags_body(tags: &Tags) -> Result<Value, RequestError> {
    let mut body = Map::new();
    for (key, value) in tags {
        if RESERVED_KEYS.contains(&key.as_str()) {
            return Err(RequestError::ReservedKey { key: key.clone() });
        }
        body.insert(key.clone(), tag_value(key, value)?);
    }
    Ok(Value::Object(body))
}

/// What JavaScript takes for false.
fn is_falsy(value: &TagValue) -> bool {
    match value {
        TagValue::Bool(value) => !value,
        TagValue::Number(value) => value.as_f64() == Some(0.0),
        TagValue::String(value) => value.is_empty(),
        TagValue::Other(_) => false,
    }
}

#[cfg(test)]
mod tests;
