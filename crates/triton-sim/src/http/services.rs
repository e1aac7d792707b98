//! `--ping`, services and datacenters.

use serde_json::json;

use super::{Answer, Call, Reply, Route};
use crate::refusal::Refusal;
use crate::version::VERSIONS;

/// The one datacenter there is.
pub(crate) const DATACENTER: &str = "sim-1";

/// Where CMON is: names under `localhost` are loopback addresses for whoever follows RFC 6761, section 6.3.
pub(crate) const CMON_HOST: &str = "cmon.sim-1.localhost";

pub(super) const ROUTES: &[Route] = &[
    Route::get_only("/--ping", "ping", "ping", ping).unsigned(),
    Route::get_only("/:account/services", "ListServices", "services", list_services),
    Route::get_only("/:account/datacenters", "ListDatacenters", "datacenter", list_datacenters),
    Route::get_only("/:account/datacenters/:dc", "GetDatacenter", "datacenter", get_datacenter),
];

fn ping(_: &mut Call<'_>) -> Result<Answer, Refusal> {
    let versions: Vec<String> = VERSIONS.iter().rev().map(ToString::to_string).collect();
    let body = json!({ "ping": "pong", "cloudapi": { "versions": versions } });
    Ok(Reply::json(200, body).header("triton-datacenter-name", DATACENTER).into())
}

fn list_services(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let mut services = call.world.services.clone();
    services.insert("cloudapi".to_owned(), url(call));
    Ok(Answer::ok(json!(services)))
}

fn list_datacenters(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let body = json!({ DATACENTER: url(call) });
    Ok(Reply::json(200, body).header("triton-datacenter-name", DATACENTER).into())
}

fn get_datacenter(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let name = call.params.str("dc").unwrap_or_default();
    if name != DATACENTER {
        return Err(Refusal::not_found(format!("datacenter {name} not found")));
    }
    let url = url(call);
    let body = json!({ "code": "ResourceMoved", "message": format!("{name} {url}") });
    Ok(Reply::json(302, body).header("location", url).into())
}

fn url(call: &Call<'_>) -> String {
    format!("{}://{}", call.scheme, call.host)
}
