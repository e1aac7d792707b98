//! An API server in memory: the part of Kubernetes that the node talks to, and nothing more.
//!
//! It is a stand-in that can fail on demand and that knows everything that ever happened to its objects. What it does
//! follows the API conventions: one rising version, optimistic concurrency, watches from a version, graceful deletion.

mod answer;
mod faults;
mod merge;
mod refusal;
mod route;
mod store;
#[cfg(test)]
mod tests;
mod watch;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Instant;

pub use faults::KubeFault;
pub use route::Resource;
pub(crate) use route::{Asked, Verb, route};
pub(crate) use store::DeleteOrder;
pub use store::{Change, ChangeKind, text};

use crate::ticket::Tickets;
use faults::Faults;
use refusal::Refusal;
use store::Store;

/// Tells the API server's time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The API server; cloning gives another hand on the same one.
#[derive(Clone)]
pub struct ApiServer {
    inner: Arc<Inner>,
}

struct Inner {
    state: Mutex<State>,
    changed: Notify,
    clock: Clock,
}

struct State {
    store: Store,
    faults: Faults,
}

/// An act of somebody in the cluster was refused: a mistake in a script.
#[derive(Debug, thiserror::Error)]
#[error("the API server refused it with {code}: {message}")]
pub struct Refused {
    /// HTTP status.
    pub code: u16,
    /// In its words.
    pub message: String,
}

// === impl ApiServer ===

impl ApiServer {
    /// An empty one, whose faults are drawn from `seed`.
    #[must_use]
    pub fn new(seed: u64, clock: Clock, tickets: Tickets) -> Self {
        let state = State { store: Store::new(tickets), faults: Faults::new(seed) };
        let inner = Inner { state: Mutex::new(state), changed: Notify::new(), clock };
        Self { inner: Arc::new(inner) }
    }

    /// The way to it without a wire: for clients that nothing happens to.
    pub fn service<B>(
        &self,
    ) -> impl tower::Service<
        Request<B>,
        Response = Response<Body>,
        Error = io::Error,
        Future = BoxFuture<'static, io::Result<Response<Body>>>,
    > + Clone
    + Send
    + use<B>
    where
        B: axum::body::HttpBody<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let server = self.clone();
        tower::service_fn(move |request: Request<B>| -> BoxFuture<'static, _> {
            let server = server.clone();
            Box::pin(async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
                server.answer(Request::from_parts(parts, body)).await
            })
        })
    }

    /// Makes an object, as anybody but the node might.
    ///
    /// # Errors
    /// When there is one of that name.
    pub fn create(
        &self,
        resource: Resource,
        namespace: &str,
        object: Value,
    ) -> Result<Arc<Value>, Refused> {
        let now = self.now();
        let made = self.state().store.create(resource, namespace, object, now);
        self.inner.changed.notify_waiters();
        Ok(made?)
    }

    /// Changes an object by a JSON merge patch, as anybody but the node might.
    ///
    /// # Errors
    /// When there is none.
    pub fn edit(
        &self,
        resource: Resource,
        namespace: &str,
        name: &str,
        patch: &Value,
    ) -> Result<Arc<Value>, Refused> {
        let now = self.now();
        let kind = store::PatchKind::Merge;
        let edited = self.state().store.patch(resource, namespace, name, kind, patch, false, now);
        self.inner.changed.notify_waiters();
        Ok(edited?)
    }

    /// Deletes an object, as `kubectl delete --grace-period` does; `None` is the pod's own grace.
    ///
    /// # Errors
    /// When there is none.
    pub fn delete(
        &self,
        resource: Resource,
        namespace: &str,
        name: &str,
        grace: Option<i64>,
    ) -> Result<(), Refused> {
        let now = self.now();
        let order = DeleteOrder { grace, ..DeleteOrder::default() };
        let deleted = self.state().store.delete(resource, namespace, name, &order, now);
        self.inner.changed.notify_waiters();
        deleted?;
        Ok(())
    }

    /// An object as it is now.
    #[must_use]
    pub fn get(&self, resource: Resource, namespace: &str, name: &str) -> Option<Arc<Value>> {
        self.state().store.get(resource, namespace, name).cloned()
    }

    /// All objects of a kind as they are now, in the order of their names.
    #[must_use]
    pub fn list(&self, resource: Resource) -> Vec<Arc<Value>> {
        let state = self.state();
        state.store.list_at(resource, state.store.version())
    }

    /// Everything that ever happened to objects, oldest first.
    #[must_use]
    pub fn history(&self) -> Vec<Change> {
        self.state().store.since(0).to_vec()
    }

    /// What happened after a version.
    #[must_use]
    pub fn since(&self, version: u64) -> Vec<Change> {
        self.state().store.since(version).to_vec()
    }

    /// Sets a fault for some time; each request that it concerns is struck with this probability.
    pub fn fault(&self, kind: KubeFault, probability: f64, lasting: Duration) {
        let until = Instant::now() + lasting;
        let mut state = self.state();
        state.faults.set(kind, probability, until);
        if kind == KubeFault::Compaction {
            state.store.compact();
        }
        drop(state);
        // Those who watch notice.
        self.inner.changed.notify_waiters();
    }

    /// Takes all faults away.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
        self.inner.changed.notify_waiters();
    }

    /// How often each fault struck.
    #[must_use]
    pub fn struck(&self) -> std::collections::BTreeMap<KubeFault, u64> {
        self.state().faults.struck().clone()
    }

    fn now(&self) -> Timestamp {
        (self.inner.clock)()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { code: refusal.code, message: refusal.message }
    }
}
