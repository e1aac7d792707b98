//! Faults on the control API: one by name, or all at once.

use axum::body::Bytes;
use axum::extract::{Path, Query, State as Shared};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{read, refuse};
use crate::faults::{Fault, FaultKind, FaultScript, read_fault};
use crate::sim::Sim;

/// A fault that is set.
#[derive(Serialize)]
struct Shown {
    #[serde(rename = "fault")]
    kind: FaultKind,
    #[serde(flatten)]
    fault: Fault,
    struck: u32,
}

/// Which of the faults of one kind.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Which {
    endpoint: Option<String>,
}

pub(super) fn routes() -> Router<Sim> {
    Router::new()
        .route("/--sim/faults", get(list).put(replace).delete(clear_all))
        .route("/--sim/faults/{name}", get(list_one).put(set).delete(clear))
        .route(
            "/--sim/fault-kinds",
            get(async || Json(FaultKind::ALL.map(|kind| *kind.entry()).to_vec())),
        )
}

fn shown(sim: &Sim) -> Vec<Shown> {
    let faults = sim.faults().into_iter();
    faults.map(|(kind, fault, struck)| Shown { kind, fault, struck }).collect()
}

async fn list(Shared(sim): Shared<Sim>) -> Response {
    Json(shown(&sim)).into_response()
}

async fn replace(Shared(sim): Shared<Sim>, body: Bytes) -> Response {
    let script = std::str::from_utf8(&body)
        .map_err(|error| error.to_string())
        .and_then(|text| FaultScript::from_json(text).map_err(|error| error.to_string()));
    match script {
        Ok(script) => {
            sim.set_faults(script);
            Json(shown(&sim)).into_response()
        }
        Err(message) => refuse(StatusCode::BAD_REQUEST, message),
    }
}

async fn clear_all(Shared(sim): Shared<Sim>) -> StatusCode {
    sim.clear_faults();
    StatusCode::NO_CONTENT
}

async fn list_one(Shared(sim): Shared<Sim>, Path(name): Path<String>) -> Response {
    match name.parse::<FaultKind>() {
        Ok(kind) => {
            let mut faults = shown(&sim);
            faults.retain(|shown| shown.kind == kind);
            Json(faults).into_response()
        }
        Err(error) => refuse(StatusCode::NOT_FOUND, error.to_string()),
    }
}

async fn set(Shared(sim): Shared<Sim>, Path(name): Path<String>, body: Bytes) -> Response {
    let kind: FaultKind = match name.parse() {
        Ok(kind) => kind,
        Err(error) => return refuse(StatusCode::NOT_FOUND, error.to_string()),
    };
    let fault = read::<Map<String, Value>>(&body)
        .and_then(|object| read_fault(kind, &object).map_err(|error| error.to_string()));
    match fault {
        Ok(fault) => {
            sim.fault(kind, fault.clone());
            Json(Shown { kind, fault, struck: 0 }).into_response()
        }
        Err(message) => refuse(StatusCode::BAD_REQUEST, message),
    }
}

async fn clear(
    Shared(sim): Shared<Sim>,
    Path(name): Path<String>,
    Query(which): Query<Which>,
) -> Response {
    match (name.parse::<FaultKind>(), which.endpoint) {
        (Ok(kind), None) => {
            sim.clear_fault(kind);
            StatusCode::NO_CONTENT.into_response()
        }
        (Ok(kind), Some(endpoint)) => {
            sim.clear_fault_at(kind, &endpoint);
            StatusCode::NO_CONTENT.into_response()
        }
        (Err(error), _) => refuse(StatusCode::NOT_FOUND, error.to_string()),
    }
}
