//! The control API under `/--sim`: what a person or a script does to the simulator.

mod datacenter;
mod faults;
mod page;

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Query, Request, State as Shared};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use crate::delays::DelaysPatch;
use crate::requests::{RequestQuery, RequestRecord};
use crate::sim::Sim;
use crate::state_file::StateError;
use crate::world::ChangeRecord;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ReadOnlyRequest {
    until: Option<Timestamp>,
}

/// Which changes are wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ChangesQuery {
    /// Only those with a greater number.
    since: u64,
    /// Only of this resource.
    instance: Option<Uuid>,
    /// How long to wait for the first one.
    wait_ms: u64,
}

/// Who waits for a change is answered after this at the latest.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Its routes.
pub(crate) fn routes() -> Router<Sim> {
    faults::routes()
        .merge(page::routes())
        .route("/--sim/requests", get(requests))
        .route("/--sim/changes", get(changes))
        .route("/--sim/counts", get(async |Shared(sim): Shared<Sim>| Json(sim.counts())))
        .route("/--sim/counts/reset", post(reset_counts))
        .route("/--sim/save", post(save))
        .merge(datacenter::routes())
        .route(
            "/--sim/delays",
            get(async |Shared(sim): Shared<Sim>| Json(sim.delays())).put(set_delays),
        )
        .route("/--sim/clock", get(async |Shared(sim): Shared<Sim>| Json(clock(&sim))))
        .route("/--sim/clock/advance", post(advance))
        .route("/--sim/read-only", axum::routing::put(begin_read_only).delete(end_read_only))
        .layer(middleware::from_fn(refuse_other_origins))
}

/// Nobody needs a signature here, so a web page from elsewhere must not get a browser to ask in its place.
async fn refuse_other_origins(request: Request, next: Next) -> Response {
    if is_from_here(request.headers()) {
        return next.run(request).await;
    }
    refuse(StatusCode::FORBIDDEN, "the control API is not for other origins".to_owned())
}

/// Only browsers send an origin.
fn is_from_here(headers: &HeaderMap) -> bool {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    header(header::ORIGIN).is_none_or(|origin| {
        let host = origin.split_once("://").map(|(_, host)| host);
        host.is_some() && host == header(header::HOST)
    })
}

async fn requests(
    Shared(sim): Shared<Sim>,
    Query(query): Query<RequestQuery>,
) -> Json<Vec<RequestRecord>> {
    Json(sim.requests(&query))
}

async fn changes(
    Shared(sim): Shared<Sim>,
    Query(query): Query<ChangesQuery>,
) -> Json<Vec<ChangeRecord>> {
    let wait = Duration::from_millis(query.wait_ms).min(WAIT_MAX);
    let deadline = Instant::now() + wait;
    let mut told = sim.told();
    loop {
        let mut changes = sim.changes(query.since);
        changes.retain(|change| query.instance.is_none_or(|id| change.id == id));
        if !changes.is_empty() || Instant::now() >= deadline {
            return Json(changes);
        }
        sim.next_change(&mut told, deadline).await;
    }
}

/// Writing takes a while when there is much to write.
async fn save(Shared(sim): Shared<Sim>) -> Response {
    match tokio::task::spawn_blocking(move || sim.save_state()).await {
        Ok(Ok(())) => StatusCode::NO_CONTENT.into_response(),
        Ok(Err(error @ StateError::NoFile)) => refuse(StatusCode::CONFLICT, error.to_string()),
        Ok(Err(error)) => refuse(StatusCode::INTERNAL_SERVER_ERROR, chain(&error)),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

/// An error with what is behind it.
fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}

async fn reset_counts(Shared(sim): Shared<Sim>) -> StatusCode {
    sim.reset_counts();
    StatusCode::NO_CONTENT
}

async fn set_delays(Shared(sim): Shared<Sim>, body: Bytes) -> Response {
    match read::<DelaysPatch>(&body) {
        Ok(patch) => {
            sim.set_delays(sim.delays().patched(patch));
            Json(sim.delays()).into_response()
        }
        Err(message) => refuse(StatusCode::BAD_REQUEST, message),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AdvanceRequest {
    ms: u64,
}

fn clock(sim: &Sim) -> Value {
    json!({ "now": sim.now(), "virtual": sim.is_clock_virtual() })
}

async fn advance(Shared(sim): Shared<Sim>, body: Bytes) -> Response {
    match read::<AdvanceRequest>(&body) {
        Ok(request) if sim.advance(Duration::from_millis(request.ms)) => {
            Json(clock(&sim)).into_response()
        }
        Ok(_) => refuse(
            StatusCode::CONFLICT,
            "the clock runs by itself: start with --virtual-clock to advance it".to_owned(),
        ),
        Err(message) => refuse(StatusCode::BAD_REQUEST, message),
    }
}

async fn begin_read_only(Shared(sim): Shared<Sim>, body: Bytes) -> Response {
    match read::<ReadOnlyRequest>(&body) {
        Ok(request) => {
            sim.begin_read_only(request.until);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(message) => refuse(StatusCode::BAD_REQUEST, message),
    }
}

async fn end_read_only(Shared(sim): Shared<Sim>) -> StatusCode {
    sim.end_read_only();
    StatusCode::NO_CONTENT
}

/// JSON whatever its content type says, so that plain `curl -d` works; no body means the defaults.
fn read<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, String> {
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn refuse(status: StatusCode, message: String) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}
