//! Networks, and the addresses in use on them.

use std::net::Ipv4Addr;

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answer, Call, Reply, Route};
use crate::refusal::Refusal;
use crate::world::{IpRecord, Network, Pool, dns_suffixes, property};

/// The path of addresses calls the network `id`, so that nothing is loaded for it.
pub(super) const ROUTES: &[Route] = &[
    Route::get("/:account/networks", "ListNetworks", "networks", list),
    Route::get("/:account/networks/:network", "GetNetwork", "networks", get),
    Route::get("/:account/networks/:id/ips", "ListNetworkIPs", "networks", list_ips),
    Route::get("/:account/networks/:id/ips/:ip_address", "GetNetworkIP", "networks", get_ip),
    Route::put("/:account/networks/:id/ips/:ip_address", "UpdateNetworkIP", "networks", set_ip),
];

const IPS_LIMIT_MAX: u64 = 1000;

fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let fabric = call.params.bool("fabric");
    let wanted = |network: &&Network| fabric.is_none_or(|fabric| network.fabric == fabric);
    let pools = call.world.catalog.pools.iter();
    let pools = pools.filter(|_| fabric != Some(true)).map(Pool::to_json);
    let networks = call.world.usable_networks(call.account).filter(wanted);
    let networks = networks.map(|network| to_json(call, network));
    Ok(Answer::ok(pools.chain(networks).collect::<Vec<Value>>().into()))
}

fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let text = call.params.str("network").unwrap_or_default();
    let id: Uuid = text.parse().map_err(|_| not_found(text))?;
    if let Some(pool) = call.world.catalog.find_pool(id) {
        return Ok(Answer::ok(pool.to_json()));
    }
    Ok(Answer::ok(to_json(call, usable(call, id)?)))
}

/// On a network that is not the account's own only its own addresses show.
fn list_ips(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let network = network_of_ips(call)?;
    let number = |name: &str, default| match call.params.number(name) {
        None => Ok(default),
        Some(number) => number.map_err(|_| property(name, &format!("invalid {name}"))),
    };
    let (limit, offset) = (number("limit", IPS_LIMIT_MAX)?, number("offset", 0)?);
    if !(1..=IPS_LIMIT_MAX).contains(&limit) {
        let message =
            "invalid limit, must be an integer greater than 0 or less than or equal to 1000";
        return Err(property("limit", message));
    }
    let page = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let is_ours = network.owner == Some(call.account);
    let ips: Vec<Value> = call
        .world
        .addresses
        .records(network.id)
        .filter(|(_, record)| is_ours || owner_of(call, *record) == Some(call.account))
        .skip(page(offset))
        .take(page(limit))
        .map(|(ip, record)| ip_json(call, ip, record))
        .collect();
    let count = ips.len();
    Ok(Reply::json(200, ips.into())
        .header("x-query-limit", limit)
        .header("x-resource-count", count)
        .into())
}

fn get_ip(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let network = network_of_ips(call)?;
    let ip = ip_of(call, network)?;
    let record = call.world.addresses.record(network.id, ip);
    if network.owner.is_none() && owner_of(call, record) != Some(call.account) {
        return Err(not_found(&ip.to_string()));
    }
    Ok(Answer::ok(ip_json(call, ip, record)))
}

fn set_ip(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    if call.params.get("reserved").is_none() {
        let message = "reserved is a required argument";
        return Err(Refusal::new(409, "MissingParameter", message));
    }
    let reserved = call.params.bool("reserved");
    let reserved = reserved
        .ok_or_else(|| Refusal::invalid_argument("reserved must be set to true or false"))?;
    let network = network_of_ips(call)?;
    let id = network.id;
    if network.owner.is_none() {
        let message = format!("cannot update an IP on a public network: {id}");
        return Err(Refusal::invalid_argument(message));
    }
    let ip = ip_of(call, network)?;
    let record = call.world.addresses.record(id, ip);
    if record.managed {
        return Err(Refusal::invalid_argument(format!("cannot update managed IP: {ip}")));
    }
    if owner_of(call, record).is_some_and(|owner| owner != call.account) {
        let message = format!("IP {ip} on network {id} is in use by another account");
        return Err(Refusal::invalid_argument(message));
    }
    call.world.addresses.reserve(id, ip, reserved);
    Ok(Answer::ok(ip_json(call, ip, IpRecord { reserved, ..record })))
}

/// The network whose addresses are asked for.
fn network_of_ips<'a>(call: &'a Call<'_>) -> Result<&'a Network, Refusal> {
    let text = call.params.str("id").unwrap_or_default();
    let id: Uuid = text.parse().map_err(|_| not_found(text))?;
    if call.world.catalog.find_pool(id).is_some() {
        let message = format!("cannot get IPs in a network pool: {id}");
        return Err(Refusal::invalid_argument(message));
    }
    usable(call, id)
}

fn usable<'a>(call: &'a Call<'_>, id: Uuid) -> Result<&'a Network, Refusal> {
    let network = call.world.usable_networks(call.account).find(|network| network.id == id);
    network.ok_or_else(|| not_found(&id.to_string()))
}

fn ip_of(call: &Call<'_>, network: &Network) -> Result<Ipv4Addr, Refusal> {
    let text = call.params.str("ip_address").unwrap_or_default();
    let ip: Ipv4Addr =
        text.parse().map_err(|_| Refusal::not_found(format!("Invalid IP {text}")))?;
    if !call.world.addresses.subnet(network.id).contains(ip) {
        let message =
            format!("IP address {ip} is outside the subnet for given network {}", network.id);
        return Err(Refusal::not_found(message));
    }
    Ok(ip)
}

/// Whose instance has the address.
fn owner_of(call: &Call<'_>, record: IpRecord) -> Option<Uuid> {
    record.holder.and_then(|id| call.world.instances.get(&id)).map(|instance| instance.owner)
}

/// CloudAPI's address object; whose it is shows for what is not Triton's own.
fn ip_json(call: &Call<'_>, ip: Ipv4Addr, record: IpRecord) -> Value {
    let mut body = json!({ "ip": ip, "reserved": record.reserved, "managed": record.managed });
    if let (Some(holder), Some(owner)) = (record.holder, owner_of(call, record)) {
        body["owner_uuid"] = json!(owner);
        if owner == call.account {
            body["belongs_to_uuid"] = json!(holder);
        }
    }
    body
}

fn not_found(what: &str) -> Refusal {
    Refusal::not_found(format!("{what} not found"))
}

/// CloudAPI's network object.
pub(super) fn to_json(call: &Call<'_>, network: &Network) -> Value {
    let mut body = network.to_json(call.world.addresses.subnet(network.id));
    if call.account().is_ok_and(|account| account.cns_enabled) {
        body["suffixes"] = json!(dns_suffixes(call.account));
    }
    body
}
