//! CreateMachine.

use std::net::Ipv4Addr;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::images::check_shared;
use super::{Answer, Call, Params, Reply, Route};
use crate::faults::FaultKind;
use crate::refusal::Refusal;
use crate::world::{CreateParams, NetworkRequest, duplicate};

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
        return Err(Refusal::invalid_argument("Cannot specify both affinity and locality"));
    }
    if params.get("volumes").is_some() {
        return Err(Refusal::invalid_argument("volumes are not supported in this datacenter"));
    }
    Ok(CreateParams {
        name,
        package: params.str("package").map(str::to_owned),
        image: params.str("image").or_else(|| params.str("dataset")).map(str::to_owned),
        networks: params.get("networks").map(read_networks).transpose()?,
        brand: params.str("brand").map(str::to_owned),
        affinity: read_affinity(params.get("affinity"))?,
        tags: prefixed(params, "tag."),
        metadata: read_metadata(params),
        credentials: read_credentials(params),
        firewall_enabled: params.bool("firewall_enabled").unwrap_or(false),
        deletion_protection: params.is_json_true("deletion_protection"),
        allow_twin: false,
        disks: params.get("disks").and_then(Value::as_array).map(Vec::len),
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
    for item in &items {
        let id =
            if are_objects { item.get("ipv4_uuid").and_then(Value::as_str) } else { item.as_str() };
        let network: Uuid = id.and_then(|id| id.parse().ok()).ok_or_else(refuse)?;
        let ip = if are_objects { read_ip(item)? } else { None };
        if requests.iter().all(|request| request.network != network) {
            requests.push(NetworkRequest { network, ip });
        }
    }
    Ok(requests)
}

fn read_ip(network: &Value) -> Result<Option<Ipv4Addr>, Refusal> {
    match (network.get("ipv4_ips"), network.get("ipv4_count")) {
        (Some(_), Some(_)) => {
            Err(Refusal::invalid_argument("ipv4_ips and ipv4_count exclude each other"))
        }
        (None, None) => Ok(None),
        (None, Some(count)) if count.as_u64() == Some(1) => Ok(None),
        (None, Some(_)) => Err(Refusal::invalid_argument("ipv4_count must be 1")),
        (Some(ips), None) => match ips.as_array().map(Vec::as_slice) {
            Some([Value::String(ip)]) => ip
                .parse()
                .map(Some)
                .map_err(|_| Refusal::invalid_argument(format!("{ip} is not an IP address"))),
            _ => Err(Refusal::invalid_argument("ipv4_ips must hold exactly one address")),
        },
    }
}
