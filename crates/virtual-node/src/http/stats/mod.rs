//! What pods use, in the two forms that are asked for: `/metrics/resource` and `/stats/summary`.

mod resource;
mod summary;

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{Uri, header};

use super::routes::{Served, not_here, trouble};

/// The media type of the Prometheus text format that kubelets speak.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `/metrics/resource`: what the metrics server reads.
pub(super) async fn resource(State(served): State<Arc<Served>>, uri: Uri) -> Response {
    let Some(usage) = &served.abilities.usage else { return not_here(uri).await };
    match usage.usage().await {
        Ok(usage) => ([(header::CONTENT_TYPE, TEXT)], resource::text(&usage)).into_response(),
        Err(error) => trouble(&error),
    }
}

/// `/stats/summary`: what came before it, and what many agents still read. It has nothing but processors and memory, so
/// `only_cpu_and_memory` asks for what it says anyway.
pub(super) async fn summary(State(served): State<Arc<Served>>, uri: Uri) -> Response {
    let Some(usage) = &served.abilities.usage else { return not_here(uri).await };
    match usage.usage().await {
        Ok(usage) => axum::Json(summary::json(&served.node, &usage)).into_response(),
        Err(error) => trouble(&error),
    }
}
