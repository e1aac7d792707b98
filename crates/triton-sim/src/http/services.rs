//! `--ping`, the manual, services and datacenters.

use serde_json::{Map, Value, json};

use super::{Answer, Call, Reply, Route};
use crate::refusal::Refusal;
use crate::version::VERSIONS;

/// The datacenter that is simulated.
pub(crate) const DATACENTER: &str = "sim-1";

/// Where CMON is: names under `localhost` are loopback addresses for whoever follows RFC 6761, section 6.3.
pub(crate) const CMON_HOST: &str = "cmon.sim-1.localhost";

pub(super) const ROUTES: &[Route] = &[
    Route::get_only("/--ping", "ping", "ping", ping).unsigned(),
    Route::get_only("/", "docs", "docs", manual).unsigned(),
    Route::get_only("/docs", "docs", "docs", manual).unsigned(),
    Route::get_only("/docs/:page", "docs", "docs", manual).unsigned(),
    Route::get_only("/favicon.ico", "favicon", "docs", favicon).unsigned(),
    Route::get_only("/:account/services", "ListServices", "services", list_services),
    Route::get_only("/:account/datacenters", "ListDatacenters", "datacenter", list_datacenters),
    Route::get_only("/:account/datacenters/:dc", "GetDatacenter", "datacenter", get_datacenter),
    Route::get_only(
        "/:account/foreigndatacenters",
        "ListForeignDatacenters",
        "datacenter",
        foreign_datacenters,
    ),
    Route::post(
        "/:account/foreigndatacenters",
        "AddForeignDatacenter",
        "datacenter",
        foreign_datacenters,
    ),
];

const MANUAL: &str = "http://apidocs.tritondatacenter.com/cloudapi/";
const FAVICON: &str = "http://apidocs.tritondatacenter.com/favicon.ico";

fn ping(_: &mut Call<'_>) -> Result<Answer, Refusal> {
    let versions: Vec<String> = VERSIONS.iter().rev().map(ToString::to_string).collect();
    let body = json!({ "ping": "pong", "cloudapi": { "versions": versions } });
    Ok(Reply::json(200, body).header("triton-datacenter-name", DATACENTER).into())
}

fn manual(_: &mut Call<'_>) -> Result<Answer, Refusal> {
    Ok(Reply::empty(302).header("location", MANUAL).into())
}

fn favicon(_: &mut Call<'_>) -> Result<Answer, Refusal> {
    Ok(Reply::empty(302).header("location", FAVICON).into())
}

fn list_services(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let own = ("cloudapi".to_owned(), json!(url(call)));
    let others = call.world.catalog.services.iter();
    let others = others.map(|(name, url)| (name.clone(), json!(url)));
    let services: Map<String, Value> = [own].into_iter().chain(others).collect();
    Ok(Answer::ok(services.into()))
}

fn list_datacenters(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let own = (DATACENTER.to_owned(), json!(url(call)));
    let others = call.world.catalog.datacenters.iter();
    let others = others.map(|(name, url)| (name.clone(), json!(url)));
    let datacenters: Map<String, Value> = [own].into_iter().chain(others).collect();
    let reply = Reply::json(200, datacenters.into());
    Ok(reply.header("triton-datacenter-name", DATACENTER).into())
}

fn get_datacenter(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let name = call.params.str("dc").unwrap_or_default();
    let url = match call.world.catalog.datacenters.get(name) {
        Some(url) => url.clone(),
        None if name == DATACENTER => url(call),
        None => {
            return Err(Refusal::not_found(format!("{name} is not an available datacenter")));
        }
    };
    // The real one formats an empty text, which leaves a space before each value.
    let body = json!({ "code": "ResourceMoved", "message": format!(" {name} {url}") });
    Ok(Reply::json(302, body).header("location", url).into())
}

/// Only for operators, and for portals with a token, of which there are none. There are no foreign datacenters.
fn foreign_datacenters(call: &mut Call<'_>) -> Result<Answer, Refusal> {
    if !call.account()?.operator {
        let message = "method requires HTTP signature auth token delegated authorization";
        return Err(Refusal::new(403, "Forbidden", message));
    }
    Ok(Answer::ok(json!([])))
}

fn url(call: &Call<'_>) -> String {
    format!("{}://{}", call.scheme, call.host)
}
