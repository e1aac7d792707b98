//! What the kubelet's API answers.

use std::convert::Infallible;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get};
use http::{StatusCode, header};
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use prometheus_client::registry::Registry;

use super::guard::{Guard, guard};
use super::metrics;
use crate::api::chain;
use crate::pods::packed::PackedPod;
use crate::pods::store::Store;

/// Paths that a kubelet has and this node does not.
const NOT_HERE: [&str; 13] = [
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
    "/configz",
    "/debug/{*rest}",
];

/// All routes; only `/healthz` is open to everybody.
pub(crate) fn router(
    store: Arc<RwLock<Store>>,
    probe_metrics: Option<Arc<Registry>>,
    keeper: Arc<Guard>,
) -> Router {
    let mut guarded = Router::new()
        .route("/pods", get(pods))
        .route("/runningpods", get(async || Redirect::permanent("/runningpods/")))
        .route("/runningpods/", get(running_pods));
    guarded = match probe_metrics {
        Some(registry) => {
            guarded.route("/metrics/probes", get(async move || metrics::text(&registry)))
        }
        None => guarded.route("/metrics/probes", any(not_here)),
    };
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
    answer(pods, |pod| pod)
}

/// What runs, with no more than a runtime knows of it.
async fn running_pods(State(store): State<Arc<RwLock<Store>>>) -> Response {
    let pods = store.read().unwrap_or_else(PoisonError::into_inner).live();
    answer(pods.into_iter().filter(|pod| pod.phase() == "Running").collect(), |pod| bare(&pod))
}

async fn not_here(uri: http::Uri) -> Response {
    let call = uri.path().split('/').nth(1).unwrap_or_default();
    let sentence = format!("this node does not implement `{call}`\n");
    (StatusCode::NOT_IMPLEMENTED, sentence).into_response()
}

/// A PodList, one pod unpacked at a time: together they would take more room than all the rest of the process.
fn answer(pods: Vec<PackedPod>, show: fn(Pod) -> Pod) -> Response {
    let mut first = true;
    let items = pods.into_iter().filter_map(move |pod| {
        let pod = match pod.unpack() {
            Ok(pod) => show(pod),
            Err(error) => {
                tracing::warn!(error = chain(&error), "left a pod out of an answer");
                return None;
            }
        };
        let mut text = if std::mem::take(&mut first) { Vec::new() } else { b",".to_vec() };
        // A pod's types always serialise.
        serde_json::to_writer(&mut text, &pod).ok()?;
        Some(Bytes::from(text))
    });
    let head =
        Bytes::from_static(br#"{"kind":"PodList","apiVersion":"v1","metadata":{},"items":["#);
    let parts = [head].into_iter().chain(items).chain([Bytes::from_static(b"]}")]);
    let body = Body::from_stream(futures::stream::iter(parts.map(Ok::<_, Infallible>)));
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
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
