//! `/metrics` and `/healthz` over plain HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{HttpError, connections};

/// The media type of OpenMetrics text.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves a registry, bound to its address.
///
/// There is no authentication: the address decides who can read.
#[derive(Debug)]
pub struct MetricsServer {
    listener: TcpListener,
    registry: Arc<Registry>,
}

// === impl MetricsServer ===

impl MetricsServer {
    /// Binds.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub async fn bind(address: SocketAddr, registry: Arc<Registry>) -> Result<Self, HttpError> {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| HttpError::Bind { address, source })?;
        Ok(Self { listener, registry })
    }

    /// Where it listens; tells the port if that was left to the system.
    ///
    /// # Errors
    /// When the system does not know, which it does.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until told to stop.
    pub async fn serve(self, shutdown: CancellationToken) {
        let registry = self.registry;
        let router = Router::new()
            .route("/metrics", get(async move || text(&registry)))
            .route("/healthz", get(async || "ok"))
            .fallback(async || (StatusCode::NOT_FOUND, "404 page not found\n"));
        let token = shutdown.clone();
        let serve = |stream| connections::serve(stream, router.clone(), token.clone());
        connections::accept(self.listener, shutdown, serve).await;
    }
}

fn text(registry: &Registry) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "a metric could not be written\n").into_response()
        }
    }
}
