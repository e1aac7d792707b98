//! The fence round a client of the API server.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Method, Request};
use kube_client::client::ClientBuilder;
use kube_client::{Client, Config};
use tower::{BoxError, Layer, Service};

use super::Fence;

/// How long a connection to the API server may take: a change that was let through must not go out much later. The
/// right to act ends 5 s before anybody else may have it.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(4);

/// What is created only to be answered: questions about callers (TokenReview, SubjectAccessReview).
pub(super) const REVIEWS: [&str; 2] = [
    "/apis/authentication.k8s.io/v1/tokenreviews",
    "/apis/authorization.k8s.io/v1/subjectaccessreviews",
];

/// Puts the fence round a service that sends requests to the API server.
#[derive(Clone, Debug)]
pub struct FenceLayer(Fence);

/// A service that refuses everything but reads and reviews while the fence is closed, with [`super::Fenced`].
#[derive(Clone, Debug)]
pub struct FencedService<S> {
    service: S,
    fence: Fence,
}

/// A client for a process that acts for a node: every change asks the fence, at the last moment that a client knows.
///
/// kube-client's own retries are off: they come after the fence was asked and may wait for minutes. Passes, heartbeats
/// and watches repeat what failed by themselves.
///
/// # Errors
/// When the configuration makes no client (certificates, keys).
pub fn fenced_client(config: Config, fence: &Fence) -> Result<Client, kube_client::Error> {
    let builder = ClientBuilder::try_from(without_delays(config))?;
    Ok(builder.with_layer(&FenceLayer::new(fence)).build())
}

/// The configuration of a client that sends nothing long after it was asked to.
pub(super) fn without_delays(mut config: Config) -> Config {
    config.default_retry = false;
    let limit = config.connect_timeout.map_or(CONNECT_LIMIT, |limit| limit.min(CONNECT_LIMIT));
    config.connect_timeout = Some(limit);
    config
}

/// Whether a request changes anything that others can see.
pub(super) fn is_change(method: &Method, path: &str) -> bool {
    match *method {
        Method::GET | Method::HEAD => false,
        Method::POST => !REVIEWS.contains(&path),
        _ => true,
    }
}

// === impl FenceLayer ===

impl FenceLayer {
    /// A layer that asks this fence.
    #[must_use]
    pub fn new(fence: &Fence) -> Self {
        Self(fence.clone())
    }
}

impl<S> Layer<S> for FenceLayer {
    type Service = FencedService<S>;

    fn layer(&self, service: S) -> Self::Service {
        FencedService { service, fence: self.0.clone() }
    }
}

// === impl FencedService ===

impl<S, B> Service<Request<B>> for FencedService<S>
where
    S: Service<Request<B>>,
    S::Error: Into<BoxError>,
    S::Response: Send + 'static,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.service.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if is_change(request.method(), request.uri().path())
            && let Err(fenced) = self.fence.check()
        {
            return Box::pin(std::future::ready(Err(fenced.into())));
        }
        let sending = self.service.call(request);
        Box::pin(async move { sending.await.map_err(Into::into) })
    }
}
