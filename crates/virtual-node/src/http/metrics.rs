//! `/metrics` and `/healthz` over plain HTTP.

mod families;

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

/// All metrics of a registry.
pub(super) fn text(registry: &Registry) -> Response {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPENMETRICS)], families::joined(&text)).into_response(),
        Err(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "a metric could not be written\n").into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::metrics::Metrics;

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn metrics_of_node_and_caller_are_one_text() {
        let mut registry = Registry::with_prefix("vk_triton");
        let metrics = Metrics::register(&mut registry);
        let own = prometheus_client::metrics::counter::Counter::<u64>::default();
        registry.register("instances_created", "Instances that were created", own.clone());
        own.inc();
        metrics.node_ready(true);

        let server =
            MetricsServer::bind(([127, 0, 0, 1], 0).into(), Arc::new(registry)).await.unwrap();
        let address = server.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(server.serve(shutdown.clone()));

        let text = get(address, "/metrics").await;
        assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
        assert!(text.contains("content-type: application/openmetrics-text"), "{text}");
        assert!(text.contains("vk_triton_node_ready 1"), "{text}");
        assert!(text.contains("vk_triton_instances_created_total 1"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
        assert!(get(address, "/healthz").await.ends_with("ok"));
        assert!(get(address, "/pods").await.starts_with("HTTP/1.1 404"));

        shutdown.cancel();
        serving.await.unwrap();
    }
}
