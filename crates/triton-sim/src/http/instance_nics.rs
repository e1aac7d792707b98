//! NICs of an instance. Adding and removing one reboots it.

use serde_json::Value;

use super::instance_create::read_network_object;
use super::{Answer, Call, Reply, Route};
use crate::refusal::Refusal;
use crate::version::ApiVersion;
use crate::world::{InstanceState, JobKind, NetworkRequest, Nic};

pub(super) const ROUTES: &[Route] = &[
    Route::get("/:account/machines/:machine/nics", "ListNics", "nics", list)
        .since(ApiVersion(7, 2, 0)),
    Route::post("/:account/machines/:machine/nics", "AddNic", "nics", add)
        .since(ApiVersion(7, 2, 0)),
    Route::get("/:account/machines/:machine/nics/:mac", "GetNic", "nics", get)
        .since(ApiVersion(7, 2, 0)),
    Route::delete("/:account/machines/:machine/nics/:mac", "RemoveNic", "nics", remove)
        .since(ApiVersion(7, 2, 0)),
];

fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let instance = call.instance()?;
    let there = instance.nics.iter().map(|nic| nic.to_json(instance.state));
    let pending = instance.pending_nics.iter();
    let pending = pending.map(|nic| nic.to_json(InstanceState::Provisioning));
    let nics: Vec<Value> = there.chain(pending).collect();
    let count = nics.len();
    Ok(Reply::json(200, nics.into()).header("x-resource-count", count).into())
}

fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let (nic, state) = find(call)?;
    Ok(Answer::ok(nic.to_json(state)))
}

/// A NIC on one more network; where there is one already, 302 leads to it.
fn add(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let request = read(call)?;
    let primary = call.params.bool("primary").unwrap_or(false);
    let network = call.world.find_room(call.account, request.network).cloned();
    let network = network.map_err(|_| Refusal::invalid_argument("network not found"))?;
    let instance = call.instance()?;
    let (id, state) = (instance.id, instance.state);
    let nics = format!("/{}/machines/{id}/nics", call.account()?.login);
    let mut existing = instance.nics.iter().chain(&instance.pending_nics);
    if let Some(nic) =
        existing.find(|nic| nic.network == network.id || nic.network == request.network)
    {
        let location = format!("{nics}/{}", bare(nic));
        return Ok(Reply::empty(302).header("location", location).into());
    }
    if state == InstanceState::Provisioning {
        return Err(Refusal::unallocated());
    }
    let ip = call.world.take_address(&request, &network, id)?;
    let nic = call.world.make_nic(network.id, ip, primary);
    let location = format!("{nics}/{}", bare(&nic));
    let (mac, body) = (nic.mac, nic.to_json(InstanceState::Provisioning));
    if let Some(instance) = call.world.instances.get_mut(&id) {
        instance.pending_nics.push(nic);
    }
    call.world.submit(id, JobKind::AddNic(mac), call.caller.clone(), call.now);
    Ok(Reply::json(201, body).header("location", location).into())
}

fn remove(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let mac = find(call)?.0.mac;
    let instance = call.instance()?;
    if instance.state == InstanceState::Provisioning {
        return Err(Refusal::unallocated());
    }
    let id = instance.id;
    call.world.submit(id, JobKind::RemoveNic(mac), call.caller.clone(), call.now);
    Ok(Answer::empty(204))
}

/// `network`: a UUID, or an object as in CreateMachine.
fn read(call: &Call<'_>) -> Result<NetworkRequest, Refusal> {
    let missing = || Refusal::new(409, "MissingParameter", "network must be specified");
    match call.params.get("network").ok_or_else(missing)? {
        Value::String(text) if text.is_empty() => Err(missing()),
        Value::String(text) => {
            let id = text
                .parse()
                .map_err(|_| Refusal::invalid_argument("network argument has invalid format"))?;
            Ok(NetworkRequest { network: id, ip: None })
        }
        object @ Value::Object(_) => {
            let request = read_network_object(object)?;
            call.world.check_address(call.account, &request)?;
            Ok(request)
        }
        _ => Err(Refusal::invalid_argument("network argument must be a network object or string")),
    }
}

/// The NIC a path names, and the state of what it is in. The path holds the MAC address without colons.
fn find<'a>(call: &'a Call<'_>) -> Result<(&'a Nic, InstanceState), Refusal> {
    let wanted = call.params.str("mac").unwrap_or_default().to_ascii_lowercase();
    if wanted.len() < 12 || !wanted.bytes().take(12).all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Refusal::invalid_argument("mac has invalid format"));
    }
    let instance = call.instance()?;
    let there = instance.nics.iter().map(|nic| (nic, instance.state));
    let pending = instance.pending_nics.iter().map(|nic| (nic, InstanceState::Provisioning));
    let found = there.chain(pending).find(|(nic, _)| bare(nic) == wanted);
    found.ok_or_else(|| Refusal::not_found("nic not found"))
}

fn bare(nic: &Nic) -> String {
    nic.mac().replace(':', "")
}
