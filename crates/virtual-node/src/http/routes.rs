//! What the kubelet's API answers.

use std::convert::Infallible;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{any, get};
use http::{StatusCode, header};
use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

use super::guard::{Guard, guard};
use super::{exec, logs, metrics, stats};
use crate::abilities::{Abilities, AbilityError};
use crate::api::chain;
use crate::pods::packed::PackedPod;
use crate::pods::store::Store;

/// Paths that a kubelet has and this node does not.
const NOT_HERE: [&str; 9] = [
    "/attach/{*rest}",
    "/portForward/{*rest}",
    "/run/{*rest}",
    "/checkpoint/{*rest}",
    "/logs/{*rest}",
    "/metrics",
    "/metrics/cadvisor",
    "/configz",
    "/debug/{*rest}",
];

/// What the routes answer from.
pub(crate) struct Served {
    /// The node's name.
    pub(crate) node: String,
    pub(crate) store: Arc<RwLock<Store>>,
    pub(crate) abilities: Abilities,
    /// What the provider's prober counts, if it has one.
    pub(crate) probe_metrics: Option<Arc<Registry>>,
    /// Cancelled when the server ends, and with it all sessions.
    pub(crate) sessions: CancellationToken,
}

/// All routes; only `/healthz` is open to everybody.
pub(crate) fn router(served: Arc<Served>, keeper: Arc<Guard>) -> Router {
    let mut guarded = Router::new()
        .route("/pods", get(pods))
        .route("/runningpods", get(async || Redirect::permanent("/runningpods/")))
        .route("/runningpods/", get(running_pods))
        .route("/containerLogs/{namespace}/{pod}/{container}", get(logs::logs))
        .route("/exec/{namespace}/{pod}/{container}", any(exec::exec))
        .route("/exec/{namespace}/{pod}/{uid}/{container}", any(exec::exec))
        .route("/stats/summary", get(stats::summary))
        .route("/metrics/resource", get(stats::resource))
        .route("/metrics/probes", get(probe_metrics));
    for path in NOT_HERE {
        guarded = guarded.route(path, any(not_here));
    }
    let guarded = guarded
        .fallback(async || (StatusCode::NOT_FOUND, "404 page not found\n"))
        .with_state(served)
        .layer(axum::middleware::from_fn_with_state(keeper, guard));
    Router::new().route("/healthz", get(async || "ok")).fallback_service(guarded)
}

// === impl Served ===

impl Served {
    /// The pod of this name, if the API server has one that can be read.
    pub(super) fn pod(&self, namespace: &str, name: &str) -> Option<Pod> {
        let packed = self.read().named(namespace, name)?;
        packed
            .unpack()
            .inspect_err(|error| tracing::warn!(error = chain(error), "could not read a pod"))
            .ok()
    }

    /// No await holds this lock.
    fn read(&self) -> RwLockReadGuard<'_, Store> {
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn pods(State(served): State<Arc<Served>>) -> Response {
    answer(served.read().live(), |pod| pod)
}

/// What runs, with no more than a runtime knows of it.
async fn running_pods(State(served): State<Arc<Served>>) -> Response {
    let pods = served.read().live();
    answer(pods.into_iter().filter(|pod| pod.phase() == "Running").collect(), |pod| bare(&pod))
}

/// What the kubelet's prober counts.
async fn probe_metrics(State(served): State<Arc<Served>>, uri: http::Uri) -> Response {
    match &served.probe_metrics {
        Some(registry) => metrics::text(registry),
        None => not_here(uri).await,
    }
}

/// What was asked for is not there, or not in the power of this node's provider.
pub(super) async fn not_here(uri: http::Uri) -> Response {
    let call = uri.path().split('/').nth(1).unwrap_or_default();
    let sentence = format!("this node does not implement `{call}`\n");
    (StatusCode::NOT_IMPLEMENTED, sentence).into_response()
}

/// A refusal in the provider's words.
pub(super) fn trouble(error: &AbilityError) -> Response {
    let code = match error {
        AbilityError::NotFound(_) => StatusCode::NOT_FOUND,
        AbilityError::Refused(_) => StatusCode::BAD_REQUEST,
        AbilityError::Failed { .. } => {
            tracing::warn!(error = chain(error), "the provider could not do what was asked of it");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    (code, error.to_string()).into_response()
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
