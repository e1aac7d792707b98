//! Networks and the addresses in use on them.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answer, Call, Reply, Route};
use crate::refusal::Refusal;
use crate::world::Network;

pub(super) const ROUTES: &[Route] = &[
    Route::get("/:account/networks", "ListNetworks", "networks", list),
    Route::get("/:account/networks/:network", "GetNetwork", "networks", get),
    Route::get("/:account/networks/:network/ips", "ListNetworkIPs", "networks", list_ips),
];

const IPS_LIMIT_MAX: u64 = 1000;

fn list(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let fabric = call.params.bool("fabric");
    let networks = call.world.catalog.networks.iter();
    let wanted = networks.filter(|network| fabric.is_none_or(|fabric| network.fabric == fabric));
    Ok(Answer::ok(wanted.map(|network| to_json(call, network)).collect::<Vec<Value>>().into()))
}

fn get(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    Ok(Answer::ok(to_json(call, network(call)?)))
}

fn list_ips(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let limit = call.params.number("limit").transpose()?.unwrap_or(IPS_LIMIT_MAX);
    let offset = call.params.number("offset").transpose()?.unwrap_or(0);
    if !(1..=IPS_LIMIT_MAX).contains(&limit) {
        return Err(Refusal::validation("limit", "Invalid", "limit must be between 1 and 1000"));
    }
    let page = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let used = call.world.addresses.used(network(call)?.id).skip(page(offset)).take(page(limit));
    let ips: Vec<Value> = used
        .map(|(ip, instance)| {
            let mut body = json!({ "ip": ip, "reserved": false, "managed": false });
            // Whose it is shows only to the owner.
            let instance = call.world.instances.get(&instance);
            if let Some(instance) = instance.filter(|instance| instance.owner == call.account) {
                body["owner_uuid"] = json!(instance.owner);
                body["belongs_to_uuid"] = json!(instance.id);
            }
            body
        })
        .collect();
    let count = ips.len();
    Ok(Reply::json(200, ips.into())
        .header("x-query-limit", limit)
        .header("x-resource-count", count)
        .into())
}

fn network<'a>(call: &'a Call<'_>) -> Result<&'a Network, Refusal> {
    let id = call.params.str("network").and_then(|id| id.parse::<Uuid>().ok());
    id.and_then(|id| call.world.catalog.find_network(id))
        .ok_or_else(|| Refusal::not_found("network not found"))
}

fn to_json(call: &Call<'_>, network: &Network) -> Value {
    network.to_json(call.world.addresses.subnet(network.id))
}
