//! What the kubelet's API answers.

use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use http::StatusCode;
use k8s_openapi::List;
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::guard::{Guard, guard};
use crate::pods::store::{Store, phase};

/// Paths that a kubelet has and this node does not.
const NOT_HERE: [&str; 14] = [
    "/containerLogs/{*rest}",
    "/exec/{*rest}",
    "/attach/{*rest}",
    "/portForward/{*rest}",
    "/run/{*rest}",
    "/checkpoint/{*rest}",
    "/logs/{*rest}",
    "/stats/summary",
    "/metrics",
    "/metrics/resource",
    "/metrics/cadvisor",
    "/metrics/probes",
    "/configz",
    "/debug/{*rest}",
];

/// All routes; only `/healthz` is open to everybody.
pub(crate) fn router(store: Arc<RwLock<Store>>, keeper: Arc<Guard>) -> Router {
    let mut guarded = Router::new()
        .route("/pods", get(pods))
        .route("/runningpods", get(async || Redirect::permanent("/runningpods/")))
        .route("/runningpods/", get(running_pods));
    for path in NOT_HERE {
        guarded = guarded.route(path, any(not_here));
    }
    let guarded = guarded
        .fallback(async || (StatusCode::NOT_FOUND, "404 page not found\n"))
        .with_state(store)
        .layer(axum::middleware::from_fn_with_state(keeper, guard));
    Router::new().route("/healthz", get(async || "ok")).fallback_service(guarded)
}

async fn pods(State(store): State<Arc<RwLock<Store>>>) -> Response {
    let pods = store.read().unwrap_or_else(PoisonError::into_inner).live();
    answer(pods.iter().map(|pod| (**pod).clone()).collect())
}

/// What runs, with no more than a runtime knows of it.
async fn running_pods(State(store): State<Arc<RwLock<Store>>>) -> Response {
    let pods = store.read().unwrap_or_else(PoisonError::into_inner).live();
    answer(pods.iter().filter(|pod| phase(pod) == "Running").map(|pod| bare(pod)).collect())
}

async fn not_here(uri: http::Uri) -> Response {
    let call = uri.path().split('/').nth(1).unwrap_or_default();
    let sentence = format!("this node does not implement `{call}`\n");
    (StatusCode::NOT_IMPLEMENTED, sentence).into_response()
}

fn answer(items: Vec<Pod>) -> Response {
    Json(List::<Pod> { items, ..List::default() }).into_response()
}

fn bare(pod: &Pod) -> Pod {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers).map(|container| Container {
        name: container.name.clone(),
        image: container.image.clone(),
        ..Container::default()
    });
    Pod {
        metadata: ObjectMeta {
            name: pod.metadata.name.clone(),
            namespace: pod.metadata.namespace.clone(),
            uid: pod.metadata.uid.clone(),
            ..ObjectMeta::default()
        },
        spec: Some(PodSpec { containers: containers.collect(), ..PodSpec::default() }),
        status: None,
    }
}
