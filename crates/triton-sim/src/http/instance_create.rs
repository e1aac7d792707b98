//! CreateMachine.

use std::net::Ipv4Addr;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::images::check_shared;
use super::{Answer, Call, Params, Reply, Route};
use crate::faults::FaultKind;
use crate::refusal::Refusal;
use crate::world::{
    CreateParams, Locality, Mount, NetworkRequest, VOLUME_TYPE, duplicate, is_volume_name,
};

pub(super) const ROUTES: &[Route] =
    &[Route::post("/:account/machines", "CreateMachine", "machines", create)];

fn create(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    check_shared(call)?;
    let mut params = read(&call.params)?;
    refuse(call)?;
    let is_taken = |name: &String| call.world.is_name_taken(call.account, name, None);
    if params.name.as_ref().is_some_and(is_taken) {
        params.allow_twin = call.strikes(FaultKind::CreateTwins).is_some();
    }
    let id = call.world.create(call.account, params, call.now)?;
    // Only now: a create that was refused uses up no fault.
    let fate = call.fate();
    if let Some(instance) = call.world.instances.get_mut(&id) {
        instance.fate = fate;
    }
    call.caught = call
        .strikes(FaultKind::CreateAnswerLostAfterCommit)
        .or_else(|| call.strikes(FaultKind::Create500AfterCommit));
    call.resource = format!("/machines/{id}");
    let reply =
        Reply::empty(201).header("location", format!("/{}/machines/{id}", call.account()?.login));
    let delay = call.world.delays.create;
    Ok(Answer { delay, read_back: Some(id), ..reply.into() })
}

/// Refusals that a fault asks for, in the words of those that say no.
fn refuse(call: &mut Call<'_>) -> Result<(), Refusal> {
    if call.strikes(FaultKind::CreateQuota).is_some() {
        return Err(Refusal::not_authorized("Quota exceeded; account has no RAM left"));
    }
    if call.strikes(FaultKind::CreateNameTaken).is_some() {
        return Err(duplicate());
    }
    if call.strikes(FaultKind::CreateNoCapacity).is_some() {
        let message = "No compute resources available: no server has enough RAM";
        return Err(Refusal::new(409, "NoAllocatableServersError", message));
    }
    if call.strikes(FaultKind::CreateSubnetFull).is_some() {
        return Err(Refusal::new(507, "SubnetFull", "no more free IPs"));
    }
    Ok(())
}

/// Picks out what CreateMachine knows. `tags` and `metadata` objects are not among it.
fn read(params: &Params) -> Result<CreateParams, Refusal> {
    let name = match params.get("name") {
        None => None,
        Some(Value::String(name)) if name.is_empty() => None,
        Some(Value::String(name)) => Some(name.clone()),
        // The real one calls a string's method on it.
        Some(_) => return Err(Refusal::internal("Internal Error")),
    };
    if params.get("locality").is_some() && params.get("affinity").is_some() {
        return Err(Refusal::invalid_argument(
            "cannot specify both \"locality\" (deprecated) and \"affinity\"",
        ));
    }
    if params.str("image").is_some() && params.str("dataset").is_some() {
        return Err(Refusal::invalid_argument(
            "image and dataset are mutually exclusive parameters.",
        ));
    }
    let password = params.str("administrator_pw").or_else(|| params.str("password"));
    Ok(CreateParams {
        name,
        package: params.str("package").map(str::to_owned),
        image: params.str("image").or_else(|| params.str("dataset")).map(str::to_owned),
        networks: params.get("networks").map(read_networks).transpose()?,
        default_networks: params.get("default_networks").map(strings),
        brand: params.str("brand").map(str::to_owned),
        has_bootrom: params.is_truthy("bootrom"),
        affinity: read_affinity(params.get("affinity"))?,
        locality: params.get("locality").map(read_locality).transpose()?.unwrap_or_default(),
        tags: prefixed(params, "tag."),
        metadata: read_metadata(params),
        password: password.map(str::to_owned),
        credentials: read_credentials(params),
        firewall_enabled: params.bool("firewall_enabled").unwrap_or(false),
        deletion_protection: params.is_json_true("deletion_protection"),
        delegate_dataset: params.is_json_true("delegate_dataset"),
        encrypted: params.is_json_true("encrypted"),
        disks: params.get("disks").cloned(),
        volumes: read_volumes(params.get("volumes"))?,
        allow_twin: false,
    })
}

fn strings(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// `{strict, near, far}`, where near and far are an instance's UUID or a list of them.
fn read_locality(locality: &Value) -> Result<Locality, Refusal> {
    let refuse = || Refusal::validation("locality", "Invalid", "contains malformed UUIDs");
    let ids = |key: &str| match locality.get(key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(id)) => id.parse().map(|id| vec![id]).map_err(|_| refuse()),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().and_then(|id| id.parse().ok()).ok_or_else(refuse))
            .collect(),
        Some(_) => Err(refuse()),
    };
    let strict = locality.get("strict").and_then(Value::as_bool).unwrap_or(false);
    Ok(Locality { strict, near: ids("near")?, far: ids("far")? })
}

/// `[{name, type, mode, mountpoint}]`.
///
/// # Errors
/// 500 for what is no list of objects; for an object that will not do, nothing until HAProxy gives up: CloudAPI hands its
/// HTTP library a list where an error is expected, and never answers.
fn read_volumes(volumes: Option<&Value>) -> Result<Vec<Mount>, Refusal> {
    let items = match volumes {
        Some(Value::Array(items)) => items,
        Some(Value::String(text)) if !text.is_empty() => {
            return Err(Refusal::internal("Internal Error"));
        }
        _ => return Ok(Vec::new()),
    };
    if !items.iter().all(Value::is_object) {
        return Err(Refusal::internal("Internal Error"));
    }
    let mounts: Option<Vec<Mount>> = items.iter().map(read_mount).collect();
    mounts.ok_or_else(Refusal::no_answer)
}

fn read_mount(item: &Value) -> Option<Mount> {
    let name = item.get("name").and_then(Value::as_str).filter(|name| is_volume_name(name))?;
    if item.get("type").is_some_and(|kind| kind != VOLUME_TYPE) {
        return None;
    }
    let mode = match item.get("mode") {
        None => "rw",
        Some(mode) => mode.as_str().filter(|mode| matches!(*mode, "ro" | "rw"))?,
    };
    let mountpoint = item.get("mountpoint").and_then(Value::as_str)?;
    let is_absolute = mountpoint.starts_with('/') && mountpoint.chars().any(|c| c != '/');
    (is_absolute && !mountpoint.contains('\0')).then(|| Mount {
        name: name.to_owned(),
        mode: mode.to_owned(),
        mountpoint: mountpoint.to_owned(),
    })
}

fn prefixed(params: &Params, prefix: &str) -> Map<String, Value> {
    let keyed = params.iter().filter_map(|(key, value)| Some((key.strip_prefix(prefix)?, value)));
    keyed
        .filter(|(key, _)| !key.is_empty())
        .map(|(key, value)| (key.to_owned(), value.clone()))
        .collect()
}

/// `/^metadata\.\w/`, except the credentials, which are not shown to everybody.
fn read_metadata(params: &Params) -> Map<String, Value> {
    let mut metadata = prefixed(params, "metadata.");
    metadata.retain(|key, _| {
        key != "credentials" && key.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
    });
    metadata
}

/// An object or its JSON text.
fn read_credentials(params: &Params) -> Map<String, Value> {
    let parsed = match params.get("metadata.credentials") {
        Some(Value::Object(credentials)) => Some(credentials.clone()),
        Some(Value::String(text)) => serde_json::from_str(text).ok(),
        _ => None,
    };
    let strip = |key: String| key.strip_suffix("_pw").map(str::to_owned).unwrap_or(key);
    parsed.unwrap_or_default().into_iter().map(|(key, value)| (strip(key), value)).collect()
}

fn read_affinity(affinity: Option<&Value>) -> Result<Vec<String>, Refusal> {
    let refuse = || Refusal::invalid_argument("affinity must be an array of strings");
    match affinity {
        None => Ok(Vec::new()),
        Some(Value::String(rule)) => Ok(vec![rule.clone()]),
        Some(Value::Array(rules)) => {
            rules.iter().map(|rule| rule.as_str().map(str::to_owned).ok_or_else(refuse)).collect()
        }
        Some(_) => Err(refuse()),
    }
}

/// UUIDs, or objects `{ipv4_uuid, ipv4_ips: [one], ipv4_count: 1}`. One NIC a network: repetitions collapse.
///
/// What the first one is decides how all are read.
fn read_networks(networks: &Value) -> Result<Vec<NetworkRequest>, Refusal> {
    let refuse = || Refusal::invalid_argument("Invalid Networks");
    let items = match networks {
        Value::Array(items) => items.clone(),
        Value::String(text) => {
            text.split(',').map(|part| Value::String(part.trim().to_owned())).collect()
        }
        _ => return Err(refuse()),
    };
    let are_objects = items.first().is_some_and(Value::is_object);
    let mut requests: Vec<NetworkRequest> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let request = match item {
            Value::Object(_) if are_objects => read_network_object(item)?,
            Value::String(id) if !are_objects => {
                NetworkRequest { network: id.parse().map_err(|_| refuse())?, ip: None }
            }
            // Not what the first one was: mangled on the way, and unknown at the end of it.
            Value::Object(_) | Value::String(_) => return Err(refuse()),
            _ => {
                return Err(Refusal::invalid_argument(format!(
                    "property \"networks[{index}]\": array of strings or objects expected"
                )));
            }
        };
        if requests.iter().all(|earlier| earlier.network != request.network) {
            requests.push(request);
        }
    }
    Ok(requests)
}

/// `{ipv4_uuid, ipv4_ips: [one], ipv4_count: 1}`.
///
/// # Errors
/// 409 MissingParameter and InvalidArgument.
pub(super) fn read_network_object(network: &Value) -> Result<NetworkRequest, Refusal> {
    let invalid = |message: String| Err(Refusal::invalid_argument(message));
    let id = match network.get("ipv4_uuid") {
        Some(Value::String(id)) if !id.is_empty() => id,
        None | Some(Value::Null | Value::String(_)) => {
            let message = "network objects must contain ipv4_uuid";
            return Err(Refusal::new(409, "MissingParameter", message));
        }
        Some(_) => return invalid("ipv4_uuid must be a string".to_owned()),
    };
    let Ok(network_id) = id.parse::<Uuid>() else {
        return invalid(format!("ipv4_uuid: {id} is not a uuid"));
    };
    let ip = match (network.get("ipv4_ips"), network.get("ipv4_count")) {
        (Some(_), Some(_)) => {
            return invalid("ipv4_count and ipv4_ips cannot be specified together".to_owned());
        }
        (None, None) => None,
        (None, Some(Value::Number(count))) if count.as_u64() == Some(1) => None,
        (None, Some(Value::Number(_))) => {
            return invalid("ipv4_count can only be set to 1".to_owned());
        }
        (None, Some(_)) => return invalid("ipv4_count must be a number".to_owned()),
        (Some(Value::Array(ips)), None) => match ips.as_slice() {
            [Value::String(ip)] => Some(ip),
            [_] => return invalid("ipv4_ips[0]: string expected".to_owned()),
            _ => {
                return invalid(format!(
                    "ipv4_ips: network with ipv4_uuid {id} should contain a single IP array"
                ));
            }
        },
        (Some(_), None) => {
            return invalid("ipv4_ips must be an array with a single IP".to_owned());
        }
    };
    let parse = |ip: &String| {
        let message = format!("{ip} is not an IP address");
        ip.parse::<Ipv4Addr>().map_err(|_| Refusal::invalid_argument(message))
    };
    Ok(NetworkRequest { network: network_id, ip: ip.map(parse).transpose()? })
}
