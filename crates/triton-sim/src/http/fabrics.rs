//! Fabric VLANs and fabric networks.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde_json::Value;
use uuid::Uuid;

use super::networks::to_json;
use super::{Answer, Call, Params, Reply, Route};
use crate::refusal::Refusal;
use crate::version::ApiVersion;
use crate::world::{FabricNetworkChange, NewFabricNetwork, Vlan, is_fabric_name, property};

const SINCE: ApiVersion = ApiVersion(7, 3, 0);
const VLANS: &str = "/:account/fabrics/default/vlans";
const VLAN: &str = "/:account/fabrics/default/vlans/:vlan_id";
const NETWORKS: &str = "/:account/fabrics/default/vlans/:vlan_id/networks";
const NETWORK: &str = "/:account/fabrics/default/vlans/:vlan_id/networks/:id";

pub(super) const ROUTES: &[Route] = &[
    Route::get(VLANS, "ListFabricVLANs", "networks", list_vlans).since(SINCE),
    Route::post(VLANS, "CreateFabricVLAN", "networks", create_vlan).since(SINCE),
    Route::get(VLAN, "GetFabricVLAN", "networks", get_vlan).since(SINCE),
    Route::put(VLAN, "UpdateFabricVLAN", "networks", update_vlan).since(SINCE),
    Route::delete(VLAN, "DeleteFabricVLAN", "networks", delete_vlan).since(SINCE),
    Route::get(NETWORKS, "ListFabricNetworks", "networks", list).since(SINCE),
    Route::post(NETWORKS, "CreateFabricNetwork", "networks", create).since(SINCE),
    Route::get(NETWORK, "GetFabricNetwork", "networks", get).since(SINCE),
    Route::put(NETWORK, "UpdateFabricNetwork", "networks", update).since(SINCE),
    Route::delete(NETWORK, "DeleteFabricNetwork", "networks", delete).since(SINCE),
];

const VLAN_MAX: u64 = 4095;
const RESOLVERS_MAX: usize = 4;
const REQUIRED: &str = "is missing and it is required";

fn list_vlans(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    check_enabled(call)?;
    let vlans = call.account()?.vlans.iter().map(|(id, vlan)| vlan.to_json(*id));
    Ok(Answer::ok(vlans.collect::<Vec<Value>>().into()))
}

fn create_vlan(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    check_enabled(call)?;
    check_known(&call.params, &["vlan_id", "name", "description"])?;
    let id = vlan_id(&call.params)?;
    let name = name(&call.params)?.ok_or_else(|| property("name", REQUIRED))?;
    let vlan = Vlan { name, description: text(&call.params, "description")? };
    let body = vlan.to_json(id);
    call.world.add_vlan(call.account, id, vlan)?;
    Ok(Reply::json(201, body).into())
}

fn get_vlan(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    check_enabled(call)?;
    let id = vlan_id(&call.params)?;
    Ok(Answer::ok(call.world.vlan(call.account, id)?.to_json(id)))
}

fn update_vlan(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    check_enabled(call)?;
    check_known(&call.params, &["vlan_id", "name", "description"])?;
    let id = vlan_id(&call.params)?;
    let (name, description) = (name(&call.params)?, text(&call.params, "description")?);
    call.world.vlan(call.account, id)?;
    let vlan = call.world.account_mut(call.account)?.vlans.get_mut(&id);
    let vlan = vlan.ok_or_else(|| Refusal::not_found("vlan not found"))?;
    vlan.name = name.unwrap_or_else(|| std::mem::take(&mut vlan.name));
    vlan.description = description.or_else(|| vlan.description.take());
    Ok(Reply::json(202, vlan.to_json(id)).into())
}

fn delete_vlan(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    check_enabled(call)?;
    let id = vlan_id(&call.params)?;
    call.world.remove_vlan(call.account, id)?;
    Ok(Answer::empty(204))
}

fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    check_enabled(call)?;
    let id = vlan_id(&call.params)?;
    call.world.vlan(call.account, id)?;
    let networks = call.world.fabric_networks(call.account, id);
    Ok(Answer::ok(networks.map(|network| to_json(call, network)).collect::<Vec<Value>>().into()))
}

fn create(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    const KNOWN: [&str; 10] = [
        "vlan_id",
        "name",
        "description",
        "subnet",
        "internet_nat",
        "provision_start_ip",
        "provision_end_ip",
        "gateway",
        "resolvers",
        "routes",
    ];
    check_enabled(call)?;
    let params = &call.params;
    check_known(params, &KNOWN)?;
    let required = |name: &'static str| move || property(name, REQUIRED);
    let new = NewFabricNetwork {
        vlan_id: vlan_id(params)?,
        name: name(params)?.ok_or_else(required("name"))?,
        description: text(params, "description")?,
        subnet: text(params, "subnet")?.ok_or_else(required("subnet"))?,
        first: ip(params, "provision_start_ip")?.ok_or_else(required("provision_start_ip"))?,
        last: ip(params, "provision_end_ip")?.ok_or_else(required("provision_end_ip"))?,
        gateway: ip(params, "gateway")?,
        resolvers: resolvers(params)?.unwrap_or_default(),
        routes: routes(params)?.unwrap_or_default(),
        internet_nat: params.bool("internet_nat").unwrap_or(true),
    };
    let id = call.world.add_fabric_network(call.account, new)?.id;
    let network = call.world.fabric_network(call.account, id)?;
    Ok(Reply::json(201, to_json(call, network)).into())
}

fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    check_enabled(call)?;
    let network = call.world.fabric_network(call.account, network_id(call)?)?;
    Ok(Answer::ok(to_json(call, network)))
}

fn update(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    const KNOWN: [&str; 8] = [
        "vlan_id",
        "id",
        "name",
        "routes",
        "description",
        "resolvers",
        "provision_start_ip",
        "provision_end_ip",
    ];
    check_enabled(call)?;
    let params = &call.params;
    check_known(params, &KNOWN)?;
    let id = network_id(call)?;
    let change = FabricNetworkChange {
        name: name(params)?,
        description: text(params, "description")?,
        first: ip(params, "provision_start_ip")?,
        last: ip(params, "provision_end_ip")?,
        resolvers: resolvers(params)?,
        routes: routes(params)?,
    };
    call.world.change_fabric_network(call.account, id, change)?;
    get(call)
}

fn delete(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    check_enabled(call)?;
    let id = network_id(call)?;
    call.world.remove_fabric_network(call.account, id)?;
    Ok(Answer::empty(204))
}

/// # Errors
/// 501 where the operator has not set fabrics up.
fn check_enabled(call: &Call<'_>) -> Result<(), Refusal> {
    if call.world.catalog.fabrics_off {
        let message = "fabrics not enabled for this datacenter";
        return Err(Refusal::new(501, "NotImplementedError", message));
    }
    Ok(())
}

/// # Errors
/// 409 InvalidArgument for a parameter that is not in the schema.
fn check_known(params: &Params, known: &[&str]) -> Result<(), Refusal> {
    let is_known = |name: &str| known.contains(&name) || matches!(name, "account" | "as-role");
    match params.iter().find(|(name, _)| !is_known(name)) {
        Some((name, _)) => Err(property(name, "unsupported property")),
        None => Ok(()),
    }
}

fn vlan_id(params: &Params) -> Result<u16, Refusal> {
    let number = params.number("vlan_id").ok_or_else(|| property("vlan_id", REQUIRED))?;
    let number =
        number.map_err(|_| property("vlan_id", "string value found, but a integer is required"))?;
    if number == 1 || number >= VLAN_MAX {
        let message = "VLAN ID must be a number between 0 and 4094, and not 1";
        return Err(property("vlan_id", message));
    }
    u16::try_from(number).map_err(|_| property("vlan_id", "is out of range"))
}

/// The network of the path; on another VLAN it is not there.
fn network_id(call: &Call<'_>) -> Result<Uuid, Refusal> {
    let missing = || Refusal::not_found("network not found");
    let id: Uuid = call.params.str("id").and_then(|id| id.parse().ok()).ok_or_else(missing)?;
    let network = call.world.fabric_network(call.account, id)?;
    if network.vlan_id != vlan_id(&call.params)? {
        return Err(missing());
    }
    Ok(id)
}

fn name(params: &Params) -> Result<Option<String>, Refusal> {
    let name = text(params, "name")?;
    match &name {
        Some(name) if !is_fabric_name(name) => {
            Err(property("name", "does not match the regex pattern"))
        }
        _ => Ok(name),
    }
}

fn text(params: &Params, name: &str) -> Result<Option<String>, Refusal> {
    match params.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(property(name, "value found, but a string is required")),
    }
}

fn ip(params: &Params, name: &str) -> Result<Option<Ipv4Addr>, Refusal> {
    let text = text(params, name)?;
    let parse = |text: String| text.parse().map_err(|_| property(name, "must be an IPv4 address"));
    text.map(parse).transpose()
}

fn resolvers(params: &Params) -> Result<Option<Vec<Ipv4Addr>>, Refusal> {
    let Some(value) = params.get("resolvers") else { return Ok(None) };
    let invalid = || property("resolvers", "must be an IPv4 address");
    let Value::Array(items) = value else {
        return Err(property("resolvers", "string value found, but an array is required"));
    };
    if items.len() > RESOLVERS_MAX {
        return Err(property("resolvers", "maximum of 4 resolvers"));
    }
    let parse = |item: &Value| item.as_str().and_then(|ip| ip.parse().ok()).ok_or_else(invalid);
    items.iter().map(parse).collect::<Result<Vec<_>, _>>().map(Some)
}

/// Destinations, single ones or subnets, each with its next hop.
fn routes(params: &Params) -> Result<Option<BTreeMap<String, String>>, Refusal> {
    let Some(value) = params.get("routes") else { return Ok(None) };
    let Value::Object(routes) = value else {
        return Err(property("routes", "string value found, but an object is required"));
    };
    let read = |(to, hop): (&String, &Value)| {
        let address = to.split('/').next().unwrap_or_default();
        let hop = hop.as_str().filter(|hop| hop.parse::<Ipv4Addr>().is_ok())?;
        address.parse::<Ipv4Addr>().ok()?;
        Some((to.clone(), hop.to_owned()))
    };
    let routes = routes.iter().map(read).collect::<Option<_>>();
    routes.map(Some).ok_or_else(|| property("routes", "invalid route"))
}
