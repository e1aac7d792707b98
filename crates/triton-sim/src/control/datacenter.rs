//! Instances, compute nodes, limits, DNS: what an operator of the simulated datacenter looks at and does.

use axum::body::Bytes;
use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{read, refuse};
use crate::sim::Sim;
use crate::world::{Condition, Features, ProvisionLimit};

const DEEDS: &str = "destroy, stop, start, fail, rename, retag, readdress, migrate";

/// Its routes.
pub(super) fn routes() -> Router<Sim> {
    Router::new()
        .route("/--sim/instances", get(async |Shared(sim): Shared<Sim>| Json(sim.instances())))
        .route("/--sim/instances/{id}/{deed}", post(change_instance))
        .route("/--sim/volumes/{id}/fail", post(fail_volume))
        .route(
            "/--sim/compute-nodes",
            get(async |Shared(sim): Shared<Sim>| Json(sim.compute_nodes())),
        )
        .route("/--sim/compute-nodes/{id}", put(set_compute_node))
        .route("/--sim/accounts/{login}/limits", put(set_limits))
        .route(
            "/--sim/features",
            get(async |Shared(sim): Shared<Sim>| Json(sim.features())).put(set_features),
        )
        .route("/--sim/cns", get(async |Shared(sim): Shared<Sim>| Json(sim.cns_names())))
        .route("/--sim/cns/{name}", get(resolve))
}

/// What a deed needs to know.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Details {
    name: Option<String>,
    tags: Option<Map<String, Value>>,
}

async fn change_instance(
    Shared(sim): Shared<Sim>,
    Path((id, deed)): Path<(Uuid, String)>,
    body: Bytes,
) -> Response {
    let details: Details = match read(&body) {
        Ok(details) => details,
        Err(message) => return refuse(StatusCode::BAD_REQUEST, message),
    };
    let done = match (deed.as_str(), details) {
        ("destroy", _) => sim.destroy_behind_back(id),
        ("stop", _) => sim.stop_behind_back(id),
        ("start", _) => sim.start_behind_back(id),
        ("fail", _) => sim.fail_behind_back(id),
        ("rename", Details { name: Some(name), .. }) => sim.rename_behind_back(id, name),
        ("retag", Details { tags: Some(tags), .. }) => sim.retag_behind_back(id, tags),
        ("rename", _) => return refuse(StatusCode::BAD_REQUEST, "rename needs a name".to_owned()),
        ("retag", _) => return refuse(StatusCode::BAD_REQUEST, "retag needs tags".to_owned()),
        ("readdress", _) => sim.readdress_behind_back(id),
        ("migrate", _) => sim.migrate_behind_back(id),
        (other, _) => {
            return refuse(StatusCode::NOT_FOUND, format!("{other} is none of {DEEDS}"));
        }
    };
    match sim.instance(id) {
        Some(instance) if done => Json(instance).into_response(),
        _ => refuse(StatusCode::NOT_FOUND, format!("there is no instance {id}")),
    }
}

async fn fail_volume(Shared(sim): Shared<Sim>, Path(id): Path<Uuid>) -> Response {
    if sim.fail_volume_behind_back(id) {
        return StatusCode::NO_CONTENT.into_response();
    }
    refuse(StatusCode::NOT_FOUND, format!("there is no volume {id}"))
}

async fn set_compute_node(Shared(sim): Shared<Sim>, Path(id): Path<Uuid>, body: Bytes) -> Response {
    match read::<Condition>(&body) {
        Ok(condition) if sim.set_compute_node(id, condition) => {
            Json(sim.compute_nodes()).into_response()
        }
        Ok(_) => refuse(StatusCode::NOT_FOUND, format!("there is no compute node {id}")),
        Err(message) => refuse(StatusCode::BAD_REQUEST, message),
    }
}

async fn set_limits(Shared(sim): Shared<Sim>, Path(login): Path<String>, body: Bytes) -> Response {
    match read::<Vec<ProvisionLimit>>(&body) {
        Ok(limits) => match sim.set_limits(&login, limits) {
            true => StatusCode::NO_CONTENT.into_response(),
            false => refuse(StatusCode::NOT_FOUND, format!("there is no account {login}")),
        },
        Err(message) => refuse(StatusCode::BAD_REQUEST, message),
    }
}

async fn set_features(Shared(sim): Shared<Sim>, body: Bytes) -> Response {
    match read::<Features>(&body) {
        Ok(features) => {
            sim.set_features(features);
            Json(features).into_response()
        }
        Err(message) => refuse(StatusCode::BAD_REQUEST, message),
    }
}

async fn resolve(Shared(sim): Shared<Sim>, Path(name): Path<String>) -> Response {
    match sim.resolve(&name) {
        Some(resolved) => Json(resolved).into_response(),
        None => refuse(StatusCode::NOT_FOUND, format!("{name} has no records")),
    }
}
